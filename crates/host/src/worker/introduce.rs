//! Before the app is called: who the client is, as far as somebody who is believed says so, and the
//! name of the request. What such words are worth is decided in `trust`.

use std::net::IpAddr;
use std::sync::OnceLock;

use lictor_core::config::VassalConfig;
use rustix::rand::{GetRandomFlags, getrandom};

use super::connection::Connection;
use super::exchange::{Peer, RequestHead};
use super::http::Arrived;
use super::sync::lock;
use super::trust::{Proxied, Said, Trust, hex_id, is_request_id};

/// How a worker receives requests, as far as the options ask for more than taking them as they come.
#[derive(Debug)]
pub(super) struct Reception {
    trust: Option<Trust>,
    pub(super) asks_preface: bool,
    /// The field that carries a request's name, with `request-id`; in lower case.
    request_id: Option<String>,
}

impl Reception {
    pub(super) fn new(config: &VassalConfig) -> Option<Self> {
        let reception = Self {
            trust: Trust::new(&config.trust),
            asks_preface: config.trust.proxy_protocol,
            request_id: config.request_log.request_id.clone(),
        };
        (reception.trust.is_some() || reception.request_id.is_some()).then_some(reception)
    }

    /// Whether what this peer says is believed.
    pub(super) fn believes(&self, peer: &Peer) -> bool {
        let Some(trust) = &self.trust else {
            return false;
        };
        match &*peer.address {
            // A unix socket's peer has none.
            "" => trust.allows(None),
            address => address
                .parse()
                .is_ok_and(|address| trust.allows(Some(address))),
        }
    }
}

impl Reception {
    /// A name for a request that nobody could name, and the field that carries it.
    pub(super) fn name_anew(&self) -> Option<(&str, String)> {
        let field = self.request_id.as_deref()?;
        Some((field, fresh_name()))
    }
}

/// Who is behind a connection.
#[derive(Debug, Default)]
pub(super) struct Visitor {
    peer: Peer,
    /// Whether the peer itself is believed, which counts until somebody else stands for it.
    is_believed: bool,
    /// Whom the peer stands for, by the PROXY protocol.
    client: OnceLock<Client>,
}

#[derive(Debug)]
struct Client {
    peer: Peer,
    is_believed: bool,
    server_port: String,
}

impl Visitor {
    pub(super) fn new(peer: Peer, reception: Option<&Reception>) -> Self {
        Self {
            is_believed: reception.is_some_and(|reception| reception.believes(&peer)),
            peer,
            client: OnceLock::new(),
        }
    }

    /// The client, as far as the connection itself says who that is.
    pub(super) fn peer(&self) -> &Peer {
        self.client.get().map_or(&self.peer, |client| &client.peer)
    }

    pub(super) fn is_believed(&self) -> bool {
        self.client
            .get()
            .map_or(self.is_believed, |client| client.is_believed)
    }

    /// The proxy has said for whom it has connected.
    pub(super) fn stands_for(&self, proxied: Proxied, reception: &Reception) {
        let Proxied::Client {
            address,
            port,
            server_port,
        } = proxied
        else {
            return;
        };
        let peer = peer_at(address, port);
        let client = Client {
            is_believed: reception.believes(&peer),
            peer,
            server_port: server_port.to_string(),
        };
        // Asked once, before the first request.
        let _once = self.client.set(client);
    }
}

fn peer_at(address: IpAddr, port: u16) -> Peer {
    Peer {
        address: address.to_string(),
        port: port.to_string(),
    }
}

/// What is to be told the app beyond what the request itself says.
#[derive(Debug, Default)]
pub(super) struct Introduction {
    client: Option<Peer>,
    is_secure: Option<bool>,
    host: Option<String>,
    server_port: Option<String>,
    prefix: Option<String>,
    request_id: Option<String>,
}

impl Introduction {
    fn of(said: Said) -> Self {
        Self {
            client: said.client.map(|(address, port)| peer_at(address, port)),
            is_secure: said.is_secure,
            host: said.host,
            server_port: said.port.map(|port| port.to_string()),
            prefix: said.prefix,
            request_id: None,
        }
    }
}

/// The head, saying what it was introduced with.
pub(super) fn introduced<'a>(
    introduction: Option<&'a Introduction>,
    head: RequestHead<'a>,
) -> RequestHead<'a> {
    let Some(introduction) = introduction else {
        return head;
    };
    RequestHead {
        peer: introduction.client.as_ref().unwrap_or(head.peer),
        is_secure: introduction.is_secure.unwrap_or(head.is_secure),
        host: introduction.host.as_deref().or(head.host),
        server_port: introduction.server_port.as_deref(),
        prefix: introduction.prefix.as_deref().unwrap_or(""),
        request_id: introduction.request_id.as_deref(),
        ..head
    }
}

impl Connection {
    /// Hears what is said of the client, and takes away what is not believed. None where no option
    /// asks for it.
    pub(super) fn introduce(&self, request: &mut Arrived) -> Option<Introduction> {
        let reception = self.reception()?;
        let is_believed = self.visitor().is_believed();
        let mut introduction = match &reception.trust {
            Some(trust) => self.hear(trust, is_believed, request),
            None => Introduction::default(),
        };
        if let Some(field) = &reception.request_id {
            let given = request
                .only_field(field)
                .filter(|id| is_believed && is_request_id(id));
            let given = given.and_then(|id| std::str::from_utf8(id).ok());
            let id = given.map_or_else(fresh_name, str::to_owned);
            request.set_field(field, &id);
            lock(&self.state).driver.mark(field, &id);
            introduction.request_id = Some(id);
        }
        Some(introduction)
    }

    fn hear(&self, trust: &Trust, is_believed: bool, request: &mut Arrived) -> Introduction {
        let said = if is_believed {
            trust.hear(request.fields())
        } else {
            Said::default()
        };
        let leaves_forwarded = said.leaves_forwarded;
        request.take_away(|name| {
            trust.takes_away(name, is_believed) || leaves_forwarded && name == "forwarded"
        });
        let mut introduction = Introduction::of(said);
        if introduction.server_port.is_none() {
            let client = self.visitor().client.get();
            introduction.server_port = client.map(|client| client.server_port.clone());
        }
        introduction
    }
}

/// What nobody can guess: 32 hexadecimal digits.
pub(super) fn fresh_name() -> String {
    let mut bits = [0; 16];
    // Waits only before the machine has gathered any chance at all, and fails for no such size.
    let _never_fails = getrandom(&mut bits, GetRandomFlags::empty());
    hex_id(bits)
}
