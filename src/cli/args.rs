//! The command line as people see it: every command and flag with its help.
//!
//! What stands behind a command is in the file of its name. `lictor serve` takes the options of a
//! vassal file as flags, which clap does not know; they are collected raw and read in `serve`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ColorChoice, Parser, Subcommand, ValueEnum};

use lictor_core::config::{Address, parse_address};

use crate::control::{NotADuration, parse_duration};
use crate::emperor::{FreeMemory, LogFormat, NotFreeMemory, PolicyFiles};

/// Supervises Python web apps: a file is an app.
#[derive(Debug, Parser)]
#[command(
    name = "lictor",
    version,
    color = ColorChoice::Never,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 65 bad configuration, 69 no emperor there,\n\
                  75 another emperor holds this run directory."
)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) invocation: Invocation,
}

#[derive(Debug, Subcommand)]
pub(super) enum Invocation {
    /// Run every app whose file lies in a directory
    ///
    /// Watches the sources: drop, edit, touch or remove a vassal file, and its app is started,
    /// reloaded or stopped. SIGHUP reloads all, SIGTERM stops all.
    Emperor(EmperorCommand),
    /// Run one app in the foreground
    Serve(ServeCommand),
    /// Say what is wrong with vassal files, without running them
    Check(CheckCommand),
    /// Write a vassal file as TOML, with its comments, and say what means something else than in uWSGI
    Convert(ConvertCommand),
    /// Show all vassals, or one in full
    Status(StatusCommand),
    /// Replace vassals by a new generation; the old one serves until the new one is ready
    Reload(ActCommand),
    /// Start vassals that were stopped
    Start(ActCommand),
    /// Let vassals finish their requests and stay stopped
    Stop(ActCommand),
    /// Try failed vassals again now
    Retry(ActCommand),
    /// Go back to the last vassal files that worked, until the files change again
    ///
    /// A vassal whose newest file failed goes back to the one that served before; one that serves
    /// by the file that is there, to the one before that. Only the vassal file goes back, not the
    /// app's code. Touch the file to go forward.
    Rollback(ActCommand),
    /// Let the emperor become the program now on disk; vassals go on untouched
    Upgrade(UpgradeCommand),
    /// Print what happened
    Events(EventsCommand),
    /// Print what the apps wrote
    Logs(LogsCommand),
    /// Say what an option of a vassal file means; without a name, list all
    Explain(ExplainCommand),
}

/// Where the emperor is; the same for everybody.
#[derive(Debug, clap::Args)]
pub(super) struct RunDirArgument {
    /// Directory of the emperor's sockets [default: `$LICTOR_RUN_DIR`, else `/run/lictor` for root
    /// and `$XDG_RUNTIME_DIR/lictor` for others]
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(super) run_dir: Option<PathBuf>,
}

/// What is added to every vassal file.
#[derive(Debug, Default, clap::Args)]
pub(super) struct PolicyArguments {
    /// A file of options read behind every vassal's own, whose values it replaces; repeatable
    #[arg(long, value_name = "FILE")]
    vassals_include: Vec<PathBuf>,
    /// A file of options read before every vassal's own, which may replace its values; repeatable
    #[arg(long, value_name = "FILE")]
    vassals_include_before: Vec<PathBuf>,
    /// An option or placeholder of every vassal, which its own file may replace; repeatable
    #[arg(long, alias = "vassals-set", value_name = "KEY=VALUE")]
    vassal_set: Vec<String>,
}

