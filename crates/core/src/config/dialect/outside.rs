//! What a file may ask of the world around it, as one narrow question and answer.

use std::cell::Cell;

/// One question that a file asks of what is outside it. Paths are absolute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question<'a> {
    /// The value of a variable of the environment.
    Variable(&'a str),
    /// The text of a file.
    Text(&'a str),
    /// The paths that a pattern matches, sorted.
    Glob(&'a str),
    /// What a path leads to.
    Kind(&'a str),
    /// The inode number of a path.
    Inode(&'a str),
    /// The machine's name.
    Hostname,
    /// How many processors there are.
    Processors,
    /// Microseconds since 1970, the same throughout one reading.
    Microseconds,
    /// The number of the user who reads.
    UserId,
    /// That user's name.
    User,
    /// The number of that user's group.
    GroupId,
    /// That group's name.
    Group,
    /// The path of this program.
    Program,
}

/// What is said to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A text.
    Text(String),
    /// Several.
    List(Vec<String>),
    /// A path leads to a regular file that may be read.
    File,
    /// A path leads to a directory.
    Directory,
    /// A path leads to something else.
    Other,
    /// There is no such thing.
    Nothing,
    /// Why it cannot be told, as the end of a sentence.
    Failed(String),
    /// Nobody is asked at this point.
    Unasked,
}

/// Why there is no answer of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// There is no such thing.
    Absent,
    /// Why it cannot be told.
    Failed(String),
    /// Nobody was asked.
    Unasked,
}

impl Answer {
    pub(super) fn text(self) -> Result<String, Lack> {
        match self {
            Self::Text(text) => Ok(text),
            Self::List(_) | Self::File | Self::Directory | Self::Other | Self::Nothing => {
                Err(Lack::Absent)
            }
            Self::Failed(reason) => Err(Lack::Failed(reason)),
            Self::Unasked => Err(Lack::Unasked),
        }
    }

    pub(super) fn list(self) -> Result<Vec<String>, Lack> {
        match self {
            Self::List(items) => Ok(items),
            Self::Text(_) | Self::File | Self::Directory | Self::Other | Self::Nothing => {
                Err(Lack::Absent)
            }
            Self::Failed(reason) => Err(Lack::Failed(reason)),
            Self::Unasked => Err(Lack::Unasked),
        }
    }
}

/// Answers what a file asks of the world around it.
pub trait Outside {
    /// Answers one question.
    fn ask(&self, question: Question<'_>) -> Answer;
}

/// Answers nothing, and remembers that it was asked.
#[derive(Debug, Default)]
pub(in crate::config) struct Unasked {
    was_asked: Cell<bool>,
}

impl Unasked {
    pub(in crate::config) fn was_asked(&self) -> bool {
        self.was_asked.get()
    }
}

impl Outside for Unasked {
    fn ask(&self, _question: Question<'_>) -> Answer {
        self.was_asked.set(true);
        Answer::Unasked
    }
}
