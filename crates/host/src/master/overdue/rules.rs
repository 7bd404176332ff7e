//! When to look at the requests of one worker, and what to do about those that take too long: pure,
//! on the clock of its board.
//!
//! A worker whose threads are idle is `parked`: nothing is looked at until its next request rings.
//! From then on it is looked at when its oldest request could be overdue, so that a busy worker wakes
//! its master once in the time that a request may take.

use lictor_core::sys::InFlight;

/// How long a thread may take to follow the signal.
const PATIENCE_MS: u64 = 2000;
/// How often a worker that has lost a thread is looked at, to end it when nothing is left to finish.
const LOOK_MS: u64 = 50;
/// How long a condemned worker whose other threads are in no request may take until it accepts no
/// connection any more. A thread may wait for the interpreter outside of requests too, and then no
/// one takes the order.
const WITHDRAWAL_MS: u64 = 5000;

/// What a record says about its thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The request that the thread is in.
    pub(crate) in_flight: Option<InFlight>,
    /// The last request that was ended on this thread and whose traceback is written; 0 for none.
    pub(crate) ended: u64,
}

/// What a board says about its worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) threads: Vec<Seen>,
    pub(crate) has_withdrawn: bool,
    pub(crate) connections: u32,
    /// How much longer it is left alone: an event loop ends what merely waits too long itself.
    pub(crate) grace_ms: u32,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Signal this thread to end this request.
    Ask { thread: usize, request: InFlight },
    /// Tell what came of it.
    Tell { thread: usize, sequence: u64 },
    /// Have the worker replaced; told once.
    Condemn,
    /// Nothing that can be finished is left in it.
    Kill,
    /// Have the next request ring.
    Park,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    thread: usize,
    sequence: u64,
    until_ms: u64,
}

/// The requests of one worker.
#[derive(Debug)]
pub(crate) struct Watch {
    limit_ms: u64,
    /// `None`: when the bell rings.
    look_at_ms: Option<u64>,
    /// One at a time: they share the place for the traceback.
    asked: Option<Asked>,
    /// By thread, the last request that was told about.
    told: Vec<u64>,
    condemned_at_ms: Option<u64>,
    is_killed: bool,
}

impl Watch {
    /// A new worker, parked.
    pub(crate) fn new(limit_ms: u64, threads: usize) -> Self {
        Self {
            limit_ms,
            look_at_ms: None,
            asked: None,
            told: vec![0; threads],
            condemned_at_ms: None,
            is_killed: false,
        }
    }

    /// When to look next, unless the bell rings.
    pub(crate) fn look_at_ms(&self) -> Option<u64> {
        self.look_at_ms
    }

    /// The request, by thread and number, that is to be ended and has not been told about.
    pub(crate) fn asked(&self) -> Option<(usize, u64)> {
        self.asked.map(|asked| (asked.thread, asked.sequence))
    }

    /// A request came before the bell was set.
    pub(crate) fn unpark(&mut self, now_ms: u64) {
        self.look_at_ms = Some(now_ms + self.limit_ms);
    }

    /// Whether to look now. `is_parked`: no request has come since the worker was parked.
    pub(crate) fn is_due(&self, is_parked: bool, now_ms: u64) -> bool {
        let is_time = match self.look_at_ms {
            Some(at) => at <= now_ms,
            None => !is_parked,
        };
        !self.is_killed && (is_time || self.asked.is_some())
    }

    /// Looks, and says what is to be done.
    pub(crate) fn step(&mut self, view: &View, now_ms: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        self.settle(view, now_ms, &mut steps);
        if self.asked.is_none() {
            self.ask(view, now_ms, &mut steps);
        }
        let lost = self.lost(view).count();
        if lost > 0 && self.asked.is_none() && self.is_over(view, now_ms, lost) {
            self.is_killed = true;
            self.look_at_ms = None;
            steps.push(Step::Kill);
            return steps;
        }
        let was_parked = self.look_at_ms.is_none();
        self.look_at_ms = self.next_look(view, now_ms, lost > 0);
        if self.look_at_ms.is_none() && was_parked {
            // The request that rang is over already. Parked again at once, each would ring.
            self.unpark(now_ms);
        } else if self.look_at_ms.is_none() {
            steps.push(Step::Park);
        }
        steps
    }

