//! Where the app of a request stands, and the request as that app sees it.

use std::borrow::Cow;

use bytes::Bytes;

use super::exchange::{Outcome, Report, RequestHead, ResponseHead};
use super::mounts::Mounts;

/// RFC 9110 §15.5.5.
const NOT_FOUND: u16 = 404;
const NOT_FOUND_BODY: &[u8] = b"404 Not Found\n";

/// The answer where no app is mounted. Nothing is wrong with the connection.
pub(super) fn not_mounted() -> Report {
    let content_type = (
        Bytes::from_static(b"Content-Type"),
        Bytes::from_static(b"text/plain; charset=utf-8"),
    );
    let head = ResponseHead {
        status: NOT_FOUND,
        fields: vec![content_type],
        ..ResponseHead::default()
    };
    Report {
        outcome: Outcome::Answer(head, Bytes::from_static(NOT_FOUND_BODY)),
        status: NOT_FOUND,
        body_bytes: NOT_FOUND_BODY.len() as u64,
        is_error: false,
    }
}

/// Which app answers a request, and where it is mounted.
pub(super) struct Place {
    app: usize,
    /// All of the path that is not the app's to see.
    prefix: String,
    /// How much of that the target of the request begins with.
    mounted_bytes: usize,
}

impl Place {
    pub(super) fn of(mounts: &Mounts, head: &RequestHead<'_>) -> Option<Self> {
        let choice = mounts.choose(&head.path, head.prefix)?;
        // A web server's own SCRIPT_NAME is replaced; a proxy's prefix stands before all paths.
        let outer = match (choice.mountpoint, head.variables) {
            ("", _) | (_, None) => head.prefix,
            (_, Some(_)) => "",
        };
        Some(Self {
            app: choice.app,
            prefix: [outer, choice.mountpoint].concat(),
            mounted_bytes: choice.mountpoint.len(),
        })
    }

    /// The head as the app sees it.
    pub(super) fn show<'a>(&'a self, head: RequestHead<'a>) -> RequestHead<'a> {
        let outer = self.prefix.len() - self.mounted_bytes;
        RequestHead {
            app: self.app,
            prefix: &self.prefix,
            mountpoint: self.prefix.get(outer..).unwrap_or_default(),
            path: without_front(head.path, self.mounted_bytes),
            ..head
        }
    }
}

fn without_front(path: Cow<'_, [u8]>, count: usize) -> Cow<'_, [u8]> {
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(path.get(count..).unwrap_or_default()),
        Cow::Owned(mut path) => {
            path.drain(..count.min(path.len()));
            Cow::Owned(path)
        }
    }
}
