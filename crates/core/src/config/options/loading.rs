//! Options of further ways to name an app, of apps beside it, and of what they find around themselves.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::draft::Draft;
use crate::config::setting::{Outcome, Setting};
use crate::config::values;
use crate::config::vassal::AppTarget;

/// What uWSGI takes as a pause between two looks at the files.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

pub(super) static OPTIONS: &[OptionSpec] = &[
    MOUNT,
    MANAGE_SCRIPT_NAME,
    PASTE,
    INI_PASTE,
    INI_PASTE_LOGGED,
    PASTE_LOGGER,
    EVAL,
    CHDIR2,
    PYARGV,
    PY_EXECUTABLE,
    WSGI_DISABLE_FILE_WRAPPER,
    PY_AUTORELOAD,
    PY_AUTO_RELOAD_IGNORE,
];

const MOUNT: OptionSpec = OptionSpec {
    name: "mount",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a table of paths and apps, or `/path=app`, or a list of that",
    default: "none",
    example: "{ \"/every\" = \"every_option:application\" }",
    is_local: false,
    documentation: "Further apps, each at a path of URLs. An app is `package.module:callable`, a \
        file that ends in `.py` or `.wsgi`, or an `.ini` file of Paste Deploy. With \
        `manage-script-name` the longest path that a request begins with says which app answers, \
        whole segments only, and the app finds it in `SCRIPT_NAME` and the rest in `PATH_INFO` \
        (ASGI: `root_path`); without it a web server does, by the `SCRIPT_NAME` that it sends. What \
        no path covers goes to the app of `module` or `wsgi-file`, or of the path `/`; where there \
        is none, it is answered with status 404. All apps share one interpreter, and all are WSGI \
        apps or all are ASGI apps.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.apps.mounts = values::app_mounts(setting)?;
        draft.mount_place = Some(setting.key_place.clone());
        Ok(())
    },
};

const MANAGE_SCRIPT_NAME: OptionSpec = OptionSpec {
    name: "manage-script-name",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "true",
    is_local: false,
    documentation: "Choose the app of `mount` by the path of the request. What a web server says in \
        `SCRIPT_NAME` then counts only where no mount covers the path. Without any `mount` it \
        changes nothing.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.apps.manage_script_name = setting.one(values::boolean)?;
        Ok(())
    },
};

const PASTE: OptionSpec = OptionSpec {
    name: "paste",
    aliases: &[],
    kind: ValueKind::One,
    takes: "`config:/path.ini`, perhaps with `#name`, or `egg:name`",
    default: "none",
    example: "\"config:every_option.ini\"",
    is_local: true,
    documentation: "The app that Paste Deploy makes of a configuration file, as Pyramid and Pylons \
        document it. `config:/srv/app/production.ini#name` takes `[app:name]` of that file, and \
        `main` without a name; `egg:package` takes what an installed package offers. PasteDeploy, \
        or plaster with a binding for it, must be installed in the app's environment.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| apply_paste(draft, setting, "paste", false),
};

const INI_PASTE: OptionSpec = OptionSpec {
    name: "ini-paste",
    aliases: &[],
    kind: ValueKind::One,
    takes: "the path of an INI file, perhaps with `#name`",
    default: "none",
    example: "\"every_option.ini\"",
    is_local: true,
    documentation: "The same as `paste` with the path alone. The file may be the vassal file \
        itself, with sections such as `[app:main]` beside `[uwsgi]`. Only the app is taken from \
        it: options in a `[uwsgi]` section of another file are not read.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| apply_paste(draft, setting, "ini-paste", false),
};

const INI_PASTE_LOGGED: OptionSpec = OptionSpec {
    name: "ini-paste-logged",
    aliases: &[],
    kind: ValueKind::One,
    takes: "the path of an INI file, perhaps with `#name`",
    default: "none",
    example: "\"every_option.ini\"",
    is_local: true,
    documentation: "The same as `ini-paste` together with `paste-logger`. The `[loggers]`, \
        `[handlers]` and `[formatters]` of the file are set up with `logging.config.fileConfig` \
        before the app is made, with `here` and `__file__` for `%(here)s` in them.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| apply_paste(draft, setting, "ini-paste-logged", true),
};

const PASTE_LOGGER: OptionSpec = OptionSpec {
    name: "paste-logger",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "true",
    is_local: false,
    documentation: "Set up logging as the configuration of `paste` or `ini-paste` says, before the \
        app is made. A file without `[loggers]` changes nothing.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.paste_logger = setting.one(values::boolean)?;
        Ok(())
    },
};

