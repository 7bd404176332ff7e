//! Whose turn it is to start: as many generations come up at a time as the machine can bear.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use super::run::Emperor;

/// How long a start may keep others waiting. One that takes longer hardly needs the processor: it
/// waits for something, or hangs, and its neighbours must not hang with it.
const TURN: Duration = Duration::from_secs(3);

impl Emperor {
    /// Starts what waits for its start, as many at a time as the machine can bear.
    pub(super) fn start_waiting(&mut self) {
        let limit = available_parallelism().map_or(2, usize::from) * 2;
        while let Some(place) = self.starts.front() {
            let coming = self
                .vassals
                .get(&place.vassal)
                .and_then(|vassal| vassal.life.coming());
            // Superseded or stopped while it waited.
            if coming != Some(place.generation) {
                self.starts.pop_front();
                continue;
            }
            let now = Instant::now();
            if self.turn_ends().filter(|end| *end > now).count() >= limit {
                return;
            }
            if let Some(place) = self.starts.pop_front() {
                self.start(&place);
            }
        }
        self.close_orphans();
    }

    /// When the next turn is free at the latest, if anything waits for one.
    pub(super) fn next_turn(&self) -> Option<Instant> {
        let now = Instant::now();
        let is_awaited = !self.starts.is_empty();
        self.turn_ends()
            .filter(|end| is_awaited && *end > now)
            .min()
    }

    fn turn_ends(&self) -> impl Iterator<Item = Instant> {
        self.vassals.values().filter_map(|vassal| {
            let generation = vassal.generations.get(&vassal.life.coming()?)?;
            Some(generation.started + TURN)
        })
    }
}
