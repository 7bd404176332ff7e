//! What a virtual environment says about itself (PEP 405).

use std::path::{Path, PathBuf};

use lictor_core::sys::read_bounded;

use super::error::{PythonError, Version};

/// Largest `pyvenv.cfg`; real ones have a few hundred bytes.
const CONFIG_LIMIT_BYTES: u64 = 64 * 1024;

/// A virtual environment's `pyvenv.cfg`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Virtualenv {
    /// The file.
    pub(super) config: PathBuf,
    /// Its `bin/python`, unresolved: this is what makes an interpreter that environment's own.
    pub(super) executable: PathBuf,
    /// As written: `3.11.7`.
    pub(super) version_text: Option<String>,
}

impl Virtualenv {
    /// Reads the environment at `path`.
    pub(super) fn read(path: &Path) -> Result<Self, PythonError> {
        let config = path.join("pyvenv.cfg");
        let bytes = read_bounded(&config, CONFIG_LIMIT_BYTES).map_err(|source| {
            PythonError::NotAVirtualenv {
                path: path.to_owned(),
                source,
            }
        })?;
        let text = String::from_utf8_lossy(&bytes);
        // `python -m venv` writes `version`, the virtualenv tool `version_info`.
        let version = value_of(&text, "version").or_else(|| value_of(&text, "version_info"));
        Ok(Self {
            version_text: version.map(str::to_owned),
            executable: path.join("bin/python"),
            config,
        })
    }

    /// Major and minor, if the file says so.
    pub(super) fn version(&self) -> Option<Version> {
        parse_version(self.version_text.as_deref()?)
    }
}

fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(key))
        .map(|(_, value)| value.trim())
}

/// Major and minor of `3.11.7`.
pub(super) fn parse_version(text: &str) -> Option<Version> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor: String = parts
        .next()?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    Some(Version(major, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_both_tools_are_understood() {
        let text = "home = /usr/bin\nVersion = 3.11.7\n";
        assert_eq!(value_of(text, "version"), Some("3.11.7"));
        assert_eq!(parse_version("3.11.7"), Some(Version(3, 11)));
        assert_eq!(parse_version("3.12.1.final.0"), Some(Version(3, 12)));
        assert_eq!(parse_version("3.13rc1"), Some(Version(3, 13)));
        assert_eq!(parse_version("three"), None);
    }
}
