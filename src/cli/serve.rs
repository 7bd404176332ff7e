//! `lictor serve`: from what was typed to one app in the foreground.
//!
//! An app that is named as a module or a `.py` file is an option like any other, so that a vassal
//! file, flags, or both can describe it. Everything is checked here once, so that mistakes are
//! shown before anything is started; the emperor reads it again on each reload.

use std::env;
use std::path::{Path, PathBuf};

use super::args::{ServeCommand, log_format};
use super::error::CliError;
use super::flags::{FlagError, Split};
use lictor_core::config::{self, Machine, Policy};

use crate::control::RunDir;
use crate::emperor::{self, LogFormat, ServeArgs};

/// Where an app is served when nothing else is said.
const DEFAULT_HTTP: &str = "127.0.0.1:8000";
/// Options that give an app a socket, by all their names.
const SOCKET_OPTIONS: [&str; 13] = [
    "http",
    "http-socket",
    "http11-socket",
    "https",
    "https-socket",
    "uwsgi",
    "uwsgi-socket",
    "socket",
    "s",
    "fastcgi",
    "fastcgi-socket",
    "scgi",
    "scgi-socket",
];

/// `--help` after the app, where clap does not see it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Help,
    Serve(Request),
}

/// What was typed, put in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    file: Option<PathBuf>,
    flags: Vec<(String, Vec<String>)>,
    run_dir: Option<PathBuf>,
    reload: bool,
    log_format: LogFormat,
}

/// Puts in order what was typed.
pub(super) fn read(command: ServeCommand) -> Result<Asked, CliError> {
    let mut split = Split::of(&command.rest, |name| {
        matches!(name, "reload" | "help" | "h") || config::is_switch(name)
    })?;
    if split.take("help").is_some() || split.take("h").is_some() {
        return Ok(Asked::Help);
    }
    let mut request = Request {
        reload: command.reload || alone(&mut split, "reload")?,
        run_dir: single(&mut split, "run-dir")?
            .map(PathBuf::from)
            .or(command.run_dir),
        ..Request::default()
    };
    request.log_format = match single(&mut split, "log-format")? {
        Some(value) => log_format(&value).ok_or(FlagError::LogFormat { value })?,
        None => command.log_format.unwrap_or_default().into(),
    };
    let mut positional = split.positional.into_iter();
    request.flags = split.flags;
    match (positional.next(), positional.next()) {
        (Some(first), Some(second)) => return Err(CliError::TwoApps { first, second }),
        (Some(app), None) => request.add_app(app),
        (None, _) if request.flags.is_empty() => return Err(CliError::NoApp),
        (None, _) => {}
    }
    let has_socket = request
        .flags
        .iter()
        .any(|(name, _)| SOCKET_OPTIONS.contains(&name.as_str()));
    if request.file.is_none() && !has_socket {
        request.add_default_socket();
    }
    Ok(Asked::Serve(request))
}

impl Request {
    /// `blog.toml` and `./blog.toml` are vassal files, `app.py` and `app.py:app` are what
    /// `wsgi-file` means, all else is a module.
    fn add_app(&mut self, app: String) {
        let file_name = app.rsplit('/').next().unwrap_or(&app);
        if config::vassal_name(Path::new(file_name)).is_some() {
            self.file = Some(app.into());
            return;
        }
        let (target, callable) = match app.rsplit_once(':') {
            Some((target, callable)) => (target, Some(callable)),
            None => (app.as_str(), None),
        };
        if Path::new(target)
            .extension()
            .is_some_and(|extension| extension == "py")
        {
            self.flags
                .insert(0, ("wsgi-file".into(), vec![target.into()]));
            if let Some(callable) = callable {
                self.flags
                    .insert(1, ("callable".into(), vec![callable.into()]));
            }
        } else if app.contains('/') {
            self.file = Some(app.into());
        } else {
            self.flags.insert(0, ("module".into(), vec![app]));
        }
    }

    fn add_default_socket(&mut self) {
        self.flags.push(("http".into(), vec![DEFAULT_HTTP.into()]));
    }

