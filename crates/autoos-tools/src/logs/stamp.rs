//! Timestamps: recognising the many ways in which logs write a time, and reading them.
//!
//! A stamp is recognised where it begins, by its shape and the ranges of its parts, so that an
//! identifier of digits is not taken for a date. Left out: time zones by name; a stamp with a
//! numeric offset is read as UTC and keeps the offset, any other is taken as it stands.

use super::calendar::days;
pub(super) use super::calendar::format;
use super::cursor::{Cursor, is_word};

/// The shape of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// `2015-07-29 17:41:44,747`, also with `/` or `.`, `T` or `-` between.
    Iso,
    /// `2005.06.03`, no time of day.
    Date,
    /// `20171223-22:15:29:606`.
    Compact,
    /// `081109 203615`.
    SixSix,
    /// `17/06/09 20:10:40`.
    ShortYear,
    /// `06/09/2017 20:10:40` or `09.06.2017 20:10:40`.
    YearLast,
    /// `Jun 14 15:16:01`, with or without weekday; no year.
    Month,
    /// `Sun Dec 04 04:47:44 2005`.
    MonthYear,
    /// `10/Oct/2000:13:55:36 -0700`.
    DayMonthYear,
    /// `03-17 16:13:38.811`; no year.
    MonthDay,
    /// `E0102 15:04:05.123456`: a level's letter before month and day.
    Glog,
    /// Seconds, milliseconds, microseconds or nanoseconds since 1970.
    Epoch,
    /// `17:41:44.747`: time of day alone.
    Clock,
    /// `[   12.345678]`: seconds since start.
    Uptime,
}

impl Kind {
    /// What the report calls this shape.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Iso => "YYYY-MM-DD hh:mm:ss",
            Kind::Date => "YYYY-MM-DD",
            Kind::Compact => "YYYYMMDD hh:mm:ss",
            Kind::SixSix => "YYMMDD hhmmss",
            Kind::ShortYear => "YY/MM/DD hh:mm:ss",
            Kind::YearLast => "DD/MM/YYYY hh:mm:ss",
            Kind::Month => "Mon DD hh:mm:ss",
            Kind::MonthYear => "Mon DD hh:mm:ss YYYY",
            Kind::DayMonthYear => "DD/Mon/YYYY:hh:mm:ss",
            Kind::MonthDay => "MM-DD hh:mm:ss",
            Kind::Glog => "LMMDD hh:mm:ss",
            Kind::Epoch => "epoch",
            Kind::Clock => "hh:mm:ss",
            Kind::Uptime => "seconds since start",
        }
    }

    /// Whether stamps of this shape lack a year, so that they run from January again.
    pub(super) fn yearless(self) -> bool {
        matches!(self, Kind::Month | Kind::MonthDay | Kind::Glog)
    }

    /// How much such a stamp says, for choosing among several on one line.
    pub(super) fn rank(self) -> u8 {
        match self {
            Kind::Date => 0,
            Kind::Uptime | Kind::Clock => 1,
            Kind::Epoch | Kind::Month | Kind::MonthDay => 2,
            _ => 3,
        }
    }
}

/// A recognised timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Its shape.
    pub(super) kind: Kind,
    /// Milliseconds since 1970 (UTC where the offset is known); for yearless shapes in 1972, for
    /// [`Kind::Clock`] since midnight, for [`Kind::Uptime`] since start.
    pub(super) ms: i64,
    /// Minutes east of UTC, where the stamp says so.
    pub(super) offset_min: i16,
    /// Bytes taken.
    pub(super) len: usize,
}

/// The timestamp that begins at the first byte of `b`.
pub(super) fn at(b: &[u8]) -> Option<Stamp> {
    let first = *b.first()?;
    let found = if first.is_ascii_digit() {
        digits_first(b)
    } else if first.is_ascii_uppercase() {
        letters_first(b)
    } else {
        None
    }?;
    // A stamp ends at a boundary: more digits or letters mean that this is something else.
    match b.get(found.len) {
        Some(next) if next.is_ascii_alphanumeric() => None,
        _ => Some(found),
    }
}

