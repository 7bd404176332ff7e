//! The status, the streams, foreign addresses, and readers that do not read.

use std::time::Duration;

use lictor_core::observe::{Event, EventKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::emperor::{KEPT, court, event, ready};
use crate::control::{Client, ClientError, Filter, Lagged, LogLine};

fn everything(follow: bool) -> Filter {
    Filter {
        vassals: Vec::new(),
        follow,
    }
}

/// What comes back for bytes written as they are.
async fn exchange(socket: &std::path::Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_status_of_all_and_of_one() {
    let court = court(|_| Vec::new());
    assert_eq!(court.client.status().await.unwrap().vassals.len(), 1);
    assert_eq!(court.client.vassal("blog").await.unwrap().generation, 7);
    let error = court.client.vassal("blgo").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no vassal `blgo`");
    assert_eq!(error.hint(), Some("did you mean `blog`?"));
}

#[tokio::test]
async fn no_emperor_is_an_error_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("emperor.sock");
    let client = Client::new(socket.clone());
    let error = client.status().await.unwrap_err();
    assert!(matches!(error, ClientError::NoEmperor { .. }));
    assert_eq!(
        error.to_string(),
        format!("no emperor at `{}`", socket.display())
    );
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(matches!(
        client.status().await.unwrap_err(),
        ClientError::NoEmperor { .. }
    ));
}

#[tokio::test]
async fn a_stream_holds_what_was_and_what_comes() {
    let court = court(|_| Vec::new());
    let mut lines = court.client.events(everything(true)).await.unwrap();
    for seq in 1..=KEPT {
        let line = lines.next().await.unwrap().unwrap();
        assert_eq!(serde_json::from_slice::<Event>(&line).unwrap().seq, seq);
    }
    court.events.send(event(99, ready(9))).unwrap();
    let line = lines.next().await.unwrap().unwrap();
    assert_eq!(
        serde_json::from_slice::<Event>(&line).unwrap(),
        event_again(&line, 99)
    );
}

/// The event with the time that `line` has.
fn event_again(line: &[u8], seq: u64) -> Event {
    let at = serde_json::from_slice::<Event>(line).unwrap().at;
    Event {
        at,
        ..event(seq, ready(9))
    }
}

#[tokio::test]
async fn a_stream_that_does_not_follow_ends() {
    let court = court(|_| Vec::new());
    let mut lines = court.client.logs(everything(false)).await.unwrap();
    let line = lines.next().await.unwrap().unwrap();
    assert_eq!(
        serde_json::from_slice::<LogLine>(&line).unwrap().line,
        "hello"
    );
    assert_eq!(lines.next().await.unwrap(), None);

    let other = Filter {
        vassals: vec!["shop".into()],
        follow: false,
    };
    let mut lines = court.client.events(other).await.unwrap();
    assert_eq!(lines.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_missed_and_holds_nobody_up() {
    let court = court(|_| Vec::new());
    let mut slow = court.client.events(everything(true)).await.unwrap();
    // Far more than the sockets and channels on the way hold.
    let bulk = EventKind::SourceFailed {
        source: "s".into(),
        message: "m".repeat(10_000),
    };
    for seq in 100..400 {
        court.events.send(event(seq, bulk.clone())).unwrap();
        tokio::task::yield_now().await;
    }
    court.client.status().await.unwrap();
    let mut missed = 0;
    let mut last = 0;
    while last < 399 {
        let line = slow.next().await.unwrap().unwrap();
        match serde_json::from_slice::<Lagged>(&line) {
            Ok(lagged) => missed += lagged.missed,
            Err(_) => last = serde_json::from_slice::<Event>(&line).unwrap().seq,
        }
    }
    assert!(missed > 0);
}

#[tokio::test]
async fn foreign_requests_are_answered_with_reasons() {
    let court = court(|_| Vec::new());
    let close = "Host: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(&court.socket, &format!("GET /nowhere HTTP/1.1\r\n{close}")).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(
        answer.contains(r#"{"error":"there is nothing at `/nowhere`","hint":"#),
        "{answer}"
    );
    let answer = exchange(
        &court.socket,
        &format!("POST /v1/status HTTP/1.1\r\n{close}"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(answer.contains("allow: GET\r\n"), "{answer}");
    let long = format!("GET /{} HTTP/1.1\r\n{close}", "x".repeat(40_000));
    let mut stream = UnixStream::connect(&court.socket).await.unwrap();
    // The server may close before it has read all of it.
    drop(stream.write_all(long.as_bytes()).await);
    drop(stream.read(&mut [0; 64]).await);
    court.client.status().await.unwrap();
}

#[tokio::test]
async fn an_emperor_that_is_gone_is_missed_by_all() {
    let court = court(|_| Vec::new());
    let mut lines = court.client.events(everything(true)).await.unwrap();
    court.emperor.abort();
    drop(court.events);
    let rest = async { while lines.next().await.unwrap().is_some() {} };
    timeout(Duration::from_secs(5), rest).await.unwrap();
    timeout(Duration::from_secs(5), court.server)
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(
        court.client.status().await.unwrap_err(),
        ClientError::NoEmperor { .. }
    ));
}
