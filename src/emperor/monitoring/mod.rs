//! The emperor as whoever watches it sees it: `--stats` in uWSGI's JSON, `--metrics` for Prometheus.
//!
//! The loop only gathers what it knows, which costs moments; files in memory and in /proc are read and
//! the text is made on another thread ([`Telling`]). No master is asked anything.

mod emperor_stats;
mod endpoints;
mod exposition;
mod gather;
mod tally;

use std::sync::Arc;

use lictor_core::config::Address;
use lictor_core::sys::Counters;
use tokio::sync::oneshot;

use super::run::Emperor;
use crate::control::{Telling, Told};

pub(super) use self::endpoints::Endpoints;
pub(super) use self::tally::Tally;

/// Where the emperor is to be watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Monitoring {
    /// Where uWSGI's JSON of an emperor is told.
    pub(crate) stats: Option<Address>,
    /// It is told as an answer of HTTP.
    pub(crate) stats_http: bool,
    /// Where Prometheus asks.
    pub(crate) metrics: Option<Address>,
}

impl Monitoring {
    /// Counters that are read from now on. A worker looks at the clock only if somebody wants that.
    pub(super) fn watch(&self, counters: Counters) -> Arc<Counters> {
        if self.metrics.is_some() {
            // Without it requests are counted all the same.
            drop(counters.want_times());
        }
        Arc::new(counters)
    }
}

impl Emperor {
    /// Answers somebody who watches.
    pub(super) fn tell_watcher(&self, wanted: Told, reply: oneshot::Sender<Telling>) {
        let telling = match wanted {
            Told::Stats => {
                let facts = self.emperor_facts();
                Telling::new(move || emperor_stats::document(&facts))
            }
            Told::Metrics => {
                let facts = self.all_facts();
                Telling::new(move || exposition::text(&facts.read()))
            }
        };
        // Whoever asked may have gone.
        drop(reply.send(telling));
    }
}
