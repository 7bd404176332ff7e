//! What clients get that ask for a file.

use bytes::Bytes;

use super::{Body, Coding, Conditions, Described, Facts, Part, Plan, plan};

const NOW: u64 = 2_000_000_000;
const FACTS: Facts = Facts {
    size: 1000,
    modified_ns: 1_000_000_000_000_000_255,
    changed_ns: 16,
};

fn part(first: u64, length: u64) -> Body {
    Body::Part(Part { first, length })
}

fn answer(own: &[(&'static str, &'static str)], fields: &[(&str, &str)]) -> Plan {
    let is_plain = fields.contains(&("accept-encoding", "identity"));
    let own: Vec<_> = own
        .iter()
        .map(|(name, value)| (Bytes::from(*name), Bytes::from(*value)))
        .collect();
    let file = Described {
        facts: FACTS,
        content_type: "text/css; charset=utf-8",
        coding: (!is_plain).then_some(Coding::Gzip),
        is_negotiated: true,
        max_age: Some(60),
        has_expires: false,
        own: &own,
    };
    let conditions = Conditions::read(
        "GET",
        fields.iter().map(|(name, value)| (*name, value.as_bytes())),
    );
    plan(&file, &conditions, NOW, || "boundary".to_owned())
}

fn text(plan: &Plan) -> String {
    let line = |(name, value): &(Bytes, Bytes)| {
        let (name, value) = (
            String::from_utf8_lossy(name),
            String::from_utf8_lossy(value),
        );
        format!("{name}: {value}\n")
    };
    plan.fields.iter().map(line).collect()
}

#[test]
fn a_file_is_described() {
    let whole = answer(&[], &[]);
    assert_eq!((whole.status, &whole.body), (200, &part(0, 1000)));
    assert_eq!(
        text(&whole),
        "ETag: \"3e8-de0b6b3a76400ff-10.gz\"\n\
         Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\n\
         Cache-Control: max-age=60\n\
         Vary: Accept-Encoding\n\
         Content-Type: text/css; charset=utf-8\n\
         Content-Encoding: gzip\n\
         Accept-Ranges: bytes\n"
    );
    let some = answer(&[], &[("range", "bytes=10-19")]);
    assert_eq!((some.status, &some.body), (206, &part(10, 10)));
    assert!(text(&some).ends_with("Content-Range: bytes 10-19/1000\n"));
    let beyond = answer(&[], &[("range", "bytes=1000-")]);
    assert_eq!((beyond.status, &beyond.body), (416, &Body::Nothing));
    assert!(text(&beyond).ends_with("Content-Range: bytes */1000\n"));
}

#[test]
fn a_client_that_has_it_gets_what_it_must_know() {
    let same = answer(&[], &[("if-none-match", "\"3e8-de0b6b3a76400ff-10.gz\"")]);
    assert_eq!((same.status, &same.body), (304, &Body::Nothing));
    assert_eq!(
        text(&same),
        "ETag: \"3e8-de0b6b3a76400ff-10.gz\"\n\
         Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\n\
         Cache-Control: max-age=60\n\
         Vary: Accept-Encoding\n"
    );
    assert_eq!(answer(&[], &[("if-match", "\"b\"")]).status, 412);
}

#[test]
fn the_app_has_the_first_word() {
    let own = [
        ("content-type", "application/pdf"),
        ("Content-Length", "0"),
        ("Content-Disposition", "attachment"),
        ("etag", "\"mine\""),
        ("Set-Cookie", "a=b"),
    ];
    let whole = answer(&own, &[]);
    let said = text(&whole);
    assert!(said.starts_with(
        "content-type: application/pdf\nContent-Disposition: attachment\netag: \"mine\"\nSet-Cookie: a=b\n"
    ));
    assert!(!said.contains("ETag:") && !said.contains("text/css"));
    let same = answer(&own, &[("if-none-match", "\"mine\"")]);
    assert_eq!(same.status, 304);
    assert!(text(&same).starts_with("etag: \"mine\"\nSet-Cookie: a=b\n"));
}

#[test]
fn several_parts_have_their_types_and_the_whole_another() {
    let several = ("range", "bytes=0-1,500-509");
    let parts = answer(
        &[("content-type", "application/pdf")],
        &[several, ("accept-encoding", "identity")],
    );
    let said = text(&parts);
    assert!(
        said.contains("Content-Type: multipart/byteranges; boundary=boundary\n"),
        "{said}"
    );
    assert!(
        !said.contains("application/pdf") && !said.contains("Content-Range"),
        "{said}"
    );
    let Body::Parts(body) = &parts.body else {
        panic!("{parts:?}");
    };
    assert_eq!((parts.status, body.sections.len()), (206, 2));
    assert!(
        body.sections[0]
            .0
            .windows(15)
            .any(|window| window == b"application/pdf")
    );
    // What is encoded is sent whole.
    assert_eq!(answer(&[], &[several]).body, part(0, 1000));
    let own = [("content-encoding", "br")];
    let plain = ("accept-encoding", "identity");
    assert_eq!(answer(&own, &[several, plain]).body, part(0, 1000));
}

#[test]
fn a_time_to_come_is_not_told() {
    let late = Facts {
        modified_ns: i128::from(NOW) * 1_000_000_000 + 1_000_000_000,
        ..FACTS
    };
    assert_eq!(late.modified(NOW), None);
    let early = Facts {
        modified_ns: -1,
        ..FACTS
    };
    assert_eq!(early.modified(NOW), None);
}
