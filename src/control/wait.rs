//! What an order came to, found out from the events after it. Pure: events in, an answer out.
//!
//! An order that makes a generation is done when that generation serves or fails. When a newer one
//! is started meanwhile (the file changed again, somebody else reloads), what happens to the newest
//! decides: the older one may be given up without a word.

use lictor_core::observe::{Event, EventKind, VassalState};

use super::command::Verb;
use super::error::RequestError;
use super::outcome::{ActAnswer, Outcome};

/// One wait for one vassal.
#[derive(Debug)]
pub(super) struct Wait {
    vassal: String,
    verb: Verb,
    /// The newest generation known to be coming up.
    newest: u64,
    /// The last event considered, so that none counts twice.
    seen: u64,
}

impl Wait {
    /// A wait that considers events after `seen`.
    pub(super) fn new(vassal: String, verb: Verb, generation: Option<u64>, seen: u64) -> Self {
        Self {
            vassal,
            verb,
            newest: generation.unwrap_or_default(),
            seen,
        }
    }

    /// What `event` ends the wait with, if it does.
    pub(super) fn consider(&mut self, event: &Event) -> Option<Result<ActAnswer, RequestError>> {
        if event.seq <= self.seen {
            return None;
        }
        self.seen = event.seq;
        if event.kind == EventKind::EmperorStopping {
            return Some(Err(RequestError::Stopping));
        }
        if event.vassal.as_deref() != Some(self.vassal.as_str()) {
            return None;
        }
        match self.verb {
            Verb::Stop => stopped(&event.kind),
            Verb::Reload | Verb::Start | Verb::Retry | Verb::Rollback => self.came_up(&event.kind),
        }
        .map(Ok)
    }

    fn came_up(&mut self, kind: &EventKind) -> Option<ActAnswer> {
        if let EventKind::MasterSpawned { generation, .. } = kind {
            self.newest = self.newest.max(*generation);
        }
        if let EventKind::GenerationReady { generation, .. } = kind
            && *generation >= self.newest
        {
            return Some(ActAnswer::new(Outcome::Ready, Some(*generation)));
        }
        if let EventKind::GenerationFailed {
            generation,
            failure,
            ..
        } = kind
            && *generation >= self.newest
        {
            let failure = Some(failure.clone());
            let generation = Some(*generation);
            return Some(ActAnswer {
                outcome: Outcome::Failed,
                generation,
                failure,
            });
        }
        stopped(kind)
    }
}

/// The ends of a vassal, which are what `stop` waits for and end every other wait too.
fn stopped(kind: &EventKind) -> Option<ActAnswer> {
    if *kind == EventKind::VassalGone {
        return Some(ActAnswer::new(Outcome::Gone, None));
    }
    if let EventKind::StateChanged {
        to: VassalState::Stopped,
        generation,
        ..
    } = kind
    {
        return Some(ActAnswer::new(Outcome::Stopped, Some(*generation)));
    }
    None
}

#[cfg(test)]
mod tests {
    use lictor_core::observe::{Failure, FailureKind, Timestamp};

    use super::*;

    fn event(seq: u64, vassal: &str, kind: EventKind) -> Event {
        Event {
            seq,
            at: Timestamp::now(),
            vassal: Some(vassal.into()),
            kind,
        }
    }

    fn ready(generation: u64) -> EventKind {
        EventKind::GenerationReady {
            generation,
            interface: "wsgi".into(),
        }
    }

    fn failed(generation: u64) -> EventKind {
        let failure = Failure::new(FailureKind::Import, "no module", "a traceback");
        EventKind::GenerationFailed {
            generation,
            failure,
            repeated: false,
        }
    }

    fn spawned(generation: u64) -> EventKind {
        EventKind::MasterSpawned { generation, pid: 1 }
    }

    fn state(to: VassalState) -> EventKind {
        EventKind::StateChanged {
            from: VassalState::Stopping,
            to,
            generation: 7,
        }
    }

    /// The first answer of a wait for generation 8 of `blog` after event 10.
    fn outcome(verb: Verb, kinds: &[EventKind]) -> Option<(Outcome, Option<u64>)> {
        let mut wait = Wait::new("blog".into(), verb, Some(8), 10);
        kinds
            .iter()
            .zip(11..)
            .find_map(|(kind, seq)| wait.consider(&event(seq, "blog", kind.clone())))
            .map(|answer| {
                answer
                    .map(|answer| (answer.outcome, answer.generation))
                    .unwrap()
            })
    }

    #[test]
    fn the_generation_decides() {
        let reload = |kinds: &[EventKind]| outcome(Verb::Reload, kinds);
        assert_eq!(
            reload(&[spawned(8), ready(8)]),
            Some((Outcome::Ready, Some(8)))
        );
        assert_eq!(
            reload(&[spawned(8), failed(8)]),
            Some((Outcome::Failed, Some(8)))
        );
        assert_eq!(
            reload(&[failed(7), ready(7)]),
            None,
            "trouble of the old one"
        );
        assert_eq!(
            reload(&[failed(9)]),
            Some((Outcome::Failed, Some(9))),
            "never spawned"
        );
    }

    #[test]
    fn a_newer_generation_takes_the_place_of_the_awaited_one() {
        let reload = |kinds: &[EventKind]| outcome(Verb::Reload, kinds);
        assert_eq!(reload(&[spawned(9), failed(8)]), None);
        assert_eq!(
            reload(&[spawned(9), failed(8), ready(9)]),
            Some((Outcome::Ready, Some(9)))
        );
        assert_eq!(
            reload(&[spawned(9), ready(8), failed(9)]),
            Some((Outcome::Failed, Some(9)))
        );
    }

    #[test]
    fn an_end_of_the_vassal_ends_every_wait() {
        let stop = outcome(Verb::Stop, &[state(VassalState::Stopped)]);
        assert_eq!(stop, Some((Outcome::Stopped, Some(7))));
        assert_eq!(
            outcome(Verb::Stop, &[ready(8), state(VassalState::Stopping)]),
            None
        );
        let gone = Some((Outcome::Gone, None));
        assert_eq!(outcome(Verb::Stop, &[EventKind::VassalGone]), gone);
        assert_eq!(outcome(Verb::Start, &[EventKind::VassalGone]), gone);
    }

    #[test]
    fn a_failure_brings_its_reason() {
        let mut wait = Wait::new("blog".into(), Verb::Retry, Some(8), 10);
        let answer = wait
            .consider(&event(11, "blog", failed(8)))
            .unwrap()
            .unwrap();
        assert_eq!(answer.failure.unwrap().message, "no module");
    }

    #[test]
    fn other_vassals_and_older_events_do_not_count() {
        let mut wait = Wait::new("blog".into(), Verb::Reload, Some(8), 10);
        assert_eq!(wait.consider(&event(11, "shop", ready(8))), None);
        assert_eq!(wait.consider(&event(10, "blog", ready(8))), None);
        let stopping = Event {
            vassal: None,
            ..event(12, "", EventKind::EmperorStopping)
        };
        assert_eq!(wait.consider(&stopping), Some(Err(RequestError::Stopping)));
    }
}
