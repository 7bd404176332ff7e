//! A machine on which the corpus is a directory of vassals.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lictor_core::config::{Answer, Outside, Question};

use super::keys::Key;

/// Where the vassals are on it.
const DIRECTORY: &str = "/etc/uwsgi/vassals/";

/// The folder with the files.
pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

/// The files by their names, which those in folders have with the folder's.
#[derive(Clone)]
pub(crate) struct World(BTreeMap<String, String>);

impl World {
    pub(crate) fn of(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for (prefix, folder) in [("", folder.to_owned()), ("common/", folder.join("common"))] {
            for entry in fs::read_dir(folder).expect("the corpus") {
                let path = entry.expect("an entry").path();
                let name = path.file_name().expect("a name").to_string_lossy();
                if path.is_file() && !name.ends_with(".expected") {
                    let text = fs::read_to_string(&path).expect("it is text");
                    files.insert(format!("{prefix}{name}"), text);
                }
            }
        }
        Self(files)
    }

    /// The files that an emperor would run; those in folders are named by others.
    pub(crate) fn vassals(&self) -> Vec<&str> {
        let names = self.0.keys().map(String::as_str);
        names.filter(|name| !name.contains('/')).collect()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        &self.0[name]
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{DIRECTORY}{name}")
    }

    /// The name of the file at this path.
    pub(crate) fn name(&self, path: &str) -> Option<String> {
        let name = path.trim_start().strip_prefix(DIRECTORY)?;
        Some(name.trim_start_matches('/').to_owned())
    }

    pub(crate) fn with(&self, name: &str, text: &str) -> Self {
        let mut world = self.clone();
        world.0.insert(name.to_owned(), text.to_owned());
        world
    }

    /// The same without a key and its value.
    pub(crate) fn without(&self, key: &Key) -> Self {
        self.with(&key.file, &key.removed_from(self.text(&key.file)))
    }

    /// The same with a comment for each line of a key, so that all others stay where they are.
    pub(crate) fn blanked(&self, key: &Key) -> Self {
        self.with(&key.file, &key.blanked_in(self.text(&key.file)))
    }
}

impl Outside for World {
    fn ask(&self, question: Question<'_>) -> Answer {
        let text = |text: &str| Answer::Text(text.to_owned());
        match question {
            Question::Variable("PORT") => text("8000"),
            Question::Variable("WEB_CONCURRENCY") => text("3"),
            Question::Variable("LD_CONTEXT_PATH") => text("links/"),
            Question::Variable("LD_REQUEST_TIMEOUT") => text("30"),
            Question::Variable("HOME") => text("/var/www"),
            Question::Variable(_) => Answer::Nothing,
            Question::Text(path) => match self.name(path).and_then(|name| self.0.get(&name)) {
                Some(found) => text(found),
                None => Answer::Failed("there is no such file".to_owned()),
            },
            Question::Kind(path) => match self.name(path).and_then(|name| self.0.get(&name)) {
                Some(_) => Answer::File,
                None => Answer::Nothing,
            },
            Question::Glob(_) => Answer::List(Vec::new()),
            Question::Hostname => text("web1"),
            Question::Processors => text("4"),
            Question::Microseconds => text("1700000000123456"),
            Question::Inode(_) => text("7"),
            Question::UserId | Question::GroupId => text("33"),
            Question::User | Question::Group => text("www-data"),
            Question::Program => text("/usr/bin/lictor"),
        }
    }
}
