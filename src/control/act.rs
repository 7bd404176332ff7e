//! Carries an order to the emperor and, where asked, waits for what it comes to.
//!
//! The subscription comes before the order and events count from there on, so that an answer that
//! is said before the order returns (a bad file fails at once) is not lost. A generation number is
//! never used twice, so nothing older can be taken for the answer.

use std::time::Duration;

use hyper::StatusCode;
use lictor_core::observe::{Event, VassalState};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::ask::{ask, order};
use super::command::{Command, Verb};
use super::error::RequestError;
use super::outcome::{ActAnswer, Outcome};
use super::wait::Wait;

/// Does what `POST /v1/vassals/NAME/VERB` asks for.
pub(super) async fn act(
    commands: &mpsc::Sender<Command>,
    vassal: String,
    verb: Verb,
    limit: Option<Duration>,
) -> Result<(StatusCode, ActAnswer), RequestError> {
    let Some(limit) = limit else {
        let acted = order(commands, &vassal, verb).await?;
        return Ok((
            StatusCode::ACCEPTED,
            ActAnswer::new(Outcome::Accepted, acted.generation),
        ));
    };
    let waited = timeout(limit, act_and_wait(commands, &vassal, verb)).await;
    let answer = waited.unwrap_or(Err(RequestError::WaitRanOut {
        vassal,
        waited: limit,
    }))?;
    Ok((StatusCode::OK, answer))
}

async fn act_and_wait(
    commands: &mpsc::Sender<Command>,
    vassal: &str,
    verb: Verb,
) -> Result<ActAnswer, RequestError> {
    let (kept, events) = ask(commands, |reply| Command::Events { reply }).await?;
    let seen = kept.last().map_or(0, |event| event.seq);
    let acted = order(commands, vassal, verb).await?;
    match verb {
        Verb::Stop => {
            if let Some(answer) = stopped_already(commands, vassal).await? {
                return Ok(answer);
            }
        }
        Verb::Reload | Verb::Start | Verb::Retry | Verb::Rollback if acted.generation.is_none() => {
            return Ok(ActAnswer::new(Outcome::Unchanged, None));
        }
        Verb::Reload | Verb::Start | Verb::Retry | Verb::Rollback => {}
    }
    let wait = Wait::new(vassal.to_owned(), verb, acted.generation, seen);
    follow(commands, events, wait).await
}

/// A vassal that was stopped before says nothing more.
async fn stopped_already(
    commands: &mpsc::Sender<Command>,
    vassal: &str,
) -> Result<Option<ActAnswer>, RequestError> {
    let status = ask(commands, |reply| Command::Status { reply }).await?;
    Ok(
        match status
            .vassals
            .into_iter()
            .find(|known| known.name == vassal)
        {
            None => Some(ActAnswer::new(Outcome::Gone, None)),
            Some(known) if known.state == VassalState::Stopped => {
                Some(ActAnswer::new(Outcome::Stopped, Some(known.generation)))
            }
            Some(_) => None,
        },
    )
}

async fn follow(
    commands: &mpsc::Sender<Command>,
    mut events: broadcast::Receiver<Event>,
    mut wait: Wait,
) -> Result<ActAnswer, RequestError> {
    loop {
        match events.recv().await {
            Ok(event) => {
                if let Some(end) = wait.consider(&event) {
                    return end;
                }
            }
            // What was missed here is among those kept.
            Err(RecvError::Lagged(_)) => {
                let (kept, coming) = ask(commands, |reply| Command::Events { reply }).await?;
                events = coming;
                if let Some(end) = kept.iter().find_map(|event| wait.consider(event)) {
                    return end;
                }
            }
            Err(RecvError::Closed) => return Err(RequestError::Stopping),
        }
    }
}
