//! Vassal files beside what they come to: adding a file is adding a test.
//!
//! `tests/configs/bad/*` stand beside the exact diagnostics, `tests/configs/good/*` beside the
//! vassal as JSON. `UPDATE_EXPECT=1` writes what comes out instead of comparing.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use lictor_core::config::parse_vassal;
use lictor_core::sys::read_bounded;

const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/configs")
        .join(name)
}

/// Every vassal file of a folder, with its name. An expectation has two dots: `x.toml.stderr`.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of configs")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (
                name,
                read_bounded(&path, LIMIT_BYTES).expect("a readable file"),
            )
        })
        .filter(|(name, _)| name.matches('.').count() == 1)
        .collect();
    files.sort();
    files
}

/// Compares, or writes; gives the text of what differs.
fn check(path: &Path, actual: &str) -> Option<String> {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let mut file = File::create(path).expect("a writable folder");
        file.write_all(actual.as_bytes()).expect("a writable file");
        return None;
    }
    let expected = read_bounded(path, LIMIT_BYTES).unwrap_or_default();
    (expected != actual.as_bytes()).then(|| format!("{}:\n{actual}", path.display()))
}

#[test]
fn bad_files_are_refused_with_these_words() {
    let folder = folder("bad");
    let files = files(&folder);
    assert!(files.len() >= 30, "only {} files", files.len());
    let mut wrong = Vec::new();
    for (name, bytes) in files {
        let path = Path::new("vassals").join(&name);
        let actual = match parse_vassal(&path, &bytes) {
            Ok(vassal) => format!("accepted: {vassal:?}\n"),
            Err(diagnostics) => format!("{diagnostics}\n\nsummary: {}\n", diagnostics.summary()),
        };
        wrong.extend(check(&folder.join(format!("{name}.stderr")), &actual));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_files_come_to_this() {
    let folder = folder("good");
    let mut wrong = Vec::new();
    for (name, bytes) in files(&folder) {
        let path = Path::new("/srv/vassals").join(&name);
        let actual = match parse_vassal(&path, &bytes) {
            Ok(mut vassal) => {
                // The file itself, once more.
                vassal.module.given.clear();
                serde_json::to_string_pretty(&vassal).expect("a vassal is JSON") + "\n"
            }
            Err(diagnostics) => format!("refused:\n{diagnostics}\n"),
        };
        wrong.extend(check(&folder.join(format!("{name}.json")), &actual));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_vassal_in_four_formats_is_the_same_vassal() {
    let folder = folder("good");
    let vassals: Vec<_> = ["toml", "yaml", "json", "ini"]
        .iter()
        .map(|format| {
            let name = format!("everything.{format}");
            let bytes = read_bounded(&folder.join(&name), LIMIT_BYTES).expect("a readable file");
            let path = Path::new("/srv/vassals").join(&name);
            let mut vassal = parse_vassal(&path, &bytes).expect("a good file");
            vassal.module.given.clear();
            vassal
        })
        .collect();
    for pair in vassals.windows(2) {
        assert_eq!(pair.first(), pair.last());
    }
}
