//! What web servers send, as they and others might, and what is made of it.

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use super::{Event, Framing, Language, Reader, Refusal, Variables};

const LIMIT: usize = 4096;

fn pack(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in pairs {
        for text in [name, value] {
            block.put_u16_le(text.len().try_into().expect("short"));
            block.extend_from_slice(text.as_bytes());
        }
    }
    let mut packet = vec![0];
    packet.put_u16_le(block.len().try_into().expect("short"));
    packet.push(0);
    packet.extend_from_slice(&block);
    packet
}

fn netstring(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in pairs {
        block.extend_from_slice(name.as_bytes());
        block.push(0);
        block.extend_from_slice(value.as_bytes());
        block.push(0);
    }
    let mut whole = format!("{}:", block.len()).into_bytes();
    whole.extend_from_slice(&block);
    whole.push(b',');
    whole
}

fn record(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let mut record = vec![1, kind];
    record.put_u16(id);
    record.put_u16(content.len().try_into().expect("short"));
    record.extend([padding, 0]);
    record.extend_from_slice(content);
    record.extend(std::iter::repeat_n(0, padding.into()));
    record
}

fn params(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in pairs {
        for text in [name, value] {
            if text.len() < 128 {
                block.push(text.len().try_into().expect("short"));
            } else {
                block.put_u32(u32::try_from(text.len()).expect("short") | 0x8000_0000);
            }
        }
        block.extend_from_slice(name.as_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    block
}

/// Everything that comes of these bytes, given in pieces of this size.
fn events(language: Language, bytes: &[u8], step: usize) -> (Vec<String>, Option<Refusal>) {
    let mut reader = Reader::new(language, LIMIT);
    let mut told = Vec::new();
    for piece in bytes.chunks(step) {
        reader.take(piece);
        loop {
            match reader.next() {
                Ok(None) => break,
                Ok(Some(event)) => tell(&mut told, event),
                Err(refusal) => return (told, Some(refusal)),
            }
        }
    }
    (told, None)
}

fn tell(told: &mut Vec<String>, event: Event) {
    match event {
        Event::Request(variables) => told.push(listed(&variables)),
        Event::Body(piece) => {
            let piece = String::from_utf8_lossy(&piece).into_owned();
            match told.last_mut().filter(|last| last.starts_with("body ")) {
                Some(last) => last.push_str(&piece),
                None => told.push(format!("body {piece}")),
            }
        }
        Event::End => told.push("end".to_owned()),
        Event::Aborted => told.push("aborted".to_owned()),
        Event::Reply(bytes) => told.push(format!("reply {bytes:?}")),
    }
}

fn listed(variables: &Variables) -> String {
    let listed = variables
        .iter()
        .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)));
    listed.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_uwsgi_request_is_its_variables_and_its_body_however_it_comes() {
    let mut bytes = pack(&[
        ("REQUEST_METHOD", "POST"),
        ("CONTENT_LENGTH", "5"),
        ("X", ""),
    ]);
    bytes.extend_from_slice(b"helloand what is not part of it");
    for step in [1, 2, 3, 7, 1000] {
        let (told, refusal) = events(Language::Uwsgi, &bytes, step);
        assert_eq!(refusal, None);
        assert_eq!(
            told,
            [
                "REQUEST_METHOD=POST CONTENT_LENGTH=5 X=",
                "body hello",
                "end"
            ]
        );
    }
}

#[test]
fn uwsgi_packets_that_are_no_requests_are_refused() {
    let big = "x".repeat(LIMIT);
    let cases: &[(Vec<u8>, Refusal)] = &[
        (vec![5, 0, 0, 0], Refusal::Modifier(5)),
        (vec![173, 1, 0, 0], Refusal::Modifier(173)),
        (pack(&[("A", &big)]), Refusal::TooLarge),
        (vec![0, 3, 0, 0, 9, 0, b'A'], Refusal::Variables),
        (vec![0, 1, 0, 0, 9], Refusal::Variables),
        (pack(&[("", "value")]), Refusal::Variables),
        (pack(&[("A B", "value")]), Refusal::Variables),
        (pack(&[("A", "a\0b")]), Refusal::Variables),
        (pack(&[("CONTENT_LENGTH", "-1")]), Refusal::ContentLength),
        (pack(&[("CONTENT_LENGTH", "+1")]), Refusal::ContentLength),
        (pack(&[("CONTENT_LENGTH", "1 ")]), Refusal::ContentLength),
        (
            pack(&[("CONTENT_LENGTH", &"9".repeat(19))]),
            Refusal::ContentLength,
        ),
    ];
    for (bytes, expected) in cases {
        let (told, refusal) = events(Language::Uwsgi, bytes, 3);
        assert_eq!((told.len(), refusal), (0, Some(*expected)), "{bytes:?}");
    }
}

#[test]
fn an_scgi_request_is_its_variables_and_its_body_however_it_comes() {
    let mut bytes = netstring(&[("CONTENT_LENGTH", "2"), ("SCGI", "1"), ("A", "b")]);
    bytes.extend_from_slice(b"hi");
    for step in [1, 4, 1000] {
        let (told, refusal) = events(Language::Scgi, &bytes, step);
        assert_eq!(refusal, None);
        assert_eq!(told, ["CONTENT_LENGTH=2 SCGI=1 A=b", "body hi", "end"]);
    }
}

