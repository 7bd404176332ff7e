//! What is wrong with a generation that serves, in words, until it is over: pure.
//!
//! The emperor shows one trouble; the master may have several.

use std::time::Duration;

use lictor_core::ipc::MasterMessage;
use lictor_core::observe::{Failure, FailureKind};

/// What can be in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Workers,
    Output,
    Background,
}

/// The troubles that are not over.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    workers: Option<Failure>,
    output: Option<Failure>,
    background: Option<Failure>,
}

impl Troubles {
    /// Something went wrong; gives what the emperor is to be told.
    pub(crate) fn begin(&mut self, part: Part, failure: Failure) -> MasterMessage {
        *self.of(part) = Some(failure.clone());
        MasterMessage::Troubled(failure)
    }

    /// It is over; another trouble may not be.
    pub(crate) fn end(&mut self, part: Part) -> Option<MasterMessage> {
        self.of(part).take()?;
        let left = [&self.workers, &self.output, &self.background];
        let left = left.into_iter().find_map(Option::as_ref);
        Some(left.map_or(MasterMessage::Mended, |failure| {
            MasterMessage::Troubled(failure.clone())
        }))
    }

    fn of(&mut self, part: Part) -> &mut Option<Failure> {
        match part {
            Part::Workers => &mut self.workers,
            Part::Output => &mut self.output,
            Part::Background => &mut self.background,
        }
    }
}

/// How a worker of some slot ended last.
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    /// As the kernel says: `signal 11 (SIGSEGV)`.
    Exited(String),
    /// Likewise, and the kernel did it for lack of memory.
    OutOfMemory(String),
    /// The master did it, because.
    Killed(String),
    /// It could not import the app, or did not answer `ready-path`.
    Failed(Failure),
    /// There was none.
    NotForked(String),
}

const LOGS: &str = "hint: see `lictor logs`";

impl Ended {
    /// Why a generation cannot come up.
    pub(crate) fn while_coming(self, worker: u32) -> Failure {
        let hint = self.hint();
        let message = match self {
            Self::Failed(failure) => return failure,
            Self::NotForked(error) => format!("could not fork worker {worker}: {error}"),
            Self::Exited(how) | Self::OutOfMemory(how) | Self::Killed(how) => {
                format!("worker {worker} ended unexpectedly: {how}")
            }
        };
        Failure::new(FailureKind::Crash, message, hint)
    }

    /// What is wrong with a generation that serves, and when it is tried again.
    pub(crate) fn while_serving(self, worker: u32, wait: Duration) -> Failure {
        let again = if wait.is_zero() {
            "it was replaced at once".to_owned()
        } else {
            format!("it is tried again in {:.1} s", wait.as_secs_f64())
        };
        let hint = self.hint();
        let message = match self {
            Self::Failed(failure) => {
                let message = format!(
                    "worker {worker} keeps failing: {}; {again}",
                    failure.message
                );
                return Failure::new(failure.kind, message, failure.detail);
            }
            Self::NotForked(error) => format!("could not fork worker {worker}: {error}; {again}"),
            Self::OutOfMemory(how) if wait.is_zero() => {
                format!("worker {worker} ended: {how}; {again}")
            }
            Self::Exited(how) | Self::OutOfMemory(how) | Self::Killed(how) => {
                format!("worker {worker} keeps ending: {how}; {again}")
            }
        };
        Failure::new(FailureKind::Crash, message, hint)
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::OutOfMemory(_) => {
                "hint: give it more memory, or let it use less; `reload-on-rss` replaces a worker \
                 before it has grown too large"
            }
            Self::NotForked(_) => "hint: look at the limits of processes and memory",
            Self::Exited(_) | Self::Killed(_) | Self::Failed(_) => LOGS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(message: &str) -> Failure {
        Failure::new(FailureKind::Import, message, "traceback")
    }

    #[test]
    fn the_trouble_that_is_left_is_told_again() {
        let mut troubles = Troubles::default();
        assert_eq!(troubles.end(Part::Output), None);
        let (crash, disk) = (failure("crash"), failure("disk"));
        troubles.begin(Part::Workers, crash.clone());
        let told = troubles.begin(Part::Output, disk);
        assert_eq!(told, MasterMessage::Troubled(failure("disk")));
        let left = troubles.end(Part::Output);
        assert_eq!(left, Some(MasterMessage::Troubled(crash)));
        troubles.begin(Part::Background, failure("daemon"));
        let left = troubles.end(Part::Workers);
        assert_eq!(left, Some(MasterMessage::Troubled(failure("daemon"))));
        assert_eq!(troubles.end(Part::Background), Some(MasterMessage::Mended));
    }

    #[test]
    fn a_trouble_says_who_how_when_and_what_to_do() {
        let exited = Ended::Exited("signal 11 (SIGSEGV)".into());
        let told = exited.while_serving(2, Duration::from_millis(400));
        assert_eq!(
            told.message,
            "worker 2 keeps ending: signal 11 (SIGSEGV); it is tried again in 0.4 s"
        );
        assert_eq!(told.detail, LOGS);
        let killed = Ended::OutOfMemory("signal 9 (SIGKILL): lack of memory".into());
        let told = killed.while_serving(1, Duration::ZERO);
        assert_eq!(
            told.message,
            "worker 1 ended: signal 9 (SIGKILL): lack of memory; it was replaced at once"
        );
        assert!(told.detail.contains("`reload-on-rss`"));
        let told = Ended::Failed(failure("no module")).while_serving(1, Duration::from_secs(3));
        assert_eq!(
            (told.kind, told.detail.as_str()),
            (FailureKind::Import, "traceback")
        );
        let told = Ended::NotForked("no memory".into()).while_serving(1, Duration::from_secs(3));
        assert!(
            told.message
                .starts_with("could not fork worker 1: no memory; it is tried")
        );
    }

    #[test]
    fn what_does_not_come_up_says_why() {
        let told = Ended::Failed(failure("no module")).while_coming(1);
        assert_eq!(told, failure("no module"));
        let told = Ended::Killed("exit status 4".into()).while_coming(1);
        assert_eq!(told.message, "worker 1 ended unexpectedly: exit status 4");
        let told = Ended::NotForked("no memory".into()).while_coming(1);
        assert_eq!(told.message, "could not fork worker 1: no memory");
    }
}
