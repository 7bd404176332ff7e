//! The keys of a file, and the sections that nothing reads, found line by line and without the product's parsers.

use std::fmt;

use super::world::World;

/// One key where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    /// How many lines it takes with its value.
    lines: usize,
    pub(crate) name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.file.strip_prefix("common/") {
            Some(file) => format!("{file}:{}", self.line),
            None => self.line.to_string(),
        };
        write!(f, "{place:>4} {:28}", self.name)
    }
}

/// All keys of a file and of those that it names.
pub(crate) fn of_all(name: &str, world: &World) -> Vec<Key> {
    let named = |other: &&str| other.contains('/') && world.text(name).contains(*other);
    let files = std::iter::once(name).chain(world.names().filter(named));
    files.flat_map(|file| of_one(file, world)).collect()
}

fn of_one(file: &str, world: &World) -> Vec<Key> {
    let text = world.text(file);
    let key = |line: usize, lines, name: &str| Key {
        file: file.to_owned(),
        line: line + 1,
        lines,
        name: name.trim().to_owned(),
    };
    let lines: Vec<&str> = text.lines().collect();
    if file.ends_with(".ini") {
        let mut is_read = false;
        let mut keys = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let line = line.trim();
            if let Some(section) = line.strip_prefix('[') {
                is_read = is_section_read(section.trim_end_matches(']'), world);
                if !is_read {
                    let below = lines[number + 1..].iter();
                    let further = below.take_while(|line| !line.starts_with('['));
                    keys.push(key(number, further.count() + 1, line));
                }
            } else if is_read && !line.is_empty() && !line.starts_with(['#', ';']) {
                keys.push(key(number, 1, line.split('=').next().unwrap_or(line)));
            }
        }
        return keys;
    }
    let indent = if file.ends_with(".json") { 8 } else { 2 };
    let depth = |line: &str| line.len() - line.trim_start().len();
    let is_key = |line: &str| depth(line) == indent && line.contains(':');
    let keys = lines.iter().enumerate().filter(|(_, line)| is_key(line));
    keys.map(|(number, line)| {
        let below = lines[number + 1..].iter();
        let further = below.take_while(|line| depth(line) > indent).count();
        let name = line.split(':').next().unwrap_or(line);
        key(number, further + 1, name.trim().trim_matches('"'))
    })
    .collect()
}

/// Sections are read that are the file's own or that something asks for.
fn is_section_read(section: &str, world: &World) -> bool {
    let asked = format!(":{section}");
    section == "uwsgi"
        || world.names().any(|name| {
            let mut lines = world.text(name).lines();
            lines.any(|line| {
                let is_asking = ["ini", "include"]
                    .iter()
                    .any(|word| line.trim_start().starts_with(word));
                is_asking && line.trim_end().ends_with(&asked)
            })
        })
}

impl Key {
    /// Whether a group of some file names it, or a macro of that name was declared.
    pub(crate) fn is_used(&self, world: &World) -> bool {
        let beginning = format!("%({}", self.name);
        let inside = format!(" {} ", self.name);
        let declared = format!("declare-option = {}=", self.name);
        world.names().any(|name| {
            let text = world.text(name);
            text.contains(&beginning) || text.contains(&inside) || text.contains(&declared)
        })
    }

    /// Whether it is a section that the app or one of its tools reads from the same file.
    pub(crate) fn is_of_the_app(&self) -> bool {
        let section = self.name.trim_matches(['[', ']']);
        let is_of_paste = section.contains(':') && !section.starts_with("uwsgi:");
        let logging = ["logger", "handler", "formatter"];
        self.name.starts_with('[')
            && (is_of_paste || logging.iter().any(|begins| section.starts_with(begins)))
    }

    /// Whether the file itself says that nothing need use it.
    pub(crate) fn is_declared_unused(&self, world: &World) -> bool {
        let text = world.text(&self.file).lines().nth(self.line - 1);
        text.is_some_and(|line| line.starts_with("set-p"))
    }

    /// The text without it. JSON needs no comma before its end.
    pub(crate) fn removed_from(&self, text: &str) -> String {
        let kept = text.lines().enumerate();
        let kept: Vec<&str> = kept
            .filter(|(number, _)| !self.covers(*number))
            .map(|(_, line)| line)
            .collect();
        let text = kept.join("\n");
        if self.file.ends_with(".json") {
            text.replace(",\n    }", "\n    }")
        } else {
            text
        }
    }

    /// The text with empty lines in its place.
    pub(crate) fn blanked_in(&self, text: &str) -> String {
        let lines = text.lines().enumerate();
        let lines: Vec<&str> = lines
            .map(|(number, line)| if self.covers(number) { "" } else { line })
            .collect();
        let text = lines.join("\n");
        if self.file.ends_with(".json") {
            let end = text
                .trim_end_matches(['\n', ' ', '}'])
                .trim_end_matches(',');
            format!("{end}\n    }}\n}}\n")
        } else {
            text
        }
    }

    fn covers(&self, number: usize) -> bool {
        (self.line - 1..self.line - 1 + self.lines).contains(&number)
    }
}
