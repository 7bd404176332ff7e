//! When to ping a client and when to give it up: a function of time. Owns no clock.
//!
//! Any byte from the client proves that it lives, so one that sends is never pinged, and a pong that
//! stands behind a long upload is not missed.

use std::time::{Duration, Instant};

use super::Limits;

/// How long a client may take to answer our close frame.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing before that, if ever.
    Nothing(Option<Instant>),
    /// Send a ping, and ask again.
    Ping,
    /// The client does not answer: give it up.
    Lost,
    /// The client does not answer our close frame: close the socket.
    Abandon,
}

/// The times of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timers {
    interval: Option<Duration>,
    timeout: Duration,
    heard: Instant,
    pinged: Option<Instant>,
    closing: Option<Instant>,
}

impl Timers {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            interval: limits.ping_interval,
            timeout: limits.ping_timeout,
            heard: now,
            pinged: None,
            closing: None,
        }
    }

    /// Bytes have come; or reading begins again after the app did not want to hear, when silence
    /// was ours.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    /// Our close frame has been laid down.
    pub(crate) fn closing(&mut self, now: Instant) {
        self.closing.get_or_insert(now);
    }

    /// `is_reading`: whether bytes would be noticed if they came.
    pub(crate) fn due(&mut self, now: Instant, is_reading: bool) -> Due {
        if let Some(closing) = self.closing {
            return at(closing + CLOSE_PATIENCE, now, Due::Abandon);
        }
        let Some(interval) = self.interval.filter(|_| is_reading) else {
            self.pinged = None;
            return Due::Nothing(None);
        };
        if let Some(pinged) = self.pinged {
            return at(pinged + self.timeout, now, Due::Lost);
        }
        let due = at(self.heard + interval, now, Due::Ping);
        if due == Due::Ping {
            self.pinged = Some(now);
        }
        due
    }
}

fn at(time: Instant, now: Instant, due: Due) -> Due {
    if now < time {
        Due::Nothing(Some(time))
    } else {
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::Limits;
    use super::{Due, Timers};

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_silent_client_is_pinged_then_lost() {
        let start = Instant::now();
        let mut timers = Timers::new(&Limits::default(), start);
        assert_eq!(
            timers.due(start, true),
            Due::Nothing(Some(start + seconds(20)))
        );
        timers.heard(start + seconds(5));
        assert_eq!(
            timers.due(start + seconds(20), true),
            Due::Nothing(Some(start + seconds(25)))
        );
        assert_eq!(timers.due(start + seconds(26), true), Due::Ping);
        assert_eq!(
            timers.due(start + seconds(26), true),
            Due::Nothing(Some(start + seconds(46)))
        );
        assert_eq!(timers.due(start + seconds(46), true), Due::Lost);
        timers.heard(start + seconds(46));
        assert_eq!(
            timers.due(start + seconds(46), true),
            Due::Nothing(Some(start + seconds(66)))
        );
    }

    #[test]
    fn who_is_not_read_from_is_not_missed() {
        let start = Instant::now();
        let mut timers = Timers::new(&Limits::default(), start);
        assert_eq!(timers.due(start + seconds(20), true), Due::Ping);
        assert_eq!(timers.due(start + seconds(99), false), Due::Nothing(None));
        timers.heard(start + seconds(100));
        assert_eq!(
            timers.due(start + seconds(100), true),
            Due::Nothing(Some(start + seconds(120)))
        );
    }

    #[test]
    fn pings_can_be_off_and_a_close_is_not_waited_for_for_ever() {
        let limits = Limits {
            ping_interval: None,
            ..Limits::default()
        };
        let start = Instant::now();
        let mut timers = Timers::new(&limits, start);
        assert_eq!(timers.due(start + seconds(9999), true), Due::Nothing(None));
        timers.closing(start + seconds(10_000));
        timers.closing(start + seconds(10_005));
        let end = start + seconds(10_010);
        assert_eq!(
            timers.due(start + seconds(10_005), true),
            Due::Nothing(Some(end))
        );
        assert_eq!(timers.due(end, false), Due::Abandon);
    }
}
