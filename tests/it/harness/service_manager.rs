//! A service manager of a test: reads what is sent to `NOTIFY_SOCKET`, and keeps what comes with it.

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Value, json};

use super::Events;

/// What ends the reader.
const END: &[u8] = b"the test is over";

/// Sockets by the names under which they are to be kept.
type Store = Arc<Mutex<BTreeMap<String, OwnedFd>>>;

/// A service manager that reads.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    address: SocketAddr,
    notices: Events,
    store: Store,
    reader: Option<JoinHandle<()>>,
}

/// One notice: its number, from 1, and its lines.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) number: u64,
    pub(crate) lines: Vec<String>,
}

impl Notice {
    fn of(value: &Value) -> Option<Self> {
        let lines = value["lines"].as_array()?.iter();
        Some(Self {
            number: value["number"].as_u64()?,
            lines: lines
                .filter_map(|line| Some(line.as_str()?.to_owned()))
                .collect(),
        })
    }

    /// The value of a variable.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.lines
            .iter()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }
}

impl ServiceManager {
    /// One whose socket is a file.
    pub(crate) fn at(path: &Path) -> Self {
        Self::behind(&SocketAddr::from_pathname(path).expect("it is short enough"))
    }

    /// One whose socket has a name only.
    pub(crate) fn named(name: &str) -> Self {
        Self::behind(&SocketAddr::from_abstract_name(name).expect("it is short enough"))
    }

    fn behind(address: &SocketAddr) -> Self {
        Self::of(UnixDatagram::bind_addr(address).expect("the address is free"))
    }

    /// One that begins to read what came to this socket.
    pub(crate) fn of(socket: UnixDatagram) -> Self {
        let address = socket.local_addr().expect("it is bound");
        let (notices, store) = (Events::empty(), Store::default());
        let (told, kept) = (notices.clone(), Arc::clone(&store));
        let reader = std::thread::spawn(move || read(&socket, &told, &kept));
        Self {
            address,
            notices,
            store,
            reader: Some(reader),
        }
    }

    /// Waits for a notice with this line, later than the one with this number.
    #[track_caller]
    pub(crate) fn hears(&self, after: u64, line: &str) -> Notice {
        let what = format!("{line} after notice {after}");
        self.notices.wait(&what, |value| {
            let notice = Notice::of(value)?;
            let is_it = notice.number > after && notice.lines.iter().any(|known| known == line);
            is_it.then_some(notice)
        })
    }

    /// All notices so far.
    pub(crate) fn heard(&self) -> Vec<Notice> {
        self.notices
            .so_far()
            .iter()
            .filter_map(Notice::of)
            .collect()
    }

    /// Waits until a socket is kept whose name ends so; gives its whole name.
    #[track_caller]
    pub(crate) fn is_given(&self, after: u64, ending: &str) -> String {
        let what = format!("a socket `…{ending}` after notice {after}");
        self.notices.wait(&what, |value| {
            let notice = Notice::of(value).filter(|notice| notice.number > after)?;
            notice.value("FDSTORE")?;
            let name = notice.value("FDNAME").filter(|n| n.ends_with(ending))?;
            Some(name.to_owned())
        })
    }

    /// Waits until it is to let go of a socket.
    #[track_caller]
    pub(crate) fn lets_go(&self, name: &str) -> Notice {
        let what = format!("`{name}` is let go of");
        self.notices.wait(&what, |value| {
            let notice = Notice::of(value)?;
            notice.value("FDSTOREREMOVE")?;
            (notice.value("FDNAME") == Some(name)).then_some(notice)
        })
    }

    /// Takes a socket out of what is kept.
    #[track_caller]
    pub(crate) fn take(&self, name: &str) -> OwnedFd {
        lock(&self.store).remove(name).expect("it is kept")
    }

    /// The names of what is kept.
    pub(crate) fn kept(&self) -> Vec<String> {
        lock(&self.store).keys().cloned().collect()
    }
}

impl Drop for ServiceManager {
    fn drop(&mut self) {
        let socket = UnixDatagram::unbound().expect("a socket can be made");
        // The file of the socket may have gone with the directory of its test.
        let is_told = socket.send_to_addr(END, &self.address).is_ok();
        if let Some(reader) = self.reader.take().filter(|_| is_told) {
            drop(reader.join());
        }
    }
}

fn read(socket: &UnixDatagram, told: &Events, store: &Store) {
    for number in 1_u64.. {
        let mut bytes = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let got = recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC);
        let length = got.expect("it can be read").bytes;
        let mut fds = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
        let text = &bytes[..length];
        if text == END {
            return;
        }
        let text = String::from_utf8_lossy(text);
        let lines: Vec<_> = text.lines().collect();
        let value = json!({ "number": number, "lines": lines });
        let notice = Notice::of(&value).expect("it was just made");
        if let Some(name) = notice.value("FDNAME") {
            let mut store = lock(store);
            store.extend(fds.pop().map(|fd| (name.to_owned(), fd)));
            if notice.value("FDSTOREREMOVE").is_some() {
                store.remove(name);
            }
        }
        told.tell(value);
    }
}

fn lock(store: &Store) -> MutexGuard<'_, BTreeMap<String, OwnedFd>> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
