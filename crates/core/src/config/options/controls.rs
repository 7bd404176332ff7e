//! Options by which others than `lictor` reach a running vassal.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

pub(super) static OPTIONS: &[OptionSpec] = &[MASTER_FIFO];

const MASTER_FIFO: OptionSpec = OptionSpec {
    name: "master-fifo",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the path of a fifo, or a list of up to ten",
    default: "none",
    example: "[\"every-option.fifo\"]",
    is_local: true,
    documentation: "A fifo whose letters are orders: `r` reloads, `q` and `Q` stop, `p` pauses and \
        resumes, `s` logs the state of the workers, and others. It is made with mode 0600 by the \
        vassal's user once a generation serves, and the generation that serves reads it. Of several \
        the first is read, and the digits `0` to `9` change to another.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let paths = setting.each(values::path)?;
        if let Some((_, place)) = paths.get(MOST_FIFOS) {
            return Err(vec![setting.too_many(place, MOST_FIFOS)]);
        }
        draft.process.master_fifo = paths.into_iter().map(|(path, _)| path).collect();
        Ok(())
    },
};

/// One for each digit.
const MOST_FIFOS: usize = 10;
