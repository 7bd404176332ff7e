//! Lists to which each proxy on the way has added its word at the end.
//!
//! The rightmost entry is what the peer itself says; one further left is worth something only if
//! the address behind it is believed too. So the walk goes from the right, and what a client wrote
//! stands left of where it ends.

use super::values::{Node, node};

/// Where the walk ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The entry whose word is the last that is believed; none where there is none.
    pub(super) index: Option<usize>,
    /// The client, as far as an address is known.
    pub(super) client: Option<Node>,
}

/// Walks over the addresses of a list. An entry that is none ends it: what lies behind is unknown.
pub(super) fn walk(entries: &[&str], is_believed: impl Fn(Node) -> bool) -> Place {
    let mut place = Place::default();
    for (index, entry) in entries.iter().enumerate().rev() {
        place.index = Some(index);
        let Some(found) = node(entry) else {
            break;
        };
        place.client = Some(found);
        if !is_believed(found) {
            break;
        }
    }
    place
}

/// The entries of a list, of all fields of its name together (RFC 9110 §5.3).
pub(super) fn entries<'a>(lines: &[&'a [u8]]) -> Vec<&'a str> {
    lines
        .iter()
        .flat_map(|line| line.split(|byte| *byte == b','))
        // One that is not even text is not skipped: it would move the others.
        .map(|entry| std::str::from_utf8(entry).map_or("", trimmed))
        .collect()
}

/// The entry that stands beside that of the client where each proxy has added one, else the last:
/// the peer's own word.
pub(super) fn beside<'a>(entries: &[&'a str], place: Place, chain: usize) -> Option<&'a str> {
    match place.index {
        Some(index) if entries.len() == chain => entries.get(index).copied(),
        _ => entries.last().copied(),
    }
}

/// Without the white space of RFC 9110 §5.6.3.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
