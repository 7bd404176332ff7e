//! `cheaper`, `idle` and what belongs to them while they are read, and the rules between them.

use std::time::Duration;

use super::diagnostic::Complaint;
use super::tree::{Node, Place};
use super::vassal::{BusynessConfig, CheaperAlgorithm, CheaperConfig, ScaleConfig};

/// A value with the place where it is said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told<T> {
    value: T,
    place: Place,
}

impl<T> Told<T> {
    pub(super) fn new(value: T, node: &Node) -> Self {
        Self {
            value,
            place: node.place.clone(),
        }
    }
}

/// What is said so far.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ScaleDraft {
    pub(super) cheaper: Option<Told<u32>>,
    pub(super) initial: Option<Told<u32>>,
    pub(super) step: Option<Told<u32>>,
    pub(super) overload: Option<Told<Duration>>,
    pub(super) algorithm: Option<Told<CheaperAlgorithm>>,
    pub(super) rss_soft: Option<Told<u64>>,
    pub(super) rss_hard: Option<Told<u64>>,
    pub(super) high: Option<Told<u32>>,
    pub(super) low: Option<Told<u32>>,
    pub(super) multiplier: Option<Told<u32>>,
    pub(super) penalty: Option<Told<u32>>,
    pub(super) cheap: bool,
    pub(super) idle: Option<Duration>,
    pub(super) die_on_idle: Option<Told<bool>>,
}

impl ScaleDraft {
    /// What it comes to. `told` are the options that were given, rightly or wrongly.
    pub(super) fn finish(
        &self,
        processes: u32,
        told: &[&'static str],
        complaints: &mut Vec<Complaint>,
    ) -> ScaleConfig {
        let dies = self.die_on_idle.as_ref().filter(|dies| dies.value);
        if let Some(dies) = dies.filter(|_| self.idle.is_none() && !told.contains(&"idle")) {
            complaints.push(
                Complaint::new(dies.place.clone(), "`die-on-idle` without `idle`")
                    .hint("say after how long: add `idle`, such as `10m`"),
            );
        }
        if !told.contains(&"cheaper") {
            complaints.extend(self.without_cheaper());
        }
        ScaleConfig {
            cheaper: self.cheaper(processes, told, complaints),
            idle: self.idle,
            cheap: self.cheap,
            die_on_idle: dies.is_some(),
        }
    }

    /// What says how the number is to vary that does not vary.
    fn without_cheaper(&self) -> Option<Complaint> {
        let place = |told: &Option<Told<u32>>| told.as_ref().map(|told| told.place.clone());
        let bytes = |told: &Option<Told<u64>>| told.as_ref().map(|told| told.place.clone());
        let first = [
            ("cheaper-initial", place(&self.initial)),
            ("cheaper-step", place(&self.step)),
            (
                "cheaper-overload",
                self.overload.as_ref().map(|told| told.place.clone()),
            ),
            (
                "cheaper-algo",
                self.algorithm.as_ref().map(|told| told.place.clone()),
            ),
            ("cheaper-rss-limit-soft", bytes(&self.rss_soft)),
            ("cheaper-rss-limit-hard", bytes(&self.rss_hard)),
            ("cheaper-busyness-max", place(&self.high)),
            ("cheaper-busyness-min", place(&self.low)),
            ("cheaper-busyness-multiplier", place(&self.multiplier)),
            ("cheaper-busyness-penalty", place(&self.penalty)),
        ];
        let (name, place) = first
            .into_iter()
            .find_map(|(name, place)| Some((name, place?)))?;
        Some(
            Complaint::new(place, format!("`{name}` without `cheaper`"))
                .hint("add `cheaper` with the lowest number of workers, or remove it"),
        )
    }

    fn cheaper(
        &self,
        processes: u32,
        told: &[&'static str],
        complaints: &mut Vec<Complaint>,
    ) -> Option<CheaperConfig> {
        let minimum = self.cheaper.as_ref().filter(|told| told.value > 0)?;
        if minimum.value >= processes {
            let message = format!(
                "`cheaper` is {} and `processes` is {processes}: there is nothing between them",
                minimum.value
            );
            let hint = if told.contains(&"processes") {
                "raise `processes` to what the app needs at its busiest, or remove `cheaper`"
            } else {
                "add `processes` with what the app needs at its busiest"
            };
            complaints.push(Complaint::new(minimum.place.clone(), message).hint(hint));
        }
        if let Some(initial) = self.initial.as_ref().filter(|told| told.value > processes) {
            let message = format!(
                "`cheaper-initial` is {}, more than `processes`, which is {processes}",
                initial.value
            );
            complaints.push(Complaint::new(initial.place.clone(), message).hint("lower it"));
        }
        let unbounded = BusynessConfig::default();
        let number =
            |told: &Option<Told<u32>>, default| told.as_ref().map_or(default, |told| told.value);
        let busyness = BusynessConfig {
            high: number(&self.high, unbounded.high),
            low: number(&self.low, unbounded.low),
            multiplier: number(&self.multiplier, unbounded.multiplier),
            penalty: number(&self.penalty, unbounded.penalty),
        };
        let bound = self.low.as_ref().or(self.high.as_ref());
        if let Some(bound) = bound.filter(|_| busyness.low >= busyness.high) {
            let message = format!(
                "`cheaper-busyness-min` ({}) is not below `cheaper-busyness-max` ({})",
                busyness.low, busyness.high
            );
            complaints.push(
                Complaint::new(bound.place.clone(), message)
                    .hint("leave room between them, or workers come and go for ever"),
            );
        }
        let limit = |told: &Option<Told<u64>>| {
            told.as_ref()
                .map(|told| told.value)
                .filter(|limit| *limit > 0)
        };
        Some(CheaperConfig {
            minimum: minimum.value,
            initial: number(&self.initial, minimum.value).max(minimum.value),
            step: number(&self.step, 1),
            overload: (self.overload.as_ref()).map_or(Duration::from_secs(3), |told| told.value),
            algorithm: (self.algorithm.as_ref()).map_or_else(Default::default, |told| told.value),
            rss_soft: limit(&self.rss_soft),
            rss_hard: limit(&self.rss_hard),
            busyness,
        })
    }
}
