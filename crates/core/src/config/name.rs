//! Which files of a directory are vassals, and what they are called.

use std::path::Path;

use super::format::Format;

/// Longest name, so that it fits into every place that shows or uses it.
const NAME_LIMIT_BYTES: usize = 128;

/// The name of the vassal that a file stands for, if its name says that it is one: the stem of a
/// `.toml`, `.yaml`, `.yml`, `.json` or `.ini` file that is neither hidden nor an editor's leftover.
pub fn vassal_name(path: &Path) -> Option<String> {
    let file_name = path.file_name()?.to_str()?;
    // Leftovers such as `x.toml~`, `.x.toml.swp`, `x.toml.tmp`, `x.toml.dpkg-new` and rsync's
    // `.x.toml.a1B2c3` have another extension, or a dot before them.
    if file_name.starts_with(['.', '#', '~']) {
        return None;
    }
    Format::of(Path::new(file_name))?;
    let stem = Path::new(file_name).file_stem()?.to_str()?;
    let is_leftover = [".tmp", ".swp", ".swx", ".bak", "~", "#"]
        .iter()
        .any(|ending| stem.ends_with(ending))
        || stem.contains(".dpkg-");
    let is_printable = !stem.chars().any(char::is_control);
    let is_name = is_printable && stem.trim() == stem && stem.len() <= NAME_LIMIT_BYTES;
    (is_name && !is_leftover).then(|| stem.to_owned())
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
}
