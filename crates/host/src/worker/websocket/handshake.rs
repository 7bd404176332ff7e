//! Whether a request asks for a websocket, and whether it asks rightly (RFC 6455 §4.2.1).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use super::Limits;
use super::extensions::{self, Agreement, Offer};

/// Sixteen bytes are written with four bits to spare; clients exist that do not leave them zero.
const KEY_ENCODING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
/// Appended to the key (RFC 6455 §1.3).
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A request for a websocket that can be accepted.
#[derive(Debug)]
pub(crate) struct Upgrade {
    /// For `Sec-WebSocket-Accept`.
    pub(super) accept_key: String,
    subprotocols: Vec<String>,
    pub(super) deflate: Option<Agreement>,
}

/// Why a request for a websocket is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("a websocket handshake must be a GET request")]
    Method,
    #[error("a websocket handshake must have no body")]
    Body,
    #[error("websocket version 13 is required")]
    Version,
    #[error("Sec-WebSocket-Key must stand once and be 16 bytes in base64")]
    Key,
    #[error("Sec-WebSocket-Protocol must be a list of distinct tokens")]
    Subprotocols,
    #[error("Sec-WebSocket-Extensions does not follow RFC 6455 section 9.1")]
    Extensions,
}

impl Refusal {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Version => 426,
            Self::Method | Self::Body | Self::Key | Self::Subprotocols | Self::Extensions => 400,
        }
    }

    /// What the answer must say beside its status (RFC 6455 §4.4, RFC 9110 §15.5.22).
    pub(crate) fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Version => &[
                ("sec-websocket-version", "13"),
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
            ],
            Self::Method | Self::Body | Self::Key | Self::Subprotocols | Self::Extensions => &[],
        }
    }
}

impl Upgrade {
    /// Looks at a request of HTTP/1.1. `None`: it does not ask for a websocket. Names come in lower
    /// case.
    pub(crate) fn read<'a>(
        method: &str,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
        limits: &Limits,
    ) -> Result<Option<Self>, Refusal> {
        let mut seen = Seen::default();
        for (name, value) in fields {
            seen.take(name, value);
        }
        if !seen.wants_websocket || !seen.wants_upgrade {
            return Ok(None);
        }
        if method != "GET" {
            return Err(Refusal::Method);
        }
        if seen.has_body {
            return Err(Refusal::Body);
        }
        if seen.versions != [b"13"] {
            return Err(Refusal::Version);
        }
        let [key] = seen.keys[..] else {
            return Err(Refusal::Key);
        };
        Ok(Some(Self {
            accept_key: accept_key(key).ok_or(Refusal::Key)?,
            subprotocols: subprotocols(&seen.protocols).ok_or(Refusal::Subprotocols)?,
            deflate: offers(&seen.extensions)
                .ok_or(Refusal::Extensions)
                .map(|offers| extensions::agree(&offers).filter(|_| limits.deflate))?,
        }))
    }

    /// What the client would speak, in the order of its preference.
    pub(crate) fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }
}

/// The fields that matter, as they come.
#[derive(Default)]
struct Seen<'a> {
    wants_websocket: bool,
    wants_upgrade: bool,
    has_body: bool,
    versions: Vec<&'a [u8]>,
    keys: Vec<&'a [u8]>,
    protocols: Vec<&'a [u8]>,
    extensions: Vec<&'a [u8]>,
}

impl<'a> Seen<'a> {
    fn take(&mut self, name: &str, value: &'a [u8]) {
        match name {
            "upgrade" => self.wants_websocket |= has_element(value, "websocket"),
            "connection" => self.wants_upgrade |= has_element(value, "upgrade"),
            // Whatever followed the head would be taken for frames.
            "content-length" => self.has_body |= value != b"0",
            "transfer-encoding" => self.has_body = true,
            "sec-websocket-version" => self.versions.push(value.trim_ascii()),
            "sec-websocket-key" => self.keys.push(value.trim_ascii()),
            "sec-websocket-protocol" => self.protocols.push(value),
            "sec-websocket-extensions" => self.extensions.push(value),
            _ => {}
        }
    }
}

