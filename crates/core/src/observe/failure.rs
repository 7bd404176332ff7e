//! Why a generation did not come up, or why a vassal is not what its file asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest `message` that travels or is shown.
const MESSAGE_LIMIT_BYTES: usize = 2 * 1024;
/// Longest `detail` that travels or is shown: a traceback or an annotated file.
const DETAIL_LIMIT_BYTES: usize = 24 * 1024;

/// The family of a failure, as `status` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The vassal file is wrong.
    Config,
    /// The Python interpreter or the virtualenv cannot be used.
    Python,
    /// The app could not be imported.
    Import,
    /// A listening socket could not be bound.
    Socket,
    /// The new generation did not answer `ready-path`.
    ReadyPath,
    /// A process ended that should not have.
    Crash,
    /// Something took longer than it may.
    Timeout,
    /// The user of the vassal lacks a right.
    Permission,
    /// The app's output could not be written.
    Logto,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config",
            Self::Python => "python",
            Self::Import => "import",
            Self::Socket => "socket",
            Self::ReadyPath => "ready-path",
            Self::Crash => "crash",
            Self::Timeout => "timeout",
            Self::Permission => "permission",
            Self::Logto => "logto",
        })
    }
}

/// One failure: its family, one sentence, and the traceback or annotated file.
///
/// It may come from a tenant's process, so both texts are cut to a size and stripped of control
/// characters by [`Failure::new`]; values read from a channel go through [`Failure::tamed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The family.
    pub kind: FailureKind,
    /// One sentence, without a full stop.
    pub message: String,
    /// Several lines, or empty.
    #[serde(default)]
    pub detail: String,
}

impl Failure {
    /// A failure with both texts made safe to print.
    pub fn new(kind: FailureKind, message: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            detail: detail.into(),
        }
        .tamed()
    }

    /// The same with over-long texts cut and control characters replaced.
    #[must_use]
    pub fn tamed(self) -> Self {
        Self {
            kind: self.kind,
            message: printable(&self.message, MESSAGE_LIMIT_BYTES, false),
            detail: printable(&self.detail, DETAIL_LIMIT_BYTES, true),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// Makes `text` printable and cuts it to `limit` bytes, keeping the end, where the cause of a long
/// traceback stands.
fn printable(text: &str, limit: usize, multi_line: bool) -> String {
    // Nothing gets shorter below, so what is cut here would be cut in the end.
    let clean: String = tail(text, limit)
        .chars()
        .map(|c| match c {
            '\n' | '\t' if multi_line => c,
            '\n' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect();
    tail(&clean, limit).to_owned()
}

fn tail(text: &str, limit: usize) -> &str {
    let mut start = text.len().saturating_sub(limit);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_tenant_are_cut_and_cleaned() {
        let failure = Failure::new(FailureKind::Import, "a\x1b[31m\nb", "x".repeat(100_000));
        assert_eq!(failure.message, "a\u{fffd}[31m b");
        assert_eq!(failure.detail.len(), DETAIL_LIMIT_BYTES);
        let failure = Failure::new(FailureKind::Import, "", "\x01".repeat(100_000));
        assert!(failure.detail.len() <= DETAIL_LIMIT_BYTES);
    }
}
