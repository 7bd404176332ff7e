//! Options of hooks: commands and small deeds at points of a generation's life.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::draft::Draft;
use crate::config::setting::{Outcome, Setting};
use crate::config::values;
use crate::config::vassal::{AcceptingHook, Hook};

const COMMAND: &str = "a command for the shell, or a list of them";
const VERB: &str = "`VERB:ARGUMENT`, or a list of that";

pub(super) static OPTIONS: &[OptionSpec] = &[
    HOOK_AS_USER,
    EXEC_AS_USER,
    HOOK_PRE_APP,
    EXEC_PRE_APP,
    HOOK_MASTER_START,
    HOOK_POST_APP,
    EXEC_POST_APP,
    HOOK_POST_FORK,
    HOOK_ACCEPTING,
    HOOK_ACCEPTING1,
    HOOK_ACCEPTING_ONCE,
    HOOK_ACCEPTING1_ONCE,
    HOOK_AT_EXIT,
    EXEC_AT_EXIT,
    HOOK_TOUCH,
    TOUCH_EXEC,
];

const HOOK_AS_USER: OptionSpec = OptionSpec {
    name: "hook-as-user",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:coming up\"]",
    is_local: false,
    documentation: "What is done as soon as the master is the vassal's user and has its Python, before what `hook-pre-app` and `exec-pre-app` ask for. Verbs and failures are those of `hook-pre-app`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| deeds(&mut draft.background.hooks.as_user, setting),
};

const EXEC_AS_USER: OptionSpec = OptionSpec {
    name: "exec-as-user",
    aliases: &[],
    kind: ValueKind::Many,
    takes: COMMAND,
    default: "none",
    example: "[\"true\"]",
    is_local: false,
    documentation: "Commands that are run as soon as the master is the vassal's user and has its Python, after what `hook-as-user` asks for and before all that `hook-pre-app` and `exec-pre-app` do. They run and fail like those of `exec-pre-app`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| commands(&mut draft.background.hooks.as_user, setting),
};

const HOOK_PRE_APP: OptionSpec = OptionSpec {
    name: "hook-pre-app",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:coming up\"]",
    is_local: false,
    documentation: "What is done before the app is imported, by the master, as the vassal's user, in the order given. Verbs are `exec` and `safeexec` (a command for `/bin/sh -c`; the failure of `safeexec` does not matter), `print` (a line for the log), `write`, `writen`, `append` and `appendn` (a file, a space, text; with `n` and a newline), `writefifo` (likewise, if somebody reads there), `unlink`, `cd`, and `unix_signal` (a process id and a signal). One that fails keeps the new generation from coming up, and the old one serves on; one that hangs meets `start-timeout`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| deeds(&mut draft.background.hooks.before_app, setting),
};

const EXEC_PRE_APP: OptionSpec = OptionSpec {
    name: "exec-pre-app",
    aliases: &[],
    kind: ValueKind::Many,
    takes: COMMAND,
    default: "none",
    example: "[\"true\"]",
    is_local: false,
    documentation: "Commands that are run before the app is imported, one after the other, by `/bin/sh -c` as the vassal's user with the environment and directory of the app. One that fails keeps the new generation from coming up and is shown with what it printed; the old one serves on. It is what `exec:` is in `hook-pre-app`, and is run after those hooks.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| commands(&mut draft.background.hooks.before_app, setting),
};

const HOOK_MASTER_START: OptionSpec = OptionSpec {
    name: "hook-master-start",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:the app is there\"]",
    is_local: false,
    documentation: "What the master does before it forks its first worker, once for each generation. The app is imported then, unless `lazy-apps` is on. Verbs and failures are those of `hook-pre-app`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| deeds(&mut draft.background.hooks.master_start, setting),
};

const HOOK_POST_APP: OptionSpec = OptionSpec {
    name: "hook-post-app",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:ready to take over\"]",
    is_local: false,
    documentation: "What is done once every worker has the app, before the generation takes over. Verbs and failures are those of `hook-pre-app`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| deeds(&mut draft.background.hooks.after_app, setting),
};

const EXEC_POST_APP: OptionSpec = OptionSpec {
    name: "exec-post-app",
    aliases: &[],
    kind: ValueKind::Many,
    takes: COMMAND,
    default: "none",
    example: "[\"true\"]",
    is_local: false,
    documentation: "Commands that are run once every worker has the app, before the generation takes over. They run and fail like those of `exec-pre-app`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| commands(&mut draft.background.hooks.after_app, setting),
};

const HOOK_POST_FORK: OptionSpec = OptionSpec {
    name: "hook-post-fork",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:a worker more\"]",
    is_local: false,
    documentation: "What each worker does first of all. Verbs are those of `hook-pre-app`; a worker whose hook fails ends, as if it could not import the app.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| deeds(&mut draft.background.hooks.post_fork, setting),
};

