//! `lictor convert`: a vassal file of any format as TOML, with what its author wrote beside it.
//!
//! It works on the tree that parsing gives, so that whatever a format's own language stands for has
//! been put in its place already. A value is written in the best form that the option itself takes
//! for the same ([`value`]), comments stay above what they stood above ([`comments`]), and what means
//! something else than in uWSGI is told ([`differences`]).

mod comments;
mod differences;
mod value;

use std::path::Path;

use super::diagnostic::{Complaint, Diagnostics, quote};
use super::dialect::{First, Outside, Policy, expand};
use super::format::Format;
use super::options::{Answer, Found, OptionSpec, look_up, nearest};
use super::read::{Bases, absolute, directory_of, unknown_format};
use super::source::Source;
use super::tree::{Entry, Node, Place, Value};

use comments::Comments;
use value::Writer;

/// A file as TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// The text of the new file.
    pub toml: String,
    /// What was left out, or means something else than it did, one sentence each.
    pub notes: Vec<String>,
    /// What could not be converted and stands in the new file as a comment, one sentence each.
    pub left_over: Vec<String>,
}

/// One option with all of its values, or one entry that is none.
struct Item<'a> {
    key: &'a str,
    what: What<'a>,
    values: Vec<Written<'a>>,
}

/// A value, and what its author wrote beside it.
struct Written<'a> {
    node: &'a Node,
    above: Vec<String>,
    behind: Option<String>,
}

enum What<'a> {
    Option(&'static OptionSpec),
    /// Left out, and why.
    Dropped(String),
    /// Kept as a comment, with what to do.
    LeftOver(&'a Node, String),
}

/// Writes the options of a file as TOML. The error says why it could not be read.
/// What it names outside itself is asked of `outside`.
pub fn convert_vassal(
    path: &Path,
    bytes: &[u8],
    outside: &dyn Outside,
) -> Result<Conversion, Diagnostics> {
    let refuse = |source: Option<&Source<'_>>, complaints: Vec<Complaint>| {
        Diagnostics::new(path, source, complaints)
    };
    let format = Format::of(path).ok_or_else(|| refuse(None, vec![unknown_format()]))?;
    let (source, complaint) = Source::new(format, bytes);
    if let Some(complaint) = complaint {
        return Err(refuse(Some(&source), vec![complaint]));
    }
    let first = First {
        path: &absolute(path),
        format,
        text: source.text(),
    };
    let expanded = expand(&first, &Policy::default(), outside);
    let source = source.with_others(expanded.included);
    let document = expanded
        .document
        .map_err(|complaints| refuse(Some(&source), complaints))?;
    if !expanded.complaints.is_empty() {
        return Err(refuse(Some(&source), expanded.complaints));
    }
    let mut comments = Comments::new(source.text(), format);
    let items = items(&document.entries, &source, &mut comments);
    let bases = Bases::of(&document, &directory_of(path));
    let writer = Writer::new(&bases, &source);
    let mut toml = heading(path, &document.entries, &source);
    for item in &items {
        item.write(&writer, &mut toml);
    }
    for line in comments.rest() {
        push_line(&mut toml, &line);
    }
    let mut notes: Vec<String> = items.iter().filter_map(Item::dropped).collect();
    if format != Format::Toml {
        notes.extend(differences::of(&items));
        notes.extend(regrouped(&document.entries));
    }
    Ok(Conversion {
        toml,
        notes,
        left_over: items.iter().filter_map(Item::left_over).collect(),
    })
}

/// The entries in the order of the file, those of one option together.
fn items<'a>(
    entries: &'a [Entry],
    source: &Source<'_>,
    comments: &mut Comments<'_>,
) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = Vec::new();
    for entry in entries {
        let written = Written {
            node: &entry.node,
            above: comments.above(source.range_of(&entry.place)),
            behind: comments.behind(source.range_of(&entry.node.place)),
        };
        let what = what(entry);
        let known = items.iter_mut().find(|item| match (&item.what, &what) {
            (What::Option(known), What::Option(spec)) => known.name == spec.name,
            _ => false,
        });
        match known {
            Some(known) => known.values.push(written),
            None => items.push(Item {
                key: &entry.key,
                what,
                values: vec![written],
            }),
        }
    }
    items
}

/// Rules for requests are one list across their names, which TOML cannot keep where names alternate.
fn regrouped(entries: &[Entry]) -> Option<String> {
    let rules = entries
        .iter()
        .filter_map(|entry| match look_up(&entry.key) {
            Some(Found::Option(spec)) if spec.name.starts_with("route") => Some(spec.name),
            _ => None,
        });
    let mut runs: Vec<&str> = rules.collect();
    runs.dedup();
    let mut names = runs.clone();
    names.sort_unstable();
    names.dedup();
    (runs.len() > names.len()).then(|| {
        "rules of different `route…` options alternate in the file, and those of one option stand \
         together in the new one: look whether their order matters"
            .to_owned()
    })
}

