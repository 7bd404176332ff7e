//! A moment as logs write it, in UTC.

use std::fmt::Write;
use std::time::Duration;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment, taken apart.
pub(super) struct Moment {
    year: u64,
    /// From 1.
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    micros: u32,
    weekday: &'static str,
}

impl Moment {
    /// So long after the beginning of 1970.
    pub(super) fn at(since_1970: Duration) -> Self {
        let seconds = since_1970.as_secs();
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        Self {
            year,
            month,
            day,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            micros: since_1970.subsec_micros(),
            weekday: pick(&DAYS, days % 7),
        }
    }

    /// `20/Nov/2026:12:00:00 +0000`, as Apache.
    pub(super) fn push_apache(&self, line: &mut String) {
        let Self {
            year,
            day,
            hour,
            minute,
            second,
            ..
        } = self;
        let month = self.month_name();
        // Writing to a string cannot fail, here and below.
        let _infallible = write!(
            line,
            "{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000"
        );
    }

    /// `Fri Nov 20 12:00:00 2026`, as `ctime(3)`.
    pub(super) fn push_ctime(&self, line: &mut String) {
        let Self {
            year,
            day,
            hour,
            minute,
            second,
            weekday,
            ..
        } = self;
        let month = self.month_name();
        let _infallible = write!(
            line,
            "{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}"
        );
    }

    /// `2026-11-20T12:00:00.123456Z` (RFC 3339).
    pub(super) fn push_rfc3339(&self, line: &mut String) {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
            micros,
            ..
        } = self;
        let _infallible = write!(
            line,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        );
    }

    fn month_name(&self) -> &'static str {
        pick(&MONTHS, self.month - 1)
    }
}

fn pick(names: &[&'static str], index: u64) -> &'static str {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    names.get(index).copied().unwrap_or_default()
}

/// Year, month and day of a day since 1970, counted in years that begin in March, so that the leap
/// day is the last of its year (Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}
