//! What changes while nobody watches is acted on at the next emperor's first look, and only that.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{adopted, running};
use crate::harness::{
    DEADLINE, Emperor, Load, Vassal, answering, connect, get, hello, signal, write_python,
    write_whole,
};
use crate::site::Gate;

/// How often something of this sort happened to a vassal, once everything decided at the first look
/// has been done.
fn counts(emperor: &Emperor, vassal: &Vassal) -> Vec<usize> {
    let _whoever_asks_has_waited_for_it = emperor.status();
    ["vassal-added", "vassal-changed", "vassal-removed"]
        .map(|sort| emperor.count(vassal, sort))
        .into()
}

/// A socket is let go of when every file has been read, because one of them may want it; no event
/// tells.
#[track_caller]
fn is_let_go_of(address: &str) {
    let until = Instant::now() + DEADLINE;
    while connect(address).is_ok() {
        assert!(Instant::now() < until, "somebody listens at {address}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn what_changed_while_nobody_watched_is_acted_on_and_only_that() {
    let mut emperor = Emperor::start();
    let serve = |name: &str| emperor.serve(name, "", &hello("old"));
    let [same, touched, edited] = ["same", "touched", "edited"].map(serve);
    let undisturbed = running(&emperor, &same);
    let addresses = [&touched, &edited].map(|vassal| emperor.address(vassal));
    emperor.kill9();
    // New code alone is no order to load it.
    write_python(&same.app, &hello("not asked for"));
    emperor.deploy(&touched, &hello("touched"));
    write_python(&edited.app, &hello("edited"));
    write_whole(&edited.file, &Emperor::text_for(&edited, "processes = 2"));
    for address in &addresses {
        assert_eq!(get(address, "/"), "old");
    }
    emperor.start_again();
    adopted(&emperor, &same, &undisturbed);
    assert_eq!(emperor.get(&same), "old");
    for (vassal, address) in [&touched, &edited].into_iter().zip(&addresses) {
        assert_eq!(emperor.replaced(vassal, 1), 2);
        assert_eq!(emperor.addresses(vassal), std::slice::from_ref(address));
    }
    assert_eq!(get(&addresses[0], "/"), "touched");
    assert_eq!(get(&addresses[1], "/"), "edited");
    assert_eq!(emperor.workers(&edited).len(), 2);
    assert_eq!(counts(&emperor, &same), [0, 0, 0]);
    assert_eq!(counts(&emperor, &touched), [0, 1, 0]);
    assert_eq!(counts(&emperor, &edited), [0, 1, 0]);
}

#[test]
fn files_that_came_went_or_broke_while_nobody_watched_are_acted_on() {
    let mut emperor = Emperor::start();
    let serve = |name: &str| emperor.serve(name, "", &hello("old"));
    let [removed, broken] = ["removed", "broken"].map(serve);
    let addresses = [&removed, &broken].map(|vassal| emperor.address(vassal));
    emperor.kill9();
    fs::remove_file(&removed.file).expect("it is there");
    write_whole(&broken.file, &Emperor::text_for(&broken, "proceses = 2"));
    let new = emperor.add("new", "", &hello("new"));
    for address in &addresses {
        assert_eq!(get(address, "/"), "old");
    }
    emperor.start_again();
    emperor.heard(&removed, "vassal-gone", &[]);
    is_let_go_of(&addresses[0]);
    emperor
        .failed_after(&broken, 1)
        .says("config", &["proceses"]);
    assert_eq!(emperor.state_of(&broken), "degraded");
    assert_eq!(get(&addresses[1], "/"), "old");
    emperor.ready_after(&new, 0);
    assert_eq!(emperor.get(&new), "new");
    assert_eq!(counts(&emperor, &removed), [0, 0, 1]);
    assert_eq!(counts(&emperor, &broken), [0, 1, 0]);
    assert_eq!(counts(&emperor, &new), [1, 0, 0]);
}

#[test]
fn a_degraded_vassal_is_still_degraded_with_its_error_until_it_is_mended() {
    let mut emperor = Emperor::start();
    let code = emperor.serve("code", "", &hello("good"));
    let file = emperor.serve("file", "", &hello("good"));
    emperor.deploy(&code, "raise RuntimeError('broken on purpose')");
    write_whole(&file.file, &Emperor::text_for(&file, "proceses = 2"));
    let mut errors = Vec::new();
    for vassal in [&code, &file] {
        emperor.failed_after(vassal, 1);
        errors.push(emperor.status_of(vassal)["error"].clone());
    }
    let before = [&code, &file].map(|vassal| running(&emperor, vassal));
    emperor.kill9();
    emperor.start_again();
    for (at, vassal) in [&code, &file].into_iter().enumerate() {
        adopted(&emperor, vassal, &before[at]);
        let status = emperor.status_of(vassal);
        assert_eq!(
            (&status["state"], &status["error"]),
            (&json!("degraded"), &errors[at])
        );
        assert_eq!(emperor.get(vassal), "good");
        // Nothing was tried again.
        assert_eq!(emperor.count(vassal, "generation-failed"), 0);
        write_python(&vassal.app, &hello("mended"));
        write_whole(&vassal.file, &Emperor::text_for(vassal, ""));
        assert_eq!(emperor.replaced(vassal, 1), 3);
        assert_eq!(emperor.get(vassal), "mended");
        assert_eq!(emperor.status_of(vassal)["error"], Value::Null);
    }
}

#[test]
fn a_stopped_vassal_stays_stopped_until_it_is_started() {
    let mut emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("x"));
    emperor.lictor(&["stop", &blog.name, "--wait"]).with_code(0);
    emperor.kill9();
    // Not even a touch starts it, as under the emperor that was told.
    emperor.touch(&blog.file);
    emperor.start_again();
    assert_eq!(emperor.state_of(&blog), "stopped");
    assert_eq!(emperor.count(&blog, "master-spawned"), 0);
    assert!(!path.exists());
    emperor
        .lictor(&["start", &blog.name, "--wait"])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn a_vassal_that_was_leaving_is_gone_in_the_end() {
    let mut emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let code = answering("print('began', flush=True) or time.sleep(2) or 'whole'");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &code);
    let mut request = emperor.begin(&blog);
    fs::remove_file(&blog.file).expect("it is there");
    emperor.heard(&blog, "generation-draining", &[]);
    emperor.kill9();
    emperor.start_again();
    assert_eq!(request.receive().expect("it is finished").body, "whole");
    emperor.heard(&blog, "vassal-gone", &[]);
    assert!(!path.exists());
    let left = emperor.at("run/vassals").join(&blog.name);
    assert!(!left.exists());
}

#[test]
fn a_vassal_that_waited_to_be_tried_again_is_tried_again() {
    let mut emperor = Emperor::start();
    let blog = emperor.add("blog", "", "import does_not_exist_yet");
    emperor.failed_after(&blog, 0);
    emperor.kill9();
    emperor.start_again();
    let again = emperor.failed_after(&blog, 0);
    again.says("import", &["does_not_exist_yet"]);
    emperor.kill9();
    emperor.deploy(&blog, &hello("mended"));
    emperor.start_again();
    emperor.ready_after(&blog, again.generation);
    assert_eq!(emperor.get(&blog), "mended");
}

#[test]
fn a_vassal_renamed_meanwhile_keeps_its_address_and_loses_no_request() {
    let mut emperor = Emperor::start();
    let path = emperor.at("site.sock");
    let old = emperor.serve("old", &format!("http = {path:?}"), &hello("as it was"));
    // A port of its own, at an address of this machine that no other test has.
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let port = format!("127.78.{high}.{low}:8000");
    let plain = emperor.serve("plain", &format!("http = {port:?}"), &hello("as it was"));
    let addresses = [path.display().to_string(), port];
    let loads = addresses.each_ref().map(|address| Load::on(address));
    emperor.kill9();
    let [new, other] = ["new", "other"].map(|name| emperor.vassal(name));
    fs::rename(&old.file, &new.file).expect("it is ours");
    fs::rename(&plain.file, &other.file).expect("it is ours");
    emperor.start_again();
    for (before, now, address) in [(&old, &new, &addresses[0]), (&plain, &other, &addresses[1])] {
        emperor.ready_after(now, 0);
        emperor.heard(before, "vassal-gone", &[]);
        assert_eq!(get(address, "/"), "as it was");
        assert_eq!(emperor.address(now), *address);
    }
    for load in loads {
        let (failures, asked) = load.stop();
        assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
    }
}

#[test]
fn all_of_a_vassal_killed_with_its_emperor_begins_anew() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2", &hello("x"));
    let all = [vec![emperor.master(&blog)], emperor.workers(&blog)].concat();
    emperor.kill9();
    for pid in all {
        assert!(signal(pid, Signal::KILL).ends_within(DEADLINE));
    }
    emperor.start_again();
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.get(&blog), "x");
    assert_eq!(emperor.state_of(&blog), "ready");
}

