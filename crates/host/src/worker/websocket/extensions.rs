//! `Sec-WebSocket-Extensions`: the grammar (RFC 6455 §9.1), and what is agreed about
//! permessage-deflate (RFC 7692 §7.1).
//!
//! A connection shall cost little memory when it is idle, and most are. What a side keeps of the
//! messages before is therefore small: our window is 4 KiB at most, the client's too where it lets
//! us say so, and a client that does not is asked to keep nothing from one message to the next.

use std::fmt::Write as _;

use super::handshake::is_token;

/// The window that we use, and ask the client to use, as a power of two.
const WINDOW_BITS: u8 = 12;
const NAME: &str = "permessage-deflate";

/// What both sides keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreement {
    /// How far back our compression may refer.
    pub(super) server_window_bits: u8,
    /// Whether it may refer to messages before.
    pub(super) server_keeps_context: bool,
    /// How far back the client may refer in messages before; `None`: it must not refer to them.
    pub(super) client_window_bits: Option<u8>,
    /// Whether the client named a window for us, and thus wants to hear of it.
    is_server_window_asked: bool,
}

impl Agreement {
    /// The value of the field in the 101.
    pub(super) fn field(self) -> String {
        let mut field = NAME.to_owned();
        if !self.server_keeps_context {
            field.push_str("; server_no_context_takeover");
        }
        if self.is_server_window_asked {
            let _infallible = write!(
                field,
                "; server_max_window_bits={}",
                self.server_window_bits
            );
        }
        match self.client_window_bits {
            None => field.push_str("; client_no_context_takeover"),
            Some(bits) => {
                let _infallible = write!(field, "; client_max_window_bits={bits}");
            }
        }
        field
    }
}

/// One extension as a client offers it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    name: String,
    parameters: Vec<(String, Option<String>)>,
}

/// The first offer that can be accepted. One with anything unknown or repeated in it must be
/// declined (RFC 7692 §7).
pub(super) fn agree(offers: &[Offer]) -> Option<Agreement> {
    offers
        .iter()
        .filter(|offer| offer.name == NAME)
        .find_map(agree_to)
}

fn agree_to(offer: &Offer) -> Option<Agreement> {
    let mut seen: Vec<&str> = Vec::new();
    let mut agreement = Agreement {
        server_window_bits: WINDOW_BITS,
        server_keeps_context: true,
        client_window_bits: None,
        is_server_window_asked: false,
    };
    let mut client_forgets = false;
    for (name, value) in &offer.parameters {
        if seen.contains(&name.as_str()) {
            return None;
        }
        seen.push(name);
        match (name.as_str(), value.as_deref()) {
            ("server_no_context_takeover", None) => agreement.server_keeps_context = false,
            ("client_no_context_takeover", None) => client_forgets = true,
            ("server_max_window_bits", Some(value)) => {
                // No zlib compresses with a window of 256 bytes.
                let bits = window_bits(value).filter(|bits| *bits > 8)?;
                agreement.server_window_bits = bits.min(WINDOW_BITS);
                agreement.is_server_window_asked = true;
            }
            ("client_max_window_bits", None) => agreement.client_window_bits = Some(WINDOW_BITS),
            ("client_max_window_bits", Some(value)) => {
                agreement.client_window_bits = Some(window_bits(value)?.min(WINDOW_BITS));
            }
            _ => return None,
        }
    }
    if client_forgets {
        agreement.client_window_bits = None;
    }
    Some(agreement)
}

fn window_bits(value: &str) -> Option<u8> {
    let bits: u8 = value.parse().ok()?;
    let is_canonical = !value.starts_with(['0', '+']);
    (is_canonical && (8..=15).contains(&bits)).then_some(bits)
}

/// The offers of one field line, or `None` if it does not follow the grammar.
pub(super) fn parse(line: &str) -> Option<Vec<Offer>> {
    let mut offers = Vec::new();
    let mut rest = Cursor(line);
    loop {
        rest.skip_space();
        if rest.0.is_empty() {
            return Some(offers);
        }
        // Empty elements of a list are ignored (RFC 9110 §5.6.1).
        if rest.skip(',') {
            continue;
        }
        let mut offer = Offer {
            name: rest.token()?.to_owned(),
            parameters: Vec::new(),
        };
        while rest.skip(';') {
            let name = rest.token()?.to_owned();
            let value = if rest.skip('=') {
                Some(rest.value()?)
            } else {
                None
            };
            offer.parameters.push((name, value));
        }
        offers.push(offer);
        if !rest.0.is_empty() && !rest.skip(',') {
            return None;
        }
    }
}

