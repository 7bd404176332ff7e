//! Options for how processes are called in `ps` and `top`.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::diagnostic::Complaint;
use crate::config::draft::Draft;
use crate::config::setting::{Outcome, Setting};
use crate::config::values;

pub(super) static OPTIONS: &[OptionSpec] = &[
    PROCNAME,
    PROCNAME_MASTER,
    PROCNAME_PREFIX,
    PROCNAME_PREFIX_SPACED,
    PROCNAME_APPEND,
];

const PROCNAME: OptionSpec = OptionSpec {
    name: "procname",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a name",
    default: "`lictor: NAME #GENERATION`, and `worker N` behind it",
    example: "\"blog\"",
    is_local: true,
    documentation: "What `ps` and `top` show for the vassal's processes. Without it the name says \
        which vassal, generation and worker it is, which is lost with it; `procname-prefix` keeps \
        that.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.process.names.name = Some(setting.one(values::title)?);
        Ok(())
    },
};

const PROCNAME_MASTER: OptionSpec = OptionSpec {
    name: "procname-master",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a name",
    default: "`procname`",
    example: "\"blog master\"",
    is_local: true,
    documentation: "What `ps` and `top` show for the vassal's master. The workers have the name of \
        `procname`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.process.names.master = Some(setting.one(values::title)?);
        Ok(())
    },
};

const PROCNAME_PREFIX: OptionSpec = OptionSpec {
    name: "procname-prefix",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a text",
    default: "none",
    example: "\"web-\"",
    is_local: false,
    documentation: "A text before the names of the vassal's processes in `ps` and `top`. It follows \
        at once; `procname-prefix-spaced` puts a space between. A vassal has either of them.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let prefix = setting.one(values::title)?;
        set_prefix(draft, setting, prefix)
    },
};

const PROCNAME_PREFIX_SPACED: OptionSpec = OptionSpec {
    name: "procname-prefix-spaced",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a text",
    default: "none",
    example: "\"web\"",
    is_local: true,
    documentation: "A text and a space before the names of the vassal's processes in `ps` and `top`. \
        It is `procname-prefix` with a space behind it.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let prefix = setting.one(values::title)?;
        set_prefix(draft, setting, format!("{prefix} "))
    },
};

const PROCNAME_APPEND: OptionSpec = OptionSpec {
    name: "procname-append",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a text",
    default: "none",
    example: "\" (web)\"",
    is_local: false,
    documentation: "A text behind the names of the vassal's processes in `ps` and `top`. It follows \
        at once, without a space.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.process.names.suffix = setting.one(values::title)?;
        Ok(())
    },
};

fn set_prefix(draft: &mut Draft, setting: &Setting<'_>, prefix: String) -> Outcome<()> {
    if draft.process.names.prefix.is_empty() {
        draft.process.names.prefix = prefix;
        return Ok(());
    }
    let message = "both `procname-prefix` and `procname-prefix-spaced`";
    Err(vec![
        Complaint::new(setting.key_place.clone(), message).hint("keep one of them"),
    ])
}
