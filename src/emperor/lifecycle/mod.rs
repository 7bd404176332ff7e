//! The life of a vassal as a table of what is and what happens: pure, with `now` passed in.
//!
//! A vassal has at most one generation that serves and one that comes up; any number may be
//! leaving. What is wanted, what serves and what comes up are three fields for three meanings.
//!
//! | event | nothing serves | one serves |
//! |---|---|---|
//! | file good | spawn | spawn beside it; one that was coming up is killed |
//! | file bad | wait for a change | degraded |
//! | coming one ready | it serves | it serves, the old one drains; announced once that has withdrawn |
//! | coming one failed | wait, longer each time | degraded, the old one serves on |
//! | serving one ended | – | spawn at once; wait if that happens again and again |
//! | fell back | spawn at once | what is spawned next is no newest file: it serves degraded |
//! | stop, file gone | what comes up is killed | it drains |
//! | idle | – | it drains; asleep, unless a newer one comes up or failed |
//!
//! Asleep, nothing runs by intention (`asleep`): a connection or an order spawns, a good file changes
//! what will be spawned.
//!
//! Without overlap (`overlap = false` in the file of the new generation) a coming one says that it
//! is loaded before it has workers, and two sets of workers never live side by side:
//!
//! | event | one serves | it pauses, or is paused |
//! |---|---|---|
//! | coming one loaded | it pauses, once no earlier one drains | – |
//! | serving one paused | – | the coming one forks its workers; its clock begins anew |
//! | coming one ready | – | it serves, the old one leaves; announced at once |
//! | coming one failed | it serves on | it resumes; degraded |
//! | file good, file bad | it serves on | it resumes, for the newest has to be imported first |
//! | serving one ended | as above | the coming one forks its workers |
//! | stop, file gone | it drains | it leaves |
//!
//! The rows are functions: of a generation that comes up in [`coming`], of one that has served in
//! [`leaving`], of one that another emperor has left in [`adopted`].

mod adopted;
mod asleep;
mod coming;
mod leaving;
mod parts;
mod words;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lictor_core::observe::VassalState;

pub(super) use adopted::Left;
use parts::{Activity, Coming, Handing, Leaving, Serving, Stage, Want};
pub(super) use words::{Action, Event};

/// What a leaving master gets beyond its own deadline before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// The life of one vassal.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other; what does is one of the enums"
)]
pub(super) struct Lifecycle {
    want: Want,
    newest: u64,
    serving: Option<Serving>,
    coming: Option<Coming>,
    handing: Option<Handing>,
    /// Generations on their way out, and when they are killed.
    leaving: BTreeMap<u64, Leaving>,
    has_newest_failed: bool,
    /// What comes up or serves is made from an earlier file, because the newest has failed and
    /// nothing served any more. Only another file, or an order to try it again, ends that.
    has_fallen_back: bool,
    /// A generation has served since it was stopped last.
    has_served: bool,
    /// Nothing is to run until a connection comes.
    is_asleep: bool,
    /// Somebody has asked to see it run.
    is_called: bool,
    /// A vassal that is new sleeps first, by the newest good file.
    pub(super) starts_asleep: bool,
    failures: u32,
    retry_at: Option<Instant>,
    /// How long a generation may take to come up, by the newest good file.
    pub(super) start_timeout: Duration,
    /// How long a generation may take to leave, by the newest good file.
    pub(super) reload_mercy: Duration,
    /// Between 0 and 1; shortens waits.
    pub(super) jitter: f64,
}

impl Lifecycle {
    /// A vassal that has just been seen.
    pub(super) fn new() -> Self {
        Self {
            want: Want::Run,
            newest: 0,
            serving: None,
            coming: None,
            handing: None,
            leaving: BTreeMap::new(),
            has_newest_failed: false,
            has_fallen_back: false,
            has_served: false,
            is_asleep: false,
            is_called: false,
            starts_asleep: false,
            failures: 0,
            retry_at: None,
            start_timeout: Duration::from_mins(1),
            reload_mercy: Duration::from_mins(1),
            jitter: 0.0,
        }
    }

    /// Where the vassal stands.
    pub(super) fn state(&self) -> VassalState {
        match (self.want, self.serving, self.coming) {
            (Want::Stop | Want::Remove, _, _) if self.is_alive() => VassalState::Stopping,
            (Want::Stop | Want::Remove, _, _) => VassalState::Stopped,
            (Want::Run, Some(_), Some(_)) => VassalState::Reloading,
            (Want::Run, Some(_), None) if self.handing.is_some() => VassalState::Reloading,
            (Want::Run, Some(_), None) if self.has_newest_failed => VassalState::Degraded,
            (Want::Run, Some(_), None) => VassalState::Ready,
            (Want::Run, None, Some(_)) => VassalState::Starting,
            (Want::Run, None, None) if self.is_asleep => VassalState::Asleep,
            // Its file has not been read yet.
            (Want::Run, None, None) if self.newest == 0 => VassalState::Starting,
            (Want::Run, None, None) => VassalState::Backoff,
        }
    }

