//! Options: what the app finds in its Python besides itself.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::setting::{Outcome, Setting};
use crate::config::values;
use crate::config::vassal::AppTarget;

pub(super) static OPTIONS: &[OptionSpec] = &[LOCKS, IMPORT, SHARED_IMPORT];

const LOCKS: OptionSpec = OptionSpec {
    name: "locks",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 0 to 1024",
    default: "0",
    example: "2",
    is_local: false,
    documentation: "How many locks the workers share beside lock 0, which is always there: with \
        `locks = 2` there are `uwsgi.lock(0)` to `uwsgi.lock(2)`. They are those of one generation, \
        and the kernel gives up those of a worker that ends, however it ends. \
        `docs/uwsgi-module.md` explains them.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.module_side.locks =
            setting.one(|setting, node| values::whole(setting, node, 0..=1024))?;
        Ok(())
    },
};

const IMPORT: OptionSpec = OptionSpec {
    name: "import",
    aliases: &["pyimport", "py-import", "python-import"],
    kind: ValueKind::Many,
    takes: "the dotted name of a module, the path of a `.py` file, or a list of them",
    default: "none",
    example: "[\"json\"]",
    is_local: false,
    documentation: "Modules that are imported before the app, in this order, where the app is: in \
        the master, or in each worker with `lazy-apps`. A value with a slash, or that ends in `.py`, \
        is a file. If one cannot be imported, neither can the app.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.module_side.imports = targets(setting)?;
        Ok(())
    },
};

const SHARED_IMPORT: OptionSpec = OptionSpec {
    name: "shared-import",
    aliases: &[
        "shared-pyimport",
        "shared-py-import",
        "shared-python-import",
    ],
    kind: ValueKind::Many,
    takes: "the dotted name of a module, the path of a `.py` file, or a list of them",
    default: "none",
    example: "[\"decimal\"]",
    is_local: false,
    documentation: "Modules that are imported once in the master, before those of `import`, also \
        with `lazy-apps`: all workers share their memory. They must not start threads then, which \
        no worker would have.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.module_side.shared_imports = targets(setting)?;
        Ok(())
    },
};

fn targets(setting: &Setting<'_>) -> Outcome<Vec<AppTarget>> {
    let targets = setting.each(|setting, node| {
        let text = setting.text(node)?;
        // As uWSGI decides, which knows no `.PY`.
        if text.contains('/') || text.strip_suffix(".py").is_some() {
            return values::path(setting, node).map(AppTarget::File);
        }
        let is_name = |part: &str| {
            let mut chars = part.chars();
            chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
                && chars.all(|c| c.is_alphanumeric() || c == '_')
        };
        if text.split('.').all(is_name) {
            Ok(AppTarget::Module(text.to_owned()))
        } else {
            Err(setting.mismatch(node))
        }
    })?;
    Ok(targets.into_iter().map(|(target, _)| target).collect())
}
