//! `lictor check`: what is wrong with vassal files, found as the emperor would, without running any.
//!
//! A directory stands for the files in it that count as vassals. Two of them with one stem are a
//! mistake that neither file shows by itself, and so is a file whose name keeps it from being one.

mod directory;

use std::path::{Path, PathBuf};

use lictor_core::config::{self, Policy};

use directory::{Found, passed_over, strange};

use super::args::CheckCommand;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, printable};
use crate::emperor::{self, PolicyFiles};

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
    let policy = PolicyFiles::from(command.policy).read();
    let policy = policy.map_err(|failure| CliError::Template(failure.message))?;
    for path in command.paths {
        if path.is_dir() {
            check_directory(&path, &policy, &mut tally, output);
        } else {
            check_file(&path, &policy, &mut tally, output);
        }
    }
    output.data(tally.summary())?;
    Ok(tally.exit())
}

fn check_directory(directory: &Path, policy: &Policy, tally: &mut Tally, output: &mut Output<'_>) {
    let found = match Found::in_directory(directory) {
        Ok(found) => found,
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
    for (name, same) in &found.vassals {
        let bad_before = tally.bad + tally.unreadable;
        for path in same {
            check_file(path, policy, tally, output);
        }
        if same.len() > 1 {
            // Those that are bad by themselves are counted already.
            tally.bad += same.len() - (tally.bad + tally.unreadable - bad_before);
            output.message(&twins(name, same));
        }
    }
    for (path, fault) in &found.faults {
        tally.checked += 1;
        tally.bad += 1;
        output.message(&strange(path, fault));
    }
    for path in &found.passed_over {
        output.message(&passed_over(path));
    }
}

fn check_file(path: &Path, policy: &Policy, tally: &mut Tally, output: &mut Output<'_>) {
    tally.checked += 1;
    let (count, complaint) = match config::read_vassal_bytes(path) {
        Err(diagnostics) => (&mut tally.unreadable, diagnostics.to_string()),
        Ok(bytes) => match emperor::read_vassal(path, &bytes, policy) {
            Err(complaint) => (&mut tally.bad, complaint),
            Ok(_) => return,
        },
    };
    *count += 1;
    output.message(&format!("{complaint}\n\n"));
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
    use std::fs;

    use super::*;
    use crate::cli::args::PolicyArguments;

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
    fn a_directory_tells_everything_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::write(directory.path().join(name), text).unwrap();
        };
        write("blog.ini", "[uwsgi]\nvaccum = true\nmodule = blog\n");
        write("blog.toml", "module = \"blog\"\nhttp = \":1\"\n");
        write("shop.toml", "module = \"shop\"\nhttp = \":2\"\n");
        write("old.xml", "<uwsgi/>");
        write("shop.toml~", "");
        let (mut data, mut messages) = (Vec::new(), Vec::new());
        let command = CheckCommand {
            paths: vec![directory.path().to_owned()],
            policy: PolicyArguments::default(),
        };
        let exit = run(command, &mut Output::new(&mut data, &mut messages)).unwrap();
        assert_eq!(exit, Exit::BadConfig);
        assert_eq!(String::from_utf8(data).unwrap(), "checked 4 files: 3 bad\n");
        let messages = String::from_utf8(messages).unwrap();
        for part in [
            "unknown option `vaccum`",
            "no address to listen on",
            "all stand for the vassal `blog`",
            "old.xml` is no vassal: uWSGI runs it and Lictor does not",
            "shop.toml~` is passed over",
        ] {
            assert!(messages.contains(part), "{part} is not in:\n{messages}");
        }
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
            policy: PolicyArguments::default(),
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
