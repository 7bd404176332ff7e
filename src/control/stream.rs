//! Events and log lines as a body that goes on: one JSON object a line.
//!
//! A task of its own passes lines on through a short channel. When the reader is slower than what
//! happens, the emperor's broadcast drops the oldest and a [`Lagged`] line says how many; when it
//! does not read at all, its connection ends by the write deadline, and the task with it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use lictor_core::observe::Event;
use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;

use super::command::LogLine;
use super::outcome::Lagged;
use super::route::Filter;

/// Lines on their way to one reader, besides those that its socket holds.
const LINES_UNDER_WAY: usize = 16;

/// What can be streamed.
pub(super) trait Line: Clone + Serialize + Send + Sync + 'static {
    /// The vassal it is about.
    fn vassal(&self) -> Option<&str>;
}

impl Line for Event {
    fn vassal(&self) -> Option<&str> {
        self.vassal.as_deref()
    }
}

impl Line for LogLine {
    fn vassal(&self) -> Option<&str> {
        Some(&self.vassal)
    }
}

/// A body of lines.
#[derive(Debug)]
pub(super) struct LineBody {
    lines: mpsc::Receiver<Bytes>,
}

impl Body for LineBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.lines
            .poll_recv(context)
            .map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

/// The lines `kept` and, if wanted, those `coming`.
pub(super) fn stream<T: Line>(
    kept: Vec<T>,
    coming: broadcast::Receiver<T>,
    filter: Filter,
) -> LineBody {
    let (sender, lines) = mpsc::channel(LINES_UNDER_WAY);
    tokio::spawn(async move {
        let reader = Reader { sender, filter };
        // An error says that the reader is gone; there is nobody to tell.
        reader.pass_on(kept, coming).await.unwrap_or_default();
    });
    LineBody { lines }
}

/// The reader has gone.
struct ReaderGone;

struct Reader {
    sender: mpsc::Sender<Bytes>,
    filter: Filter,
}

impl Reader {
    async fn pass_on<T: Line>(
        &self,
        kept: Vec<T>,
        mut coming: broadcast::Receiver<T>,
    ) -> Result<(), ReaderGone> {
        for line in &kept {
            self.send_wanted(line).await?;
        }
        if !self.filter.follow {
            return Ok(());
        }
        loop {
            let next = tokio::select! {
                () = self.sender.closed() => return Err(ReaderGone),
                next = coming.recv() => next,
            };
            match next {
                Ok(line) => self.send_wanted(&line).await?,
                Err(RecvError::Lagged(missed)) => self.send(&Lagged { missed }).await?,
                Err(RecvError::Closed) => return Ok(()),
            }
        }
    }

    async fn send_wanted<T: Line>(&self, line: &T) -> Result<(), ReaderGone> {
        if self.filter.accepts(line.vassal()) {
            self.send(line).await
        } else {
            Ok(())
        }
    }

    async fn send(&self, line: &impl Serialize) -> Result<(), ReaderGone> {
        // Events and log lines are plain values, which JSON can always express.
        let Ok(mut text) = serde_json::to_vec(line) else {
            return Ok(());
        };
        text.push(b'\n');
        self.sender.send(text.into()).await.ok().ok_or(ReaderGone)
    }
}
