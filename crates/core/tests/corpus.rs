//! Configurations as people publish them, in `tests/corpus`, each beside what becomes of it.
//!
//! What counts is that nothing is passed over in silence. Every key of a file is accounted for: the
//! vassal is another one without it, or it says what holds without it, or Lictor always does it, or the
//! place of a complaint is its line. Which keys a file has is found by [`keys`], which shares no code
//! with the product. `UPDATE_EXPECT=1` writes what comes out instead of comparing.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the names of the corpus are ours"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "files that stand in this repository are small"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "what a test made up itself is there"
)]
#![expect(
    clippy::unused_self,
    reason = "reads as what it is: a path of this world"
)]

#[path = "corpus/keys.rs"]
mod keys;
#[path = "corpus/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lictor_core::config::{
    Policy, VassalConfig, convert_vassal, explain, options, parse_vassal_with,
};

use keys::Key;
use world::{World, corpus};

/// What a file comes to, as text that shows every difference.
fn outcome(name: &str, world: &World) -> Result<String, String> {
    parse(name, world).map(|vassal| format!("{vassal:#?}"))
}

fn parse(name: &str, world: &World) -> Result<VassalConfig, String> {
    let path = world.path(name);
    let bytes = world.text(name).as_bytes();
    parse_vassal_with(Path::new(&path), bytes, &Policy::default(), world)
        .map(effective)
        .map_err(|diagnostics| diagnostics.to_string())
}

/// Without the file itself, which `uwsgi.opt` tells the app.
fn effective(mut vassal: VassalConfig) -> VassalConfig {
    vassal.module.given.clear();
    vassal
}

/// Whether a name is an option of Lictor's, by one of its names.
fn is_option(key: &str) -> bool {
    let key = key.replace('_', "-");
    options().any(|option| option.name == key || option.aliases.contains(&key.as_str()))
}

/// What a known name is; nothing for one that does nothing by itself.
fn sort_of(key: &str) -> Option<&'static str> {
    if is_option(key) {
        return Some("option");
    }
    let text = explain(Some(key)).ok()?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.contains("Accepted for uWSGI's sake") {
        Some("always so")
    } else if text.contains("It belongs to the language") {
        Some("language")
    } else {
        None
    }
}

/// How each key of a good file is accounted for; the error names one that is not.
fn account_of_accepted(name: &str, world: &World) -> Result<String, String> {
    let whole = outcome(name, world)?;
    let mut account = String::new();
    for key in keys::of_all(name, world) {
        let without = outcome(name, &world.without(&key));
        let said = match (without.as_ref() == Ok(&whole), sort_of(&key.name)) {
            (false, _) => "in force",
            (true, Some("option")) => "changes nothing",
            (true, Some(sort)) => sort,
            (true, None) if key.is_declared_unused(world) => "said to be unused",
            (true, None) if key.is_of_the_app() => "the app's",
            (true, None) => return Err(format!("{key} does nothing, and nobody says so")),
        };
        writeln!(account, "{key} {said}").expect("a text grows");
    }
    Ok(account)
}

/// How each key of a bad file is accounted for, and those whose places are shown.
fn account_of_refused(
    name: &str,
    world: &World,
    shown: &str,
) -> Result<(String, Vec<Key>), String> {
    let places = places(shown, world);
    let (mut account, mut told) = (String::new(), Vec::new());
    // What a file that could not be read would use is not known.
    let is_all_read = !shown.contains("could not read");
    for key in keys::of_all(name, world) {
        let said = if places.contains(&(key.file.clone(), key.line)) {
            told.push(key.clone());
            "told"
        } else if let Some(sort) = sort_of(&key.name) {
            sort
        } else if key.is_used(world) {
            "placeholder"
        } else if key.is_of_the_app() {
            "the app's"
        } else if !is_all_read {
            "for the file that is missing"
        } else {
            return Err(format!("{key} is unknown, and nobody says so:\n{shown}"));
        };
        writeln!(account, "{key} {said}").expect("a text grows");
    }
    Ok((account, told))
}