fn what(entry: &Entry) -> What<'_> {
    let left_over = |what: &str| What::LeftOver(&entry.node, what.to_owned());
    match look_up(&entry.key) {
        Some(Found::Option(spec)) => What::Option(spec),
        Some(Found::Foreign(foreign)) => match &foreign.answer {
            Answer::Fixed(fixed) if fixed.complaint(&entry.key, &entry.node).is_none() => {
                What::Dropped(fixed.always.to_owned())
            }
            Answer::Fixed(fixed) => left_over(&format!("cannot be changed: {}", fixed.always)),
            Answer::Dialect(_) => left_over("write out what it stands for"),
            Answer::Refused(refused) => left_over(refused.instead),
        },
        None => match nearest(&entry.key) {
            Some(name) => left_over(&format!("unknown; did you mean `{name}`?")),
            None => left_over("unknown; `lictor explain` lists every option"),
        },
    }
}

/// The first lines: where the file is from, and what of it could not be kept.
fn heading(path: &Path, entries: &[Entry], source: &Source<'_>) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let mut text = format!(
        "# Converted from {} by `lictor convert`.\n",
        quote(&name.to_string_lossy())
    );
    if entries.iter().any(|entry| is_expanded(entry, source)) {
        text.push_str("# Placeholders and includes stand here as they came out on this machine.\n");
    }
    text.push('\n');
    text
}

/// Whether a value is not what stands at its place.
fn is_expanded(entry: &Entry, source: &Source<'_>) -> bool {
    let text = match (&entry.node.value, &entry.node.place) {
        (_, Place::Inside(..)) => return true,
        (Value::Text(text), Place::Bytes(_)) => text,
        _ => return false,
    };
    let written = source
        .range_of(&entry.node.place)
        .and_then(|range| source.text().get(range));
    // Quoted strings of other formats have no expansions.
    source.repeats_keys() && !text.is_empty() && written != Some(text.as_str())
}

impl Item<'_> {
    fn write(&self, writer: &Writer<'_>, toml: &mut String) {
        match (&self.what, self.values.as_slice()) {
            (What::Option(spec), values) => self.write_option(spec, values, writer, toml),
            (What::Dropped(_), values) => {
                for line in values.iter().flat_map(|value| &value.above) {
                    push_line(toml, line);
                }
            }
            (What::LeftOver(node, instead), values) => {
                for line in values.iter().flat_map(|value| &value.above) {
                    push_line(toml, line);
                }
                let value = writer.as_it_is(node).replace(['\n', '\r'], " ");
                push_line(toml, &format!("# not converted: {} = {value}", self.key));
                push_line(toml, &format!("#   {instead}"));
            }
        }
    }

    fn write_option(
        &self,
        spec: &'static OptionSpec,
        values: &[Written<'_>],
        writer: &Writer<'_>,
        toml: &mut String,
    ) {
        let behind = |written: &Written<'_>| {
            let comment = written.behind.as_ref();
            comment.map_or_else(String::new, |comment| format!("  {comment}"))
        };
        if let [written] = values {
            for line in &written.above {
                push_line(toml, line);
            }
            let value = writer.best(spec, self.key, written.node);
            push_line(toml, &format!("{} = {value}{}", spec.name, behind(written)));
            return;
        }
        // What stands above the first value is about the option, the rest about their values.
        for line in values.iter().take(1).flat_map(|written| &written.above) {
            push_line(toml, line);
        }
        push_line(toml, &format!("{} = [", spec.name));
        for (index, written) in values.iter().enumerate() {
            for line in written.above.iter().filter(|_| index > 0) {
                push_line(toml, &format!("    {line}"));
            }
            for value in writer.elements(spec, self.key, written.node) {
                push_line(toml, &format!("    {value},{}", behind(written)));
            }
        }
        push_line(toml, "]");
    }

    fn dropped(&self) -> Option<String> {
        match &self.what {
            What::Dropped(why) => Some(format!("{} was left out: {why}", quote(self.key))),
            What::Option(_) | What::LeftOver(..) => None,
        }
    }

    fn left_over(&self) -> Option<String> {
        match &self.what {
            What::LeftOver(_, instead) => Some(format!("{}: {instead}", quote(self.key))),
            What::Option(_) | What::Dropped(_) => None,
        }
    }
}

/// Adds a line; blank ones never stand together.
fn push_line(toml: &mut String, line: &str) {
    let line = line.trim_end();
    if line.is_empty() && toml.ends_with("\n\n") {
        return;
    }
    toml.push_str(line);
    toml.push('\n');
}
