//! The only place that writes to standard output and standard error.
//!
//! Data goes to the one, messages to the other, both without colours. Text that may come from an
//! app or a file name passes through [`printable`], so that it cannot steer a terminal.

use std::io::Write;

use super::error::CliError;

/// Where a command writes.
pub(crate) struct Output<'a> {
    data: &'a mut dyn Write,
    messages: &'a mut dyn Write,
}

impl<'a> Output<'a> {
    /// Data to the first, messages to the second.
    pub(super) fn new(data: &'a mut dyn Write, messages: &'a mut dyn Write) -> Self {
        Self { data, messages }
    }

    /// What was asked for. It is on its way when this returns.
    pub(super) fn data(&mut self, text: impl AsRef<[u8]>) -> Result<(), CliError> {
        let written = self
            .data
            .write_all(text.as_ref())
            .and_then(|()| self.data.flush());
        written.map_err(|source| CliError::Output { source })
    }

    /// What is to be said about it. When it cannot be said, there is nobody to tell.
    pub(super) fn message(&mut self, text: &str) {
        self.messages
            .write_all(text.as_bytes())
            .and_then(|()| self.messages.flush())
            .ok();
    }
}

/// One line of foreign text without control characters.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Several lines of foreign text without other control characters, each after `indent`.
pub(super) fn printable_lines(text: &str, indent: &str) -> String {
    text.lines()
        .map(|line| {
            let line = line.replace('\t', "    ");
            if line.is_empty() {
                "\n".into()
            } else {
                format!("{indent}{}\n", printable(&line))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_a_terminal() {
        assert_eq!(printable("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(
            printable_lines("a\n\n\tb\r\x07", "  "),
            "  a\n\n      b\u{fffd}\u{fffd}\n"
        );
    }
}
