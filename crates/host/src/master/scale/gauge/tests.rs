//! The table of the gauge, row by row, and what holds whatever is seen.

use lictor_core::config::BusynessConfig;
use proptest::prelude::*;

use super::*;

const OVERLOAD: Duration = Duration::from_secs(3);

fn gauge(algorithm: CheaperAlgorithm) -> Gauge {
    let config = CheaperConfig {
        minimum: 1,
        initial: 1,
        step: 1,
        overload: OVERLOAD,
        algorithm,
        rss_soft: Some(1000),
        rss_hard: Some(2000),
        busyness: BusynessConfig {
            high: 50,
            low: 25,
            multiplier: 2,
            penalty: 1,
        },
    };
    Gauge::new(config, 3)
}

fn seen(wanted: u32) -> Seen {
    Seen {
        wanted,
        is_settled: true,
        ..Seen::default()
    }
}

fn full(wanted: u32) -> Seen {
    Seen {
        are_all_full: true,
        ..seen(wanted)
    }
}

/// Looks when planned, until something is decided.
fn decided(gauge: &mut Gauge, seen: &Seen) -> (Option<Verdict>, Instant) {
    for _ in 0..10 {
        let at = gauge.wake_at().unwrap();
        if let Some(verdict) = gauge.look(seen, at) {
            return (Some(verdict), at);
        }
    }
    (None, gauge.wake_at().unwrap())
}

#[test]
fn all_busy_for_three_looks_is_too_few_and_nobody_looks_before_it_rings() {
    let now = Instant::now();
    let mut gauge = gauge(CheaperAlgorithm::Spare);
    gauge.follow(1, now);
    assert!(gauge.is_listening());
    assert_eq!(gauge.wake_at(), None);
    gauge.rang(now);
    let (verdict, at) = decided(&mut gauge, &full(1));
    assert_eq!(verdict, Some(Verdict::More(Why::AllBusy)));
    assert_eq!(at, now + 3 * BETWEEN_LOOKS);
}

#[test]
fn the_next_ones_wait_until_those_that_come_up_serve() {
    let now = Instant::now();
    let mut gauge = gauge(CheaperAlgorithm::Spare);
    gauge.follow(1, now);
    gauge.rang(now);
    let coming = Seen {
        is_settled: false,
        ..full(2)
    };
    assert_eq!(decided(&mut gauge, &coming).0, None);
    let at = gauge.wake_at().unwrap();
    assert_eq!(gauge.look(&full(2), at), Some(Verdict::More(Why::AllBusy)));
}

#[test]
fn a_moment_is_a_false_alarm_after_which_it_rests() {
    let now = Instant::now();
    let mut gauge = gauge(CheaperAlgorithm::Spare);
    gauge.follow(1, now);
    gauge.rang(now);
    let at = gauge.wake_at().unwrap();
    assert_eq!(gauge.look(&seen(1), at), None);
    assert!(!gauge.is_listening());
    assert_eq!(gauge.wake_at(), Some(at + REST));
    gauge.look(&seen(1), at + REST);
    assert!(gauge.is_listening());
    assert_eq!(gauge.wake_at(), None, "an idle vassal stays asleep");
}

#[test]
fn at_the_maximum_nobody_listens() {
    let now = Instant::now();
    let mut gauge = gauge(CheaperAlgorithm::Spare);
    gauge.follow(3, now);
    assert!(!gauge.is_listening());
    gauge.follow(2, now);
    assert!(gauge.is_listening());
    gauge.follow(0, now);
    assert!(!gauge.is_listening());
    assert_eq!(gauge.wake_at(), None, "it sleeps");
}

#[test]
fn one_of_two_that_were_always_free_is_too_many() {
    let now = Instant::now();
    for (least_free, expected) in [(1, None), (2, Some(Verdict::Fewer(Why::Free)))] {
        let mut gauge = gauge(CheaperAlgorithm::Spare);
        assert!(gauge.follow(2, now));
        let seen = Seen {
            least_free,
            ..seen(2)
        };
        assert_eq!(gauge.look(&seen, now + OVERLOAD / 2), None);
        assert_eq!(gauge.look(&seen, now + OVERLOAD), expected);
        assert!(!gauge.follow(2, now), "it is measured already");
        let seen = Seen { wanted: 1, ..seen };
        assert_eq!(gauge.look(&seen, now + 2 * OVERLOAD), None);
        assert_eq!(gauge.wake_at(), None, "the fewest are left");
    }
}

