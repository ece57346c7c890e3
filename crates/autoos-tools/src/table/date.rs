//! Dates and times as they are written in tables.
//!
//! What is written coarsely is a stretch: `2024-01` is all of January, so that "until 2024-01-31"
//! holds the whole of that day. A time without a zone counts as UTC. `31.12.2024` has its day first
//! wherever it is written with points. Left out: `03/04/2024`, which
//! is March to one and April to another, and guessing which.

/// A stretch of time, from its beginning to before its end, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// What a date can be rounded down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Year,
    Quarter,
    Month,
    /// From Monday, numbered as in ISO 8601.
    Week,
    Day,
    Weekday,
    Hour,
    Minute,
}

impl Unit {
    /// The words of all units.
    pub(crate) const NAMES: [&'static str; 8] =
        ["year", "quarter", "month", "week", "day", "weekday", "hour", "minute"];

    /// The unit of a word.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let units = [
            Self::Year,
            Self::Quarter,
            Self::Month,
            Self::Week,
            Self::Day,
            Self::Weekday,
            Self::Hour,
            Self::Minute,
        ];
        Self::NAMES.iter().zip(units).find(|(n, _)| **n == name).map(|(_, unit)| unit)
    }
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

impl Period {
    /// Reads `2024-01-31`, `2024/01/31`, `2024-01`, `2024-01-31 10:05[:30[.25]]` (also with `T` and
    /// a zone), `31.01.2024 [10:05]`, `31 Jan 2024`, `31-Jan-2024`, `Jan 31, 2024`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() < 7 || text.len() > 40 || !text.is_ascii() {
            return None;
        }
        numeric(text).or_else(|| pointed(text)).or_else(|| named(text))
    }

    /// The whole year of that number.
    pub(crate) fn year(year: i64) -> Option<Self> {
        (1000..=9999)
            .contains(&year)
            .then(|| Self { start: days(year, 1, 1) * DAY, end: days(year + 1, 1, 1) * DAY })
    }

    /// A moment as it is written: the day alone, or with its time.
    pub(crate) fn moment(micros: i64, day: bool) -> String {
        let whole = Self { start: micros, end: micros };
        let date = whole.name(Unit::Day);
        if day {
            return date;
        }
        let seconds = micros.rem_euclid(DAY) / SECOND;
        format!("{date} {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    /// The name of the `unit` that it begins in, such as `2024-01` for a month.
    pub(crate) fn name(self, unit: Unit) -> String {
        let whole = self.start.div_euclid(DAY);
        let (year, month, day) = civil(whole);
        let minute = self.start.rem_euclid(DAY) / (60 * SECOND);
        match unit {
            Unit::Year => format!("{year:04}"),
            Unit::Month => format!("{year:04}-{month:02}"),
            Unit::Day => format!("{year:04}-{month:02}-{day:02}"),
            Unit::Quarter => format!("{year:04}-Q{}", (month + 2) / 3),
            Unit::Week => {
                // A week belongs to the year of its Thursday.
                let thursday = whole - weekday(whole) + 3;
                let (year, ..) = civil(thursday);
                format!("{year:04}-W{:02}", (thursday - days(year, 1, 1)) / 7 + 1)
            }
            Unit::Weekday => {
                let names =
                    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
                let at = usize::try_from(weekday(whole)).unwrap_or_default();
                names[at.min(6)].to_owned()
            }
            Unit::Hour => format!("{year:04}-{month:02}-{day:02} {:02}:00", minute / 60),
            Unit::Minute => {
                format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
            }
        }
    }
}

fn numeric(text: &str) -> Option<Period> {
    let year: i64 = number(text.get(..4)?)?;
    let separator = text.as_bytes()[4];
    if !matches!(separator, b'-' | b'/') || year < 1000 {
        return None;
    }
    let month = number(text.get(5..7)?)?;
    if !(1..=12).contains(&month) {
        return None;
    }
    if text.len() == 7 {
        let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        return Some(Period {
            start: days(year, month, 1) * DAY,
            end: days(next_year, next, 1) * DAY,
        });
    }
    if text.as_bytes()[7] != separator {
        return None;
    }
    let day = date(year, month, number(text.get(8..10)?)?)?;
    match text.get(10..11) {
        None => Some(Period { start: day, end: day + DAY }),
        Some("T" | "t" | " ") => time(day, text.get(11..)?),
        Some(_) => None,
    }
}

/// `31.12.2024` and `1.2.2024 10:05`: the day stands first.
fn pointed(text: &str) -> Option<Period> {
    let (written, clock) = match text.split_once([' ', 'T']) {
        Some((written, clock)) => (written, Some(clock)),
        None => (text, None),
    };
    let parts: Vec<&str> = written.split('.').collect();
    let [day, month, year] = parts[..] else { return None };
    if day.len() > 2 || month.len() > 2 || year.len() != 4 {
        return None;
    }
    let month = number(month).filter(|month| (1..=12).contains(month))?;
    let day = date(number(year).filter(|year| *year >= 1000)?, month, number(day)?)?;
    clock.map_or(Some(Period { start: day, end: day + DAY }), |clock| time(day, clock))
}

fn time(day: i64, text: &str) -> Option<Period> {
    let text = text.trim();
    let at = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ',')));
    let (clock, zone) = text.split_at(at.unwrap_or(text.len()));
    let mut parts = clock.split(':');
    let (hour, minute): (i64, i64) = (number(parts.next()?)?, number(parts.next()?)?);
    let (second, micros, width) = match parts.next() {
        None => (0, 0, 60 * SECOND),
        Some(second) => seconds(second)?,
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let start = day + ((hour * 60 + minute) * 60 + second) * SECOND + micros - offset(zone.trim())?;
    Some(Period { start, end: start + width })
}

