//! What is in a directory of vassal files, told apart by names alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lictor_core::config::{self, NameFault};

use crate::cli::output::printable;

/// What is in a directory, by what it means.
#[derive(Default)]
pub(super) struct Found {
    /// Vassal files by the name of their vassal.
    pub(super) vassals: BTreeMap<String, Vec<PathBuf>>,
    /// Files that somebody takes for vassals and the emperor does not, and why it does not.
    pub(super) faults: BTreeMap<PathBuf, Fault>,
    /// Files that an editor or a package manager left behind.
    pub(super) passed_over: BTreeSet<PathBuf>,
}

/// Why a file that looks like one of a vassal is none.
pub(super) enum Fault {
    Name(NameFault),
    /// Only uWSGI reads files with this ending.
    Format(&'static str),
    NotRegular,
    LeadsNowhere,
}

impl Found {
    pub(super) fn in_directory(directory: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        for entry in fs::read_dir(directory)? {
            found.take(entry?.path());
        }
        for same in found.vassals.values_mut() {
            same.sort();
        }
        Ok(found)
    }

    fn take(&mut self, path: PathBuf) {
        if let Some(name) = config::vassal_name(&path) {
            match fs::metadata(&path) {
                // A folder may have any name.
                Ok(metadata) if metadata.is_dir() => {}
                Ok(metadata) if !metadata.is_file() => {
                    self.faults.insert(path, Fault::NotRegular);
                }
                Err(_) if path.is_symlink() => {
                    self.faults.insert(path, Fault::LeadsNowhere);
                }
                Ok(_) | Err(_) => self.vassals.entry(name).or_default().push(path),
            }
        } else if let Some(fault) = config::name_fault(&path) {
            self.faults.insert(path, Fault::Name(fault));
        } else if path.is_file() {
            match foreign_format(&path) {
                Some(hint) => drop(self.faults.insert(path, Fault::Format(hint))),
                None if is_leftover(&path) => drop(self.passed_over.insert(path)),
                None => {}
            }
        }
    }
}

/// What to do about a file that an emperor of uWSGI runs and Lictor does not.
fn foreign_format(path: &Path) -> Option<&'static str> {
    let file_name = path.file_name()?.to_str()?;
    if file_name.starts_with(['.', '#', '~']) {
        return None;
    }
    match path.extension()?.to_str()? {
        "xml" => Some("write its options as INI, YAML or TOML; Lictor reads no XML"),
        "js" => Some("rename it to end in `.json`"),
        _ => None,
    }
}

/// Whether a file was once a vassal file, by its name.
fn is_leftover(path: &Path) -> bool {
    let Some(file_name) = path.file_name().map(|name| name.to_string_lossy()) else {
        return false;
    };
    [".ini", ".yaml", ".yml", ".json", ".toml"]
        .iter()
        .any(|ending| file_name.contains(ending))
}

/// The complaint about a file that is no vassal.
pub(super) fn strange(path: &Path, fault: &Fault) -> String {
    let (why, hint) = match fault {
        Fault::Name(fault) => (fault.to_string(), "rename it"),
        Fault::Format(hint) => ("uWSGI runs it and Lictor does not".to_owned(), *hint),
        Fault::NotRegular => (
            "it is no regular file".to_owned(),
            "a vassal is a plain file, or a link to one",
        ),
        Fault::LeadsNowhere => (
            "the link leads to no file".to_owned(),
            "remove it, or put the file where it leads to",
        ),
    };
    let what = format!("`{}` is no vassal: {why}", path.display());
    format!("error: {}\nhint: {hint}\n\n", printable(&what))
}

/// A word about a leftover, which harms nobody.
pub(super) fn passed_over(path: &Path) -> String {
    let what = format!(
        "`{}` is passed over: its name is that of a leftover",
        path.display()
    );
    format!("note: {}\n\n", printable(&what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_names() {
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "blog.toml",
            "blog.ini",
            "shop.yaml",
            ".hidden.toml",
            "notes.txt",
            "a.toml~",
            "b.ini.dpkg-old",
            "old.xml",
            "older.js",
            " .toml",
        ] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("folder.toml")).unwrap();
        std::os::unix::fs::symlink("nowhere", directory.path().join("link.ini")).unwrap();
        let found = Found::in_directory(directory.path()).unwrap();
        let counts: Vec<_> = found
            .vassals
            .iter()
            .map(|(name, same)| (name.as_str(), same.len()))
            .collect();
        assert_eq!(counts, [("blog", 2), ("shop", 1)]);
        assert!(found.vassals["blog"][0].ends_with("blog.ini"));
        let names = |paths: Vec<&PathBuf>| -> Vec<String> {
            paths
                .iter()
                .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
                .collect()
        };
        assert_eq!(
            names(found.faults.keys().collect()),
            [" .toml", "link.ini", "old.xml", "older.js"]
        );
        assert_eq!(
            names(found.passed_over.iter().collect()),
            [".hidden.toml", "a.toml~", "b.ini.dpkg-old"]
        );
    }
}
