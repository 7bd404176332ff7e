//! A running emperor in a directory of its own, and the guard that ends it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::Value;

use super::processes::{self, Watched};
use super::{
    Connection, DEADLINE, Events, Failure, Ran, Setup, connect, get, lictor, write_python,
    write_whole,
};

/// After the emperor has ended, so long may a process of a vassal take to follow.
const LINGERING: Duration = Duration::from_secs(10);

/// Lines of the log that are shown when a test fails.
const LOG_TAIL: usize = 500;

/// A running emperor. Dropped, it is stopped, and the test fails if a process is left behind.
#[derive(Debug)]
pub(crate) struct Emperor {
    pub(super) setup: Setup,
    child: Child,
    watched: Watched,
    log: Events,
    events: Events,
    /// The logs of those before it.
    past: Vec<Events>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It runs.
    Running,
    /// It has ended, and its vassals have not: another one is to follow.
    Vacant,
    /// It has ended, and nothing may be left of it.
    Over,
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

/// What an app printed, if this line is of this vassal.
fn is_line<'a>(line: &'a Value, vassal: &Vassal) -> Option<&'a str> {
    (text(line, "vassal") == vassal.name)
        .then(|| line.get("line")?.as_str())
        .flatten()
}

/// Whether an event is of this sort.
pub(super) fn is(event: &Value, sort: &str) -> bool {
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

impl Emperor {
    /// Starts an emperor under guard, and waits until it can be asked.
    #[track_caller]
    pub(super) fn guard(mut setup: Setup) -> Self {
        let (child, log) = setup.spawn();
        let watched = Watched::new(child.id()).expect("a child that was not waited for is there");
        let mut emperor = Self {
            setup,
            child,
            watched,
            log,
            events: Events::empty(),
            past: Vec::new(),
            stage: Stage::Running,
        };
        emperor.listen();
        emperor
    }

    #[track_caller]
    fn listen(&mut self) {
        // The socket is bound before this is said.
        self.log.wait("the emperor starts", |line| {
            line.as_str()?.contains("emperor started").then_some(())
        });
        let socket = self.at("run/emperor.sock");
        self.events = Events::follow(&socket, "/v1/events").expect("the emperor answers");
    }

    /// Waits until it has acted on what was there.
    #[track_caller]
    pub(super) fn wait_until_ready(&self) {
        self.events.wait("the emperor is ready", |event| {
            is(event, "emperor-ready").then_some(())
        });
    }

    /// Ends the emperor by a signal, and nothing else: its vassals are to go on.
    #[track_caller]
    pub(crate) fn die(&mut self, by: Signal) -> ExitStatus {
        self.watched.signal(by);
        if by == Signal::SEGV && !self.watched.ends_within(Duration::from_millis(200)) {
            // Rust's handler takes the first for an overflow of the stack, finds none, and lets the
            // fault come again: one that was sent does not.
            self.watched.signal(by);
        }
        assert!(self.watched.ends_within(DEADLINE), "the emperor goes on");
        self.stage = Stage::Vacant;
        self.child.wait().expect("a child can be waited for")
    }

    /// kill -9.
    #[track_caller]
    pub(crate) fn kill9(&mut self) {
        self.die(Signal::KILL);
    }

    /// Another emperor over the same directories, once the one before has died. It is one that ends
    /// its vassals when it ends.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        assert_eq!(self.stage, Stage::Vacant, "there is an emperor");
        self.setup.ends_vassals();
        let (child, log) = self.setup.spawn();
        self.watched = Watched::new(child.id()).expect("a child that was not waited for is there");
        self.child = child;
        self.past.push(std::mem::replace(&mut self.log, log));
        self.stage = Stage::Running;
        self.listen();
        self.wait_until_ready();
    }

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

    /// The binary that [`Setup::own_program`] made it run.
    pub(crate) fn program(&self) -> PathBuf {
        self.at("lictor")
    }

    /// Follows the events of the program that the emperor has become.
    #[track_caller]
    pub(crate) fn follow_anew(&mut self) {
        let socket = self.at("run/emperor.sock");
        self.events = Events::follow(&socket, "/v1/events").expect("the emperor answers");
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

    /// Waits until such an event has happened so many times; gives them.
    #[track_caller]
    pub(crate) fn heard_times(
        &self,
        vassal: &Vassal,
        sort: &str,
        fields: &[(&str, Value)],
        times: usize,
    ) -> Vec<Value> {
        let heard = std::cell::RefCell::new(Vec::new());
        self.events.wait(
            &format!("{times} times {sort} of {} with {fields:?}", vassal.name),
            |event| {
                let is_it = is(event, sort)
                    && text(event, "vassal") == vassal.name
                    && fields
                        .iter()
                        .all(|(field, value)| event.get(*field) == Some(value));
                heard.borrow_mut().extend(is_it.then(|| event.clone()));
                (heard.borrow().len() == times).then_some(())
            },
        );
        heard.into_inner()
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
        self.stage = Stage::Over;
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

    fn is_stopped(&mut self) -> bool {
        self.watched.signal(Signal::TERM);
        let is_stopped = self.watched.ends_within(DEADLINE);
        if !is_stopped {
            self.watched.signal(Signal::KILL);
        }
        drop(self.child.wait());
        is_stopped
    }

    /// Ends what lingers, and fails the test if anything had to be ended.
    #[track_caller]
    fn nothing_is_left(&self) {
        // What has no emperor any more does not end by itself.
        let patience = match self.stage {
            Stage::Vacant => Duration::ZERO,
            Stage::Running | Stage::Over => LINGERING,
        };
        let mut left = processes::of_test(&self.setup.tag, &self.setup.root);
        left.retain(|(pid, _)| {
            let Some(watched) = Watched::new(*pid) else {
                return false;
            };
            let stays = !watched.ends_within(patience);
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
        if self.stage == Stage::Over {
            return;
        }
        let is_stopped = self.stage == Stage::Vacant || self.is_stopped();
        if std::thread::panicking() {
            let logs = self.past.iter().chain([&self.log]);
            let lines: Vec<Value> = logs.flat_map(Events::so_far).collect();
            eprintln!("the emperor's log:");
            for line in lines.iter().skip(lines.len().saturating_sub(LOG_TAIL)) {
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