    /// Whether what was asked for has come about.
    fn settle(&mut self, view: &View, now_ms: u64, steps: &mut Vec<Step>) {
        let Some(asked) = self.asked else {
            return;
        };
        let Asked {
            thread, sequence, ..
        } = asked;
        let seen = view.threads.get(thread).copied().unwrap_or_default();
        let is_there = is_in(seen, sequence);
        if seen.ended != sequence && is_there && now_ms < asked.until_ms {
            return;
        }
        self.asked = None;
        if seen.ended != sequence && !is_there {
            // It was done in time after all.
            return;
        }
        if let Some(told) = self.told.get_mut(thread) {
            *told = sequence;
        }
        steps.push(Step::Tell { thread, sequence });
        if self.condemned_at_ms.is_none() {
            self.condemned_at_ms = Some(now_ms);
            steps.push(Step::Condemn);
        }
    }

    /// Whether a worker with so many lost threads has nobody who could finish anything, or nothing to
    /// finish and nothing to come.
    fn is_over(&self, view: &View, now_ms: u64, lost: usize) -> bool {
        let has_had_time = self
            .condemned_at_ms
            .is_some_and(|at| at + WITHDRAWAL_MS <= now_ms);
        let is_done = if view.has_withdrawn {
            view.connections as usize <= lost
        } else {
            has_had_time && self.pending(view).next().is_none()
        };
        is_done || lost >= view.threads.len()
    }

    /// The oldest request that takes too long.
    fn ask(&mut self, view: &View, now_ms: u64, steps: &mut Vec<Step>) {
        let limit_ms = self.limit_in(view);
        let overdue = self
            .pending(view)
            .filter(|(_, request)| now_ms.saturating_sub(request.started_ms) >= limit_ms)
            .min_by_key(|(_, request)| request.started_ms);
        let Some((thread, request)) = overdue else {
            return;
        };
        self.asked = Some(Asked {
            thread,
            sequence: request.sequence,
            until_ms: now_ms + PATIENCE_MS,
        });
        steps.push(Step::Ask { thread, request });
    }

    fn next_look(&self, view: &View, now_ms: u64, has_lost: bool) -> Option<u64> {
        let limit_ms = self.limit_in(view);
        let oldest = self
            .pending(view)
            .map(|(_, request)| request.started_ms.min(now_ms) + limit_ms)
            .min();
        match self.asked {
            Some(asked) => Some(asked.until_ms),
            None if has_lost => Some(oldest.unwrap_or(u64::MAX).min(now_ms + LOOK_MS)),
            None => oldest,
        }
    }

    /// How old a request may get before the master ends it.
    fn limit_in(&self, view: &View) -> u64 {
        self.limit_ms.saturating_add(view.grace_ms.into())
    }

    /// Requests in flight that nobody has been told about.
    fn pending(&self, view: &View) -> impl Iterator<Item = (usize, InFlight)> {
        view.threads
            .iter()
            .zip(&self.told)
            .enumerate()
            .filter_map(|(thread, (seen, told))| Some((thread, seen.in_flight?, *told)))
            .filter(|(_, request, told)| request.sequence != *told)
            .map(|(thread, request, _)| (thread, request))
    }

    /// Threads that are still in a request that has been told about.
    fn lost(&self, view: &View) -> impl Iterator<Item = usize> {
        view.threads
            .iter()
            .zip(&self.told)
            .enumerate()
            .filter(|(_, (seen, told))| is_in(**seen, **told))
            .map(|(thread, _)| thread)
    }
}

fn is_in(seen: Seen, sequence: u64) -> bool {
    seen.in_flight
        .is_some_and(|request| request.sequence == sequence)
}

#[cfg(test)]
mod tests {
    use super::Step::{Ask, Condemn, Kill, Park, Tell};
    use super::*;

    const LIMIT: u64 = 2000;

    fn request(sequence: u64, started_ms: u64) -> InFlight {
        InFlight {
            sequence,
            started_ms,
        }
    }