/// `[   12.345678]` at the first byte of `b`.
pub(super) fn uptime(b: &[u8]) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    c.byte(b"[")?;
    while c.byte(b" ").is_some() {}
    let (seconds, digits) = c.number(1, 9)?;
    c.byte(b".")?;
    let (fraction, places) = c.number(6, 6)?;
    c.byte(b"]")?;
    let _ = (digits, places);
    Some(Stamp {
        kind: Kind::Uptime,
        ms: seconds * 1000 + fraction / 1000,
        offset_min: 0,
        len: c.at,
    })
}

fn digits_first(b: &[u8]) -> Option<Stamp> {
    let run = b.iter().take_while(|c| c.is_ascii_digit()).count();
    let next = b.get(run).copied().unwrap_or(b' ');
    match (run, next) {
        (4, b'-' | b'/' | b'.') => iso(b),
        (8, b'-' | b' ' | b'T' | b'_') => compact(b),
        (6, b' ') => six_six(b),
        (2, b':') => clock(b),
        (1 | 2, b'/' | b'-' | b'.' | b' ') => day_month_name(b)
            .or_else(|| year_last(b))
            .or_else(|| short_year(b))
            .or_else(|| month_day(b)),
        (10 | 13 | 16 | 19, _) => epoch(b, run),
        _ => None,
    }
}

fn letters_first(b: &[u8]) -> Option<Stamp> {
    if b.get(1).is_some_and(u8::is_ascii_digit) {
        return glog(b);
    }
    let mut c = Cursor { b, at: 0 };
    if c.weekday().is_some() {
        c.byte(b",");
        c.spaces()?;
        // `Sun, 04 Dec 2005 04:47:44`
        if c.peek().is_some_and(|p| p.is_ascii_digit()) {
            let inner = day_month_name(&b[c.at..])?;
            return Some(Stamp { len: inner.len + c.at, ..inner });
        }
    }
    let month = c.month()?;
    c.spaces()?;
    let (day, _) = c.number(1, 2)?;
    c.byte(b",");
    c.spaces()?;
    let (mut year, mut kind) = (1972, Kind::Month);
    let mark = c.at;
    if let (Some((y, _)), Some(())) = (c.number(4, 4), c.spaces()) {
        (year, kind) = (y, Kind::MonthYear);
    } else {
        c.at = mark;
    }
    let time = c.time_of_day(b":")?;
    if kind == Kind::Month {
        let mark = c.at;
        // A year may follow, after a zone's name at most.
        if c.spaces().is_some() && c.peek().is_some_and(|p| p.is_ascii_uppercase()) {
            while c.peek().is_some_and(|p| p.is_ascii_uppercase()) {
                c.at += 1;
            }
            c.spaces();
        }
        match c.number(4, 4) {
            Some((y, _)) if (1970..2100).contains(&y) && !c.peek().is_some_and(is_word) => {
                (year, kind) = (y, Kind::MonthYear);
            }
            _ => c.at = mark,
        }
    }
    stamp(kind, year, month, day, time, 0, c.at)
}

fn iso(b: &[u8]) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    let (year, _) = c.number(4, 4)?;
    if !(1970..2100).contains(&year) {
        return None;
    }
    let separator = c.peek()?;
    c.at += 1;
    let (month, _) = c.number(1, 2)?;
    c.byte(&[separator])?;
    let (day, _) = c.number(1, 2)?;
    let date_end = c.at;
    let Some((time, offset)) = iso_time(&mut c) else {
        return stamp(Kind::Date, year, month, day, 0, 0, date_end);
    };
    stamp(Kind::Iso, year, month, day, time, offset, c.at)
}

fn iso_time(c: &mut Cursor<'_>) -> Option<(i64, i16)> {
    c.byte(b" T-_:")?;
    while c.byte(b" ").is_some() {}
    let time = c.time_of_day(b":.")?;
    Some((time, c.offset()))
}

fn compact(b: &[u8]) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    let (date, _) = c.number(8, 8)?;
    c.byte(b"- T_")?;
    let mark = c.at;
    let time = match c.loose_time_of_day(b":") {
        Some(time) => time,
        None => {
            c.at = mark;
            let (packed, _) = c.number(6, 6)?;
            (packed / 10_000 * 3600 + packed / 100 % 100 * 60 + packed % 100) * 1000 + c.fraction()
        }
    };
    let offset = c.offset();
    (1970..2100).contains(&(date / 10_000)).then_some(())?;
    stamp(Kind::Compact, date / 10_000, date / 100 % 100, date % 100, time, offset, c.at)
}

