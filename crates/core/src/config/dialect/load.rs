//! The first half of the reading: files, sections, loops and conditions become one list of keys.
//!
//! As in uWSGI a file that another one names is read where it is named (`include`), and a loop or a
//! condition holds for each key behind it up to its end. Values are not looked into here, except those that
//! direct the reading itself.

use std::collections::HashSet;
use std::rc::Rc;

use super::declared::Declared;
use super::files::{Asked, Loaded};
use super::keyword::{Class, Items, Keyword, Test, assignment, class_of, keyword};
use super::logic;
use super::magic::{Names, Site};
use super::outside::Outside;
use super::resolve::{Resolver, Text, plain_text, unasked};
use super::text::{PieceKind, is_plain, pieces};
use crate::config::diagnostic::{Complaint, quote};
use crate::config::format::ini;
use crate::config::source::Source;
use crate::config::tree::{Entry, NODE_LIMIT, Place, Value};

/// Most complaints before the reading is given up.
pub(super) const COMPLAINT_LIMIT: usize = 100;

/// What `%(_)` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// This text as it is.
    Literal(String),
    /// A word of the file, with whatever is to be put into it.
    Raw(String, Place),
    /// The value of a key.
    Key(String),
}

/// One key that was given, with its value as it was written.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) value: Value,
    pub(super) place: Place,
    pub(super) site: Rc<Site>,
    pub(super) bound: Option<Bound>,
    /// It was said not to be an option.
    pub(super) is_placeholder: bool,
    /// In which reading of a file it stands.
    pub(super) reading: usize,
    /// Whether it stands in a loop or below a condition.
    pub(super) is_conditional: bool,
    /// Whether it may say who the vassal runs as: nothing that the file has read in may.
    pub(super) is_own: bool,
}

/// Where keys are read from.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) site: Rc<Site>,
    pub(super) is_ini: bool,
    pub(super) is_own: bool,
    pub(super) reading: usize,
    pub(super) is_conditional: bool,
}

/// A key as it stands in a file, on its way.
#[derive(Clone, Copy)]
pub(super) struct Line<'l> {
    pub(super) key: &'l str,
    pub(super) key_place: &'l Place,
    pub(super) value: &'l Value,
    pub(super) place: &'l Place,
}

/// A loop or a condition that has not ended yet.
struct Running {
    place: Place,
    /// What `%(_)` is, once for each round; none in the opposite of a condition.
    rounds: Vec<Option<Bound>>,
}

/// What has been read so far.
pub(super) struct Loader<'o> {
    pub(super) outside: &'o dyn Outside,
    pub(super) first: Names,
    pub(super) given: Vec<Given>,
    pub(super) complaints: Vec<Complaint>,
    /// The keys that those are about: what they would have said is not missing.
    pub(super) failed: Vec<String>,
    /// The texts of all files but the first, for their places.
    pub(super) included: Vec<Source<'static>>,
    /// Keys that a condition was about.
    pub(super) asked: HashSet<String>,
    pub(super) declared: Vec<Declared>,
    /// Files of sections, by their place in `included`; 0 is the first file.
    pub(super) files: Vec<Loaded>,
    pub(super) last_ini: Option<usize>,
    pub(super) inherited: Vec<(Asked, Context, Place)>,
    pub(super) stack: Vec<(String, String)>,
    pub(super) readings: usize,
    pub(super) bytes: usize,
    steps: usize,
}

