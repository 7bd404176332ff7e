//! Clients that send more than anybody needs.

use std::io::{ErrorKind, Write};

use super::raw::{
    CONTINUATION, Client, DATA, HEAD, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, frame, request, upload,
};
use super::{ASGI, CLEAR, WSGI, curl};
use crate::site::Site;

const ENHANCE_YOUR_CALM: u32 = 11;
const MANY: usize = 20_000;

/// Sends frames until the server has enough of them. Whether it had.
fn is_cut(site: &Site, frames: impl Iterator<Item = Vec<u8>>) -> bool {
    let mut client = Client::new(site);
    for frame in frames {
        if let Err(error) = client.0.write_all(&frame) {
            let is_closed = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            assert!(is_closed.contains(&error.kind()), "{error}");
            return true;
        }
    }
    // It may have said so without having closed yet.
    client.farewell().is_some()
}

#[test]
fn floods_of_resets_and_of_continuations_are_cut() {
    for app in [WSGI, ASGI] {
        let site = Site::new(CLEAR, app);
        let resets = (0..50_000).map(|number| {
            let stream = 2 * number + 1;
            let mut both = request(stream, "/gone");
            both.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            both
        });
        assert!(is_cut(&site, resets));
        let first = std::iter::once(frame(HEADERS, 1, 1, HEAD));
        let field = b"\x00\x01a\x01b".repeat(200);
        let rest = (0..50_000).map(|_| frame(CONTINUATION, 0, 1, &field));
        assert!(is_cut(&site, first.chain(rest)));
        let first = std::iter::once(frame(HEADERS, 1, 1, HEAD));
        let tiny = (0..50_000).map(|_| frame(CONTINUATION, 0, 1, &[]));
        assert!(is_cut(&site, first.chain(tiny)));
        assert!(curl(&site, "/", &[]).contains("True"));
    }
}

#[test]
fn floods_of_frames_that_bring_nothing_are_told_to_calm_down() {
    let site = Site::new(CLEAR, ASGI);
    for (name, flood) in [
        ("PING", frame(PING, 0, 0, b"12345678")),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 7])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("empty DATA", frame(DATA, 0, 1, &[])),
        ("unknown", frame(99, 0, 0, b"?")),
    ] {
        let mut client = Client::new(&site);
        client.send(&upload(1, "/gone", 10));
        client.send(&flood.repeat(1500));
        assert_eq!(client.farewell(), Some(ENHANCE_YOUR_CALM), "{name}");
    }
    assert!(curl(&site, "/", &[]).contains("True"));
}

#[test]
fn a_busy_client_is_no_flood() {
    let site = Site::new(CLEAR, ASGI);
    let mut client = Client::new(&site);
    for number in 0..500 {
        let stream = 2 * number + 1;
        client.send(&frame(PING, 0, 0, b"12345678").repeat(10));
        client.send(&request(stream, "/"));
        assert_eq!(client.body(stream), "['2', True, 0]");
    }
}

#[test]
fn tiny_pieces_that_nobody_reads_are_bounded() {
    let site = Site::new(CLEAR, ASGI);
    let begin = std::iter::once(upload(1, "/gone", 1_000_000));
    let pieces = (0..MANY * 4).map(|_| frame(DATA, 0, 1, b"x"));
    assert!(is_cut(&site, begin.chain(pieces)));
    assert!(curl(&site, "/", &[]).contains("True"));
}

#[test]
fn settings_come_first() {
    let site = Site::new(CLEAR, WSGI);
    let mut client = Client(site.stream());
    client.send(&[PREFACE, &frame(PING, 0, 0, b"12345678")].concat());
    assert_eq!(client.farewell(), Some(1));
}
