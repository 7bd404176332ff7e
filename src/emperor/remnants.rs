//! What a master leaves behind when it ends before its workers: they finish what they are at and
//! leave, and those that do not are ended when their time is up, or when they are in the way.

use std::time::{Duration, Instant};

use lictor_core::sys::ProcessGroup;

use super::run::Emperor;

/// What they get beyond their own deadline.
const GRACE: Duration = Duration::from_secs(1);
/// Between two looks of an emperor that only waits for them.
const LOOK: Duration = Duration::from_millis(100);

/// The processes of a master that has ended.
#[derive(Debug)]
pub(super) struct Remnant {
    vassal: String,
    group: ProcessGroup,
    kill_at: Instant,
}

impl Emperor {
    /// A master has ended that led this group; its workers have their mercy from now on.
    pub(super) fn watch_remnants(&mut self, vassal: &str, master: u32, mercy: Duration) {
        let group = ProcessGroup::led_by(master);
        if group.is_left_behind() {
            self.remnants.push(Remnant {
                vassal: vassal.to_owned(),
                group,
                kill_at: Instant::now() + mercy + GRACE,
            });
        }
    }

    /// Ends those whose time is up, and forgets those that have left.
    pub(super) fn end_remnants(&mut self) {
        let now = Instant::now();
        self.remnants.retain(|remnant| {
            if remnant.kill_at <= now {
                remnant.group.kill();
            }
            remnant.kill_at > now && remnant.group.is_left_behind()
        });
    }

    /// They may hold what their own vassal needs to serve again.
    pub(super) fn end_remnants_of(&mut self, vassal: &str) {
        let own = self.remnants.iter().filter(|one| one.vassal == vassal);
        own.for_each(|remnant| remnant.group.kill());
    }

    /// The emperor is not to wait for anybody.
    pub(super) fn end_all_remnants(&mut self) {
        for remnant in self.remnants.drain(..) {
            remnant.group.kill();
        }
    }

    /// When [`Emperor::end_remnants`] has something to do.
    pub(super) fn remnants_wake_at(&self) -> Option<Instant> {
        let first = self.remnants.iter().map(|remnant| remnant.kill_at).min();
        let soon = Instant::now() + LOOK;
        first.map(|at| if self.is_stopping() { at.min(soon) } else { at })
    }
}
