//! The service manager behind `NOTIFY_SOCKET` (`sd_notify(3)`): that the emperor is ready, reloads and
//! stops, how its vassals are, and that its loop turns.
//!
//! The emperor never waits for the manager: what it does not take stays in the `outbox`, and the loop
//! goes on.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::notify_socket::{Line, Sent, address};
use super::outbox::{Notice, Outbox};
use super::run::Emperor;
use super::status_line::status_line;

/// Between two lines of status.
const STATUS_PACE: Duration = Duration::from_secs(1);
/// What the emperor needs to stop beyond the longest `reload-mercy`.
const STOP_GRACE: Duration = Duration::from_secs(20);
/// The manager's words to this process alone, which no app is to inherit: `sd_notify(3)`,
/// `sd_watchdog_enabled(3)`, `sd_listen_fds(3)`, `systemd.exec(5)`.
pub(super) const OWN_VARIABLES: [&str; 8] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "FDSTORE",
];

/// The service manager, if there is one.
#[derive(Debug)]
pub(super) struct Manager {
    line: Option<Line>,
    outbox: Outbox,
    watchdog: Option<Watchdog>,
    status: StatusWord,
    is_ready: bool,
    seen_seq: Option<u64>,
}

impl Manager {
    /// As the environment says.
    pub(super) fn from_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name);
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let line = variable("NOTIFY_SOCKET").and_then(|value| {
            let address = address(&value);
            if address.is_none() {
                let value = value.display();
                tracing::warn!("`NOTIFY_SOCKET` is `{value}`, which is no unix socket: ignored");
            }
            address.map(Line::to)
        });
        let pid = std::process::id();
        let every = watchdog(text("WATCHDOG_USEC"), text("WATCHDOG_PID"), pid);
        Self {
            watchdog: every.filter(|_| line.is_some()).map(|every| Watchdog {
                every,
                next: Instant::now(),
            }),
            line,
            outbox: Outbox::default(),
            status: StatusWord::default(),
            is_ready: false,
            seen_seq: None,
        }
    }

    /// Where sockets that it shall keep are announced.
    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn say(&self, notice: Notice) {
        if self.line.is_some() {
            self.outbox.push(notice);
        }
    }

    fn ready(&mut self) {
        self.is_ready = true;
        self.say(Notice::Ready);
    }

    /// What follows the look of a SIGHUP; [`Manager::reloaded`] ends it.
    pub(super) fn reloading(&self) {
        // The manager compares it with the time of its own order, `systemd.service(5)`.
        let now = clock_gettime(ClockId::Monotonic);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or_default();
        self.say(Notice::Reloading(seconds * 1_000_000 + nanoseconds / 1000));
    }

    /// The look is done.
    pub(super) fn reloaded(&self) {
        self.say(Notice::Ready);
    }

    /// When the loop has to turn again for the manager's sake.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.line.as_ref()?;
        let ping = self.watchdog.as_ref().map(|watchdog| watchdog.next);
        [ping, self.status.due].into_iter().flatten().min()
    }

    /// Until a manager that did not read reads on.
    pub(super) async fn reads_on(&self) {
        match self.line.as_ref().and_then(Line::blocked) {
            Some(socket) => drop(socket.writable().await),
            None => std::future::pending().await,
        }
    }

    /// Sends what waits, as far as the manager takes it.
    fn flush(&mut self) {
        let Some(line) = &mut self.line else { return };
        while let Some(notice) = self.outbox.take() {
            match line.send(&notice) {
                Sent::Yes => {}
                Sent::Later => return self.outbox.put_back(notice),
                Sent::Never(error) => tracing::warn!(
                    "the service manager could not be told `{}`: {error}",
                    notice.text().trim_end().replace('\n', ", ")
                ),
            }
        }
    }
}

