//! Questions to the masters that have not all been answered yet: what `status` waits for.

use std::time::{Duration, Instant};

use lictor_core::observe::Status;
use tokio::sync::oneshot;

use super::generation::Place;

/// A master that has not answered by then is shown as of its last answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// One question.
#[derive(Debug)]
struct Question {
    id: u64,
    outstanding: Vec<Place>,
    until: Instant,
    reply: oneshot::Sender<Status>,
}

/// All questions.
#[derive(Debug, Default)]
pub(super) struct Reports {
    last_id: u64,
    questions: Vec<Question>,
}

impl Reports {
    /// Notes that these masters are being asked; gives the number to ask with.
    pub(super) fn ask(&mut self, places: Vec<Place>, reply: oneshot::Sender<Status>) -> u64 {
        self.last_id += 1;
        let until = Instant::now() + PATIENCE;
        self.questions.push(Question {
            id: self.last_id,
            outstanding: places,
            until,
            reply,
        });
        self.last_id
    }

    /// A master answered.
    pub(super) fn answered(&mut self, id: u64, place: &Place) {
        for question in self
            .questions
            .iter_mut()
            .filter(|question| question.id == id)
        {
            question
                .outstanding
                .retain(|outstanding| outstanding != place);
        }
    }

    /// A master will not answer any more.
    pub(super) fn gone(&mut self, place: &Place) {
        for question in &mut self.questions {
            question
                .outstanding
                .retain(|outstanding| outstanding != place);
        }
    }

    /// The replies that are due: all masters answered, or time is up.
    pub(super) fn due(&mut self) -> Vec<oneshot::Sender<Status>> {
        let now = Instant::now();
        let is_due =
            |question: &mut Question| question.outstanding.is_empty() || question.until <= now;
        self.questions
            .extract_if(.., is_due)
            .map(|question| question.reply)
            .collect()
    }

    /// When the next reply is due at the latest.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.questions.iter().map(|question| question.until).min()
    }
}
