//! Options: bytes that Python need not touch: files, and compression of answers.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::diagnostic::{Complaint, quote};
use crate::config::draft::Draft;
use crate::config::setting::{Outcome, Setting};
use crate::config::tree::{Node, Value};
use crate::config::values;
use crate::config::vassal::{FileServeMode, SendfileRoot, StaticMap};

/// RFC 9111 §1.2.2 has caches take more than this for the same.
const LONGEST_AGE: Duration = Duration::from_secs(1 << 31);

/// What `compress = true` compresses.
const TEXTUAL: [&str; 8] = [
    "text/*",
    "application/javascript",
    "application/json",
    "application/*+json",
    "application/xml",
    "application/*+xml",
    "application/x-ndjson",
    "image/svg+xml",
];

pub(super) static OPTIONS: &[OptionSpec] = &[
    STATIC_MAP,
    STATIC_MAP2,
    CHECK_STATIC,
    STATIC_INDEX,
    STATIC_MAX_AGE,
    STATIC_SAFE,
    FILE_SERVE_MODE,
    SENDFILE_ROOT,
    COMPRESS,
];

const STATIC_MAP: OptionSpec = OptionSpec {
    name: "static-map",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "`/prefix=directory`, or a list of that, or a table",
    default: "none",
    example: "{ \"/static\" = \"static\" }",
    is_local: false,
    documentation: "Directories whose files are sent without asking the app. A request for \
        `/static/site.css` gets `site.css` below the directory of `/static`; the longest prefix \
        is tried first, and a prefix ends where a segment does. What is not there, and every \
        method but GET and HEAD, goes to the app. A path may be that of a single file, as in \
        `/favicon.ico=icons/favicon.ico`. Relative paths are relative to the vassal file's \
        directory. Files are read with the rights of the vassal's user.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| apply_maps(draft, setting, false),
};

const STATIC_MAP2: OptionSpec = OptionSpec {
    name: "static-map2",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "`/prefix=directory`, or a list of that, or a table",
    default: "none",
    example: "{ \"/media\" = \"static\" }",
    is_local: false,
    documentation: "The same as `static-map`, with the prefix repeated below the directory. A \
        request for `/media/a.png` gets `media/a.png` below the directory of `/media`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| apply_maps(draft, setting, true),
};

fn apply_maps(draft: &mut Draft, setting: &Setting<'_>, is_prefix_kept: bool) -> Outcome<()> {
    let mounts = values::mounts(setting)?;
    let maps = mounts.into_iter().map(|(prefix, path)| StaticMap {
        prefix,
        path,
        is_prefix_kept,
    });
    let all = &mut draft.files.static_maps;
    all.retain(|map| map.is_prefix_kept != is_prefix_kept);
    all.extend(maps);
    Ok(())
}

const CHECK_STATIC: OptionSpec = OptionSpec {
    name: "check-static",
    aliases: &["static-check"],
    kind: ValueKind::Many,
    takes: "the path of a directory, or a list of them",
    default: "none",
    example: "\"static\"",
    is_local: false,
    documentation: "Directories in which every path is looked for before the app is asked. It is \
        `static-map` with the prefix `/`, tried after those with a longer one. Each request that \
        the app answers costs a look at the file system.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let paths = setting.each(values::path)?;
        draft.files.check_static = paths.into_iter().map(|(path, _)| path).collect();
        Ok(())
    },
};

const STATIC_INDEX: OptionSpec = OptionSpec {
    name: "static-index",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the name of a file, or a list of them",
    default: "none: a directory goes to the app",
    example: "\"index.html\"",
    is_local: false,
    documentation: "Files that are sent for their directory. The first that is there is taken. A \
        request without the slash at the end is sent there by a redirect. Directories are never \
        listed.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let names = setting.each(file_name)?;
        draft.files.static_index = names.into_iter().map(|(name, _)| name).collect();
        Ok(())
    },
};

const STATIC_MAX_AGE: OptionSpec = OptionSpec {
    name: "static-max-age",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration such as `1h` or `30d`",
    default: "none: clients ask again whether a file has changed",
    example: "\"1h\"",
    is_local: false,
    documentation: "How long clients and caches may use a file without asking again. It is sent \
        as `Cache-Control: max-age` with every file of `static-map` and `check-static`. Long times \
        are for files whose names change with their contents. A bare number is seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let age = setting.one(|setting, node| values::duration(setting, node, LONGEST_AGE))?;
        draft.files.static_max_age = Some(age);
        Ok(())
    },
};

const STATIC_SAFE: OptionSpec = OptionSpec {
    name: "static-safe",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the path of a directory, or a list of them",
    default: "none",
    example: "[\"static\"]",
    is_local: false,
    documentation: "Further directories that symbolic links in served directories may lead to. \
        Without it a file that a link takes out of its directory is not sent, and the request goes \
        to the app. It holds for `static-map`, `check-static` and `sendfile-root`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let paths = setting.each(values::path)?;
        draft.files.static_safe = paths.into_iter().map(|(path, _)| path).collect();
        Ok(())
    },
};

