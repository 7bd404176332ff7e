//! Options that say what is loaded, with which Python and in which surroundings.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;
use crate::config::vassal::AppTarget;

pub(super) static OPTIONS: &[OptionSpec] = &[
    MODULE, WSGI_FILE, CALLABLE, CHDIR, PYTHONPATH, VIRTUALENV, PYTHON, ENV, ENV_FILE,
];

const MODULE: OptionSpec = OptionSpec {
    name: "module",
    aliases: &["wsgi", "w"],
    kind: ValueKind::One,
    takes: "the dotted name of a module, perhaps with `:callable`",
    default: "none; this or `wsgi-file` is needed",
    example: "\"every_option\"",
    is_local: false,
    documentation: "The module that holds the app, as `package.module:callable`. It is imported as \
        Python imports it, with `chdir` and then `pythonpath` first on `sys.path`. Without a \
        callable here or in `callable`, the names `application` and then `app` are tried. A vassal \
        has either this or `wsgi-file`; `mount` adds apps at paths of their own.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let (module, callable) = setting.one(values::module)?;
        draft.load(
            "module",
            AppTarget::Module(module),
            setting.key_place.clone(),
        );
        draft.module_callable = callable.map(|name| (name, setting.key_place.clone()));
        Ok(())
    },
};

const WSGI_FILE: OptionSpec = OptionSpec {
    name: "wsgi-file",
    aliases: &["file"],
    kind: ValueKind::One,
    takes: "the path of a `.py` file",
    default: "none; this or `module` is needed",
    example: "\"every_option.py\"",
    is_local: true,
    documentation: "A Python file to load instead of a module. It need not be importable: the file \
        is run under a name of its own, and `callable`, else `application` or `app`, is taken from \
        it. A relative path is relative to the vassal file's directory, not to `chdir`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let path = setting.one(values::path)?;
        draft.load(
            "wsgi-file",
            AppTarget::File(path),
            setting.key_place.clone(),
        );
        Ok(())
    },
};

const CALLABLE: OptionSpec = OptionSpec {
    name: "callable",
    aliases: &[],
    kind: ValueKind::One,
    takes: "the name of a callable, or a call of a factory",
    default: "`application`, then `app`",
    example: "\"application\"",
    is_local: false,
    documentation: "The name of the app within its module or file. Dots lead into attributes, as \
        in `site.application`. It is the same as a `:callable` behind `module`; giving both is \
        allowed only when they agree. A factory is called once, with the literal arguments that \
        stand behind its name, as in `create_app(\"production\", debug=False)`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.callable = Some((setting.one(values::callable)?, setting.key_place.clone()));
        Ok(())
    },
};

const CHDIR: OptionSpec = OptionSpec {
    name: "chdir",
    aliases: &[],
    kind: ValueKind::One,
    takes: "the path of a directory",
    default: "the vassal file's directory",
    example: "\".\"",
    is_local: false,
    documentation: "The app's working directory. It is entered before anything of the app is \
        loaded and comes first on `sys.path`, as under uWSGI. When it is a symbolic link to the \
        current release, as deployment tools make it, every reload follows the link anew.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.chdir = Some(setting.one(values::path)?);
        Ok(())
    },
};

const PYTHONPATH: OptionSpec = OptionSpec {
    name: "pythonpath",
    aliases: &["pp", "python-path"],
    kind: ValueKind::Many,
    takes: "the path of a directory or a zip file, or a list of them",
    default: "none",
    example: "[\".\"]",
    is_local: false,
    documentation: "Further places to import from. They are put on `sys.path` after `chdir` and \
        before everything else, in the order given. Each entry is one path; a colon has no special \
        meaning, unlike in the variable `PYTHONPATH`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let paths = setting.each(values::path)?;
        draft.pythonpath = paths.into_iter().map(|(path, _)| path).collect();
        Ok(())
    },
};

const VIRTUALENV: OptionSpec = OptionSpec {
    name: "virtualenv",
    aliases: &["home", "venv", "H", "pyhome"],
    kind: ValueKind::One,
    takes: "the path of a virtual environment",
    default: "none: the interpreter's own packages",
    example: "\"venv\"",
    is_local: true,
    documentation: "The virtual environment whose packages the app sees. It brings its Python \
        along: the interpreter that made it is the one that runs the app, whatever Lictor itself \
        was built with. It is the directory that holds `pyvenv.cfg`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.virtualenv = Some(setting.one(values::path)?);
        Ok(())
    },
};

const PYTHON: OptionSpec = OptionSpec {
    name: "python",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a version such as `3.12`, or the path of an interpreter",
    default: "the virtual environment's, else `python3` on PATH",
    example: "\"3.12\"",
    is_local: true,
    documentation: "Which Python runs the app. A version such as `3.12` means `python3.12` on \
        PATH; anything with a `/` in it is the path of an interpreter. CPython 3.9 and newer can be \
        served. With `virtualenv` it is seldom needed.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.python = Some(setting.one(values::python)?);
        Ok(())
    },
};

const ENV: OptionSpec = OptionSpec {
    name: "env",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a table of variables, or `KEY=VALUE`, or a list of that",
    default: "none",
    example: "{ GREETING = \"hello\" }",
    is_local: false,
    documentation: "Environment variables for the app. A table, one text `KEY=VALUE`, or a list of \
        such texts; in INI the line is repeated. Numbers and booleans in a table are passed on as \
        they are spelt. A vassal of an emperor starts from a clean environment of `PATH`, `HOME`, \
        `USER`, `LANG` and `TZ`, to which `env-file` and then these are added. Values are taken \
        literally: no variable is expanded in them.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.set_env(values::variables(setting)?);
        Ok(())
    },
};

const ENV_FILE: OptionSpec = OptionSpec {
    name: "env-file",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the path of a file, or a list of them",
    default: "none",
    example: "[\"every-option.env\"]",
    is_local: true,
    documentation: "Files with one `KEY=VALUE` a line, for what should not stand in the vassal \
        file, such as passwords. They are read with the rights of the vassal's own user when a \
        generation starts, in the order given; `env` has the last word. A file that is missing \
        keeps the new generation from starting.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let paths = setting.each(values::path)?;
        draft.env_file = paths.into_iter().map(|(path, _)| path).collect();
        Ok(())
    },
};
