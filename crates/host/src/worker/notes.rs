//! What the app says for the log about the request that its thread is in (`uwsgi.set_logvar`).

use std::cell::RefCell;

thread_local! {
    static NOTES: RefCell<Option<Box<Notes>>> = const { RefCell::new(None) };
}

/// What was said of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    /// By their names, each once.
    pub(crate) variables: Vec<(String, Vec<u8>)>,
    /// It gets a line, whatever `access-log` says.
    pub(crate) is_line_wanted: bool,
}

/// Adds to what was said. Until [`take`] it is of the request that the thread is in.
pub(crate) fn note<T>(add: impl FnOnce(&mut Notes) -> T) -> T {
    NOTES.with_borrow_mut(|notes| add(notes.get_or_insert_default()))
}

/// What was said; nothing is said of the next request.
pub(super) fn take() -> Option<Box<Notes>> {
    NOTES.take()
}

impl Notes {
    /// The variable has this value from now on.
    pub(crate) fn set(&mut self, name: String, value: Vec<u8>) {
        match self.variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.variables.push((name, value)),
        }
    }

    /// What it was set to.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let set = self.variables.iter().find(|(known, _)| known == name);
        set.map(|(_, value)| value.clone())
    }
}
