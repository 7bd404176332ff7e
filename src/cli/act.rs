//! `lictor reload`, `start`, `stop`, `retry` and `rollback`: orders, and why they came to nothing.
//!
//! Several vassals are asked at once, a few at a time; what is said keeps the order they were
//! named in. The exit code is 0 only when all of them did what was asked.

use std::time::Duration;

use super::args::ActCommand;
use super::error::{CliError, chain};
use super::exit::Exit;
use super::output::{Output, printable, printable_lines};
use super::session::with_emperor;
use crate::control::{ActAnswer, Client, ClientError, Outcome, Verb};

/// Orders under way at a time; the emperor takes a limited number of connections.
const AT_A_TIME: usize = 16;

/// Gives the order to every vassal named.
pub(super) fn run(
    command: ActCommand,
    verb: Verb,
    output: &mut Output<'_>,
) -> Result<Exit, CliError> {
    with_emperor(command.place.run_dir, async |client| {
        let mut exit = Exit::Done;
        for some in command.vassals.chunks(AT_A_TIME) {
            for (name, answer) in ask_some(&client, some, verb, command.wait).await {
                match answer {
                    Ok(answer) if answer.fulfils(verb) => {
                        // Whether the order worked does not depend on who reads this.
                        output.data(success(&name, verb, &answer)).ok();
                    }
                    Ok(answer) => {
                        exit = Exit::Failed;
                        output.message(&failure(&name, &answer));
                    }
                    Err(error @ ClientError::NoEmperor { .. }) => return Err(error.into()),
                    Err(error) => {
                        exit = Exit::Failed;
                        output.message(&chain(&error, error.hint()));
                    }
                }
            }
        }
        Ok(exit)
    })
}

async fn ask_some(
    client: &Client,
    vassals: &[String],
    verb: Verb,
    wait: Option<Duration>,
) -> Vec<(String, Result<ActAnswer, ClientError>)> {
    let asked: Vec<_> = vassals
        .iter()
        .map(|name| {
            let (client, asked) = (client.clone(), name.clone());
            let answer = tokio::spawn(async move { client.act(&asked, verb, wait).await });
            (name.clone(), answer)
        })
        .collect();
    let mut answers = Vec::with_capacity(asked.len());
    for (name, answer) in asked {
        // Nobody aborts these tasks, so they end with an answer.
        if let Ok(answer) = answer.await {
            answers.push((name, answer));
        }
    }
    answers
}

/// What to say when it worked.
fn success(name: &str, verb: Verb, answer: &ActAnswer) -> String {
    let name = printable(name);
    match (answer.outcome, answer.generation) {
        (Outcome::Ready, Some(generation)) => format!("{name}: generation {generation} serves\n"),
        (Outcome::Accepted, Some(generation)) if verb != Verb::Stop => {
            format!("{name}: generation {generation} is coming up\n")
        }
        (Outcome::Accepted, _) if verb == Verb::Stop => format!("{name}: stopping\n"),
        (Outcome::Accepted | Outcome::Unchanged | Outcome::Failed, _) => {
            format!("{name}: nothing had to be done\n")
        }
        (Outcome::Ready, None) => format!("{name}: serves\n"),
        (Outcome::Stopped, _) => format!("{name}: stopped\n"),
        (Outcome::Gone, _) => format!("{name}: gone, its file was removed\n"),
    }
}

/// Why it did not.
fn failure(name: &str, answer: &ActAnswer) -> String {
    let name = printable(name);
    let Some(failure) = &answer.failure else {
        return match answer.outcome {
            Outcome::Stopped => format!("error: `{name}` was stopped meanwhile\n"),
            Outcome::Gone => format!("error: the file of `{name}` was removed meanwhile\n"),
            Outcome::Accepted | Outcome::Unchanged | Outcome::Ready | Outcome::Failed => {
                format!("error: `{name}` failed\n")
            }
        };
    };
    let which = answer
        .generation
        .map_or_else(String::new, |g| format!("generation {g} of "));
    let message = printable(&failure.message);
    let mut text = format!(
        "error: {which}`{name}` failed: {}: {message}\n",
        failure.kind
    );
    if !failure.detail.is_empty() {
        text.push('\n');
        text.push_str(&printable_lines(&failure.detail, "  "));
    }
    text
}

#[cfg(test)]
mod tests {
    use lictor_core::observe::{Failure, FailureKind};

    use super::*;

    fn answer(outcome: Outcome, generation: Option<u64>) -> ActAnswer {
        ActAnswer {
            outcome,
            generation,
            failure: None,
        }
    }

    #[test]
    fn what_worked_is_said_in_a_line() {
        let table = [
            (
                Verb::Reload,
                answer(Outcome::Ready, Some(8)),
                "blog: generation 8 serves\n",
            ),
            (
                Verb::Retry,
                answer(Outcome::Accepted, Some(8)),
                "blog: generation 8 is coming up\n",
            ),
            (
                Verb::Stop,
                answer(Outcome::Accepted, None),
                "blog: stopping\n",
            ),
            (
                Verb::Stop,
                answer(Outcome::Stopped, Some(7)),
                "blog: stopped\n",
            ),
            (
                Verb::Stop,
                answer(Outcome::Gone, None),
                "blog: gone, its file was removed\n",
            ),
            (
                Verb::Start,
                answer(Outcome::Unchanged, None),
                "blog: nothing had to be done\n",
            ),
            (
                Verb::Start,
                answer(Outcome::Accepted, None),
                "blog: nothing had to be done\n",
            ),
        ];
        for (verb, answer, text) in table {
            assert_eq!(success("blog", verb, &answer), text);
        }
    }

    #[test]
    fn a_failure_shows_its_traceback() {
        let detail = "Traceback (most recent call last):\n  File \"app.py\", line 1\n";
        let message = "SyntaxError: invalid syntax";
        let answer = ActAnswer {
            failure: Some(Failure::new(FailureKind::Import, message, detail)),
            ..answer(Outcome::Failed, Some(8))
        };
        assert_eq!(
            failure("blog", &answer),
            "error: generation 8 of `blog` failed: import: SyntaxError: invalid syntax\n\n  \
             Traceback (most recent call last):\n    File \"app.py\", line 1\n"
        );
    }

    #[test]
    fn what_came_between_is_said() {
        let text = failure("blog", &answer(Outcome::Stopped, Some(7)));
        assert_eq!(text, "error: `blog` was stopped meanwhile\n");
        let text = failure("blog", &answer(Outcome::Gone, None));
        assert_eq!(text, "error: the file of `blog` was removed meanwhile\n");
    }
}
