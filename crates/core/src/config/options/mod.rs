//! One declaration per option.
//!
//! Parsing, `lictor explain`, the table in the README and the every-option example all read these
//! tables; an option that is not here does not exist. Beside them, in `uwsgi`, stand the names of
//! uWSGI's that are none: those that ask for what Lictor always does, and those that are answered
//! with what to do instead.

mod app;
mod asgi;
mod background;
mod brought;
mod controls;
mod expires;
mod files;
mod gateway;
mod headers;
mod hooks;
mod limits;
mod loading;
mod logging;
mod lookup;
mod module;
mod monitoring;
mod names;
mod process;
mod recycle;
mod request_log;
mod routes;
mod safety;
mod scale;
mod serving;
mod tls;
mod trust;
mod uwsgi;
mod wire;

use std::fmt;

use super::draft::Draft;
use super::setting::{Outcome, Setting};

pub(super) use lookup::{Found, look_up, nearest};
pub(super) use uwsgi::{Answer, Foreign};

/// One option: how it is written, what it means and what it does.
pub struct OptionSpec {
    /// The name in kebab-case.
    pub name: &'static str,
    /// uWSGI's other names for it; those of one letter are short flags.
    pub aliases: &'static [&'static str],
    /// How many values it takes.
    pub kind: ValueKind,
    /// What a value is, as it follows "takes".
    pub takes: &'static str,
    /// What holds without it.
    pub default: &'static str,
    /// A value in TOML.
    pub example: &'static str,
    /// Whether the example needs something that not every machine has.
    pub is_local: bool,
    /// What it does: the first sentence alone is a summary.
    pub documentation: &'static str,
    /// What a change of it needs.
    pub reload: ReloadClass,
    pub(super) apply: fn(&mut Draft, &Setting<'_>) -> Outcome<()>,
}

/// How many values an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A switch: on a command line the value may be left out.
    Switch,
    /// One value.
    One,
    /// One value or a list; on a command line the flag may be repeated.
    Many,
}

/// What it takes for a change of an option to be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadClass {
    /// New processes take over from the old ones, without a gap.
    NewGeneration,
}

impl fmt::Display for ReloadClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewGeneration => f.write_str("new generation"),
        }
    }
}

impl fmt::Debug for OptionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptionSpec")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl OptionSpec {
    /// The first sentence of the documentation.
    pub fn summary(&self) -> &'static str {
        match self.documentation.split_once(". ") {
            Some((first, _)) => first,
            None => self.documentation.trim_end_matches('.'),
        }
    }
}

/// Whether a flag of this name is complete without a value.
pub fn is_switch(name: &str) -> bool {
    match look_up(name) {
        Some(Found::Option(option)) => option.kind == ValueKind::Switch,
        Some(Found::Foreign(Foreign {
            answer: Answer::Fixed(fixed),
            ..
        })) => fixed.is_switch(),
        Some(Found::Foreign(_)) | None => false,
    }
}

/// In the order in which they are explained.
static GROUPS: &[&[OptionSpec]] = &[
    app::OPTIONS,
    loading::OPTIONS,
    serving::OPTIONS,
    tls::OPTIONS,
    gateway::OPTIONS,
    wire::OPTIONS,
    trust::OPTIONS,
    routes::OPTIONS,
    files::OPTIONS,
    expires::OPTIONS,
    headers::OPTIONS,
    process::OPTIONS,
    controls::OPTIONS,
    scale::OPTIONS,
    logging::OPTIONS,
    limits::OPTIONS,
    names::OPTIONS,
    background::OPTIONS,
    hooks::OPTIONS,
    asgi::OPTIONS,
    safety::OPTIONS,
    recycle::OPTIONS,
    brought::OPTIONS,
    request_log::OPTIONS,
    monitoring::OPTIONS,
    module::OPTIONS,
];

/// Every option, in the order in which they are explained.
pub fn options() -> impl Iterator<Item = &'static OptionSpec> {
    GROUPS.iter().copied().flatten()
}
