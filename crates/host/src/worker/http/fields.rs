//! What is looked up, taken away and put in among the fields of a request, and of its answer.

use http::{HeaderName, HeaderValue};

use super::driver::Driver;
use super::head::Arrived;
use super::own_fields::OwnFields;

impl Arrived {
    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        self.parts.headers.get(name).map(HeaderValue::as_bytes)
    }

    /// The value of a field that stands there once.
    pub(crate) fn only_field(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.parts.headers.get_all(name).iter();
        let first = values.next().map(HeaderValue::as_bytes);
        first.filter(|_| values.next().is_none())
    }

    /// Removes fields, whose names are in lower case.
    pub(crate) fn take_away(&mut self, is_unwanted: impl Fn(&str) -> bool) {
        let names = self.parts.headers.keys();
        let unwanted: Vec<HeaderName> = names
            .filter(|name| is_unwanted(name.as_str()))
            .cloned()
            .collect();
        for name in unwanted {
            self.parts.headers.remove(name);
        }
    }

    /// Puts a field in, in place of all of its name.
    pub(crate) fn set_field(&mut self, name: &str, value: &str) {
        if let Some((name, value)) = field(name, value) {
            self.parts.headers.insert(name, value);
        }
    }
}

impl Driver {
    /// A field that the answer to the request in progress will have.
    pub(crate) fn mark(&mut self, name: &str, value: &str) {
        self.mark = field(name, value);
    }

    /// Fields that the answer to the request in progress will not have, or have besides its own.
    pub(crate) fn change(&mut self, removed: &[String], added: &[(String, Vec<u8>)]) {
        self.changes = Some(Box::new(OwnFields::of(removed, added)));
    }
}

fn field(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    Some((name, HeaderValue::from_str(value).ok()?))
}
