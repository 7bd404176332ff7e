//! The files that a vassal file names: what their name asks for, and what is in them.

use std::path::Path;

use crate::config::diagnostic::{Complaint, quote};
use crate::config::format::{Format, ini};
use crate::config::source::Source;
use crate::config::tree::{Entry, Place};

/// What an `include` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// As it was written.
    pub(super) text: String,
    /// None for another section of the INI file that was read last.
    pub(super) path: Option<String>,
    pub(super) section: Option<String>,
    format: Format,
}

/// A file, as its sections.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    pub(super) path: String,
    pub(super) is_ini: bool,
    pub(super) sections: Vec<ini::Section>,
    /// The sections that were asked for.
    pub(super) read: Vec<String>,
}

impl Asked {
    /// Takes `base.ini`, `base.ini:production` or `:production` apart.
    pub(super) fn parse(key: &str, text: &str, place: &Place) -> Result<Self, Complaint> {
        let (path, section) = match text.rsplit_once(':') {
            Some((path, section)) if !section.contains('/') => (path, Some(section)),
            Some(_) | None => (text, None),
        };
        let section = section.filter(|section| !section.is_empty());
        if path.is_empty() && section.is_some() {
            return Ok(Self {
                text: text.to_owned(),
                path: None,
                section: section.map(str::to_owned),
                format: Format::Ini,
            });
        }
        let by_key = match key {
            "ini" => Some(Format::Ini),
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            _ => Format::of(Path::new(path)).filter(|format| *format != Format::Toml),
        };
        let Some(format) = by_key else {
            let message = format!("{} names no file of options: {}", quote(key), quote(text));
            return Err(Complaint::new(place.clone(), message)
                .hint("name a file that ends in `.ini`, `.yaml`, `.yml` or `.json`"));
        };
        if section.is_some() && format != Format::Ini {
            let message = format!("a section of a file that is not INI: {}", quote(text));
            return Err(Complaint::new(place.clone(), message)
                .hint("only INI files have sections; name the file alone"));
        }
        Ok(Self {
            text: text.to_owned(),
            path: Some(path.to_owned()),
            section: section.map(str::to_owned),
            format,
        })
    }
}

impl Loaded {
    /// The keys of a section, wherever in the file its parts stand.
    pub(super) fn section(&self, name: &str) -> Option<Vec<Entry>> {
        let parts = self.sections.iter().filter(|section| section.name == name);
        let mut parts = parts.peekable();
        parts.peek()?;
        Some(parts.flat_map(|part| part.entries.clone()).collect())
    }
}

/// Parses a file; its places name its number.
pub(super) fn parsed(
    asked: &Asked,
    path: String,
    text: &str,
    number: usize,
) -> (Source<'static>, Result<Loaded, Vec<Complaint>>) {
    let (source, complaint) = Source::owned(asked.format, &path, text);
    let inside = |complaints: Vec<Complaint>| -> Vec<Complaint> {
        let complaints = complaints.into_iter();
        complaints
            .map(|complaint| complaint.inside(number))
            .collect()
    };
    if let Some(complaint) = complaint {
        return (source, Err(inside(vec![complaint])));
    }
    let sections = match asked.format {
        Format::Ini => match ini::sections(source.text()) {
            (sections, faults) if faults.is_empty() => Ok(sections),
            (_, faults) => Err(faults),
        },
        Format::Yaml | Format::Json | Format::Toml => {
            asked.format.parse(source.text()).map(|document| {
                vec![ini::Section {
                    name: "uwsgi".to_owned(),
                    place: document.place,
                    entries: document.entries,
                }]
            })
        }
    };
    let loaded = sections.map_err(inside).map(|mut sections| {
        for section in &mut sections {
            section.place = section.place.clone().inside(number);
            for entry in &mut section.entries {
                entry.move_inside(number);
            }
        }
        Loaded {
            path,
            is_ini: asked.format == Format::Ini,
            sections,
            read: Vec::new(),
        }
    });
    (source, loaded)
}
