//! Placeholder for `lictor_core::config`, to be replaced by it: the functions the command line needs.
//!
//! Delete this file, and let `use super::seam` become `use lictor_core::config`.

use std::fmt;
use std::path::Path;

use lictor_core::config::VassalConfig;
pub(super) use lictor_core::sys::FileReadError;
use lictor_core::sys::read_bounded;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diagnostics(pub(super) String);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Diagnostics {}

/// Reads a vassal file, bounded.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FileReadError> {
    read_bounded(path, 1024 * 1024)
}

/// A vassal file as the emperor reads it.
pub(super) fn parse(path: &Path, _bytes: &[u8]) -> Result<VassalConfig, Diagnostics> {
    Err(Diagnostics(format!(
        "error: `{}` was not looked at",
        path.display()
    )))
}

/// The options of `lictor serve`.
pub(super) fn parse_flags(
    _base_dir: &Path,
    _file: Option<(&Path, &[u8])>,
    flags: &[(String, Vec<String>)],
) -> Result<VassalConfig, Diagnostics> {
    Err(Diagnostics(format!(
        "error: {} flags were not looked at",
        flags.len()
    )))
}

/// What an option means; all of them without a name.
pub(super) fn explain(option: Option<&str>) -> Result<String, String> {
    Err(format!("no option `{}`", option.unwrap_or_default()))
}

/// Whether an option, by any of its names, is `true` by being there.
pub(super) fn takes_no_value(name: &str) -> bool {
    matches!(
        name,
        "lazy-apps" | "lazy" | "master" | "M" | "enable-threads" | "vacuum"
    )
}

/// The vassal that a file of this name stands for, if files of this name count.
pub(super) fn vassal_name(file_name: &str) -> Option<&str> {
    let (stem, extension) = file_name.rsplit_once('.')?;
    let counts = matches!(extension, "toml" | "yaml" | "yml" | "json" | "ini");
    (counts && !stem.is_empty() && !stem.starts_with(['.', '#'])).then_some(stem)
}
