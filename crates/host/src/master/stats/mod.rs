//! `stats`: the master tells whoever connects how its workers are.
//!
//! It does so in its own loop, between other things, so nothing here waits: a client that does not
//! take what it is told, or asks without an end, is let go of after a while, and only a few are
//! listened to at a time. While two generations live, the one that serves answers.

mod beside;
mod client;
mod document;

use std::time::Instant;

use lictor_core::config::Protocol;
use lictor_core::sys::{listen_queue, memory_of};
use rustix::event::{PollFd, PollFlags};
use rustix::net::{SocketFlags, accept_with};

use self::beside::Beside;
use self::client::Client;
use self::document::{Socket, Surroundings, document};
use super::run::Master;
use crate::worker::Listener;

/// Clients at a time; further ones wait in the kernel's backlog.
const CLIENTS: usize = 8;

/// Those who are being told.
#[derive(Default)]
pub(super) struct Stats {
    clients: Vec<Client>,
}

impl Master {
    /// What to wait for on behalf of `stats`.
    pub(super) fn stats_awaited(&self) -> impl Iterator<Item = PollFd<'_>> {
        let clients = self.stats.clients.iter().map(Client::poll_fd);
        let doors = self
            .stats_doors()
            .map(|door| PollFd::new(&door.fd, PollFlags::IN));
        clients.chain(doors)
    }

    /// When somebody has had time enough.
    pub(super) fn stats_wake_at(&self) -> Option<Instant> {
        self.stats.clients.iter().map(|client| client.until).min()
    }

    /// Listens to those who connect, and goes on telling.
    pub(super) fn tell_stats(&mut self) {
        let now = Instant::now();
        let asks = self.parts.config.monitoring.stats_http;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let streams = self.stats_doors().map(|door| accept_with(&door.fd, flags));
        // One of each door in a turn, so that no door is in another's way.
        let new: Vec<_> = streams.filter_map(Result::ok).collect();
        let new = new.into_iter().map(|stream| Client::new(stream, asks, now));
        self.stats.clients.extend(new);
        let mut clients = std::mem::take(&mut self.stats.clients);
        clients.retain_mut(|client| client.go_on(now, || self.stats_text()));
        self.stats.clients = clients;
    }

    /// The sockets of `stats`, while they are this generation's to answer.
    fn stats_doors(&self) -> impl Iterator<Item = &Listener> {
        let serves = self.pool.serves() && !self.pool.is_draining();
        let has_room = self.stats.clients.len() < CLIENTS;
        let doors = self.parts.listeners.iter();
        doors.filter(move |door| serves && has_room && door.protocol == Protocol::Stats)
    }

    fn stats_text(&self) -> String {
        let config = &self.parts.config;
        let sockets = self.parts.doors();
        let beside = self.background.as_ref().map(|background| Beside {
            status: background.status(),
            crons: config.background.crons.clone(),
        });
        let default = config.apps.default.iter().map(|_| "");
        let mounts = config.apps.mounts.iter().map(|mount| mount.prefix.as_str());
        let around = Surroundings {
            pid: std::process::id(),
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            chdir: &config.chdir.to_string_lossy(),
            sockets: sockets
                .map(|socket| {
                    let (waiting, backlog) = listen_queue(&socket.fd).unwrap_or((0, config.listen));
                    Socket {
                        address: socket.address.to_string(),
                        protocol: socket.protocol.name(),
                        waiting,
                        backlog,
                    }
                })
                .collect(),
            leaves_out_cores: config.monitoring.leaves_out_cores,
            mountpoints: default.chain(mounts).collect(),
            beside: beside.as_ref(),
        };
        let told = document(&around, &self.parts.scoreboard.numbers(), memory_of);
        if config.monitoring.is_minified {
            told.to_string()
        } else {
            format!("{told:#}\n")
        }
    }
}
