//! From the bytes of a connection to what they say.

use bytes::{Bytes, BytesMut};

use super::Language;
use super::fastcgi::Records;
use super::frame::Framing;
use super::refusal::Refusal;
use super::variables::Variables;
use super::{scgi, uwsgi};

/// What the web server says next.
#[derive(Debug)]
pub(crate) enum Event {
    /// A request begins.
    Request(Variables),
    /// The next piece of its body, never empty.
    Body(Bytes),
    /// The body is complete.
    End,
    /// The web server takes the request back (`FastCGI`).
    Aborted,
    /// To be sent as it is (`FastCGI`).
    Reply(Vec<u8>),
}

/// What has come over one connection, as far as nobody has taken it.
#[derive(Debug)]
pub(crate) struct Reader {
    held: BytesMut,
    /// Largest block of variables.
    limit: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The variables of the one request that the connection is for.
    Variables(Language),
    /// Its body, of which so much is still to come.
    Body(Language, u64),
    /// All of it is here. What else may come means nothing.
    Over(Language),
    Records(Records),
}

impl Reader {
    pub(crate) fn new(language: Language, limit: usize) -> Self {
        let state = match language {
            Language::Uwsgi | Language::Scgi => State::Variables(language),
            Language::FastCgi => State::Records(Records::default()),
        };
        Self {
            held: BytesMut::new(),
            limit,
            state,
        }
    }

    /// More has come.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Over(_)) {
            self.held.extend_from_slice(bytes);
        }
    }

    /// Whether part of a request has come, but not all of its variables.
    pub(crate) fn is_in_part(&self) -> bool {
        let has_begun = match &self.state {
            State::Records(records) => records.is_in_part(),
            State::Variables(_) | State::Body(..) | State::Over(_) => false,
        };
        has_begun || !self.held.is_empty()
    }

    /// What has come is, if it is enough to say. After a refusal the connection is of no use.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Refusal> {
        match &mut self.state {
            State::Variables(language) => {
                let language = *language;
                let read = match language {
                    Language::Scgi => scgi::take_variables,
                    Language::Uwsgi | Language::FastCgi => uwsgi::take_variables,
                };
                let Some(variables) = read(&mut self.held, self.limit)? else {
                    return Ok(None);
                };
                self.state = State::Body(language, variables.content_length()?);
                Ok(Some(Event::Request(variables)))
            }
            State::Body(language, 0) => {
                self.state = State::Over(*language);
                self.held.clear();
                Ok(Some(Event::End))
            }
            State::Body(_, left) => {
                let count = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(self.held.len());
                if count == 0 {
                    return Ok(None);
                }
                *left -= count as u64;
                Ok(Some(Event::Body(self.held.split_to(count).freeze())))
            }
            State::Over(_) => Ok(None),
            State::Records(records) => records.next(&mut self.held, self.limit),
        }
    }

    /// How the request that came last is to be answered.
    pub(crate) fn framing(&self) -> Framing {
        match &self.state {
            State::Variables(language) | State::Body(language, _) | State::Over(language) => {
                match language {
                    Language::Uwsgi => Framing::Http,
                    Language::Scgi | Language::FastCgi => Framing::Cgi,
                }
            }
            State::Records(records) => {
                let (id, is_kept) = records.answered().unwrap_or_default();
                Framing::Records { id, is_kept }
            }
        }
    }

    /// The answer is complete, and another request may follow.
    pub(crate) fn end_request(&mut self) {
        if let State::Records(records) = &mut self.state {
            records.end();
        }
    }
}
