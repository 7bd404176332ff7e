//! A directory for one test, with all that its emperor is started with.

use std::fs;
use std::io::BufReader;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::commands::{command_in, program};
use super::emperor::Emperor;
use super::{Events, install_lictor, pythons};

const LEAVE_VASSALS: &str = "--leave-vassals";

/// A place for an emperor that does not run yet.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Removed last.
    _directory: TempDir,
    pub(super) root: PathBuf,
    pub(super) tag: String,
    /// Another binary than the one under test.
    program: Option<PathBuf>,
    sources: Vec<String>,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    path: String,
    passed: Vec<OwnedFd>,
    /// What the emperor was started with.
    arguments: Vec<String>,
}

impl Setup {
    /// A place with an empty directory of vassals.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::Builder::new()
            .prefix("lictor-it-")
            .tempdir()
            .expect("a temporary directory");
        let root = directory.path().canonicalize().expect("it is there");
        fs::create_dir(root.join("vassals")).expect("it is ours");
        let tag = format!(
            "t{}x{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let path = path_with_python(&root);
        Self {
            _directory: directory,
            root,
            tag,
            program: None,
            sources: vec!["vassals".to_owned()],
            flags: Vec::new(),
            variables: Vec::new(),
            path,
            passed: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// Other sources than the directory `vassals`.
    pub(crate) fn sources(mut self, sources: &[&str]) -> Self {
        self.sources = sources.iter().map(|source| (*source).to_owned()).collect();
        self
    }

    /// Starts a copy of the binary that the test may replace; see [`Emperor::program`].
    pub(crate) fn own_program(mut self) -> Self {
        let program = self.at("lictor");
        install_lictor(&program);
        self.program = Some(program);
        self
    }

    /// Flags of `lictor emperor`.
    pub(crate) fn flags(mut self, flags: &[&str]) -> Self {
        self.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self
    }

    /// A variable of the emperor's own environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// At most two sockets that the emperor is started with, as a service manager passes them
    /// (`sd_listen_fds(3)`).
    pub(crate) fn passing(mut self, sockets: Vec<(String, OwnedFd)>) -> Self {
        let names: Vec<_> = sockets.iter().map(|(name, _)| name.as_str()).collect();
        let (count, names) = (names.len().to_string(), names.join(":"));
        self.passed = sockets.into_iter().map(|(_, socket)| socket).collect();
        self.variable("LISTEN_FDS", &count)
            .variable("LISTEN_FDNAMES", &names)
    }

    /// A path below the test's own directory.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// The name of a vassal, unique on this machine.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.tag)
    }

    /// Starts the emperor and waits until it has acted on what was there.
    #[track_caller]
    pub(crate) fn start(self) -> Emperor {
        self.start_with(&[])
    }

    /// Starts an emperor that leaves its vassals running when it is told to end.
    #[track_caller]
    pub(crate) fn start_leaving_vassals(self) -> Emperor {
        self.start_with(&[LEAVE_VASSALS])
    }

    #[track_caller]
    fn start_with(mut self, options: &[&str]) -> Emperor {
        let sources = self.sources.iter().map(String::as_str);
        let all = ["emperor", "--run-dir", "run"].into_iter().chain(sources);
        let flags = self.flags.iter().map(String::as_str);
        let all = all.chain(flags).chain(options.iter().copied());
        self.arguments = all.map(str::to_owned).collect();
        let emperor = Emperor::guard(self);
        emperor.wait_until_ready();
        emperor
    }

    /// From now on an emperor that is told to end takes its vassals with it.
    pub(super) fn ends_vassals(&mut self) {
        self.arguments.retain(|argument| argument != LEAVE_VASSALS);
    }

    /// Starts `lictor serve` with a control socket.
    #[track_caller]
    pub(crate) fn serve(mut self, arguments: &[&str]) -> Emperor {
        let all = ["serve", "--run-dir", "run"];
        let all = all.iter().chain(arguments);
        self.arguments = all.map(|argument| (*argument).to_owned()).collect();
        Emperor::guard(self)
    }

    /// Starts a process; gives it and its log.
    #[track_caller]
    pub(super) fn spawn(&mut self) -> (Child, Events) {
        let mut command = if self.passed.is_empty() {
            let mut command = match &self.program {
                Some(program) => command_in(&self.root, &program.display().to_string()),
                None => program(&self.root),
            };
            command.stdout(Stdio::null());
            command
        } else {
            passing(&self.root, &mut self.passed)
        };
        command
            .args(&self.arguments)
            .env("PATH", &self.path)
            .env("LICTOR_LOG", "debug");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("lictor can be run");
        let log = BufReader::new(child.stderr.take().expect("it is a pipe"));
        (child, Events::of_lines(log))
    }
}

/// The binary under test by way of a shell, which puts what stands on its stdin and stdout where a
/// service manager puts sockets, and has the process id that the variable must name.
fn passing(root: &Path, sockets: &mut Vec<OwnedFd>) -> Command {
    let script = "exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ exec \"$0\" \"$@\"";
    let mut command = command_in(root, "sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_lictor")]);
    let mut sockets = sockets.drain(..);
    let mut next = || sockets.next().map_or_else(Stdio::null, Stdio::from);
    command.stdin(next()).stdout(next());
    command
}

/// A PATH on which `python3` is a real interpreter, not a version manager's script, which is slow.
fn path_with_python(root: &Path) -> String {
    let executable = &pythons().first().expect("there is one").executable;
    let mut directory = executable.parent().expect("it is absolute").to_owned();
    if !directory.join("python3").exists() {
        directory = root.join("bin");
        fs::create_dir(&directory).expect("it is ours");
        symlink(executable, directory.join("python3")).expect("it is ours");
    }
    format!("{}:/usr/local/bin:/usr/bin:/bin", directory.display())
}
