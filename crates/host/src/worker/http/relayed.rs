//! What a web server says of a request, as a request like any other.

use std::borrow::Cow;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::percent;
use crate::worker::gateway::Variables;

/// The head that the variables describe, which carries them along; or the status of a refusal.
pub(super) fn parts_of(variables: Variables) -> Result<Parts, u16> {
    let (mut parts, ()) = Request::new(()).into_parts();
    let method = variables.get("REQUEST_METHOD").unwrap_or(b"GET");
    parts.method = Method::from_bytes(method).map_err(|_no_token| 400_u16)?;
    parts.uri = target(&variables)?;
    if variables.get("SERVER_PROTOCOL") == Some(b"HTTP/1.0") {
        parts.version = Version::HTTP_10;
    }
    for (name, value) in variables.iter() {
        // Web servers say these two of every request.
        let is_absent = value.is_empty() && matches!(name, "CONTENT_TYPE" | "CONTENT_LENGTH");
        let Some(name) = field_name(name).filter(|_| !is_absent) else {
            continue;
        };
        let value = HeaderValue::from_bytes(value).map_err(|_control| 400_u16)?;
        // A name that came twice keeps its last value, as every variable does.
        parts.headers.insert(name, value);
    }
    parts.extensions.insert(variables);
    Ok(parts)
}

/// The field that a variable stands for.
fn field_name(variable: &str) -> Option<HeaderName> {
    let name = match variable {
        "CONTENT_TYPE" | "CONTENT_LENGTH" => variable,
        // What frames the body is said by the two above alone, whatever else a web server passes on.
        "HTTP_CONTENT_TYPE" | "HTTP_CONTENT_LENGTH" => return None,
        other => other.strip_prefix("HTTP_")?,
    };
    HeaderName::from_bytes(name.replace('_', "-").as_bytes()).ok()
}

fn target(variables: &Variables) -> Result<Uri, u16> {
    let said = match variables.get("REQUEST_URI") {
        Some(said) => said.to_vec(),
        None => put_together(variables),
    };
    let said = if said.is_empty() { b"/".to_vec() } else { said };
    Uri::try_from(said).map_err(|_odd| 400)
}

/// Where the web server does not pass the target itself on.
fn put_together(variables: &Variables) -> Vec<u8> {
    let mut target = Vec::new();
    for name in ["SCRIPT_NAME", "PATH_INFO"] {
        percent::encode(variables.get(name).unwrap_or_default(), &mut target);
    }
    if let Some(query) = variables.get("QUERY_STRING") {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    target
}

/// Where the app is mounted, and the path below it. A web server that says no `PATH_INFO`, as with
/// nginx's own `fastcgi_params`, means by `SCRIPT_NAME` all of the path.
pub(super) fn path<'a>(variables: &'a Variables, target: &'a Uri) -> (&'a str, Cow<'a, [u8]>) {
    let is_said = variables.iter().any(|(name, _)| name == "PATH_INFO");
    if !is_said {
        return ("", percent::decode(target.path()));
    }
    let mount = variables.get("SCRIPT_NAME").unwrap_or_default();
    let path = variables.get("PATH_INFO").unwrap_or_default();
    let path = match path.strip_prefix(mount) {
        Some(rest) if variables.is_mount_in_path && matches!(rest.first(), None | Some(b'/')) => {
            rest
        }
        _ => path,
    };
    (
        str::from_utf8(mount).unwrap_or_default(),
        Cow::Borrowed(path),
    )
}