/// The elements of a list field; empty ones are ignored (RFC 9110 §5.6.1).
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let elements = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    elements.filter(|element| !element.is_empty())
}

fn has_element(value: &[u8], wanted: &str) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_allowed)
}

fn accept_key(key: &[u8]) -> Option<String> {
    let decoded = KEY_ENCODING.decode(key).ok()?;
    if decoded.len() != 16 {
        return None;
    }
    let mut digest = sha1_smol::Sha1::new();
    digest.update(key);
    digest.update(MAGIC);
    Some(KEY_ENCODING.encode(digest.digest().bytes()))
}

fn subprotocols(lines: &[&[u8]]) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for element in lines.iter().flat_map(|line| elements(line)) {
        let name = std::str::from_utf8(element).ok()?;
        if !is_token(element) || names.iter().any(|known| known == name) {
            return None;
        }
        names.push(name.to_owned());
    }
    Some(names)
}

fn offers(lines: &[&[u8]]) -> Option<Vec<Offer>> {
    let mut offers = Vec::new();
    for line in lines {
        offers.extend(extensions::parse(std::str::from_utf8(line).ok()?)?);
    }
    Some(offers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Limits;
    use super::{Refusal, Upgrade};

    /// RFC 6455 §1.3.
    const GOOD: [(&str, &str); 5] = [
        ("host", "server.example.com"),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];

    fn read(method: &str, fields: &[(&str, &str)]) -> Result<Option<Upgrade>, Refusal> {
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        Upgrade::read(method, fields, &Limits::default())
    }

    /// The good request with some fields in the place of those of the same name.
    fn with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        let mut fields = GOOD.to_vec();
        fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        fields.extend(changes);
        fields
    }

    #[test]
    fn the_example_of_the_rfc() {
        let upgrade = read("GET", &GOOD).unwrap().unwrap();
        assert_eq!(upgrade.accept_key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(upgrade.subprotocols().is_empty());
        assert_eq!(upgrade.deflate, None);
    }

    #[test]
    fn what_is_accepted() {
        for changes in [
            &[
                ("connection", "keep-alive, Upgrade"),
                ("upgrade", "WebSocket"),
            ][..],
            &[("connection", "keep-alive"), ("connection", "upgrade")],
            &[("upgrade", "foo/2, websocket")],
            &[("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAB==")],
            &[("content-length", "0")],
            &[("sec-websocket-extensions", "unheard-of; of=1")],
        ] {
            assert!(
                read("GET", &with(changes)).unwrap().is_some(),
                "{changes:?}"
            );
        }
        let fields = with(&[
            ("sec-websocket-protocol", "chat, , v2.chat"),
            ("sec-websocket-protocol", "soap"),
            ("sec-websocket-extensions", "foo"),
            ("sec-websocket-extensions", "permessage-deflate"),
        ]);
        let upgrade = read("GET", &fields).unwrap().unwrap();
        assert_eq!(upgrade.subprotocols(), ["chat", "v2.chat", "soap"]);
        assert!(upgrade.deflate.is_some());
        let without = Limits {
            deflate: false,
            ..Limits::default()
        };
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        let upgrade = Upgrade::read("GET", fields, &without).unwrap().unwrap();
        assert_eq!(upgrade.deflate, None);
    }

    #[test]
    fn what_does_not_ask_for_a_websocket() {
        for changes in [
            [("upgrade", "h2c")],
            [("upgrade", "websockets")],
            [("connection", "keep-alive")],
            [("connection", "")],
        ] {
            assert!(
                read("GET", &with(&changes)).unwrap().is_none(),
                "{changes:?}"
            );
        }
    }

    #[test]
    fn what_is_refused() {
        let table: [(&[(&'static str, &'static str)], Refusal); 14] = [
            (&[("content-length", "5")], Refusal::Body),
            (&[("transfer-encoding", "chunked")], Refusal::Body),
            (&[("sec-websocket-version", "8")], Refusal::Version),
            (&[("sec-websocket-version", "13, 8")], Refusal::Version),
            (
                &[
                    ("sec-websocket-version", "13"),
                    ("sec-websocket-version", "13"),
                ],
                Refusal::Version,
            ),
            (&[("sec-websocket-version", "")], Refusal::Version),
            (&[("sec-websocket-key", "")], Refusal::Key),
            (
                &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ")],
                Refusal::Key,
            ),
            (
                &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25j")],
                Refusal::Key,
            ),
            (
                &[
                    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ],
                Refusal::Key,
            ),
            (&[("sec-websocket-protocol", "a b")], Refusal::Subprotocols),
            (&[("sec-websocket-protocol", "a, a")], Refusal::Subprotocols),
            (&[("sec-websocket-extensions", "a;")], Refusal::Extensions),
            (&[("sec-websocket-extensions", "é")], Refusal::Extensions),
        ];
        for (changes, refusal) in table {
            assert_eq!(
                read("GET", &with(changes)).unwrap_err(),
                refusal,
                "{changes:?}"
            );
        }
        assert_eq!(read("POST", &GOOD).unwrap_err(), Refusal::Method);
        let without_key = &[GOOD[0], GOOD[1], GOOD[2], GOOD[4]];
        assert_eq!(read("GET", without_key).unwrap_err(), Refusal::Key);
        assert_eq!(read("GET", &GOOD[..4]).unwrap_err(), Refusal::Version);
    }

    #[test]
    fn a_refusal_says_what_would_be_accepted() {
        assert_eq!(Refusal::Version.status(), 426);
        let fields = Refusal::Version.fields();
        assert!(fields.contains(&("sec-websocket-version", "13")));
        assert!(fields.contains(&("upgrade", "websocket")));
        assert_eq!(Refusal::Key.status(), 400);
        assert!(Refusal::Key.fields().is_empty());
    }

    /// What the grammar of offers is made of.
    const WORDS: &[&str] = &[
        "permessage-deflate",
        ";",
        ",",
        "=",
        " ",
        "\"",
        "\\",
        "server_no_context_takeover",
        "15",
        "8",
        "7",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
        "x",
        "\t",
    ];

    proptest! {
        #[test]
        fn nothing_is_too_odd(fields in proptest::collection::vec((0..8_usize, any::<Vec<u8>>()), 0..8)) {
            const NAMES: [&str; 8] = [
                "upgrade", "connection", "content-length", "transfer-encoding", "sec-websocket-version",
                "sec-websocket-key", "sec-websocket-protocol", "sec-websocket-extensions",
            ];
            let good = GOOD.iter().map(|(name, value)| (*name, value.as_bytes()));
            let odd = fields.iter().map(|(name, value)| (NAMES[*name], &**value));
            if let Ok(Some(upgrade)) = Upgrade::read("GET", good.chain(odd), &Limits::default()) {
                prop_assert!(upgrade.subprotocols().iter().all(|name| super::is_token(name.as_bytes())));
            }
        }

        /// What is agreed to was offered, and is within what can be done.
        #[test]
        fn no_more_is_agreed_to_than_was_offered(
            words in proptest::collection::vec(proptest::sample::select(WORDS), 0..14),
        ) {
            let offer = words.concat();
            let Ok(Some(upgrade)) = read("GET", &with(&[])[..].iter().copied().chain([("sec-websocket-extensions", &*offer)]).collect::<Vec<_>>()) else {
                return Ok(());
            };
            let Some(agreement) = upgrade.deflate else {
                return Ok(());
            };
            prop_assert!(offer.contains("permessage-deflate"));
            prop_assert!((8..=15).contains(&agreement.server_window_bits));
            prop_assert!(agreement.client_window_bits.is_none() || offer.contains("client_max_window_bits"));
            prop_assert!(super::extensions::parse(&agreement.field()).is_some(), "{}", agreement.field());
        }
    }
}
