//! The life of a vassal whose emperor was another one.

use std::time::{Duration, Instant};

use lictor_core::ipc::MasterPhase;

use super::{Action, Activity, GRACE, Leaving, Lifecycle, Serving, Want};

/// A master that was leaving when its emperor went has a deadline of its own, which nobody knows
/// any more; this is for one that does not keep to it.
const LONGEST_LEAVE: Duration = Duration::from_hours(24);

impl Lifecycle {
    /// As another emperor left it: what serves with its mercy. `failed` is the generation of the
    /// error shown.
    pub(in crate::emperor) fn adopted(
        newest: u64,
        serving: Option<(u64, Duration)>,
        leaving: Vec<u64>,
        is_stopped: bool,
        failed: Option<u64>,
    ) -> Self {
        let now = Instant::now();
        let leaving = leaving
            .into_iter()
            .map(|generation| (generation, left(now)));
        Self {
            want: if is_stopped { Want::Stop } else { Want::Run },
            newest,
            serving: serving.map(|(generation, mercy)| Serving {
                generation,
                since: now,
                mercy,
                activity: Activity::Serves,
            }),
            leaving: leaving.collect(),
            has_newest_failed: serving.is_some_and(|(serving, _)| failed > Some(serving)),
            ..Self::new()
        }
    }

    /// Whether it was stopped by somebody, not by the end of its file.
    pub(in crate::emperor) fn is_stopped_by_order(&self) -> bool {
        self.want == Want::Stop
    }

    /// The records end where the emperor ended: in the middle of a reload the masters know better.
    pub(super) fn found(
        &mut self,
        generation: u64,
        phase: MasterPhase,
        now: Instant,
    ) -> Vec<Action> {
        let is_serving = self.serving() == Some(generation);
        match phase {
            MasterPhase::Serving if is_serving || self.is_leaving(generation) => Vec::new(),
            // Its emperor let it serve and had no time to tell the one before.
            MasterPhase::Serving => {
                let old = self.serving.replace(Serving {
                    generation,
                    since: now,
                    mercy: self.reload_mercy,
                    activity: Activity::Serves,
                });
                let old = old.map(|old| self.drain(old, now));
                old.into_iter().chain(self.leave_if_unwanted(now)).collect()
            }
            MasterPhase::Paused => {
                // Not before all have been found: the one that it was paused for may serve.
                if let Some(serving) = self.serving.as_mut().filter(|_| is_serving) {
                    serving.activity = Activity::FoundPaused;
                }
                Vec::new()
            }
            MasterPhase::Draining if is_serving => {
                self.serving = None;
                self.leaving.insert(generation, left(now));
                if self.want == Want::Run && self.coming.is_none() {
                    self.spawn(now)
                } else {
                    Vec::new()
                }
            }
            MasterPhase::Draining => Vec::new(),
        }
    }

    /// All masters that ran have been found or are gone.
    pub(super) fn all_found(&mut self) -> Vec<Action> {
        let is_left_paused = |serving: &Serving| matches!(serving.activity, Activity::FoundPaused);
        if self.serving.as_ref().is_some_and(is_left_paused) {
            self.resume().into_iter().collect()
        } else {
            Vec::new()
        }
    }

    fn leave_if_unwanted(&mut self, now: Instant) -> Vec<Action> {
        match self.want {
            Want::Run => Vec::new(),
            want @ (Want::Stop | Want::Remove) => self.leave(want, now),
        }
    }
}

fn left(now: Instant) -> Leaving {
    Leaving {
        kill_at: now + LONGEST_LEAVE + GRACE,
        has_served: true,
    }
}
