//! The frames of HTTP/2 as they pass by (RFC 9113 §4.1), and what their number says of a client.
//!
//! h2 speaks the protocol and bounds what it has to keep: heads, data, resets. It does not mind frames
//! that cost work and bring nothing (CVE-2019-9512, 9515, 9517 and their kind), and does not tell which streams
//! still have something on its way to the client. Both show in nine bytes a frame, in either direction.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const HEAD_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const PROTOCOL_ERROR: u8 = 1;
const ENHANCE_YOUR_CALM: u8 = 11;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;
/// Padding may make an empty frame so long: its own length, and that many bytes.
const MOST_PADDING: u32 = 256;

/// How every connection begins (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// So many frames that bring nothing may come at once.
const MOST_IDLE_FRAMES: u32 = 1000;
/// What makes room for more of them: a new stream (its priority, its window), a frame of data that
/// the client has to be told room for or to acknowledge, and time.
const FOR_A_STREAM: u32 = 20;
const FOR_DATA: u32 = 4;
const FOR_A_SECOND: u32 = 20;
/// Streams that the client may take for open. h2 refuses them much earlier, and says so; only after
/// a farewell it does not.
const MOST_STREAMS: usize = 4096;

/// What a frame is, without its load.
#[derive(Clone, Copy, Debug)]
struct FrameHead {
    length: u32,
    sort: u8,
    flags: u8,
    stream: u32,
}

impl FrameHead {
    fn of(bytes: [u8; HEAD_BYTES]) -> Self {
        let [high, middle, low, sort, flags, stream @ ..] = bytes;
        Self {
            length: u32::from_be_bytes([0, high, middle, low]),
            sort,
            flags,
            stream: u32::from_be_bytes(stream) & (u32::MAX >> 1),
        }
    }

    fn ends_stream(self) -> bool {
        self.sort == RST_STREAM
            || matches!(self.sort, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    fn has_data(self) -> bool {
        let most_nothing = if self.flags & PADDED == 0 {
            0
        } else {
            MOST_PADDING
        };
        self.sort == DATA && self.length > most_nothing
    }
}

/// Finds the frames in one direction.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; HEAD_BYTES],
    held: usize,
    /// What is left of the load of the last frame, or of the preface.
    left: usize,
}

impl Frames {
    fn pass(&mut self, mut bytes: &[u8], mut seen: impl FnMut(FrameHead)) {
        while !bytes.is_empty() {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let taken = bytes.len().min(HEAD_BYTES - self.held);
            let (more, rest) = bytes.split_at_checked(taken).unwrap_or_default();
            if let Some(room) = self.head.get_mut(self.held..self.held + taken) {
                room.copy_from_slice(more);
            }
            self.held += taken;
            bytes = rest;
            if self.held == HEAD_BYTES {
                self.held = 0;
                let head = FrameHead::of(self.head);
                self.left = head.length as usize;
                seen(head);
            }
        }
    }