const HOOK_ACCEPTING: OptionSpec = OptionSpec {
    name: "hook-accepting",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:at work\"]",
    is_local: false,
    documentation: "What each worker does when it has the app, before it takes its first connection. Verbs are those of `hook-pre-app`; a worker whose hook fails ends, as if it could not import the app.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| accepting(draft, setting, false, false),
};

const HOOK_ACCEPTING1: OptionSpec = OptionSpec {
    name: "hook-accepting1",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:at work\"]",
    is_local: false,
    documentation: "What the first worker alone does before it takes its first connection, and each that replaces it. Verbs and failures are those of `hook-accepting`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| accepting(draft, setting, true, false),
};

const HOOK_ACCEPTING_ONCE: OptionSpec = OptionSpec {
    name: "hook-accepting-once",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:at work\"]",
    is_local: false,
    documentation: "What each worker does before it takes its first connection, but no worker that replaces another. Verbs and failures are those of `hook-accepting`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| accepting(draft, setting, false, true),
};

const HOOK_ACCEPTING1_ONCE: OptionSpec = OptionSpec {
    name: "hook-accepting1-once",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:at work\"]",
    is_local: false,
    documentation: "What the first worker alone does before it takes its first connection, once for each generation. Verbs and failures are those of `hook-accepting`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| accepting(draft, setting, true, true),
};

const HOOK_AT_EXIT: OptionSpec = OptionSpec {
    name: "hook-as-user-atexit",
    aliases: &[],
    kind: ValueKind::Many,
    takes: VERB,
    default: "none",
    example: "[\"print:gone\"]",
    is_local: false,
    documentation: "What the master does when its generation has served and left: by a stop, and by a reload for the generation before. Verbs are those of `hook-pre-app`. A failure is told in the log; what takes longer than is left of `reload-mercy` is killed.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| deeds(&mut draft.background.hooks.at_exit, setting),
};

const EXEC_AT_EXIT: OptionSpec = OptionSpec {
    name: "exec-as-user-atexit",
    aliases: &[],
    kind: ValueKind::Many,
    takes: COMMAND,
    default: "none",
    example: "[\"true\"]",
    is_local: false,
    documentation: "Commands that are run when a generation has served and left. They are what `exec:` is in `hook-as-user-atexit`, and are run after those hooks.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| commands(&mut draft.background.hooks.at_exit, setting),
};

const HOOK_TOUCH: OptionSpec = OptionSpec {
    name: "hook-touch",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a file, a space and `VERB:ARGUMENT`, or a list of that",
    default: "none",
    example: "[\"every-option.touched print:touched\"]",
    is_local: true,
    documentation: "What the generation that serves does when a file is touched. The file need not be there at first. Verbs are those of `hook-pre-app`; a failure is told in the log.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let hooks = setting.each(values::touch_hook)?;
        (draft.background.hooks.touch).extend(hooks.into_iter().map(|(hook, _)| hook));
        Ok(())
    },
};

const TOUCH_EXEC: OptionSpec = OptionSpec {
    name: "touch-exec",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a file, a space and a command, or a list of that",
    default: "none",
    example: "[\"every-option.touched true\"]",
    is_local: true,
    documentation: "Commands that the generation that serves runs when a file is touched. They are run by `/bin/sh -c` as the vassal's user; what they print and how they end is in the log.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let hooks = setting.each(values::touch_exec)?;
        (draft.background.hooks.touch).extend(hooks.into_iter().map(|(hook, _)| hook));
        Ok(())
    },
};

/// Hooks of a point: they come before the commands of the same, whichever is written first.
fn deeds(hooks: &mut Vec<Hook>, setting: &Setting<'_>) -> Outcome<()> {
    let deeds = setting.each(values::hook)?;
    hooks.splice(0..0, deeds.into_iter().map(|(hook, _)| hook));
    Ok(())
}

fn commands(hooks: &mut Vec<Hook>, setting: &Setting<'_>) -> Outcome<()> {
    let commands = setting.each(values::exec_hook)?;
    hooks.extend(commands.into_iter().map(|(hook, _)| hook));
    Ok(())
}

fn accepting(
    draft: &mut Draft,
    setting: &Setting<'_>,
    in_first_alone: bool,
    is_once: bool,
) -> Outcome<()> {
    let hooks = setting.each(values::hook)?;
    let hooks = hooks.into_iter().map(|(hook, _)| AcceptingHook {
        in_first_alone,
        is_once,
        hook,
    });
    draft.background.hooks.accepting.extend(hooks);
    Ok(())
}
