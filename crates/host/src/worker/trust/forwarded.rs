//! `Forwarded` (RFC 7239): a list of elements, each what one proxy says of whom it answered.
//!
//! A client can leave a quotation open so that what the proxy adds falls into it. Whatever does
//! not follow the grammar to its last byte is therefore not believed at all.

use std::borrow::Cow;

/// More elements than any way has.
const ELEMENT_LIMIT: usize = 64;

/// What one proxy says; absent parts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) node: Cow<'a, str>,
    pub(super) proto: Cow<'a, str>,
    pub(super) host: Cow<'a, str>,
}

/// All elements, or none of them.
pub(super) fn parse<'a>(lines: &[&'a [u8]]) -> Option<Vec<Element<'a>>> {
    let mut elements = Vec::new();
    for line in lines {
        let mut rest = std::str::from_utf8(line).ok()?;
        loop {
            let (element, after) = element(rest)?;
            elements.push(element);
            if elements.len() > ELEMENT_LIMIT {
                return None;
            }
            match after.strip_prefix(',') {
                Some(after) => rest = after,
                None if after.is_empty() => break,
                None => return None,
            }
        }
    }
    Some(elements)
}

/// One element, up to its comma or the end.
fn element(mut text: &str) -> Option<(Element<'_>, &str)> {
    let mut found = Element::default();
    let mut seen: Vec<&str> = Vec::new();
    loop {
        let (name, after) = token(skip(text), "")?;
        // White space round `=` is not allowed.
        let (value, after) = value(after.strip_prefix('=')?)?;
        // RFC 7239 §4: each parameter once in an element.
        if seen.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return None;
        }
        seen.push(name);
        match name.to_ascii_lowercase().as_str() {
            "for" => found.node = value,
            "proto" => found.proto = value,
            "host" => found.host = value,
            _ => {}
        }
        let after = skip(after);
        match after.strip_prefix(';') {
            Some(after) => text = after,
            None => return Some((found, after)),
        }
    }
}

fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Addresses and hosts with a colon need quotes, which some proxies forget. It is clear
        // what they mean.
        return token(text, ":[]").map(|(value, after)| (value.into(), after));
    };
    let mut escaped: Option<String> = None;
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let value = match escaped {
                    Some(value) => value.into(),
                    None => quoted.get(..at)?.into(),
                };
                return Some((value, quoted.get(at + 1..)?));
            }
            '\\' => {
                let so_far = escaped.get_or_insert_with(|| quoted.get(..at).unwrap_or("").into());
                so_far.push(chars.next().map(|(_, c)| c).filter(|c| is_text(*c))?);
            }
            c if is_text(c) => escaped.iter_mut().for_each(|value| value.push(c)),
            _ => return None,
        }
    }
    None
}

fn is_text(c: char) -> bool {
    c == '\t' || !c.is_control()
}

fn token<'a>(text: &'a str, further: &str) -> Option<(&'a str, &'a str)> {
    let is_part =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c) || further.contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (token, after) = text.split_at_checked(end)?;
    (!token.is_empty()).then_some((token, after))
}

fn skip(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}
