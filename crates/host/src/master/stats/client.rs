//! One client of `stats`, from its connection to the last byte it takes.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

/// For the whole of it.
const PATIENCE: Duration = Duration::from_secs(5);
/// A head of a request; those who ask say little.
const HEAD_BYTES: usize = 8 * 1024;

/// Somebody who is being told.
pub(super) struct Client {
    stream: OwnedFd,
    /// When it is let go of.
    pub(super) until: Instant,
    step: Step,
}

enum Step {
    /// It has asked so far.
    Asks(Vec<u8>),
    /// It speaks no HTTP, and is told without having asked.
    Listens,
    /// It has taken so many bytes of this.
    Takes(Vec<u8>, usize),
}

impl Client {
    pub(super) fn new(stream: OwnedFd, asks: bool, now: Instant) -> Self {
        let step = if asks {
            Step::Asks(Vec::new())
        } else {
            Step::Listens
        };
        Self {
            stream,
            until: now + PATIENCE,
            step,
        }
    }

    pub(super) fn poll_fd(&self) -> PollFd<'_> {
        let wanted = match self.step {
            Step::Asks(_) => PollFlags::IN,
            Step::Listens | Step::Takes(..) => PollFlags::OUT,
        };
        PollFd::new(&self.stream, wanted)
    }

    /// Goes as far as can be without waiting. False if there is nothing more to do for it.
    pub(super) fn go_on(&mut self, now: Instant, tell: impl FnOnce() -> String) -> bool {
        if now >= self.until {
            return false;
        }
        if let Step::Asks(head) = &mut self.step {
            match hear(&self.stream, head) {
                Heard::Part => return true,
                Heard::Nothing => return false,
                Heard::Whole => self.step = Step::Takes(answer(head, tell), 0),
            }
        } else if let Step::Listens = self.step {
            self.step = Step::Takes(tell().into_bytes(), 0);
        }
        match &mut self.step {
            Step::Takes(text, taken) => give(&self.stream, text, taken),
            Step::Asks(_) | Step::Listens => true,
        }
    }
}

enum Heard {
    /// There is more to come.
    Part,
    Whole,
    /// It will not ask.
    Nothing,
}

fn hear(stream: &OwnedFd, head: &mut Vec<u8>) -> Heard {
    let mut room = [0; 2048];
    loop {
        match recv(stream, &mut room[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Heard::Nothing,
            Ok((count, _)) => head.extend(room.iter().take(count)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Heard::Part,
            Err(_gone) => return Heard::Nothing,
        }
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            return Heard::Whole;
        }
        if head.len() > HEAD_BYTES {
            return Heard::Nothing;
        }
    }
}

/// An answer of HTTP (RFC 9112), behind which the connection ends.
fn answer(head: &[u8], tell: impl FnOnce() -> String) -> Vec<u8> {
    let is_head = head.starts_with(b"HEAD ");
    let (status, kind, body) = if is_head || head.starts_with(b"GET ") {
        ("200 OK", "application/json", tell())
    } else {
        let refusal = "only GET and HEAD are answered here\n";
        ("405 Method Not Allowed", "text/plain", refusal.to_owned())
    };
    let allow = if status.starts_with("405") {
        "Allow: GET, HEAD\r\n"
    } else {
        ""
    };
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    if !is_head {
        answer.push_str(&body);
    }
    answer.into_bytes()
}

/// False once it has all, or is gone.
fn give(stream: &OwnedFd, text: &[u8], taken: &mut usize) -> bool {
    while let Some(left) = text.get(*taken..).filter(|left| !left.is_empty()) {
        match send(stream, left, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(count) => *taken += count,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return true,
            Err(_gone) => return false,
        }
    }
    let _already_gone = shutdown(stream, Shutdown::Write);
    false
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (OwnedFd, UnixStream) {
        let (mine, theirs) = UnixStream::pair().unwrap();
        mine.set_nonblocking(true).unwrap();
        (mine.into(), theirs)
    }

    fn all(mut stream: UnixStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn who_connects_is_told() {
        let (mine, theirs) = pair();
        let now = Instant::now();
        let mut client = Client::new(mine, false, now);
        assert!(!client.go_on(now, || "{}".to_owned()));
        drop(client);
        assert_eq!(all(theirs), "{}");
    }

    #[test]
    fn a_request_may_come_in_parts() {
        for (request, status, body) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200", "{}"),
            ("HEAD /x HTTP/1.0\r\n\r\n", "HTTP/1.1 200", ""),
            (
                "POST / HTTP/1.1\r\n\r\n",
                "HTTP/1.1 405",
                "only GET and HEAD are answered here\n",
            ),
        ] {
            let (mine, mut theirs) = pair();
            let now = Instant::now();
            let mut client = Client::new(mine, true, now);
            let tell = || "{}".to_owned();
            let (first, rest) = request.split_at(7);
            theirs.write_all(first.as_bytes()).unwrap();
            assert!(client.go_on(now, tell));
            theirs.write_all(rest.as_bytes()).unwrap();
            assert!(!client.go_on(now, tell));
            drop(client);
            let answer = all(theirs);
            assert!(answer.starts_with(status), "{answer}");
            assert_eq!(answer.split_once("\r\n\r\n").unwrap().1, body);
        }
    }

    #[test]
    fn nobody_is_waited_for() {
        let (mine, _theirs) = pair();
        let now = Instant::now();
        let mut client = Client::new(mine, false, now);
        let long = || "x".repeat(8 << 20);
        assert!(client.go_on(now, long), "it takes nothing");
        assert!(!client.go_on(now + PATIENCE, long));
        let (mine, mut theirs) = pair();
        let mut client = Client::new(mine, true, now);
        theirs.write_all(&[b'x'; HEAD_BYTES + 10]).unwrap();
        assert!(!client.go_on(now, long), "no end of a head");
    }
}