/// What is left of a line.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    /// Passes a separator and the space around it.
    fn skip(&mut self, separator: char) -> bool {
        self.skip_space();
        let Some(rest) = self.0.strip_prefix(separator) else {
            return false;
        };
        self.0 = rest;
        self.skip_space();
        true
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.bytes().take_while(|byte| is_token(&[*byte])).count();
        let (token, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        self.skip_space();
        (!token.is_empty()).then_some(token)
    }

    /// A token, which may be quoted; what is between the quotes must be a token too.
    fn value(&mut self) -> Option<String> {
        let Some(mut quoted) = self.0.strip_prefix('"') else {
            return self.token().map(str::to_owned);
        };
        let mut value = String::new();
        loop {
            let mut characters = quoted.chars();
            match characters.next()? {
                '"' => break self.0 = characters.as_str(),
                '\\' => value.push(characters.next()?),
                plain => value.push(plain),
            }
            quoted = characters.as_str();
        }
        self.skip_space();
        is_token(value.as_bytes()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Agreement, agree, parse};

    fn answer(line: &str) -> Option<String> {
        agree(&parse(line).expect("it follows the grammar")).map(Agreement::field)
    }

    #[test]
    fn offers_and_answers() {
        const FORGETS: &str = "permessage-deflate; client_no_context_takeover";
        const KEEPS: &str = "permessage-deflate; client_max_window_bits=12";
        let table: [(&str, Option<&str>); 26] = [
            // Firefox and Safari; Chrome.
            ("permessage-deflate", Some(FORGETS)),
            ("permessage-deflate; client_max_window_bits", Some(KEEPS)),
            ("permessage-deflate;client_max_window_bits=15", Some(KEEPS)),
            (
                "permessage-deflate; client_max_window_bits=\"1\\5\"",
                Some(KEEPS),
            ),
            (
                "permessage-deflate; client_max_window_bits=9",
                Some("permessage-deflate; client_max_window_bits=9"),
            ),
            (
                "permessage-deflate; client_no_context_takeover; client_max_window_bits",
                Some(FORGETS),
            ),
            (
                "permessage-deflate; server_no_context_takeover",
                Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
            ),
            (
                "permessage-deflate; server_max_window_bits=10; client_max_window_bits",
                Some("permessage-deflate; server_max_window_bits=10; client_max_window_bits=12"),
            ),
            (
                "permessage-deflate; server_max_window_bits=15",
                Some("permessage-deflate; server_max_window_bits=12; client_no_context_takeover"),
            ),
            // RFC 7692 §7.1: a second offer as the fall-back.
            (
                "permessage-deflate; server_max_window_bits=8, permessage-deflate",
                Some(FORGETS),
            ),
            ("foo, bar; baz=2, permessage-deflate", Some(FORGETS)),
            (",, permessage-deflate ,", Some(FORGETS)),
            ("foo", None),
            ("", None),
            ("x-webkit-deflate-frame", None),
            ("Permessage-Deflate", None),
            ("permessage-deflate; unknown", None),
            ("permessage-deflate; server_max_window_bits", None),
            ("permessage-deflate; server_max_window_bits=8", None),
            ("permessage-deflate; server_max_window_bits=16", None),
            ("permessage-deflate; server_max_window_bits=09", None),
            ("permessage-deflate; client_max_window_bits=+9", None),
            ("permessage-deflate; client_max_window_bits=7", None),
            ("permessage-deflate; server_no_context_takeover=1", None),
            (
                "permessage-deflate; client_no_context_takeover=\"true\"",
                None,
            ),
            (
                "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
                None,
            ),
        ];
        for (line, expected) in table {
            assert_eq!(answer(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn what_does_not_follow_the_grammar() {
        for line in [
            "permessage-deflate;",
            "permessage-deflate; =1",
            "permessage-deflate; a=",
            "permessage-deflate; a=\"",
            "permessage-deflate; a=\"b",
            "permessage-deflate; a=\"b\\",
            "permessage-deflate; a=\"\"",
            "permessage-deflate; a=\"b c\"",
            "permessage deflate",
            "a; b c",
            "a=b",
            ";",
            "é",
            "a; b=\"c\"d",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
