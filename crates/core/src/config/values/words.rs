//! Names: of modules and callables, of a Python, of users and groups.

use super::paths::path;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::{Node, Value};
use crate::config::types::{AccessLog, GroupName, PythonChoice, SocketOwner, UserName};

/// The oldest Python whose stable ABI the host is built for.
const OLDEST_MINOR: u8 = 9;
/// Longest name of a user or group; `useradd` allows 32.
const ACCOUNT_LIMIT_BYTES: usize = 255;
/// Longest path to ask a new generation for.
const REQUEST_PATH_LIMIT_BYTES: usize = 2048;
/// More than any column of `ps` shows.
const TITLE_LIMIT_BYTES: usize = 128;
/// The number that `chown(2)` reads as "leave it".
const NO_ID: u32 = u32::MAX;

/// `package.module`, perhaps with `:callable`.
pub(in crate::config) fn module(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<(String, Option<String>), Complaint> {
    let text = setting.text(node)?;
    let (module, callable) = match text.split_once(':') {
        Some((module, callable)) => (module.trim_end(), Some(callable.trim_start())),
        None => (text, None),
    };
    let is_file = module.contains('/')
        || std::path::Path::new(module)
            .extension()
            .is_some_and(|extension| extension == "py");
    if is_file {
        let message = format!("{} is a file, not a module", quote(module));
        return Err(Complaint::new(node.place.clone(), message)
            .hint("write `wsgi-file` instead of `module`, or the module's dotted name"));
    }
    if !module.split('.').all(is_importable) {
        let message = format!("{} is not the name of a module", quote(module));
        return Err(Complaint::new(node.place.clone(), message)
            .hint("write it as Python imports it, such as `blog.wsgi:application`"));
    }
    let callable = callable
        .map(|name| checked_callable(node, name))
        .transpose()?;
    Ok((module.to_owned(), callable))
}

/// Python's statement takes identifiers only, its importer any file's name: `my-site.wsgi` is one.
fn is_importable(name: &str) -> bool {
    is_identifier(&name.replace('-', "_"))
}

/// The name of a callable, which may be an attribute of another object.
pub(in crate::config) fn callable(setting: &Setting<'_>, node: &Node) -> Result<String, Complaint> {
    checked_callable(node, setting.text(node)?)
}

/// The same for a text that is part of a value. Behind the name of a factory stand its arguments,
/// which Python reads when it calls it.
pub(super) fn checked_callable(node: &Node, name: &str) -> Result<String, Complaint> {
    let (path, arguments) = match name.split_once('(') {
        Some((path, rest)) => (path.trim_end(), Some(rest)),
        None => (name, None),
    };
    let is_closed = arguments.is_none_or(|rest| rest.ends_with(')'));
    if is_closed && path.split('.').all(is_identifier) {
        return Ok(name.to_owned());
    }
    let complaint = Complaint::new(
        node.place.clone(),
        format!("{} is not the name of a callable", quote(name)),
    );
    Err(if is_closed {
        complaint
            .hint("write the name alone, such as `application`, or call a factory: `create_app()`")
    } else {
        complaint.hint("close the arguments of the factory with `)`")
    })
}

/// The target of a request in origin-form (RFC 9112 §3.2.1).
pub(in crate::config) fn request_path(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<String, Complaint> {
    let text = setting.text(node)?;
    let is_target = text.starts_with('/')
        && text.len() <= REQUEST_PATH_LIMIT_BYTES
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if is_target {
        Ok(text.to_owned())
    } else {
        Err(setting
            .mismatch(node)
            .hint("write it as it stands in a URL after the host, such as `/health`"))
    }
}

/// Near enough to PEP 3131: what is wrong beyond it, the import itself tells better.
fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && chars.all(|c| c == '_' || c.is_alphanumeric())
}

/// `3.12`, or the path of an interpreter.
pub(in crate::config) fn python(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<PythonChoice, Complaint> {
    let text = setting.spelling(node)?;
    if text.contains('/') && matches!(node.value, Value::Text(_)) {
        return path(setting, node).map(PythonChoice::Path);
    }
    let parts: Vec<Option<u8>> = text
        .split('.')
        .map(|part| {
            part.parse()
                .ok()
                .filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .collect();
    match parts.as_slice() {
        [Some(3), Some(minor)] if *minor >= OLDEST_MINOR => Ok(PythonChoice::Version(3, *minor)),
        [Some(_), Some(_)] => Err(setting
            .wrong(node, &format!("is {}, which is too old", quote(&text)))
            .hint(format!("Lictor serves CPython 3.{OLDEST_MINOR} and newer"))),
        _ => Err(setting
            .mismatch(node)
            .hint("write the version as `3.12`, or a path with a `/` in it")),
    }
}

/// A user by name or number.
pub(in crate::config) fn user(setting: &Setting<'_>, node: &Node) -> Result<UserName, Complaint> {
    Ok(match account(setting, node)? {
        Account::Id(id) => UserName::Id(id),
        Account::Name(name) => UserName::Name(name),
    })
}

/// A group by name or number.
pub(in crate::config) fn group(setting: &Setting<'_>, node: &Node) -> Result<GroupName, Complaint> {
    Ok(match account(setting, node)? {
        Account::Id(id) => GroupName::Id(id),
        Account::Name(name) => GroupName::Name(name),
    })
}

/// `USER`, `USER:GROUP` or `:GROUP`.
pub(in crate::config) fn socket_owner(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<SocketOwner, Complaint> {
    let text = setting.spelling(node)?;
    let (user, group) = text.split_once(':').unwrap_or((&text, ""));
    let part = |text: &str| {
        let node = Node {
            value: Value::Text(text.to_owned()),
            place: node.place.clone(),
        };
        (!text.is_empty()).then_some(node)
    };
    let (user, group) = (part(user), part(group));
    if user.is_none() && group.is_none() {
        return Err(setting.mismatch(node));
    }
    Ok(SocketOwner {
        user: user.map(|node| self::user(setting, &node)).transpose()?,
        group: group.map(|node| self::group(setting, &node)).transpose()?,
    })
}

/// A text for `ps` to show.
pub(in crate::config) fn title(setting: &Setting<'_>, node: &Node) -> Result<String, Complaint> {
    // Spaces at its ends are meant.
    let text = match &node.value {
        Value::Text(text) if !text.trim().is_empty() => text.clone(),
        Value::Bare
        | Value::Text(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Date(_)
        | Value::List(_)
        | Value::Table(_) => setting.spelling(node)?,
    };
    if text.len() > TITLE_LIMIT_BYTES || text.chars().any(char::is_control) {
        let what = format!("is no line of at most {TITLE_LIMIT_BYTES} bytes");
        return Err(setting.wrong(node, &what));
    }
    Ok(text)
}

/// The name of a variable of the environment.
pub(in crate::config) fn variable_name(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<String, Complaint> {
    let text = setting.text(node)?;
    let is_name = |c: char| !c.is_control() && !c.is_whitespace() && c != '=';
    if text.chars().all(is_name) {
        Ok(text.to_owned())
    } else {
        Err(setting.mismatch(node))
    }
}

enum Account {
    Id(u32),
    Name(String),
}

fn account(setting: &Setting<'_>, node: &Node) -> Result<Account, Complaint> {
    let text = setting.spelling(node)?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(id) if id != NO_ID => Ok(Account::Id(id)),
            _ => Err(setting.mismatch(node)),
        };
    }
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !":/,".contains(c);
    if text.len() > ACCOUNT_LIMIT_BYTES || text.starts_with('-') || !text.chars().all(is_plain) {
        return Err(setting.mismatch(node));
    }
    Ok(Account::Name(text))
}

/// Which requests are logged.
pub(in crate::config) fn access_log(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<AccessLog, Complaint> {
    match &node.value {
        // YAML's older readers, and people, take `off` for a boolean.
        Value::Bool(false) => return Ok(AccessLog::Off),
        Value::Bool(true) | Value::Bare => return Ok(AccessLog::All),
        Value::Null
        | Value::Number(_)
        | Value::Text(_)
        | Value::Date(_)
        | Value::List(_)
        | Value::Table(_) => {}
    }
    match setting.text(node)? {
        "errors" => Ok(AccessLog::Errors),
        "all" => Ok(AccessLog::All),
        "off" => Ok(AccessLog::Off),
        _ => Err(setting.mismatch(node)),
    }
}
