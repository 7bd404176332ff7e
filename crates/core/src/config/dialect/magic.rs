//! uWSGI's variables of one character: `%n`, `%d` and the others.
//!
//! Lower case is about the file in which they stand, upper case about the first one: in a template
//! `%n` is the template and `%N` the vassal.

use super::outside::Question;

/// The names of one file that is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// As it was asked for.
    pub(super) given: String,
    /// Absolute.
    pub(super) path: String,
    /// Which section was asked for by name.
    pub(super) section: String,
}

/// Where a text stands, for what its variables mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) this: Names,
    pub(super) first: Names,
}

/// What a variable stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning<'s> {
    Text(String),
    /// Only the machine knows.
    Asks(Question<'s>),
    /// The time in whole seconds.
    Seconds,
    /// uWSGI deletes it.
    Nothing,
}

/// What `%c` means at a site.
pub(super) fn meaning(c: char, site: &Site) -> Meaning<'_> {
    let names = if c.is_ascii_uppercase() {
        &site.first
    } else {
        &site.this
    };
    let text = match c {
        '%' => "%".to_owned(),
        '[' => "\u{1b}".to_owned(),
        'o' | 'O' => names.given.clone(),
        'p' | 'P' => names.path.clone(),
        's' | 'S' => names.file_name().to_owned(),
        'd' | 'D' => names.directory().to_owned(),
        'c' | 'C' => names.last_directory().to_owned(),
        'n' | 'N' => names.stem().to_owned(),
        'e' | 'E' => names.extension().to_owned(),
        'x' | 'X' => names.section.clone(),
        'j' | 'J' => hashed(&names.path),
        '0'..='9' => names.component(c),
        'v' => without_last_slash(site.first.directory()).to_owned(),
        'V' => env!("CARGO_PKG_VERSION").to_owned(),
        'i' | 'I' => return Meaning::Asks(Question::Inode(&names.path)),
        'h' => return Meaning::Asks(Question::Hostname),
        'k' => return Meaning::Asks(Question::Processors),
        't' => return Meaning::Seconds,
        'T' => return Meaning::Asks(Question::Microseconds),
        'u' => return Meaning::Asks(Question::UserId),
        'U' => return Meaning::Asks(Question::User),
        'g' => return Meaning::Asks(Question::GroupId),
        'G' => return Meaning::Asks(Question::Group),
        'b' => return Meaning::Asks(Question::Program),
        _ => return Meaning::Nothing,
    };
    Meaning::Text(text)
}

impl Names {
    /// Names of a file, with `.` and `..` taken out of its path by text alone.
    pub(super) fn new(given: &str, path: &str, section: &str) -> Self {
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        Self {
            given: given.to_owned(),
            path: format!("/{}", parts.join("/")),
            section: section.to_owned(),
        }
    }

    fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// With the slash at its end.
    fn directory(&self) -> &str {
        self.path.strip_suffix(self.file_name()).unwrap_or("/")
    }

    fn last_directory(&self) -> &str {
        let directory = without_last_slash(self.directory());
        directory.rsplit('/').next().unwrap_or_default()
    }

    fn stem(&self) -> &str {
        let name = self.file_name();
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    fn extension(&self) -> &str {
        let name = self.file_name();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The n-th directory from the root.
    fn component(&self, digit: char) -> String {
        let index = digit.to_digit(10).and_then(|n| usize::try_from(n).ok());
        let mut directories = self.directory().split('/').filter(|part| !part.is_empty());
        index
            .and_then(|index| directories.nth(index))
            .unwrap_or_default()
            .to_owned()
    }
}

fn without_last_slash(directory: &str) -> &str {
    match directory.strip_suffix('/') {
        Some("") | None => directory,
        Some(rest) => rest,
    }
}

/// Bernstein's hash by exclusive or, as uWSGI shows it: its bytes in the order of a little-endian
/// machine's memory.
fn hashed(path: &str) -> String {
    let hash = path.bytes().fold(5381u32, |hash, byte| {
        (hash.wrapping_shl(5).wrapping_add(hash)) ^ u32::from(byte)
    });
    format!("{:08X}", hash.swap_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site {
            this: Names {
                given: "sub/b.ini".into(),
                path: "/tmp/dialect-src/x/sub/b.ini".into(),
                section: "foo".into(),
            },
            first: Names {
                given: "a.b.ini".into(),
                path: "/tmp/dialect-src/x/a.ini".into(),
                section: String::new(),
            },
        }
    }

    #[test]
    fn paths_are_those_without_detours() {
        for (path, expected) in [
            ("/a/b/../c.ini", "/a/c.ini"),
            ("/a//./b.ini", "/a/b.ini"),
            ("/../b.ini", "/b.ini"),
        ] {
            assert_eq!(Names::new("x", path, "").path, expected);
        }
    }

    #[test]
    fn variables_mean_what_they_mean_in_uwsgi() {
        for (c, expected) in [
            ('%', "%"),
            ('[', "\u{1b}"),
            ('n', "b"),
            ('N', "a"),
            ('d', "/tmp/dialect-src/x/sub/"),
            ('D', "/tmp/dialect-src/x/"),
            ('p', "/tmp/dialect-src/x/sub/b.ini"),
            ('P', "/tmp/dialect-src/x/a.ini"),
            ('s', "b.ini"),
            ('S', "a.ini"),
            ('e', "ini"),
            ('E', "ini"),
            ('c', "sub"),
            ('C', "x"),
            ('o', "sub/b.ini"),
            ('x', "foo"),
            ('X', ""),
            ('0', "tmp"),
            ('3', "sub"),
            ('9', ""),
            ('v', "/tmp/dialect-src/x"),
            // As uWSGI 2.0.31 printed it for this very path.
            ('J', "085B5366"),
        ] {
            let site = site();
            assert_eq!(
                meaning(c, &site),
                Meaning::Text(expected.to_owned()),
                "%{c}"
            );
        }
        for c in ['z', 'q', ' ', 'B', 'K', 'é', '-'] {
            assert_eq!(meaning(c, &site()), Meaning::Nothing, "%{c}");
        }
    }
}