    fn view(in_flight: &[Option<InFlight>]) -> View {
        let seen = |in_flight: &Option<InFlight>| Seen {
            in_flight: *in_flight,
            ended: 0,
        };
        View {
            threads: in_flight.iter().map(seen).collect(),
            has_withdrawn: false,
            connections: 9,
            grace_ms: 0,
        }
    }

    /// Looks if it is time.
    fn look(watch: &mut Watch, view: &View, now_ms: u64) -> Vec<Step> {
        if watch.is_due(false, now_ms) {
            watch.step(view, now_ms)
        } else {
            Vec::new()
        }
    }

    fn ended(mut view: View, thread: usize, sequence: u64) -> View {
        view.threads[thread].ended = sequence;
        view
    }

    #[test]
    fn nothing_is_looked_at_while_nothing_is_in_flight() {
        let mut watch = Watch::new(LIMIT, 1);
        assert!(!watch.is_due(true, 10));
        assert_eq!(watch.look_at_ms(), None);
        // It rings, and is over before anybody looks: the bell is left alone for a while.
        assert_eq!(look(&mut watch, &view(&[None]), 20), []);
        assert_eq!(watch.look_at_ms(), Some(2020));
        assert_eq!(look(&mut watch, &view(&[None]), 500), []);
        assert_eq!(look(&mut watch, &view(&[None]), 2020), [Park]);
        assert_eq!(watch.look_at_ms(), None);
        watch.unpark(2021);
        assert_eq!(watch.look_at_ms(), Some(4021));
    }

    #[test]
    fn a_busy_worker_is_looked_at_once_in_the_time_of_a_request() {
        let mut watch = Watch::new(LIMIT, 2);
        assert_eq!(
            look(&mut watch, &view(&[Some(request(1, 100)), None]), 100),
            []
        );
        assert_eq!(watch.look_at_ms(), Some(2100));
        let later = [Some(request(71, 2080)), Some(request(51, 1900))];
        assert_eq!(look(&mut watch, &view(&later), 1000), [], "not yet");
        assert_eq!(watch.look_at_ms(), Some(2100));
        assert_eq!(look(&mut watch, &view(&later), 2101), []);
        assert_eq!(watch.look_at_ms(), Some(3900));
    }

    #[test]
    fn others_do_not_reset_the_clock_of_a_request() {
        let mut watch = Watch::new(LIMIT, 2);
        let stuck = request(1, 100);
        look(&mut watch, &view(&[Some(stuck), None]), 100);
        let now = view(&[Some(stuck), Some(request(99, 2099))]);
        let ask = Ask {
            thread: 0,
            request: stuck,
        };
        assert_eq!(look(&mut watch, &now, 2100), [ask]);
        assert_eq!(watch.asked(), Some((0, 1)));
        // Only the one is lost: the other goes on, and the worker with it.
        let told = Tell {
            thread: 0,
            sequence: 1,
        };
        let now = ended(now, 0, 1);
        assert_eq!(look(&mut watch, &now, 2105), [told, Condemn]);
        assert_eq!(watch.look_at_ms(), Some(2105 + LOOK_MS));
        assert_eq!(look(&mut watch, &now, 2110), []);
        let mut left = View {
            connections: 1,
            ..ended(view(&[Some(stuck), None]), 0, 1)
        };
        assert_eq!(
            look(&mut watch, &left, 2155),
            [],
            "it may be accepting another"
        );
        left.has_withdrawn = true;
        assert_eq!(look(&mut watch, &left, 2205), [Kill]);
        assert_eq!(look(&mut watch, &left, 9000), []);
    }

    #[test]
    fn a_worker_with_no_thread_left_is_killed_at_once() {
        let mut watch = Watch::new(LIMIT, 1);
        let stuck = view(&[Some(request(7, 0))]);
        look(&mut watch, &stuck, 1);
        assert_eq!(look(&mut watch, &stuck, 2000).len(), 1);
        assert_eq!(watch.look_at_ms(), Some(2000 + PATIENCE_MS));
        let steps = look(&mut watch, &ended(stuck, 0, 7), 2001);
        let told = Tell {
            thread: 0,
            sequence: 7,
        };
        assert_eq!(steps, [told, Condemn, Kill]);
    }

