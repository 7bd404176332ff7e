//! The words of uWSGI's own files: the reader acts on them, and they are gone before options are
//! looked up. Where they are met as options they stand in a format that has no such words.

use super::{Foreign, dialect, on, refused};

const IF: &str = "The lines up to `endif` count only if the condition holds; `%(_)` is its value";

pub(super) static NAMES: &[Foreign] = &[
    dialect(
        &["for"],
        "The lines up to `endfor` count once for each of these words, which `%(_)` stands for",
    ),
    dialect(
        &["for-glob"],
        "The lines up to `endfor` count once for each file that matches, which `%(_)` stands for",
    ),
    dialect(
        &["for-times"],
        "The lines up to `endfor` count so many times; `%(_)` counts from 1",
    ),
    dialect(
        &["for-readline"],
        "The lines up to `endfor` count once for each line of that file, which `%(_)` stands for",
    ),
    dialect(
        &["endfor", "end-for"],
        "It ends what `for` and its kind began",
    ),
    dialect(
        &[
            "if-opt",
            "if-not-opt",
            "if-env",
            "if-not-env",
            "ifenv",
            "if-reload",
            "if-not-reload",
            "if-hostname",
            "if-not-hostname",
            "if-exists",
            "if-not-exists",
            "ifexists",
            "if-plugin",
            "if-not-plugin",
            "ifplugin",
            "if-file",
            "if-not-file",
            "if-dir",
            "if-not-dir",
            "ifdir",
            "if-directory",
        ],
        IF,
    ),
    dialect(&["endif", "end-if"], "It ends what `if-…` began"),
    dialect(
        &["set"],
        "It sets a placeholder or an option, as `name=value`",
    ),
    dialect(
        &["set-placeholder", "set-ph"],
        "It sets what `%(name)` stands for, as `name=value`",
    ),
    dialect(
        &["declare-option", "declare-option2"],
        "It makes a new option out of others: `name=option=$1;other=$2`",
    ),
    dialect(
        &["include", "inherit", "ini", "yaml", "yml", "config"],
        "The options of that file, or of that section as `FILE:SECTION`, stand in its place",
    ),
    refused(
        &["xml", "xmlconfig"],
        "write the options of the XML file as INI, YAML or TOML; Lictor reads no XML",
    ),
    refused(
        &["inject-before", "inject-after"],
        "use `include` for the options of the other file",
    ),
    refused(
        &["resolve"],
        "write the address out; the emperor asks no name server",
    ),
    refused(
        &["blacklist", "end-blacklist", "whitelist", "end-whitelist"],
        "remove it; a tenant's rights end with the user of the vassal, whatever the file says",
    ),
    refused(
        &["fallback-config"],
        "remove it; when a change does not work, the generation before goes on serving",
    ),
    on(&["strict"], "unknown options are always refused"),
];
