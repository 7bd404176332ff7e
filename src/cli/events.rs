//! `lictor events`: what happened and, with `-f`, what happens.

use lictor_core::observe::Event;

use super::args::EventsCommand;
use super::error::CliError;
use super::exit::Exit;
use super::lines::{self, Render};
use super::output::{Output, printable};
use super::session::with_emperor;
use crate::control::Filter;

/// Prints events.
pub(super) fn run(command: EventsCommand, output: &mut Output<'_>) -> Result<Exit, CliError> {
    let filter = Filter {
        vassals: command.vassals,
        follow: command.follow,
    };
    let render: Option<Render> = if command.json { None } else { Some(with_name) };
    with_emperor(command.place.run_dir, async |client| {
        lines::warn_of_unknown(&client, &filter, output).await?;
        lines::print(client.events(filter).await?, render, output).await?;
        Ok(Exit::Done)
    })
}

/// An event as a line.
pub(super) fn with_name(line: &[u8]) -> Option<String> {
    let event: Event = serde_json::from_slice(line).ok()?;
    let text = match &event.vassal {
        Some(vassal) => format!("{} {vassal}: {}", event.at, event.kind),
        None => format!("{} {}", event.at, event.kind),
    };
    Some(printable(&text))
}

/// An event as a line, where it is clear whose it is.
pub(super) fn without_name(line: &[u8]) -> Option<String> {
    let event: Event = serde_json::from_slice(line).ok()?;
    Some(printable(&format!("{} {}", event.at, event.kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let line =
            br#"{"seq":4,"at":"2026-11-20T12:00:01Z","vassal":"blog","event":"generation-ready",
            "generation":7,"interface":"wsgi"}"#;
        let text = "2026-11-20T12:00:01Z blog: generation 7: ready, wsgi";
        assert_eq!(with_name(line).as_deref(), Some(text));
        let text = "2026-11-20T12:00:01Z generation 7: ready, wsgi";
        assert_eq!(without_name(line).as_deref(), Some(text));
        let line = br#"{"seq":4,"at":"2026-11-20T12:00:01Z","event":"emperor-stopping"}"#;
        assert_eq!(
            with_name(line).as_deref(),
            Some("2026-11-20T12:00:01Z emperor stopping")
        );
    }
}
