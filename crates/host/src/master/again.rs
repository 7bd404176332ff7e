//! Starting this master once more, because importing the app left threads behind.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;

use lictor_core::ipc::{Handover, MasterMessage};
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::{sealed_memfd, set_close_on_exec};

use super::boot::Boot;
use super::meeting::Meeting;

/// Executes the interpreter again with `lazy-apps` on. Returns only if that failed, the emperor told.
pub(super) fn without_preload(boot: Boot) {
    let Boot {
        mut handover,
        hosting,
        channel,
        document,
        host,
        meeting,
        gates,
        counters,
        listeners,
        log_writer,
    } = boot;
    if let Some(writer) = log_writer {
        writer.finish();
    }
    handover.config.lazy_apps = true;
    // They are done.
    handover.config.background.hooks.as_user.clear();
    handover.config.background.hooks.before_app.clear();
    let kept = [channel.as_fd(), document.as_fd(), host.as_fd()]
        .into_iter()
        .chain(gates.iter().map(AsFd::as_fd))
        .chain(listeners.iter().map(|listener| listener.fd.as_fd()))
        .chain(meeting.iter().flat_map(Meeting::descriptors))
        .chain(counters.iter().map(AsFd::as_fd))
        .try_for_each(|fd| set_close_on_exec(fd, false));
    let error = match kept.and_then(|()| rewrite(&handover, document)) {
        Ok(_document) => hosting.command().exec(),
        Err(error) => error,
    };
    let message = format!("could not start again with `lazy-apps` on: {error}");
    let hint = "hint: importing the app started threads; set `lazy-apps = true`";
    let failure = Failure::new(FailureKind::Crash, message, hint);
    drop(channel.send(&MasterMessage::Failed(failure), &[]));
}

/// The changed document under the old number, which stays open across the exec.
fn rewrite(handover: &Handover, mut document: OwnedFd) -> io::Result<OwnedFd> {
    let changed = sealed_memfd("lictor-handover", &serde_json::to_vec(handover)?, false)?;
    rustix::io::dup2(&changed, &mut document)?;
    Ok(document)
}
