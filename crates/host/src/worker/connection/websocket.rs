//! A connection that has become a websocket.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use super::super::deadlines::NEVER;
use super::super::sync::lock;
use super::super::talk::{Step, Talk};
use super::{Connection, Next, Phase, State};

impl Connection {
    /// Goes on with a websocket.
    pub(super) fn talk(&self, mut state: MutexGuard<'_, State>, talk: &Mutex<Talk>) -> Next {
        let now = Instant::now();
        let (step, has_news) = {
            let mut talk = lock(talk);
            let step = talk.advance(&self.socket, self.is_draining(), now);
            (step, talk.has_news() || step == Step::Linger)
        };
        let next = match step {
            Step::Wait(Some(due)) => Next::Wait(Some(due.saturating_duration_since(now))),
            Step::Wait(None) => {
                self.set_deadline_ms(NEVER);
                Next::Wait(None)
            }
            Step::Linger => {
                self.socket.end_raw();
                self.begin_lingering(&mut state)
            }
            Step::Over => Next::Close,
        };
        let watcher = state.watcher.clone().filter(|_| has_news);
        drop(state);
        if let Some(watcher) = watcher {
            watcher.progressed();
        }
        next
    }

    /// Whether it is a websocket that is not yet being closed.
    pub(in crate::worker) fn is_talking(&self) -> bool {
        let state = lock(&self.state);
        state.talk.is_some() && state.phase != Phase::Lingering
    }

    /// The app is done with the websocket, which may still have to be closed.
    pub(in crate::worker) fn leave_talk(&self) {
        lock(&self.state).watcher = None;
    }
}
