//! Every good vassal file, converted, means what it meant; and what a conversion looks like.

use std::path::{Path, PathBuf};

use lictor_core::config::{
    Conversion, Diagnostics, Machine, Policy, convert_vassal, parse_vassal, parse_vassal_with,
};
use lictor_core::sys::read_bounded;
use proptest::prelude::*;

const LIMIT_BYTES: u64 = 1024 * 1024;

fn good_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/configs/good");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of configs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.matches('.').count() == 1
        })
        .collect();
    files.sort();
    files
}

/// A file that is not on this machine, converted.
fn converted(path: &str, text: &str) -> Result<Conversion, Diagnostics> {
    convert_vassal(Path::new(path), text.as_bytes(), &Machine::here())
}

/// What a file means, and what it means when it is converted.
fn both(path: &Path, bytes: &[u8]) -> (String, String, String) {
    let toml = convert_vassal(path, bytes, &Machine::here())
        .expect("a readable file")
        .toml;
    let meaning = |path: &Path, bytes: &[u8]| match parse_vassal_with(
        path,
        bytes,
        &Policy::default(),
        &Machine::here(),
    ) {
        Ok(vassal) => serde_json::to_string_pretty(&vassal).expect("a vassal is JSON"),
        Err(diagnostics) => format!("refused: {diagnostics}"),
    };
    let before = meaning(path, bytes);
    let after = meaning(&path.with_extension("toml"), toml.as_bytes());
    (before, after, toml)
}

#[test]
fn every_good_file_means_the_same_when_it_is_converted() {
    let files = good_files();
    assert!(files.len() >= 20, "only {} files", files.len());
    for file in files {
        let bytes = read_bounded(&file, LIMIT_BYTES).expect("a readable file");
        let name = file.file_name().expect("a name");
        let path = Path::new("/srv/vassals").join(name);
        let (before, after, toml) = both(&path, &bytes);
        assert!(!before.starts_with("refused"), "{before}");
        assert_eq!(before, after, "{}:\n{toml}", path.display());
    }
}

#[test]
fn comments_units_and_lists_are_as_one_would_write_them() {
    let ini = "\
; The blog.

[uwsgi]
# One process a core.
workers = 4
master = true
http-socket = 127.0.0.1:8000
wsgi-file = blog.py
harakiri = 30
buffer-size = 65536
reload-on-rss = 256
chmod-socket = 664
env = A=1
# A secret.
env = B=x \"y\"
thunder-lock = true
enable-threads = true
forkbomb-delay = 2
; the end
";
    let conversion = converted("/srv/vassals/blog.ini", ini).unwrap();
    let expected = "\
# Converted from `blog.ini` by `lictor convert`.

# The blog.

# One process a core.
processes = 4
http = \"127.0.0.1:8000\"
wsgi-file = \"blog.py\"
harakiri = \"30s\"
buffer-size = \"64K\"
reload-on-rss = \"256M\"
chmod-socket = \"664\"
env = [
    \"A=1\",
    # A secret.
    \"B=x \\\"y\\\"\",
]
# not converted: forkbomb-delay = \"2\"
#   remove it; a worker that dies at once is replaced after growing pauses
# the end
";
    assert_eq!(conversion.toml, expected);
    assert_eq!(
        conversion.left_over,
        [
            "`forkbomb-delay`: remove it; a worker that dies at once is replaced after growing pauses"
        ]
    );
    let notes = conversion.notes.join("\n");
    for part in [
        "`master` was left out: every vassal has a master process",
        "`thunder-lock` was left out",
        "`http-socket` is `http`",
        "`harakiri` counts for each request",
        "`listen` is 1024 by default",
    ] {
        assert!(notes.contains(part), "{part} is not in:\n{notes}");
    }
    assert!(!notes.contains("`buffer-size` is"), "{notes}");
}

proptest! {
    /// Values of all kinds, whatever they hold.
    #[test]
    fn any_accepted_file_means_the_same_when_it_is_converted(
        processes in 1_u32..64,
        seconds in 0_u32..86_400,
        megabytes in 1_u64..100_000,
        bytes in 1024_u64..16_777_216,
        flag in prop::sample::select(vec!["true", "false", "yes", "no", "1", "0", "on", "off"]),
        value in "[ -\"$&-~äß\\\\]{0,30}",
        comment in "[ -~]{0,30}",
    ) {
        let ini = format!(
            "[uwsgi]\n; {comment}\nmodule = blog.wsgi\nhttp = :8000\nworkers = {processes}\n\
             harakiri = {seconds}\nreload-on-rss = {megabytes}\nbuffer-size = {bytes}\n\
             lazy-apps = {flag}\nenv = VALUE={value}\nlog-slow = {seconds}\n"
        );
        let path = Path::new("/srv/vassals/blog.ini");
        let accepted = parse_vassal(path, ini.as_bytes()).is_ok();
        prop_assume!(accepted);
        let (before, after, toml) = both(path, ini.as_bytes());
        prop_assert_eq!(before, after, "{}", toml);
    }
}
