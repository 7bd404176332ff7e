//! Options: the log of requests.

use super::OptionSpec;

pub(super) static OPTIONS: &[OptionSpec] = &[];
