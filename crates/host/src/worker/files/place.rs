//! Where files are, and what is said about those that cannot be sent.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::open::Absence;
use super::{Found, log};

/// The directory of a prefix.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The log has it that something there cannot be sent.
    is_told: AtomicBool,
}

impl Place {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            is_told: AtomicBool::new(false),
        }
    }

    /// What comes of a path that could not be opened.
    pub(super) fn without(&self, name: &[u8], absence: Absence) -> Option<Found<'_>> {
        self.tell(name, absence);
        absence.is_passing().then_some(Found::Unavailable)
    }

    /// Says once what keeps a file from being sent that whoever wrote the vassal file meant to send.
    pub(super) fn tell(&self, name: &[u8], absence: Absence) {
        let why = match absence {
            Absence::Missing => return,
            Absence::Outside => {
                "a symbolic link leads out of the directory; name its target's directory in \
                 `static-safe` to allow it"
                    .to_owned()
            }
            Absence::Refused(error) => std::io::Error::from(error).to_string(),
        };
        if !self.is_told.swap(true, Ordering::Relaxed) {
            let path = match name {
                b"" => self.path.clone(),
                _ => self.path.join(String::from_utf8_lossy(name).as_ref()),
            };
            let path = path.display().to_string();
            log(&format!("{path:?} is not sent: {why}"));
        }
    }
}
