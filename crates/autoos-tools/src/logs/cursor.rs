//! Reading the parts of a time: numbers, names of months and days, times of day, offsets.
//!
//! Every method either takes what it names and moves on, or leaves the place as it is (numbers
//! that turn out too short excepted: callers give up then). Left out: which parts make a time
//! (`stamp`).

/// A byte that goes on a word or number.
pub(super) fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Where the reading of a time stands.
pub(super) struct Cursor<'a> {
    pub(super) b: &'a [u8],
    pub(super) at: usize,
}

impl Cursor<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.b.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.b[self.at.min(self.b.len())..]
    }

    pub(super) fn byte(&mut self, of: &[u8]) -> Option<u8> {
        let b = self.peek()?;
        of.contains(&b).then(|| {
            self.at += 1;
            b
        })
    }

    pub(super) fn spaces(&mut self) -> Option<()> {
        self.byte(b" ")?;
        while self.byte(b" ").is_some() {}
        Some(())
    }

    /// A number of `min` to `max` digits and how many it had.
    pub(super) fn number(&mut self, min: usize, max: usize) -> Option<(i64, usize)> {
        let (mut value, mut n) = (0i64, 0);
        while n < max {
            match self.peek() {
                Some(d) if d.is_ascii_digit() => {
                    value = value.wrapping_mul(10).wrapping_add(i64::from(d - b'0'));
                    self.at += 1;
                    n += 1;
                }
                _ => break,
            }
        }
        (n >= min).then_some((value, n))
    }

    /// `.747`, `,747` or `:606` as milliseconds; 0 where there is none.
    pub(super) fn fraction(&mut self) -> i64 {
        let mark = self.at;
        if self.byte(b".,:").is_some()
            && let Some((value, digits)) = self.number(1, 9)
        {
            return if digits <= 3 {
                value * [1000, 100, 10, 1][digits]
            } else {
                value / 10i64.pow(digits as u32 - 3)
            };
        }
        self.at = mark;
        0
    }

    /// `hh:mm:ss` with an optional fraction, in milliseconds.
    pub(super) fn time_of_day(&mut self, separators: &[u8]) -> Option<i64> {
        self.time_with(separators, 2)
    }

    /// The same where minutes and seconds may be unpadded: `0:5:3:120`.
    pub(super) fn loose_time_of_day(&mut self, separators: &[u8]) -> Option<i64> {
        self.time_with(separators, 1)
    }

    fn time_with(&mut self, separators: &[u8], least: usize) -> Option<i64> {
        let (h, _) = self.number(1, 2)?;
        let separator = self.byte(separators)?;
        let (m, _) = self.number(least, 2)?;
        self.byte(&[separator])?;
        let (s, _) = self.number(least, 2)?;
        if h > 23 || m > 59 || s > 60 {
            return None;
        }
        Some((h * 3600 + m * 60 + s) * 1000 + self.fraction())
    }

    /// `Z`, `+02:00`, ` +0200` or ` UTC`; minutes east, 0 where there is none.
    pub(super) fn offset(&mut self) -> i16 {
        let mark = self.at;
        if self.byte(b"Z").is_some() {
            return 0;
        }
        self.byte(b" ");
        if self.rest().starts_with(b"UTC") || self.rest().starts_with(b"GMT") {
            self.at += 3;
            return 0;
        }
        if let Some(sign) = self.byte(b"+-")
            && let Some((h, _)) = self.number(2, 2)
        {
            self.byte(b":");
            let minutes = self.number(2, 2).map(|(m, _)| h * 60 + m);
            if let Some(minutes) = minutes.filter(|m| *m <= 14 * 60)
                && !self.peek().is_some_and(is_word)
            {
                return (if sign == b'-' { -minutes } else { minutes }) as i16;
            }
        }
        self.at = mark;
        0
    }

    pub(super) fn weekday(&mut self) -> Option<()> {
        let name = self.rest().get(..3)?;
        [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"].iter().find(|d| **d == name)?;
        self.at += 3;
        Some(())
    }

    pub(super) fn month(&mut self) -> Option<i64> {
        const MONTHS: [&[u8; 3]; 12] = [
            b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
            b"Dec",
        ];
        let name = self.rest().get(..3)?;
        let month = MONTHS.iter().position(|m| *m == name)?;
        self.at += 3;
        Some(month as i64 + 1)
    }
}
