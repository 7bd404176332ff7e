//! `/prefix=directory`: a path of URLs and what it stands for.

use std::path::PathBuf;

use super::paths::path;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::{Outcome, Setting};
use crate::config::tree::{Entry, Node, Value};

/// A prefix without the slash at its end, and a path.
type Mount = (String, PathBuf);

/// All mounts: a table, or `/prefix=directory` once or in a list.
pub(in crate::config) fn mounts(setting: &Setting<'_>) -> Outcome<Vec<Mount>> {
    prefixed(setting, member, mount)
}

/// What stands for paths of URLs: a table, of which `member` reads each entry, or texts that `one`
/// reads. Every wrong one is found.
pub(super) fn prefixed<T>(
    setting: &Setting<'_>,
    member: fn(&Setting<'_>, &Entry) -> Result<T, Complaint>,
    one: fn(&Setting<'_>, &Node) -> Result<T, Complaint>,
) -> Outcome<Vec<T>> {
    let mut mounts = Vec::new();
    let mut complaints = Vec::new();
    for node in &setting.nodes {
        let read: Vec<_> = match &node.value {
            Value::Table(entries) => entries.iter().map(|entry| member(setting, entry)).collect(),
            Value::List(items) => items.iter().map(|item| one(setting, item)).collect(),
            Value::Null
            | Value::Bare
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Date(_) => vec![one(setting, node)],
        };
        for outcome in read {
            match outcome {
                Ok(mount) => mounts.push(mount),
                Err(complaint) => complaints.push(complaint),
            }
        }
    }
    if complaints.is_empty() {
        Ok(mounts)
    } else {
        Err(complaints)
    }
}

fn member(setting: &Setting<'_>, entry: &Entry) -> Result<Mount, Complaint> {
    let prefix = prefix(setting, &entry.key, &entry.node)?;
    Ok((prefix, path(setting, &entry.node)?))
}

/// `/prefix=directory` as one text.
fn mount(setting: &Setting<'_>, node: &Node) -> Result<Mount, Complaint> {
    match optional_mount(setting, node)? {
        (Some(prefix), path) => Ok((prefix, path)),
        (None, _) => Err(setting
            .mismatch(node)
            .hint("write both, such as `/static=/srv/blog/static`")),
    }
}

/// `directory`, or `/prefix=directory`.
pub(in crate::config) fn optional_mount(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<(Option<String>, PathBuf), Complaint> {
    let Some((before, after)) = setting.text(node)?.split_once('=') else {
        return Ok((None, path(setting, node)?));
    };
    let prefix = prefix(setting, before.trim(), node)?;
    let after = Node {
        value: Value::Text(after.trim().to_owned()),
        place: node.place.clone(),
    };
    Ok((Some(prefix), path(setting, &after)?))
}

/// The path of a URL, as the app would see it: decoded.
pub(super) fn prefix(setting: &Setting<'_>, text: &str, node: &Node) -> Result<String, Complaint> {
    let trimmed = text.trim_end_matches('/');
    let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
    let is_prefix = text.starts_with('/')
        && trimmed.split('/').skip(1).all(is_plain)
        && !trimmed.contains(['\\', '\0', '?', '#']);
    if is_prefix {
        return Ok(trimmed.to_owned());
    }
    let what = format!("has {}, which is not the path of a URL", quote(text));
    Err(setting.wrong(node, &what).hint(
        "write the path before the `=` as it stands in a URL after the host, such as `/static`",
    ))
}
