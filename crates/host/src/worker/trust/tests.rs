//! Tables of what proxies and liars write, and what is believed of it.

use std::net::IpAddr;

use lictor_core::config::{ForwardedField, TrustConfig, TrustedPeer};
use proptest::prelude::*;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Proxies have addresses that begin with 10.
fn trust() -> Trust {
    let network = TrustedPeer::Network {
        address: address("10.0.0.0"),
        prefix: 8,
    };
    let config = TrustConfig {
        forwarded_allow: Some(vec![network]),
        ..TrustConfig::default()
    };
    Trust::new(&config).unwrap()
}

fn heard(trust: &Trust, fields: &[(&str, &str)]) -> Said {
    trust.hear(fields.iter().map(|(name, value)| (*name, value.as_bytes())))
}

fn client(fields: &[(&str, &str)]) -> Option<(String, u16)> {
    let said = heard(&trust(), fields);
    said.client
        .map(|(address, port)| (address.to_string(), port))
}

#[test]
fn without_the_option_there_is_no_trust() {
    assert!(Trust::new(&TrustConfig::default()).is_none());
}

#[test]
fn the_client_is_the_rightmost_that_is_no_proxy() {
    for (value, expected) in [
        ("192.0.2.1", Some(("192.0.2.1", 0))),
        ("192.0.2.1:4000", Some(("192.0.2.1", 4000))),
        ("192.0.2.1, 10.0.0.2", Some(("192.0.2.1", 0))),
        ("192.0.2.1,10.0.0.2 ,\t10.0.0.3", Some(("192.0.2.1", 0))),
        // What the client wrote itself.
        ("127.0.0.1, 192.0.2.1, 10.0.0.2", Some(("192.0.2.1", 0))),
        ("nonsense \u{fc}, 192.0.2.1", Some(("192.0.2.1", 0))),
        ("192.0.2.9\"', 192.0.2.1", Some(("192.0.2.1", 0))),
        // All are proxies: the one that is farthest away.
        ("10.0.0.1, 10.0.0.2", Some(("10.0.0.1", 0))),
        // Unknown from there on.
        ("192.0.2.1, unknown, 10.0.0.2", Some(("10.0.0.2", 0))),
        ("192.0.2.1, , 10.0.0.2", Some(("10.0.0.2", 0))),
        ("192.0.2.1, 192.0.2.300", None),
        ("unknown", None),
        ("", None),
        ("192.0.2.1:0", None),
        ("192.0.2.1:99999", None),
        ("192.0.2.1:", None),
        ("localhost", None),
        ("2001:db8::1", Some(("2001:db8::1", 0))),
        ("[2001:db8::1]", Some(("2001:db8::1", 0))),
        ("[2001:db8::1]:99", Some(("2001:db8::1", 99))),
        ("[2001:db8::1]99", None),
        ("[192.0.2.1]", None),
        ("::ffff:192.0.2.1", Some(("192.0.2.1", 0))),
        ("192.0.2.1, ::ffff:10.0.0.1", Some(("192.0.2.1", 0))),
        ("fe80::1%eth0", None),
    ] {
        let expected = expected.map(|(address, port)| (address.to_owned(), port));
        assert_eq!(client(&[("x-forwarded-for", value)]), expected, "{value}");
    }
    let two = [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.2"),
    ];
    assert_eq!(client(&two), Some(("192.0.2.2".to_owned(), 0)));
}

