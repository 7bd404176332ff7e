//! Daemons live with their vassal: never two of one, restarted when they end, gone when their line is.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{said, text, times_printed};
use crate::harness::{DEADLINE, Emperor, Setup, Vassal, Watched, hello, signal, write_whole};

/// A daemon that takes a while to end, and says so if another copy is there meanwhile.
const JEALOUS: &str = "attach-daemon = '''
mkdir here || { echo collision; exit 1; }
trap 'sleep 0.4; rmdir here; exit 0' TERM
echo up $$
while :; do sleep 1000 & wait $!; done'''";

/// Waits until the status of a vassal is as it should be; nothing announces a daemon.
#[track_caller]
fn comes_to<T>(
    emperor: &Emperor,
    vassal: &Vassal,
    what: &str,
    pick: impl Fn(&Value) -> Option<T>,
) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        let status = emperor.status_of(vassal);
        if let Some(picked) = pick(&status) {
            return picked;
        }
        assert!(Instant::now() < until, "not so: {what}: {status:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for the daemon of a generation to run.
#[track_caller]
fn daemon_of(emperor: &Emperor, vassal: &Vassal, generation: u64) -> (u64, Watched) {
    comes_to(emperor, vassal, "its daemon runs", |status| {
        let daemons = status["daemons"].as_array()?;
        let own = daemons.iter().find(|daemon| {
            daemon["generation"] == json!(generation) && daemon["state"] == json!("running")
        })?;
        let pid = own["pid"].as_u64()?;
        Some((pid, Watched::new(u32::try_from(pid).ok()?)?))
    })
}

#[test]
fn two_copies_never_run_at_the_same_time() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", JEALOUS, &hello("blog"));
    for generation in 1..=3 {
        let (_, daemon) = daemon_of(&emperor, &blog, generation);
        emperor.printed(&blog, |line| line.contains("up ").then_some(()));
        emperor.touch(&blog.file);
        emperor.replaced(&blog, generation);
        assert!(daemon.ends_within(Duration::ZERO), "before its master");
    }
    daemon_of(&emperor, &blog, 4);
    assert_eq!(times_printed(&emperor, &blog, "collision"), 0);
    assert_eq!(emperor.get(&blog), "blog");
}

#[test]
fn a_failed_reload_leaves_daemons_as_they_are() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", JEALOUS, &hello("blog"));
    let before = daemon_of(&emperor, &blog, 1);
    emperor.deploy(&blog, "raise RuntimeError('broken')");
    emperor.failed_after(&blog, 1);
    assert_eq!(daemon_of(&emperor, &blog, 1).0, before.0);
    assert_eq!(times_printed(&emperor, &blog, "collision"), 0);
}

#[test]
fn whoever_outlives_a_killed_master_is_ended_before_the_next_starts() {
    let emperor = Emperor::start();
    let tree = "attach-daemon = 'sleep 1000 & echo child $!; wait'";
    let blog = emperor.serve("blog", tree, &hello("blog"));
    let child = said(&emperor, &blog, "child ");
    signal(emperor.master(&blog), Signal::KILL);
    emperor.ready_after(&blog, 1);
    assert!(child.ends_within(DEADLINE));
    daemon_of(&emperor, &blog, 2);
}

#[test]
fn daemons_do_not_notice_another_emperor() {
    let mut emperor = Setup::new().start_leaving_vassals();
    let blog = emperor.serve("blog", JEALOUS, &hello("blog"));
    let before = daemon_of(&emperor, &blog, 1);
    emperor.kill9();
    emperor.start_again();
    emperor.heard(&blog, "generation-adopted", &[]);
    assert_eq!(daemon_of(&emperor, &blog, 1).0, before.0);
    emperor.touch(&blog.file);
    emperor.ready_after(&blog, 1);
    assert!(before.1.ends_within(DEADLINE));
    daemon_of(&emperor, &blog, 2);
    assert_eq!(times_printed(&emperor, &blog, "collision"), 0);
}

#[test]
fn one_that_keeps_ending_is_told_and_the_site_serves() {
    let emperor = Emperor::start();
    let options = "attach-daemon = ['echo tried; exit 3']";
    let blog = emperor.serve("blog", options, &hello("blog"));
    let status = comes_to(&emperor, &blog, "it is told", |status| {
        (!status["error"].is_null()).then(|| status.clone())
    });
    let told = text(&status["error"], "message");
    assert_eq!(told, "daemon echo keeps ending: exit status 3");
    let daemon = &status["daemons"][0];
    assert!(daemon["restarts"].as_u64() >= Some(2), "{daemon}");
    assert_eq!(daemon["last_exit"], json!("exit status 3"));
    assert_eq!(emperor.get(&blog), "blog");
}

#[test]
fn a_line_that_is_gone_takes_its_daemon_along() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", JEALOUS, &hello("blog"));
    let (_, daemon) = daemon_of(&emperor, &blog, 1);
    write_whole(&blog.file, &Emperor::text_for(&blog, ""));
    emperor.replaced(&blog, 1);
    assert!(daemon.ends_within(Duration::ZERO));
    assert_eq!(emperor.status_of(&blog)["daemons"], json!(null));
}

#[test]
fn one_that_does_not_end_is_killed_with_all_it_started() {
    let emperor = Emperor::start();
    let options = "reload-mercy = '1s'
attach-daemon = \"trap '' TERM; sleep 1000 & echo child $!; wait; sleep 1000\"";
    let blog = emperor.serve("blog", options, &hello("blog"));
    let child = said(&emperor, &blog, "child ");
    emperor.lictor(&["stop", &blog.name, "--wait"]);
    assert!(child.ends_within(DEADLINE));
}

#[test]
fn a_vassal_may_have_daemons_and_no_app() {
    let emperor = Emperor::start();
    let worker = emperor.vassal("worker");
    let file = worker.file.with_extension("ini");
    let pidfile = emperor.at("daemon.pid");
    let text = format!(
        "[uwsgi]\nmaster = true\nenv = WHO=me\n\
         smart-attach-daemon2 = {} echo up $$; echo is $WHO; exec sleep 1000\n",
        pidfile.display()
    );
    write_whole(&file, &text);
    emperor.ready_after(&worker, 0);
    let daemon = said(&emperor, &worker, "up ");
    emperor.printed(&worker, |line| {
        (line == "[daemon echo] is me").then_some(())
    });
    let status = emperor.status_of(&worker);
    assert_eq!(
        (&status["workers"], &status["sockets"]),
        (&json!([]), &json!([]))
    );
    let (pid, _) = daemon_of(&emperor, &worker, 1);
    let written = fs::read_to_string(&pidfile).expect("it is written");
    assert_eq!(written.trim(), pid.to_string());
    fs::remove_file(&file).expect("it is there");
    emperor.heard(&worker, "vassal-gone", &[]);
    assert!(daemon.ends_within(DEADLINE));
    assert!(!pidfile.exists(), "it is removed with the daemon");
}

#[test]
fn a_touched_file_starts_a_daemon_anew_with_its_own_signal() {
    let emperor = Emperor::start();
    let touched = emperor.at("touched");
    let options = format!(
        "attach-daemon2 = \"cmd=trap 'echo asked; exit 0' INT; echo up $$\\\\, \
         really; while :; do sleep 1000 & wait; done,stopsignal=SIGINT,touch={}\"",
        touched.display()
    );
    let blog = emperor.serve("blog", &options, &hello("blog"));
    let before = daemon_of(&emperor, &blog, 1);
    emperor.printed(&blog, |line| line.ends_with(", really").then_some(()));
    fs::write(&touched, "").expect("it can be touched");
    emperor.printed(&blog, |line| line.ends_with("asked").then_some(()));
    assert!(before.1.ends_within(DEADLINE));
    assert_ne!(daemon_of(&emperor, &blog, 1).0, before.0);
}

#[test]
fn the_end_of_a_control_daemon_reloads_the_vassal() {
    let emperor = Emperor::start();
    let marker = emperor.at("ended");
    let options = format!(
        "attach-control-daemon = \"test -e {0} && exec sleep 1000; touch {0}; echo over\"",
        marker.display()
    );
    let blog = emperor.serve("blog", &options, &hello("blog"));
    assert_eq!(emperor.ready_after(&blog, 1), 2);
    daemon_of(&emperor, &blog, 2);
    assert_eq!(emperor.get(&blog), "blog");
}
