//! All configurations of `tests/corpus` that are good, under one emperor, with small apps where they
//! look for theirs: each is asked over all of its sockets, by the protocol that it speaks there.
//!
//! Only paths, ports and users are others than in the files. What becomes good later is run from then
//! on. That nothing of a file is passed over is the part of `crates/core/tests/corpus.rs`.

mod ask;
mod layout;
mod moved;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use lictor_core::config::{Machine, Policy, convert_vassal, parse_vassal_with};
use serde_json::Value;

use crate::harness::{Emperor, Setup, Vassal};

use layout::Options;

/// Files whose apps need what cannot be laid out here, and why.
const LEFT_OUT: [(&str, &str); 2] = [
    (
        "pyramid-paste.ini",
        "PasteDeploy finds apps of installed packages",
    ),
    ("plone-paste.ini", "the same"),
];

/// A file of the corpus that the emperor runs.
struct Site {
    vassal: Vassal,
    options: Options,
}

/// Puts the file where it will be run, with all that it looks for. Nothing if it is not good.
fn lay_out(setup: &Setup, name: &str, text: &str) -> Option<Site> {
    let file = setup.at("later").join(name);
    let text = moved::text(text, &setup.at("r"));
    fs::write(&file, &text).expect("it is ours");
    let machine = Machine::new(vec![("HOME".to_owned(), "/".to_owned())]);
    let bytes = text.as_bytes();
    parse_vassal_with(&file, bytes, &Policy::default(), &machine).ok()?;
    let converted = convert_vassal(&file, bytes, &machine).expect("what is good can be converted");
    let options = Options::of(&converted.toml);
    layout::app(setup, &options, name);
    let vassal = Vassal {
        name: name.split('.').next().unwrap_or(name).to_owned(),
        file: setup.at("vassals").join(name),
        app: PathBuf::new(),
    };
    Some(Site { vassal, options })
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// The names of the files of a folder, sorted.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the corpus");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> = files
        .filter(|path| path.is_file())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| name.matches('.').count() == 1)
        .collect();
    names.sort();
    names
}

/// Everything in place but the vassal files, which wait in `later`.
fn sites(setup: &Setup) -> Vec<Site> {
    for folder in ["later/common", "vassals/common", "r"] {
        fs::create_dir_all(setup.at(folder)).expect("it is ours");
    }
    let read = |path: PathBuf| fs::read_to_string(path).expect("it is text");
    for name in names_in(&corpus().join("common")) {
        let text = moved::text(&read(corpus().join("common").join(&name)), &setup.at("r"));
        for folder in ["later/common", "vassals/common"] {
            fs::write(setup.at(folder).join(&name), &text).expect("it is ours");
        }
    }
    let mut sites = Vec::new();
    for name in names_in(&corpus()) {
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            continue;
        }
        let text = read(corpus().join(&name));
        sites.extend(lay_out(setup, &name, &text));
    }
    layout::open_to_all(&setup.at(""));
    sites
}

#[test]
fn all_that_is_good_answers_is_reloaded_and_goes() {
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/python3").exists() {
        eprintln!("skipped: only root can become the users of the files, who need an interpreter");
        return;
    }
    let setup = Setup::new().variable("PATH", "/usr/bin:/bin");
    fs::set_permissions(setup.at(""), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let sites = sites(&setup);
    assert!(sites.len() >= 15, "only {} files are good", sites.len());
    let emperor = setup.start();
    for site in &sites {
        let file = site.vassal.file.file_name().expect("it has one");
        fs::rename(emperor.at("later").join(file), &site.vassal.file).expect("it is ours");
    }
    for site in &sites {
        if site.options.sleeps() {
            emperor.heard(&site.vassal, "sockets-bound", &[]);
        } else {
            assert_eq!(emperor.ready_after(&site.vassal, 0), 1);
        }
    }
    for site in &sites {
        ask::all(&emperor, &site.vassal, &site.options);
    }
    for site in &sites {
        emperor.touch(&site.vassal.file);
    }
    for site in &sites {
        if !site.options.sleeps() {
            assert_eq!(emperor.replaced(&site.vassal, 1), 2);
        }
        ask::all(&emperor, &site.vassal, &site.options);
    }
    for site in &sites {
        fs::remove_file(&site.vassal.file).expect("it is ours");
    }
    for site in &sites {
        emperor.heard(&site.vassal, "vassal-gone", &[]);
    }
    nothing_is_amiss(&emperor);
}

/// No complaint in the emperor's log, and none of an app.
fn nothing_is_amiss(emperor: &Emperor) {
    let is_bad = |line: &&Value| {
        let line = line.as_str().unwrap_or_default();
        // Which many a file asks for, as it names no user.
        let is_known = line.contains("runs as root");
        !is_known && (line.contains("  warn ") || line.contains("  error "))
    };
    let said = emperor.log().so_far();
    let bad: Vec<_> = said.iter().filter(is_bad).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let printed = emperor.output().so_far();
    assert!(printed.is_empty(), "{printed:#?}");
}