fn six_six(b: &[u8]) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    let (date, _) = c.number(6, 6)?;
    c.byte(b" ")?;
    let (time, _) = c.number(6, 6)?;
    let (h, m, s) = (time / 10_000, time / 100 % 100, time % 100);
    if h > 23 || m > 59 || s > 60 {
        return None;
    }
    let ms = (h * 3600 + m * 60 + s) * 1000;
    stamp(Kind::SixSix, 2000 + date / 10_000, date / 100 % 100, date % 100, ms, 0, c.at)
}

fn clock(b: &[u8]) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    let ms = c.time_of_day(b":")?;
    Some(Stamp { kind: Kind::Clock, ms, offset_min: 0, len: c.at })
}

/// `10/Oct/2000:13:55:36 -0700`, `10-Oct-2000 13:55:36`, `10 Oct 2000 13:55:36`.
fn day_month_name(b: &[u8]) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    let (day, _) = c.number(1, 2)?;
    c.byte(b"/- ")?;
    let month = c.month()?;
    c.byte(b"/- ")?;
    let (year, _) = c.number(4, 4)?;
    c.byte(b": T")?;
    let time = c.time_of_day(b":")?;
    let offset = c.offset();
    stamp(Kind::DayMonthYear, year, month, day, time, offset, c.at)
}

fn year_last(b: &[u8]) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    let (first, _) = c.number(1, 2)?;
    let separator = c.byte(b"/.-")?;
    let (second, _) = c.number(1, 2)?;
    c.byte(&[separator])?;
    let (year, _) = c.number(4, 4)?;
    c.byte(b",");
    c.byte(b" T-")?;
    let mut time = c.time_of_day(b":")?;
    let mark = c.at;
    if c.byte(b" ").is_some() && matches!(c.rest(), [b'A' | b'P', b'M', ..]) {
        if c.peek() == Some(b'P') && time < 43_200_000 {
            time += 43_200_000;
        }
        c.at += 2;
    } else {
        c.at = mark;
    }
    // With slashes the month usually leads, unless that is no month; with dots the day does.
    let month_first = separator == b'/' && first <= 12;
    let (month, day) = if month_first { (first, second) } else { (second, first) };
    stamp(Kind::YearLast, year, month, day, time, 0, c.at)
}

fn short_year(b: &[u8]) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    let (year, _) = c.number(2, 2)?;
    let separator = c.byte(b"/-.")?;
    let (month, _) = c.number(2, 2)?;
    c.byte(&[separator])?;
    let (day, _) = c.number(2, 2)?;
    c.byte(b" T")?;
    let time = c.time_of_day(b":")?;
    stamp(Kind::ShortYear, 2000 + year, month, day, time, 0, c.at)
}

fn month_day(b: &[u8]) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    let (month, _) = c.number(2, 2)?;
    c.byte(b"-./")?;
    let (day, _) = c.number(2, 2)?;
    c.spaces()?;
    let time = c.time_of_day(b":")?;
    stamp(Kind::MonthDay, 1972, month, day, time, 0, c.at)
}

fn glog(b: &[u8]) -> Option<Stamp> {
    super::level::Severity::of_letter(b[0])?;
    let mut c = Cursor { b, at: 1 };
    let (date, _) = c.number(4, 4)?;
    c.byte(b" ")?;
    let time = c.time_of_day(b":")?;
    stamp(Kind::Glog, 1972, date / 100, date % 100, time, 0, c.at)
}

fn epoch(b: &[u8], run: usize) -> Option<Stamp> {
    let mut c = Cursor { b, at: 0 };
    let (value, _) = c.number(run, run)?;
    let ms = match run {
        10 => value * 1000 + c.fraction(),
        13 => value,
        16 => value / 1000,
        _ => value / 1_000_000,
    };
    // 1990 to 2100: other numbers of that length are identifiers.
    (631_152_000_000..4_102_444_800_000).contains(&ms).then_some(())?;
    if c.peek().is_some_and(|p| is_word(p) || matches!(p, b'.' | b'-' | b':' | b'/' | b'=' | b'#'))
    {
        return None;
    }
    Some(Stamp { kind: Kind::Epoch, ms, offset_min: 0, len: c.at })
}

