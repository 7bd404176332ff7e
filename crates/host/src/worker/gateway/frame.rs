//! How an answer goes back to the web server.

use bytes::BufMut;

use super::fastcgi::{self, Ended, HEAD_BYTES};

/// Most that one record of `FastCGI` holds: a multiple of eight, so that none needs padding
/// (§3.3).
const RECORD_BYTES: usize = 65_528;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As over HTTP, beginning with a status line (uwsgi).
    Http,
    /// As from a CGI program, beginning with `Status:` (SCGI).
    Cgi,
    /// The same in records (`FastCGI`).
    Records { id: u16, is_kept: bool },
}

impl Framing {
    /// Whether another request may follow on the connection.
    pub(crate) fn is_kept(self) -> bool {
        matches!(self, Self::Records { is_kept: true, .. })
    }

    /// The head of the answer. Status, reason and fields have been checked.
    pub(crate) fn head<'a>(
        self,
        version: &str,
        status: u16,
        reason: &[u8],
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Vec<u8> {
        let mut head = Vec::with_capacity(512);
        // Where the record's own head goes, once its length is known.
        let start = match self {
            Self::Http | Self::Cgi => 0,
            Self::Records { .. } => HEAD_BYTES,
        };
        head.resize(start, 0);
        match self {
            Self::Http => head.extend_from_slice(version.as_bytes()),
            Self::Cgi | Self::Records { .. } => head.extend_from_slice(b"Status:"),
        }
        head.extend_from_slice(format!(" {status} ").as_bytes());
        head.extend_from_slice(reason);
        head.extend_from_slice(b"\r\n");
        for (name, value) in fields {
            head.extend_from_slice(name);
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        if let Self::Records { id, .. } = self {
            return in_records(id, head.get(start..).unwrap_or_default());
        }
        head
    }

    /// What goes before each of the pieces that a piece of the body is cut into: pairs of such a
    /// prefix and a length. Without records the piece goes as it is.
    pub(crate) fn cut(self, length: usize) -> impl Iterator<Item = (Vec<u8>, usize)> {
        let most = match self {
            Self::Http | Self::Cgi => usize::MAX,
            Self::Records { .. } => RECORD_BYTES,
        };
        let mut left = length;
        std::iter::from_fn(move || {
            let count = left.min(most);
            left -= count;
            let prefix = match self {
                Self::Records { id, .. } => fastcgi::head(fastcgi::STDOUT, id, count).to_vec(),
                Self::Http | Self::Cgi => Vec::new(),
            };
            (count > 0).then_some((prefix, count))
        })
    }

    /// What ends a complete answer.
    pub(crate) fn end(self) -> Vec<u8> {
        let Self::Records { id, .. } = self else {
            return Vec::new();
        };
        let mut end = fastcgi::head(fastcgi::STDOUT, id, 0).to_vec();
        end.put_slice(&fastcgi::end_record(id, Ended::Complete));
        end
    }
}

fn in_records(id: u16, content: &[u8]) -> Vec<u8> {
    let mut records = Vec::with_capacity(content.len() + HEAD_BYTES);
    for piece in content.chunks(RECORD_BYTES) {
        records.put_slice(&fastcgi::head(fastcgi::STDOUT, id, piece.len()));
        records.put_slice(piece);
    }
    records
}
