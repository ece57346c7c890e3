//! Sums that an answer writes out (`16 - 3 = 13`): do they come out as it says?
//!
//! Needs no evidence. A wrong sum is a sign, not a proof: figures may be rounded on the way, and
//! what stands before the first operator may belong to the sentence. What does not read as a sum
//! is passed over.

/// The sums of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Those that come out.
    pub right: usize,
    /// Those that do not.
    pub wrong: usize,
}

/// Sums may be off by this much, since cents and percents are rounded …
const CENT: f64 = 0.011;
/// … or by this part of them.
const ROUNDED: f64 = 0.006;
/// A sum is no longer than this, in characters.
const LONGEST: usize = 200;

/// Reads the sums of a text and does them again.
#[must_use]
pub fn sums(text: &str) -> Sums {
    let mut found = Sums::default();
    for (at, _) in text.match_indices('=') {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let Some(says) = figure(after) else { continue };
        let Some(is) = sum(before) else { continue };
        if (is - says).abs() <= CENT.max(is.abs() * ROUNDED) {
            found.right += 1;
        } else {
            found.wrong += 1;
        }
    }
    found
}

/// The figure that a text begins with.
fn figure(text: &str) -> Option<f64> {
    let text = text.trim_start_matches([' ', '$']);
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | ',')).unwrap_or(text.len());
    let digits = text[..end].trim_end_matches(['.', ',']).replace(',', "");
    digits.parse::<f64>().ok().map(|value| sign * value)
}

/// What the sum comes to that a text ends in.
fn sum(text: &str) -> Option<f64> {
    let part = |c: char| {
        matches!(
            c,
            '0'..='9' | '.' | ',' | '+' | '-' | '*' | '/' | 'x' | '×' | '(' | ')' | '$' | '%' | ' '
        )
    };
    let chars: Vec<char> = text.chars().rev().take(LONGEST).take_while(|c| part(*c)).collect();
    let chars: Vec<char> = chars.into_iter().rev().filter(|c| !matches!(c, '$' | ',')).collect();
    // What stands before the sum may be figures of the sentence: the longest end that reads as one.
    let begins = |at: &usize| {
        matches!(chars[*at], '0'..='9' | '(' | '-') && (*at == 0 || chars[*at - 1] == ' ')
    };
    (0..chars.len()).filter(begins).find_map(|start| {
        let mut reader = Reader { chars: &chars[start..], at: 0, operators: 0 };
        let value = reader.sum(0)?;
        reader.spaces();
        let whole = reader.at == reader.chars.len() && reader.operators > 0;
        (whole && value.is_finite()).then_some(value)
    })
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    operators: usize,
}

/// Brackets within brackets are read so deep.
const DEEPEST: usize = 16;

impl Reader<'_> {
    fn spaces(&mut self) {
        while self.chars.get(self.at) == Some(&' ') {
            self.at += 1;
        }
    }

    fn next(&mut self, of: &[char]) -> Option<char> {
        self.spaces();
        let c = *self.chars.get(self.at).filter(|c| of.contains(c))?;
        self.at += 1;
        Some(c)
    }

    fn sum(&mut self, deep: usize) -> Option<f64> {
        let mut value = self.product(deep)?;
        while let Some(operator) = self.next(&['+', '-']) {
            let other = self.product(deep)?;
            self.operators += 1;
            value += if operator == '+' { other } else { -other };
        }
        Some(value)
    }

    fn product(&mut self, deep: usize) -> Option<f64> {
        let mut value = self.factor(deep)?;
        while let Some(operator) = self.next(&['*', '/', 'x', '×']) {
            let other = self.factor(deep)?;
            self.operators += 1;
            value = if operator == '/' { value / other } else { value * other };
        }
        Some(value)
    }

    fn factor(&mut self, deep: usize) -> Option<f64> {
        let sign = if self.next(&['-']).is_some() { -1.0 } else { 1.0 };
        let value = if self.next(&['(']).is_some() {
            let value = (deep < DEEPEST).then(|| self.sum(deep + 1))??;
            self.next(&[')'])?;
            value
        } else {
            self.number()?
        };
        let percent = if self.next(&['%']).is_some() { 0.01 } else { 1.0 };
        Some(sign * value * percent)
    }

    fn number(&mut self) -> Option<f64> {
        self.spaces();
        let digits: String =
            self.chars[self.at..].iter().take_while(|c| c.is_ascii_digit() || **c == '.').collect();
        self.at += digits.len();
        digits.trim_end_matches('.').parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_done_again() {
        for (text, right, wrong) in [
            ("She has 16 - 3 = 13 eggs and makes 13 * 2 = $26.", 2, 0),
            ("so <<16-3=13>>13 and 4 x 5 = 21", 1, 1),
            ("(2 + 3) × 4 = 20, 20 / 3 = 6.67, 10% * 50 = 5", 3, 0),
            ("it costs $1,200 + $300 = $1,500", 1, 0),
            ("-2 + 5 = 3", 1, 0),
            ("of 20 3 + 4 = 7", 1, 0),
            ("x = 5 and max = 7 and a == b", 0, 0),
            ("1 / 0 = 3", 0, 0),
            ("(((((((((((((((((((1 + 1 = 2", 0, 0),
            ("7 + 8 = 16", 0, 1),
            ("", 0, 0),
        ] {
            assert_eq!(sums(text), Sums { right, wrong }, "{text}");
        }
    }
}