    /// Checks it, and makes what the emperor needs.
    pub(super) fn prepare(mut self) -> Result<ServeArgs, CliError> {
        let base_dir =
            env::current_dir().map_err(|source| CliError::WorkingDirectory { source })?;
        let file = match self.file {
            Some(path) => {
                let path = base_dir.join(path);
                let bytes = config::read_vassal_bytes(&path)?;
                Some((path, bytes))
            }
            None => None,
        };
        let parsed = if let Some((path, bytes)) = &file {
            let policy = Policy {
                flags: self.flags.clone(),
                flags_base: base_dir.clone(),
                ..Policy::default()
            };
            emperor::read_served(path, bytes, &policy).map_err(CliError::Refused)?
        } else {
            config::parse_flags(&base_dir, None, &self.flags, &Machine::here())?
        };
        self.file = None;
        // Only now is it known whether the file names a socket.
        if parsed.addresses().next().is_none() && file.is_some() {
            self.add_default_socket();
        }
        // Only on request, so that one can serve as many apps as one likes from as many terminals.
        let run_dir = self.run_dir.map(|path| RunDir::find(Some(path)));
        run_dir.as_ref().map_or(Ok(()), RunDir::create)?;
        Ok(ServeArgs {
            file: file.map(|(path, _)| path),
            flags: self.flags,
            base_dir,
            run_dir,
            reload: self.reload,
            log_format: self.log_format,
        })
    }
}

/// An option of lictor's own that takes no value.
fn alone(split: &mut Split, name: &'static str) -> Result<bool, FlagError> {
    match split.take(name) {
        None => Ok(false),
        Some(values) if values.is_empty() => Ok(true),
        Some(_) => Err(FlagError::NeedlessValue { name }),
    }
}

/// An option of lictor's own that takes one value.
fn single(split: &mut Split, name: &'static str) -> Result<Option<String>, FlagError> {
    let values = split.take(name).unwrap_or_default();
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(FlagError::Repeated { name }),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{CommandLine, Invocation};

    fn asked(line: &str) -> Result<Asked, CliError> {
        let words = ["lictor", "serve"]
            .into_iter()
            .chain(line.split_whitespace());
        let line = CommandLine::try_parse_from(words).unwrap();
        let Invocation::Serve(command) = line.invocation else {
            panic!("{line:?}")
        };
        read(command)
    }

    fn request(line: &str) -> Request {
        match asked(line) {
            Ok(Asked::Serve(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    /// The file and the options of a request, as one line.
    fn shown(line: &str) -> String {
        let request = request(line);
        let mut words: Vec<String> = request
            .file
            .iter()
            .map(|f| f.display().to_string())
            .collect();
        let flag = |(name, values): &(String, Vec<String>)| format!("{name}={}", values.join(","));
        words.extend(request.flags.iter().map(flag));
        words.join(" ")
    }

    #[test]
    fn an_app_needs_no_more_than_its_name() {
        assert_eq!(
            shown("app:application"),
            "module=app:application http=127.0.0.1:8000"
        );
        assert_eq!(shown("blog.wsgi"), "module=blog.wsgi http=127.0.0.1:8000");
        assert_eq!(
            shown("-w app:application"),
            "w=app:application http=127.0.0.1:8000"
        );
        assert_eq!(
            shown("app:application --http :80"),
            "module=app:application http=:80"
        );
        assert_eq!(shown("app -s /run/a.sock"), "module=app s=/run/a.sock");
    }

    #[test]
    fn files_are_told_from_modules() {
        assert_eq!(shown("blog.toml -p 2"), "blog.toml p=2");
        assert_eq!(shown("etc/blog.ini"), "etc/blog.ini");
        assert_eq!(shown("etc/blog"), "etc/blog");
        assert_eq!(shown("app.py"), "wsgi-file=app.py http=127.0.0.1:8000");
        let with_callable = "wsgi-file=src/app.py callable=main http=127.0.0.1:8000";
        assert_eq!(shown("src/app.py:main"), with_callable);
    }

    #[test]
    fn own_options_count_before_and_after_the_app() {
        for line in ["--reload --run-dir r app", "app --run-dir=r --reload"] {
            let request = request(line);
            assert!(request.reload, "{line}");
            assert_eq!(request.run_dir, Some("r".into()), "{line}");
        }
        assert_eq!(request("app --log-format json").log_format, LogFormat::Json);
        assert_eq!(asked("app --help").unwrap(), Asked::Help);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |line: &str| asked(line).unwrap_err().to_string();
        assert_eq!(message(""), "`lictor serve` needs to know which app");
        assert_eq!(
            message("a b"),
            "`lictor serve` serves one app, and `a` and `b` are two"
        );
        assert_eq!(message("a --http"), "`--http` needs a value");
        assert_eq!(message("a --reload=1"), "`--reload` takes no value");
        assert_eq!(
            message("a --run-dir x --run-dir y"),
            "`--run-dir` is given more than once"
        );
        assert_eq!(message("a --log-format xml"), "`xml` is not a log format");
    }
}
