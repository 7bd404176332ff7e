//! From a vassal's options to one interpreter and the way to run it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lictor_core::config::{PythonChoice, VassalConfig};

use super::error::{OLDEST, PythonError, Version};
use super::inspect::{Build, inspect};
use super::venv::{Virtualenv, parse_version};

/// Asks a script that stands before an interpreter (as version managers install) which one it is.
const QUESTION: &str = "import sys; print(sys.executable)";

/// An interpreter and how it is run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// `sys.executable` of the app.
    pub(crate) executable: PathBuf,
    /// The library to embed; none if the interpreter is executed.
    pub(crate) library: Option<PathBuf>,
}

impl Interpreter {
    /// What is executed: the interpreter, or Lictor to embed its library.
    pub(crate) fn program(&self) -> PathBuf {
        match self.library {
            Some(_) => PathBuf::from("/proc/self/exe"),
            None => self.executable.clone(),
        }
    }
}

/// Finds the interpreter. `path` and `variables` are the app's own.
pub(crate) fn choose(
    config: &VassalConfig,
    path: &str,
    variables: &[(String, String)],
) -> Result<Interpreter, PythonError> {
    if let Some(directory) = &config.virtualenv {
        return of_virtualenv(directory, config.python.as_ref(), path);
    }
    let candidate = match &config.python {
        Some(PythonChoice::Path(interpreter)) => interpreter.clone(),
        Some(PythonChoice::Version(major, minor)) => {
            on_path(&format!("python{major}.{minor}"), path)?
        }
        None => on_path("python3", path)?,
    };
    of_executable(&candidate, variables)
}

fn of_virtualenv(
    directory: &Path,
    wanted: Option<&PythonChoice>,
    path: &str,
) -> Result<Interpreter, PythonError> {
    let environment = Virtualenv::read(directory)?;
    let version = environment.version();
    if let Some(found) = version.filter(|found| *found < OLDEST) {
        let found = environment
            .version_text
            .clone()
            .unwrap_or_else(|| found.to_string());
        return Err(PythonError::TooOld {
            place: environment.config,
            found,
        });
    }
    if let (Some(&PythonChoice::Version(major, minor)), Some(found)) = (wanted, version)
        && Version(major, minor) != found
    {
        let wanted = Version(major, minor);
        return Err(PythonError::Disagree {
            wanted,
            config: environment.config,
            found,
        });
    }
    let Ok(real) = environment.executable.canonicalize() else {
        return Err(gone(directory, environment, path));
    };
    let build = inspect(&real)?;
    // A version in the library's name beats `pyvenv.cfg`: that is what would be loaded.
    check_age(&real, version_of(&build, &real).or(version))?;
    Ok(Interpreter {
        executable: environment.executable,
        library: library_of(build),
    })
}

fn gone(directory: &Path, environment: Virtualenv, path: &str) -> PythonError {
    let found = match on_path("python3", path)
        .ok()
        .and_then(|p| p.canonicalize().ok())
    {
        Some(real) => match inspect(&real)
            .ok()
            .and_then(|build| version_of(&build, &real))
        {
            Some(version) => format!(
                "`python3` on PATH is Python {version} (`{}`)",
                real.display()
            ),
            None => format!("`python3` on PATH is `{}`", real.display()),
        },
        None => "there is no `python3` on PATH either".to_owned(),
    };
    PythonError::InterpreterGone {
        path: directory.to_owned(),
        made_with: environment
            .version_text
            .unwrap_or_else(|| "of unknown version".to_owned()),
        interpreter: last_link(&environment.executable),
        config: environment.config,
        found,
    }
}

/// Follows links as far as they lead.
fn last_link(path: &Path) -> PathBuf {
    let mut current = path.to_owned();
    for _ in 0..16 {
        let Ok(target) = std::fs::read_link(&current) else {
            break;
        };
        current = current
            .parent()
            .map_or_else(|| target.clone(), |parent| parent.join(&target));
    }
    current
}

fn of_executable(
    candidate: &Path,
    variables: &[(String, String)],
) -> Result<Interpreter, PythonError> {
    if let Some(interpreter) = interpreter_at(candidate)? {
        return Ok(interpreter);
    }
    let behind = ask(candidate, variables)?;
    interpreter_at(&behind)?.ok_or_else(|| PythonError::Mute {
        path: candidate.to_owned(),
        reason: format!("`{}` is no executable", behind.display()),
    })
}

/// None if a script stands there.
fn interpreter_at(executable: &Path) -> Result<Option<Interpreter>, PythonError> {
    let real = executable
        .canonicalize()
        .map_err(|source| PythonError::Read {
            path: executable.to_owned(),
            source,
        })?;
    let build = inspect(&real)?;
    if build == Build::Script {
        return Ok(None);
    }
    check_age(&real, version_of(&build, &real))?;
    let library = library_of(build);
    Ok(Some(Interpreter {
        executable: executable.to_owned(),
        library,
    }))
}

fn library_of(build: Build) -> Option<PathBuf> {
    match build {
        Build::Shared { library, .. } => Some(library),
        Build::Static | Build::Script => None,
    }
}

/// From the library's name, else from the executable's (`python3.11`).
fn version_of(build: &Build, real: &Path) -> Option<Version> {
    match build {
        Build::Shared {
            version: Some(version),
            ..
        } => Some(*version),
        Build::Shared { version: None, .. } | Build::Static | Build::Script => {
            parse_version(real.file_name()?.to_str()?.strip_prefix("python")?)
        }
    }
}

fn check_age(place: &Path, version: Option<Version>) -> Result<(), PythonError> {
    match version {
        Some(found) if found < OLDEST => Err(PythonError::TooOld {
            place: place.to_owned(),
            found: found.to_string(),
        }),
        Some(_) | None => Ok(()),
    }
}

fn on_path(name: &str, path: &str) -> Result<PathBuf, PythonError> {
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|candidate| is_executable(candidate))
        .ok_or_else(|| PythonError::NotOnPath {
            name: name.to_owned(),
            path: path.to_owned(),
        })
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

fn ask(script: &Path, variables: &[(String, String)]) -> Result<PathBuf, PythonError> {
    let mute = |reason: String| PythonError::Mute {
        path: script.to_owned(),
        reason,
    };
    let output = Command::new(script)
        .args(["-c", QUESTION])
        .env_clear()
        .envs(variables.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| mute(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let executable = PathBuf::from(OsString::from(text.trim()));
    if executable.is_absolute() {
        return Ok(executable);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(mute(said.lines().last().unwrap_or("no answer").to_owned()))
}
