//! Request targets and the host they name (RFC 9112 §3.2, RFC 3986 §3.2.2). Depends on nothing.

use std::net::Ipv6Addr;

use super::bytes::{HOST, PATH, QUERY, classes};

/// Longest target: what hyper's type for it holds.
pub(super) const TARGET_LIMIT_BYTES: usize = 65_534;

/// Whether a target has the form that its method wants.
pub(in super::super) fn is_target(method: &[u8], target: &[u8]) -> bool {
    // Some clients do not escape; the app gets what they sent, as long as it is text.
    if !target.is_ascii() && std::str::from_utf8(target).is_err() {
        return false;
    }
    match target {
        // With a port, always.
        [.., b'0'..=b'9'] if method == b"CONNECT" => {
            target.contains(&b':') && is_authority(target, false)
        }
        _ if method == b"CONNECT" => false,
        [b'/', ..] => is_path_and_query(target),
        [b'*'] => method == b"OPTIONS",
        _ => is_absolute(target),
    }
}

fn is_absolute(target: &[u8]) -> bool {
    let Some(after) = [&b"http://"[..], b"https://"].iter().find_map(|scheme| {
        let (begin, after) = target.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then_some(after)
    }) else {
        return false;
    };
    let end = after.iter().position(|byte| matches!(byte, b'/' | b'?'));
    let (authority, rest) = after
        .split_at_checked(end.unwrap_or(after.len()))
        .unwrap_or_default();
    // RFC 9110 §4.2.1 and §4.2.4: an empty host and userinfo are refused.
    is_authority(authority, false) && is_path_and_query(rest)
}

fn is_path_and_query(target: &[u8]) -> bool {
    let path_end = target.iter().position(|byte| classes(*byte) & PATH == 0);
    let Some(path_end) = path_end else {
        return true;
    };
    let query = target.get(path_end..).unwrap_or_default();
    query.first() == Some(&b'?') && query.iter().all(|byte| classes(*byte) & QUERY != 0)
}

/// Whether this may be the value of `Host`: a name or an address, perhaps a port. RFC 9112 §3.2 lets
/// it be empty, for targets that have no host.
pub(in super::super) fn is_host_field(value: &[u8]) -> bool {
    value.is_empty() || is_authority(value, true)
}

fn is_authority(bytes: &[u8], may_lack_digits: bool) -> bool {
    let host_end = match bytes.first() {
        Some(b'[') => bytes.iter().position(|byte| *byte == b']').map(|at| at + 1),
        Some(_) => Some(
            bytes
                .iter()
                .position(|byte| *byte == b':')
                .unwrap_or(bytes.len()),
        ),
        None => None,
    };
    let Some((host, port)) = host_end.and_then(|end| bytes.split_at_checked(end)) else {
        return false;
    };
    let is_named = match host {
        [b'[', address @ .., b']'] => {
            std::str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        name => !name.is_empty() && name.iter().all(|byte| classes(*byte) & HOST != 0),
    };
    is_named
        && match port {
            [] => true,
            [b':'] => may_lack_digits,
            [b':', digits @ ..] => is_port(digits),
            _ => false,
        }
}

fn is_port(digits: &[u8]) -> bool {
    digits.len() <= 5
        && digits.iter().all(u8::is_ascii_digit)
        && digits
            .iter()
            .fold(0, |port, digit| port * 10 + u32::from(digit - b'0'))
            <= 65_535
}

#[cfg(test)]
mod tests {
    use super::{is_host_field, is_target};

    #[test]
    fn a_host_is_a_name_or_an_address_and_a_port() {
        for good in [
            "",
            "a",
            "a.example",
            "a.example:80",
            "a:",
            "127.0.0.1:65535",
            "[::1]",
            "[::1]:8000",
            "under_score",
            "xn--bcher-kva.example",
        ] {
            assert!(is_host_field(good.as_bytes()), "{good}");
        }
        for bad in [
            "a b",
            "a/b",
            "a\\b",
            "u@a",
            "u:p@a",
            "a:b",
            "a:65536",
            "a:-1",
            "a:+1",
            "a:1:2",
            "a,b",
            ":80",
            "[::1",
            "::1",
            "[::1]x",
            "[::1%25lo]",
            "[a]",
            "a%41",
            "a\u{e9}",
            "a?",
            "a#",
            "<a>",
            "\"a\"",
        ] {
            assert!(!is_host_field(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn each_method_has_its_forms() {
        for (method, target, is_right) in [
            ("GET", "/", true),
            ("GET", "/a?b=[c]&d=`{|}`", true),
            ("GET", "//a/b", true),
            ("GET", "/a?b?c", true),
            ("GET", "/a#b", false),
            ("GET", "/a?b#c", false),
            ("GET", "/<a>", false),
            ("GET", "/\"a\"", true),
            ("GET", "/?\"a\"", false),
            ("GET", "/a?<b>", false),
            ("GET", "/\u{e9}?\u{e9}", true),
            ("GET", "http://\u{e9}/", false),
            ("GET", "a", false),
            ("GET", "?a", false),
            ("GET", "*", false),
            ("GET", "*a", false),
            ("GET", "a:80", false),
            ("GET", "http://a/b?c", true),
            ("GET", "HTTPS://a:1/", true),
            ("GET", "http://a", true),
            ("GET", "http://a?b", true),
            ("GET", "http://", false),
            ("GET", "http:///a", false),
            ("GET", "http://:80/a", false),
            ("GET", "http://u@a/", false),
            ("GET", "ftp://a/", false),
            ("OPTIONS", "*", true),
            ("OPTIONS", "/a", true),
            ("OPTIONS", "**", false),
            ("CONNECT", "a:443", true),
            ("CONNECT", "a1", false),
            ("CONNECT", "[::1]", false),
            ("CONNECT", "/", false),
            ("CONNECT", "*", false),
            ("CONNECT", "http://a/", false),
            ("CONNECT", "u@a:443", false),
        ] {
            assert_eq!(
                is_target(method.as_bytes(), target.as_bytes()),
                is_right,
                "{method} {target}"
            );
        }
    }
}
