//! From a field name to its key in the environ. Depends on nothing.
//!
//! PEP 3333 takes CGI's mapping (RFC 3875 §4.1.18): upper case, `-` becomes `_`, `HTTP_` before it.
//! A name that already has `_` would share a key with another name, which lets a client shadow what
//! a proxy vouches for, so it is dropped, as nginx does by default.

/// Names that get their key prepared once.
pub(crate) const USUAL: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "cf-connecting-ip",
    "cf-ipcountry",
    "cf-ray",
    "cf-visitor",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "te",
    "traceparent",
    "tracestate",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-amzn-trace-id",
    "x-api-key",
    "x-csrf-token",
    "x-csrftoken",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
    "x-scheme",
];

/// The key of a field, or `None` if the app does not get to see it.
pub(crate) fn environ_key(name: &str) -> Option<String> {
    match name {
        // CGI's own names for these two; `HTTP_CONTENT_TYPE` must not exist beside them.
        "content-type" => return Some("CONTENT_TYPE".to_owned()),
        "content-length" => return Some("CONTENT_LENGTH".to_owned()),
        // The app reads a body that is decoded already.
        "transfer-encoding" => return None,
        _ if name.contains('_') => return None,
        _ => {}
    }
    let mut key = String::with_capacity(5 + name.len());
    key.push_str("HTTP_");
    key.extend(name.chars().map(|c| {
        if c == '-' {
            '_'
        } else {
            c.to_ascii_uppercase()
        }
    }));
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::{USUAL, environ_key};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn two_names_never_share_a_key(
            one in "[a-z0-9_.!#$%&'*+^`|~-]{1,12}",
            other in prop_oneof!["[a-z0-9_.!#$%&'*+^`|~-]{1,12}", Just("content-type".to_owned())],
            at in 0_usize..12,
        ) {
            // The other, or the same with a dash that has become an underscore.
            for other in [other, one.replacen('-', "_", at)] {
                let (key, its_key) = (environ_key(&one), environ_key(&other));
                prop_assert!(one == other || key.is_none() || key != its_key, "{one} {other}");
            }
        }
    }

    #[test]
    fn names_become_keys() {
        assert_eq!(
            environ_key("x-forwarded-for").as_deref(),
            Some("HTTP_X_FORWARDED_FOR")
        );
        assert_eq!(environ_key("content-type").as_deref(), Some("CONTENT_TYPE"));
        assert_eq!(
            environ_key("content-length").as_deref(),
            Some("CONTENT_LENGTH")
        );
        assert_eq!(environ_key("transfer-encoding"), None);
        assert_eq!(environ_key("x_forwarded-for"), None);
    }

    #[test]
    fn usual_names_have_distinct_keys() {
        let mut keys: Vec<_> = USUAL
            .iter()
            .map(|name| environ_key(name).unwrap())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), USUAL.len());
    }
}
