//! Jobs at given times: what is due is started, what runs is watched.
//!
//! The generation that holds the gate at a full minute starts what is due then; it lets go of the gate
//! at no moment within a second before such a minute, so that the next one has it in time. A
//! generation that takes the gate begins with the next minute: no job is started twice, neither by two
//! generations nor by a master and the one that follows its crash.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lictor_core::config::{BackgroundConfig, CronConfig};
use lictor_core::observe::{CronStatus, Timestamp};
use lictor_core::sys::utc_offset_seconds;
use rustix::event::{PollFd, PollFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::calendar::{Minute, is_due, next_due, passed};
use super::gate::Gate;
use super::label::{named, shortened};
use super::process::Process;
use crate::master::overdue::say;

/// How long before a full minute the gate is not let go of.
const MARGIN: Duration = Duration::from_secs(1);
/// Where nothing is due for so long, it is looked again.
const LONGEST_SLEEP: Minute = 24 * 60;

/// A job that runs.
#[derive(Debug)]
struct Run {
    process: Process,
    kill_at: Option<Instant>,
    is_killed: bool,
    /// How it ended.
    status: Option<String>,
}

impl Run {
    /// Reads what it prints, kills it if its time or that of its generation is up.
    fn has_ended(&mut self, label: &str, is_end: bool, now: Instant) -> bool {
        self.process.read();
        let is_late = self.kill_at.is_some_and(|at| at <= now);
        if (is_late || is_end) && !self.is_killed {
            self.is_killed = true;
            self.process.kill();
            let limit = if is_late { "harakiri" } else { "reload-mercy" };
            say(&format!(
                "lictor: {label} outlives `{limit}` and is killed\n"
            ));
        }
        let Some(status) = self.process.ended() else {
            return false;
        };
        if self.is_killed {
            self.process.kill_rest();
        }
        say(&format!("lictor: {label} ended: {status}\n"));
        self.status = Some(status.to_string());
        true
    }
}

/// One job.
#[derive(Debug)]
struct Job {
    config: CronConfig,
    label: String,
    runs: Vec<Run>,
    /// Due, and held back by what the generation before still runs.
    is_pending: bool,
    last_run: Option<Timestamp>,
    last_exit: Option<String>,
}

/// All jobs.
#[derive(Debug)]
pub(super) struct Jobs {
    all: Vec<Job>,
    limit: Option<Duration>,
    /// Held by the generation that starts jobs.
    starting: Gate,
    /// Held while a job runs that must not run twice.
    unique: Gate,
    /// Rings at the next minute of interest, by the clock that people set.
    clock: Option<OwnedFd>,
    /// Up to which minute everything is started; none before the gate is held.
    done: Option<Minute>,
    next: Option<Minute>,
    kill_at: Option<Instant>,
    is_leaving: bool,
}

impl Jobs {
    pub(super) fn new(config: &BackgroundConfig, starting: Gate, unique: Gate) -> Self {
        let jobs = config.crons.iter().map(|cron| Job {
            label: named("cron", &cron.command),
            config: cron.clone(),
            runs: Vec::new(),
            is_pending: false,
            last_run: None,
            last_exit: None,
        });
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let is_wanted = !config.crons.is_empty();
        let clock = is_wanted.then(|| timerfd_create(TimerfdClockId::Realtime, flags).ok());
        Self {
            all: jobs.collect(),
            limit: config.cron_harakiri,
            starting,
            unique,
            clock: clock.flatten(),
            done: None,
            next: None,
            kill_at: None,
            is_leaving: false,
        }
    }

    /// Starts what is due and looks after what runs. `serves` is whether this generation does.
    pub(super) fn tend(&mut self, serves: bool, now: Instant) {
        if let Some(clock) = &self.clock {
            let _rung = rustix::io::read(clock, &mut [0; 8][..]);
        }
        self.watch_runs(now);
        let holds = self.starting.is_held();
        if serves && !self.all.is_empty() && (holds || !self.is_leaving && self.starting.take(now))
        {
            self.start_due(now);
            self.let_go_if_leaving();
        }
        for index in 0..self.all.len() {
            self.start_pending(index, now);
        }
        if !self
            .all
            .iter()
            .any(|job| job.config.is_unique && !job.runs.is_empty())
        {
            let waits = self.all.iter().any(|job| job.is_pending);
            if !waits {
                self.unique.leave();
            }
        }
    }

    fn start_due(&mut self, now: Instant) {
        let (minute, _) = present();
        let done = self.done.unwrap_or(minute);
        let (minutes, last) = passed(done, minute);
        for minute in minutes {
            for job in &mut self.all {
                // One that is unique and still runs is left out this time.
                let is_free = !job.config.is_unique || job.runs.is_empty();
                job.is_pending |= is_free && is_due(&job.config, minute, &offset);
            }
            for index in 0..self.all.len() {
                self.start_pending(index, now);
            }
        }
        if self.done != Some(last) || self.next.is_none() {
            self.done = Some(last);
            self.set_clock(last);
        }
    }

    /// Starts a job that is due, unless the generation before still runs one that is unique.
    fn start_pending(&mut self, index: usize, now: Instant) {
        let Some(job) = self.all.get_mut(index).filter(|job| job.is_pending) else {
            return;
        };
        if job.config.is_unique && !self.unique.take(now) {
            return;
        }
        job.is_pending = false;
        job.last_run = Some(Timestamp::now());
        let limit = job.config.harakiri.or(self.limit);
        match Process::start(&job.label, &job.config.command, None) {
            Ok(process) => job.runs.push(Run {
                process,
                kill_at: limit.map(|limit| now + limit),
                is_killed: false,
                status: None,
            }),
            Err(error) => {
                let how = format!("it could not be started: {error}");
                say(&format!("lictor: {}: {how}\n", job.label));
                job.last_exit = Some(how);
            }
        }
    }

    fn watch_runs(&mut self, now: Instant) {
        let is_end = self.kill_at.is_some_and(|at| at <= now);
        for job in &mut self.all {
            let label = &job.label;
            let ended = job
                .runs
                .extract_if(.., |run| run.has_ended(label, is_end, now));
            job.last_exit = ended
                .filter_map(|run| run.status)
                .last()
                .or(job.last_exit.take());
        }
    }

    /// No job is started any more; those that run have until then.
    pub(super) fn leave(&mut self, kill_at: Instant) {
        self.is_leaving = true;
        self.kill_at.get_or_insert(kill_at);
        for job in &mut self.all {
            job.is_pending = false;
        }
        self.let_go_if_leaving();
    }

    /// Not within the last second before jobs are due: the next generation may not be there in time.
    fn let_go_if_leaving(&mut self) {
        let (minute, into) = present();
        let is_close = into + MARGIN >= Duration::from_mins(1) && self.next == Some(minute + 1);
        if self.is_leaving && !is_close {
            self.starting.leave();
        }
    }

    fn set_clock(&mut self, after: Minute) {
        let jobs: Vec<_> = self.all.iter().map(|job| &job.config).collect();
        self.next = Some(next_due(&jobs, after, &offset).unwrap_or(after + LONGEST_SLEEP));
        let Some((clock, next)) = self.clock.as_ref().zip(self.next) else {
            return;
        };
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let at = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: next * 60,
                tv_nsec: 0,
            },
        };
        // A clock that is set rings as well (`timerfd_create(2)`).
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        let _ = timerfd_settime(clock, flags, &at);
    }

    pub(super) fn poll_fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let rings = self.starting.is_held();
        let clock = self.clock.as_ref().filter(|_| rings);
        let clock = clock.map(|clock| PollFd::from_borrowed_fd(clock.as_fd(), PollFlags::IN));
        let runs = self.all.iter().flat_map(|job| &job.runs);
        clock
            .into_iter()
            .chain(runs.flat_map(|run| run.process.poll_fds()))
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        let runs = self.all.iter().flat_map(|job| &job.runs);
        let runs = runs.filter(|run| !run.is_killed);
        let ends = runs.flat_map(|run| [run.kill_at, self.kill_at]).flatten();
        ends.chain(self.starting.wake_at())
            .chain(self.unique.wake_at())
            .min()
    }

    /// Whether nothing runs and nothing is to be waited for.
    pub(super) fn is_over(&self) -> bool {
        !self.starting.is_held() && self.all.iter().all(|job| job.runs.is_empty())
    }

    pub(super) fn status(&self, generation: u64) -> Vec<CronStatus> {
        let (minute, _) = present();
        let status = self.all.iter().map(|job| {
            let next = || next_due(&[&job.config], self.done?.max(minute), &offset);
            CronStatus {
                command: shortened(&job.config.command),
                schedule: job.config.to_string(),
                generation,
                pids: job.runs.iter().map(|run| run.process.pid()).collect(),
                next_run: next().and_then(|next| Timestamp::from_unix(next * 60)),
                last_run: job.last_run,
                last_exit: job.last_exit.clone(),
            }
        });
        status.collect()
    }
}

/// The minute, and how many whole seconds of it are over.
fn present() -> (Minute, Duration) {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let minute = i64::try_from(since.as_secs() / 60).unwrap_or_default();
    let into = Duration::from_secs(since.as_secs() % 60);
    (minute, into)
}

fn offset(minute: Minute) -> i64 {
    utc_offset_seconds(minute * 60) / 60
}
