//! The exec itself, and the way back.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use lictor_core::sys::open_path_of;

use super::inheritance::{Inheritance, Inherited};

/// Everything is ready for the exec.
#[derive(Debug)]
pub(in crate::emperor) struct Upgrade {
    pub(in crate::emperor) program: PathBuf,
    pub(in crate::emperor) inheritance: Inheritance,
}

impl Upgrade {
    /// Becomes the program, else itself again. Returns only if neither is possible.
    pub(in crate::emperor) fn become_it(mut self) -> io::Error {
        let own = match std::fs::File::open("/proc/self/exe") {
            Ok(file) => OwnedFd::from(file),
            Err(error) => return error,
        };
        let error = execute(&self.program, &self.inheritance, Some(&own));
        self.inheritance.upgrades = self.inheritance.upgrades.saturating_sub(1);
        self.inheritance.failure = Some(format!(
            "could not execute `{}`: {error}",
            self.program.display()
        ));
        execute(&open_path_of(&own), &self.inheritance, None)
    }
}

/// The program that this process was, and all that it needs, until this one stands on its own.
#[derive(Debug)]
pub(in crate::emperor) struct WayBack {
    previous: OwnedFd,
    inheritance: Inheritance,
}

impl WayBack {
    /// None if this process was no other program, or was this one already.
    pub(in crate::emperor) fn of(inherited: &Inherited) -> Option<Self> {
        Some(Self {
            previous: inherited.previous.as_ref()?.try_clone().ok()?,
            inheritance: inherited.inheritance.try_clone().ok()?,
        })
    }

    /// This program cannot start: becomes the old one again. Returns only if that failed.
    pub(in crate::emperor) fn go(mut self, reason: &str) -> io::Error {
        let own = env!("CARGO_PKG_VERSION");
        self.inheritance.upgrades = self.inheritance.upgrades.saturating_sub(1);
        self.inheritance.failure = Some(format!("version {own} could not start: {reason}"));
        let previous = open_path_of(&self.previous);
        execute(&previous, &self.inheritance, None)
    }
}

/// This program was executed to take over, and did not get as far as an emperor: becomes the old one
/// again. Returns if there is none.
pub(crate) fn go_back(reason: &str) {
    if let Some(way_back) = Inherited::take().as_ref().and_then(WayBack::of) {
        drop(way_back.go(reason));
    }
}

fn execute(program: &Path, inheritance: &Inheritance, previous: Option<&OwnedFd>) -> io::Error {
    let name = std::env::args_os()
        .next()
        .unwrap_or_else(|| "lictor".into());
    match inheritance.lay_out(previous) {
        Ok(((variable, value), _document)) => Command::new(program)
            .arg0(name)
            .args(&inheritance.arguments)
            .env(variable, value)
            .exec(),
        Err(error) => error,
    }
}