    fn is_between(&self) -> bool {
        self.held == 0 && self.left == 0
    }
}

/// What has gone to and fro on a connection.
#[derive(Debug)]
pub(crate) struct Traffic {
    incoming: Frames,
    outgoing: Frames,
    /// Streams that have begun and that the client has not seen the end of.
    open: BTreeSet<u32>,
    last: u32,
    /// How many frames that bring nothing are taken.
    allowance: u32,
    paid_at: Instant,
    /// Why the client is not listened to any more, as an error code.
    fault: Option<u8>,
    /// Its settings come first.
    has_begun: bool,
}

impl Traffic {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            incoming: Frames {
                left: PREFACE.len(),
                ..Frames::default()
            },
            outgoing: Frames::default(),
            open: BTreeSet::new(),
            last: 0,
            allowance: MOST_IDLE_FRAMES,
            paid_at: now,
            fault: None,
            has_begun: false,
        }
    }

    /// The client has sent this.
    pub(crate) fn came(&mut self, bytes: &[u8], now: Instant) {
        let mut incoming = std::mem::take(&mut self.incoming);
        incoming.pass(bytes, |head| self.take(head, now));
        self.incoming = incoming;
    }

    fn take(&mut self, head: FrameHead, now: Instant) {
        if !std::mem::replace(&mut self.has_begun, true) {
            if head.sort != SETTINGS {
                self.fault = Some(PROTOCOL_ERROR);
            }
            return;
        }
        match head.sort {
            HEADERS if head.stream > self.last => {
                self.last = head.stream;
                self.open.insert(head.stream);
                if self.open.len() > MOST_STREAMS {
                    self.condemn();
                }
                self.earn(FOR_A_STREAM);
            }
            RST_STREAM => {
                self.open.remove(&head.stream);
            }
            // Trailers; and what h2 bounds by the size of a head.
            HEADERS | CONTINUATION => {}
            DATA if head.has_data() || head.flags & END_STREAM != 0 => self.earn(FOR_DATA),
            _ => self.spend(now),
        }
    }

    /// The client was sent this.
    pub(crate) fn went(&mut self, bytes: &[u8]) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        outgoing.pass(bytes, |head| {
            if head.sort == DATA {
                self.earn(FOR_DATA);
            }
            if head.ends_stream() {
                self.open.remove(&head.stream);
            }
        });
        self.outgoing = outgoing;
    }

    fn earn(&mut self, frames: u32) {
        self.allowance = (self.allowance + frames).min(MOST_IDLE_FRAMES);
    }

    fn spend(&mut self, now: Instant) {
        if self.allowance == 0 {
            let passed = now.saturating_duration_since(self.paid_at);
            let seconds = u32::try_from(passed.as_secs()).unwrap_or(MOST_IDLE_FRAMES);
            self.paid_at += Duration::from_secs(seconds.into());
            self.earn(seconds.saturating_mul(FOR_A_SECOND));
        }
        match self.allowance.checked_sub(1) {
            Some(left) => self.allowance = left,
            None => self.condemn(),
        }
    }

    /// How many streams have begun and are not over for the client.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// The client has gone too far.
    pub(crate) fn condemn(&mut self) {
        self.fault = Some(ENHANCE_YOUR_CALM);
    }

    pub(crate) fn is_condemned(&self) -> bool {
        self.fault.is_some()
    }

    /// What a client that has gone too far is told (RFC 9113 §6.8), where a frame may begin.
    pub(crate) fn farewell(&self) -> Option<[u8; 17]> {
        let code = self.fault.filter(|_| self.outgoing.is_between())?;
        let mut frame = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, code];
        let [.., a, b, c, d, _, _, _, _] = &mut frame;
        [*a, *b, *c, *d] = self.last.to_be_bytes();
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(sort: u8, flags: u8, stream: u32, length: u32) -> Vec<u8> {
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([sort, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(vec![7; length as usize]);
        frame
    }

    fn begin() -> Vec<u8> {
        [PREFACE, &frame(SETTINGS, 0, 0, 0)].concat()
    }

    #[test]
    fn settings_come_first() {
        let now = Instant::now();
        let mut traffic = Traffic::new(now);
        traffic.came(PREFACE, now);
        assert!(!traffic.is_condemned());
        traffic.came(&frame(PING, 0, 0, 8), now);
        assert!(
            traffic
                .farewell()
                .is_some_and(|frame| frame[16] == PROTOCOL_ERROR)
        );
    }

    /// How many of these come before the client has gone too far, of 3000.
    fn taken(frame: &[u8]) -> Option<usize> {
        let now = Instant::now();
        let mut traffic = Traffic::new(now);
        traffic.came(&begin(), now);
        (0..3000).find(|_| {
            traffic.came(frame, now);
            traffic.is_condemned()
        })
    }

    #[test]
    fn frames_that_bring_nothing_are_counted() {
        let most = Some(MOST_IDLE_FRAMES as usize);
        for (sort, length) in [
            (PING, 8),
            (4, 0),
            (4, 6),
            (2, 5),
            (8, 4),
            (DATA, 0),
            (77, 300),
        ] {
            assert_eq!(taken(&frame(sort, 0, 1, length)), most, "{sort}");
        }
        assert_eq!(taken(&frame(DATA, PADDED, 1, MOST_PADDING)), most);
        for (sort, flags, length) in [(DATA, 0, 1), (DATA, END_STREAM, 0), (HEADERS, 5, 9)] {
            assert_eq!(taken(&frame(sort, flags, 1, length)), None, "{sort}");
        }
        let mut window = frame(8, 0, 1, 4);
        window.extend(frame(DATA, 0, 1, 100));
        assert_eq!(taken(&window), None);
    }

    #[test]
    fn time_and_answers_make_room() {
        let now = Instant::now();
        let mut traffic = Traffic::new(now);
        traffic.came(&begin(), now);
        let ping = frame(PING, 0, 0, 8);
        traffic.came(&ping.repeat(MOST_IDLE_FRAMES as usize), now);
        traffic.went(&frame(DATA, 0, 1, 10));
        traffic.came(&ping.repeat(FOR_DATA as usize), now);
        let later = now + Duration::from_secs(3);
        traffic.came(&ping.repeat(3 * FOR_A_SECOND as usize), later);
        assert!(!traffic.is_condemned());
        traffic.came(&ping, later);
        assert!(traffic.is_condemned());
    }

    #[test]
    fn a_stream_is_open_until_its_end_has_gone_out() {
        let now = Instant::now();
        for step in [1, 2, 5, 1000] {
            let mut traffic = Traffic::new(now);
            let mut came = begin();
            for stream in [1, 3, 5, 7] {
                came.extend(frame(HEADERS, 5, stream, 12));
            }
            came.extend(frame(RST_STREAM, 0, 5, 4));
            for part in came.chunks(step) {
                traffic.came(part, now);
            }
            assert_eq!(traffic.open(), 3);
            let mut went = frame(HEADERS, 4, 1, 20);
            went.extend(frame(DATA, 0, 1, 50));
            for part in went.chunks(step) {
                traffic.went(part);
            }
            assert_eq!(traffic.open(), 3);
            assert!(traffic.farewell().is_none());
            traffic.condemn();
            assert!(traffic.farewell().is_some_and(|frame| frame[12] == 7));
            for (sort, stream) in [(DATA, 1), (HEADERS, 3), (RST_STREAM, 7)] {
                let end = frame(sort, END_STREAM, stream, 4);
                traffic.went(&end[..5]);
                assert!(traffic.farewell().is_none());
                traffic.went(&end[5..]);
            }
            assert_eq!(traffic.open(), 0);
        }
    }

    #[test]
    fn streams_that_nobody_ends_are_too_many_at_last() {
        let now = Instant::now();
        let mut traffic = Traffic::new(now);
        traffic.came(&begin(), now);
        let most = u32::try_from(MOST_STREAMS).unwrap();
        for number in 0..=most {
            assert!(!traffic.is_condemned());
            traffic.came(&frame(HEADERS, 5, 2 * number + 1, 1), now);
        }
        assert!(traffic.is_condemned());
    }
}
