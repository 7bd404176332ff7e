//! Being found by the next emperor, and what is done until then.
//!
//! A master whose emperor is gone serves on. It keeps the end of the pipe that the emperor read its
//! output from, and reads it itself: nobody who prints is kept waiting. What was printed last is
//! kept for the next emperor, the rest is counted.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use lictor_core::ipc::{
    Adopted, Channel, Handover, HandoverListener, MasterMessage, MasterOrder, MasterPhase,
    PROTOCOL, Received, accept_at_meeting, listen_at_meeting,
};
use lictor_core::sys::adopt;
use rustix::event::{PollFd, PollFlags};

use super::run::Master;

/// Output kept for the next emperor: what fits into one packet, however it has to be escaped.
const KEPT_BYTES: usize = 16 * 1024;
/// Emperors that have knocked and not said a word yet; there is never more than one that is real.
const VISITOR_LIMIT: usize = 4;

/// What a master needs to be found.
pub(super) struct Meeting {
    socket: OwnedFd,
    /// None once nobody holds the other end any more: the output goes to a file.
    output: Option<OwnedFd>,
    visitors: Vec<Channel>,
    kept: VecDeque<u8>,
    dropped_lines: u64,
}

impl Meeting {
    /// Takes over the descriptors that the handover names.
    pub(super) fn adopt(handover: &Handover) -> io::Result<Option<Self>> {
        let Some(adoption) = handover.adoption else {
            return Ok(None);
        };
        let numbers = adoption.socket_fd.zip(adoption.output_fd);
        let (socket, output) = numbers.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some(Self {
            socket: adopt(socket)?,
            output: Some(adopt(output)?),
            visitors: Vec::new(),
            kept: VecDeque::new(),
            dropped_lines: 0,
        }))
    }

    /// From now on an emperor can knock.
    pub(super) fn open(&self) -> io::Result<()> {
        listen_at_meeting(&self.socket)
    }

    /// For an exec that keeps them.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [
            Some(self.socket.as_fd()),
            self.output.as_ref().map(AsFd::as_fd),
        ]
        .into_iter()
        .flatten()
    }

    /// What to wait for: somebody who knocks or has knocked, and output that nobody else reads.
    pub(super) fn awaited(&self, is_emperor_gone: bool) -> impl Iterator<Item = PollFd<'_>> {
        let output = self.output.as_ref().filter(|_| is_emperor_gone);
        [Some(self.socket.as_fd()), output.map(AsFd::as_fd)]
            .into_iter()
            .flatten()
            .chain(self.visitors.iter().map(AsFd::as_fd))
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
    }

    /// Somebody who knocked and says what an emperor says.
    fn emperor(&mut self) -> Option<Channel> {
        while let Ok(Some(visitor)) = accept_at_meeting(&self.socket) {
            // Whoever comes last is the one that holds the run directory.
            if self.visitors.len() == VISITOR_LIMIT {
                self.visitors.remove(0);
            }
            self.visitors.push(visitor);
        }
        let mut emperor = None;
        for visitor in std::mem::take(&mut self.visitors) {
            match visitor.receive::<MasterOrder>() {
                Ok(Received::Message(MasterOrder::Adopt { .. }, _)) => emperor = Some(visitor),
                Ok(Received::Nothing) => self.visitors.push(visitor),
                Ok(Received::Message(..) | Received::Closed) | Err(_) => {}
            }
        }
        emperor
    }

    /// Reads what was printed meanwhile; keeps the end of it.
    fn read_output(&mut self) {
        let mut buffer = [0; 16 * 1024];
        while let Some(output) = &self.output {
            match rustix::io::read(output, &mut buffer[..]) {
                Ok(0) => self.output = None,
                Ok(count) => self.keep(buffer.get(..count).unwrap_or_default()),
                Err(rustix::io::Errno::INTR) => {}
                Err(_nothing_there) => return,
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
        while self.kept.len() > KEPT_BYTES {
            self.drop_line();
        }
    }

    /// Whole lines go, so that what is kept begins with one.
    fn drop_line(&mut self) {
        let end = self.kept.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(self.kept.len(), |end| end + 1);
        self.kept.drain(..count);
        self.dropped_lines += 1;
    }

    /// What was printed last, for the next emperor to tell.
    fn take_output(&mut self) -> (String, u64) {
        self.read_output();
        let text = String::from_utf8_lossy(self.kept.make_contiguous()).into_owned();
        self.kept.clear();
        (text, std::mem::take(&mut self.dropped_lines))
    }
}

impl Master {
    /// Looks at the door; while nobody is there, reads what the vassal prints.
    pub(super) fn meet_emperor(&mut self) {
        let Some(meeting) = &mut self.parts.meeting else {
            return;
        };
        if let Some(emperor) = meeting.emperor() {
            self.be_adopted(emperor);
        } else if self.is_emperor_gone {
            meeting.read_output();
        }
    }

    /// The latest emperor is the one that counts: it holds the run directory.
    fn be_adopted(&mut self, emperor: Channel) {
        let phase = self.phase();
        let Some(meeting) = &mut self.parts.meeting else {
            return;
        };
        let (last_output, dropped_lines) = if self.is_emperor_gone {
            meeting.take_output()
        } else {
            (String::new(), 0)
        };
        let output = meeting.output.as_ref().map(AsFd::as_fd);
        let counters = self.parts.counters.as_ref().map(AsFd::as_fd);
        let listeners = &self.parts.listeners;
        let adopted = Adopted {
            protocol: PROTOCOL,
            phase,
            python: self.parts.python.clone(),
            interface: self.interface.clone(),
            has_output: output.is_some(),
            has_counters: counters.is_some(),
            last_output,
            dropped_lines,
            listeners: listeners
                .iter()
                .map(|listener| HandoverListener {
                    protocol: listener.protocol.name().to_owned(),
                    address: listener.address.clone(),
                    fd: None,
                })
                .collect(),
        };
        let sockets = listeners.iter().map(|listener| listener.fd.as_fd());
        let others = output.into_iter().chain(counters);
        let descriptors: Vec<_> = others.chain(sockets).collect();
        if emperor
            .send(&MasterMessage::Adopted(adopted), &descriptors)
            .is_ok()
        {
            self.parts.channel = emperor;
            self.is_emperor_gone = false;
        }
    }

    fn phase(&self) -> MasterPhase {
        if self.pool.is_draining() {
            MasterPhase::Draining
        } else if self.pool.is_paused() {
            MasterPhase::Paused
        } else {
            MasterPhase::Serving
        }
    }
}
