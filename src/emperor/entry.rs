//! From what was typed to a running emperor: log, runtime, settings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use tracing_subscriber::EnvFilter;

use super::fd_store::Returned;
use super::log_format::TextFormat;
use super::memory_pressure::FreeMemory;
use super::notify::OWN_VARIABLES;
use super::policy::PolicyFiles;
use super::settings::{EmperorError, Settings};
use super::sources::{SingleApp, Source};
use super::tenure::{End, run};
use super::upgrade::{Inherited, WayBack};
use crate::control::RunDir;

/// Lines of the log that may wait for a reader; further ones are dropped.
const LOG_LINES: usize = 16 * 1024;
/// What vassals keep of the emperor's own environment.
const KEPT_VARIABLES: [&str; 6] = ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "LANGUAGE", "TZ"];
/// PATH of a vassal if the emperor has none.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How the emperor writes its own log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// What `lictor emperor` was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EmperorArgs {
    /// Directories or globs, as given; at least one.
    pub(crate) sources: Vec<String>,
    /// It exists and is ours.
    pub(crate) run_dir: RunDir,
    /// Told to end, leave the vassals running.
    pub(crate) leaves_vassals: bool,
    /// How to log.
    pub(crate) log_format: LogFormat,
    /// How many masters come up at a time; by default as many as there are cores.
    pub(crate) parallel_starts: Option<u16>,
    /// How much memory has to be available for a start.
    pub(crate) min_free_memory: FreeMemory,
    /// What is added to every vassal file.
    pub(crate) policy: PolicyFiles,
}

/// What `lictor serve` was asked to do. What it says has been found good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServeArgs {
    /// The vassal file, if one was named.
    pub(crate) file: Option<PathBuf>,
    /// Options on the command line, in their order; for `config::parse_flags`.
    pub(crate) flags: Vec<(String, Vec<String>)>,
    /// What relative paths in `flags` are relative to.
    pub(crate) base_dir: PathBuf,
    /// It exists and is ours; none if there shall be no control socket.
    pub(crate) run_dir: Option<RunDir>,
    /// Reload when the app's code changes.
    pub(crate) reload: bool,
    /// How to log.
    pub(crate) log_format: LogFormat,
}

/// Runs an emperor until it is told to stop.
pub(crate) fn govern(args: &EmperorArgs) -> Result<(), EmperorError> {
    start(args.log_format, |open_files| Settings {
        sources: args
            .sources
            .iter()
            .map(|text| Source::parse(text))
            .collect(),
        run_dir: Some(args.run_dir.path().to_owned()),
        environment: kept_environment(),
        policy: args.policy.clone(),
        open_files,
        program: own_program(),
        arguments: own_arguments(),
        leaves_vassals: args.leaves_vassals,
        is_foreground: false,
        reload_tree: None,
        parallel_starts: args.parallel_starts.map_or_else(cores, usize::from),
        min_free_memory: args.min_free_memory,
    })
}

/// Runs one app in the foreground until it is told to stop.
pub(crate) fn serve(args: ServeArgs) -> Result<(), EmperorError> {
    let name = args
        .file
        .as_deref()
        .and_then(Path::file_stem)
        .map(|stem| stem.to_string_lossy());
    let app = SingleApp {
        name: name.map_or_else(|| "app".to_owned(), std::borrow::Cow::into_owned),
        is_file: args.file.is_some(),
        place: args.file.unwrap_or_else(|| args.base_dir.clone()),
        base_dir: args.base_dir.clone(),
        flags: args.flags,
    };
    start(args.log_format, |open_files| Settings {
        sources: vec![Source::Single(app)],
        run_dir: args.run_dir.map(|run_dir| run_dir.path().to_owned()),
        // As `python` itself would: everything of the caller's, PYTHONPATH included.
        environment: callers_environment(),
        policy: PolicyFiles::default(),
        open_files,
        program: own_program(),
        arguments: own_arguments(),
        leaves_vassals: false,
        is_foreground: true,
        reload_tree: args.reload.then_some(args.base_dir),
        parallel_starts: cores(),
        // There are no neighbours to be spared.
        min_free_memory: FreeMemory::NONE,
    })
}