impl<'o> Loader<'o> {
    pub(super) fn new(outside: &'o dyn Outside, first: Names) -> Self {
        Self {
            outside,
            first,
            given: Vec::new(),
            complaints: Vec::new(),
            failed: Vec::new(),
            included: Vec::new(),
            asked: HashSet::new(),
            declared: Vec::new(),
            files: Vec::new(),
            last_ini: None,
            inherited: Vec::new(),
            stack: Vec::new(),
            readings: 0,
            bytes: 0,
            steps: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.steps > NODE_LIMIT
    }

    /// Goes through the keys of one section.
    pub(super) fn section(&mut self, entries: &[Entry], context: &Context) {
        let mut running: Option<Running> = None;
        for entry in entries {
            if self.complaints.len() > COMPLAINT_LIMIT || self.is_over() {
                return;
            }
            if let Err(complaint) = self.entry(entry, context, &mut running) {
                self.complaints.push(complaint);
                self.failed.push(entry.key.clone());
            }
        }
        if let Some(running) = running.filter(|_| !self.is_over()) {
            self.complaints.push(
                Complaint::new(running.place, "nothing ends this loop or condition")
                    .hint("add `endfor =` or `endif =` behind what it is about"),
            );
        }
    }

    fn entry(
        &mut self,
        entry: &Entry,
        context: &Context,
        running: &mut Option<Running>,
    ) -> Result<(), Complaint> {
        let key = self.key_of(entry, context)?;
        let line = Line {
            key: &key,
            key_place: &entry.place,
            value: &entry.node.value,
            place: &entry.node.place,
        };
        match keyword(&key) {
            Some(Keyword::End) => {
                if running.take().is_none() {
                    let message = format!("{} without a beginning", quote(&key));
                    return Err(Complaint::new(entry.place.clone(), message).hint("remove it"));
                }
            }
            Some(opening @ (Keyword::Loop(_) | Keyword::Condition(..))) => {
                if let Some(running) = running {
                    return Err(Complaint::new(
                        entry.place.clone(),
                        "a condition or loop inside another",
                    )
                    .also(running.place.clone(), "this one has not ended")
                    .hint("end that one first; as in uWSGI they do not nest"));
                }
                let rounds = match opening {
                    Keyword::Loop(items) => self.rounds(items, line, context),
                    Keyword::Condition(test, is_negated) => {
                        self.condition(test, is_negated, line, context)
                    }
                    Keyword::End
                    | Keyword::Include
                    | Keyword::Inherit
                    | Keyword::Set
                    | Keyword::SetPlaceholder
                    | Keyword::Declare => Ok(Vec::new()),
                };
                let place = entry.place.clone();
                // One that fails is over at its end too.
                *running = Some(Running {
                    place,
                    rounds: rounds.clone().unwrap_or_default(),
                });
                rounds?;
            }
            _ => match running {
                None => self.line(line, None, context)?,
                Some(running) => {
                    let context = Context {
                        is_conditional: true,
                        ..context.clone()
                    };
                    for bound in running.rounds.clone() {
                        self.line(line, bound, &context)?;
                    }
                }
            },
        }
        Ok(())
    }

    /// A key may have variables of one character; uWSGI puts nothing else into keys.
    fn key_of(&mut self, entry: &Entry, context: &Context) -> Result<String, Complaint> {
        if is_plain(&entry.key) {
            return Ok(entry.key.clone());
        }
        self.early(&entry.key, &entry.place, None, context)
    }

    /// A text that is needed while files are read, when uWSGI knows nothing but variables of one
    /// character and `%(_)`.
    fn early(
        &mut self,
        raw: &str,
        place: &Place,
        bound: Option<&Bound>,
        context: &Context,
    ) -> Result<String, Complaint> {
        if is_plain(raw) {
            return Ok(raw.to_owned());
        }
        let foreign = pieces(raw).into_iter().find(|piece| match &piece.kind {
            PieceKind::Group(..) => raw.get(piece.range.clone()) != Some("%(_)"),
            PieceKind::Open(_) => true,
            PieceKind::Literal(_) | PieceKind::Magic(_) => false,
        });
        if let Some(piece) = foreign {
            let shown = raw.get(piece.range.clone()).unwrap_or_default();
            let message = format!("{} is not put in here, neither in uWSGI", quote(shown));
            return Err(Complaint::new(place.part(raw.len(), &piece.range), message)
                .hint("write it out: while files are read only `%n` and the like are known"));
        }
        let text = Text {
            raw,
            place,
            site: &context.site,
            bound,
            class: Class::Plain,
        };
        let given = match bound {
            Some(Bound::Key(_)) => self.given.as_slice(),
            Some(Bound::Literal(_) | Bound::Raw(..)) | None => &[],
        };
        let mut resolver = Resolver::new(self.outside, given);
        resolver
            .text(&text)
            .map_err(|failed| failed.map_or_else(|| unasked(raw, place.clone()), |boxed| *boxed))
    }

    pub(super) fn early_value(
        &mut self,
        line: Line<'_>,
        bound: Option<&Bound>,
        context: &Context,
    ) -> Result<String, Complaint> {
        let raw = plain_text(line.value).ok_or_else(|| one_value(line))?;
        if context.is_ini {
            ini_suspicion(line, &raw, Class::Plain)?;
        }
        self.early(&raw, line.place, bound, context)
    }

    /// One key, in one round.
    pub(super) fn line(
        &mut self,
        line: Line<'_>,
        bound: Option<Bound>,
        context: &Context,
    ) -> Result<(), Complaint> {
        self.steps += 1;
        if self.is_over() {
            if self.steps > NODE_LIMIT + 1 {
                return Ok(());
            }
            let message = format!("more than {NODE_LIMIT} keys with all files and rounds");
            return Err(Complaint::new(line.key_place.clone(), message)
                .hint("a vassal file holds the options of one app and nothing else"));
        }
        match keyword(line.key) {
            Some(Keyword::Include) => {
                let asked = self.asked_file(line, bound.as_ref(), context)?;
                self.read(&asked, context, line.place)
            }
            Some(Keyword::Inherit) => {
                let asked = self.asked_file(line, bound.as_ref(), context)?;
                self.inherited
                    .push((asked, context.clone(), line.place.clone()));
                Ok(())
            }
            Some(Keyword::Set) => self.set(line, bound, context, false),
            Some(Keyword::SetPlaceholder) => self.set(line, bound, context, true),
            Some(Keyword::Declare) => self.declare(line),
            Some(Keyword::Loop(_) | Keyword::Condition(..) | Keyword::End) => {
                let message = format!("{} cannot be set like this", quote(line.key));
                Err(Complaint::new(line.key_place.clone(), message).hint("write it as a line"))
            }
            None if self.declared.iter().any(|known| known.name == line.key) => {
                self.apply_declared(line, bound.as_ref(), context)
            }
            None => self.give(line, bound, context, false),
        }
    }

    pub(super) fn give(
        &mut self,
        line: Line<'_>,
        bound: Option<Bound>,
        context: &Context,
        is_placeholder: bool,
    ) -> Result<(), Complaint> {
        if let (true, Value::Text(raw)) = (context.is_ini, line.value) {
            ini_suspicion(line, raw, class_of(line.key))?;
        }
        self.given.push(Given {
            key: line.key.to_owned(),
            key_place: line.key_place.clone(),
            value: line.value.clone(),
            place: line.place.clone(),
            site: Rc::clone(&context.site),
            bound,
            is_placeholder,
            reading: context.reading,
            is_conditional: context.is_conditional,
            is_own: context.is_own,
        });
        Ok(())
    }

    /// `set = KEY=VALUE`; several in a list.
    fn set(
        &mut self,
        line: Line<'_>,
        bound: Option<Bound>,
        context: &Context,
        is_placeholder: bool,
    ) -> Result<(), Complaint> {
        if let Value::List(items) = line.value {
            for item in items {
                let line = Line {
                    value: &item.value,
                    place: &item.place,
                    ..line
                };
                self.set(line, bound.clone(), context, is_placeholder)?;
            }
            return Ok(());
        }
        let raw = plain_text(line.value).ok_or_else(|| one_value(line))?;
        let (key, value) = assignment(line.key, &raw, line.place)?;
        let from = raw.len() - value.len();
        let place = line.place.part(raw.len(), &(from..raw.len()));
        let value = Value::Text(value.to_owned());
        let inner = Line {
            key,
            key_place: line.place,
            value: &value,
            place: &place,
        };
        if is_placeholder {
            return self.give(inner, bound, context, true);
        }
        if keyword(key) == Some(Keyword::Set) {
            let complaint = Complaint::new(line.place.clone(), "`set` of `set`");
            return Err(complaint.hint("write the key itself"));
        }
        self.line(inner, bound, context)
    }

    /// The rounds of a loop.
    fn rounds(
        &mut self,
        items: Items,
        line: Line<'_>,
        context: &Context,
    ) -> Result<Vec<Option<Bound>>, Complaint> {
        if items == Items::Words {
            let raw = plain_text(line.value).ok_or_else(|| one_value(line))?;
            if context.is_ini {
                ini_suspicion(line, &raw, Class::Plain)?;
            }
            return Ok(logic::words(&raw, line.place));
        }
        let text = self.early_value(line, None, context)?;
        logic::items(items, &text, self.outside, &context.site, line)
    }

    /// One round if the condition holds, else none.
    fn condition(
        &mut self,
        kind: Test,
        is_negated: bool,
        line: Line<'_>,
        context: &Context,
    ) -> Result<Vec<Option<Bound>>, Complaint> {
        let text = self.early_value(line, None, context)?;
        let holds = if kind == Test::Key {
            self.has_key(&text, line)?
        } else {
            logic::holds(kind, &text, self.outside, &context.site, line)?
        };
        Ok(match (holds, is_negated) {
            (Some(bound), false) => vec![Some(bound)],
            (None, true) => vec![None],
            (Some(_), true) | (None, false) => Vec::new(),
        })
    }

    /// Whether a key was given above, perhaps with a value.
    fn has_key(&mut self, text: &str, line: Line<'_>) -> Result<Option<Bound>, Complaint> {
        let (key, expected) = match text.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim())),
            None => (text.trim(), None),
        };
        self.asked.insert(key.to_owned());
        let Some(given) = self.given.iter().find(|given| given.key == key) else {
            return Ok(None);
        };
        let Some(expected) = expected else {
            return Ok(Some(Bound::Key(key.to_owned())));
        };
        let value = plain_text(&given.value).unwrap_or_default();
        if !is_plain(&value) {
            let message = format!("the value of {} is not known yet", quote(key));
            return Err(Complaint::new(line.place.clone(), message)
                .also(given.place.clone(), "it is put together later, as in uWSGI")
                .hint("ask for a key whose value is written out"));
        }
        Ok((value == expected).then(|| Bound::Key(key.to_owned())))
    }
}

fn one_value(line: Line<'_>) -> Complaint {
    let message = format!("{} takes one value", quote(line.key));
    Complaint::new(line.place.clone(), message).hint("give it one")
}

/// Quotes and comments that would become part of an INI value.
fn ini_suspicion(line: Line<'_>, raw: &str, class: Class) -> Result<(), Complaint> {
    if class == Class::Plain {
        ini::checked(raw, line.place)?;
    }
    Ok(())
}
