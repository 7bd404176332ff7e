//! Header fields of answers (RFC 9110 §5).

use super::is_field_name;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;

/// Those by which an answer is framed, which only whoever sends it knows.
const FRAMING: [&str; 7] = [
    "connection",
    "content-length",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// `Name: value`.
pub(in crate::config) fn header_field(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<(String, String), Complaint> {
    let text = setting.text(node)?;
    let (name, value) = text.split_once(':').ok_or_else(|| setting.mismatch(node))?;
    check_name(setting, node, name)?;
    let value = value.trim();
    // Nothing that ends a line, so that a field is one field.
    if value.chars().any(|c| c.is_control() && c != '\t') || !value.is_ascii() {
        let what = format!("has a value for {} that is not plain text", quote(name));
        return Err(setting
            .wrong(node, &what)
            .hint("write visible ASCII on one line"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A name alone.
pub(in crate::config) fn header_name(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<String, Complaint> {
    let name = setting.text(node)?;
    check_name(setting, node, name)?;
    Ok(name.to_ascii_lowercase())
}

pub(super) fn check_name(setting: &Setting<'_>, node: &Node, name: &str) -> Result<(), Complaint> {
    if !is_field_name(&name.replace('_', "-")) {
        return Err(setting.mismatch(node));
    }
    if FRAMING.contains(&&*name.to_ascii_lowercase()) {
        let what = format!("names {}, by which an answer is framed", quote(name));
        return Err(setting.wrong(node, &what).hint("leave it to Lictor"));
    }
    Ok(())
}
