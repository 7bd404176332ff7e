//! A running emperor in a directory of its own, and the guard that ends it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::commands::program;
use super::processes::{self, Watched};
use super::{Connection, DEADLINE, Events, Ran, connect, get, lictor, pythons};

/// After the emperor has ended, so long may a process of a vassal take to follow.
const LINGERING: Duration = Duration::from_secs(10);

/// A place for an emperor that does not run yet.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Removed last.
    _directory: TempDir,
    root: PathBuf,
    tag: String,
    sources: Vec<String>,
    variables: Vec<(String, String)>,
    path: String,
}

/// A running emperor. Dropped, it is stopped, and the test fails if a process is left behind.
#[derive(Debug)]
pub(crate) struct Emperor {
    setup: Setup,
    child: Child,
    watched: Watched,
    log: Events,
    events: Events,
    is_over: bool,
}

/// A vassal of a test.
#[derive(Clone, Debug)]
pub(crate) struct Vassal {
    /// Its name, unique on this machine.
    pub(crate) name: String,
    /// The vassal file.
    pub(crate) file: PathBuf,
    /// Its module.
    pub(crate) app: PathBuf,
}

/// Why a generation failed, as its event says.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) generation: u64,
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) detail: String,
}

impl Failure {
    /// Fails the test unless the failure is of this kind, says all of this, and what to do next.
    #[track_caller]
    pub(crate) fn says(&self, kind: &str, words: &[&str]) {
        assert_eq!(self.kind, kind, "{self:?}");
        for word in words {
            assert!(self.message.contains(word), "`{word}` is missing: {self:?}");
        }
    }

    /// Fails the test unless it says what to do next.
    #[track_caller]
    pub(crate) fn hints(&self, words: &str) {
        assert!(
            self.detail.contains("hint: ") && self.detail.contains(words),
            "no hint `{words}`: {self:?}"
        );
    }
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
            sources: vec!["vassals".to_owned()],
            variables: Vec::new(),
            path,
        }
    }

    /// Other sources than the directory `vassals`.
    pub(crate) fn sources(mut self, sources: &[&str]) -> Self {
        self.sources = sources.iter().map(|source| (*source).to_owned()).collect();
        self
    }

    /// A variable of the emperor's own environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
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
        let mut arguments = vec!["emperor".to_owned()];
        arguments.extend(self.sources.iter().cloned());
        arguments.extend(["--run-dir".to_owned(), "run".to_owned()]);
        let emperor = self.launch(&arguments);
        emperor.events.wait("the emperor is ready", |event| {
            is(event, "emperor-ready").then_some(())
        });
        emperor
    }

    /// Starts `lictor serve` with a control socket.
    #[track_caller]
    pub(crate) fn serve(self, arguments: &[&str]) -> Emperor {
        let mut all = vec!["serve".to_owned(), "--run-dir".to_owned(), "run".to_owned()];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self.launch(&all)
    }

    #[track_caller]
    fn launch(self, arguments: &[String]) -> Emperor {
        let mut command = program(&self.root);
        command
            .args(arguments)
            .env("PATH", &self.path)
            .env("LICTOR_LOG", "debug");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("lictor can be run");
        let watched = Watched::new(child.id()).expect("a child that was not waited for is there");
        let log = Events::of_lines(BufReader::new(child.stderr.take().expect("it is a pipe")));
        // The socket is bound before this is said.
        log.wait("the emperor starts", |line| {
            line.as_str()?.contains("emperor started").then_some(())
        });
        let events = Events::follow(&self.root.join("run/emperor.sock"), "/v1/events")
            .expect("the emperor answers");
        Emperor {
            setup: self,
            child,
            watched,
            log,
            events,
            is_over: false,
        }
    }
}

impl Events {
    fn of_lines(stream: impl BufRead + Send + 'static) -> Self {
        let events = Self::empty();
        let told = events.clone();
        std::thread::spawn(move || {
            for line in stream.split(b'\n').map_while(Result::ok) {
                told.tell(Value::from(String::from_utf8_lossy(&line).into_owned()));
            }
            told.end();
        });
        events
    }
}

