//! Options: bytes that Python need not touch: files, and compression of answers.

use super::OptionSpec;

pub(super) static OPTIONS: &[OptionSpec] = &[];
