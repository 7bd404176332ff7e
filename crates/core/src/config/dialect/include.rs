//! Reading the files that a file names, and those that the provider puts around it.

use std::rc::Rc;

use super::files::{Asked, Loaded, parsed};
use super::load::{Bound, COMPLAINT_LIMIT, Context, Line, Loader};
use super::magic::{Names, Site};
use super::outside::{Lack, Question};
use super::resolve::{absolute, refused_scheme, unasked};
use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::Place;

/// Deepest that files may name each other.
const FILE_DEPTH_LIMIT: usize = 8;
/// Most files that one vassal file may have read.
const FILE_COUNT_LIMIT: usize = 64;
/// Most bytes of those files together.
const FILE_BYTES_LIMIT: usize = 4 * 1024 * 1024;
impl Loader<'_> {
    pub(super) fn asked_file(
        &mut self,
        line: Line<'_>,
        bound: Option<&Bound>,
        context: &Context,
    ) -> Result<Asked, Complaint> {
        let text = self.early_value(line, bound, context)?;
        if let Some(complaint) = refused_scheme(&text, line.place) {
            return Err(complaint);
        }
        Asked::parse(line.key, &text, line.place)
    }

    /// What `inherit` names is read behind everything else, as in uWSGI.
    pub(super) fn read_inherited(&mut self) {
        // What is inherited may inherit.
        while !self.inherited.is_empty() && self.complaints.len() <= COMPLAINT_LIMIT {
            for (asked, context, place) in std::mem::take(&mut self.inherited) {
                if let Err(complaint) = self.read(&asked, &context, &place) {
                    self.complaints.push(complaint);
                }
            }
        }
    }

    /// Reads a file, or another section of the last one, where it is named.
    pub(super) fn read(
        &mut self,
        asked: &Asked,
        context: &Context,
        place: &Place,
    ) -> Result<(), Complaint> {
        self.readings += 1;
        if self.stack.len() >= FILE_DEPTH_LIMIT || self.readings > FILE_COUNT_LIMIT {
            let message = format!(
                "more than {FILE_COUNT_LIMIT} files, or files that name each other {FILE_DEPTH_LIMIT} deep"
            );
            return Err(Complaint::new(place.clone(), message)
                .hint("write what they hold into fewer files"));
        }
        let file = match &asked.path {
            None => self.last_ini.ok_or_else(|| {
                Complaint::new(place.clone(), "no INI file was read before")
                    .hint("write the file's path before the `:`")
            })?,
            Some(path) => {
                let path = absolute(path, &context.site);
                self.open(asked, path, place)?
            }
        };
        let Some(loaded) = self.files.get(file) else {
            return Ok(());
        };
        let section = asked.section.as_deref();
        let names = Names::new(&asked.text, &loaded.path, section.unwrap_or_default());
        let section = section.unwrap_or("uwsgi");
        let mark = (names.path.clone(), section.to_owned());
        if self.stack.contains(&mark) {
            let message = format!("{} is being read already", quote(&asked.text));
            return Err(Complaint::new(place.clone(), message)
                .hint("a file must not name itself, nor files each other in a circle"));
        }
        let is_ini = loaded.is_ini;
        let entries = loaded.section(section);
        let entries = entries.ok_or_else(|| without_section(asked, section, place))?;
        if is_ini {
            self.last_ini = Some(file);
        }
        if let Some(loaded) = self.files.get_mut(file) {
            loaded.read.push(section.to_owned());
        }
        let inner = Context {
            site: Rc::new(Site {
                this: names,
                first: self.first.clone(),
            }),
            is_ini,
            is_own: context.is_own && file == 0,
            reading: if file == 0 { 0 } else { self.readings },
            is_conditional: context.is_conditional,
        };
        self.stack.push(mark);
        self.section(&entries, &inner);
        self.stack.pop();
        Ok(())
    }

    /// Opens a file that is named, and gives its number.
    fn open(&mut self, asked: &Asked, path: String, place: &Place) -> Result<usize, Complaint> {
        if let Some(known) = self.files.iter().position(|file| file.path == path) {
            return Ok(known);
        }
        let text = match self.outside.ask(Question::Text(&path)).text() {
            Ok(text) => text,
            Err(Lack::Failed(reason)) => {
                let message = format!("could not read {}: {reason}", quote(&path));
                return Err(Complaint::new(place.clone(), message).hint(
                    "check that it is a regular file that the vassal's user may read; a relative \
                     path begins at the vassal file's directory",
                ));
            }
            Err(Lack::Absent | Lack::Unasked) => return Err(unasked(&asked.text, place.clone())),
        };
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > FILE_BYTES_LIMIT {
            let message = format!("files of more than {FILE_BYTES_LIMIT} bytes together");
            return Err(Complaint::new(place.clone(), message)
                .hint("a vassal file holds the options of one app and nothing else"));
        }
        let number = self.included.len() + 1;
        let (source, loaded) = parsed(asked, path, &text, number);
        self.included.push(source);
        while self.files.len() < number {
            self.files.push(Loaded::default());
        }
        let loaded = loaded.unwrap_or_else(|complaints| {
            self.complaints.extend(complaints);
            Loaded::default()
        });
        self.files.push(loaded);
        Ok(number)
    }

    /// Reads a file of the provider's before or behind the vassal's own.
    pub(super) fn template(&mut self, path: &str, text: &str) {
        let place = Place::Flag(path.to_owned());
        let outcome = Asked::parse("include", path, &place).and_then(|asked| {
            let number = self.included.len() + 1;
            let (source, loaded) = parsed(&asked, path.to_owned(), text, number);
            self.included.push(source);
            while self.files.len() < number {
                self.files.push(Loaded::default());
            }
            match loaded {
                Ok(loaded) => self.files.push(loaded),
                Err(complaints) => {
                    self.complaints.extend(complaints);
                    return Ok(());
                }
            }
            let context = Context {
                site: Rc::default(),
                is_ini: false,
                is_own: true,
                reading: 0,
                is_conditional: false,
            };
            self.read_template(&asked, &context, number)
        });
        if let Err(complaint) = outcome {
            self.complaints.push(complaint);
        }
    }

    fn read_template(
        &mut self,
        asked: &Asked,
        context: &Context,
        number: usize,
    ) -> Result<(), Complaint> {
        self.readings += 1;
        let Some(loaded) = self.files.get(number) else {
            return Ok(());
        };
        let section = asked.section.clone().unwrap_or_else(|| "uwsgi".to_owned());
        let is_ini = loaded.is_ini;
        let path = loaded.path.clone();
        let Some(entries) = loaded.section(&section) else {
            let message = format!("no section {}", quote(&section));
            let place = Place::Flag(path);
            return Err(Complaint::new(place, message).hint("begin it with `[uwsgi]`"));
        };
        let context = Context {
            site: Rc::new(Site {
                this: Names::new(
                    &asked.text,
                    &path,
                    asked.section.as_deref().unwrap_or_default(),
                ),
                first: self.first.clone(),
            }),
            is_ini,
            is_own: true,
            reading: self.readings,
            ..context.clone()
        };
        self.section(&entries, &context);
        Ok(())
    }
}

fn without_section(asked: &Asked, section: &str, place: &Place) -> Complaint {
    let file = match &asked.path {
        Some(path) => quote(path),
        None => "the INI file read last".to_owned(),
    };
    let message = format!("{file} has no section {}", quote(section));
    Complaint::new(place.clone(), message).hint(
        "write its name behind a `:`, as in `base.ini:production`; `:name` is one of the file read last",
    )
}
