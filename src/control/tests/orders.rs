//! Orders, and waiting for what they come to.

use std::time::Duration;

use lictor_core::observe::{EventKind, VassalState};

use super::emperor::{court, failed, ready};
use crate::control::{ClientError, Outcome, Verb};

const WAIT: Option<Duration> = Some(Duration::from_secs(5));

fn refused(error: ClientError) -> (u16, String, Option<String>) {
    let ClientError::Refused {
        status,
        error,
        hint,
    } = error
    else {
        panic!("{error:?}")
    };
    (status.as_u16(), error, hint)
}

#[tokio::test]
async fn an_order_is_accepted_without_a_wait() {
    let court = court(|_| Vec::new());
    let answer = court.client.act("blog", Verb::Reload, None).await.unwrap();
    assert_eq!(
        (answer.outcome, answer.generation),
        (Outcome::Accepted, Some(8))
    );
}

#[tokio::test]
async fn a_wait_ends_when_the_generation_serves() {
    let court = court(|_| vec![ready(8)]);
    let answer = court.client.act("blog", Verb::Reload, WAIT).await.unwrap();
    assert_eq!(
        (answer.outcome, answer.generation),
        (Outcome::Ready, Some(8))
    );
}

#[tokio::test]
async fn a_wait_tells_why_a_generation_failed() {
    let court = court(|_| vec![failed(8)]);
    let answer = court.client.act("blog", Verb::Retry, WAIT).await.unwrap();
    assert_eq!(answer.outcome, Outcome::Failed);
    assert_eq!(answer.failure.unwrap().detail, "a traceback");
}

#[tokio::test]
async fn a_stop_waits_for_the_last_process() {
    let court = court(|_| {
        let (from, to) = (VassalState::Stopping, VassalState::Stopped);
        vec![EventKind::StateChanged {
            from,
            to,
            generation: 7,
        }]
    });
    let answer = court.client.act("blog", Verb::Stop, WAIT).await.unwrap();
    assert_eq!(answer.outcome, Outcome::Stopped);
}

#[tokio::test]
async fn events_that_were_missed_while_waiting_are_looked_up() {
    // More than the channel keeps, the answer first, before the waiter runs again.
    let court = court(|_| {
        let noise = EventKind::OutputDropped { lines: 1 };
        let mut script = vec![ready(8)];
        script.resize(200, noise);
        script
    });
    let answer = court.client.act("blog", Verb::Reload, WAIT).await.unwrap();
    assert_eq!(answer.outcome, Outcome::Ready);
}

#[tokio::test]
async fn a_wait_runs_out() {
    let court = court(|_| Vec::new());
    let wait = Some(Duration::from_millis(20));
    let (status, error, hint) = refused(
        court
            .client
            .act("blog", Verb::Reload, wait)
            .await
            .unwrap_err(),
    );
    assert_eq!(status, 504);
    assert_eq!(error, "`blog` is not done after 0.0 s; it goes on");
    assert_eq!(hint.unwrap(), "look with `lictor status blog`");
}

#[tokio::test]
async fn an_order_may_be_refused() {
    let court = court(|_| Vec::new());
    let (status, error, hint) = refused(
        court
            .client
            .act("blgo", Verb::Stop, WAIT)
            .await
            .unwrap_err(),
    );
    assert_eq!((status, error.as_str()), (404, "there is no vassal `blgo`"));
    assert_eq!(hint.unwrap(), "did you mean `blog`?");
    let (status, error, _) = refused(
        court
            .client
            .act("stubborn", Verb::Stop, None)
            .await
            .unwrap_err(),
    );
    assert_eq!((status, error.as_str()), (409, "it does not want to"));
}

#[tokio::test]
async fn an_emperor_that_leaves_ends_the_wait() {
    let court = court(|_| vec![EventKind::EmperorStopping]);
    // The event is about no vassal in life; the wait looks at its kind first.
    let (status, ..) = refused(
        court
            .client
            .act("blog", Verb::Reload, WAIT)
            .await
            .unwrap_err(),
    );
    assert_eq!(status, 503);
}