#[test]
fn the_other_fields_stand_beside_the_client() {
    let addresses = ("x-forwarded-for", "203.0.113.9, 192.0.2.1, 10.0.0.2");
    for (name, value, expected) in [
        ("x-forwarded-proto", "https", Some(true)),
        ("x-forwarded-proto", "HTTPS", Some(true)),
        ("x-forwarded-proto", "wss", Some(true)),
        ("x-forwarded-proto", "http", Some(false)),
        // One for each address: the one of the chosen.
        ("x-forwarded-proto", "http, https, http", Some(true)),
        ("x-forwarded-proto", "https, http, https", Some(false)),
        // Not one for each: the peer's own.
        ("x-forwarded-proto", "https, http", Some(false)),
        ("x-forwarded-proto", "https,", None),
        ("x-forwarded-proto", "ftp", None),
        ("x-forwarded-proto", "https;q=1", None),
    ] {
        let said = heard(&trust(), &[addresses, (name, value)]);
        assert_eq!(said.is_secure, expected, "{value}");
    }
}

#[test]
fn hosts_ports_and_prefixes_are_what_they_should_be_or_nothing() {
    let said = |name, value| heard(&trust(), &[(name, value)]);
    for (value, expected) in [
        ("example.org", Some(("example.org", None))),
        ("example.org:8080", Some(("example.org:8080", Some(8080)))),
        ("[::1]:8080", Some(("[::1]:8080", Some(8080)))),
        ("[::1]", Some(("[::1]", None))),
        ("a, example.org", Some(("example.org", None))),
        ("example.org/path", None),
        ("user@example.org", None),
        ("example.org:http", None),
        ("example.org:", None),
        (":80", None),
        ("[::1", None),
        ("b\u{e4}r", None),
        ("", None),
    ] {
        let said = said("x-forwarded-host", value);
        let expected = expected.map(|(host, port)| (host.to_owned(), port));
        assert_eq!(said.host.map(|host| (host, said.port)), expected, "{value}");
    }
    for (value, expected) in [
        ("443", Some(443)),
        ("0", None),
        ("65536", None),
        ("+80", None),
        ("80a", None),
        ("", None),
    ] {
        assert_eq!(said("x-forwarded-port", value).port, expected, "{value}");
    }
    for (value, expected) in [
        ("/app", Some("/app")),
        ("/app/", Some("/app")),
        ("/a/b~c", Some("/a/b~c")),
        ("/", Some("")),
        ("app", None),
        ("//evil.example", None),
        ("/a//b", None),
        ("/a/../b", None),
        ("/a\"b", None),
        ("/a?b", None),
        ("", None),
    ] {
        let prefix = said("x-forwarded-prefix", value).prefix;
        assert_eq!(prefix.as_deref(), expected, "{value}");
    }
}

#[test]
fn the_port_follows_from_what_else_is_said() {
    for (fields, expected) in [
        (&[("x-forwarded-proto", "https")][..], Some(443)),
        (&[("x-forwarded-proto", "http")], Some(80)),
        (&[("x-forwarded-for", "192.0.2.1")], None),
        (
            &[
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "a:444"),
            ],
            Some(444),
        ),
        (
            &[("x-forwarded-port", "445"), ("x-forwarded-host", "a:444")],
            Some(445),
        ),
    ] {
        assert_eq!(heard(&trust(), fields).port, expected, "{fields:?}");
    }
}