impl From<PolicyArguments> for PolicyFiles {
    fn from(arguments: PolicyArguments) -> Self {
        Self {
            before: arguments.vassals_include_before,
            set: arguments.vassal_set,
            after: arguments.vassals_include,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct UpgradeCommand {
    #[command(flatten)]
    pub(super) place: RunDirArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct EmperorCommand {
    /// Directories of vassal files, or quoted globs
    #[arg(value_name = "SOURCE")]
    pub(super) sources: Vec<String>,
    /// How the emperor writes its log
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) log_format: LogFormatArgument,
    /// How many apps come up at a time; the others wait, those first that somebody asks for
    /// [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) parallel_starts: Option<u16>,
    /// Memory that has to be available for an app to be started, as a share or a size such as
    /// `512M`; 0 for none. While there is less, starts wait
    #[arg(long, value_name = "AMOUNT", default_value = "5%", value_parser = free_memory)]
    pub(super) min_free_memory: FreeMemory,
    /// On SIGTERM and SIGINT leave the vassals running, for the next emperor to adopt
    #[arg(long)]
    pub(super) leave_vassals: bool,
    #[command(flatten)]
    pub(super) policy: PolicyArguments,
    /// Tell in uWSGI's JSON how the vassals are, at an address such as `127.0.0.1:9191`, a path or
    /// `@NAME`, for `uwsgitop` and others
    #[arg(
        long,
        aliases = ["emperor-stats", "emperor-stats-server", "stats-server"],
        value_name = "ADDRESS",
        value_parser = address,
        help_heading = "Watching"
    )]
    pub(super) stats: Option<Address>,
    /// Tell it as an answer of HTTP
    #[arg(long, requires = "stats", help_heading = "Watching")]
    pub(super) stats_http: bool,
    /// Answer Prometheus for all vassals, at `/metrics` of an address of this machine alone, such as
    /// `127.0.0.1:9117`, or of a unix socket
    #[arg(long, value_name = "ADDRESS", value_parser = private_address, help_heading = "Watching")]
    pub(super) metrics: Option<Address>,
    #[command(flatten)]
    pub(super) place: RunDirArgument,
}

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "lictor serve [FILE | MODULE:CALLABLE] [--OPTION VALUE]...",
    after_help = "Every option of a vassal file is a flag here: `--processes 4`, `-p 4`, \
                  `--http :8000`, `--lazy-apps`.\n`lictor explain` lists them. Without a socket, \
                  the app is served at http://127.0.0.1:8000.\n\n\
                  Examples:\n  lictor serve app:application\n  \
                  lictor serve app.py --http :8000 -p 4\n  lictor serve blog.toml --reload"
)]
pub(super) struct ServeCommand {
    /// Reload when the app's code changes
    #[arg(long)]
    pub(super) reload: bool,
    /// How lictor writes its log
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormatArgument>,
    /// Offer a control socket in this directory, for `lictor status` and the like
    #[arg(long, value_name = "DIR")]
    pub(super) run_dir: Option<PathBuf>,
    /// A vassal file, a `.py` file or an app as `MODULE:CALLABLE`, and options of the app
    #[arg(
        value_name = "APP",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(super) rest: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckCommand {
    /// Vassal files, or directories of them
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) policy: PolicyArguments,
}