/// What an app printed, if this line is of this vassal.
fn is_line<'a>(line: &'a Value, vassal: &Vassal) -> Option<&'a str> {
    (text(line, "vassal") == vassal.name)
        .then(|| line.get("line")?.as_str())
        .flatten()
}

/// Whether an event is of this sort.
fn is(event: &Value, sort: &str) -> bool {
    event.get("event").and_then(Value::as_str) == Some(sort)
}

fn text(value: &Value, field: &str) -> String {
    value
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or_default()
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

/// Writes a file as a careful program does: whole or not at all, under a name that counts.
pub(crate) fn write_whole(path: &Path, text: &str) {
    let directory = path.parent().expect("it has one");
    fs::create_dir_all(directory).expect("it is ours");
    let fresh = directory.join(format!(
        ".fresh-{}",
        path.file_name().expect("it has one").display()
    ));
    fs::write(&fresh, text).expect("it is ours");
    fs::rename(&fresh, path).expect("it is ours");
}

/// Writes a Python file. Each is of another size, because Python takes a file of the same size and
/// second for the one it has compiled.
pub(crate) fn write_python(path: &Path, code: &str) {
    static WRITTEN: AtomicU32 = AtomicU32::new(1);
    let padding = "#".repeat(WRITTEN.fetch_add(1, Ordering::Relaxed) as usize);
    write_whole(path, &format!("{code}\n{padding}\n"));
}

impl Emperor {
    /// An emperor over an empty directory.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Setup::new().start()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A path below the test's own directory.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.setup.at(path)
    }

    /// The name of a vassal, unique on this machine.
    pub(crate) fn name(&self, name: &str) -> String {
        self.setup.name(name)
    }

    /// What it has said.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Its log, a string a line.
    pub(crate) fn log(&self) -> &Events {
        &self.log
    }

    /// What the apps print, from the beginning as far as it is kept.
    #[track_caller]
    pub(crate) fn output(&self) -> Events {
        Events::follow(&self.at("run/emperor.sock"), "/v1/logs").expect("the emperor answers")
    }

    /// A vassal that is not there yet.
    pub(crate) fn vassal(&self, name: &str) -> Vassal {
        let name = self.name(name);
        let file = self.at("vassals").join(format!("{name}.toml"));
        let app = self.at("apps").join(&name).join("app.py");
        Vassal { name, file, app }
    }

    /// The text of a vassal file for it.
    pub(crate) fn text_for(vassal: &Vassal, options: &str) -> String {
        let directory = vassal.app.parent().expect("it has one").display();
        let http = if options.contains("http =") {
            ""
        } else {
            "http = \"127.0.0.1:0\"\n"
        };
        let module = if options.contains("module =") {
            ""
        } else {
            "module = \"app\"\n"
        };
        let chdir = if options.contains("chdir =") {
            String::new()
        } else {
            format!("chdir = {:?}\n", directory.to_string())
        };
        format!("{module}{chdir}{http}{options}\n")
    }

    /// Writes an app and drops its vassal file.
    pub(crate) fn add(&self, name: &str, options: &str, code: &str) -> Vassal {
        let vassal = self.vassal(name);
        write_python(&vassal.app, code);
        write_whole(&vassal.file, &Self::text_for(&vassal, options));
        vassal
    }

    /// Drops a vassal and waits until its first generation serves.
    #[track_caller]
    pub(crate) fn serve(&self, name: &str, options: &str, code: &str) -> Vassal {
        let vassal = self.add(name, options, code);
        assert_eq!(self.ready_after(&vassal, 0), 1);
        vassal
    }

    /// Gives a vassal other code and touches its file.
    pub(crate) fn deploy(&self, vassal: &Vassal, code: &str) {
        write_python(&vassal.app, code);
        self.touch(&vassal.file);
    }

    /// What `touch` does.
    #[expect(
        clippy::unused_self,
        reason = "reads as what it is: something done to a vassal of this emperor"
    )]
    pub(crate) fn touch(&self, file: &Path) {
        let file = File::options()
            .append(true)
            .open(file)
            .expect("the file is there");
        file.set_modified(SystemTime::now()).expect("it is ours");
    }

    /// Waits for a generation later than this one to serve.
    #[track_caller]
    pub(crate) fn ready_after(&self, vassal: &Vassal, generation: u64) -> u64 {
        self.events.wait(
            &format!("{} serves a generation after {generation}", vassal.name),
            |event| {
                let is_it = is(event, "generation-ready")
                    && text(event, "vassal") == vassal.name
                    && number(event, "generation") > generation;
                is_it.then(|| number(event, "generation"))
            },
        )
    }

    /// Waits for a failure of a generation later than this one.
    #[track_caller]
    pub(crate) fn failed_after(&self, vassal: &Vassal, generation: u64) -> Failure {
        self.events.wait(
            &format!("{} fails after generation {generation}", vassal.name),
            |event| {
                let is_it = is(event, "generation-failed")
                    && text(event, "vassal") == vassal.name
                    && number(event, "generation") > generation;
                let failure = event.get("failure").filter(|_| is_it)?;
                Some(Failure {
                    generation: number(event, "generation"),
                    kind: text(failure, "kind"),
                    message: text(failure, "message"),
                    detail: text(failure, "detail"),
                })
            },
        )
    }

    /// Waits for an event of this sort about a vassal, with these numbers or texts in its fields.
    #[track_caller]
    pub(crate) fn heard(&self, vassal: &Vassal, sort: &str, fields: &[(&str, Value)]) -> Value {
        self.events.wait(
            &format!("{sort} of {} with {fields:?}", vassal.name),
            |event| {
                let is_it = is(event, sort)
                    && text(event, "vassal") == vassal.name
                    && fields
                        .iter()
                        .all(|(field, value)| event.get(*field) == Some(value));
                is_it.then(|| event.clone())
            },
        )
    }

    /// All events of this sort so far about a vassal.
    pub(crate) fn count(&self, vassal: &Vassal, sort: &str) -> usize {
        let lines = self.events.so_far();
        lines
            .iter()
            .filter(|event| is(event, sort) && text(event, "vassal") == vassal.name)
            .count()
    }

    /// What `GET /v1/status` answers.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let body = get(
            &self.at("run/emperor.sock").display().to_string(),
            "/v1/status",
        );
        serde_json::from_str(&body).expect("the status is JSON")
    }

    /// The part of a vassal in the status.
    #[track_caller]
    pub(crate) fn status_of(&self, vassal: &Vassal) -> Value {
        let status = self.status();
        let vassals = status
            .get("vassals")
            .and_then(Value::as_array)
            .expect("a list of vassals");
        let found = vassals
            .iter()
            .find(|shown| text(shown, "name") == vassal.name);
        found
            .unwrap_or_else(|| panic!("{} is not in {status}", vassal.name))
            .clone()
    }

    /// The state that the status shows.
    #[track_caller]
    pub(crate) fn state_of(&self, vassal: &Vassal) -> String {
        text(&self.status_of(vassal), "state")
    }

    /// All addresses that the status shows.
    #[track_caller]
    pub(crate) fn addresses(&self, vassal: &Vassal) -> Vec<String> {
        let status = self.status_of(vassal);
        let sockets = status
            .get("sockets")
            .and_then(Value::as_array)
            .expect("a list of sockets");
        sockets
            .iter()
            .map(|socket| text(socket, "address"))
            .collect()
    }

    /// The one address of a vassal.
    #[track_caller]
    pub(crate) fn address(&self, vassal: &Vassal) -> String {
        let mut addresses = self.addresses(vassal);
        assert_eq!(addresses.len(), 1, "{addresses:?}");
        addresses.remove(0)
    }

    /// What a vassal answers.
    #[track_caller]
    pub(crate) fn get(&self, vassal: &Vassal) -> String {
        get(&self.address(vassal), "/")
    }

    /// Begins a request of a [`super::slow`] app and waits until the app is in it.
    #[track_caller]
    pub(crate) fn begin(&self, vassal: &Vassal) -> Connection {
        let mut connection = connect(&self.address(vassal)).expect("it listens");
        connection
            .send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            .expect("it reads");
        self.output().wait("the request has begun", |line| {
            (is_line(line, vassal) == Some("began")).then_some(())
        });
        connection
    }

    /// Waits for a line that the vassal prints and of which `pick` makes something.
    #[track_caller]
    pub(crate) fn printed<T>(&self, vassal: &Vassal, pick: impl Fn(&str) -> Option<T>) -> T {
        let what = format!("a line of {}", vassal.name);
        self.output()
            .wait(&what, |line| is_line(line, vassal).and_then(&pick))
    }

    /// Waits for a generation later than this one to serve, and for this one's last process to go:
    /// until then it may answer those who were in its queue.
    #[track_caller]
    pub(crate) fn replaced(&self, vassal: &Vassal, generation: u64) -> u64 {
        let newer = self.ready_after(vassal, generation);
        self.heard(
            vassal,
            "master-exited",
            &[("generation", Value::from(generation))],
        );
        newer
    }

    /// The process ids of the workers of the generation that serves.
    #[track_caller]
    pub(crate) fn workers(&self, vassal: &Vassal) -> Vec<u32> {
        let status = self.status_of(vassal);
        let workers = status
            .get("workers")
            .and_then(Value::as_array)
            .expect("a list of workers");
        let serving = workers
            .iter()
            .filter(|worker| worker.get("generation") == status.get("generation"));
        serving
            .map(|worker| u32::try_from(number(worker, "pid")).expect("a process id"))
            .collect()
    }

    /// The process id of the master that the status shows.
    #[track_caller]
    pub(crate) fn master(&self, vassal: &Vassal) -> u32 {
        u32::try_from(number(&self.status_of(vassal), "pid")).expect("a process id")
    }

    /// Runs a command against this emperor.
    #[track_caller]
    pub(crate) fn lictor(&self, arguments: &[&str]) -> Ran {
        let mut all = arguments.to_vec();
        all.extend(["--run-dir", "run"]);
        lictor(&self.setup.root, &all)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.watched.signal(signal);
    }

    /// Waits for its end, nobody having to ask for it; then nothing may be left of it.
    #[track_caller]
    pub(crate) fn ended(mut self) -> ExitStatus {
        assert!(self.watched.ends_within(DEADLINE), "the emperor goes on");
        self.is_over = true;
        let status = self.child.wait().expect("a child can be waited for");
        self.nothing_is_left();
        status
    }

    /// Stops it politely and waits for its end.
    #[track_caller]
    pub(crate) fn stop(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Ends what lingers, and fails the test if anything had to be ended.
    #[track_caller]
    fn nothing_is_left(&self) {
        let mut left = processes::of_test(&self.setup.tag, &self.setup.root);
        left.retain(|(pid, _)| {
            let Some(watched) = Watched::new(*pid) else {
                return false;
            };
            let stays = !watched.ends_within(LINGERING);
            if stays {
                watched.signal(Signal::KILL);
            }
            stays
        });
        assert!(
            left.is_empty() || std::thread::panicking(),
            "processes were left behind: {left:?}"
        );
    }
}

impl Drop for Emperor {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.watched.signal(Signal::TERM);
        let is_stopped = self.watched.ends_within(DEADLINE);
        if !is_stopped {
            self.watched.signal(Signal::KILL);
        }
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("the emperor's log:");
            for line in self.log.so_far() {
                eprintln!("  {}", line.as_str().unwrap_or_default());
            }
        }
        self.nothing_is_left();
        assert!(
            is_stopped || std::thread::panicking(),
            "the emperor did not stop"
        );
    }
}