    #[test]
    fn a_worker_in_which_nobody_hears_is_not_waited_for() {
        let mut watch = Watch::new(LIMIT, 2);
        let stuck = view(&[Some(request(7, 0)), None]);
        look(&mut watch, &stuck, 1);
        look(&mut watch, &stuck, 2000);
        let mut told = ended(stuck, 0, 7);
        assert_eq!(look(&mut watch, &told, 2001).len(), 2);
        assert_eq!(look(&mut watch, &told, 2000 + WITHDRAWAL_MS), []);
        let waiting = told.clone();
        told.threads[1].in_flight = Some(request(1, 6500));
        assert_eq!(look(&mut watch, &told, 2100 + WITHDRAWAL_MS), []);
        assert_eq!(look(&mut watch, &waiting, 2200 + WITHDRAWAL_MS), [Kill]);
    }

    #[test]
    fn a_thread_that_takes_no_signal_is_given_up() {
        let mut watch = Watch::new(LIMIT, 1);
        let stuck = view(&[Some(request(7, 0))]);
        look(&mut watch, &stuck, 1);
        look(&mut watch, &stuck, 2000);
        assert_eq!(look(&mut watch, &stuck, 1999 + PATIENCE_MS), []);
        assert_eq!(
            look(&mut watch, &stuck, 2000 + PATIENCE_MS).last(),
            Some(&Kill)
        );
    }

    #[test]
    fn a_request_that_ends_in_time_is_left_alone() {
        let mut watch = Watch::new(LIMIT, 1);
        look(&mut watch, &view(&[Some(request(7, 0))]), 1);
        assert_eq!(
            look(&mut watch, &view(&[Some(request(7, 0))]), 2000).len(),
            1
        );
        let next = view(&[Some(request(9, 2000))]);
        assert_eq!(look(&mut watch, &next, 2001), []);
        assert_eq!(watch.look_at_ms(), Some(4000));
    }

    #[test]
    fn an_event_loop_has_a_moment_to_end_its_requests_itself() {
        let mut watch = Watch::new(LIMIT, 1);
        let waits = View {
            grace_ms: 1000,
            ..view(&[Some(request(7, 0))])
        };
        assert_eq!(look(&mut watch, &waits, 1), []);
        assert_eq!(watch.look_at_ms(), Some(LIMIT + 1000));
        assert_eq!(look(&mut watch, &waits, LIMIT + 999), []);
        let ask = Ask {
            thread: 0,
            request: request(7, 0),
        };
        assert_eq!(look(&mut watch, &waits, LIMIT + 1000), [ask]);
        // It did: the next one has its own time.
        let next = View {
            grace_ms: 1000,
            ..view(&[Some(request(9, 2500))])
        };
        assert_eq!(look(&mut watch, &next, LIMIT + 1001), []);
        assert_eq!(watch.look_at_ms(), Some(2500 + LIMIT + 1000));
    }

    #[test]
    fn each_overdue_request_gets_its_turn() {
        let mut watch = Watch::new(LIMIT, 2);
        let both = view(&[Some(request(1, 50)), Some(request(1, 0))]);
        look(&mut watch, &both, 60);
        let asked = |steps: &[Step]| match steps.last() {
            Some(Ask { thread, .. }) => Some(*thread),
            _ => None,
        };
        assert_eq!(asked(&look(&mut watch, &both, 2200)), Some(1));
        let one = ended(both, 1, 1);
        assert_eq!(asked(&look(&mut watch, &one, 2201)), Some(0));
        let steps = look(&mut watch, &ended(one, 0, 1), 2202);
        let told = Tell {
            thread: 0,
            sequence: 1,
        };
        assert_eq!(steps, [told, Kill]);
    }

    #[test]
    fn a_thread_that_comes_back_lets_the_worker_leave_by_itself() {
        let mut watch = Watch::new(LIMIT, 1);
        look(&mut watch, &view(&[Some(request(7, 0))]), 1);
        look(&mut watch, &view(&[Some(request(7, 0))]), 2000);
        let back = ended(view(&[None]), 0, 7);
        let told = Tell {
            thread: 0,
            sequence: 7,
        };
        assert_eq!(look(&mut watch, &back, 2001), [told, Condemn, Park]);
    }
}
