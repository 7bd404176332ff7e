//! How long a failing vassal waits before it is tried again: pure.

use std::time::Duration;

/// Wait after the first failure; doubled with each further one.
const FIRST: Duration = Duration::from_millis(100);
/// Longest wait.
const LONGEST: Duration = Duration::from_mins(1);

/// The wait after `failures` failures in a row. `jitter` between 0 and 1 shortens it by up to a
/// quarter, so that vassals that failed together are not tried together.
pub(super) fn wait_after(failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let wait = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    wait.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_to_a_minute() {
        let waits: Vec<u128> = (1..=12).map(|n| wait_after(n, 0.0).as_millis()).collect();
        let expected = [
            100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000,
        ];
        assert_eq!(waits, expected);
    }

    proptest! {
        #[test]
        fn jitter_shortens_by_a_quarter_at_most(failures in 0u32..1000, jitter in 0.0f64..1.0) {
            let whole = wait_after(failures, 0.0);
            let wait = wait_after(failures, jitter);
            prop_assert!(wait <= whole && wait >= whole.mul_f64(0.749));
        }
    }
}
