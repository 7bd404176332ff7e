//! `lictor logs`: what the apps wrote and, with `-f`, what they write.

use super::args::LogsCommand;
use super::error::CliError;
use super::exit::Exit;
use super::lines;
use super::output::{Output, printable};
use super::session::with_emperor;
use crate::control::{Filter, LogLine};

/// Prints the output of apps.
pub(super) fn run(command: LogsCommand, output: &mut Output<'_>) -> Result<Exit, CliError> {
    let filter = Filter {
        vassals: command.vassals,
        follow: command.follow,
    };
    with_emperor(command.place.run_dir, async |client| {
        lines::warn_of_unknown(&client, &filter, output).await?;
        lines::print(client.logs(filter).await?, Some(with_name), output).await?;
        Ok(Exit::Done)
    })
}

fn with_name(line: &[u8]) -> Option<String> {
    let LogLine { at, vassal, line } = serde_json::from_slice(line).ok()?;
    Some(printable(&format!("{at} {vassal}: {line}")))
}

/// A line of output, where it is clear whose it is.
pub(super) fn without_name(line: &[u8]) -> Option<String> {
    let LogLine { at, line, .. } = serde_json::from_slice(line).ok()?;
    Some(printable(&format!("{at} {line}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_output_says_whose_it_is() {
        let line = br#"{"at":"2026-11-20T12:00:01Z","vassal":"blog","line":"GET / 200"}"#;
        assert_eq!(
            with_name(line).as_deref(),
            Some("2026-11-20T12:00:01Z blog: GET / 200")
        );
        assert_eq!(
            without_name(line).as_deref(),
            Some("2026-11-20T12:00:01Z GET / 200")
        );
        assert_eq!(with_name(b"{}"), None);
    }
}