#[test]
fn netstrings_that_are_no_requests_are_refused() {
    let cases: &[(Vec<u8>, Refusal)] = &[
        (b"GET / HTTP/1.1\r\n".to_vec(), Refusal::Variables),
        (b":".to_vec(), Refusal::Variables),
        (b"99999999:".to_vec(), Refusal::TooLarge),
        (b"5000:".to_vec(), Refusal::TooLarge),
        (b"3:A\0B;".to_vec(), Refusal::Variables),
        (b"3:A\0B,".to_vec(), Refusal::Variables),
        (
            netstring(&[("SCGI", "1"), ("CONTENT_LENGTH", "0")]),
            Refusal::Variables,
        ),
        (netstring(&[("CONTENT_LENGTH", "0")]), Refusal::Variables),
    ];
    for (bytes, expected) in cases {
        let (told, refusal) = events(Language::Scgi, bytes, 2);
        assert_eq!((told.len(), refusal), (0, Some(*expected)), "{bytes:?}");
    }
}

fn begin(id: u16, role: u8, flags: u8) -> Vec<u8> {
    record(1, id, &[0, role, flags, 0, 0, 0, 0, 0], 0)
}

#[test]
fn a_fastcgi_request_is_put_together_from_its_records() {
    let long = "x".repeat(200);
    let block = params(&[("CONTENT_LENGTH", "6"), ("LONG", &long)]);
    let (first, second) = block.split_at(9);
    let bytes = [
        begin(1, 1, 1),
        record(4, 1, first, 3),
        record(4, 1, second, 0),
        record(4, 1, b"", 0),
        record(5, 1, b"abc", 5),
        record(5, 1, b"def", 0),
        record(5, 1, b"", 0),
    ]
    .concat();
    for step in [1, 5, 4096] {
        let (told, refusal) = events(Language::FastCgi, &bytes, step);
        assert_eq!(refusal, None);
        let variables = format!("CONTENT_LENGTH=6 LONG={long}");
        assert_eq!(told, [&variables, "body abcdef", "end"]);
    }
}

#[test]
fn fastcgi_says_what_it_cannot_do() {
    let said = |bytes: &[u8]| events(Language::FastCgi, bytes, 4096).0;
    let multiplexed = [begin(1, 1, 1), begin(2, 1, 1), record(4, 2, b"\x01\0A", 0)].concat();
    assert_eq!(
        said(&multiplexed),
        ["reply [1, 3, 0, 2, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]"]
    );
    assert_eq!(
        said(&begin(1, 2, 0)),
        ["reply [1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]"]
    );
    let values = record(9, 0, &params(&[("FCGI_MPXS_CONNS", ""), ("ELSE", "")]), 0);
    let answer = record(10, 0, &params(&[("FCGI_MPXS_CONNS", "0")]), 0);
    assert_eq!(said(&values), [format!("reply {answer:?}")]);
    assert_eq!(
        said(&record(77, 0, b"", 0)),
        ["reply [1, 11, 0, 0, 0, 8, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0]"]
    );
    let aborted = [begin(1, 1, 0), record(4, 1, b"", 0), record(2, 1, b"", 0)].concat();
    assert_eq!(said(&aborted), ["", "aborted"]);
}

