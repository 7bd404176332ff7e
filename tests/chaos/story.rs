//! What was done, told when the walk fails.

/// The steps so far. Dropped in a panic, it tells them.
#[derive(Debug)]
pub(crate) struct Story {
    seed: u64,
    steps: Vec<String>,
}

impl Story {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            steps: Vec::new(),
        }
    }

    pub(crate) fn tell(&mut self, step: String) {
        self.steps.push(step);
    }

    pub(crate) fn count(&self) -> usize {
        self.steps.len()
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        eprintln!(
            "chaos failed in step {}; LICTOR_CHAOS_SEED={} walks the same way:",
            self.count(),
            self.seed
        );
        for (number, step) in self.steps.iter().enumerate() {
            eprintln!("  {}. {step}", number + 1);
        }
    }
}