fn seconds(text: &str) -> Option<(i64, i64, i64)> {
    let Some((whole, fraction)) = text.split_once(['.', ',']) else {
        return Some((number(text)?, 0, SECOND));
    };
    let used = &fraction[..fraction.len().min(6)];
    let micros = number(used)? * 10_i64.pow(6 - u32::try_from(used.len()).ok()?);
    number(fraction.get(6..).filter(|rest| !rest.is_empty()).unwrap_or("0"))?;
    Some((number(whole)?, micros, 1))
}

/// How far a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") || zone.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let sign = match zone.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = zone[1..].replace(':', "");
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        _ => return None,
    };
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60 * SECOND)
}

/// `31 Jan 2024`, `31-Jan-2024` and `Jan 31, 2024`.
fn named(text: &str) -> Option<Period> {
    let parts: Vec<&str> =
        text.split([' ', ',', '-', '/']).filter(|part| !part.is_empty()).collect();
    let [first, second, year] = parts[..] else { return None };
    let (day, month) = match month(second) {
        Some(month) => (number(first)?, month),
        None => (number(second)?, month(first)?),
    };
    let year = number(year).filter(|year| *year >= 1000)?;
    let day = date(year, month, day)?;
    Some(Period { start: day, end: day + DAY })
}

fn month(name: &str) -> Option<i64> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let full = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let at = MONTHS.iter().position(|month| *month == name);
    let at = at.or_else(|| full.iter().position(|month| *month == name))?;
    i64::try_from(at + 1).ok()
}

fn number(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The beginning of a day, if there is one of that date.
fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let at = days(year, month, day);
    (day >= 1 && civil(at) == (year, month, day)).then_some(at * DAY)
}

/// Days since 1970-01-01 in the Gregorian calendar, counting years from March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// 0 for Monday; 1970-01-01 was a Thursday.
fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// The date of a day counted from 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_in_many_ways() {
        let day = Period::read("2024-02-29").expect("a leap day");
        assert_eq!(day.start, 1_709_164_800 * SECOND);
        for same in ["2024/02/29", "29 Feb 2024", "Feb 29, 2024", "29-feb-2024", "February 29 2024"]
        {
            assert_eq!(Period::read(same), Some(day), "{same}");
        }
        let noon = Period::read("2024-02-29T12:00:00Z").expect("noon").start;
        for same in [
            "2024-02-29 12:00",
            "2024-02-29T14:00:00+02:00",
            "2024-02-29 07:00:00.000 -0500",
            "2024-02-29 12:00:00,000",
            "2024-02-29 12:00:00 UTC",
        ] {
            assert_eq!(Period::read(same).map(|read| read.start), Some(noon), "{same}");
        }
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-1-1",
            "03/04/2024",
            "192.168.0.1",
            "1234567",
            "2024-01-01x",
            "2024-01-01 25:00",
            "2024-01-01 10",
            "12 monkeys 1995",
            "2024-01/02",
            "2024-01-01 10:00 EST",
        ] {
            assert_eq!(Period::read(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in (-200_000..200_000).step_by(7) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }

    #[test]
    fn names_and_stretches() {
        let read = Period::read("2024-12-31 23:59:59").expect("a time");
        assert_eq!(read.name(Unit::Year), "2024");
        assert_eq!(read.name(Unit::Month), "2024-12");
        assert_eq!(read.name(Unit::Day), "2024-12-31");
        assert_eq!(read.name(Unit::Hour), "2024-12-31 23:00");
        assert_eq!(read.name(Unit::Minute), "2024-12-31 23:59");
        assert_eq!(read.name(Unit::Quarter), "2024-Q4");
        assert_eq!(read.name(Unit::Week), "2025-W01");
        assert_eq!(read.name(Unit::Weekday), "Tuesday");
        let month = Period::read("2024-12").expect("a month");
        assert!(month.start < read.start && read.start < month.end);
        assert_eq!(month.end, Period::read("2025-01-01").expect("a day").start);
    }
}