    /// The generation that serves; also while it is paused, to be gone back to.
    pub(super) fn serving(&self) -> Option<u64> {
        self.serving.map(|serving| serving.generation)
    }

    /// The generation that comes up.
    pub(super) fn coming(&self) -> Option<u64> {
        self.coming.map(|coming| coming.generation)
    }

    /// Whether clients have nobody to answer them: nothing serves, or what did is paused.
    pub(super) fn is_unserved(&self) -> bool {
        self.serving.is_none_or(|serving| {
            matches!(serving.activity, Activity::Paused | Activity::FoundPaused)
        })
    }

    /// Whether the newest file has failed, nothing else is on its way, and what served may come
    /// back. One that was stopped by order is not brought back by what it served before.
    pub(super) fn may_fall_back(&self) -> bool {
        self.want == Want::Run
            && self.has_served
            && self.has_newest_failed
            && !self.has_fallen_back
            && self.coming.is_none()
    }

    /// Whether it has gone back to an earlier file by itself.
    pub(super) fn has_fallen_back(&self) -> bool {
        self.has_fallen_back
    }

    /// Whether a generation has served since it was stopped last.
    pub(super) fn has_served(&self) -> bool {
        self.has_served
    }

    /// The number given out last.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// How often it failed in a row and how long it still waits, while nothing serves or comes up.
    pub(super) fn waits(&self) -> Option<(u32, Duration)> {
        let now = Instant::now();
        let left = |at: Instant| at.saturating_duration_since(now);
        let is_waiting = self.state() == VassalState::Backoff;
        is_waiting.then(|| (self.failures, self.retry_at.map_or(Duration::ZERO, left)))
    }

    /// Whether a stop or removal is under way or done.
    pub(super) fn is_unwanted(&self) -> bool {
        self.want != Want::Run
    }

    /// Whether this generation was told to leave.
    pub(super) fn is_leaving(&self, generation: u64) -> bool {
        self.leaving.contains_key(&generation)
    }

    /// Undoes a stop; the file is then read again.
    pub(super) fn allow(&mut self) {
        self.want = Want::Run;
    }

    /// When [`Event::Woken`] is due, if ever.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let coming = self.coming.and_then(|coming| coming.stage.until());
        let pausing = self.serving.and_then(|serving| match serving.activity {
            Activity::Pausing { kill_at } => Some(kill_at),
            Activity::Serves | Activity::Paused | Activity::FoundPaused => None,
        });
        let leaving = self.leaving.values().map(|leaving| leaving.kill_at).min();
        let handing = self.handing.map(|handing| handing.until);
        [self.retry_at, coming, pausing, leaving, handing]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes an event in and says what is to be done.
    pub(super) fn step(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::FileGood => self.file_good(now),
            Event::FileBad => self.file_bad(now),
            Event::Idle(generation) => self.idle(generation, now),
            Event::Knocked => self.knocked(now),
            Event::SleepFailed => self.sleep_failed(now),
            Event::FellBack => self.fell_back(now),
            Event::FileGone => self.leave(Want::Remove, now),
            Event::StopAsked => self.leave(Want::Stop, now),
            Event::Spawned(generation) => self.spawned(generation, now),
            Event::Loaded(generation) => self.loaded(generation, now),
            Event::Ready(generation) => self.ready(generation, now),
            Event::Failed(generation) => self.failed(generation, now),
            Event::Paused(generation) => self.paused(generation, now),
            Event::Withdrawn(generation) => self.withdrawn(generation),
            Event::Exited(generation) => self.exited(generation, now),
            Event::Found(generation, phase) => self.found(generation, phase, now),
            Event::AllFound => self.all_found(),
            Event::Woken => self.woken(now),
        }
    }

    fn is_alive(&self) -> bool {
        self.serving.is_some() || self.coming.is_some() || !self.leaving.is_empty()
    }

    fn woken(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = self.kill_overdue(now);
        if let Some(Coming {
            generation, stage, ..
        }) = self.coming
            && stage.until().is_some_and(|until| until <= now)
        {
            actions.push(Action::TimeOut(generation));
        }
        if self.handing.is_some_and(|handing| handing.until <= now) {
            actions.extend(self.announce());
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            actions.extend(self.spawn(now));
        }
        actions
    }
}

#[cfg(test)]
mod tests;
