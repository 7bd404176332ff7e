//! How many workers there are when: with the load, and none while nobody asks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When workers are started and ended beside those that are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleConfig {
    /// The number follows the load; else it is `processes`.
    pub cheaper: Option<CheaperConfig>,
    /// After so long without a request the workers leave, or the whole vassal does.
    pub idle: Option<Duration>,
    /// No worker is started before the first connection.
    pub cheap: bool,
    /// With `idle`: the master leaves as well, and the next connection starts it.
    pub die_on_idle: bool,
}

impl ScaleConfig {
    /// Whether the master itself is not started before the first connection.
    #[must_use]
    pub fn starts_asleep(&self) -> bool {
        self.cheap && self.die_on_idle
    }
}

/// How the number of workers follows the load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheaperConfig {
    /// Never fewer.
    pub minimum: u32,
    /// So many to begin with.
    pub initial: u32,
    /// So many more at once.
    pub step: u32,
    /// One that was not needed for so long is ended.
    pub overload: Duration,
    /// What counts as load.
    pub algorithm: CheaperAlgorithm,
    /// With so many bytes resident in all of them, none is added.
    pub rss_soft: Option<u64>,
    /// With more than that, one after the other is ended.
    pub rss_hard: Option<u64>,
    /// Of the algorithm of this name.
    pub busyness: BusynessConfig,
}

/// What counts as load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheaperAlgorithm {
    /// No worker is free.
    #[default]
    Spare,
    /// No worker is free, and a connection waits.
    Backlog,
    /// The share of their time that workers spend in requests.
    Busyness,
    /// Nothing: people say how many there are, by letters in `master-fifo`.
    Manual,
}

/// The bounds of busyness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusynessConfig {
    /// Above so many percent, workers are added.
    pub high: u32,
    /// Below so many percent, one is ended.
    pub low: u32,
    /// After so many periods below.
    pub multiplier: u32,
    /// So many periods more for each worker that was ended too early.
    pub penalty: u32,
}

impl Default for BusynessConfig {
    fn default() -> Self {
        Self {
            high: 50,
            low: 25,
            multiplier: 10,
            penalty: 2,
        }
    }
}
