//! The Pythons of this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;

/// How an interpreter is built, which decides how it is hosted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// Linked to a libpython.
    Shared,
    /// The interpreter is in the executable.
    Static,
}

/// One interpreter.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    /// Its own `sys.executable`.
    pub(crate) executable: PathBuf,
    /// As `3.12`.
    pub(crate) version: String,
    pub(crate) build: Build,
}

#[derive(Deserialize)]
struct Said {
    version: (u8, u8),
    executable: PathBuf,
    shared: bool,
    usable: bool,
}

const QUESTION: &str = "\
import sys, json
print(json.dumps({
    'version': sys.version_info[:2],
    'executable': sys.executable,
    'shared': any('libpython' in line for line in open('/proc/self/maps')),
    'usable': sys.implementation.name == 'cpython' and 't' not in sys.abiflags,
}))";

/// Every usable interpreter, the `python3` of PATH first.
pub(crate) fn pythons() -> &'static [Python] {
    static FOUND: OnceLock<Vec<Python>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for candidate in candidates() {
            if let Some(python) = ask(&candidate)
                && let Ok(real) = python.executable.canonicalize()
                && seen.insert(real)
            {
                found.push(python);
            }
        }
        assert!(
            !found.is_empty(),
            "the tests need a Python of version 3.9 or later on PATH"
        );
        found
    })
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["python3".to_owned()]
        .into_iter()
        .chain((9..=14).map(|minor| format!("python3.{minor}")));
    let mut found: Vec<PathBuf> = names
        .flat_map(|name| {
            std::env::split_paths(&path)
                .map(|directory| directory.join(&name))
                .collect::<Vec<_>>()
        })
        .collect();
    found.push(PathBuf::from("/usr/bin/python3"));
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let versions = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let mut versions: Vec<PathBuf> = versions
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin/python3")))
        .collect();
    versions.sort();
    found.extend(versions);
    found.retain(|candidate| candidate.is_file());
    found
}

fn ask(candidate: &Path) -> Option<Python> {
    let output = Command::new(candidate)
        .args(["-c", QUESTION])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said: Said = serde_json::from_slice(&output.stdout).ok()?;
    let is_new_enough = said.version >= (3, 9);
    (said.usable && is_new_enough).then(|| Python {
        executable: said.executable,
        version: format!("{}.{}", said.version.0, said.version.1),
        build: if said.shared {
            Build::Shared
        } else {
            Build::Static
        },
    })
}

impl Python {
    /// What this interpreter prints when it runs the code.
    #[track_caller]
    pub(crate) fn says(&self, code: &str) -> String {
        says(&self.executable, code)
    }
}

/// What an interpreter prints when it runs the code, in a clean environment.
#[track_caller]
pub(crate) fn says(executable: &Path, code: &str) -> String {
    let output = Command::new(executable)
        .args(["-c", code])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .expect("the interpreter can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Makes a virtual environment.
#[track_caller]
pub(crate) fn virtualenv(python: &Python, place: &Path) {
    let output = Command::new(&python.executable)
        .args(["-m", "venv", "--without-pip"])
        .arg(place)
        .stdin(Stdio::null())
        .output()
        .expect("the interpreter can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
