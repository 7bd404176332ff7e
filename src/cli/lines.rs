//! What `lictor events` and `lictor logs` have in common: a stream of JSON lines, made readable.
//!
//! A line that this version does not understand comes from a newer emperor and is passed on as it
//! is. Lines that were missed are a message, not data.

use std::collections::VecDeque;

use super::error::{CliError, chain};
use super::output::{Output, printable};
use super::{events, logs};
use crate::control::{Client, Filter, Lagged, Lines};

/// How many lines `lictor status NAME` shows.
const LAST_LINES: usize = 10;

/// Makes text of one JSON line, unless it is of another kind.
pub(super) type Render = fn(&[u8]) -> Option<String>;

/// Prints `lines` as they come; `None` prints them as they are.
pub(super) async fn print(
    mut lines: Lines,
    render: Option<Render>,
    output: &mut Output<'_>,
) -> Result<(), CliError> {
    while let Some(mut line) = lines.next().await? {
        match (render, missed(&line)) {
            (Some(_), Some(missed)) => output.message(&missed),
            (Some(render), None) => output.data(readable(&line, render) + "\n")?,
            (None, _) => {
                line.push(b'\n');
                output.data(line)?;
            }
        }
    }
    Ok(())
}

/// Warns about names in `filter` that no vassal has now; it may have been, or be to come.
pub(super) async fn warn_of_unknown(
    client: &Client,
    filter: &Filter,
    output: &mut Output<'_>,
) -> Result<(), CliError> {
    for name in &filter.vassals {
        match client.vassal(name).await {
            Ok(_) => {}
            Err(error) if error.is_unknown_vassal() => {
                output.message(&chain(&error, error.hint()).replacen("error", "warning", 1));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The last events, without the name of the vassal.
pub(super) async fn last_events(client: &Client, filter: Filter) -> Result<Vec<String>, CliError> {
    last(client.events(filter).await?, events::without_name).await
}

/// The last lines of output, without the name of the vassal.
pub(super) async fn last_logs(client: &Client, filter: Filter) -> Result<Vec<String>, CliError> {
    last(client.logs(filter).await?, logs::without_name).await
}

async fn last(mut lines: Lines, render: Render) -> Result<Vec<String>, CliError> {
    let mut last = VecDeque::with_capacity(LAST_LINES);
    while let Some(line) = lines.next().await? {
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(readable(&line, render));
    }
    Ok(last.into())
}

fn readable(line: &[u8], render: Render) -> String {
    render(line).unwrap_or_else(|| printable(&String::from_utf8_lossy(line)))
}

/// What to say when the line stands for others.
fn missed(line: &[u8]) -> Option<String> {
    let Lagged { missed } = serde_json::from_slice(line).ok()?;
    Some(format!(
        "warning: {missed} lines were missed, because they came faster than they were read\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_passed_on() {
        let line = br#"{"seq":1,"event":"of-the-future"}"#;
        let text = readable(line, events::with_name);
        assert_eq!(text.as_bytes(), line);
    }

    #[test]
    fn missed_lines_are_counted() {
        let text = missed(br#"{"event":"lagged","missed":3}"#).unwrap();
        assert!(text.starts_with("warning: 3 lines were missed"), "{text}");
        assert_eq!(missed(br#"{"event":"vassal-gone"}"#), None);
    }
}
