//! `declare-option`: one key that stands for several, with the words of its value put in.

use super::keyword::{Keyword, assignment, keyword};
use super::load::{Bound, Context, Line, Loader};
use super::resolve::plain_text;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::{Place, Value};

/// Most words that a use of it may have.
const WORD_LIMIT: usize = 64;

/// Most keys that may be declared.
const DECLARED_LIMIT: usize = 100;

/// A key that a file declared.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) name: String,
    /// Keys and values, with `$1` and so on.
    lines: Vec<(String, String)>,
    place: Place,
}

impl Loader<'_> {
    /// `declare-option = NAME=KEY=VALUE;KEY=VALUE`.
    pub(super) fn declare(&mut self, line: Line<'_>) -> Result<(), Complaint> {
        let raw = plain_text(line.value).unwrap_or_default();
        let (name, template) = assignment(line.key, &raw, line.place)?;
        let mut lines = Vec::new();
        for part in template.split(';').filter(|part| !part.trim().is_empty()) {
            let (key, value) = assignment(line.key, part.trim_start(), line.place)?;
            if keyword(key).is_some_and(|known| {
                !matches!(
                    known,
                    Keyword::Set | Keyword::SetPlaceholder | Keyword::Include
                )
            }) {
                let message = format!("{} in a declared option", quote(key));
                return Err(Complaint::new(line.place.clone(), message)
                    .hint("only options, `set` and files can stand there"));
            }
            lines.push((key.to_owned(), value.to_owned()));
        }
        self.declared.retain(|known| known.name != name);
        if self.declared.len() >= DECLARED_LIMIT {
            let message = format!("more than {DECLARED_LIMIT} declared options");
            return Err(Complaint::new(line.place.clone(), message).hint("declare fewer"));
        }
        self.declared.push(Declared {
            name: name.to_owned(),
            lines,
            place: line.place.clone(),
        });
        Ok(())
    }

    /// Puts what a declared key stands for in its place.
    pub(super) fn apply_declared(
        &mut self,
        line: Line<'_>,
        bound: Option<&Bound>,
        context: &Context,
    ) -> Result<(), Complaint> {
        let raw = plain_text(line.value).unwrap_or_default();
        let words: Vec<&str> = raw.split(' ').filter(|word| !word.is_empty()).collect();
        if words.len() > WORD_LIMIT {
            let message = format!("{} with more than {WORD_LIMIT} words", quote(line.key));
            return Err(Complaint::new(line.place.clone(), message).hint("give it fewer"));
        }
        let Some(declared) = self.declared.iter().find(|known| known.name == line.key) else {
            return Ok(());
        };
        let declared = declared.clone();
        for (key, value) in &declared.lines {
            let (key, value) = (filled(key, &words), filled(value, &words));
            let missing = key.1.or(value.1);
            if let Some(number) = missing {
                let message = format!("{} needs a word number {number}", quote(line.key));
                return Err(Complaint::new(line.place.clone(), message)
                    .also(declared.place, "declared here")
                    .hint("separate the words by spaces"));
            }
            // A declared key must not stand for itself.
            if key.0 == declared.name {
                let message = format!("{} stands for itself", quote(&declared.name));
                return Err(Complaint::new(declared.place, message).hint("give it another name"));
            }
            let value = Value::Text(value.0);
            let inner = Line {
                key: &key.0,
                key_place: line.key_place,
                value: &value,
                place: line.place,
            };
            let context = Context {
                // What was written was looked at where it stands.
                is_ini: false,
                ..context.clone()
            };
            if self.declared.iter().any(|known| known.name == key.0) {
                let message = format!("{} in a declared option", quote(&key.0));
                return Err(Complaint::new(line.place.clone(), message)
                    .hint("declared options do not stand for each other"));
            }
            self.line(inner, bound.cloned(), &context)?;
        }
        Ok(())
    }
}

/// A template with its words, and the first number that has none.
fn filled(template: &str, words: &[&str]) -> (String, Option<usize>) {
    let mut text = String::new();
    let mut missing = None;
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = after.split_at(digits);
        match number.parse::<usize>() {
            Ok(number) if number > 0 => match words.get(number - 1) {
                Some(word) => text.push_str(word),
                None => missing = missing.or(Some(number)),
            },
            Ok(_) | Err(_) => {
                text.push('$');
                text.push_str(number);
            }
        }
        rest = after;
    }
    text.push_str(rest);
    (text, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_in_by_number() {
        for (template, expected) in [
            ("$1", ("a", None)),
            ("$2-$1", ("b-a", None)),
            ("x$3y", ("xy", Some(3))),
            ("$(HOME)", ("$(HOME)", None)),
            ("$0$", ("$0$", None)),
            ("$10", ("", Some(10))),
        ] {
            let (text, missing) = filled(template, &["a", "b"]);
            assert_eq!((text.as_str(), missing), expected, "{template}");
        }
    }
}
