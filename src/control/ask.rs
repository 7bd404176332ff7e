//! One question to the emperor's loop and its answer, with a deadline.
//!
//! The channel of commands is bounded: when the loop is stuck, the asker waits its time and is
//! told so; nobody else waits with it.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::command::{Acted, Command, Verb};
use super::error::RequestError;

/// Longest time for the emperor's loop to take and answer a command; both are done in memory.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// Asks `question`.
pub(super) async fn ask<T>(
    commands: &mpsc::Sender<Command>,
    question: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, RequestError> {
    let (reply, answer) = oneshot::channel();
    let asked = async {
        commands.send(question(reply)).await.ok()?;
        answer.await.ok()
    };
    timeout(ANSWER_DEADLINE, asked)
        .await
        .ok()
        .flatten()
        .ok_or(RequestError::NoAnswer)
}

/// Gives an order.
pub(super) async fn order(
    commands: &mpsc::Sender<Command>,
    vassal: &str,
    verb: Verb,
) -> Result<Acted, RequestError> {
    let vassal = vassal.to_owned();
    Ok(ask(commands, |reply| Command::Act {
        vassal,
        verb,
        reply,
    })
    .await??)
}
