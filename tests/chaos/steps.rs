//! The table of what may happen, and how often.

use crate::nuisance::Nuisance;
use crate::random::Random;
use crate::shape::Breakage;
use crate::site::{Deed, Loss, Site};

/// One step of the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something is done to one site.
    To(usize, Deed),
    /// kill -9 of the emperor; what is done in the moment before and while there is none; and
    /// whether the next one dies at once too.
    KillEmperor {
        just_before: Option<(usize, Deed)>,
        meanwhile: Vec<(usize, Deed)>,
        is_twice: bool,
    },
    /// `lictor upgrade`.
    Upgrade,
    /// SIGHUP.
    ReloadAll,
    /// The app prints more than anybody wants to read.
    Flood(usize),
    /// The same while nobody reads, because the emperor is stopped (SIGSTOP).
    FillLogPipe(usize),
    /// The app takes every descriptor that its worker may have, and gives them back.
    Exhaust(usize),
    /// Slow and broken clients, which stay for a while.
    Annoy(usize, Nuisance),
}

impl Step {
    /// For people.
    pub(crate) fn told(&self, sites: &[Site]) -> String {
        let label = |site: &usize| sites[*site].shape.label;
        let deeds = |all: &[(usize, Deed)]| {
            let told = all
                .iter()
                .map(|(site, deed)| format!("{}: {deed:?}", label(site)));
            told.collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::To(site, deed) => deeds(&[(*site, *deed)]),
            Self::KillEmperor {
                just_before,
                meanwhile,
                is_twice,
            } => {
                let before: Vec<_> = just_before.iter().copied().collect();
                let often = if *is_twice { ", twice" } else { "" };
                format!(
                    "kill -9 of the emperor{often}; just before: [{}]; meanwhile: [{}]",
                    deeds(&before),
                    deeds(meanwhile)
                )
            }
            Self::Upgrade => "upgrade".to_owned(),
            Self::ReloadAll => "reload of all".to_owned(),
            Self::Flood(site) => format!("{}: flood", label(site)),
            Self::FillLogPipe(site) => {
                format!("{}: flood while the emperor is stopped", label(site))
            }
            Self::Exhaust(site) => format!("{}: no descriptor left", label(site)),
            Self::Annoy(site, nuisance) => format!("{}: {nuisance:?}", label(site)),
        }
    }
}

type Draw = fn(&mut Random, &[Site]) -> Option<Step>;

/// How often, and what.
const TABLE: [(usize, Draw); 25] = [
    (12, |random, sites| to(random, sites, Deed::Drop)),
    (3, |random, sites| to(random, sites, Deed::Touch)),
    (8, |random, sites| to(random, sites, Deed::Edit)),
    (8, |random, sites| {
        let how = *random.one_of(&Breakage::ALL)?;
        to(random, sites, Deed::Break(how))
    }),
    (10, |random, sites| to(random, sites, Deed::Mend)),
    (3, |random, sites| to(random, sites, Deed::Remove)),
    (4, |random, sites| to(random, sites, Deed::Rename)),
    (3, |random, sites| to(random, sites, Deed::Reload)),
    (2, |random, sites| to(random, sites, Deed::Stop)),
    (8, |random, sites| to(random, sites, Deed::Start)),
    (6, |random, sites| to(random, sites, Deed::Lose(Loss::Kill))),
    (6, |random, sites| to(random, sites, Deed::KillMaster)),
    (3, |random, sites| {
        to(random, sites, Deed::Lose(Loss::Freeze))
    }),
    (4, |random, sites| {
        to(random, sites, Deed::Lose(Loss::Crash))
    }),
    (6, |random, sites| Some(kill_emperor(random, sites))),
    (6, |random, sites| {
        Some(kill_emperor_and_change(random, sites))
    }),
    (4, |_, _| Some(Step::Upgrade)),
    (2, |_, _| Some(Step::ReloadAll)),
    (4, |random, sites| to(random, sites, Deed::RollBack)),
    (3, |random, sites| to(random, sites, Deed::Lose(Loss::Hang))),
    (3, |random, sites| serving(random, sites).map(Step::Flood)),
    (3, |random, sites| {
        serving(random, sites).map(Step::FillLogPipe)
    }),
    (3, |random, sites| serving(random, sites).map(Step::Exhaust)),
    (6, |random, sites| {
        let nuisance = *random.one_of(&Nuisance::ALL)?;
        let site = serving(random, sites)?;
        let may_come = nuisance.may_come_to(sites[site].shape);
        may_come.then_some(Step::Annoy(site, nuisance))
    }),
    (4, |random, sites| to(random, sites, Deed::EditTwice)),
];

/// What happens next.
pub(crate) fn draw(random: &mut Random, sites: &[Site]) -> Step {
    loop {
        if let Some(step) = try_to_draw(random, sites) {
            return step;
        }
    }
}

/// None if what was drawn can be done to no site.
fn try_to_draw(random: &mut Random, sites: &[Site]) -> Option<Step> {
    let all: usize = TABLE.iter().map(|(weight, _)| weight).sum();
    let mut at = random.below(all);
    for (weight, draw) in TABLE {
        match at.checked_sub(weight) {
            None => return draw(random, sites),
            Some(rest) => at = rest,
        }
    }
    None
}

fn to(random: &mut Random, sites: &[Site], deed: Deed) -> Option<Step> {
    let able: Vec<usize> = (0..sites.len())
        .filter(|site| sites[*site].may(deed))
        .collect();
    random.one_of(&able).map(|site| Step::To(*site, deed))
}

fn serving(random: &mut Random, sites: &[Site]) -> Option<usize> {
    let able: Vec<usize> = (0..sites.len())
        .filter(|site| sites[*site].serves())
        .collect();
    random.one_of(&able).copied()
}

fn kill_emperor(random: &mut Random, _: &[Site]) -> Step {
    Step::KillEmperor {
        just_before: None,
        meanwhile: Vec::new(),
        is_twice: random.once_in(3),
    }
}

fn kill_emperor_and_change(random: &mut Random, sites: &[Site]) -> Step {
    let mut deeds = Vec::new();
    for _ in 0..3 {
        if let Some(Step::To(site, deed)) = another_deed(random, sites)
            && deeds.iter().all(|(other, _)| *other != site)
        {
            deeds.push((site, deed));
        }
    }
    let is_twice = random.once_in(4);
    let just_before = deeds.pop();
    Step::KillEmperor {
        just_before,
        meanwhile: deeds,
        is_twice,
    }
}

/// Something that can be done without an emperor.
fn another_deed(random: &mut Random, sites: &[Site]) -> Option<Step> {
    let step = try_to_draw(random, sites)?;
    matches!(&step, Step::To(site, deed) if sites[*site].may_alone(*deed)).then_some(step)
}
