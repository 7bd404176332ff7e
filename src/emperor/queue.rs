//! Who starts first of those that wait for their start: pure.

use std::cmp::Reverse;

/// One that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// A client has connected and nobody answers.
    pub(super) is_awaited: bool,
    /// When it was last used, in seconds of the epoch, as far as that is known.
    pub(super) last_used: u64,
}

/// The place of the one that starts first: those that somebody waits for, then those used most
/// recently, then in the order in which they came.
pub(super) fn first(waiting: &[Waiting]) -> Option<usize> {
    let rank = |(place, one): &(usize, &Waiting)| (one.is_awaited, one.last_used, Reverse(*place));
    let first = waiting.iter().enumerate().max_by_key(rank);
    first.map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(mut waiting: Vec<(&str, bool, u64)>) -> String {
        let mut order = Vec::new();
        while let Some(place) = first(
            &waiting
                .iter()
                .map(|&(_, is_awaited, last_used)| Waiting {
                    is_awaited,
                    last_used,
                })
                .collect::<Vec<_>>(),
        ) {
            order.push(waiting.remove(place).0);
        }
        order.join(" ")
    }

    #[test]
    fn awaited_then_recently_used_then_as_they_came() {
        let waiting = vec![
            ("old", false, 1),
            ("twin", false, 7),
            ("twin's brother", false, 7),
            ("awaited", true, 0),
            ("recent", false, 9),
            ("awaited and recent", true, 3),
        ];
        assert_eq!(
            order(waiting),
            "awaited and recent awaited recent twin twin's brother old"
        );
        assert_eq!(first(&[]), None);
    }
}
