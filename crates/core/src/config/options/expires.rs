//! Options: how long clients may keep files, by what they are.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::draft::Draft;
use crate::config::setting::{Outcome, Setting};
use crate::config::values;
use crate::config::vassal::{ExpiresBy, StaticExpires};

pub(super) static OPTIONS: &[OptionSpec] = &[
    STATIC_EXPIRES,
    STATIC_EXPIRES_MTIME,
    STATIC_EXPIRES_URI,
    STATIC_EXPIRES_URI_MTIME,
    STATIC_EXPIRES_PATH_INFO,
    STATIC_EXPIRES_PATH_INFO_MTIME,
    STATIC_EXPIRES_TYPE,
    STATIC_EXPIRES_TYPE_MTIME,
    STATIC_SKIP_EXT,
];

const BY_PATTERN: &str = "a regular expression and a number of seconds, such as `\\.css$ 3600`, or \
    a list of them";
const BY_TYPE: &str = "a media type and a number of seconds, such as `text/css=3600`, or a list of \
    them";

const PLAIN: OptionSpec = OptionSpec {
    name: "static-expires",
    aliases: &[],
    kind: ValueKind::Many,
    takes: BY_PATTERN,
    default: "none: `static-max-age` holds",
    example: "['\\.css$ 3600']",
    is_local: false,
    documentation: "How many seconds clients may keep a file whose path on the disk the expression \
        matches. It is sent as `Cache-Control: max-age` and as `Expires`. The first of all \
        `static-expires…` that fits counts, in the order of the file, and takes the place of \
        `static-max-age`. It holds for files of `static-map` and `check-static`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| add(draft, setting, ExpiresBy::File, false),
};

const STATIC_EXPIRES: OptionSpec = PLAIN;

const STATIC_EXPIRES_MTIME: OptionSpec = OptionSpec {
    name: "static-expires-mtime",
    aliases: &["static-expires-path-mtime"],
    documentation: "The same as `static-expires`, counted from when the file was last changed. One \
        that is older than that has to be asked for each time.",
    apply: |draft, setting| add(draft, setting, ExpiresBy::File, true),
    ..PLAIN
};

const STATIC_EXPIRES_URI: OptionSpec = OptionSpec {
    name: "static-expires-uri",
    documentation: "The same as `static-expires`, for files whose URI the expression matches: path \
        and query, as the client sent them. It is looked at for files of `static-map` and \
        `check-static`.",
    example: "['^/static/ 3600']",
    apply: |draft, setting| add(draft, setting, ExpiresBy::Uri, false),
    ..PLAIN
};

const STATIC_EXPIRES_URI_MTIME: OptionSpec = OptionSpec {
    name: "static-expires-uri-mtime",
    documentation: "The same as `static-expires-uri`, counted from when the file was last changed. \
        One that is older than that has to be asked for each time.",
    example: "['^/static/ 3600']",
    apply: |draft, setting| add(draft, setting, ExpiresBy::Uri, true),
    ..PLAIN
};

const STATIC_EXPIRES_PATH_INFO: OptionSpec = OptionSpec {
    name: "static-expires-path-info",
    documentation: "The same as `static-expires`, for files whose path in the URI the expression \
        matches, percent-decoded and without the query. It is looked at for files of `static-map` \
        and `check-static`.",
    example: "['^/static/ 3600']",
    apply: |draft, setting| add(draft, setting, ExpiresBy::PathInfo, false),
    ..PLAIN
};

const STATIC_EXPIRES_PATH_INFO_MTIME: OptionSpec = OptionSpec {
    name: "static-expires-path-info-mtime",
    documentation: "The same as `static-expires-path-info`, counted from when the file was last \
        changed. One that is older than that has to be asked for each time.",
    example: "['^/static/ 3600']",
    apply: |draft, setting| add(draft, setting, ExpiresBy::PathInfo, true),
    ..PLAIN
};

const STATIC_EXPIRES_TYPE: OptionSpec = OptionSpec {
    name: "static-expires-type",
    takes: BY_TYPE,
    documentation: "The same as `static-expires`, for files of a media type, which is written \
        without its parameters. The type is known by the end of the file's name.",
    example: "[\"text/css=3600\"]",
    apply: |draft, setting| add(draft, setting, ExpiresBy::Type, false),
    ..PLAIN
};

const STATIC_EXPIRES_TYPE_MTIME: OptionSpec = OptionSpec {
    name: "static-expires-type-mtime",
    takes: BY_TYPE,
    documentation: "The same as `static-expires-type`, counted from when the file was last changed. \
        One that is older than that has to be asked for each time.",
    example: "[\"text/css=3600\"]",
    apply: |draft, setting| add(draft, setting, ExpiresBy::Type, true),
    ..PLAIN
};

const STATIC_SKIP_EXT: OptionSpec = OptionSpec {
    name: "static-skip-ext",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the end of a path such as `.php`, or a list of them",
    default: "none",
    example: "[\".php\"]",
    is_local: false,
    documentation: "Paths that end like this go to the app, though a file of `static-map` or \
        `check-static` may have that name. Compared byte by byte, percent-decoded.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let ends = setting.each(|setting, node| {
            let end = setting.text(node)?;
            if end.contains('/') {
                return Err(setting.mismatch(node));
            }
            Ok(end.to_owned())
        })?;
        draft.files.static_skip = ends.into_iter().map(|(end, _)| end).collect();
        Ok(())
    },
};

fn add(
    draft: &mut Draft,
    setting: &Setting<'_>,
    by: ExpiresBy,
    is_from_change: bool,
) -> Outcome<()> {
    let read = match by {
        ExpiresBy::Type => setting.each(values::type_expires)?,
        ExpiresBy::File | ExpiresBy::Uri | ExpiresBy::PathInfo => {
            setting.each(values::pattern_expires)?
        }
    };
    let rules = read
        .into_iter()
        .map(|((pattern, seconds), _)| StaticExpires {
            by,
            pattern,
            seconds,
            is_from_change,
        });
    draft.files.static_expires.extend(rules);
    Ok(())
}
