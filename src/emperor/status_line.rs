//! All vassals in one line, as `systemctl status` shows it.

use lictor_core::observe::VassalState;

/// In the order of the line: what is well, what moves, what needs somebody.
const STATES: [VassalState; 8] = [
    VassalState::Ready,
    VassalState::Asleep,
    VassalState::Starting,
    VassalState::Reloading,
    VassalState::Stopping,
    VassalState::Stopped,
    VassalState::Degraded,
    VassalState::Backoff,
];
/// Most names behind a state that needs somebody.
const NAMES: usize = 3;

/// `12 vassals: 11 ready, 1 degraded (blog)`.
pub(super) fn status_line(vassals: &[(&str, VassalState)]) -> String {
    let head = match vassals.len() {
        0 => return "no vassals".to_owned(),
        1 => "1 vassal".to_owned(),
        count => format!("{count} vassals"),
    };
    let parts: Vec<String> = STATES
        .iter()
        .filter_map(|state| part(*state, vassals))
        .collect();
    format!("{head}: {}", parts.join(", "))
}

fn part(state: VassalState, vassals: &[(&str, VassalState)]) -> Option<String> {
    let names: Vec<&str> = vassals
        .iter()
        .filter(|(_, other)| *other == state)
        .map(|(name, _)| *name)
        .collect();
    if names.is_empty() {
        return None;
    }
    let count = names.len();
    let needs_somebody = matches!(state, VassalState::Degraded | VassalState::Backoff);
    if !needs_somebody {
        return Some(format!("{count} {state}"));
    }
    let shown = names.get(..NAMES.min(count)).unwrap_or_default().join(", ");
    let more = match count.saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{count} {state} ({shown}{more})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_many_are_how_and_names_those_in_trouble() {
        let (ready, degraded) = (VassalState::Ready, VassalState::Degraded);
        let backoff = VassalState::Backoff;
        for (vassals, line) in [
            (&[][..], "no vassals"),
            (&[("a", ready)], "1 vassal: 1 ready"),
            (
                &[("a", degraded), ("b", ready), ("c", ready)],
                "3 vassals: 2 ready, 1 degraded (a)",
            ),
            (
                &[("a", backoff), ("b", VassalState::Starting), ("c", backoff)],
                "3 vassals: 1 starting, 2 backoff (a, c)",
            ),
            (
                &["a", "b", "c", "d", "e"].map(|name| (name, backoff)),
                "5 vassals: 5 backoff (a, b, c and 2 more)",
            ),
        ] {
            assert_eq!(status_line(vassals), line);
        }
    }

    #[test]
    fn every_state_has_its_place() {
        for state in STATES {
            let line = status_line(&[("blog", state)]);
            assert!(line.contains(&state.to_string()), "{line}");
        }
    }
}
