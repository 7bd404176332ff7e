//! Options: limits and timeouts of connections.

use super::OptionSpec;

pub(super) static OPTIONS: &[OptionSpec] = &[];
