//! What people order a master to do by letters in a fifo (`master-fifo`) and by signals: tables, pure.

use rustix::process::Signal;

const SIGHUP: i32 = Signal::HUP.as_raw();
pub(super) const SIGINT: i32 = Signal::INT.as_raw();
const SIGQUIT: i32 = Signal::QUIT.as_raw();
pub(super) const SIGTERM: i32 = Signal::TERM.as_raw();
const SIGTSTP: i32 = Signal::TSTP.as_raw();
const SIGUSR1: i32 = Signal::USR1.as_raw();
const SIGUSR2: i32 = Signal::USR2.as_raw();

/// What a letter or a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A new generation takes over.
    Reload,
    /// The vassal is stopped, as by `lictor stop`.
    Stop,
    /// This master finishes and leaves.
    Leave,
    /// Connections wait, or wait no longer.
    TogglePause,
    /// The state of the workers is logged.
    TellState,
    /// `pidfile` is written again.
    WritePidFile,
    /// Another fifo of the list is read.
    Slot(usize),
    /// Another number of workers.
    Scale(Step),
    /// Something about the log files.
    Logs(LogOrder),
    /// Nothing is done, and this is logged.
    Decline(&'static str),
}

/// The signals that a master takes for itself, unless the app has a handler of its own.
pub(super) const SIGNALS: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGUSR1, SIGUSR2];

/// What people want of the number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    More,
    Fewer,
    /// None until a connection comes.
    None,
}

/// What people want of the log files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogOrder {
    /// They are opened anew.
    Reopen,
    /// They are put aside, and others begun.
    Rotate,
}

/// What a signal asks for.
pub(super) fn wish_of_signal(signal: i32) -> Option<Wish> {
    Some(match signal {
        SIGHUP => Wish::Reload,
        SIGTERM | SIGINT | SIGQUIT => Wish::Leave,
        SIGTSTP => Wish::TogglePause,
        SIGUSR1 | SIGUSR2 => Wish::TellState,
        _ => return None,
    })
}

/// What a letter asks for; none for white space, which `echo` brings along.
pub(super) fn wish_of_letter(letter: u8) -> Option<Wish> {
    Some(match letter {
        b'0'..=b'9' => Wish::Slot(usize::from(letter - b'0')),
        b'r' | b'R' | b'w' | b'W' | b'c' => Wish::Reload,
        b'q' | b'Q' => Wish::Stop,
        b'p' => Wish::TogglePause,
        b's' => Wish::TellState,
        b'P' => Wish::WritePidFile,
        b'+' => Wish::Scale(Step::More),
        b'-' => Wish::Scale(Step::Fewer),
        b'C' => Wish::Scale(Step::None),
        b'l' => Wish::Logs(LogOrder::Reopen),
        b'L' => Wish::Logs(LogOrder::Rotate),
        b'B' => {
            Wish::Decline("raise `processes` in the vassal file; no emperor sends reinforcements")
        }
        b'E' => {
            Wish::Decline("the emperor looks at its directory whenever something changes there")
        }
        b'f' => Wish::Decline("use `r`, by which the new generation starts beside the old one"),
        b'S' => Wish::Decline("there are no subscriptions that could be blocked"),
        _ if letter.is_ascii_whitespace() => return None,
        _ => Wish::Decline("the letters are listed by `lictor explain master-fifo`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_uwsgi_has_an_answer() {
        for (letters, wish) in [
            ("rRwWc", Wish::Reload),
            ("qQ", Wish::Stop),
            ("p", Wish::TogglePause),
            ("s", Wish::TellState),
            ("P", Wish::WritePidFile),
            ("0", Wish::Slot(0)),
            ("9", Wish::Slot(9)),
            ("+", Wish::Scale(Step::More)),
            ("-", Wish::Scale(Step::Fewer)),
            ("C", Wish::Scale(Step::None)),
            ("l", Wish::Logs(LogOrder::Reopen)),
            ("L", Wish::Logs(LogOrder::Rotate)),
        ] {
            for letter in letters.bytes() {
                assert_eq!(wish_of_letter(letter), Some(wish), "{}", char::from(letter));
            }
        }
        for letter in b"BEfSx\x00\xff" {
            assert!(matches!(wish_of_letter(*letter), Some(Wish::Decline(_))));
        }
        for letter in b" \n\r\t" {
            assert_eq!(wish_of_letter(*letter), None);
        }
    }

    #[test]
    fn every_signal_that_is_taken_means_something() {
        for signal in SIGNALS {
            assert!(wish_of_signal(signal).is_some(), "{signal}");
        }
        assert_eq!(wish_of_signal(SIGTERM), Some(Wish::Leave));
        assert_eq!(wish_of_signal(SIGHUP), Some(Wish::Reload));
        assert_eq!(wish_of_signal(Signal::CHILD.as_raw()), None);
    }
}