#[test]
fn with_backlog_a_connection_has_to_wait() {
    let now = Instant::now();
    let mut gauge = gauge(CheaperAlgorithm::Backlog);
    gauge.follow(1, now);
    gauge.rang(now);
    let at = gauge.wake_at().unwrap();
    assert_eq!(gauge.look(&full(1), at), None);
    assert_eq!(gauge.wake_at(), Some(at + REST));
    gauge.look(&full(1), at + REST);
    gauge.rang(at + REST);
    let awaited = Seen {
        is_awaited: true,
        ..full(1)
    };
    let (verdict, _) = decided(&mut gauge, &awaited);
    assert_eq!(verdict, Some(Verdict::More(Why::AllBusy)));
}

#[test]
fn memory_bounds_the_number() {
    let now = Instant::now();
    let mut gauge = gauge(CheaperAlgorithm::Spare);
    gauge.follow(2, now);
    gauge.rang(now);
    let large = |resident_bytes| Seen {
        resident_bytes,
        ..full(2)
    };
    for look in 1..=LOOKS {
        assert_eq!(gauge.look(&large(1001), now + look * BETWEEN_LOOKS), None);
    }
    let rested = now + LOOKS * BETWEEN_LOOKS + REST;
    assert_eq!(gauge.wake_at(), Some(rested));
    let fewer = gauge.look(&large(2001), now + OVERLOAD);
    assert_eq!(fewer, Some(Verdict::Fewer(Why::Memory)));
}

#[test]
fn busyness_is_weighed_at_the_end_of_each_period() {
    let now = Instant::now();
    let mut gauge = gauge(CheaperAlgorithm::Busyness);
    assert!(!gauge.follow(1, now));
    assert!(gauge.rang(now), "only then there is something to measure");
    let at = |percent, wanted| Seen {
        percent,
        ..seen(wanted)
    };
    let period = |number: u32| now + number * OVERLOAD;
    let more = Some(Verdict::More(Why::Busyness { percent: 51 }));
    assert_eq!(gauge.look(&at(51, 1), period(1)), more);
    assert_eq!(gauge.look(&at(50, 2), period(2)), None);
    assert_eq!(gauge.look(&at(24, 2), period(3)), None);
    assert_eq!(gauge.look(&at(30, 2), period(4)), None, "begins anew");
    assert_eq!(gauge.look(&at(24, 2), period(5)), None);
    let fewer = Some(Verdict::Fewer(Why::Calm { percent: 0 }));
    assert_eq!(gauge.look(&at(0, 2), period(6)), fewer);
    // It is missed at once: the next time it takes longer.
    assert_eq!(gauge.look(&at(51, 1), period(7)), more);
    for number in 8..=9 {
        assert_eq!(gauge.look(&at(0, 2), period(number)), None);
    }
    assert_eq!(gauge.look(&at(0, 2), period(10)), fewer);
    gauge.look(&at(0, 1), period(11));
    assert!(!gauge.ends_period(period(20)), "nothing to measure");
}

proptest! {
    /// Whatever is seen: never beyond the bounds, never below the fewest, and it never wakes for
    /// nothing.
    #[test]
    fn the_number_stays_within_its_bounds(
        looks in prop::collection::vec(
            (any::<(bool, bool, bool, bool)>(), 0u32..4, 0u32..=100, 0u64..3000, 0u64..5000),
            0..200
        ),
        algorithm in prop_oneof![
            Just(CheaperAlgorithm::Spare),
            Just(CheaperAlgorithm::Backlog),
            Just(CheaperAlgorithm::Busyness),
            Just(CheaperAlgorithm::Manual)
        ],
    ) {
        let mut now = Instant::now();
        let mut gauge = gauge(algorithm);
        let mut wanted = 1;
        for ((rings, is_settled, are_all_full, is_awaited), least_free, percent, bytes, later) in looks {
            now += Duration::from_millis(later);
            gauge.follow(wanted, now);
            if rings && gauge.is_listening() {
                gauge.rang(now);
            }
            let seen = Seen {
                wanted, is_settled, are_all_full, is_awaited, least_free, percent,
                resident_bytes: bytes,
            };
            match gauge.look(&seen, now) {
                Some(Verdict::More(_)) => {
                    prop_assert!(wanted < 3 && is_settled && bytes <= 1000);
                    wanted += 1;
                }
                Some(Verdict::Fewer(_)) => {
                    prop_assert!(wanted > 1 && is_settled);
                    wanted -= 1;
                }
                None => {}
            }
            prop_assert!(gauge.wake_at().is_none_or(|at| at > now));
            prop_assert!(wanted < 2 || gauge.wake_at().is_some(), "it will shrink");
        }
    }
}
