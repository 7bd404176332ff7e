//! The fields of the 101 that accepts a websocket (RFC 6455 §4.2.2).

use bytes::Bytes;

use super::handshake::{Upgrade, is_token};

/// Fields that only the handshake itself may write, or that no 101 may have (RFC 9110 §8.6).
const OURS: [&str; 9] = [
    "connection",
    "upgrade",
    "content-length",
    "transfer-encoding",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
];

/// Why a handshake cannot be accepted as the app wants it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AcceptError {
    #[error(
        "subprotocol `{chosen}` was not offered by the client, which offered {offered:?}; choose one of those, or none"
    )]
    Subprotocol {
        chosen: String,
        offered: Vec<String>,
    },
    #[error("header `{0}` of a websocket handshake is written by the server; remove it")]
    Ours(String),
    #[error("header name `{0}` is not a token (RFC 9110 section 5.1)")]
    Name(String),
    #[error("the value of header `{0}` has a control character in it")]
    Value(String),
}

impl Upgrade {
    /// All fields of the 101, the app's own at the end.
    pub(crate) fn accept<'a>(
        &self,
        subprotocol: Option<&str>,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Vec<(Bytes, Bytes)>, AcceptError> {
        let mut fields = vec![
            field("upgrade", "websocket"),
            field("connection", "upgrade"),
            field("sec-websocket-accept", &self.accept_key),
        ];
        if let Some(chosen) = subprotocol {
            // A client must fail a connection with a subprotocol that it did not offer (§4.1).
            if !self.subprotocols().iter().any(|offered| offered == chosen) {
                return Err(AcceptError::Subprotocol {
                    chosen: chosen.to_owned(),
                    offered: self.subprotocols().to_vec(),
                });
            }
            fields.push(field("sec-websocket-protocol", chosen));
        }
        if let Some(agreement) = self.deflate {
            fields.push(field("sec-websocket-extensions", &agreement.field()));
        }
        for (name, value) in headers {
            check(name, value)?;
            fields.push((Bytes::copy_from_slice(name), Bytes::copy_from_slice(value)));
        }
        Ok(fields)
    }
}

fn field(name: &'static str, value: &str) -> (Bytes, Bytes) {
    (
        Bytes::from_static(name.as_bytes()),
        Bytes::copy_from_slice(value.as_bytes()),
    )
}

fn check(name: &[u8], value: &[u8]) -> Result<(), AcceptError> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    if !is_token(name) {
        return Err(AcceptError::Name(shown()));
    }
    if OURS
        .iter()
        .any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
    {
        return Err(AcceptError::Ours(shown()));
    }
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    if value.iter().any(is_control) {
        return Err(AcceptError::Value(shown()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::{AcceptError, Upgrade};

    fn upgrade() -> Upgrade {
        let fields: [(&str, &[u8]); 6] = [
            ("upgrade", b"websocket"),
            ("connection", b"upgrade"),
            ("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", b"13"),
            ("sec-websocket-protocol", b"chat, soap"),
            ("sec-websocket-extensions", b"permessage-deflate"),
        ];
        Upgrade::read("GET", fields.into_iter(), &Limits::default())
            .unwrap()
            .unwrap()
    }

    fn accept(
        subprotocol: Option<&str>,
        header: (&str, &str),
    ) -> Result<Vec<(String, String)>, AcceptError> {
        let header = (header.0.as_bytes(), header.1.as_bytes());
        let fields = upgrade().accept(subprotocol, std::iter::once(header))?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok(fields
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect())
    }

    #[test]
    fn the_fields_of_the_101() {
        let fields = accept(Some("soap"), ("set-cookie", "a=b")).unwrap();
        let expected = [
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("sec-websocket-protocol", "soap"),
            (
                "sec-websocket-extensions",
                "permessage-deflate; client_no_context_takeover",
            ),
            ("set-cookie", "a=b"),
        ];
        assert_eq!(
            fields,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        let without = accept(None, ("x", "y")).unwrap();
        assert!(
            without
                .iter()
                .all(|(name, _)| name != "sec-websocket-protocol")
        );
    }

    #[test]
    fn what_an_app_must_not_say() {
        let foreign = accept(Some("mqtt"), ("x", "y")).unwrap_err();
        let said = "subprotocol `mqtt` was not offered by the client, which offered [\"chat\", \"soap\"]; \
                    choose one of those, or none";
        assert_eq!(foreign.to_string(), said);
        let ours = |name: &str| AcceptError::Ours(name.to_owned());
        assert_eq!(
            accept(None, ("Sec-WebSocket-Accept", "x")),
            Err(ours("Sec-WebSocket-Accept"))
        );
        assert_eq!(
            accept(None, ("content-length", "0")),
            Err(ours("content-length"))
        );
        assert_eq!(
            accept(None, ("a b", "x")),
            Err(AcceptError::Name("a b".to_owned()))
        );
        assert_eq!(
            accept(None, ("", "x")),
            Err(AcceptError::Name(String::new()))
        );
        for value in ["a\r\nb", "a\nb", "a\0", "\x7f"] {
            assert_eq!(
                accept(None, ("x", value)),
                Err(AcceptError::Value("x".to_owned()))
            );
        }
    }
}
