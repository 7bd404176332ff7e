//! Which part of the tree may use which other, and where each third-party crate lives.
//!
//! A new edge is a change of its own: its line here, its reason in `ARCHITECTURE.md`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads files of its own tree"
)]

use std::collections::BTreeSet;
use std::path::Path;

/// A part, its folder or file, and the parts that it may use.
const PARTS: [(&str, &str, &[&str]); 12] = [
    ("config", "crates/core/src/config", &["sys"]),
    ("ipc", "crates/core/src/ipc", &["config", "observe", "sys"]),
    ("observe", "crates/core/src/observe", &[]),
    ("sys", "crates/core/src/sys", &[]),
    (
        "cli",
        "src/cli",
        &["boot", "config", "control", "emperor", "observe"],
    ),
    ("control", "src/control", &["ipc", "observe"]),
    (
        "emperor",
        "src/emperor",
        &["config", "control", "ipc", "observe", "sys"],
    ),
    ("jail", "src/jail", &["config", "sys"]),
    (
        "boot",
        "src/boot",
        &["config", "ipc", "jail", "observe", "sys"],
    ),
    (
        "app",
        "crates/host/src/app",
        &["config", "ipc", "observe", "sys"],
    ),
    (
        "master",
        "crates/host/src/master",
        &["app", "config", "ipc", "module", "observe", "sys", "worker"],
    ),
    (
        "module",
        "crates/host/src/module",
        &["app", "config", "ipc", "observe", "sys", "worker"],
    ),
];

/// The worker stands in no list: nothing but the master may start it.
const WORKER: (&str, &str, &[&str]) = (
    "worker",
    "crates/host/src/worker",
    &["config", "ipc", "observe", "sys"],
);

/// A crate, and the only places that may name it.
const CRATES: [(&str, &[&str]); 26] = [
    ("annotate_snippets", &["crates/core/src/config/"]),
    ("base64", &["crates/host/src/worker/websocket/"]),
    ("clap", &["src/cli/"]),
    ("flate2", &["crates/host/src/worker/files/compress.rs"]),
    (
        "glob",
        &[
            "crates/core/src/config/dialect/machine.rs",
            "src/emperor/sources.rs",
        ],
    ),
    ("hyper", &["src/control/", "crates/host/src/worker/http/"]),
    (
        "httpdate",
        &[
            "crates/host/src/worker/files/rules/",
            "crates/host/src/worker/http/",
        ],
    ),
    ("hyper_util", &["src/control/"]),
    ("http_body_util", &["src/control/"]),
    ("libc", &["crates/core/src/sys/"]),
    ("libloading", &["src/boot/embed.rs"]),
    (
        "nix",
        &[
            "src/jail/",
            "src/emperor/upgrade/signals.rs",
            "src/emperor/vassal.rs",
            "crates/host/src/master/touch.rs",
        ],
    ),
    ("notify", &["src/emperor/watch.rs"]),
    ("object", &["src/boot/python/inspect.rs"]),
    (
        "pyo3",
        &[
            "crates/host/src/app/",
            "crates/host/src/master/",
            "crates/host/src/module/",
            "crates/host/src/worker/",
            "crates/host/src/lib.rs",
        ],
    ),
    (
        "regex_lite",
        &[
            "crates/core/src/config/dialect/logic.rs",
            "crates/core/src/config/values/log_encoder.rs",
            "crates/host/src/master/log/rules.rs",
            "crates/host/src/worker/files/rules/expires.rs",
            "crates/host/src/worker/routes/mod.rs",
        ],
    ),
    ("ring", &["crates/host/src/worker/tls/"]),
    ("rustls", &["crates/host/src/worker/tls/"]),
    ("serde_yaml", &["crates/core/src/config/format/"]),
    ("sha1_smol", &["crates/host/src/worker/websocket/"]),
    (
        "signal_hook",
        &["crates/core/src/sys/", "crates/host/src/master/"],
    ),
    (
        "socket2",
        &["src/emperor/bind.rs", "src/emperor/socket_name.rs"],
    ),
    ("tokio", &["src/cli/", "src/control/", "src/emperor/"]),
    ("toml", &["crates/core/src/config/format/"]),
    ("tracing_subscriber", &["src/emperor/"]),
    ("zlib_rs", &["crates/host/src/worker/websocket/"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder, tests aside, by their path from the root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut pending = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder of the tree can be read");
            pending.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
        } else if is_product(&path) {
            let name = path
                .strip_prefix(root())
                .expect("it is below the root")
                .display()
                .to_string();
            files.push((
                name,
                std::fs::read_to_string(&path).expect("a file can be read"),
            ));
        }
    }
    files.sort();
    files
}

