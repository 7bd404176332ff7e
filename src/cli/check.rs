//! `lictor check`: what is wrong with vassal files, found as the emperor would, without running any.
//!
//! A directory stands for the files in it that count as vassals. Two of them with one stem are a
//! mistake that neither file shows by itself.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lictor_core::config;

use super::args::CheckCommand;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, printable};
use crate::emperor;

/// How many there were of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    checked: usize,
    bad: usize,
    unreadable: usize,
}

/// Checks every path and says what came of it.
pub(super) fn run(command: CheckCommand, output: &mut Output<'_>) -> Result<Exit, CliError> {
    let mut tally = Tally::default();
    for path in command.paths {
        if path.is_dir() {
            check_directory(&path, &mut tally, output);
        } else {
            check_file(&path, &mut tally, output);
        }
    }
    output.data(tally.summary())?;
    Ok(tally.exit())
}

fn check_directory(directory: &Path, tally: &mut Tally, output: &mut Output<'_>) {
    let files = match vassal_files(directory) {
        Ok(files) => files,
        Err(source) => {
            tally.unreadable += 1;
            let what = format!("could not read the directory `{}`", directory.display());
            output.message(&format!(
                "error: {}\ncaused by: {source}\n\n",
                printable(&what)
            ));
            return;
        }
    };
    for (name, same) in &files {
        for path in same {
            check_file(path, tally, output);
        }
        if same.len() > 1 {
            tally.bad += same.len();
            output.message(&twins(name, same));
        }
    }
}

/// The vassal files of a directory by the name of their vassal.
fn vassal_files(directory: &Path) -> io::Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = config::vassal_name(&entry.path());
        if let Some(name) = name.filter(|_| entry.path().is_file()) {
            files.entry(name).or_default().push(entry.path());
        }
    }
    for same in files.values_mut() {
        same.sort();
    }
    Ok(files)
}

fn check_file(path: &Path, tally: &mut Tally, output: &mut Output<'_>) {
    tally.checked += 1;
    let (count, complaint) = match config::read_vassal_bytes(path) {
        Err(diagnostics) => (&mut tally.unreadable, diagnostics.to_string()),
        Ok(bytes) => match complaint_about(path, &bytes) {
            Some(complaint) => (&mut tally.bad, complaint),
            None => return,
        },
    };
    *count += 1;
    output.message(&format!("{complaint}\n\n"));
}

/// What is wrong with a file. What it names is looked at by whoever checks; but root, who may look at
/// everything, has that done by the user of the vassal, as the emperor does.
fn complaint_about(path: &Path, bytes: &[u8]) -> Option<String> {
    let diagnostics = config::parse_vassal(path, bytes).err()?;
    if !diagnostics.asks_outside() {
        return Some(diagnostics.to_string());
    }
    emperor::check_as_user(path, bytes).err()
}

/// The complaint about files that stand for one vassal.
fn twins(name: &str, files: &[PathBuf]) -> String {
    let files: Vec<String> = files
        .iter()
        .map(|file| format!("`{}`", file.display()))
        .collect();
    let text = format!(
        "error: {} all stand for the vassal `{name}`",
        files.join(" and ")
    );
    format!(
        "{}\nhint: rename or remove all but one\n\n",
        printable(&text)
    )
}

impl Tally {
    fn summary(self) -> String {
        let files = match self.checked {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        match (self.bad, self.unreadable) {
            (0, 0) if self.checked == 0 => "no vassal files there\n".into(),
            (0, 0) => format!("checked {files}: good\n"),
            (bad, 0) => format!("checked {files}: {bad} bad\n"),
            (0, unreadable) => format!("checked {files}: {unreadable} could not be read\n"),
            (bad, unreadable) => {
                format!("checked {files}: {bad} bad, {unreadable} could not be read\n")
            }
        }
    }

    fn exit(self) -> Exit {
        match (self.bad, self.unreadable) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::Failed,
            _ => Exit::BadConfig,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(checked: usize, bad: usize, unreadable: usize) -> Tally {
        Tally {
            checked,
            bad,
            unreadable,
        }
    }

    #[test]
    fn the_summary_counts() {
        let table = [
            (tally(0, 0, 0), "no vassal files there\n", Exit::Done),
            (tally(1, 0, 0), "checked 1 file: good\n", Exit::Done),
            (tally(3, 2, 0), "checked 3 files: 2 bad\n", Exit::BadConfig),
            (
                tally(3, 0, 1),
                "checked 3 files: 1 could not be read\n",
                Exit::Failed,
            ),
            (
                tally(3, 1, 1),
                "checked 3 files: 1 bad, 1 could not be read\n",
                Exit::BadConfig,
            ),
        ];
        for (tally, summary, exit) in table {
            assert_eq!((tally.summary().as_str(), tally.exit()), (summary, exit));
        }
    }

    #[test]
    fn only_files_that_count_are_found() {
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "blog.toml",
            "blog.ini",
            "shop.yaml",
            ".hidden.toml",
            "notes.txt",
            "a.toml~",
        ] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("folder.toml")).unwrap();
        let files = vassal_files(directory.path()).unwrap();
        let counts: Vec<_> = files
            .iter()
            .map(|(name, same)| (name.as_str(), same.len()))
            .collect();
        assert_eq!(counts, [("blog", 2), ("shop", 1)]);
        assert!(files["blog"][0].ends_with("blog.ini"));
    }

    #[test]
    fn twins_are_named() {
        let files = ["v/blog.ini".into(), "v/blog.toml".into()];
        assert_eq!(
            twins("blog", &files),
            "error: `v/blog.ini` and `v/blog.toml` all stand for the vassal `blog`\n\
             hint: rename or remove all but one\n\n"
        );
    }

    #[test]
    fn what_is_not_there_is_an_error_of_its_own() {
        let (mut data, mut messages) = (Vec::new(), Vec::new());
        let command = CheckCommand {
            paths: vec!["/nowhere/blog.toml".into()],
        };
        let exit = run(command, &mut Output::new(&mut data, &mut messages)).unwrap();
        assert_eq!(exit, Exit::Failed);
        assert_eq!(
            String::from_utf8(data).unwrap(),
            "checked 1 file: 1 could not be read\n"
        );
        let messages = String::from_utf8(messages).unwrap();
        assert!(
            messages.starts_with("error: could not read")
                && messages.contains("/nowhere/blog.toml"),
            "{messages}"
        );
    }
}
