//! `lictor __expand`: reads one vassal file as its user, with all that it names, and says on stdout
//! what it comes to. The emperor, which may be root, follows nothing that a file names.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use lictor_core::config::{Machine, parse_vassal_with};
use lictor_core::ipc::{ExpandAnswer, ExpandOrder};
use lictor_core::observe::{Failure, FailureKind};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::error::BootError;
use crate::jail;

/// Hard limits of this process: seconds of processor time, bytes of memory, of files, of core dumps.
/// What a file names may be large, slow or without end, but never for long.
const LIMITS: [(Resource, u64); 4] = [
    (Resource::Cpu, 5),
    (Resource::As, 1024 * 1024 * 1024),
    (Resource::Fsize, 0),
    (Resource::Core, 0),
];

/// The whole life of this process.
pub(crate) fn expand() -> ExitCode {
    let answer = read_as_user().unwrap_or_else(|error| Err(error.failure("")));
    let Ok(text) = serde_json::to_vec(&answer) else {
        return ExitCode::FAILURE;
    };
    match io::stdout().write_all(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_nobody_reads) => ExitCode::FAILURE,
    }
}

fn read_as_user() -> Result<ExpandAnswer, BootError> {
    let failed = |action| move |source: io::Error| BootError::Step { action, source };
    let document = io::stdin().as_fd().try_clone_to_owned();
    let order = document.and_then(ExpandOrder::read);
    let order = order.map_err(failed("read the emperor's orders"))?;
    rustix::process::setsid().map_err(|error| failed("begin a session")(error.into()))?;
    for (resource, most) in LIMITS {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|error| failed("limit itself")(error.into()))?;
    }
    // Nothing that the file names is looked at above this line.
    let identity = jail::enter_as(&order.user, order.open_files)?;
    let mut variables = order.environment;
    let own = identity.environment(&variables);
    variables.extend(own);
    let machine = Machine::new(variables);
    let parsed = parse_vassal_with(&order.path, order.text.as_bytes(), &order.policy, &machine);
    Ok(parsed.map(Box::new).map_err(|diagnostics| {
        let (message, detail) = (diagnostics.summary(), diagnostics.to_string());
        Failure::new(FailureKind::Config, message, detail)
    }))
}
