//! The life of a vassal whose emperor was another one.

use std::time::{Duration, Instant};

use lictor_core::ipc::MasterPhase;

use super::{Action, Activity, GRACE, Leaving, Lifecycle, Serving, Want};

/// A master that was leaving when its emperor went has a deadline of its own, which nobody knows
/// any more; this is for one that does not keep to it.
const LONGEST_LEAVE: Duration = Duration::from_hours(24);

/// How another emperor left a vassal.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
pub(in crate::emperor) struct Left {
    /// The generation number given out last.
    pub(in crate::emperor) newest: u64,
    /// What serves, with its mercy.
    pub(in crate::emperor) serving: Option<(u64, Duration)>,
    pub(in crate::emperor) leaving: Vec<u64>,
    pub(in crate::emperor) is_stopped: bool,
    pub(in crate::emperor) is_asleep: bool,
    /// The generation of the error shown.
    pub(in crate::emperor) failed: Option<u64>,
    pub(in crate::emperor) has_fallen_back: bool,
    pub(in crate::emperor) has_served: bool,
}

impl Lifecycle {
    /// As another emperor left it.
    pub(in crate::emperor) fn adopted(known: Left) -> Self {
        let now = Instant::now();
        let leaving = known
            .leaving
            .into_iter()
            .map(|generation| (generation, left(now)));
        let has_failed_since =
            |(serving, _): (u64, Duration)| known.has_fallen_back || known.failed > Some(serving);
        Self {
            want: if known.is_stopped {
                Want::Stop
            } else {
                Want::Run
            },
            newest: known.newest,
            serving: known.serving.map(|(generation, mercy)| Serving {
                generation,
                since: now,
                mercy,
                activity: Activity::Serves,
            }),
            leaving: leaving.collect(),
            is_asleep: known.is_asleep && known.serving.is_none(),
            has_newest_failed: known.serving.is_some_and(has_failed_since),
            has_fallen_back: known.has_fallen_back,
            has_served: known.has_served,
            ..Self::new()
        }
    }

    /// What served while the newest file had failed has died since, and nobody was there to see it.
    pub(in crate::emperor) fn fall_back_unseen(&mut self) {
        self.has_newest_failed = true;
        self.has_fallen_back = true;
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
