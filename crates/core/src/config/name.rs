//! Which files of a directory are vassals, and what they are called.

use std::path::Path;

use super::format::Format;

/// Longest name, so that it fits into every place that shows or uses it.
const NAME_LIMIT_BYTES: usize = 128;

/// What is wrong with a name, as the end of a sentence that begins with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Bytes that are no text.
    #[error("its name is not text in UTF-8")]
    NotText,
    /// It would break lines and terminals.
    #[error("its name has a control character in it")]
    ControlCharacter,
    /// Nobody would see it.
    #[error("its name begins or ends with a space")]
    OuterSpace,
    /// Longer than every place that uses it has room for.
    #[error("its name has more than {NAME_LIMIT_BYTES} bytes before the extension")]
    TooLong,
}

/// The name of the vassal that a file stands for, if its name says that it is one: the stem of a
/// `.toml`, `.yaml`, `.yml`, `.json` or `.ini` file that is neither hidden nor an editor's leftover.
pub fn vassal_name(path: &Path) -> Option<String> {
    named(path)?.ok()
}

/// Why a file that looks like one of a vassal stands for none, if it does.
pub fn name_fault(path: &Path) -> Option<NameFault> {
    named(path)?.err()
}

fn named(path: &Path) -> Option<Result<String, NameFault>> {
    let file_name = path.file_name()?.to_string_lossy();
    // Leftovers such as `x.toml~`, `.x.toml.swp`, `x.toml.tmp`, `x.toml.dpkg-new` and rsync's
    // `.x.toml.a1B2c3` have another extension, or a dot before them.
    if file_name.starts_with(['.', '#', '~']) {
        return None;
    }
    Format::of(Path::new(&*file_name))?;
    let stem = Path::new(&*file_name).file_stem()?.to_str()?;
    let is_leftover = [".tmp", ".swp", ".swx", ".bak", "~", "#"]
        .iter()
        .any(|ending| stem.ends_with(ending))
        || stem.contains(".dpkg-");
    if is_leftover {
        return None;
    }
    let fault = if path.file_name()?.to_str().is_none() {
        NameFault::NotText
    } else if stem.chars().any(char::is_control) {
        NameFault::ControlCharacter
    } else if stem.trim() != stem {
        NameFault::OuterSpace
    } else if stem.len() > NAME_LIMIT_BYTES {
        NameFault::TooLong
    } else {
        return Some(Ok(stem.to_owned()));
    };
    Some(Err(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_count_give_their_stem() {
        for (file, expected) in [
            ("blog.toml", Some("blog")),
            ("/srv/vassals/blog.ini", Some("blog")),
            ("a.yaml", Some("a")),
            ("a.yml", Some("a")),
            ("a.json", Some("a")),
            ("example.com.toml", Some("example.com")),
            ("grün.toml", Some("grün")),
            ("two words.toml", Some("two words")),
            ("blog.toml~", None),
            (".blog.toml", None),
            (".blog.toml.swp", None),
            (".blog.toml.A1b2C3", None),
            ("blog.toml.tmp", None),
            ("blog.tmp.toml", None),
            ("#blog.toml#", None),
            ("blog.toml.dpkg-dist", None),
            ("blog.dpkg-new.toml", None),
            ("~blog.toml", None),
            ("blog.py", None),
            ("blog", None),
            (".toml", None),
            ("toml", None),
            ("blog.TOML", None),
            ("a\nb.toml", None),
            (" .toml", None),
            ("..", None),
            ("/", None),
        ] {
            assert_eq!(
                vassal_name(Path::new(file)).as_deref(),
                expected,
                "{file:?}"
            );
        }
        assert_eq!(
            vassal_name(Path::new(&format!("{}.toml", "x".repeat(129)))),
            None
        );
    }

    #[test]
    fn only_what_looks_like_a_vassal_file_has_a_fault() {
        use std::os::unix::ffi::OsStrExt;
        let long = "x".repeat(129) + ".toml";
        for (file, fault) in [
            (&b"blog.toml"[..], None),
            (b".a\nb.toml", None),
            (b"a\nb.toml~", None),
            (b"a\nb.tmp.toml", None),
            (b"a\nb.py", None),
            (b"a\nb.toml", Some(NameFault::ControlCharacter)),
            (b" .toml", Some(NameFault::OuterSpace)),
            (b"blog .ini", Some(NameFault::OuterSpace)),
            (b"\xff.toml", Some(NameFault::NotText)),
            (long.as_bytes(), Some(NameFault::TooLong)),
        ] {
            let path = Path::new(std::ffi::OsStr::from_bytes(file));
            assert_eq!(name_fault(path), fault, "{}", path.display());
        }
    }
}
