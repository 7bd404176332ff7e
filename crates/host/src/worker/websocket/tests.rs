//! The machine as a whole, against a client of a few lines.

use std::time::Instant;

use bytes::Bytes;
use proptest::prelude::*;

use super::violation::Violation;
use super::{
    AcceptError, CloseError, Closed, Due, Event, Limits, Refusal, Timers, Upgrade, WebSocket,
};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const DEFLATE: &str = "permessage-deflate; client_max_window_bits";

fn upgrade(extensions: &str) -> Upgrade {
    let fields = [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("sec-websocket-extensions", extensions),
    ];
    let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
    Upgrade::read("GET", fields, &Limits::default())
        .unwrap()
        .unwrap()
}

fn limits(message_size: usize) -> Limits {
    Limits {
        message_size,
        ..Limits::default()
    }
}

fn open(extensions: &str, message_size: usize) -> WebSocket {
    WebSocket::new(&upgrade(extensions), &limits(message_size))
}

/// A frame as a client sends it: the first byte, the payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length.to_le_bytes()[0]),
        length @ 126..0x1_0000 => {
            frame.push(0xfe);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame
}

/// All that happens when the bytes come in pieces of a size.
fn feed(socket: &mut WebSocket, bytes: &[u8], size: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for piece in bytes.chunks(size.max(1)) {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        while !rest.is_empty() {
            let (taken, event) = socket.receive(rest);
            assert!(taken > 0, "it would never end");
            rest = &mut rest[taken..];
            events.extend(event);
        }
    }
    events
}

fn receive(socket: &mut WebSocket, frames: &[Vec<u8>]) -> Vec<Event> {
    feed(socket, &frames.concat(), usize::MAX)
}

fn text(text: &str) -> Event {
    Event::Text(text.to_owned())
}

fn binary(bytes: &[u8]) -> Event {
    Event::Binary(Bytes::copy_from_slice(bytes))
}

fn closed(code: u16, reason: &str) -> Event {
    Event::Closed {
        code,
        reason: reason.to_owned(),
    }
}

#[test]
fn from_a_request_to_its_answer() {
    let upgrade = upgrade("permessage-deflate; server_max_window_bits=10");
    let fields = upgrade.accept(None, std::iter::empty()).unwrap();
    let (name, value) = fields.last().unwrap();
    assert_eq!(&name[..], b"sec-websocket-extensions");
    let agreed = "permessage-deflate; server_max_window_bits=10; client_no_context_takeover";
    assert_eq!(value, agreed);
    let refused = upgrade
        .accept(Some("chat"), std::iter::empty())
        .unwrap_err();
    assert!(matches!(refused, AcceptError::Subprotocol { .. }));
    let fields: [(&str, &[u8]); 2] = [("upgrade", b"websocket"), ("connection", b"upgrade")];
    let refusal = Upgrade::read("GET", fields.into_iter(), &Limits::default()).unwrap_err();
    assert_eq!((refusal, refusal.status()), (Refusal::Version, 426));
}

