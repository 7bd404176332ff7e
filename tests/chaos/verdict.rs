//! Which answers are right, and which failures are excused: only those of connections that a process
//! had when a step ended it.

use std::time::Instant;

use crate::load::Outcome;

/// From when to when a version may be answered.
#[derive(Clone, Copy, Debug)]
struct Period {
    version: u32,
    /// Deployed.
    since: Instant,
    /// From here on a later one serves.
    until: Option<Instant>,
}

/// Connections that a process may have taken with it.
#[derive(Clone, Copy, Debug)]
struct Loss {
    site: usize,
    /// It lived and served here.
    since: Instant,
    /// From here on it took no connection; not yet, if nobody can say when.
    until: Option<Instant>,
}

/// What may be found.
#[derive(Debug)]
pub(crate) struct Verdict {
    labels: Vec<&'static str>,
    periods: Vec<Vec<Period>>,
    losses: Vec<Loss>,
}

impl Verdict {
    /// For sites that call themselves so.
    pub(crate) fn new(labels: Vec<&'static str>) -> Self {
        Self {
            periods: vec![Vec::new(); labels.len()],
            labels,
            losses: Vec::new(),
        }
    }

    /// From now on this version may be answered, beside the one before.
    pub(crate) fn is_deployed(&mut self, site: usize, version: u32) {
        let since = Instant::now();
        let is_known = self.periods[site]
            .last()
            .is_some_and(|period| period.version == version);
        if !is_known {
            self.periods[site].push(Period {
                version,
                since,
                until: None,
            });
        }
    }

    /// Whoever asks from now on is answered by this version alone.
    pub(crate) fn serves_alone(&mut self, site: usize, version: u32) {
        let now = Instant::now();
        let others = self.periods[site].iter_mut();
        for other in others.filter(|period| period.version != version) {
            other.until.get_or_insert(now);
        }
    }

    /// A process of this site was ended: what it had accepted since this moment is lost.
    pub(crate) fn is_lost(&mut self, site: usize, since: Instant) {
        let until = Some(Instant::now());
        self.losses.push(Loss { site, since, until });
    }

    /// From now on, and until it [is safe](Self::is_safe), nobody but an emperor that dies holds
    /// the connections of this site.
    pub(crate) fn is_at_risk(&mut self, site: usize) {
        let since = Instant::now();
        let until = None;
        self.losses.push(Loss { site, since, until });
    }

    /// It serves: what is lost from now on is lost for no good reason.
    pub(crate) fn is_safe(&mut self, site: usize) {
        let now = Instant::now();
        let losses = self.losses.iter_mut().filter(|loss| loss.site == site);
        for loss in losses {
            loss.until.get_or_insert(now);
        }
    }

    /// What is wrong about an outcome, if anything.
    pub(crate) fn complaint(&self, outcome: &Outcome) -> Option<String> {
        let label = self.labels[outcome.site];
        let wrong = match &outcome.result {
            Ok(text) if self.is_right(outcome, text) => return None,
            Err(_) if self.is_excused(outcome) => return None,
            Ok(text) => format!("answered {text:?}"),
            Err(error) => error.clone(),
        };
        let age = |at: Instant| at.elapsed().as_millis();
        Some(format!(
            "{label}: {wrong} (connected {} ms ago, asked {} ms ago, ended {} ms ago)",
            age(outcome.connected),
            age(outcome.asked),
            age(outcome.ended)
        ))
    }

    fn is_right(&self, outcome: &Outcome, text: &str) -> bool {
        let label = self.labels[outcome.site];
        self.periods[outcome.site].iter().any(|period| {
            let is_in_time = period.since <= outcome.ended
                && period.until.is_none_or(|until| outcome.asked <= until);
            is_in_time && *text == format!("{label} {}", period.version)
        })
    }

    fn is_excused(&self, outcome: &Outcome) -> bool {
        self.losses.iter().any(|loss| {
            loss.site == outcome.site
                && loss.until.is_none_or(|until| outcome.connected <= until)
                && outcome.ended >= loss.since
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn outcome(asked: Instant, result: Result<&str, &str>) -> Outcome {
        Outcome {
            site: 0,
            connected: asked,
            asked,
            ended: Instant::now(),
            result: result.map(str::to_owned).map_err(str::to_owned),
        }
    }

    #[test]
    fn an_old_version_is_right_only_for_who_asked_before() {
        let mut verdict = Verdict::new(vec!["blog"]);
        verdict.is_deployed(0, 1);
        let before = Instant::now();
        verdict.is_deployed(0, 2);
        verdict.serves_alone(0, 2);
        let after = Instant::now() + Duration::from_millis(1);
        let complains = |asked, text| verdict.complaint(&outcome(asked, Ok(text))).is_some();
        assert!(!complains(before, "blog 1") && !complains(before, "blog 2"));
        assert!(complains(after, "blog 1") && !complains(after, "blog 2"));
        assert!(complains(after, "shop 2") && complains(after, "blog 3"));
    }

    #[test]
    fn a_failure_is_excused_only_on_a_connection_from_before_the_end_of_its_process() {
        let mut verdict = Verdict::new(vec!["blog", "shop"]);
        let before = Instant::now();
        verdict.is_lost(0, before);
        let after = Instant::now() + Duration::from_millis(1);
        let complains = |verdict: &Verdict, asked| {
            let outcome = outcome(asked, Err("reset"));
            verdict.complaint(&outcome).is_some()
        };
        assert!(!complains(&verdict, before) && complains(&verdict, after));
        verdict.is_at_risk(0);
        assert!(!complains(&verdict, after));
        verdict.is_safe(0);
        assert!(complains(
            &verdict,
            Instant::now() + Duration::from_millis(1)
        ));
        let other = Outcome {
            site: 1,
            ..outcome(before, Err("reset"))
        };
        assert!(verdict.complaint(&other).is_some());
    }
}
