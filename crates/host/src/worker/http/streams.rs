//! The drivers of HTTP/2: one for the connection, and one for each stream that the app works on.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use http::header::{COOKIE, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method};

use super::body::Gathered;
use super::driver::{Driver, Machine, Progress};
use super::gate::target::{is_host_field, is_target};
use super::head::{Arrived, ArrivedBody};
use super::multiplex::Multiplex;
use crate::worker::sync::lock;

/// A stream whose small body is still arriving.
#[derive(Debug)]
pub(super) struct Gatherer {
    driver: Driver,
    moved_at: Instant,
}

/// Fields of a request, as in HTTP/1.
const MOST_FIELDS: usize = 100;

impl Driver {
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.machine, Some(Machine::Stream(_)))
    }

    /// Whether this is the connection of HTTP/2 itself.
    pub(crate) fn is_many(&self) -> bool {
        matches!(self.machine, Some(Machine::Many(_)))
    }

    /// Streams that the client has not seen the end of.
    pub(crate) fn open_streams(&self) -> usize {
        match &self.machine {
            Some(Machine::Many(all)) => all.open_streams(),
            _ => 0,
        }
    }

    /// Ends the streams that no app works on and whose client has not moved for so long: uploads with
    /// an answer, answers with a reset. When the next of them is due.
    pub(crate) fn drop_stalled(&mut self, patience: Duration, now: Instant) -> Option<Instant> {
        let Some(Machine::Many(all)) = &self.machine else {
            return None;
        };
        self.gatherers.retain_mut(|Gatherer { driver, moved_at }| {
            let is_late = *moved_at + patience <= now;
            if is_late {
                driver.gathering = None;
                driver.fail(408, false);
            }
            !is_late
        });
        let uploads = self.gatherers.iter();
        let upload = uploads.map(|gatherer| gatherer.moved_at + patience).min();
        let answer = all.drop_stalled(patience, now);
        upload.into_iter().chain(answer).min()
    }

    /// No further streams. False if that was said before, or cannot be.
    pub(crate) fn leave(&self) -> bool {
        match &self.machine {
            Some(Machine::Many(all)) => all.leave(),
            _ => false,
        }
    }

    /// The client speaks HTTP/2. False if that was known before.
    pub(super) fn change_protocol(&mut self) -> bool {
        match self.machine.take() {
            Some(Machine::One(hyper)) => {
                let stream = hyper.into_parts().io;
                self.machine = Some(Machine::Many(Multiplex::new(stream, &self.settings)));
                true
            }
            other => {
                self.machine = other;
                false
            }
        }
    }

    /// Goes on with all streams, up to the next that the app is wanted for.
    pub(super) fn advance_streams(&mut self, all: &Arc<Multiplex>) -> Progress {
        let is_open = all.pump();
        while let Some(station) = all.arrival() {
            // The client may have reset it since.
            let request = lock(&station).request.take();
            let Some(request) = request.filter(|_| !lock(&station).is_left) else {
                continue;
            };
            let machine = Machine::Stream(Arc::clone(all));
            let socket = Arc::clone(&self.socket);
            let mut driver = Self::over(machine, Arc::clone(&station), socket, &self.settings);
            lock(&station).owner = Some(Waker::from(Arc::clone(&driver.woken)));
            let (mut parts, incoming) = request.into_parts();
            let refused = check(&mut parts).err();
            if let Some(arrived) = driver.admit(parts, incoming) {
                let arrived = match refused {
                    Some(status) => Arrived {
                        body: ArrivedBody::Refused(status),
                        ..arrived
                    },
                    None => arrived,
                };
                return Progress::Stream(Box::new(driver), arrived);
            }
            self.gatherers.push(Gatherer {
                driver,
                moved_at: Instant::now(),
            });
        }
        for index in (0..self.gatherers.len()).rev() {
            if let Some(progress) = self.gather(index) {
                return progress;
            }
        }
        if is_open {
            return Progress::Waiting;
        }
        // What it still sends must not destroy what it is told.
        self.is_unread = all.is_broken();
        Progress::Closed
    }

    fn gather(&mut self, index: usize) -> Option<Progress> {
        let Gatherer { driver, moved_at } = self.gatherers.get_mut(index)?;
        let mut gathering = driver.gathering.take()?;
        let before = gathering.bytes();
        match gathering.poll(&mut Context::from_waker(&driver.waker)) {
            Gathered::Waiting => {
                if gathering.bytes() > before {
                    *moved_at = Instant::now();
                }
                driver.gathering = Some(gathering);
                None
            }
            Gathered::Broken => {
                drop(self.gatherers.swap_remove(index));
                None
            }
            Gathered::Complete => {
                let Gatherer { driver, .. } = self.gatherers.swap_remove(index);
                let (parts, body) = gathering.into_request();
                let body = ArrivedBody::Whole(body);
                Some(Progress::Stream(Box::new(driver), Arrived { parts, body }))
            }
        }
    }
}

/// What h2 leaves to be checked (RFC 9113 §8.3.1), and the cookies in one field (§8.2.3).
fn check(parts: &mut Parts) -> Result<(), u16> {
    if parts.method == Method::CONNECT {
        return Err(501);
    }
    if parts.headers.len() > MOST_FIELDS {
        return Err(431);
    }
    let target = parts
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let authority = parts.uri.authority().map(Authority::as_str);
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next().map(HeaderValue::as_bytes);
    let agrees = match (authority, host) {
        (Some(authority), Some(host)) => host.eq_ignore_ascii_case(authority.as_bytes()),
        (None, None) => false,
        _ => true,
    };
    let has_host = host.is_some();
    let name = authority
        .map_or(host.unwrap_or_default(), str::as_bytes)
        .to_vec();
    let is_valid = hosts.next().is_none()
        && agrees
        && is_host_field(&name)
        && is_target(parts.method.as_str().as_bytes(), target.as_bytes());
    if !is_valid {
        return Err(400);
    }
    if !has_host {
        let name = HeaderValue::from_bytes(&name).map_err(|_control| 400_u16)?;
        parts.headers.insert(HOST, name);
    }
    if parts.headers.get_all(COOKIE).iter().nth(1).is_some() {
        let crumbs: Vec<_> = parts
            .headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        let joined =
            HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).map_err(|_control| 400_u16)?;
        parts.headers.insert(COOKIE, joined);
    }
    Ok(())
}
