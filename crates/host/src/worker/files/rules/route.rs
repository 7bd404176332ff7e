//! From the path of a request to names of files: which directory, and what below it.
//!
//! What could lead out of the directory, or be read in two ways, is no name of a file here and goes
//! to the app: `.` and `..`, empty segments, encoded slashes, backslashes and NUL. Symbolic links
//! are the kernel's matter, when the file is opened.

/// A path of URLs and what it stands for.
#[derive(Debug)]
pub(crate) struct Mount<R> {
    /// Without the slash at its end; empty for all paths.
    pub(crate) prefix: Vec<u8>,
    /// The prefix is repeated below the root.
    pub(crate) is_prefix_kept: bool,
    pub(crate) root: R,
}

/// What a path names below a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named<'p> {
    /// Without a slash at either end; empty for the root itself.
    pub(crate) name: &'p [u8],
    /// Whether the path had a slash at its end, so that only a directory can be meant.
    pub(crate) is_directory: bool,
}

/// The longest prefix first; equals in the order in which they were given.
pub(crate) fn sort<R>(mounts: &mut [Mount<R>]) {
    mounts.sort_by_key(|mount| std::cmp::Reverse(mount.prefix.len()));
}

/// Whether a path, decoded and as it was sent, can be the name of a file at all.
pub(crate) fn is_clean(path: &[u8], sent: &[u8]) -> bool {
    let sent = sent.split(|byte| *byte == b'?').next().unwrap_or(sent);
    let slashes = |bytes: &[u8]| bytes.split(|byte| *byte == b'/').count();
    let Some(below) = path.strip_prefix(b"/") else {
        return false;
    };
    // One slash more than was sent was sent encoded.
    slashes(path) == slashes(sent) && (below.is_empty() || is_clean_name(trim_slash(below)))
}

/// Segments and slashes between them.
pub(crate) fn is_clean_name(name: &[u8]) -> bool {
    let is_plain = |segment: &[u8]| !matches!(segment, b"" | b"." | b"..");
    name.split(|byte| *byte == b'/').all(is_plain)
        && !name.iter().any(|byte| matches!(byte, b'\\' | b'\0'))
}

fn trim_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}

impl<R> Mount<R> {
    /// What a clean path names here; a prefix ends where a segment does.
    pub(crate) fn name<'p>(&self, path: &'p [u8]) -> Option<Named<'p>> {
        let below = path.strip_prefix(self.prefix.as_slice())?;
        if !below.is_empty() && !below.starts_with(b"/") {
            return None;
        }
        let name = if self.is_prefix_kept { path } else { below };
        let name = trim_slash(name);
        Some(Named {
            name: name.strip_prefix(b"/").unwrap_or(name),
            is_directory: path.ends_with(b"/"),
        })
    }
}

/// Where a client is sent that left out the slash: the path as it was sent, which is clean and
/// therefore no other host's (`//host`), with its query.
pub(crate) fn with_slash(sent: &str) -> String {
    match sent.split_once('?') {
        Some((path, query)) => format!("{path}/?{query}"),
        None => format!("{sent}/"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Mount, is_clean, sort, with_slash};

    fn mount(prefix: &str, is_prefix_kept: bool) -> Mount<&str> {
        Mount {
            prefix: prefix.as_bytes().to_vec(),
            is_prefix_kept,
            root: "root",
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_does() {
        let table = [
            ("/static", "/static/a.css", Some(("a.css", false))),
            ("/static", "/static/a/b/", Some(("a/b", true))),
            ("/static", "/static/", Some(("", true))),
            ("/static", "/static", Some(("", false))),
            ("/static", "/staticky/a.css", None),
            ("/static", "/Static/a.css", None),
            ("/static", "/", None),
            ("", "/", Some(("", true))),
            ("", "/a/b", Some(("a/b", false))),
        ];
        for (prefix, path, expected) in table {
            let named = mount(prefix, false).name(path.as_bytes());
            let named =
                named.map(|named| (std::str::from_utf8(named.name).unwrap(), named.is_directory));
            assert_eq!(named, expected, "{prefix} {path}");
        }
        let kept = mount("/media", true);
        assert_eq!(kept.name(b"/media/a.png").unwrap().name, b"media/a.png");
        assert_eq!(kept.name(b"/media").unwrap().name, b"media");
        assert_eq!(kept.root, "root");
    }

    #[test]
    fn the_longest_prefix_is_first() {
        let mut mounts = ["", "/a", "/a/b", "/c"].map(|prefix| mount(prefix, false));
        sort(&mut mounts);
        let prefixes = mounts.map(|mount| String::from_utf8(mount.prefix).unwrap());
        assert_eq!(prefixes, ["/a/b", "/a", "/c", ""]);
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        for (decoded, sent, expected) in [
            ("/a/b.css", "/a/b.css", true),
            ("/a/b.css", "/a/b.css?x=/../", true),
            ("/a b", "/a%20b", true),
            ("/", "/", true),
            ("/a/", "/a/", true),
            ("/a/...", "/a/...", true),
            ("/a/..", "/a/..", false),
            ("/../a", "/%2e%2e/a", false),
            ("/a/../b", "/a/%2E./b", false),
            ("/a/./b", "/a/./b", false),
            ("/a/../b", "/a%2f../b", false),
            ("/a/b", "/a%2fb", false),
            ("/a//b", "/a//b", false),
            ("//a", "//a", false),
            ("//", "//", false),
            ("/a//", "/a//", false),
            ("/a\\b", "/a%5cb", false),
            ("/a\0", "/a%00", false),
            ("*", "*", false),
            ("", "", false),
        ] {
            assert_eq!(
                is_clean(decoded.as_bytes(), sent.as_bytes()),
                expected,
                "{sent}"
            );
        }
    }

    #[test]
    fn a_slash_is_added_before_the_query() {
        assert_eq!(with_slash("/a%20b"), "/a%20b/");
        assert_eq!(with_slash("/a?b=/c"), "/a/?b=/c");
    }

    proptest! {
        #[test]
        fn a_clean_name_stays_below(path in "/([a.%/\\\\]|\\.\\.|//){0,12}", prefix in "(/a{1,2}){0,2}") {
            if is_clean(path.as_bytes(), path.as_bytes())
                && let Some(named) = mount(&prefix, false).name(path.as_bytes())
            {
                let name = std::str::from_utf8(named.name).unwrap();
                prop_assert!(!name.starts_with('/') && !name.ends_with('/'));
                prop_assert!(name.is_empty() || name.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
