//! Points in time as the events carry them. Nothing here reads a clock.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds since the Unix epoch, as decided by the clock of the node that wrote the event.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment `ms` milliseconds later; saturates at the end of time.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; zero when the clock went back in between.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Timestamp {
    /// The length of a day of UTC, in milliseconds.
    pub const DAY_MS: u64 = 86_400_000;

    /// The length of an hour, in milliseconds.
    pub const HOUR_MS: u64 = 3_600_000;

    /// The full hour before.
    #[must_use]
    pub fn hour(self) -> Self {
        Self(self.0 - self.0 % Self::HOUR_MS)
    }

    /// The midnight before, in UTC.
    #[must_use]
    pub fn day(self) -> Self {
        Self(self.0 - self.0 % Self::DAY_MS)
    }

    /// The midnight that this month began with, in UTC.
    #[must_use]
    pub fn month(self) -> Self {
        let days = self.0 / Self::DAY_MS;
        let (_, _, day) = civil(days);
        Self((days + 1 - day) * Self::DAY_MS)
    }

    /// The midnight that the next month begins with, in UTC; saturates at the end of time.
    #[must_use]
    pub fn next_month(self) -> Self {
        // No month has more than 31 days, and none so few that this would skip one.
        self.month().plus_ms(31 * Self::DAY_MS).month()
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds, `2026-01-31T08:15:00.250Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil(days);
        let s = ms / 1000;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            s / 3600,
            s / 60 % 60,
            s % 60,
            ms % 1000
        )
    }
}

/// Year, month and day of a count of days since 1970-01-01 in the proleptic Gregorian calendar:
/// eras of 400 years, counted from 1 March so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_utc() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(951_826_155_250).to_string(), "2000-02-29T12:09:15.250Z");
        assert_eq!(Timestamp(1_767_225_599_999).to_string(), "2025-12-31T23:59:59.999Z");
    }

    #[test]
    fn days_and_months_begin_at_midnight() {
        let months = [
            (951_826_155_250, "2000-02-01", "2000-03-01"),
            (1_767_225_599_999, "2025-12-01", "2026-01-01"),
            (1_767_225_600_000, "2026-01-01", "2026-02-01"),
            (0, "1970-01-01", "1970-02-01"),
        ];
        for (at, month, next) in months {
            let at = Timestamp(at);
            assert_eq!(at.month().to_string(), format!("{month}T00:00:00.000Z"));
            assert_eq!(at.next_month().to_string(), format!("{next}T00:00:00.000Z"));
            assert_eq!(at.day().to_string()[..10], at.to_string()[..10]);
            assert_eq!(at.day().day(), at.day());
        }
    }

    #[test]
    fn survives_a_clock_that_goes_back() {
        assert_eq!(Timestamp(5).since_ms(Timestamp(9)), 0);
    }
}