fn stamp(kind: Kind, y: i64, m: i64, d: i64, time: i64, offset: i16, len: usize) -> Option<Stamp> {
    if !(1..=12).contains(&m) || !(1..=31).contains(&d) {
        return None;
    }
    let ms = days(y, m, d) * 86_400_000 + time - i64::from(offset) * 60_000;
    Some(Stamp { kind, ms, offset_min: offset, len })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Kind, usize, String) {
        let stamp = at(text.as_bytes()).unwrap_or_else(|| panic!("no stamp in {text:?}"));
        (stamp.kind, stamp.len, format(stamp.kind, stamp.ms, stamp.offset_min))
    }

    #[test]
    fn every_shape_is_read() {
        for (text, kind, len, shown) in [
            ("2015-07-29 17:41:44,747 - INFO", Kind::Iso, 23, "2015-07-29T17:41:44"),
            ("2005-06-03-15.42.50.675872 R02", Kind::Iso, 26, "2005-06-03T15:42:50"),
            ("2024-02-29T23:59:59.5+02:00 x", Kind::Iso, 27, "2024-02-29T23:59:59"),
            ("2024/03/01 10:00:00 [error]", Kind::Iso, 19, "2024-03-01T10:00:00"),
            ("2005.06.03 R02", Kind::Date, 10, "2005-06-03T00:00:00"),
            ("20171223-22:15:29:606|Step", Kind::Compact, 21, "2017-12-23T22:15:29"),
            ("20171224-0:5:3:225|Step", Kind::Compact, 18, "2017-12-24T00:05:03"),
            ("20171223T221529Z x", Kind::Compact, 16, "2017-12-23T22:15:29"),
            ("081109 203615 148 INFO", Kind::SixSix, 13, "2008-11-09T20:36:15"),
            ("17/06/09 20:10:40 INFO", Kind::ShortYear, 17, "2017-06-09T20:10:40"),
            ("06/09/2017 08:10:40 PM x", Kind::YearLast, 22, "2017-06-09T20:10:40"),
            ("21.04.2023 20:10:40 x", Kind::YearLast, 19, "2023-04-21T20:10:40"),
            ("Jun 14 15:16:01 combo", Kind::Month, 15, "06-14 15:16:01"),
            ("Jul  1 09:00:55 host", Kind::Month, 15, "07-01 09:00:55"),
            ("Sun Dec 04 04:47:44 2005]", Kind::MonthYear, 24, "2005-12-04T04:47:44"),
            ("Fri Jun 17 07:07:00 2005", Kind::MonthYear, 24, "2005-06-17T07:07:00"),
            ("10/Oct/2000:13:55:36 -0700]", Kind::DayMonthYear, 26, "2000-10-10T13:55:36"),
            ("03-17 16:13:38.811  1702", Kind::MonthDay, 18, "03-17 16:13:38"),
            ("10.30 16:49:06] chrome", Kind::MonthDay, 14, "10-30 16:49:06"),
            ("E0102 15:04:05.123456 7", Kind::Glog, 21, "01-02 15:04:05"),
            ("1117838570 2005", Kind::Epoch, 10, "2005-06-03T22:42:50Z"),
            ("1700000000123 x", Kind::Epoch, 13, "2023-11-14T22:13:20Z"),
            ("17:41:44.747 x", Kind::Clock, 12, "17:41:44"),
        ] {
            assert_eq!(read(text), (kind, len, shown.to_owned()), "{text}");
        }
        let up = uptime(b"[   12.345678] usb").expect("an uptime");
        assert_eq!((up.ms, up.len), (12_345, 14));
    }

    #[test]
    fn what_only_looks_like_a_time_is_none() {
        for text in [
            "1234567890123456789012 x",
            "2015-13-45 10:00:00",
            "10.250.19.102:54106",
            "99:99:99",
            "Mayday call",
            "E2345 thing",
            "1117838570.jpg",
            "123 456",
        ] {
            assert_eq!(at(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn offsets_are_taken_off() {
        let east = at(b"2024-01-01T12:00:00+02:00").expect("a stamp");
        let utc = at(b"2024-01-01T10:00:00Z").expect("a stamp");
        assert_eq!(east.ms, utc.ms);
    }
}