#[test]
fn forwarded_is_read_element_by_element_from_the_right() {
    let said = |value: &str| heard(&trust(), &[("forwarded", value)]);
    let whole =
        said("for=192.0.2.1;proto=https;host=\"a.example:8443\";by=_me, for=10.0.0.2;proto=http");
    assert_eq!(whole.client, Some((address("192.0.2.1"), 0)));
    assert_eq!(whole.is_secure, Some(true));
    assert_eq!(whole.host.as_deref(), Some("a.example:8443"));
    assert_eq!(whole.port, Some(8443));
    for (value, expected) in [
        ("For=\"[2001:db8::1]:47\"", Some(("2001:db8::1", 47))),
        ("for=[2001:db8::1]:47", Some(("2001:db8::1", 47))),
        ("FOR=192.0.2.1 ; proto=http", Some(("192.0.2.1", 0))),
        ("for=\"192.0.2.\\1\"", Some(("192.0.2.1", 0))),
        ("for=1.1.1.1, for=192.0.2.1", Some(("192.0.2.1", 0))),
        ("for=192.0.2.1, proto=https", None),
        (
            "for=192.0.2.1, for=_hidden, for=10.0.0.2",
            Some(("10.0.0.2", 0)),
        ),
        ("for=unknown", None),
        // Quotations that were left open, or are closed by what the proxy adds.
        ("for=\"1.1.1.1, for=192.0.2.1", None),
        ("for=\"1.1.1.1, for=\"[2001:db8::1]\"", None),
        ("for=1.1.1.1\\, for=192.0.2.1", None),
        ("for=192.0.2.1;for=1.1.1.1", None),
        ("for = 192.0.2.1", None),
        ("for=", None),
        ("for", None),
        ("", None),
        ("for=192.0.2.1,", None),
        ("for=192.0.2.1;", None),
        ("for=\"192.0.2.1\"x", None),
    ] {
        let expected = expected.map(|(text, port)| (address(text), port));
        assert_eq!(said(value).client, expected, "{value}");
    }
    let hidden = said("for=_x;proto=https");
    assert_eq!((hidden.client, hidden.is_secure), (None, Some(true)));
    assert_eq!(said(&"for=192.0.2.1,".repeat(65)).client, None);
}

