//! `lictor convert`: a vassal file as TOML on standard output, and on standard error what became
//! another thing on the way.
//!
//! What could not be converted stands in the TOML as a comment and ends the command with the code of
//! a bad file, so that a script that converts a directory notices.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use lictor_core::config::{self, Conversion};

use super::args::ConvertCommand;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, printable};

/// Converts one file.
pub(super) fn run(command: &ConvertCommand, output: &mut Output<'_>) -> Result<Exit, CliError> {
    let bytes = config::read_vassal_bytes(&command.path)?;
    let conversion = config::convert_vassal(&command.path, &bytes, &config::Machine::here())?;
    match &command.output {
        Some(path) => write_new(path, &conversion.toml).map_err(|source| CliError::Write {
            path: path.clone(),
            source,
        })?,
        None => output.data(&conversion.toml)?,
    }
    output.message(&report(
        &conversion,
        command.output.as_deref(),
        &command.path,
    ));
    Ok(if conversion.left_over.is_empty() {
        Exit::Done
    } else {
        Exit::BadConfig
    })
}

/// Two vassal files of one name would be in each other's way, so nothing is overwritten.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(text.as_bytes())
}

fn report(conversion: &Conversion, target: Option<&Path>, source: &Path) -> String {
    let told = |kind: &str, sentence: &str| format!("{kind}: {}\n", printable(sentence));
    let left_over = conversion.left_over.iter();
    let mut lines: Vec<String> = left_over.map(|what| told("not converted", what)).collect();
    lines.extend(conversion.notes.iter().map(|note| told("note", note)));
    if target.is_some_and(|target| target.parent() != source.parent()) {
        let moved = "relative paths are relative to the new file's directory now";
        lines.push(told("note", moved));
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(path: &Path, target: Option<&Path>) -> (Result<Exit, CliError>, String, String) {
        let (mut data, mut messages) = (Vec::new(), Vec::new());
        let command = ConvertCommand {
            path: path.to_owned(),
            output: target.map(Path::to_owned),
        };
        let exit = run(&command, &mut Output::new(&mut data, &mut messages));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (exit, text(data), text(messages))
    }

    #[test]
    fn toml_goes_one_way_and_notes_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blog.ini");
        std::fs::write(
            &path,
            "[uwsgi]\nmodule = blog\nhttp = :8000\nmaster = true\n",
        )
        .unwrap();
        let (exit, toml, notes) = convert(&path, None);
        assert_eq!(exit.unwrap(), Exit::Done);
        assert!(
            toml.ends_with("module = \"blog\"\nhttp = \":8000\"\n"),
            "{toml}"
        );
        assert!(notes.contains("note: `master` was left out"), "{notes}");
    }

    #[test]
    fn what_is_left_over_is_told_and_ends_badly() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blog.ini");
        std::fs::write(
            &path,
            "[uwsgi]\nmodule = blog\nhttp = :8000\nmule = work.py\n",
        )
        .unwrap();
        let (exit, toml, notes) = convert(&path, None);
        assert_eq!(exit.unwrap(), Exit::BadConfig);
        assert!(
            toml.contains("# not converted: mule = \"work.py\"\n"),
            "{toml}"
        );
        assert!(
            notes.starts_with("not converted: `mule`: run background work"),
            "{notes}"
        );
    }

    #[test]
    fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blog.ini");
        let target = directory.path().join("blog.toml");
        std::fs::write(&path, "[uwsgi]\nmodule = blog\nhttp = :8000\n").unwrap();
        let (exit, data, _) = convert(&path, Some(&target));
        assert_eq!((exit.unwrap(), data.as_str()), (Exit::Done, ""));
        let written = || {
            let bytes = lictor_core::sys::read_bounded(&target, 4096).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let first = written();
        assert!(first.contains("module = \"blog\""), "{first}");
        let (again, ..) = convert(&path, Some(&target));
        assert!(matches!(again, Err(CliError::Write { .. })));
        assert_eq!(written(), first);
    }
}
