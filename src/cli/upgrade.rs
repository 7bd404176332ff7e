//! `lictor upgrade`: the emperor becomes the program now on disk; and what that program says when it
//! is asked whether it can.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use clap::Parser;

use super::args::{CommandLine, Invocation, UpgradeCommand};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, printable};
use super::session::with_emperor;
use crate::control::Client;
use crate::emperor;

/// A program that has said it can start has started by then.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Gives the order, and waits until the new program answers.
pub(super) fn run(command: UpgradeCommand, output: &mut Output<'_>) -> Result<Exit, CliError> {
    with_emperor(command.place.run_dir, async |client| {
        let upgrading = client.upgrade().await?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match after(&client, upgrading.upgrades).await {
                Some(Ok(pid)) => {
                    let (from, to) = (printable(&upgrading.from), printable(&upgrading.to));
                    let line = format!("upgraded from {from} to {to}, pid {pid}\n");
                    // Whether it worked does not depend on who reads this.
                    output.data(line).ok();
                    return Ok(Exit::Done);
                }
                Some(Err(failure)) => {
                    let failure = printable(&failure);
                    output.message(&format!(
                        "error: not upgraded: {failure}\nhint: the old emperor goes on\n"
                    ));
                    return Ok(Exit::Failed);
                }
                None => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
        output.message(
            "error: the new program does not answer\n\
             hint: the vassals run on; see the emperor's log, and start one if none is there\n",
        );
        Ok(Exit::Failed)
    })
}

/// The emperor's process id once it has become another program, or why it did not.
async fn after(client: &Client, upgrades: u32) -> Option<Result<u32, String>> {
    let emperor = client.status().await.ok()?.emperor;
    if emperor.upgrades > upgrades {
        return Some(Ok(emperor.pid));
    }
    emperor.upgrade_failure.map(Err)
}

/// Asked by an emperor whether this program could follow it, started with the same arguments.
pub(super) fn answer(mut args: Vec<OsString>, output: &mut Output<'_>) -> Exit {
    args.remove(1);
    match CommandLine::try_parse_from(args) {
        Ok(CommandLine {
            invocation: Invocation::Emperor(_),
        }) => {}
        Ok(_) => {
            output.message("error: not the arguments of an emperor\n");
            return Exit::Usage;
        }
        Err(refusal) => {
            output.message(&refusal.to_string());
            return Exit::Usage;
        }
    }
    match emperor::answer_check() {
        Ok(answer) => {
            // Nobody but the emperor reads this.
            output.data(answer).ok();
            Exit::Done
        }
        Err(error) => {
            output.message(&format!("error: could not start: {error}\n"));
            Exit::Failed
        }
    }
}