fn is_product(path: &Path) -> bool {
    // From the root on: the tree itself may lie in a folder of any name.
    let name = path
        .strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string();
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    is_rust && !name.contains("/tests") && !name.ends_with("_tests.rs")
}

/// The code of a file without comments and without what stands behind its first `#[cfg(test)]` module.
fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let lines = product
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// The parts that a file names.
fn parts_used(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut used = BTreeSet::new();
    for prefix in ["crate::", "lictor_core::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = code.get(at + prefix.len()..).unwrap_or_default();
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or(list).split(',').collect(),
                None => vec![rest],
            };
            for name in names {
                let name: String = name
                    .trim()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                used.insert(name);
            }
        }
    }
    used
}

/// Whether a file names a crate at the beginning of a path.
fn names_crate(text: &str, name: &str) -> bool {
    let code = code(text);
    let pattern = format!("{name}::");
    let begins = |at: usize| {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
    };
    code.match_indices(&pattern).any(|(at, _)| begins(at)) || code.contains(&format!("use {name};"))
}

#[test]
fn each_part_uses_only_what_it_may() {
    let known: BTreeSet<&str> = PARTS
        .iter()
        .map(|(name, ..)| *name)
        .chain([WORKER.0])
        .collect();
    let mut complaints = Vec::new();
    let mut count = 0;
    for (part, folder, allowed) in PARTS.iter().copied().chain([WORKER]) {
        for (file, text) in sources(folder) {
            count += 1;
            for used in parts_used(&text) {
                let is_foreign = known.contains(used.as_str()) && used != part;
                if is_foreign && !allowed.contains(&used.as_str()) {
                    complaints.push(format!("{file}: {part} must not use {used}"));
                }
            }
        }
    }
    assert!(count > 100, "only {count} files were looked at");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn each_crate_lives_where_it_belongs() {
    let mut complaints = Vec::new();
    for (file, text) in ["src", "crates"].iter().flat_map(|folder| sources(folder)) {
        for (name, places) in CRATES {
            if names_crate(&text, name) && !places.iter().any(|place| file.starts_with(place)) {
                complaints.push(format!("{file} names {name}, which belongs to {places:?}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// HTTP and Python meet in plain types.
#[test]
fn http_never_names_pyo3_and_wsgi_never_names_hyper() {
    for (file, text) in sources("crates/host/src/worker/http") {
        assert!(!names_crate(&text, "pyo3"), "{file}");
    }
    for (file, text) in sources("crates/host/src/worker/wsgi") {
        for name in ["hyper", "http_body"] {
            assert!(!names_crate(&text, name), "{file} names {name}");
        }
    }
}

#[test]
fn unsafe_stands_in_two_places_only() {
    for (file, text) in ["src", "crates"].iter().flat_map(|folder| sources(folder)) {
        let is_allowed = file.starts_with("crates/core/src/sys/") || file == "src/boot/embed.rs";
        assert!(is_allowed || !code(&text).contains("unsafe "), "{file}");
    }
}

#[test]
fn a_planted_edge_is_found() {
    let planted = "use crate::emperor::run;\nuse lictor_core::{config, sys::adopt};\n// crate::cli\n\
                   fn f() { crate::jail::enter(); tokio::spawn(()); }";
    let expected = ["config", "emperor", "jail", "sys"].map(str::to_owned);
    assert_eq!(parts_used(planted), BTreeSet::from(expected));
    assert!(names_crate(planted, "tokio"));
    assert!(!names_crate("my_tokio::x(); a::tokio::b()", "tokio"));
    assert!(!names_crate(
        "#[cfg(test)]\nmod tests { use tokio::x; }",
        "tokio"
    ));
}
