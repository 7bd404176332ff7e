//! Values that are one of a few words.

use super::super::diagnostic::Complaint;
use super::super::setting::Setting;
use super::super::tree::{Node, Value};
use super::super::vassal::{CheaperAlgorithm, EventLoop, Http2, Interface, Lifespan};

/// Which interface an app speaks.
pub(in crate::config) fn interface(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<Interface, Complaint> {
    match setting.text(node)? {
        "auto" => Ok(Interface::Auto),
        "wsgi" => Ok(Interface::Wsgi),
        "asgi" | "asgi3" => Ok(Interface::Asgi),
        _ => Err(setting.mismatch(node)),
    }
}

/// Which event loop runs an ASGI app.
pub(in crate::config) fn event_loop(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<EventLoop, Complaint> {
    match setting.text(node)? {
        "auto" => Ok(EventLoop::Auto),
        "asyncio" => Ok(EventLoop::Asyncio),
        "uvloop" => Ok(EventLoop::Uvloop),
        _ => Err(setting.mismatch(node)),
    }
}

/// What counts as load.
pub(in crate::config) fn cheaper_algorithm(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<CheaperAlgorithm, Complaint> {
    match setting.text(node)? {
        "spare" => Ok(CheaperAlgorithm::Spare),
        "backlog" => Ok(CheaperAlgorithm::Backlog),
        "busyness" => Ok(CheaperAlgorithm::Busyness),
        "manual" => Ok(CheaperAlgorithm::Manual),
        _ => Err(setting.mismatch(node)),
    }
}

/// Where HTTP/2 is spoken.
pub(in crate::config) fn http2(setting: &Setting<'_>, node: &Node) -> Result<Http2, Complaint> {
    match setting.text(node)? {
        "tls" => Ok(Http2::Tls),
        "all" => Ok(Http2::All),
        "off" => Ok(Http2::Off),
        _ => Err(setting.mismatch(node)),
    }
}

/// Whether an ASGI app is told of start and end.
pub(in crate::config) fn lifespan(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<Lifespan, Complaint> {
    // YAML's older readers, and people, take `on` and `off` for booleans.
    if let Value::Bool(is_on) = &node.value {
        return Ok(if *is_on { Lifespan::On } else { Lifespan::Off });
    }
    match setting.text(node)? {
        "auto" => Ok(Lifespan::Auto),
        "on" => Ok(Lifespan::On),
        "off" => Ok(Lifespan::Off),
        _ => Err(setting.mismatch(node)),
    }
}
