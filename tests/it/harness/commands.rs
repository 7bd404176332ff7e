//! Running `lictor` as a person does, to its end.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use super::DEADLINE;
use super::processes::Watched;

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails the test unless the command ended so; gives what it printed.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }
}

/// The binary under test, with nothing of this machine's settings.
pub(crate) fn program(directory: &Path) -> Command {
    command_in(directory, env!("CARGO_BIN_EXE_lictor"))
}

/// A program likewise.
pub(super) fn command_in(directory: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null());
    for name in [
        "LICTOR_RUN_DIR",
        "LICTOR_LOG",
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "NOTIFY_SOCKET",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs `lictor` with these arguments to its end.
#[track_caller]
pub(crate) fn lictor(directory: &Path, arguments: &[&str]) -> Ran {
    let mut command = program(directory);
    command.args(arguments);
    run(command)
}

/// Runs a command to its end, within the deadline.
#[track_caller]
pub(crate) fn run(mut command: Command) -> Ran {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lictor can be run");
    let watched = Watched::new(child.id()).expect("a child that was not waited for is there");
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let out = std::thread::spawn(move || text_of(stdout));
    let err = std::thread::spawn(move || text_of(stderr));
    let has_ended = watched.ends_within(DEADLINE);
    if !has_ended {
        child.kill().expect("a child can be killed");
    }
    let status = child.wait().expect("a child can be waited for");
    let [stdout, stderr] = [out, err].map(|reader| reader.join().expect("a reader does not panic"));
    assert!(
        has_ended,
        "`{command:?}` did not end; stdout: {stdout}\nstderr: {stderr}"
    );
    Ran {
        code: status.code().unwrap_or(-1),
        stdout,
        stderr,
    }
}

fn text_of(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    stream
        .expect("the stream is a pipe")
        .read_to_end(&mut bytes)
        .expect("a pipe can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
