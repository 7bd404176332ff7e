//! `lictor __master`: from the emperor's orders to the exec of the interpreter.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lictor_core::ipc::{
    Adoption, Channel, Handover, Hosting, MasterMessage, MasterOrder, Received, SharedCounters,
};
use lictor_core::sys::{keep_across_exec, sealed_memfd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::error::BootError;
use super::python::{Interpreter, PythonError, choose};
use super::{environment, execute, output};
use crate::jail;

/// Longest wait for the emperor's orders, which it sends right after the spawn.
const ORDERS_DEADLINE: Duration = Duration::from_secs(30);

/// The whole life of this process image. Returns only on failure.
pub(crate) fn master() -> ExitCode {
    let Ok(channel) = take_channel() else {
        return ExitCode::FAILURE;
    };
    let mut user = String::new();
    let error = match boot(&channel, &mut user) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    // The emperor also sees the exit; if it does not read, there is nobody else to tell.
    drop(channel.send(&MasterMessage::Failed(error.failure(&user)), &[]));
    ExitCode::FAILURE
}

/// What the emperor handed over, received but not yet acted on.
struct Orders {
    handover: Handover,
    host: OwnedFd,
    /// By which the next emperor can adopt this master: its socket, and the pipe of its output.
    adoption: Option<(OwnedFd, OwnedFd)>,
    /// Locks for what runs beside the workers.
    gates: Vec<OwnedFd>,
    /// The memory in which workers count.
    counters: Option<OwnedFd>,
    listeners: Vec<OwnedFd>,
}

/// The order of confinement: limits, then the user, then everything that a tenant can influence.
fn boot(channel: &Channel, user: &mut String) -> Result<std::convert::Infallible, BootError> {
    // A session of its own: Ctrl-C at a terminal is for the emperor, which then tells its vassals;
    // no tenant may type at that terminal (`TIOCSTI`, ioctl_tty(2)); and the leader of a session
    // cannot leave its process group, by which the emperor ends it.
    rustix::process::setsid().map_err(|error| BootError::Step {
        action: "begin a session",
        source: error.into(),
    })?;
    let mut orders = receive(channel)?;
    let handover = &mut orders.handover;
    // Nothing below this line runs with more rights than the app has.
    let identity = jail::enter(&handover.config, handover.open_files)?;
    user.clone_from(&identity.name);
    // Until it hears the emperor, which is after the import, it must not outlive it: one that hangs
    // would hold its sockets for ever. After the user is set, because that clears it (`prctl(2)`).
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(
        |error| BootError::Step {
            action: "bind its life to the emperor's",
            source: error.into(),
        },
    )?;
    let own = identity.environment(&handover.environment);
    handover.environment.extend(own);

    output::open_logs(&handover.config)?;
    if let Some(path) = &handover.config.process.pidfile {
        // It is written when the generation serves, by a process that can no longer say no.
        output::check_pidfile(path)?;
    }
    let chdir = handover.config.chdir.clone();
    std::env::set_current_dir(&chdir).map_err(|source| BootError::Chdir {
        path: chdir,
        source,
    })?;
    let variables = environment::of_app(handover)?;
    let path = variables
        .iter()
        .rev()
        .find(|(key, _)| key == "PATH")
        .map(|(_, value)| value.as_str());
    let interpreter = choose(&handover.config, path.unwrap_or_default(), &variables)?;
    hand_over(channel, orders, &interpreter, &variables)
}

/// The channel stands on stdin, where `Command` can put it; the app finds `/dev/null` there.
fn take_channel() -> io::Result<Channel> {
    let fd = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(Channel::from_fd(fd))
}

fn receive(channel: &Channel) -> Result<Orders, BootError> {
    let until = Instant::now() + ORDERS_DEADLINE;
    let fds = loop {
        match channel.receive::<MasterOrder>()? {
            Received::Message(MasterOrder::Start, fds) => break fds,
            Received::Message(_, _) => {}
            Received::Nothing => wait(channel, until)?,
            Received::Closed => return Err(BootError::NoOrders),
        }
    };
    let mut fds = fds.into_iter();
    let (Some(document), Some(host)) = (fds.next(), fds.next()) else {
        return Err(BootError::NoOrders);
    };
    let (handover, _document) = Handover::read(document).map_err(|source| BootError::Step {
        action: "read the handover document",
        source,
    })?;
    let adoption = match handover.adoption {
        None => None,
        Some(_) => Some(fds.next().zip(fds.next()).ok_or(BootError::NoOrders)?),
    };
    let gates = fds.by_ref().take(handover.gates.len()).collect();
    let counters = match handover.counters {
        None => None,
        Some(_) => Some(fds.next().ok_or(BootError::NoOrders)?),
    };
    Ok(Orders {
        handover,
        host,
        adoption,
        gates,
        counters,
        listeners: fds.collect(),
    })
}

fn wait(channel: &Channel, until: Instant) -> Result<(), BootError> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(BootError::NoOrders);
    }
    let timeout = Timespec::try_from(left).ok();
    match poll(&mut [PollFd::new(channel, PollFlags::IN)], timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(BootError::Step {
            action: "wait for the emperor",
            source: error.into(),
        }),
    }
}

/// Writes the numbers of the descriptors into the document and executes what runs the interpreter.
fn hand_over(
    channel: &Channel,
    orders: Orders,
    interpreter: &Interpreter,
    variables: &[(String, String)],
) -> Result<std::convert::Infallible, BootError> {
    let Orders {
        mut handover,
        host,
        adoption,
        gates,
        counters,
        listeners,
    } = orders;
    let failed = |source| BootError::Step {
        action: "hand over to the interpreter",
        source,
    };
    let channel_fd = channel.as_fd().try_clone_to_owned().map_err(failed)?;
    for (listener, fd) in handover.listeners.iter_mut().zip(&listeners) {
        listener.fd = Some(keep_across_exec(fd).map_err(failed)?);
    }
    for (number, fd) in handover.gates.iter_mut().zip(&gates) {
        *number = Some(keep_across_exec(fd).map_err(failed)?);
    }
    if let Some((socket, output)) = &adoption {
        handover.adoption = Some(Adoption {
            socket_fd: Some(keep_across_exec(socket).map_err(failed)?),
            output_fd: Some(keep_across_exec(output).map_err(failed)?),
        });
    }
    if let Some(counters) = &counters {
        handover.counters = Some(SharedCounters {
            fd: Some(keep_across_exec(counters).map_err(failed)?),
        });
    }
    // The document names its own descriptor, so a first one only reserves the number.
    let document = sealed_memfd("lictor-handover", b"", false).map_err(failed)?;
    let mut hosting = Hosting {
        program: interpreter.program(),
        arguments: Vec::new(),
        executable: interpreter.executable.clone(),
        library: interpreter.library.clone(),
        channel_fd: keep_across_exec(&channel_fd).map_err(failed)?,
        host_fd: keep_across_exec(&host).map_err(failed)?,
        document_fd: keep_across_exec(&document).map_err(failed)?,
    };
    hosting.arguments = execute::arguments(&handover, &hosting);
    handover.hosting = Some(hosting.clone());
    let bytes = serde_json::to_vec(&handover)?;
    let full = sealed_memfd("lictor-handover", &bytes, false).map_err(failed)?;
    let mut document = document;
    rustix::io::dup2(&full, &mut document).map_err(|error| failed(error.into()))?;

    let source = execute::execute(&hosting, variables);
    Err(PythonError::Execute {
        path: hosting.program,
        source,
    }
    .into())
}
