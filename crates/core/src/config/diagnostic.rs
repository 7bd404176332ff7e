//! Complaints about a vassal file: collected with their places, shown with the line and a caret.
//!
//! A [`Complaint`] is made where something is found wrong and knows only its place. [`Diagnostics`]
//! is what leaves this module: the lines are cut out, so that it needs the file no more.

use std::fmt;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::excerpt::Excerpt;
use super::source::Source;
use super::tree::Place;

/// Most complaints that are shown for one file.
const SHOWN_LIMIT: usize = 100;
/// Longest quotation of a file's text inside a message, in characters.
const QUOTE_LIMIT: usize = 60;
/// Longest message or hint, in characters; ours are far shorter.
const MESSAGE_LIMIT: usize = 400;

/// Something wrong, as it is found.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    place: Place,
    message: String,
    hint: Option<String>,
    // Boxed, as it is rare and every failed step carries a complaint.
    also: Option<Box<(Place, &'static str)>>,
}

impl Complaint {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
            hint: None,
            also: None,
        }
    }

    /// The same complaint, about the file of that number.
    pub(super) fn inside(mut self, number: usize) -> Self {
        self.place = self.place.inside(number);
        if let Some(also) = &mut self.also {
            also.0 = also.0.clone().inside(number);
        }
        self
    }

    /// What to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A second place that has to do with it.
    pub(super) fn also(mut self, place: Place, label: &'static str) -> Self {
        self.also = Some(Box::new((place, label)));
        self
    }
}

/// Text of a file inside a message: in backticks, bounded, printable.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for (index, c) in text.chars().enumerate() {
        if index == QUOTE_LIMIT {
            quoted.push('…');
            break;
        }
        quoted.push(printable(c));
    }
    quoted.push('`');
    quoted
}

/// Everything that is wrong with one vassal file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    file: String,
    shown: Vec<Diagnostic>,
    unshown: usize,
    asks_outside: bool,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    message: String,
    hint: Option<String>,
    spot: Spot,
    also: Option<(Spot, &'static str)>,
}

/// A place with what is to be shown of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Spot {
    File,
    Text(Excerpt),
    Flag(String),
    /// In a file that the first one named, with that file's name.
    Other(String, Box<Spot>),
}

impl Spot {
    /// None when the place is too expensive to find.
    fn resolve(place: &Place, source: Option<&Source<'_>>) -> Option<Self> {
        match (place, source) {
            (Place::Flag(flag), _) => Some(Self::Flag(flag.clone())),
            (Place::File, _) | (_, None) => Some(Self::File),
            (Place::Inside(number, place), Some(source)) => {
                let Some(inner) = source.other(*number) else {
                    return Some(Self::File);
                };
                let spot = Self::resolve(place, Some(inner))?;
                Some(Self::Other(inner.name().to_owned(), Box::new(spot)))
            }
            (Place::Bytes(_) | Place::YamlNode(_), Some(source)) => {
                let range = source.range_of(place)?;
                Some(Self::Text(Excerpt::cut(source.text(), range)))
            }
        }
    }

    /// Other files and flags come after what the file says.
    fn order(&self) -> (usize, &str, usize, usize) {
        match self {
            Self::File => (0, "", 0, 0),
            Self::Text(excerpt) => (0, "", excerpt.line, excerpt.column),
            Self::Other(name, spot) => {
                let (_, _, line, column) = spot.order();
                (1, name, line, column)
            }
            Self::Flag(_) => (2, "", 0, 0),
        }
    }

    /// The file and the line, where there are any.
    fn named(&self, file: &str) -> String {
        match self {
            Self::File => file.to_owned(),
            Self::Text(excerpt) => format!("{file}:{}", excerpt.line),
            Self::Flag(flag) => flag.clone(),
            Self::Other(name, spot) => spot.named(name),
        }
    }
}

impl Diagnostic {
    fn resolve(complaint: &Complaint, source: Option<&Source<'_>>) -> Option<Self> {
        let spot = Spot::resolve(&complaint.place, source)?;
        Some(Self {
            message: bounded(&complaint.message),
            hint: complaint.hint.as_deref().map(bounded),
            spot,
            also: complaint
                .also
                .as_deref()
                .and_then(|(place, label)| Some((Spot::resolve(place, source)?, *label))),
        })
    }

