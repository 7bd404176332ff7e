//! `lictor explain`: the documentation of options, from the declaration that parses them.

use lictor_core::config;

use super::args::ExplainCommand;
use super::error::CliError;
use super::exit::Exit;
use super::output::Output;

/// Prints what an option means, or all.
pub(super) fn run(command: &ExplainCommand, output: &mut Output<'_>) -> Result<Exit, CliError> {
    // As it is typed for `serve`: `lictor explain --http`.
    let option = command
        .option
        .as_deref()
        .map(|name| name.trim_start_matches('-'));
    let text = config::explain(option).map_err(CliError::Unexplained)?;
    output.data(format!("{}\n", text.trim_end()))?;
    Ok(Exit::Done)
}
