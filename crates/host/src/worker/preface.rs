//! What a proxy says before the first byte that it passes on, with `proxy-protocol`.
//!
//! Read from the socket itself, before HTTP (or TLS) sees a byte. What has arrived is looked at
//! first (`MSG_PEEK`) and only what belongs to the preface is taken, so that nothing has to be handed
//! on, and a peer that sends it slowly does not wake us again and again for the same bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::connection::{Connection, Next};
use super::introduce::{Reception, Visitor};
use super::trust::{PREFACE_LIMIT_BYTES, Preface, PrefaceError, begins_preface};

/// What the first bytes of a connection have to be.
#[derive(Debug)]
pub(super) enum Opening {
    /// A preface, of which this much has come.
    Preface(Vec<u8>),
    /// Anything else: the peer may not speak for others.
    NoPreface,
}

impl Opening {
    /// What a connection has to begin with, if that matters.
    pub(super) fn of(visitor: &Visitor, reception: &Reception) -> Option<Self> {
        let opening = if visitor.is_believed() {
            Self::Preface(Vec::new())
        } else {
            Self::NoPreface
        };
        reception.asks_preface.then_some(opening)
    }
}

/// What reading came to.
enum Step {
    /// The rest of the connection is the client's.
    Done,
    Again,
    Wait,
    Close,
    Refuse(PrefaceError),
    /// A preface, of a peer that is not believed.
    Uninvited,
}

impl Connection {
    /// Goes on with the opening. None when it is over.
    pub(super) fn open(&self, opening: &mut Option<Opening>) -> Option<Next> {
        while let Some(awaited) = opening {
            match self.step(awaited) {
                Step::Done => *opening = None,
                Step::Again => {}
                Step::Wait => return Some(Next::Wait(None)),
                Step::Close => return Some(Next::Close),
                Step::Refuse(error) => {
                    self.tell(&format!(
                        "{error}, as `proxy-protocol` wants it from peers in `forwarded-allow`; have \
                         the proxy send it, or leave `proxy-protocol` out"
                    ));
                    return Some(Next::Close);
                }
                Step::Uninvited => {
                    self.tell(
                        "it speaks the PROXY protocol and is not in `forwarded-allow`; add its \
                         address there if it is a proxy of yours",
                    );
                    return Some(Next::Close);
                }
            }
        }
        None
    }

    fn step(&self, awaited: &mut Opening) -> Step {
        let mut bytes = [0; PREFACE_LIMIT_BYTES];
        let arrived = match recv(&*self.socket, &mut bytes, RecvFlags::PEEK) {
            Ok((0, _)) => return Step::Close,
            Ok((arrived, _)) => bytes.get(..arrived).unwrap_or_default(),
            Err(Errno::INTR) => return Step::Again,
            Err(Errno::AGAIN) => return Step::Wait,
            Err(_) => return Step::Close,
        };
        let held = match awaited {
            Opening::Preface(held) => held,
            Opening::NoPreface if begins_preface(arrived) => return Step::Uninvited,
            Opening::NoPreface => return Step::Done,
        };
        let before = held.len();
        held.extend(arrived);
        let (taken, step) = match Preface::parse(held) {
            Ok(Preface::Unfinished) => (arrived.len(), Step::Again),
            Ok(Preface::Whole(length, proxied)) => {
                if let Some(reception) = self.reception() {
                    self.visitor().stands_for(proxied, reception);
                }
                (length.saturating_sub(before), Step::Done)
            }
            Err(error) => return Step::Refuse(error),
        };
        // They are there: they have just been looked at.
        match recv(
            &*self.socket,
            bytes.get_mut(..taken).unwrap_or_default(),
            RecvFlags::empty(),
        ) {
            Ok((got, _)) if got == taken => step,
            _ => Step::Close,
        }
    }

    /// Says why a connection was closed, once a second at most: whoever can connect could otherwise
    /// fill the log.
    fn tell(&self, why: &str) {
        static SAID_AT: AtomicU64 = AtomicU64::new(0);
        static UNSAID: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        if SAID_AT.swap(now, Ordering::Relaxed) == now {
            UNSAID.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let peer = match &*self.visitor().peer().address {
            "" => "a unix socket",
            address => address,
        };
        let more = match UNSAID.swap(0, Ordering::Relaxed) {
            0 => String::new(),
            more => format!(" (and {more} more before, not told)"),
        };
        let line = format!("lictor: closed a connection from {peer}: {why}{more}\n");
        // A full pipe loses it.
        let _lost = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
    }
}
