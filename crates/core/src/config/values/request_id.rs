//! Names of header fields, for what Lictor puts among them.

use super::boolean_value;
use crate::config::diagnostic::Complaint;
use crate::config::setting::Setting;
use crate::config::tree::Node;

const USUAL: &str = "x-request-id";
const LIMIT_BYTES: usize = 64;
/// Fields that say how a message is to be read or who is meant by it.
const TAKEN: [&str; 16] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether it can be the name of a header field (RFC 9110 §5.1) that reaches an app.
pub(in crate::config) fn is_field_name(name: &str) -> bool {
    // Without `_`, which is not told from `-` in an environ.
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-!#$%&'*+.^`|~".contains(&byte);
    (1..=LIMIT_BYTES).contains(&name.len()) && name.bytes().all(is_part)
}

/// A switch, or the name of a field.
pub(in crate::config) fn request_id(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<Option<String>, Complaint> {
    if let Some(is_on) = boolean_value(&node.value) {
        return Ok(is_on.then(|| USUAL.to_owned()));
    }
    let name = setting.text(node)?.to_ascii_lowercase();
    if !is_field_name(&name) {
        return Err(setting
            .mismatch(node)
            .hint("write the name of a header field, such as `X-Correlation-ID`"));
    }
    if TAKEN.contains(&&*name) || name.starts_with("x-forwarded") {
        return Err(setting.wrong(node, "cannot be a field that has a meaning of its own"));
    }
    Ok(Some(name))
}
