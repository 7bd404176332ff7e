//! Jobs held against calendars: of ordinary days, of days when clocks are put, and of any.

use lictor_core::config::CronConfig;
use proptest::prelude::*;

use super::*;

fn job(times: [i32; 5]) -> CronConfig {
    let [minute, hour, day, month, weekday] = times;
    CronConfig {
        minute,
        hour,
        day,
        month,
        weekday,
        command: "true".to_owned(),
        is_unique: false,
        harakiri: None,
    }
}

/// Minutes of 2026-MONTH-DAY HOUR:MINUTE as if it were UTC.
fn at(month: i64, day: i64, hour: i64, minute: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let days = 20_454 + BEFORE[usize::try_from(month - 1).unwrap()] + day - 1;
    days * MINUTES_A_DAY + hour * 60 + minute
}

/// Berlin in 2026: from 29 March, 01:00 UTC, to 25 October, 01:00 UTC, two hours ahead, else one.
fn berlin(minute: Minute) -> i64 {
    let summer = at(3, 29, 1, 0)..at(10, 25, 1, 0);
    if summer.contains(&minute) { 120 } else { 60 }
}

fn utc(_: Minute) -> i64 {
    0
}

fn runs(job: &CronConfig, from: Minute, to: Minute, offset: &impl Offsets) -> Vec<Minute> {
    (from..to)
        .filter(|minute| is_due(job, *minute, offset))
        .collect()
}

#[test]
fn the_calendar_shows_what_it_should() {
    let thursday = Shown {
        minute: 0,
        hour: 0,
        day: 1,
        month: 1,
        weekday: 4,
    };
    assert_eq!(shown(0), thursday);
    let leap_day = Shown {
        minute: 59,
        hour: 23,
        day: 29,
        month: 2,
        weekday: 4,
    };
    // 2024-02-29 is day 19782.
    assert_eq!(shown(19_782 * MINUTES_A_DAY + 1439), leap_day);
    let sunday = Shown {
        minute: 7,
        hour: 6,
        day: 29,
        month: 3,
        weekday: 0,
    };
    assert_eq!(shown(at(3, 29, 6, 7)), sunday);
}

#[test]
fn fields_mean_what_they_mean_in_uwsgi() {
    let day = at(11, 23, 0, 0);
    for (times, expected) in [
        ([-1, -1, -1, -1, -1], 1440),
        ([-5, -1, -1, -1, -1], 288),
        ([0, -2, -1, -1, -1], 12),
        ([30, 4, -1, -1, -1], 1),
        ([0, 0, 23, 11, -1], 1),
        ([0, 0, 22, -1, -1], 0),
        // A Monday.
        ([0, 0, -1, -1, 1], 1),
        ([0, 0, -1, -1, 7], 0),
        // Day or weekday.
        ([0, 0, 5, -1, 1], 1),
        ([0, 0, 23, -1, 2], 1),
        ([0, 0, 5, -1, 2], 0),
    ] {
        let count = runs(&job(times), day, day + MINUTES_A_DAY, &utc).len();
        assert_eq!(count, expected, "{times:?}");
    }
    for weekday in [0, 7] {
        let sunday = at(11, 22, 0, 0);
        let sundays = runs(
            &job([0, 12, -1, -1, weekday]),
            sunday,
            sunday + 7 * 1440,
            &utc,
        );
        assert_eq!(sundays, [sunday + 720]);
    }
}

#[test]
fn a_skipped_time_is_made_up_for_and_a_repeated_one_is_not_run_twice() {
    let (spring, autumn) = (at(3, 28, 23, 0), at(10, 24, 22, 0));
    // Clocks go from 02:00 to 03:00.
    let skipped = runs(&job([30, 2, -1, -1, -1]), spring, spring + 1380, &berlin);
    assert_eq!(skipped, [at(3, 29, 1, 0)]);
    // Several skipped times of one job are made up for once.
    let skipped = runs(&job([-10, 2, -1, -1, -1]), spring, spring + 1380, &berlin);
    assert_eq!(skipped, [at(3, 29, 1, 0)]);
    // Clocks go from 03:00 to 02:00: 02:30 is 00:30 and 01:30 UTC.
    let repeated = runs(&job([30, 2, -1, -1, -1]), autumn, autumn + 1440, &berlin);
    assert_eq!(repeated, [at(10, 25, 0, 30)]);
    let afterwards = runs(&job([0, 3, -1, -1, -1]), autumn, autumn + 1440, &berlin);
    assert_eq!(afterwards, [at(10, 25, 2, 0)]);
    // What runs at any hour follows the clock.
    for day in [spring, autumn] {
        let half_hours = runs(&job([-30, -1, -1, -1, -1]), day, day + 600, &berlin);
        assert_eq!(half_hours.len(), 20);
    }
}

#[test]
fn the_next_is_found_within_a_day() {
    let (now, daily) = (at(11, 21, 6, 0), job([0, 5, -1, -1, -1]));
    let next = next_due(&[&daily], now, &utc);
    assert_eq!(next, Some(at(11, 22, 5, 0)));
    let next = next_due(&[&daily, &job([-1; 5])], now, &utc);
    assert_eq!(next, Some(now + 1));
    assert_eq!(next_due(&[&job([0, 0, 1, 1, -1])], now, &utc), None);
}

proptest! {
    /// However the master wakes, no minute is looked at twice, and none is left out while the clock
    /// goes as it should.
    #[test]
    fn each_minute_is_looked_at_once(steps in prop::collection::vec(-4_i64..5, 1..60)) {
        let (mut last, mut now, mut highest) = (1000, 1000, 1000);
        let mut seen = Vec::new();
        for step in steps {
            now = (now + step).clamp(highest - 4, highest + 5);
            highest = highest.max(now);
            let (minutes, next) = passed(last, now);
            seen.extend(minutes);
            last = next;
        }
        prop_assert_eq!(seen, (1001..=highest).collect::<Vec<_>>());
    }

    #[test]
    fn a_certain_time_comes_once_a_day_whatever_clocks_do(
        hour in 0..24, minute in 0..60, day in 0_i64..365, shift in -120_i64..=120, change in 0_i64..1440,
    ) {
        // Clocks are put once, at some moment of that day, as far as two hours.
        let noon = at(1, 1, 12, 0) + day * MINUTES_A_DAY;
        let offset = |minute: Minute| if minute < noon + change { 0 } else { shift };
        let job = job([minute, hour, -1, -1, -1]);
        // Three local days, so that each edge lies apart from the change.
        let count = runs(&job, noon - 1440, noon + 2 * 1440 + 1440 - shift, &offset).len();
        prop_assert_eq!(count, 4);
    }

    #[test]
    fn the_next_is_the_first_that_is_due(
        hour in -3..24, minute in -20..60, after in 0_i64..2880,
    ) {
        let (job, after) = (job([minute, hour, -1, -1, -1]), at(3, 28, 0, 0) + after);
        let next = next_due(&[&job], after, &berlin);
        let first = (after + 1..=after + 1440).find(|minute| is_due(&job, *minute, &berlin));
        prop_assert_eq!(next, first);
    }
}