impl Emperor {
    /// Tells the manager what is new. Called at each turn of the loop, so that a loop that is stuck
    /// tells nothing.
    pub(super) fn tell_manager(&mut self) {
        if self.manager.line.is_none() {
            return;
        }
        if !self.manager.is_ready && self.is_up() {
            self.manager.ready();
        }
        let now = Instant::now();
        let seq = Some(self.journal.seq());
        if self.manager.seen_seq != seq {
            self.manager.seen_seq = seq;
            self.manager.status.due_after(now);
            self.keep_sockets();
        }
        if self.manager.status.is_due(now) {
            let line = self.status_line();
            if self.manager.status.is_news(&line, now) {
                self.manager.say(Notice::Status(line));
            }
        }
        let ping = self.manager.watchdog.as_mut();
        if ping.is_some_and(|watchdog| watchdog.is_due(now)) {
            self.manager.say(Notice::Watchdog);
        }
        self.manager.flush();
    }

    /// The emperor says that it stops, and how long that may take: the manager must not kill it while
    /// a vassal finishes requests that its `reload-mercy` allows for.
    pub(super) fn tell_manager_of_stop(&self) {
        let generations = self
            .vassals
            .values()
            .flat_map(|vassal| vassal.generations.values());
        let longest = generations
            .map(|generation| generation.terms.reload_mercy)
            .max();
        let longest = longest.unwrap_or_default().saturating_add(STOP_GRACE);
        self.manager.say(Notice::Stopping(longest));
    }

    /// After the first pass over the sources. A single app has one site to offer, and is ready when
    /// that is.
    fn is_up(&self) -> bool {
        let mut lives = self.vassals.values().map(|vassal| &vassal.life);
        self.is_ready
            && (!self.settings.is_foreground || lives.any(|life| life.serving().is_some()))
    }

    fn status_line(&self) -> String {
        let vassals: Vec<_> = self
            .vassals
            .values()
            .map(|vassal| (vassal.name.as_str(), vassal.life.state()))
            .collect();
        status_line(&vassals)
    }
}

/// How often a ping is due: twice in the time that the manager allows for.
fn watchdog(usec: Option<String>, pid: Option<String>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let usec = usec?.parse().ok().filter(|usec| *usec > 1)?;
    Some(Duration::from_micros(usec) / 2)
}

#[derive(Debug)]
struct Watchdog {
    every: Duration,
    next: Instant,
}

impl Watchdog {
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next <= now;
        if is_due {
            self.next = now + self.every;
        }
        is_due
    }
}

/// The line of status: told when it is another one, not more than once in a while.
#[derive(Debug, Default)]
struct StatusWord {
    said: String,
    last: Option<Instant>,
    due: Option<Instant>,
}

impl StatusWord {
    /// Something happened: the line may be another one.
    fn due_after(&mut self, now: Instant) {
        let earliest = self.last.map_or(now, |last| now.max(last + STATUS_PACE));
        self.due.get_or_insert(earliest);
    }

    fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    fn is_news(&mut self, line: &str, now: Instant) -> bool {
        self.due = None;
        let is_news = self.said != line;
        if is_news {
            line.clone_into(&mut self.said);
            self.last = Some(now);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_come_twice_in_the_time_that_is_allowed_for() {
        let of = |usec: &str, pid: Option<&str>| {
            watchdog(Some(usec.to_owned()), pid.map(str::to_owned), 7)
        };
        let half = Some(Duration::from_secs(15));
        assert_eq!(of("30000000", None), half);
        assert_eq!(of("30000000", Some("7")), half);
        assert_eq!(of("30000000", Some("8")), None);
        assert_eq!(of("30000000", Some("x")), None);
        for nothing in ["0", "1", "", "soon", "-1"] {
            assert_eq!(of(nothing, None), None, "{nothing}");
        }
        assert_eq!(watchdog(None, None, 7), None);
    }

    #[test]
    fn a_line_of_status_comes_when_it_is_another_one_and_not_too_often() {
        let (mut word, start) = (StatusWord::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert!(!word.is_due(start));
        word.due_after(at(0));
        assert!(word.is_due(at(0)) && word.is_news("a", at(0)));
        word.due_after(at(10));
        word.due_after(at(20));
        assert!(!word.is_due(at(999)) && word.is_due(at(1000)));
        assert!(!word.is_news("a", at(1000)));
        // What was no news sets no pace.
        word.due_after(at(1010));
        assert!(word.is_due(at(1010)) && word.is_news("b", at(1010)));
        assert!(!word.is_due(at(9000)));
    }
}
