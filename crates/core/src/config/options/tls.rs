//! Options: tLS and HTTP/2.

use super::OptionSpec;

pub(super) static OPTIONS: &[OptionSpec] = &[];
