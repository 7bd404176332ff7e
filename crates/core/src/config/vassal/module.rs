//! What a vassal's Python has besides the app: the module `uwsgi`, and modules imported beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::AppTarget;

/// What `import uwsgi` gives, and what is imported beside the app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModuleConfig {
    /// Locks beside the first, which is always there.
    pub locks: u32,
    /// Imported where the app is, before it.
    pub imports: Vec<AppTarget>,
    /// Imported in the master, before anything else.
    pub shared_imports: Vec<AppTarget>,
    /// The vassal file itself, key by key, for `uwsgi.opt`. It is the app's own file, which says
    /// nothing there that the app may not know.
    pub given: BTreeMap<String, Given>,
}

/// What a file says behind a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// The key alone, or `true` where a format has that.
    Switch,
    /// As uWSGI's files would have it.
    Text(String),
    /// A list, a table as `KEY=VALUE`, or a key that is repeated.
    List(Vec<String>),
}
