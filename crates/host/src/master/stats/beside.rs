//! What runs beside the workers, as uWSGI's JSON has it. Pure.

use lictor_core::config::CronConfig;
use lictor_core::observe::{BackgroundStatus, Timestamp};
use serde_json::{Map, Value, json};

/// Daemons and jobs as they are, and when the jobs are due.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) status: BackgroundStatus,
    /// In the same order.
    pub(super) crons: Vec<CronConfig>,
}

impl Beside {
    /// What there is none of is absent, as in uWSGI.
    pub(super) fn tell(&self, fields: &mut Map<String, Value>) {
        let daemons = self.status.daemons.iter().map(|daemon| {
            json!({
                "cmd": daemon.command,
                "pid": daemon.pid.unwrap_or(0),
                "respawns": daemon.restarts,
            })
        });
        let crons = self.crons.iter().zip(&self.status.crons);
        let crons = crons.map(|(config, job)| {
            let is_running = !job.pids.is_empty();
            let started = job.last_run.filter(|_| is_running);
            json!({
                "minute": config.minute,
                "hour": config.hour,
                "day": config.day,
                "month": config.month,
                "week": config.weekday,
                "command": job.command,
                "unique": u8::from(config.is_unique),
                "pid": job.pids.last().copied().unwrap_or(0),
                "started_at": started.map_or(0, Timestamp::unix_seconds),
            })
        });
        let lists = [
            ("daemons", daemons.collect::<Vec<_>>()),
            ("crons", crons.collect()),
        ];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        fields.extend(lists.map(|(name, list)| (name.to_owned(), list.into())));
    }
}
