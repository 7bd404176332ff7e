//! Options: proxies in front, and what they may say about the client.

use super::OptionSpec;

pub(super) static OPTIONS: &[OptionSpec] = &[];
