//! Bytes that Python need not touch: files, and compression of answers.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Files served without the app, and compression.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesConfig {
    /// Which paths of URLs stand for which directories, in the order of the file.
    pub static_maps: Vec<StaticMap>,
    /// Directories that are looked at before the app is asked.
    pub check_static: Vec<PathBuf>,
    /// Names of the files that stand for their directory.
    pub static_index: Vec<String>,
    /// How long clients may keep a file without asking again.
    pub static_max_age: Option<Duration>,
    /// The same for some of them; the first that fits counts.
    pub static_expires: Vec<StaticExpires>,
    /// Ends of paths that are left to the app.
    pub static_skip: Vec<String>,
    /// Directories that symbolic links may lead to.
    pub static_safe: Vec<PathBuf>,
    /// How the app names a file that is to be sent in its place.
    pub file_serve_mode: FileServeMode,
    /// Where such files may be.
    pub sendfile_roots: Vec<SendfileRoot>,
    /// Media types that are compressed, `text/*` being all of `text`; none: nothing is.
    pub compress: Vec<String>,
}

/// A directory, or a file, that stands for a path of URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticMap {
    /// Without the slash at its end; empty for all paths.
    pub prefix: String,
    /// Where the files are.
    pub path: PathBuf,
    /// The prefix is repeated below the directory.
    pub is_prefix_kept: bool,
}

/// How long clients may keep some files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticExpires {
    /// What is looked at.
    pub by: ExpiresBy,
    /// A regular expression, or a media type.
    pub pattern: String,
    /// How long.
    pub seconds: u64,
    /// Counted from when the file was changed.
    pub is_from_change: bool,
}

/// By what files are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpiresBy {
    /// The path on the disk.
    File,
    /// Path and query as they were sent.
    Uri,
    /// The path, percent-decoded.
    PathInfo,
    /// The media type.
    Type,
}

/// How the app names a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileServeMode {
    /// It cannot.
    #[default]
    Off,
    /// By its path, in `X-Sendfile`.
    XSendfile,
    /// By a path that a root of `sendfile-root` stands for, in `X-Accel-Redirect`.
    XAccelRedirect,
}

/// Where files may be that the app names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendfileRoot {
    /// What stands for it in `X-Accel-Redirect`.
    pub prefix: Option<String>,
    /// The directory.
    pub path: PathBuf,
}

impl FilesConfig {
    /// Whether the app may name files, but none is allowed.
    pub(in crate::config) fn lacks_sendfile_root(&self) -> bool {
        self.file_serve_mode != FileServeMode::Off && self.sendfile_roots.is_empty()
    }
}
