//! `$1` and `${NAME}` in what rules for requests write.

use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::{RoutePiece, RouteText};

/// Splits a text into what stands there and what is put in. `groups` is how many groups the rule's
/// expression has, all of it included; 0 without an expression.
pub(super) fn route_text(
    setting: &Setting<'_>,
    node: &Node,
    text: &str,
    groups: usize,
) -> Result<RouteText, Complaint> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        let digit = after.chars().next().and_then(|first| first.to_digit(10));
        let (piece, behind) = if let Some(digit) = digit {
            let group = usize::try_from(digit).unwrap_or(usize::MAX);
            if group >= groups {
                return Err(without_group(setting, node, group, groups));
            }
            (RoutePiece::Group(group), after.get(1..).unwrap_or_default())
        } else if let Some((name, behind)) =
            after.strip_prefix('{').and_then(|it| it.split_once('}'))
        {
            (variable(setting, node, name)?, behind)
        } else {
            plain.push('$');
            rest = after;
            continue;
        };
        if !plain.is_empty() {
            pieces.push(RoutePiece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(piece);
        rest = behind;
    }
    plain.push_str(rest);
    if plain.chars().any(|c| c.is_control() && c != '\t') {
        let what = "has a control character in its text";
        return Err(setting.wrong(node, what).hint("remove it"));
    }
    if !plain.is_empty() {
        pieces.push(RoutePiece::Text(plain));
    }
    Ok(RouteText(pieces))
}

fn variable(setting: &Setting<'_>, node: &Node, name: &str) -> Result<RoutePiece, Complaint> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.is_empty() && name.chars().all(is_name) {
        return Ok(RoutePiece::Variable(name.to_owned()));
    }
    let what = format!("puts in {}, which is no variable", quote(name));
    Err(setting.wrong(node, &what).hint(
        "use a variable of the request such as `${REQUEST_URI}`, `${HTTP_HOST}` or `${HTTP_COOKIE}`",
    ))
}

fn without_group(setting: &Setting<'_>, node: &Node, group: usize, groups: usize) -> Complaint {
    let what = match groups.checked_sub(1) {
        None => format!("puts in `${group}`, but has no expression"),
        Some(count) => format!("puts in `${group}`, but its expression has {count} groups"),
    };
    setting
        .wrong(node, &what)
        .hint("`$1` to `$9` are the groups in parentheses, `$0` is all that matched")
}