#[test]
fn what_the_proxy_does_not_write_cannot_be_smuggled_in() {
    let both = [
        ("forwarded", "for=127.0.0.1;host=evil.example"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    let said = heard(&trust(), &both);
    assert_eq!(said.client, Some((address("192.0.2.1"), 0)));
    assert_eq!((said.host, said.leaves_forwarded), (None, true));

    let config = TrustConfig {
        forwarded_allow: Some(vec![TrustedPeer::Everyone]),
        forwarded_fields: vec![ForwardedField::For],
        proxy_protocol: false,
    };
    let only_for = Trust::new(&config).unwrap();
    let fields = [
        ("x-forwarded-host", "evil"),
        ("x-forwarded-for", "192.0.2.1, 192.0.2.2"),
    ];
    let said = heard(&only_for, &fields);
    assert_eq!(said.host, None);
    // Everyone is believed, so the farthest is the client.
    assert_eq!(said.client, Some((address("192.0.2.1"), 0)));
    assert!(only_for.takes_away("x-forwarded-host", true));
    assert!(!only_for.takes_away("x-forwarded-for", true));
}

#[test]
fn what_is_not_believed_is_taken_away() {
    let trust = trust();
    for (name, from_others, from_believed) in [
        ("forwarded", true, false),
        ("x-forwarded-for", true, false),
        ("x-forwarded-ssl", true, false),
        ("x-forwarded", true, false),
        ("x-real-ip", true, false),
        ("x_forwarded-for", true, true),
        ("x_other", false, false),
        ("x-request-id", false, false),
        ("host", false, false),
    ] {
        assert_eq!(trust.takes_away(name, false), from_others, "{name}");
        assert_eq!(trust.takes_away(name, true), from_believed, "{name}");
    }
    assert!(trust.allows(Some(address("10.1.1.1"))));
    assert!(!trust.allows(None));
}

const CLIENT: Proxied = Proxied::Client {
    address: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    port: 4000,
    server_port: 443,
};

#[test]
fn version_1_is_one_line() {
    let whole = |text: &str| Preface::parse(text.as_bytes());
    let line = "PROXY TCP4 192.0.2.1 10.0.0.9 4000 443\r\n";
    assert_eq!(whole(line), Ok(Preface::Whole(line.len(), CLIENT)));
    let more = format!("{line}GET / HTTP/1.1\r\n");
    assert_eq!(whole(&more), Ok(Preface::Whole(line.len(), CLIENT)));
    for end in 0..line.len() {
        let part = &line.as_bytes()[..end];
        assert_eq!(Preface::parse(part), Ok(Preface::Unfinished), "{end}");
    }
    let unknown = "PROXY UNKNOWN whatever it is\r\n";
    assert_eq!(
        whole(unknown),
        Ok(Preface::Whole(unknown.len(), Proxied::Peer))
    );
    let ipv6 = "PROXY TCP6 2001:db8::1 ::1 4000 443\r\n";
    assert!(matches!(
        whole(ipv6),
        Ok(Preface::Whole(_, Proxied::Client { .. }))
    ));
    for wrong in [
        "PROXY TCP4 192.0.2.1 10.0.0.9 4000\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.9 4000 443 1\r\n",
        "PROXY TCP4 192.0.2.1  10.0.0.9 4000 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.9 04000 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.9 +4000 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.9 4000 65536\r\n",
        "PROXY TCP4 ::1 ::1 4000 443\r\n",
        "PROXY TCP6 192.0.2.1 10.0.0.9 4000 443\r\n",
        "PROXY UDP4 192.0.2.1 10.0.0.9 4000 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.9 4000 443\n",
        "PROXY \r\n",
    ] {
        assert_eq!(whole(wrong), Err(PrefaceError::Malformed), "{wrong}");
    }
    let long = format!("PROXY UNKNOWN {}", "a".repeat(107));
    assert_eq!(whole(&long), Err(PrefaceError::Malformed));
    for other in ["GET / HTTP/1.1\r\n", "PROX\r\n", "\r\nGET", "\u{16}\u{3}"] {
        assert_eq!(whole(other), Err(PrefaceError::Missing), "{other}");
    }
}

fn version_2(command: u8, family: u8, said: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(said.len()).unwrap().to_be_bytes());
    bytes.extend(said);
    bytes
}

#[test]
fn version_2_has_a_length() {
    let mut said = vec![192, 0, 2, 1, 10, 0, 0, 9, 0x0f, 0xa0, 0x01, 0xbb];
    let whole = version_2(0x21, 0x11, &said);
    assert_eq!(Preface::parse(&whole), Ok(Preface::Whole(28, CLIENT)));
    for end in 0..whole.len() {
        assert_eq!(
            Preface::parse(&whole[..end]),
            Ok(Preface::Unfinished),
            "{end}"
        );
    }
    // Further words of the proxy, which are skipped.
    said.extend([4, 0, 3, 1, 2, 3]);
    let more = version_2(0x21, 0x11, &said);
    assert_eq!(Preface::parse(&more), Ok(Preface::Whole(34, CLIENT)));
    for (command, family) in [(0x20, 0x11), (0x20, 0), (0x21, 0), (0x21, 0x31)] {
        let bytes = version_2(command, family, &said);
        assert_eq!(
            Preface::parse(&bytes),
            Ok(Preface::Whole(34, Proxied::Peer))
        );
    }
    let ipv6 = version_2(0x21, 0x21, &[1; 36]);
    assert!(matches!(
        Preface::parse(&ipv6),
        Ok(Preface::Whole(52, Proxied::Client { .. }))
    ));
    for (command, family, length) in [
        (0x11, 0x11, 12),
        (0x22, 0x11, 12),
        (0x21, 0x11, 11),
        (0x21, 0x21, 35),
    ] {
        let bytes = version_2(command, family, &vec![0; length]);
        assert_eq!(
            Preface::parse(&bytes),
            Err(PrefaceError::Malformed),
            "{command} {family}"
        );
    }
    // Refused before it is waited for.
    let long = version_2(0x21, 0x11, &[0; PREFACE_LIMIT_BYTES - 15]);
    assert_eq!(Preface::parse(&long[..16]), Err(PrefaceError::TooLong));
    assert!(begins_preface(&whole) && begins_preface(b"PROXY x"));
    assert!(!begins_preface(b"PUT / HTTP/1.1"));
}

#[test]
fn names_of_requests_are_plain() {
    for good in [
        "a",
        "6f1d",
        "Root=1-5759e988-bd862e3fe1be46a994272793",
        "a/b:c+d@e~f_g.h",
    ] {
        assert!(is_request_id(good.as_bytes()), "{good}");
    }
    let long = "a".repeat(129);
    for bad in [
        "", " ", "a b", "a\"b", "a\nb", "a,b", "a;b", "\u{e4}", "{}", &long,
    ] {
        assert!(!is_request_id(bad.as_bytes()), "{bad}");
    }
    let mut bits = [0xab; 16];
    bits[0] = 0x01;
    assert_eq!(hex_id(bits), format!("01{}", "ab".repeat(15)));
}

/// What a client may put together.
const WORDS: &[&str] = &[
    "for=", "by=", "x=", "=", "\"", "\\", ",", ";", " ", "1.1.1.1", "10.0.0.1", "_a", "\"\"",
    "[::1]",
];

/// What a proxy adds behind it.
const ADDED: &[&str] = &[
    "for=192.0.2.1",
    "for=\"192.0.2.1:80\"",
    "for=\"[2001:db8::1]:80\";proto=https;by=\"_p\"",
];

proptest! {
    #[test]
    fn no_bytes_are_too_strange(name in 0_usize..6, value in proptest::collection::vec(any::<u8>(), 0..200)) {
        let name = ForwardedField::ALL[name].name();
        let said = trust().hear(std::iter::once((name, &*value)));
        if let Some(host) = said.host {
            prop_assert!(host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\@,\"'".contains(&byte)));
        }
    }

    /// Whatever a client writes first, what the proxy adds behind it decides.
    #[test]
    fn what_a_client_writes_never_counts(before in "[ -~]{0,60}", with_quotes in any::<bool>()) {
        let mine = Some((address("192.0.2.1"), 0));
        let value = format!("{before}, 192.0.2.1");
        prop_assert_eq!(heard(&trust(), &[("x-forwarded-for", &value)]).client, mine);
        let added = if with_quotes { "for=\"192.0.2.1\"" } else { "for=192.0.2.1" };
        let value = format!("{before}, {added}");
        let client = heard(&trust(), &[("forwarded", &value)]).client;
        prop_assert!(client.is_none() || client == mine, "{:?}", client);
    }

    /// The same with words that the grammar is made of, which chance alone would hardly put together.
    #[test]
    fn no_quotation_swallows_what_the_proxy_adds(
        before in proptest::collection::vec(proptest::sample::select(WORDS), 0..14),
        added in proptest::sample::select(ADDED),
    ) {
        let mine = heard(&trust(), &[("forwarded", added)]).client;
        prop_assert!(mine.is_some());
        let value = format!("{}, {added}", before.concat());
        let client = heard(&trust(), &[("forwarded", &value)]).client;
        prop_assert!(client.is_none() || client == mine, "{value} gives {client:?}");
    }

    /// The same comes of it however it is cut, and nothing behind it is claimed.
    #[test]
    fn a_preface_does_not_depend_on_what_follows(bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 0..3, cut in 0_usize..120) {
        let mut all = match kind {
            0 => Vec::new(),
            1 => b"PROXY TCP4 ".to_vec(),
            _ => version_2(0x21, 0x11, &bytes),
        };
        all.extend(&bytes);
        let cut = cut.min(all.len());
        match (Preface::parse(&all), Preface::parse(&all[..cut])) {
            (Ok(Preface::Whole(length, _)), part) => {
                prop_assert!(length <= all.len());
                let expected = if cut < length { Ok(Preface::Unfinished) } else { Preface::parse(&all) };
                prop_assert_eq!(part, expected);
            }
            (Ok(Preface::Unfinished), part) => prop_assert_eq!(part, Ok(Preface::Unfinished)),
            (Err(_), part) => prop_assert!(!matches!(part, Ok(Preface::Whole(..)))),
        }
    }
}
