//! When starts have to wait for memory: pure but for reading two files of `/proc`.
//!
//! A machine that runs out of memory ends processes that serve. A start that waits ends nobody.

use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use lictor_core::sys::read_bounded;

/// How often it is looked again while starts wait.
const PERIOD: Duration = Duration::from_secs(1);
/// Even then one starts so often, if nothing else comes up: nobody waits for ever.
const PATIENCE: Duration = Duration::from_secs(30);
/// All processes standing still for memory for such a share of the time is too much, in percent
/// (`full avg10` in the kernel's `Documentation/accounting/psi.rst`).
const STALL_LIMIT_PERCENT: f64 = 20.0;
const PROC_LIMIT_BYTES: u64 = 64 * 1024;

/// How much memory has to be available for a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FreeMemory {
    /// So many bytes.
    Bytes(u64),
    /// Such a share of all memory.
    Percent(u8),
}

impl FreeMemory {
    /// Starts never wait.
    pub(super) const NONE: Self = Self::Bytes(0);

    fn of(self, total: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => total / 100 * u64::from(percent),
        }
    }
}

/// Why a text is no amount of memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no amount of memory; write `5%`, `512M`, `2G`, or 0 for none")]
pub(crate) struct NotFreeMemory(String);

impl FromStr for FreeMemory {
    type Err = NotFreeMemory;

    fn from_str(text: &str) -> Result<Self, NotFreeMemory> {
        let refused = || NotFreeMemory(text.to_owned());
        let unit_at = text.find(|c: char| !c.is_ascii_digit());
        let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
        let number: u64 = number.parse().map_err(|_not_a_number| refused())?;
        let factor = match unit {
            "%" => {
                let percent = u8::try_from(number).ok().filter(|percent| *percent <= 100);
                return percent.map(Self::Percent).ok_or_else(refused);
            }
            "K" | "k" => 1 << 10,
            "M" | "m" => 1 << 20,
            "G" | "g" => 1 << 30,
            "" if number == 0 => 0,
            _ => return Err(refused()),
        };
        let bytes = number.checked_mul(factor).ok_or_else(refused)?;
        Ok(Self::Bytes(bytes))
    }
}

/// What a start that wants to pass is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Go on, as before.
    Open,
    /// Go on; from now on again.
    OpensAgain,
    /// Wait; from now on, for this reason.
    Closes(String),
    /// Wait, as before.
    Closed,
    /// Go on, alone.
    LetThrough,
}

/// The gate that starts pass one by one.
#[derive(Debug, Default)]
pub(super) struct Gate(Option<Closed>);

#[derive(Debug)]
struct Closed {
    look_at: Instant,
    let_through_at: Instant,
}

impl Gate {
    /// Whether the next start may pass. `pressure` is asked at most once a second while it may not.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        is_anything_coming: bool,
        pressure: impl FnOnce() -> Option<String>,
    ) -> Passage {
        if self.0.as_ref().is_some_and(|closed| now < closed.look_at) {
            return Passage::Closed;
        }
        let Some(reason) = pressure() else {
            return match self.0.take() {
                Some(_) => Passage::OpensAgain,
                None => Passage::Open,
            };
        };
        let Some(closed) = &mut self.0 else {
            self.0 = Some(Closed {
                look_at: now + PERIOD,
                let_through_at: now + PATIENCE,
            });
            return Passage::Closes(reason);
        };
        closed.look_at = now + PERIOD;
        if is_anything_coming || now < closed.let_through_at {
            return Passage::Closed;
        }
        closed.let_through_at = now + PATIENCE;
        Passage::LetThrough
    }

    /// Nobody waits any more; whether anybody had to.
    pub(super) fn is_left(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// When to ask again.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.0.as_ref().map(|closed| closed.look_at)
    }
}