#[test]
fn a_vassal_removed_while_nobody_watched_leaves_no_socket_file() {
    let mut emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("x"));
    emperor.kill9();
    fs::remove_file(&blog.file).expect("it is there");
    emperor.start_again();
    emperor.heard(&blog, "vassal-gone", &[]);
    assert!(!path.exists());
}

#[test]
fn a_vassal_of_which_only_a_generation_that_leaves_is_left_begins_anew() {
    let mut emperor = Emperor::start();
    let mut gate = Gate::new(&emperor.at("gate"));
    let code = answering("print('began', flush=True) or open('../../gate', 'rb', 0).read(1)");
    let blog = emperor.serve("blog", "", &code);
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("new"));
    emperor.ready_after(&blog, 1);
    let new = emperor.master(&blog);
    emperor.kill9();
    assert!(signal(new, Signal::KILL).ends_within(DEADLINE));
    emperor.start_again();
    emperor.ready_after(&blog, 2);
    assert_eq!(emperor.get(&blog), "new");
    gate.let_go(1);
    assert_eq!(request.receive().expect("it is finished").body, "b'.'");
}

#[test]
fn an_emperor_killed_before_it_reached_a_master_has_not_forgotten_its_sockets() {
    let mut emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("old"));
    let master = emperor.master(&blog);
    emperor.kill9();
    emperor.deploy(&blog, &hello("new"));
    let stopped = signal(master, Signal::STOP);
    emperor.start_again();
    // Whoever asks has waited for what was decided before, and for its record.
    assert_eq!(emperor.state_of(&blog), "reloading");
    emperor.kill9();
    stopped.signal(Signal::CONT);
    emperor.start_again();
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.addresses(&blog), [path.display().to_string()]);
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn what_came_when_nothing_new_could_be_written_is_adopted() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("old"));
    let records = emperor.at("run/vassals").join(&blog.name);
    // As on a file system that is full: only what is there can be written over.
    let fresh = records.join(".record.new");
    fs::create_dir(&fresh).expect("it is not there");
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    let before = running(&emperor, &blog);
    emperor.kill9();
    emperor.start_again();
    adopted(&emperor, &blog, &before);
    assert_eq!(emperor.get(&blog), "new");
}