fn cores() -> usize {
    available_parallelism().map_or(2, usize::from)
}

/// What vassals of an emperor find below `env-file` and `env`.
pub(super) fn kept_environment() -> Vec<(String, String)> {
    let kept = KEPT_VARIABLES
        .iter()
        .filter_map(|&name| Some((name.to_owned(), std::env::var(name).ok()?)));
    with_path(kept.collect())
}

/// What the app of `lictor serve` finds there. A variable that is not text cannot be handed on, and is
/// left out; so is what a service manager says to this process alone.
pub(super) fn callers_environment() -> Vec<(String, String)> {
    let own = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(key, _)| !OWN_VARIABLES.contains(&key.as_str()));
    with_path(own.collect())
}

fn with_path(mut environment: BTreeMap<String, String>) -> Vec<(String, String)> {
    environment
        .entry("PATH".to_owned())
        .or_insert_with(|| USUAL_PATH.to_owned());
    environment.into_iter().collect()
}

fn start(
    format: LogFormat,
    settings: impl FnOnce(Option<u64>) -> Settings,
) -> Result<(), EmperorError> {
    let inherited = Inherited::take();
    let mut way_back = inherited.as_ref().and_then(WayBack::of);
    let inherited = inherited.map(|inherited| inherited.inheritance);
    let open_files = match &inherited {
        // Its own limit was raised by the program before.
        Some(inherited) => inherited.open_files,
        None => raise_open_files(),
    };
    let settings = settings(open_files);
    let returned = Returned::take().map_err(|source| EmperorError::Setup {
        action: "take over the sockets that the service manager kept",
        source,
    })?;
    lictor_core::sys::keep_inherited_to_ourselves().map_err(|source| EmperorError::Setup {
        action: "keep inherited descriptors from the apps",
        source,
    })?;
    let log = start_log(format, settings.is_foreground);
    end_on_panic();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| EmperorError::Setup {
            action: "start the async runtime",
            source,
        })?;
    let ended = runtime.block_on(run(settings, inherited, returned, &mut way_back));
    if let (Err(error), Some(_)) = (&ended, &way_back) {
        tracing::error!("this version could not start, going back to the one before: {error}");
    }
    drop(runtime);
    drop(log);
    if let (Err(error), Some(way_back)) = (&ended, way_back) {
        let error = way_back.go(&error.to_string());
        return Err(EmperorError::Upgrade(error));
    }
    match ended? {
        End::Over => Ok(()),
        End::Upgrade(upgrade) => Err(EmperorError::Upgrade(upgrade.become_it())),
    }
}

/// A panic anywhere ends this process: what is left of it could neither be trusted nor be adopted,
/// and the vassals go on without it.
fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        // The thread that writes the log may be the one that panics.
        let line = format!(
            "lictor: the emperor ends by a defect of its own; its vassals go on: {panic}\n"
        );
        let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
        std::process::abort();
    }));
}

fn own_arguments() -> Vec<OsString> {
    std::env::args_os().skip(1).collect()
}

/// Where this executable stands, or a newer one that has taken its place (`proc_pid_exe(5)`).
fn own_program() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("lictor"));
    let name = own.to_string_lossy();
    match name.strip_suffix(" (deleted)") {
        Some(name) => PathBuf::from(name),
        None => own,
    }
}

/// Many vassals need many descriptors; apps get back the limit that this gives.
fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Without the right to more the emperor goes on with what it has.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    limit.current
}

/// The log goes to stderr through a thread, which drops lines when its reader is stuck: the emperor
/// never waits for whoever reads its log. What waits is written when the guard goes.
fn start_log(
    format: LogFormat,
    is_foreground: bool,
) -> tracing_appender::non_blocking::WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking::NonBlockingBuilder::default()
        .buffered_lines_limit(LOG_LINES)
        .lossy(true)
        .finish(io::stderr());
    let filter = EnvFilter::try_from_env("LICTOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_env_filter(filter);
    // A second subscriber can only be one of a test's.
    drop(match format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_target(false)
            .try_init(),
        LogFormat::Text => builder
            .event_format(TextFormat {
                has_time: !is_foreground,
            })
            .try_init(),
    });
    guard
}
