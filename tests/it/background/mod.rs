//! What runs beside the workers of a vassal: daemons, jobs at given times, hooks.

mod cron;
mod daemons;
mod hooks;

use serde_json::Value;

use crate::harness::{Emperor, Vassal, Watched};

/// The process of a number that a line ends with, such as `[daemon sh] up 123`.
fn process_in(line: &str, word: &str) -> Option<Watched> {
    let (_, pid) = line.split_once(word)?;
    Watched::new(pid.trim().parse().ok()?)
}

/// Waits for the process that this vassal says is `word`.
#[track_caller]
fn said(emperor: &Emperor, vassal: &Vassal, word: &str) -> Watched {
    emperor.printed(vassal, |line| process_in(line, word))
}

/// How often a vassal has printed a line that ends so.
fn times_printed(emperor: &Emperor, vassal: &Vassal, end: &str) -> usize {
    // The last word of an answer is behind all that was printed before the question.
    let output = emperor.lictor(&["logs", &vassal.name]).stdout;
    output.lines().filter(|line| line.ends_with(end)).count()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}
