//! `lictor upgrade`: the emperor becomes the program now on disk; and what that program says when it
//! is asked whether it can.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::time::timeout;

use super::args::{CommandLine, Invocation, UpgradeCommand};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, printable};
use super::session::with_emperor;
use crate::control::Client;
use crate::emperor;

/// For all of it: the new program is asked whether it can start, and has started by then.
const PATIENCE: Duration = Duration::from_secs(30);
/// For one question: it may be lost between the old program and the new one, and is asked again.
const QUESTION: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Gives the order, and waits until the new program answers.
pub(super) fn run(command: UpgradeCommand, output: &mut Output<'_>) -> Result<Exit, CliError> {
    with_emperor(command.place.run_dir, async |client| {
        let until = Instant::now() + PATIENCE;
        let upgrading = client.upgrade().await?;
        match outcome(&client, upgrading.upgrades, until).await {
            Some(Ok(pid)) => {
                let (from, to) = (printable(&upgrading.from), printable(&upgrading.to));
                let line = format!("upgraded from {from} to {to}, pid {pid}\n");
                // Whether it worked does not depend on who reads this.
                output.data(line).ok();
                Ok(Exit::Done)
            }
            Some(Err(failure)) => {
                let failure = printable(&failure);
                output.message(&format!(
                    "error: not upgraded: {failure}\nhint: the old emperor goes on\n"
                ));
                Ok(Exit::Failed)
            }
            None => {
                output.message(
                    "error: the new program does not answer\n\
                     hint: the vassals run on; see the emperor's log, and start one if none is \
                     there\n",
                );
                Ok(Exit::Failed)
            }
        }
    })
}

/// What the upgrade came to, if that can be learned in time.
async fn outcome(client: &Client, upgrades: u32, until: Instant) -> Option<Result<u32, String>> {
    loop {
        let left = until.checked_duration_since(Instant::now())?;
        let answer = timeout(left.min(QUESTION), after(client, upgrades)).await;
        if let Ok(Some(outcome)) = answer {
            return Some(outcome);
        }
        tokio::time::sleep(PAUSE).await;
    }
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;
    use crate::cli::vassal::tests::status;

    /// Answers one question as an emperor does that was upgraded so often.
    fn answer(mut stream: UnixStream, upgrades: u32) {
        drop(stream.read(&mut [0; 4096]));
        let mut status = status(Vec::new());
        status.emperor.upgrades = upgrades;
        let body = serde_json::to_string(&status).unwrap();
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).unwrap();
    }

    /// What is learned from an emperor that does not answer so many questions, and how soon.
    fn learned(lost: usize, patience: Duration) -> (Option<Result<u32, String>>, Duration) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("emperor.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().map(Result::unwrap) {
                if held.len() < lost {
                    held.push(stream);
                } else {
                    answer(stream, 1);
                    break;
                }
            }
        });
        let begun = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let client = Client::new(path.clone());
        let learned = runtime.block_on(outcome(&client, 0, begun + patience));
        let took = begun.elapsed();
        while !server.is_finished() {
            drop(UnixStream::connect(&path));
        }
        (learned, took)
    }

    #[test]
    fn a_question_that_is_lost_is_asked_again_soon() {
        let (learned, took) = learned(1, PATIENCE);
        assert_eq!(learned, Some(Ok(100)));
        assert!(took >= QUESTION && took < PATIENCE / 2, "{took:?}");
    }

    #[test]
    fn the_wait_has_an_end_whatever_is_lost() {
        let patience = Duration::from_millis(100);
        let (learned, took) = learned(3, patience);
        assert_eq!(learned, None);
        assert!(took >= patience && took < QUESTION, "{took:?}");
    }
}