/// The files and lines that a complaint points at.
fn places(shown: &str, world: &World) -> BTreeSet<(String, usize)> {
    shown
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--> "))
        .filter_map(|place| {
            let mut parts = place.rsplitn(3, ':');
            let _column = parts.next()?;
            let line = parts.next()?.parse().ok()?;
            Some((world.name(parts.next()?)?, line))
        })
        .collect()
}

/// The whole expectation of one file.
fn expectation(name: &str, world: &World) -> Result<String, String> {
    let path = world.path(name);
    let Err(shown) = outcome(name, world) else {
        return accepted(name, world);
    };
    let (account, told) = account_of_refused(name, world, &shown)?;
    let shown = shown.replace(path.trim_end_matches(name), "");
    let mut text =
        format!("refused\n{account}\n--- check\n{shown}\n\n--- without the lines told\n");
    let mended = told
        .iter()
        .fold(world.clone(), |world, key| world.blanked(key));
    text += &match outcome(name, &mended) {
        Ok(_) => account_of_accepted(name, &mended).map(|_| "accepted\n".to_owned())?,
        Err(shown) => shown.replace(path.trim_end_matches(name), "") + "\n",
    };
    Ok(text)
}

fn accepted(name: &str, world: &World) -> Result<String, String> {
    let path = world.path(name);
    let account = account_of_accepted(name, world)?;
    let converted = convert_vassal(Path::new(&path), world.text(name).as_bytes(), world)
        .map_err(|diagnostics| format!("{name} is good and not converted: {diagnostics}"))?;
    if !converted.left_over.is_empty() {
        return Err(format!(
            "{name} is good and leaves over {:?}",
            converted.left_over
        ));
    }
    let notes = converted.notes.join("\n");
    let toml = converted.toml;
    let again = parse_vassal_with(
        Path::new(&path).with_extension("toml").as_path(),
        toml.as_bytes(),
        &Policy::default(),
        world,
    )
    .map_err(|diagnostics| format!("{name} converted is bad: {diagnostics}\n{toml}"))?;
    if Ok(&effective(again)) != parse(name, world).as_ref() {
        return Err(format!("{name} converted is another vassal:\n{toml}"));
    }
    Ok(format!(
        "accepted\n{account}\n--- convert\n{toml}\n--- notes\n{notes}\n"
    ))
}

#[test]
fn nothing_that_people_write_is_passed_over() {
    let world = World::of(&corpus());
    let names = world.vassals();
    assert!(names.len() >= 45, "only {} files", names.len());
    let mut wrong = Vec::new();
    for name in names {
        let is_explained = world.text(name).starts_with(['#', ';']);
        assert!(
            is_explained || name.ends_with(".json"),
            "{name}: after what?"
        );
        let actual = expectation(name, &world).unwrap_or_else(|why| format!("WRONG: {why}\n"));
        let place = corpus().join(format!("{name}.expected"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&place, &actual).expect("a writable folder");
        }
        let expected = fs::read_to_string(&place).unwrap_or_default();
        if actual.starts_with("WRONG") || actual != expected {
            wrong.push(format!("{name}:\n{actual}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_key_that_does_nothing_is_noticed() {
    let world = World::of(&corpus());
    let text = "[uwsgi]\nmodule = a\nhttp = :1\nsome_key = x\nenv = A=%(some_key)\n";
    let good = world.with("made-up.ini", text);
    assert!(account_of_accepted("made-up.ini", &good).is_ok());
    let keys = keys::of_all("made-up.ini", &good);
    let lines: Vec<_> = keys
        .iter()
        .map(|key| (key.line, key.name.as_str()))
        .collect();
    assert_eq!(
        lines,
        [(2, "module"), (3, "http"), (4, "some_key"), (5, "env")]
    );
    let shown = "error: x\n --> /etc/uwsgi/vassals/made-up.ini:2:1";
    let bad = world.with("made-up.ini", "[uwsgi]\nmodule = a\nvaccum = 1\n");
    assert!(account_of_refused("made-up.ini", &bad, shown).is_err());
}