const FILE_SERVE_MODE: OptionSpec = OptionSpec {
    name: "file-serve-mode",
    aliases: &["fileserve-mode"],
    kind: ValueKind::One,
    takes: "`off`, `x-sendfile` or `x-accel-redirect`",
    default: "off",
    example: "\"x-sendfile\"",
    is_local: false,
    documentation: "How an app names a file that is to be sent in place of its own body. With \
        `x-sendfile` the header `X-Sendfile` is the file's path; with `x-accel-redirect` the header \
        `X-Accel-Redirect` is a path that begins with a prefix of `sendfile-root`, percent-encoded \
        as in a URL. The header itself is not sent, the app's other headers are; ranges and \
        conditional requests are answered from the file. Only files below `sendfile-root` are sent.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.files.file_serve_mode = setting.one(serve_mode)?;
        Ok(())
    },
};

const SENDFILE_ROOT: OptionSpec = OptionSpec {
    name: "sendfile-root",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the path of a directory, or `/prefix=directory`, or a list of them",
    default: "none; `file-serve-mode` needs one",
    example: "[\"static\", \"/private=static\"]",
    is_local: false,
    documentation: "Where files may be that the app names by `file-serve-mode`. `X-Sendfile` may \
        name files below any of these directories. `X-Accel-Redirect` names them by the prefix \
        before the `=`, which need not be a path that clients can reach.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let roots = setting.each(values::optional_mount)?;
        let roots = roots
            .into_iter()
            .map(|((prefix, path), _)| SendfileRoot { prefix, path });
        draft.files.sendfile_roots = roots.collect();
        Ok(())
    },
};

const COMPRESS: OptionSpec = OptionSpec {
    name: "compress",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "true, false, or media types such as `text/*`",
    default: "false",
    example: "[\"text/html\", \"application/json\"]",
    is_local: false,
    documentation: "Which answers of the app are compressed with gzip for clients that accept it. \
        `true` stands for text, JSON, JavaScript, XML and SVG. Answers below 512 bytes, those that \
        are encoded already or say `Cache-Control: no-transform`, parts of a file and files \
        themselves are left alone. Do not compress pages over TLS that hold a secret beside what \
        a client sent (BREACH). It costs far more time than a plain answer; a proxy in front may \
        have more of it.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let read: Vec<_> = setting.each(media_types)?;
        draft.files.compress = read.into_iter().flat_map(|(types, _)| types).collect();
        Ok(())
    },
};

fn file_name(setting: &Setting<'_>, node: &Node) -> Result<String, Complaint> {
    let name = setting.text(node)?;
    if matches!(name, "." | "..") || name.contains(['/', '\0']) {
        return Err(setting
            .mismatch(node)
            .hint("write a name without a directory, such as `index.html`"));
    }
    Ok(name.to_owned())
}

fn serve_mode(setting: &Setting<'_>, node: &Node) -> Result<FileServeMode, Complaint> {
    // YAML's older readers, and people, take `off` for a boolean.
    if let Value::Bool(false) = node.value {
        return Ok(FileServeMode::Off);
    }
    match setting.text(node)?.to_ascii_lowercase().as_str() {
        "off" => Ok(FileServeMode::Off),
        "x-sendfile" => Ok(FileServeMode::XSendfile),
        "x-accel-redirect" => Ok(FileServeMode::XAccelRedirect),
        _ => Err(setting.mismatch(node)),
    }
}

fn media_types(setting: &Setting<'_>, node: &Node) -> Result<Vec<String>, Complaint> {
    match values::boolean_value(&node.value) {
        Some(true) => return Ok(TEXTUAL.map(str::to_owned).into()),
        Some(false) => return Ok(Vec::new()),
        None => {}
    }
    let text = setting.text(node)?.to_ascii_lowercase();
    if let Some(hint) = coding_hint(&text) {
        let what = format!(
            "has {}, which is an encoding and not a media type",
            quote(&text)
        );
        return Err(setting.wrong(node, &what).hint(hint));
    }
    let is_token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&byte))
    };
    match text.split_once('/') {
        // `text/*`, and `application/*+json` for all that is JSON beneath.
        Some((main, sub))
            if is_token(main)
                && !main.contains('*')
                && is_token(sub)
                && sub.rfind('*').is_none_or(|at| at == 0) =>
        {
            Ok(vec![text])
        }
        _ => {
            let what = format!("has {}, which is not a media type", quote(&text));
            Err(setting
                .wrong(node, &what)
                .hint("write it as in `Content-Type` without parameters, such as `text/html`"))
        }
    }
}

/// What to do for somebody who names an encoding. Of the others `docs/static.md` has the figures.
fn coding_hint(text: &str) -> Option<&'static str> {
    match text {
        "gzip" | "x-gzip" | "gz" => {
            Some("write `true` for text, JSON and the like: gzip is what is spoken")
        }
        "br" | "brotli" | "zstd" | "zst" | "deflate" => Some(
            "write `true`: answers are compressed with gzip alone, since the others take several times \
             the memory for each answer in progress; files may have `.br` and `.zst` beside them",
        ),
        _ => None,
    }
}