#[derive(Debug, clap::Args)]
pub(super) struct ConvertCommand {
    /// Vassal file in any format
    #[arg(value_name = "FILE")]
    pub(super) path: PathBuf,
    /// Write to this file, which must not be there yet, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatusCommand {
    /// Show only this one, with its error, its last events and its last output
    pub(super) vassal: Option<String>,
    /// Print what the emperor answers, as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: RunDirArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct ActCommand {
    /// Names of vassals
    #[arg(required = true, value_name = "VASSAL")]
    pub(super) vassals: Vec<String>,
    /// Wait until it is done, and exit 0 only when it worked [default: 60s]
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "60s",
        value_parser = duration
    )]
    pub(super) wait: Option<Duration>,
    #[command(flatten)]
    pub(super) place: RunDirArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct EventsCommand {
    /// Print only what concerns these
    #[arg(value_name = "VASSAL")]
    pub(super) vassals: Vec<String>,
    /// Go on with what happens from now on
    #[arg(short, long)]
    pub(super) follow: bool,
    /// One JSON object a line
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: RunDirArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct LogsCommand {
    /// Print only the output of these
    #[arg(value_name = "VASSAL")]
    pub(super) vassals: Vec<String>,
    /// Go on with what is written from now on
    #[arg(short, long)]
    pub(super) follow: bool,
    #[command(flatten)]
    pub(super) place: RunDirArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExplainCommand {
    /// By any of its names, with or without dashes
    #[arg(allow_hyphen_values = true)]
    pub(super) option: Option<String>,
}

fn free_memory(text: &str) -> Result<FreeMemory, NotFreeMemory> {
    text.parse()
}

fn duration(text: &str) -> Result<Duration, NotADuration> {
    parse_duration(text)
}

/// [`LogFormat`] as it is typed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum LogFormatArgument {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

impl From<LogFormatArgument> for LogFormat {
    fn from(typed: LogFormatArgument) -> Self {
        match typed {
            LogFormatArgument::Text => Self::Text,
            LogFormatArgument::Json => Self::Json,
        }
    }
}

/// The log format of that name, for flags that clap has not seen.
pub(super) fn log_format(name: &str) -> Option<LogFormat> {
    let typed = LogFormatArgument::from_str(name, false).ok();
    typed.map(Into::into)
}

fn address(text: &str) -> Result<Address, String> {
    let base = std::env::current_dir().map_err(|error| error.to_string())?;
    parse_address(&base, text)
}

/// What there is to be read concerns all vassals, and nobody is asked who they are.
fn private_address(text: &str) -> Result<Address, String> {
    match address(text)? {
        Address::Tcp(tcp) if !tcp.ip().is_loopback() => Err(
            "it is open to other machines; use 127.0.0.1, [::1] or a unix socket, and a web server \
             in front of it that asks who they are"
                .to_owned(),
        ),
        private @ (Address::Tcp(_) | Address::Unix(_) | Address::Abstract(_)) => Ok(private),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Invocation, String> {
        CommandLine::try_parse_from(line.split_whitespace())
            .map(|line| line.invocation)
            .map_err(|error| error.render().to_string())
    }

    #[test]
    fn the_declaration_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_wait_may_have_a_duration() {
        let wait = |line: &str| match parsed(line) {
            Ok(Invocation::Reload(command)) => (command.wait, command.vassals.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("lictor reload blog shop"), (None, 2));
        let minute = Some(Duration::from_mins(1));
        assert_eq!(wait("lictor reload --wait blog"), (minute, 1));
        assert_eq!(
            wait("lictor reload blog --wait=5m"),
            (Some(Duration::from_mins(5)), 1)
        );
        let error = parsed("lictor reload blog --wait=soon").unwrap_err();
        assert!(error.contains("`soon` is not a duration"), "{error}");
    }

    #[test]
    fn starts_are_limited_by_number_and_memory() {
        let emperor = |line: &str| match parsed(line) {
            Ok(Invocation::Emperor(command)) => (command.parallel_starts, command.min_free_memory),
            other => panic!("{other:?}"),
        };
        let usual = FreeMemory::Percent(5);
        assert_eq!(emperor("lictor emperor vassals"), (None, usual));
        assert_eq!(
            emperor("lictor emperor vassals --parallel-starts 1024 --min-free-memory 2G"),
            (Some(1024), FreeMemory::Bytes(2 << 30))
        );
        for wrong in ["--parallel-starts 0", "--parallel-starts 1025"] {
            let error = parsed(&format!("lictor emperor vassals {wrong}")).unwrap_err();
            assert!(error.contains("1..=1024"), "{error}");
        }
        let error = parsed("lictor emperor vassals --min-free-memory much").unwrap_err();
        assert!(error.contains("write `5%`, `512M`"), "{error}");
    }

    #[test]
    fn what_is_misspelt_is_suggested() {
        let error = parsed("lictor stauts").unwrap_err();
        assert!(error.contains("'status'"), "{error}");
        let error = parsed("lictor status --jso").unwrap_err();
        assert!(error.contains("'--json'"), "{error}");
        assert!(parsed("lictor emperor vassals --tyrant").is_err());
        assert!(parsed("lictor explain --http").is_ok());
    }

    #[test]
    fn flags_of_the_app_come_through_raw() {
        let serve = |line: &str| match parsed(line) {
            Ok(Invocation::Serve(command)) => (command.reload, command.rest.join(" ")),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            serve("lictor serve app:a --http :1"),
            (false, "app:a --http :1".into())
        );
        assert_eq!(
            serve("lictor serve -w app:a -p4"),
            (false, "-w app:a -p4".into())
        );
        assert_eq!(
            serve("lictor serve --reload --http :1"),
            (true, "--http :1".into())
        );
        assert_eq!(
            serve("lictor serve app --reload"),
            (false, "app --reload".into())
        );
    }
}