#[test]
fn fastcgi_that_makes_no_sense_is_refused() {
    let length = params(&[("CONTENT_LENGTH", "2")]);
    let opened = [
        begin(1, 1, 0),
        record(4, 1, &length, 0),
        record(4, 1, b"", 0),
    ]
    .concat();
    let cases: &[(Vec<u8>, Refusal)] = &[
        (vec![2, 1, 0, 1, 0, 0, 0, 0], Refusal::Version(2)),
        (record(1, 1, b"short", 0), Refusal::Record),
        ([begin(1, 1, 0), begin(1, 1, 0)].concat(), Refusal::Record),
        (
            [begin(1, 1, 0), record(5, 1, b"early", 0)].concat(),
            Refusal::Record,
        ),
        (
            [opened.clone(), record(5, 1, b"abc", 0)].concat(),
            Refusal::Body,
        ),
        (
            [opened.clone(), record(5, 1, b"a", 0), record(5, 1, b"", 0)].concat(),
            Refusal::Body,
        ),
        (
            [begin(1, 1, 0), record(4, 1, &[0; LIMIT + 1], 0)].concat(),
            Refusal::TooLarge,
        ),
        (
            [
                begin(1, 1, 0),
                record(4, 1, &[9, 9], 0),
                record(4, 1, b"", 0),
            ]
            .concat(),
            Refusal::Variables,
        ),
        (
            [
                begin(1, 1, 0),
                record(4, 1, &[255; 8], 0),
                record(4, 1, b"", 0),
            ]
            .concat(),
            Refusal::Variables,
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(
            events(Language::FastCgi, bytes, 64).1,
            Some(*expected),
            "{bytes:?}"
        );
    }
}

#[test]
fn another_request_follows_where_the_connection_is_kept() {
    let mut reader = Reader::new(Language::FastCgi, LIMIT);
    for (id, flags, is_kept) in [(1, 1, true), (1, 1, true), (3, 0, false)] {
        reader.take(
            &[
                begin(id, 1, flags),
                record(4, id, b"", 0),
                record(5, id, b"", 0),
            ]
            .concat(),
        );
        assert!(matches!(reader.next(), Ok(Some(Event::Request(_)))));
        assert!(matches!(reader.next(), Ok(Some(Event::End))));
        assert_eq!(reader.framing(), Framing::Records { id, is_kept });
        assert_eq!(reader.framing().is_kept(), is_kept);
        reader.end_request();
    }
}

#[test]
fn answers_take_the_form_of_their_protocol() {
    let fields: [(&[u8], &[u8]); 1] = [(b"Content-Length", b"2")];
    let head = |framing: Framing| framing.head("HTTP/1.1", 200, b"OK", fields.into_iter());
    assert_eq!(
        head(Framing::Http),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    );
    let status = b"Status: 200 OK\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(head(Framing::Cgi), status);
    let records = Framing::Records {
        id: 7,
        is_kept: true,
    };
    assert_eq!(head(records), record(6, 7, status, 0));
    let cut: Vec<_> = records.cut(65_528 + 1).collect();
    assert_eq!(cut.len(), 2);
    assert_eq!(
        cut.first().map(|(prefix, count)| (prefix.len(), *count)),
        Some((8, 65_528))
    );
    assert_eq!(
        cut.last().map(|(prefix, _)| &**prefix),
        Some(&*record(6, 7, b"x", 0)[..8].to_vec())
    );
    let end = [record(6, 7, b"", 0), record(3, 7, &[0; 8], 0)].concat();
    assert_eq!(records.end(), end);
    assert_eq!(Framing::Http.cut(9).collect::<Vec<_>>(), [(Vec::new(), 9)]);
    assert_eq!(Framing::Http.cut(0).count(), 0);
}

fn language() -> impl Strategy<Value = Language> {
    prop_oneof![
        Just(Language::Uwsgi),
        Just(Language::FastCgi),
        Just(Language::Scgi)
    ]
}

proptest! {
    /// Whatever comes: nothing panics, and how it is cut makes no difference.
    #[test]
    fn any_bytes_say_the_same_however_they_come(
        language in language(),
        bytes in proptest::collection::vec(prop_oneof![0..12_u8, any::<u8>()], 0..300),
        step in 1..40_usize,
    ) {
        prop_assert_eq!(events(language, &bytes, step), events(language, &bytes, 4096));
    }

    /// What was packed comes out.
    #[test]
    fn variables_survive(values in proptest::collection::vec("[ -~]{0,40}", 0..20)) {
        let names: Vec<String> = (0..values.len()).map(|n| format!("HTTP_{n}")).collect();
        let pairs: Vec<(&str, &str)> = names.iter().map(|n| &**n).zip(values.iter().map(|v| &**v)).collect();
        let mut held = BytesMut::from(&*pack(&pairs));
        let variables = super::uwsgi::take_variables(&mut held, LIMIT).unwrap().unwrap();
        let read: Vec<_> = variables.iter().map(|(n, v)| (n, str::from_utf8(v).unwrap())).collect();
        prop_assert_eq!(read, pairs);
    }
}

#[test]
fn a_request_is_in_part_until_its_variables_are_there() {
    let whole = [begin(1, 1, 1), record(4, 1, b"", 0), record(5, 1, b"", 0)].concat();
    let (first, rest) = whole.split_at(16);
    let mut reader = Reader::new(Language::FastCgi, LIMIT);
    assert!(!reader.is_in_part());
    reader.take(first);
    assert!(matches!(reader.next(), Ok(None)));
    // Its first record has been taken, and nothing more has come.
    assert!(reader.is_in_part());
    reader.take(rest);
    assert!(matches!(reader.next(), Ok(Some(Event::Request(_)))));
    assert!(matches!(reader.next(), Ok(Some(Event::End))));
    assert!(!reader.is_in_part());
    let mut reader = Reader::new(Language::Uwsgi, LIMIT);
    reader.take(&[0]);
    assert!(reader.is_in_part());
}

#[test]
fn what_is_spoken_has_a_name_and_what_is_refused_a_status() {
    use lictor_core::config::Protocol;
    let cases = [
        (Protocol::Http, None),
        (Protocol::Https, None),
        (Protocol::Uwsgi, Some("uwsgi")),
        (Protocol::Fastcgi, Some("FastCGI")),
        (Protocol::Scgi, Some("SCGI")),
    ];
    for (protocol, name) in cases {
        assert_eq!(Language::of(protocol).map(Language::name), name);
    }
    let cases = [
        (Refusal::TooLarge, 431),
        (Refusal::Modifier(1), 501),
        (Refusal::Variables, 400),
        (Refusal::Version(2), 400),
    ];
    for (refusal, status) in cases {
        assert_eq!(refusal.status(), status);
    }
}
