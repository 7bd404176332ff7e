//! How apps are named: `module:callable`, a file, a configuration of Paste Deploy; alone, or behind
//! the path at which they are mounted.

use std::path::Path;

use super::mounts::{prefix, prefixed};
use super::paths::path;
use super::words::{checked_callable, module};
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::{Outcome, Setting};
use crate::config::tree::{Entry, Node, Value};
use crate::config::vassal::{AppConfig, AppMount, AppTarget, PasteApp};

/// How the URIs of Paste Deploy begin that name no file.
const PACKAGED: [&str; 3] = ["egg:", "call:", "python:"];

/// All mounted apps: a table, or `/prefix=app` once or in a list.
pub(in crate::config) fn app_mounts(setting: &Setting<'_>) -> Outcome<Vec<AppMount>> {
    prefixed(setting, member, mount)
}

fn member(setting: &Setting<'_>, entry: &Entry) -> Result<AppMount, Complaint> {
    Ok(AppMount {
        prefix: prefix(setting, &entry.key, &entry.node)?,
        app: app(setting, &entry.node)?,
    })
}

fn mount(setting: &Setting<'_>, node: &Node) -> Result<AppMount, Complaint> {
    let Some((before, after)) = setting.text(node)?.split_once('=') else {
        return Err(setting
            .mismatch(node)
            .hint("write both, such as `/blog=blog.wsgi:application`"));
    };
    let after = Node {
        value: Value::Text(after.trim().to_owned()),
        place: node.place.clone(),
    };
    Ok(AppMount {
        prefix: prefix(setting, before.trim(), node)?,
        app: app(setting, &after)?,
    })
}

/// What a mount names: a file by its ending or its slashes, a configuration, else a module.
fn app(setting: &Setting<'_>, node: &Node) -> Result<AppConfig, Complaint> {
    let text = setting.text(node)?;
    let unnamed = text.split('#').next().unwrap_or(text);
    if is_paste(text) || has_extension(unnamed, "ini") {
        let target = AppTarget::Paste(paste(setting, node)?);
        return Ok(AppConfig {
            target,
            callable: None,
        });
    }
    let (file, callable) = match text.split_once(':') {
        Some((file, callable)) => (file.trim_end(), Some(callable.trim_start())),
        None => (text, None),
    };
    if file.contains('/') || has_extension(file, "py") || has_extension(file, "wsgi") {
        let named = Node {
            value: Value::Text(file.to_owned()),
            place: node.place.clone(),
        };
        let callable = callable.map(|name| checked_callable(node, name));
        return Ok(AppConfig {
            target: AppTarget::File(path(setting, &named)?),
            callable: callable.transpose()?,
        });
    }
    let (name, callable) = module(setting, node)?;
    Ok(AppConfig {
        target: AppTarget::Module(name),
        callable,
    })
}

/// `config:/path.ini`, `egg:name`, or the path of a file.
pub(in crate::config) fn paste(setting: &Setting<'_>, node: &Node) -> Result<PasteApp, Complaint> {
    let text = setting.text(node)?;
    let of = |uri: String| PasteApp {
        uri,
        sets_up_logging: false,
    };
    if PACKAGED.iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(of(text.to_owned()));
    }
    let named = text.strip_prefix("config:").unwrap_or(text).trim();
    let (file, app) = match named.split_once('#') {
        Some((file, app)) => (file, format!("#{app}")),
        None => (named, String::new()),
    };
    let node = Node {
        value: Value::Text(file.to_owned()),
        place: node.place.clone(),
    };
    let file = path(setting, &node)?;
    Ok(of(format!("config:{}{app}", file.display())))
}

/// Python, as it is.
pub(in crate::config) fn code(setting: &Setting<'_>, node: &Node) -> Result<String, Complaint> {
    setting.text(node).map(str::to_owned)
}

/// Arguments as a shell would separate them, without its expansions.
pub(in crate::config) fn arguments(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<Vec<String>, Complaint> {
    let text = setting.spelling(node)?;
    let mut arguments = Vec::new();
    let mut current: Option<String> = None;
    let mut quoted_by = None;
    for c in text.chars() {
        match quoted_by {
            Some(quote) if c == quote => quoted_by = None,
            None if matches!(c, '\'' | '"') => {
                quoted_by = Some(c);
                current.get_or_insert_default();
            }
            None if c.is_whitespace() => arguments.extend(current.take()),
            Some(_) | None => current.get_or_insert_default().push(c),
        }
    }
    arguments.extend(current);
    match quoted_by {
        None => Ok(arguments),
        Some(quote) => Err(setting
            .wrong(node, "has a quotation mark that nothing closes")
            .hint(format!("close it with another `{quote}`"))),
    }
}

/// The name of a module, of which `*` behind it means all that it contains.
pub(in crate::config) fn module_name(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<String, Complaint> {
    let (name, callable) = module(setting, node)?;
    if callable.is_some() {
        let what = format!("takes the name of a module alone, not {}", quote(&name));
        return Err(setting.wrong(node, &what));
    }
    Ok(name)
}

fn is_paste(text: &str) -> bool {
    text.starts_with("config:") || PACKAGED.iter().any(|scheme| text.starts_with(scheme))
}

fn has_extension(text: &str, wanted: &str) -> bool {
    Path::new(text)
        .extension()
        .is_some_and(|extension| extension == wanted)
}
