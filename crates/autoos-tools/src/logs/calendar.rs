//! Days and dates, and writing a computed time in the manner of a log.
//!
//! Left out: reading times (`stamp`).

use super::stamp::Kind;

/// Days from 1970-01-01 to the given day of the Gregorian calendar.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day counted from 1970-01-01.
fn civil(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z - era * 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let d = of_year - (153 * shifted + 2) / 5 + 1;
    let m = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(m <= 2), m, d)
}

/// Writes a computed time in the manner of the log: with the year only where the log has one.
pub(super) fn format(kind: Kind, ms: i64, offset_min: i16) -> String {
    if kind == Kind::Uptime {
        return format!("+{}.{:03} s", ms.div_euclid(1000), ms.rem_euclid(1000));
    }
    let local = ms + i64::from(offset_min) * 60_000;
    let (day, rest) = (local.div_euclid(86_400_000), local.rem_euclid(86_400_000) / 1000);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    let (y, m, d) = civil(day);
    match kind {
        Kind::Clock if day == 0 => clock,
        Kind::Clock => format!("day {} {clock}", day + 1),
        k if k.yearless() => format!("{m:02}-{d:02} {clock}"),
        Kind::Epoch => format!("{y:04}-{m:02}-{d:02}T{clock}Z"),
        _ => format!("{y:04}-{m:02}-{d:02}T{clock}"),
    }
}