    /// What is wrong, without its place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Line and column in the file where it stands, both from 1; none for a flag or a file that is not text.
    pub fn position(&self) -> Option<(usize, usize)> {
        match &self.spot {
            Spot::Text(excerpt) => Some((excerpt.line, excerpt.column)),
            Spot::Other(_, spot) => match &**spot {
                Spot::Text(excerpt) => Some((excerpt.line, excerpt.column)),
                Spot::File | Spot::Flag(_) | Spot::Other(..) => None,
            },
            Spot::File | Spot::Flag(_) => None,
        }
    }

    fn render(&self, file: &str) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(self.message.as_str()));
        group = with_spot(group, file, &self.spot, AnnotationKind::Primary, "");
        if let Some((spot, label)) = &self.also {
            group = with_spot(group, file, spot, AnnotationKind::Context, label);
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
        }
        let text = Renderer::plain().render(&[group]);
        text.lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Adds the line and the caret of a spot.
fn with_spot<'a>(
    group: Group<'a>,
    file: &'a str,
    spot: &'a Spot,
    kind: AnnotationKind,
    label: &'a str,
) -> Group<'a> {
    match spot {
        Spot::File => group.element(Origin::path(file)),
        Spot::Flag(flag) => group.element(Origin::path(flag.as_str())),
        Spot::Other(name, spot) => with_spot(group, name, spot, kind, label),
        Spot::Text(excerpt) => {
            let mut annotation = kind.span(excerpt.span.clone());
            if !label.is_empty() {
                annotation = annotation.label(label);
            }
            let snippet = Snippet::source(excerpt.text.as_str())
                .line_start(excerpt.line)
                .annotation(annotation);
            if !excerpt.is_cut_before {
                return group.element(snippet.path(file));
            }
            // The renderer would count columns from the cut.
            let origin = Origin::path(file)
                .line(excerpt.line)
                .char_column(excerpt.column);
            group.element(origin).element(snippet)
        }
    }
}

impl Diagnostics {
    /// Resolves the places of all complaints. At least the first is always shown.
    pub(super) fn new(
        path: &Path,
        source: Option<&Source<'_>>,
        mut complaints: Vec<Complaint>,
    ) -> Self {
        if complaints.is_empty() {
            complaints.push(Complaint::new(
                Place::File,
                "the file does not make a vassal",
            ));
        }
        // What is shown is what stands first, whatever was found first.
        complaints.sort_by_key(|complaint| complaint.place.rank());
        let mut shown: Vec<Diagnostic> = complaints
            .iter()
            .take(SHOWN_LIMIT)
            .filter_map(|complaint| Diagnostic::resolve(complaint, source))
            .collect();
        shown.sort_by(|one, other| one.spot.order().cmp(&other.spot.order()));
        let unshown = complaints.len() - shown.len();
        Self {
            file: path.display().to_string(),
            shown,
            unshown,
            asks_outside: false,
        }
    }

    /// Says that more might be known if somebody answered for what is outside the file.
    pub(super) fn asking(mut self, asks_outside: bool) -> Self {
        self.asks_outside = asks_outside;
        self
    }

    /// Whether the file asked for something outside it and nobody answered: what is wrong with it
    /// can then only be told by [`super::parse_vassal_with`].
    pub fn asks_outside(&self) -> bool {
        self.asks_outside
    }

    /// All that are shown, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.shown.iter()
    }

    /// The first one in a single line, with file, line and hint; and how many more there are.
    pub fn summary(&self) -> String {
        let Some(first) = self.shown.first() else {
            return self.file.clone();
        };
        let place = first.spot.named(&self.file);
        let hint = first.hint.as_ref().map(|hint| format!("; {hint}"));
        let more = match self.shown.len() - 1 + self.unshown {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        format!(
            "{place}: {}{}{more}",
            first.message,
            hint.unwrap_or_default()
        )
        .chars()
        .map(printable)
        .collect()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            f.write_str(&diagnostic.render(&self.file))?;
        }
        if self.unshown > 0 {
            write!(f, "\n\nand {} more", self.unshown)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// A message of a bounded length, whatever a parser or a value put into it.
fn bounded(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_LIMIT) {
        Some((at, _)) => format!("{}…", message.get(..at).unwrap_or_default()),
        None => message.to_owned(),
    }
}

/// Control characters would command the terminal.
fn printable(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}
