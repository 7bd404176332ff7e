//! The machine that this runs on, with the rights that this process has: bounded reads of regular
//! files, and nothing that waits.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::outside::{Answer, Outside, Question};
use crate::sys::{FileReadError, read_bounded};

/// Largest file that another one may name.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;
/// Most paths of one pattern.
const GLOB_LIMIT: usize = 1000;
/// Most directory entries that one pattern may look at: `*/*/*/*` of a root directory has no end.
const GLOB_STEPS: usize = 20_000;

/// Answers from the machine.
#[derive(Clone, Debug)]
pub struct Machine {
    variables: Vec<(String, String)>,
    started: SystemTime,
}

impl Machine {
    /// With these variables as the environment.
    pub fn new(variables: Vec<(String, String)>) -> Self {
        Self {
            variables,
            started: SystemTime::now(),
        }
    }

    /// With the environment of this process, as far as it is text.
    pub fn here() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        Self::new(variables.collect())
    }

    fn variable(&self, name: &str) -> Answer {
        let found = self.variables.iter().rev().find(|(key, _)| key == name);
        found.map_or(Answer::Nothing, |(_, value)| Answer::Text(value.clone()))
    }
}

impl Outside for Machine {
    fn ask(&self, question: Question<'_>) -> Answer {
        match question {
            Question::Variable(name) => self.variable(name),
            Question::Text(path) => text_of(path),
            Question::Glob(pattern) => matches_of(pattern),
            Question::Kind(path) => kind_of(path),
            Question::Inode(path) => inode_of(path),
            Question::Hostname => {
                let name = rustix::system::uname();
                Answer::Text(name.nodename().to_string_lossy().into_owned())
            }
            Question::Processors => match std::thread::available_parallelism() {
                Ok(count) => Answer::Text(count.to_string()),
                Err(error) => Answer::Failed(error.to_string()),
            },
            Question::Microseconds => {
                let since = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
                Answer::Text(since.as_micros().to_string())
            }
            Question::UserId => Answer::Text(rustix::process::getuid().as_raw().to_string()),
            Question::GroupId => Answer::Text(rustix::process::getgid().as_raw().to_string()),
            Question::User => name_in("/etc/passwd", rustix::process::getuid().as_raw()),
            Question::Group => name_in("/etc/group", rustix::process::getgid().as_raw()),
            Question::Program => match std::env::current_exe() {
                Ok(path) => Answer::Text(path.to_string_lossy().into_owned()),
                Err(error) => Answer::Failed(error.to_string()),
            },
        }
    }
}

fn text_of(path: &str) -> Answer {
    match read_bounded(Path::new(path), FILE_LIMIT_BYTES) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Answer::Text(text),
            Err(_) => Answer::Failed("it is not text in UTF-8".to_owned()),
        },
        Err(FileReadError::Io(error)) => Answer::Failed(error.to_string()),
        Err(FileReadError::NotRegular) => Answer::Failed("it is not a regular file".to_owned()),
        Err(FileReadError::TooLarge { limit_bytes }) => {
            Answer::Failed(format!("it is larger than {limit_bytes} bytes"))
        }
    }
}

/// What may not be looked at counts as absent, as for `access(2)` in uWSGI.
fn kind_of(path: &str) -> Answer {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Answer::File,
        Ok(metadata) if metadata.is_dir() => Answer::Directory,
        Ok(_) => Answer::Other,
        Err(_) => Answer::Nothing,
    }
}

fn inode_of(path: &str) -> Answer {
    use std::os::unix::fs::MetadataExt;
    match fs::metadata(path) {
        Ok(metadata) => Answer::Text(metadata.ino().to_string()),
        Err(error) => Answer::Failed(error.to_string()),
    }
}

/// The name of a number in `passwd(5)` or `group(5)`; the number itself if it has none there.
fn name_in(file: &str, id: u32) -> Answer {
    let id = id.to_string();
    let Answer::Text(text) = text_of(file) else {
        return Answer::Text(id);
    };
    let name = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    Answer::Text(name.unwrap_or(id))
}

/// `**` would walk whole trees; uWSGI's `glob(3)` takes it for `*`.
fn matches_of(pattern: &str) -> Answer {
    if pattern.contains("**") {
        return Answer::Failed("`**` is not available".to_owned());
    }
    let paths = match glob::glob(pattern) {
        Ok(paths) => paths,
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let mut found = Vec::new();
    for (step, path) in paths.enumerate() {
        if found.len() >= GLOB_LIMIT || step >= GLOB_STEPS {
            return Answer::Failed(format!("it matches more than {GLOB_LIMIT} paths"));
        }
        // A directory that may not be read has no matches, as for `glob(3)`.
        let Ok(path) = path else { continue };
        let is_directory = path.is_dir();
        if let Ok(mut text) = path.into_os_string().into_string() {
            // As `GLOB_MARK` does.
            if is_directory {
                text.push('/');
            }
            found.push(text);
        }
    }
    Answer::List(found)
}
