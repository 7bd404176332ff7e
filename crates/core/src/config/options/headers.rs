//! Options: header fields of answers.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

pub(super) static OPTIONS: &[OptionSpec] = &[ADD_HEADER, DEL_HEADER];

const ADD_HEADER: OptionSpec = OptionSpec {
    name: "add-header",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a header field such as `X-Frame-Options: DENY`, or a list of them",
    default: "none",
    example: "[\"X-Frame-Options: DENY\", \"X-Content-Type-Options: nosniff\"]",
    is_local: false,
    documentation: "Header fields that every answer has beside its own, whoever makes it: the app, \
        a file, or Lictor for an app that failed. A field of that name that the app sets stays too, \
        unless `del-header` removes it. Fields that say how the answer is framed are refused.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let fields = setting.each(values::header_field)?;
        draft.answers.added = fields.into_iter().map(|(field, _)| field).collect();
        Ok(())
    },
};

const DEL_HEADER: OptionSpec = OptionSpec {
    name: "del-header",
    aliases: &["rem-header"],
    kind: ValueKind::Many,
    takes: "the name of a header field, or a list of them",
    default: "none",
    example: "[\"X-Powered-By\"]",
    is_local: false,
    documentation: "Header fields that no answer has, whatever the app sets. Those of `add-header` \
        are put in afterwards, so that both together replace a field.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let names = setting.each(values::header_name)?;
        draft.answers.removed = names.into_iter().map(|(name, _)| name).collect();
        Ok(())
    },
};