const EVAL: OptionSpec = OptionSpec {
    name: "eval",
    aliases: &[],
    kind: ValueKind::One,
    takes: "Python code",
    default: "none",
    example: "\"from every_option import application\"",
    is_local: true,
    documentation: "Python code that makes the app, for what is too short for a file. It runs as \
        the vassal's user when the app is loaded, and `callable`, else `application` or `app`, is \
        taken from its names.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let code = setting.one(values::code)?;
        draft.load("eval", AppTarget::Code(code), setting.key_place.clone());
        Ok(())
    },
};

const CHDIR2: OptionSpec = OptionSpec {
    name: "chdir2",
    aliases: &[],
    kind: ValueKind::One,
    takes: "the path of a directory",
    default: "none: `chdir` holds for the whole life of a process",
    example: "\".\"",
    is_local: false,
    documentation: "The working directory once the apps are loaded. `sys.path` stays as `chdir` has \
        made it. A directory that cannot be entered keeps the generation from serving.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.apps.chdir_after = Some(setting.one(values::path)?);
        Ok(())
    },
};

const PYARGV: OptionSpec = OptionSpec {
    name: "pyargv",
    aliases: &[],
    kind: ValueKind::One,
    takes: "arguments as on a command line",
    default: "none",
    example: "\"--settings every.option\"",
    is_local: false,
    documentation: "What the app finds in `sys.argv` behind the name of the program. Arguments are \
        separated by spaces; quotation marks keep some together.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.apps.argv = setting.one(values::arguments)?;
        Ok(())
    },
};

const PY_EXECUTABLE: OptionSpec = OptionSpec {
    name: "py-executable",
    aliases: &["py-sys-executable"],
    kind: ValueKind::One,
    takes: "the path of an interpreter",
    default: "the interpreter that runs the app",
    example: "\"/usr/bin/python3\"",
    is_local: false,
    documentation: "What `sys.executable` names, for apps that start a Python of their own. Which \
        Python runs the app is said by `virtualenv` and `python`, whose interpreter it is without \
        this.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.apps.executable = Some(setting.one(values::path)?);
        Ok(())
    },
};

const WSGI_DISABLE_FILE_WRAPPER: OptionSpec = OptionSpec {
    name: "wsgi-disable-file-wrapper",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Leave `wsgi.file_wrapper` out of the environ of WSGI apps. They then send files \
        in pieces of their own, which is slower; some apps hand it objects that are no files.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.apps.hides_file_wrapper = setting.one(values::boolean)?;
        Ok(())
    },
};

const PY_AUTORELOAD: OptionSpec = OptionSpec {
    name: "py-autoreload",
    aliases: &["py-auto-reload", "python-autoreload", "python-auto-reload"],
    kind: ValueKind::One,
    takes: "a number of seconds, or `false`",
    default: "0: files are not watched",
    example: "1",
    is_local: false,
    documentation: "Reload when a file changes that the app has imported, for development. The \
        kernel tells of changes (inotify(7)), so that any number above 0 means at once; uWSGI \
        looks at all files that often. An edit that cannot be imported leaves the old code \
        serving, and the next edit is tried again.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.apps.autoreload = match setting.one(values::boolean) {
            Ok(flag) => flag,
            Err(_) => !setting
                .one(|setting, node| values::duration(setting, node, LONGEST_PAUSE))?
                .is_zero(),
        };
        Ok(())
    },
};

const PY_AUTO_RELOAD_IGNORE: OptionSpec = OptionSpec {
    name: "py-auto-reload-ignore",
    aliases: &["py-autoreload-ignore"],
    kind: ValueKind::Many,
    takes: "the dotted name of a module, or a list of them",
    default: "none",
    example: "[\"every_option_generated\"]",
    is_local: false,
    documentation: "Modules whose files are left out by `py-autoreload`. A name stands for that \
        module alone, not for what is in a package of that name.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let names = setting.each(values::module_name)?;
        draft.apps.autoreload_ignored = names.into_iter().map(|(name, _)| name).collect();
        Ok(())
    },
};

fn apply_paste(
    draft: &mut Draft,
    setting: &Setting<'_>,
    option: &'static str,
    sets_up_logging: bool,
) -> Outcome<()> {
    let mut app = setting.one(values::paste)?;
    app.sets_up_logging = sets_up_logging;
    draft.load(option, AppTarget::Paste(app), setting.key_place.clone());
    Ok(())
}
