//! Options: aSGI apps: which interface, which event loop, what a websocket may do.

use super::OptionSpec;

pub(super) static OPTIONS: &[OptionSpec] = &[];
