//! When jobs are due: pure, with the offset of local time passed in.
//!
//! Time is counted in whole minutes since 1970, in UTC and locally; the difference is the offset at
//! that minute. A job whose hour is a certain one is due once for each local minute that it names: if
//! clocks leap over it, in the first minute thereafter; if it comes twice, the first time alone. Others
//! are due whenever the clock shows what they name, as in cron(8).

use lictor_core::config::CronConfig;

/// Minutes since 1970 in UTC.
pub(crate) type Minute = i64;

/// Clocks that are put further than this are believed to have been wrong, or to have slept.
const LARGEST_LEAP: i64 = 5;
/// The longest that clocks are put back or forward where people do so.
const LONGEST_SHIFT: i64 = 180;
const MINUTES_A_DAY: i64 = 24 * 60;

/// The offset of local time at a minute, in minutes.
pub(crate) trait Offsets: Fn(Minute) -> i64 {}
impl<F: Fn(Minute) -> i64> Offsets for F {}

/// What a clock on the wall and a calendar show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    minute: i64,
    hour: i64,
    day: i64,
    month: i64,
    weekday: i64,
}

/// The local minute by its number, as a calendar shows it.
fn shown(local: i64) -> Shown {
    let (days, of_day) = (
        local.div_euclid(MINUTES_A_DAY),
        local.rem_euclid(MINUTES_A_DAY),
    );
    // Howard Hinnant's "civil from days": years that begin in March, in eras of 400.
    let from_march = days + 719_468;
    let day_of_era = from_march.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    Shown {
        minute: of_day % 60,
        hour: of_day / 60,
        day: day_of_year - (153 * month + 2) / 5 + 1,
        month: if month < 10 { month + 3 } else { month - 9 },
        // The first of January 1970 was a Thursday.
        weekday: (days + 4).rem_euclid(7),
    }
}

/// Whether a field of a job names what is shown: -1 any, -N every N.
fn names(field: i32, value: i64) -> bool {
    match i64::from(field) {
        -1 => true,
        every if every < 0 => value % -every == 0,
        one => one == value,
    }
}

fn names_minute(job: &CronConfig, local: i64) -> bool {
    let now = shown(local);
    let day = names(job.day, now.day);
    let weekday = if job.weekday == 7 { 0 } else { job.weekday };
    let weekday = names(weekday, now.weekday);
    // As in crontab(5): where both are said, one of them is enough.
    let is_day = match (job.day, job.weekday) {
        (-1, _) | (_, -1) => day && weekday,
        _ => day || weekday,
    };
    names(job.minute, now.minute)
        && names(job.hour, now.hour)
        && names(job.month, now.month)
        && is_day
}

/// Whether a job is to be started at this minute.
pub(crate) fn is_due(job: &CronConfig, minute: Minute, offset: &impl Offsets) -> bool {
    let local = minute + offset(minute);
    if job.hour < 0 {
        return names_minute(job, local);
    }
    let before = minute - 1 + offset(minute - 1);
    let leap = local - before;
    if (2..=LONGEST_SHIFT).contains(&leap) {
        return (before + 1..=local).any(|skipped| names_minute(job, skipped));
    }
    names_minute(job, local) && !is_repeated(minute, offset)
}

/// Whether the clock showed the same before, because it was put back since.
fn is_repeated(minute: Minute, offset: &impl Offsets) -> bool {
    let put_back = offset(minute - LONGEST_SHIFT) - offset(minute);
    put_back > 0 && offset(minute - put_back) - offset(minute) == put_back
}

/// The first minute after this one at which one of the jobs is due, within a day.
pub(crate) fn next_due(
    jobs: &[&CronConfig],
    after: Minute,
    offset: &impl Offsets,
) -> Option<Minute> {
    (after + 1..=after + MINUTES_A_DAY)
        .find(|minute| jobs.iter().any(|job| is_due(job, *minute, offset)))
}

/// The minutes to be looked at now, and the last of them: each once, whatever the clock does.
pub(crate) fn passed(last: Minute, now: Minute) -> (std::ops::Range<Minute>, Minute) {
    match now - last {
        // Put back a little: what was done is not done again.
        back if (-LARGEST_LEAP..0).contains(&back) => (0..0, last),
        late if (0..=LARGEST_LEAP).contains(&late) => (last + 1..now + 1, now),
        // What was due meanwhile is not made up for.
        late if late > 0 => (now..now + 1, now),
        _ => (0..0, now),
    }
}

#[cfg(test)]
mod tests;