/// Why starts should wait now, if they should.
pub(super) fn look(minimum: FreeMemory) -> Option<String> {
    if minimum == FreeMemory::NONE {
        return None;
    }
    let text = |path| {
        let bytes = read_bounded(Path::new(path), PROC_LIMIT_BYTES).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    // Not every kernel counts the second.
    pressure(
        &text("/proc/meminfo"),
        &text("/proc/pressure/memory"),
        minimum,
    )
}

/// The same, from the texts of `/proc/meminfo` and `/proc/pressure/memory`. What cannot be read
/// holds nobody up.
fn pressure(meminfo: &str, stalls: &str, minimum: FreeMemory) -> Option<String> {
    let total = kilobytes(meminfo, "MemTotal:")?;
    let wanted = minimum.of(total);
    if wanted == 0 {
        return None;
    }
    let available = kilobytes(meminfo, "MemAvailable:")?;
    if available < wanted {
        return Some(format!(
            "{} MiB of memory are available, and {} should be (`--min-free-memory`)",
            available >> 20,
            wanted >> 20
        ));
    }
    let stalled = full_average(stalls).filter(|percent| *percent > STALL_LIMIT_PERCENT)?;
    Some(format!(
        "the machine is short of memory: in the last 10 s everything stood still for it {stalled} % \
         of the time"
    ))
}

fn kilobytes(meminfo: &str, name: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = rest.trim().strip_suffix(" kB")?.parse().ok()?;
    number.checked_mul(1024)
}

fn full_average(stalls: &str) -> Option<f64> {
    let full = stalls.lines().find(|line| line.starts_with("full "))?;
    let average = full.split(' ').find_map(|word| word.strip_prefix("avg10="));
    average?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: &str = "some avg10=99.00 avg60=0.00 avg300=0.03 total=522917\n\
                        full avg10=19.99 avg60=0.00 avg300=0.01 total=394752\n";
    const STALLED: &str = "some avg10=99.00 avg60=0.00 avg300=0.03 total=522917\n\
                           full avg10=20.01 avg60=0.00 avg300=0.01 total=394752\n";

    fn meminfo(available_kb: u64) -> String {
        format!(
            "MemTotal:       10240000 kB\nMemFree:             1 kB\n\
             MemAvailable:   {available_kb} kB\nBuffers:            0 kB\n"
        )
    }

    #[test]
    fn too_little_available_memory_is_pressure() {
        let percent = FreeMemory::Percent(5);
        assert_eq!(pressure(&meminfo(512_000), CALM, percent), None);
        let reason = pressure(&meminfo(511_999), CALM, percent).unwrap();
        assert_eq!(
            reason,
            "499 MiB of memory are available, and 500 should be (`--min-free-memory`)"
        );
        let size = FreeMemory::Bytes(1 << 30);
        assert_eq!(pressure(&meminfo(1 << 20), CALM, size), None);
        assert!(pressure(&meminfo((1 << 20) - 1), CALM, size).is_some());
        let all = FreeMemory::Percent(100);
        assert!(pressure(&meminfo(10_000_000), CALM, all).is_some());
    }

    #[test]
    fn processes_that_stand_still_are_pressure() {
        let percent = FreeMemory::Percent(5);
        let reason = pressure(&meminfo(9_000_000), STALLED, percent).unwrap();
        assert!(reason.contains("20.01 %"), "{reason}");
    }

    #[test]
    fn what_cannot_be_read_or_is_not_wanted_holds_nobody_up() {
        let percent = FreeMemory::Percent(5);
        assert_eq!(pressure("", STALLED, percent), None);
        assert_eq!(pressure("MemTotal: lots", CALM, percent), None);
        assert_eq!(
            pressure(&meminfo(9_000_000), "full avg10=much", percent),
            None
        );
        assert_eq!(pressure(&meminfo(9_000_000), "", percent), None);
        assert_eq!(pressure(&meminfo(1), STALLED, FreeMemory::NONE), None);
        assert_eq!(pressure(&meminfo(1), STALLED, FreeMemory::Percent(0)), None);
    }

    #[test]
    fn amounts_are_shares_or_sizes() {
        let table = [
            ("5%", Some(FreeMemory::Percent(5))),
            ("100%", Some(FreeMemory::Percent(100))),
            ("0", Some(FreeMemory::NONE)),
            ("512M", Some(FreeMemory::Bytes(512 << 20))),
            ("2g", Some(FreeMemory::Bytes(2 << 30))),
            ("101%", None),
            ("512", None),
            ("-1M", None),
            ("", None),
            ("M", None),
            ("%", None),
            ("1T", None),
            ("99999999999999999999M", None),
            ("18446744073709551615G", None),
        ];
        for (text, amount) in table {
            assert_eq!(text.parse().ok(), amount, "{text}");
        }
    }

    #[test]
    fn starts_are_paused_and_resumed_once_each() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut gate = Gate::default();
        let short = || Some("short".to_owned());
        assert_eq!(gate.ask(now, false, || None), Passage::Open);
        let closes = Passage::Closes("short".into());
        assert_eq!(gate.ask(now, false, short), closes);
        assert_eq!(gate.look_at(), Some(at(1)));
        let unasked = || panic!("it is looked once a second");
        let early = now + Duration::from_millis(999);
        assert_eq!(gate.ask(early, false, unasked), Passage::Closed);
        assert_eq!(gate.ask(at(1), false, short), Passage::Closed);
        assert_eq!(gate.ask(at(2), false, || None), Passage::OpensAgain);
        assert_eq!(gate.ask(at(2), false, || None), Passage::Open);
        assert_eq!(gate.look_at(), None);
    }

    #[test]
    fn one_is_let_through_now_and_then_if_nothing_else_comes_up() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let short = || Some("short".to_owned());
        let mut gate = Gate::default();
        gate.ask(now, true, short);
        assert_eq!(gate.ask(at(29), false, short), Passage::Closed);
        assert_eq!(gate.ask(at(30), true, short), Passage::Closed);
        assert_eq!(gate.ask(at(31), false, short), Passage::LetThrough);
        assert_eq!(gate.ask(at(32), false, short), Passage::Closed);
        assert_eq!(gate.ask(at(60), false, short), Passage::Closed);
        assert_eq!(gate.ask(at(61), false, short), Passage::LetThrough);
        assert!(gate.is_left());
        assert!(!gate.is_left());
    }
}
