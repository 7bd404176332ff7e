//! Everything a person types: reads the command line, does it or has it done, says what came of it.
//!
//! A command is a file. What runs apps is handed to the emperor; what asks about them goes through
//! the control socket; `check`, `convert` and `explain` need neither. Errors are printed here, once.

mod act;
mod args;
mod check;
mod convert;
mod error;
mod events;
mod exit;
mod explain;
mod flags;
mod lines;
mod logs;
mod output;
mod serve;
mod session;
mod status;
mod table;
mod upgrade;
mod vassal;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{CommandLine, EmperorCommand, Invocation, ServeCommand};
use self::error::CliError;
use self::exit::Exit;
use self::output::Output;
use self::serve::Asked;
use crate::control::{RunDir, Verb};
use crate::emperor::{self, EmperorArgs};

/// What the emperor runs its own executable with, to make a master. It is no command for people.
const MASTER: &str = "__master";

/// What a master runs it with once more, to embed its Python.
const EMBED: &str = "__embed";

/// What the emperor runs its own executable with, to have a file read as its user.
const EXPAND: &str = "__expand";

/// What an emperor runs a binary with that is to follow it; its own arguments come after this.
const UPGRADE_CHECK: &str = "__upgrade-check";

/// Does what `args`, the program's name first, ask for.
pub(crate) fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    match args.get(1).and_then(|first| first.to_str()) {
        Some(MASTER) => return crate::boot::master(),
        Some(EXPAND) => return crate::boot::expand(),
        Some(EMBED) => return crate::boot::embed(args.get(2).and_then(|number| number.to_str())),
        Some(_) | None => {}
    }
    let (mut data, mut messages) = (io::stdout(), io::stderr());
    if args.get(1).is_some_and(|first| first == UPGRADE_CHECK) {
        return upgrade::answer(args, &mut Output::new(&mut data, &mut messages)).into();
    }
    let exit = run(args, &mut Output::new(&mut data, &mut messages));
    if exit != Exit::Done {
        // If an emperor became this program, it becomes its old one again.
        emperor::go_back("its command line is refused");
    }
    exit.into()
}

fn run(args: Vec<OsString>, output: &mut Output<'_>) -> Exit {
    let done = match CommandLine::try_parse_from(args) {
        Ok(line) => dispatch(line.invocation, output),
        Err(refusal) => refused(&refusal, output),
    };
    done.unwrap_or_else(|error| {
        output.message(&error.report());
        error.exit()
    })
}

fn dispatch(invocation: Invocation, output: &mut Output<'_>) -> Result<Exit, CliError> {
    match invocation {
        Invocation::Emperor(command) => run_emperor(command),
        Invocation::Serve(command) => run_serve(command, output),
        Invocation::Check(command) => check::run(command, output),
        Invocation::Convert(command) => convert::run(&command, output),
        Invocation::Status(command) => status::run(command, output),
        Invocation::Reload(command) => act::run(command, Verb::Reload, output),
        Invocation::Start(command) => act::run(command, Verb::Start, output),
        Invocation::Stop(command) => act::run(command, Verb::Stop, output),
        Invocation::Retry(command) => act::run(command, Verb::Retry, output),
        Invocation::Rollback(command) => act::run(command, Verb::Rollback, output),
        Invocation::Upgrade(command) => upgrade::run(command, output),
        Invocation::Events(command) => events::run(command, output),
        Invocation::Logs(command) => logs::run(command, output),
        Invocation::Explain(command) => explain::run(&command, output),
    }
}

fn run_emperor(command: EmperorCommand) -> Result<Exit, CliError> {
    let EmperorCommand {
        sources,
        log_format,
        parallel_starts,
        min_free_memory,
        leave_vassals,
        policy,
        place,
    } = command;
    if sources.is_empty() {
        return Err(CliError::NoSource);
    }
    let run_dir = RunDir::find(place.run_dir);
    run_dir.create()?;
    let log_format = log_format.into();
    emperor::govern(&EmperorArgs {
        sources,
        run_dir,
        leaves_vassals: leave_vassals,
        log_format,
        parallel_starts,
        min_free_memory,
        policy: policy.into(),
    })?;
    Ok(Exit::Done)
}

fn run_serve(command: ServeCommand, output: &mut Output<'_>) -> Result<Exit, CliError> {
    match serve::read(command)? {
        Asked::Help => {
            let mut whole = CommandLine::command();
            // Lets the commands know that they are never coloured.
            whole.build();
            let help = whole
                .find_subcommand_mut("serve")
                .map(clap::Command::render_help);
            output.data(help.as_ref().map(ToString::to_string).unwrap_or_default())?;
        }
        Asked::Serve(request) => emperor::serve(request.prepare()?)?,
    }
    Ok(Exit::Done)
}

/// Help and version are answers, all else that clap says is a complaint.
fn refused(refusal: &clap::Error, output: &mut Output<'_>) -> Result<Exit, CliError> {
    let text = refusal.render().to_string();
    if refusal.use_stderr() {
        output.message(&text);
        return Ok(Exit::Usage);
    }
    output.data(text)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write};

    use super::*;

    /// The exit code, the data and the messages of a command line.
    fn typed(line: &str) -> (Exit, String, String) {
        let (mut data, mut messages) = (Vec::new(), Vec::new());
        let args = line.split_whitespace().map(OsString::from).collect();
        let exit = run(args, &mut Output::new(&mut data, &mut messages));
        let [data, messages] = [data, messages].map(|text| String::from_utf8(text).unwrap());
        (exit, data, messages)
    }

    #[test]
    fn help_and_version_are_data() {
        let version = format!("lictor {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            typed("lictor --version"),
            (Exit::Done, version, String::new())
        );
        let (exit, help, _) = typed("lictor --help");
        assert_eq!(exit, Exit::Done);
        assert!(help.contains("Exit codes: 0 done"), "{help}");
        assert!(!help.contains(MASTER));
        assert!(!help.contains('\x1b'));
        let (exit, help, _) = typed("lictor serve app:application --help");
        assert_eq!(exit, Exit::Done);
        assert!(
            help.contains("lictor serve [FILE | MODULE:CALLABLE]"),
            "{help}"
        );
    }

    #[test]
    fn a_senseless_command_line_is_told_so() {
        for line in [
            "lictor",
            "lictor stauts",
            "lictor reload",
            "lictor check",
            "lictor emperor",
        ] {
            let (exit, data, messages) = typed(line);
            assert_eq!((exit, data.as_str()), (Exit::Usage, ""), "{line}");
            assert!(!messages.is_empty(), "{line}");
        }
    }

    #[test]
    fn no_emperor_has_its_own_exit_code() {
        let directory = tempfile::tempdir().unwrap();
        let place = format!("--run-dir {}", directory.path().display());
        for command in [
            "status",
            "status blog",
            "events -f",
            "logs",
            "reload blog --wait",
        ] {
            let (exit, data, messages) = typed(&format!("lictor {command} {place}"));
            assert_eq!((exit, data.as_str()), (Exit::NoEmperor, ""), "{command}");
            assert!(messages.starts_with("error: no emperor at `"), "{messages}");
            assert!(messages.contains("\nhint: start one with"), "{messages}");
        }
    }

    /// A reader that has gone.
    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_left_quietly() {
        let mut messages = Vec::new();
        let args = vec!["lictor".into(), "--help".into()];
        assert_eq!(
            run(args, &mut Output::new(&mut Gone, &mut messages)),
            Exit::Done
        );
        assert!(messages.is_empty());
    }
}
