//! Paths, made absolute by text alone: nothing a vassal file names is looked at here.

use std::path::{Path, PathBuf};

use crate::config::diagnostic::Complaint;
use crate::config::setting::Setting;
use crate::config::tree::Node;

/// The kernel's `PATH_MAX`, with its terminating NUL.
const PATH_LIMIT_BYTES: usize = 4096;

/// A path, relative to the vassal file's directory.
pub(in crate::config) fn path(setting: &Setting<'_>, node: &Node) -> Result<PathBuf, Complaint> {
    let text = setting.text(node)?;
    if text == "~" || text.starts_with("~/") {
        return Err(setting
            .wrong(node, "starts with `~`, which is not expanded")
            .hint("write the path out, from `/` or from the vassal file's directory"));
    }
    let path = absolute(setting.base, text);
    if path.as_os_str().len() >= PATH_LIMIT_BYTES {
        let what = format!("is a path of more than {} bytes", PATH_LIMIT_BYTES - 1);
        return Err(setting.wrong(node, &what));
    }
    Ok(path)
}

/// `text` as a path below `base`, without `.` and doubled slashes. A `..` stays: what it means
/// depends on symbolic links, which only the kernel follows.
pub(in crate::config) fn absolute(base: &Path, text: &str) -> PathBuf {
    base.join(text).components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute_without_looking() {
        for (text, expected) in [
            ("x", "/srv/vassals/x"),
            ("./x", "/srv/vassals/x"),
            (".", "/srv/vassals"),
            ("../x", "/srv/vassals/../x"),
            ("/a//b/./c/", "/a/b/c"),
        ] {
            let path = absolute(Path::new("/srv/vassals"), text);
            assert_eq!(path.as_os_str(), expected, "{text}");
        }
    }
}
