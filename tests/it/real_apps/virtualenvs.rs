//! Virtual environments with packages from `PyPI`, made once and kept in `target/real-apps`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Build, Python, pythons, virtualenv};

/// What is installed for one app.
#[derive(Debug)]
pub(crate) struct Packages {
    /// What it is; others that it needs may stand before it.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

/// Three different Pythons: a static one, then the oldest and the newest of the others. Where there
/// are fewer, some are used twice.
pub(crate) fn three_pythons() -> [&'static Python; 3] {
    let mut all: Vec<&Python> = pythons().iter().collect();
    all.sort_by_key(|python| minor_of(python));
    all.dedup_by_key(|python| (minor_of(python), python.build == Build::Static));
    let first = *all
        .iter()
        .find(|python| python.build == Build::Static)
        .unwrap_or(&all[0]);
    let others: Vec<&Python> = all
        .iter()
        .copied()
        .filter(|python| python.version != first.version)
        .collect();
    let second = others.first().copied().unwrap_or(first);
    let third = others.last().copied().unwrap_or(first);
    if others.len() < 2 || first.build != Build::Static {
        eprintln!(
            "real apps: not three Pythons with a static one here, but {first:?}, {second:?}, {third:?}"
        );
    }
    [first, second, third]
}

/// The 9 of 3.9.
pub(crate) fn minor_of(python: &Python) -> u32 {
    let (_, minor) = python.version.split_once('.').expect("as in 3.12");
    minor.parse().expect("as in 3.12")
}

/// The virtual environment of this Python that holds these packages.
#[track_caller]
pub(crate) fn with_packages(python: &Python, packages: &Packages) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it is below `target`");
    let Packages { name, version } = packages;
    let full_version = python.says("import platform; print(platform.python_version())");
    let build = if python.build == Build::Static {
        "static"
    } else {
        "shared"
    };
    let key = format!("venv-{full_version}-{build}-{name}-{version}").replace(' ', "-");
    let directory = target.join("real-apps");
    fs::create_dir_all(&directory).expect("it is ours");
    // Held by whoever installs; several test programs may run at once.
    let lock = File::create(directory.join(format!("{key}.lock"))).expect("it is ours");
    lock.lock().expect("a file can be locked");
    let place = directory.join(key);
    let done = place.join("installed");
    if !done.exists() || !place.join("bin/python").exists() {
        if place.exists() {
            fs::remove_dir_all(&place).expect("it is ours");
        }
        virtualenv(python, &place);
        install(python, &place, &format!("{name}=={version}"));
        fs::write(done, "").expect("it is ours");
    }
    place
}

/// Installs with the pip of that Python, or of any other, so that none is needed inside.
#[track_caller]
fn install(python: &Python, place: &Path, requirement: &str) {
    let candidates = std::iter::once(python).chain(pythons());
    let has_pip = |python: &&Python| {
        let asked = Command::new(&python.executable)
            .args(["-m", "pip", "--version"])
            .output();
        asked.is_ok_and(|output| output.status.success())
    };
    let with_pip = candidates
        .into_iter()
        .find(has_pip)
        .expect("none of the Pythons has pip, which installs the real apps");
    let output = Command::new(&with_pip.executable)
        .args(["-m", "pip", "--python"])
        .arg(place.join("bin/python"))
        .args([
            "--disable-pip-version-check",
            "--no-input",
            "--timeout",
            "20",
            "--retries",
            "2",
        ])
        .arg("install")
        .args(requirement.split(' '))
        .stdin(Stdio::null())
        .output()
        .expect("pip can be run");
    assert!(
        output.status.success(),
        "`{requirement}` could not be installed from PyPI, which this test needs:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs the interpreter of a virtual environment to its end.
#[track_caller]
pub(crate) fn run_in(
    place: &Path,
    directory: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> String {
    let output = Command::new(place.join("bin/python"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("the interpreter can be run");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
