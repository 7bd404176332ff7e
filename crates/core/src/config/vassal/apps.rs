//! What is loaded: the app, those mounted beside it, and what they find around themselves.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The apps of a vassal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppsConfig {
    /// What answers where nothing is mounted; none if there are mounts only.
    pub default: Option<AppConfig>,
    /// The apps that answer below a path of their own, in the order of the file.
    pub mounts: Vec<AppMount>,
    /// Whether the path of a request says which of them answers, not only the web server.
    pub manage_script_name: bool,
    /// Entered once all apps are loaded.
    pub chdir_after: Option<PathBuf>,
    /// What `sys.argv` holds behind its first entry.
    pub argv: Vec<String>,
    /// What `sys.executable` names instead of the interpreter.
    pub executable: Option<PathBuf>,
    /// Whether `wsgi.file_wrapper` is kept from WSGI apps.
    pub hides_file_wrapper: bool,
    /// Whether a change of an imported file reloads the vassal.
    pub autoreload: bool,
    /// Modules whose files are left out of that.
    pub autoreload_ignored: Vec<String>,
}

/// An app that answers below a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppMount {
    /// The path, without the slash at its end.
    pub prefix: String,
    /// What answers there.
    pub app: AppConfig,
}

/// One app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// What is loaded.
    pub target: AppTarget,
    /// The callable's name, perhaps with the arguments of a factory, if said: else `application`,
    /// then `app`.
    pub callable: Option<String>,
}

/// What to load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppTarget {
    /// A module by its dotted name.
    Module(String),
    /// A file with Python in it, by its path.
    File(PathBuf),
    /// What Paste Deploy makes of a configuration.
    Paste(PasteApp),
    /// Python itself.
    Code(String),
}

/// An app that Paste Deploy puts together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasteApp {
    /// `config:/path.ini`, perhaps with `#name`, or `egg:name`.
    pub uri: String,
    /// Whether the file's `[loggers]` are set up before.
    pub sets_up_logging: bool,
}
