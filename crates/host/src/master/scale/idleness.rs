//! `idle`: whether nobody has asked anything for long. Pure, with what is seen and `now` passed in.
//!
//! Workers count their requests anyway, so that looking now and then costs them nothing: four times
//! in the time that is allowed.

use std::time::{Duration, Instant};

/// Looks in the time after which a vassal is idle.
const LOOKS: u32 = 4;

/// What the looks at all workers have shown.
#[derive(Debug)]
pub(crate) struct Idleness {
    limit: Duration,
    /// Requests so far, as of the last look.
    requests: u64,
    /// When something was last seen to happen, and when to look again; none while there are no
    /// workers.
    watch: Option<(Instant, Instant)>,
}

impl Idleness {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            requests: 0,
            watch: None,
        }
    }

    /// When to look.
    pub(crate) fn look_at(&self) -> Option<Instant> {
        self.watch.map(|(_, look_at)| look_at)
    }

    /// Whether there is anybody whose work could be seen.
    pub(crate) fn follow(&mut self, is_awake: bool, now: Instant) {
        if !is_awake {
            self.watch = None;
        } else if self.watch.is_none() {
            self.watch = Some((now, now + self.limit / LOOKS));
        }
    }

    /// Looks, if it is time: whether the vassal is idle. It is asked again as long as it is.
    pub(crate) fn look(&mut self, is_busy: bool, requests: u64, now: Instant) -> bool {
        let Some((active, look_at)) = self.watch.filter(|(_, look_at)| *look_at <= now) else {
            return false;
        };
        let period = self.limit / LOOKS;
        // A look that comes late does not tell when the last request was.
        let has_moved = is_busy || requests != self.requests || now > look_at + period;
        self.requests = requests;
        let active = if has_moved { now } else { active };
        self.watch = Some((active, now + period));
        now >= active + self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);

    /// Looks when planned, at these counts of requests and states; gives after which of them it was
    /// idle.
    fn idle_after(seen: &[(bool, u64)]) -> Option<usize> {
        let mut idleness = Idleness::new(LIMIT);
        idleness.follow(true, Instant::now());
        seen.iter().position(|(is_busy, requests)| {
            let at = idleness.look_at().unwrap();
            idleness.look(*is_busy, *requests, at)
        })
    }

    #[test]
    fn it_is_idle_when_nothing_has_happened_for_that_long() {
        assert_eq!(idle_after(&[(false, 0); 4]), Some(3));
        assert_eq!(idle_after(&[(false, 1); 5]), Some(4), "there was one");
    }

    #[test]
    fn a_request_in_flight_or_done_begins_the_time_anew() {
        let mut seen = vec![(false, 0), (true, 0), (true, 0), (false, 1)];
        seen.extend([(false, 1); 3]);
        assert_eq!(idle_after(&seen), None);
        seen.push((false, 1));
        assert_eq!(idle_after(&seen), Some(7));
    }

    #[test]
    fn nobody_looks_at_what_sleeps() {
        let mut idleness = Idleness::new(LIMIT);
        let now = Instant::now();
        assert_eq!(idleness.look_at(), None);
        idleness.follow(true, now);
        assert_eq!(idleness.look_at(), Some(now + LIMIT / 4));
        idleness.follow(false, now);
        assert_eq!(idleness.look_at(), None);
        assert!(!idleness.look(false, 0, now + 2 * LIMIT));
    }

    #[test]
    fn a_look_that_comes_much_later_than_planned_tells_nothing() {
        let mut idleness = Idleness::new(LIMIT);
        let now = Instant::now();
        idleness.follow(true, now);
        assert!(!idleness.look(false, 0, now + 10 * LIMIT));
        assert_eq!(idleness.look_at(), Some(now + 10 * LIMIT + LIMIT / 4));
    }
}