/// RFC 6455 §5.7 and RFC 7692 §7.2.3, byte for byte as they stand there.
#[test]
fn the_examples_of_the_rfcs() {
    let masked_hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    let mut socket = open("", 100);
    assert_eq!(feed(&mut socket, masked_hello, 1), [text("Hello")]);
    let fragments = [frame(0x01, b"Hel"), frame(0x80, b"lo")];
    assert_eq!(receive(&mut socket, &fragments), [text("Hello")]);
    let masked_pong = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(feed(&mut socket, masked_pong, 100), [Event::Pong]);
    assert_eq!(
        receive(&mut socket, &[frame(0x89, b"Hello")]),
        [Event::Ping]
    );
    assert_eq!(socket.output(), b"\x8a\x05Hello");

    let mut socket = open(DEFLATE, 100);
    let whole = frame(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    assert_eq!(receive(&mut socket, &[whole]), [text("Hello")]);
    let again = frame(0xc2, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(receive(&mut socket, &[again]), [binary(b"Hello")]);
    let pieces = [
        frame(0x41, &[0xf2, 0x48, 0xcd]),
        frame(0x80, &[0xc9, 0xc9, 0x07, 0x00]),
    ];
    assert_eq!(receive(&mut socket, &pieces), [text("Hello")]);
    // Not every message need be compressed.
    assert_eq!(
        receive(&mut socket, &[frame(0x81, b"plain")]),
        [text("plain")]
    );
}

#[test]
fn control_frames_stand_between_fragments() {
    let mut socket = open("", 100);
    let frames = [
        frame(0x02, b"a"),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x8a, b""),
        frame(0x80, b"b"),
    ];
    let expected = [Event::Ping, Event::Pong, binary(b"ab")];
    assert_eq!(receive(&mut socket, &frames), expected);
    assert_eq!(socket.output(), b"\x8a\x04ping");
}

#[test]
fn what_breaks_the_protocol_is_answered_with_its_code() {
    let huge = [&[0x82, 0xff][..], &(1_u64 << 40).to_be_bytes(), &MASK].concat();
    let table = [
        (vec![b"\x81\x05Hello".to_vec()], Violation::Unmasked),
        (vec![frame(0xc1, b"x")], Violation::ReservedBit),
        (vec![frame(0xb1, b"x")], Violation::ReservedBit),
        (vec![frame(0x83, b"x")], Violation::Opcode(3)),
        (vec![frame(0x89, &[0; 126])], Violation::LongControl),
        (vec![frame(0x09, b"")], Violation::FragmentedControl),
        (vec![frame(0x80, b"x")], Violation::LoneContinuation),
        (
            vec![frame(0x01, b"x"), frame(0x81, b"y")],
            Violation::InterruptedMessage,
        ),
        (vec![frame(0x88, b"\x03")], Violation::ShortClose),
        (vec![frame(0x88, b"\x03\xee")], Violation::CloseCode(1006)),
        (vec![frame(0x88, b"\x03\xe8\xff")], Violation::NotUtf8),
        (
            vec![frame(0x01, b"\xce"), frame(0x80, b"!")],
            Violation::NotUtf8,
        ),
        (vec![frame(0x81, b"\xce")], Violation::NotUtf8),
        (vec![frame(0x82, &[0; 101])], Violation::TooBig(100)),
        (
            vec![frame(0x02, &[0; 60]), frame(0x80, &[0; 41])],
            Violation::TooBig(100),
        ),
        (vec![huge], Violation::TooBig(100)),
    ];
    for (frames, violation) in table {
        let mut socket = open("", 100);
        let events = receive(&mut socket, &frames);
        assert_eq!(events, [Event::Failed(violation)], "{frames:x?}");
        let code = violation.code().to_be_bytes();
        assert_eq!(socket.output()[0], 0x88);
        assert_eq!(socket.output()[2..4], code, "{violation}");
        assert!(socket.is_closed());
        assert_eq!(socket.close_code(), violation.code());
        // Deaf from now on.
        assert_eq!(receive(&mut socket, &[frame(0x81, b"x")]), []);
    }
}

/// The rest of the frame need not come before the failure does.
#[test]
fn failures_come_early() {
    let mut socket = open("", 100);
    let begun = &frame(0x81, b"abc\xff and what follows")[..10];
    assert_eq!(
        feed(&mut socket, begun, 1),
        [Event::Failed(Violation::NotUtf8)]
    );
    let mut socket = open("", 100);
    let announced = [0x81, 0xfe, 0, 101 + 25, 0, 0, 0, 0];
    assert_eq!(
        feed(&mut socket, &announced, 1),
        [Event::Failed(Violation::TooBig(100))]
    );
}

/// What a head announces costs nothing before it comes, and nothing stays behind a message.
#[test]
fn memory_grows_with_what_has_come() {
    let mut socket = open("", 1 << 24);
    let bytes = frame(0x82, &vec![1; 1 << 20]);
    let (begun, rest) = bytes.split_at(1000);
    assert_eq!(feed(&mut socket, begun, 100), []);
    assert!(socket.held() < 2000, "{} bytes are held", socket.held());
    assert_eq!(feed(&mut socket, rest, 65_536), [binary(&vec![1; 1 << 20])]);
    assert_eq!(socket.held(), 0);
    socket.send_binary(&vec![1; 1 << 20]).unwrap();
    socket.sent(socket.output().len());
    assert!(socket.output.capacity() <= 4096);
}

#[test]
fn compressed_messages_are_bounded_and_checked() {
    let mut sender = open(DEFLATE, 10_000);
    sender.send_binary(&[0; 10_000]).unwrap();
    let bomb = sender.output()[2..].to_vec();
    assert!(bomb.len() < 100);
    let table = [
        (frame(0xc2, &bomb), 10_000, None),
        (frame(0xc2, &bomb), 9_999, Some(Violation::TooBig(9_999))),
        (
            frame(0xc2, &bomb),
            bomb.len() - 1,
            Some(Violation::TooBig(bomb.len() - 1)),
        ),
        (
            frame(0xc1, &[0x00, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00]),
            100,
            Some(Violation::NotUtf8),
        ),
        (frame(0xc1, b"garbage"), 100, Some(Violation::NotDeflate)),
    ];
    for (bytes, limit, violation) in table {
        let mut socket = open(DEFLATE, limit);
        let events = feed(&mut socket, &bytes, 7);
        let expected = violation.map_or_else(|| binary(&[0; 10_000]), Event::Failed);
        assert_eq!(events, [expected]);
    }
}

#[test]
fn a_message_has_so_many_frames_and_no_more() {
    let mut socket = open("", 100);
    let mut frames = vec![frame(0x01, b"")];
    frames.resize(65_536, frame(0x00, b""));
    assert_eq!(receive(&mut socket, &frames), []);
    let last = receive(&mut socket, &[frame(0x80, b"")]);
    assert_eq!(last, [Event::Failed(Violation::TooManyFrames)]);
    assert_eq!(socket.close_code(), 1008);
}

#[test]
fn the_client_closes() {
    for (payload, event, echo) in [
        (&b""[..], closed(1005, ""), &b"\x88\x00"[..]),
        (b"\x03\xe8", closed(1000, ""), b"\x88\x02\x03\xe8"),
        (b"\x0f\xa0bye", closed(4000, "bye"), b"\x88\x02\x0f\xa0"),
    ] {
        let mut socket = open("", 100);
        assert_eq!(socket.close_code(), 1006);
        let frames = [
            frame(0x88, payload),
            frame(0x81, b"after"),
            frame(0x88, b""),
        ];
        assert_eq!(receive(&mut socket, &frames), [event]);
        assert_eq!(socket.output(), echo);
        assert!(socket.is_closed());
        assert_eq!(socket.send_text("too late"), Err(Closed));
        assert_eq!(socket.close(None, ""), Err(CloseError::Closed));
        socket.ping();
        assert_eq!(socket.output(), echo);
    }
}

#[test]
fn we_close_and_the_client_answers() {
    let mut socket = open("", 100);
    assert_eq!(receive(&mut socket, &[frame(0x01, b"begun")]), []);
    socket.close(Some(1001), "going").unwrap();
    assert!(!socket.is_open() && !socket.is_closed());
    assert_eq!(socket.send_binary(b"x"), Err(Closed));
    assert_eq!(socket.close(Some(1000), ""), Err(CloseError::Closed));
    // Messages and pings cross our close frame; nobody wants them, however large.
    let frames = [
        frame(0x80, b" before"),
        frame(0x82, &[0; 1000]),
        frame(0x81, b"\xff"),
        frame(0x89, b""),
        frame(0x88, b"\x03\xe9"),
    ];
    assert_eq!(
        receive(&mut socket, &frames),
        [Event::Ping, closed(1001, "")]
    );
    assert_eq!(socket.output(), b"\x88\x07\x03\xe9going");
    assert!(socket.is_closed());
}

#[test]
fn both_close_at_the_same_time() {
    let mut socket = open("", 100);
    socket.close(Some(1000), "").unwrap();
    assert_eq!(
        receive(&mut socket, &[frame(0x88, b"\x0f\xa1")]),
        [closed(4001, "")]
    );
    assert_eq!(socket.output(), b"\x88\x02\x03\xe8");
}

#[test]
fn codes_of_our_own() {
    for code in [0, 999, 1004, 1006, 1015, 2999, 5000] {
        let refused = open("", 100).close(Some(code), "");
        assert_eq!(refused, Err(CloseError::Code(code)));
    }
    let mut socket = open("", 100);
    socket.close(Some(1005), "unheard").unwrap();
    assert_eq!(socket.output(), b"\x88\x00");
}

#[test]
fn a_lost_client_is_told_and_the_app_hears_that_it_broke_off() {
    let start = Instant::now();
    let limits = Limits::default();
    let mut socket = open("", 100);
    let mut timers = Timers::new(&limits, start);
    let later = start + limits.ping_interval.unwrap();
    assert_eq!(timers.due(later, true), Due::Ping);
    socket.ping();
    assert_eq!(socket.output(), b"\x89\x00");
    assert_eq!(timers.due(later + limits.ping_timeout, true), Due::Lost);
    socket.give_up();
    assert!(socket.is_closed());
    assert_eq!(socket.output()[2..6], *b"\x88\x15\x03\xf3");
    assert_eq!(socket.close_code(), 1006);
}

#[test]
fn pings_that_nobody_reads_the_answers_of_cost_little() {
    let mut socket = open("", 100);
    let mut frames: Vec<_> = (0..5_000_u32)
        .map(|number| frame(0x89, &number.to_be_bytes()))
        .collect();
    assert_eq!(receive(&mut socket, &frames).len(), frames.len());
    let waiting = socket.output().len();
    assert!(waiting < 17_000, "{waiting} bytes wait");
    socket.sent(waiting);
    // The newest was kept.
    assert_eq!(
        socket.output(),
        [&b"\x8a\x04"[..], &4_999_u32.to_be_bytes()].concat()
    );
    frames.truncate(10);
    socket.sent(6);
    receive(&mut socket, &frames);
    assert_eq!(socket.output().len(), 60, "each of ten is answered");
}

#[test]
fn messages_go_out_whole() {
    let mut socket = open("", 100);
    socket.send_text("Hello").unwrap();
    let long = vec![7; 70_000];
    socket.send_binary(&long).unwrap();
    assert_eq!(socket.output()[..7], *b"\x81\x05Hello");
    assert_eq!(socket.output()[7..17], *b"\x82\x7f\0\0\0\0\0\x01\x11\x70");
    socket.sent(17);
    assert_eq!(socket.output(), long);
    socket.sent(70_000);
    assert!(socket.output().is_empty());
}

fn message() -> impl Strategy<Value = (bool, Vec<u8>)> {
    prop_oneof![
        ".{0,300}".prop_map(|text| (true, text.into_bytes())),
        "(abc|hello|🦀){0,500}".prop_map(|text| (true, text.into_bytes())),
        proptest::collection::vec(any::<u8>(), 0..400).prop_map(|bytes| (false, bytes)),
    ]
}

/// The frames of one message, cut and interleaved with pings.
fn fragments(is_text: bool, payload: &[u8], rsv: u8, cut: usize) -> Vec<u8> {
    let first = rsv | if is_text { 0x01 } else { 0x02 };
    let mut bytes = Vec::new();
    let mut rest = payload;
    let mut opcode = first;
    while rest.len() > cut {
        let (piece, after) = rest.split_at(cut);
        bytes.extend(frame(opcode, piece));
        bytes.extend(frame(0x89, b"?"));
        opcode = 0x00;
        rest = after;
    }
    bytes.extend(frame(0x80 | opcode, rest));
    bytes
}

/// What a server sent, its frames one behind the other.
fn sent_frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, short, rest @ ..] = bytes {
        let (length, rest) = match short {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => panic!("no message is so long"),
            short => (usize::from(*short), rest),
        };
        frames.push((*first, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    frames
}

proptest! {
    #[test]
    fn messages_arrive_however_they_are_cut(
        messages in proptest::collection::vec(message(), 1..6),
        cut in 1_usize..300,
        size in 1_usize..200,
    ) {
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|(is_text, payload)| fragments(*is_text, payload, 0, cut))
            .collect();
        let mut events = feed(&mut open("", 1 << 20), &bytes, size);
        events.retain(|event| *event != Event::Ping);
        let expected: Vec<Event> = messages
            .iter()
            .map(|(is_text, payload)| match String::from_utf8(payload.clone()) {
                Ok(payload) if *is_text => Event::Text(payload),
                _ => binary(payload),
            })
            .collect();
        prop_assert_eq!(events, expected);
    }

    /// Two servers back to back: what one compresses, the other reads as from a client.
    #[test]
    fn compressed_messages_arrive(
        messages in proptest::collection::vec(message(), 1..20),
        cut in 1_usize..300,
        size in 1_usize..200,
        forgets in any::<bool>(),
    ) {
        let offer = if forgets { "permessage-deflate; server_no_context_takeover" } else { DEFLATE };
        let mut sender = open(offer, 1 << 20);
        let mut receiver = open(if forgets { "permessage-deflate" } else { DEFLATE }, 1 << 20);
        for (is_text, payload) in &messages {
            let expected = match std::str::from_utf8(payload) {
                Ok(text) if *is_text => {
                    sender.send_text(text).unwrap();
                    Event::Text(text.to_owned())
                }
                _ => {
                    sender.send_binary(payload).unwrap();
                    binary(payload)
                }
            };
            let frames = sent_frames(sender.output());
            sender.sent(sender.output().len());
            let [(first, sent)] = &frames[..] else {
                panic!("one frame a message");
            };
            prop_assert!(sent.len() <= payload.len());
            let bytes = fragments(first & 0x0f == 1, sent, first & 0x40, cut);
            let mut events = feed(&mut receiver, &bytes, size);
            events.retain(|event| *event != Event::Ping);
            prop_assert_eq!(events, [expected]);
        }
    }

    /// Garbage behind heads that are right often enough to get somewhere.
    #[test]
    fn any_bytes_give_the_same_in_any_pieces_and_stay_below_the_limit(
        frames in proptest::collection::vec(
            (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..140), 0_u8..8),
            0..12,
        ),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
        size in 1_usize..60,
        deflates in any::<bool>(),
    ) {
        const OPCODES: [u8; 8] = [0x01, 0x02, 0x80, 0x81, 0x82, 0x89, 0xc1, 0xc2];
        let mut bytes = Vec::new();
        for (wild, payload, usual) in frames {
            let first = if wild < 8 { wild << 4 | usual } else { OPCODES[usize::from(usual)] };
            bytes.extend(frame(first, &payload));
        }
        bytes.extend(tail);
        let offer = if deflates { DEFLATE } else { "" };
        let mut whole = open(offer, 200);
        let at_once = feed(&mut whole, &bytes, usize::MAX);
        let mut cut = open(offer, 200);
        let mut in_pieces = Vec::new();
        for piece in bytes.chunks(size) {
            in_pieces.extend(feed(&mut cut, piece, size));
            // Twice the limit: buffers double.
            prop_assert!(cut.held() <= 2 * 200, "{} bytes are held", cut.held());
        }
        prop_assert_eq!(&at_once, &in_pieces);
        prop_assert_eq!(whole.output(), cut.output());
        for event in at_once {
            match event {
                Event::Text(text) => prop_assert!(text.len() <= 200),
                Event::Binary(bytes) => prop_assert!(bytes.len() <= 200),
                Event::Ping | Event::Pong | Event::Closed { .. } | Event::Failed(_) => {}
            }
        }
    }

    #[test]
    fn pure_noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), size in 1_usize..50) {
        let events = feed(&mut open(DEFLATE, 100), &bytes, size);
        prop_assert!(events.len() <= bytes.len());
    }
}
