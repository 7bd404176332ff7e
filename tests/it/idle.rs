//! `cheap`, `idle` and `die-on-idle`: nothing runs while nobody asks, and whoever asks is served.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    DEADLINE, Emperor, Setup, Vassal, answering, connect, get, hello, try_get, write_python,
    write_whole,
};

const DIES: &str = "idle = \"300ms\"\ndie-on-idle = true";

#[track_caller]
fn sleeps(emperor: &Emperor, vassal: &Vassal) {
    emperor.heard(vassal, "state-changed", &[("to", json!("asleep"))]);
}

/// Waits until it sleeps and its last master, of this generation, is gone.
#[track_caller]
fn sleeps_after(emperor: &Emperor, vassal: &Vassal, generation: u64) {
    sleeps(emperor, vassal);
    emperor.heard(
        vassal,
        "master-exited",
        &[("generation", json!(generation))],
    );
}

#[track_caller]
fn scaled(emperor: &Emperor, vassal: &Vassal, workers: u32, times: usize) -> Value {
    let fields = [("workers", json!(workers))];
    let mut heard = emperor.heard_times(vassal, "generation-scaled", &fields, times);
    heard.swap_remove(times - 1)
}

/// So many clients at once, all of whom are to be answered.
#[track_caller]
fn all_are_served(address: &str, clients: usize, expected: &str) {
    let one = || get(address, "/");
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        for client in clients {
            assert_eq!(client.join().expect("it is answered"), expected);
        }
    });
}

#[test]
fn a_cheap_vassal_has_no_worker_before_the_first_connections_which_are_all_served() {
    let emperor = Emperor::start();
    let options = "processes = 2\ncheap = true\nidle = \"300ms\"";
    let blog = emperor.serve("blog", options, &hello("x"));
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["interface"], &status["workers"]),
        (&json!("ready"), &json!("wsgi"), &json!([]))
    );
    assert_eq!(status["scaling"]["reason"], "no connection yet");
    all_are_served(&emperor.address(&blog), 20, "x");
    assert_eq!(scaled(&emperor, &blog, 2, 1)["reason"], "a connection came");
    // And again, from the sleep that follows.
    for times in 1..=2 {
        let slept = scaled(&emperor, &blog, 0, times);
        assert_eq!(slept["reason"], "no request for 0.3 s");
        all_are_served(&emperor.address(&blog), 20, "x");
    }
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["restarts"], &status["error"]),
        (&json!(0), &Value::Null)
    );
}

#[test]
fn a_cheap_vassal_that_imports_later_or_is_probed_shows_that_it_works() {
    let emperor = Emperor::start();
    for (name, option) in [("blog", "lazy-apps = true"), ("shop", "ready-path = \"/\"")] {
        let options = format!("cheap = true\n{option}");
        let vassal = emperor.serve(name, &options, &hello("x"));
        emperor.heard(&vassal, "worker-exited", &[("expected", json!(true))]);
        assert_eq!(emperor.status_of(&vassal)["workers"], json!([]));
        assert_eq!(emperor.get(&vassal), "x");
        let before = emperor.status_of(&vassal);
        emperor.deploy(&vassal, "raise RuntimeError('broken')");
        emperor.heard(&vassal, "generation-failed", &[]);
        assert_eq!(emperor.get(&vassal), "x");
        assert_eq!(emperor.status_of(&vassal)["pid"], before["pid"]);
    }
}

#[test]
fn an_app_that_cannot_be_imported_any_more_shows_when_it_is_woken() {
    let emperor = Emperor::start();
    let options = "cheap = true\nlazy-apps = true";
    let blog = emperor.serve("blog", options, &hello("x"));
    emperor.heard(&blog, "worker-exited", &[]);
    write_python(&blog.app, "raise RuntimeError('broken')");
    let address = emperor.address(&blog);
    thread::scope(|scope| {
        let client = scope.spawn(|| get(&address, "/"));
        emperor.heard(&blog, "generation-failed", &[]);
        let error = emperor.status_of(&blog)["error"].to_string();
        assert!(error.contains("RuntimeError: broken"), "{error}");
        // Whoever waits is served once it is mended.
        emperor.deploy(&blog, &hello("mended"));
        assert_eq!(client.join().expect("it is answered"), "mended");
    });
}

#[test]
fn an_idle_vassal_leaves_its_emperor_with_its_sockets_and_comes_back() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", DIES, &hello("x"));
    let address = emperor.address(&blog);
    sleeps_after(&emperor, &blog, 1);
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["pid"], &status["workers"]),
        (&json!("asleep"), &Value::Null, &json!([]))
    );
    assert_eq!(status["sockets"][0]["address"], address);
    all_are_served(&address, 20, "x");
    emperor.heard(&blog, "vassal-woken", &[("generation", json!(2))]);
    emperor.heard(&blog, "master-exited", &[("generation", json!(2))]);
    all_are_served(&address, 20, "x");
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["restarts"], &status["error"]),
        (&json!(0), &Value::Null)
    );
}

#[test]
fn a_cheap_vassal_that_may_die_is_not_even_started() {
    let emperor = Emperor::start();
    let options = format!("cheap = true\n{DIES}");
    let blog = emperor.add("blog", &options, &hello("x"));
    sleeps(&emperor, &blog);
    assert_eq!(emperor.status_of(&blog)["pid"], Value::Null);
    assert_eq!(emperor.count(&blog, "master-spawned"), 0);
    all_are_served(&emperor.address(&blog), 20, "x");
    sleeps_after(&emperor, &blog, 1);
    // An order starts it without a client.
    let reloaded = emperor.lictor(&["reload", &blog.name, "--wait"]);
    assert_eq!(reloaded.code, 0, "{reloaded:?}");
    emperor.ready_after(&blog, 1);
}

#[test]
fn a_file_that_changes_while_it_sleeps_counts_at_the_next_connection() {
    let emperor = Emperor::start();
    let options = format!("cheap = true\n{DIES}");
    let blog = emperor.add("blog", &options, &hello("x"));
    sleeps(&emperor, &blog);
    write_whole(&blog.file, "processes = \"many\"");
    emperor.heard(&blog, "generation-failed", &[]);
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["error"]["kind"]),
        (&json!("backoff"), &json!("config"))
    );
    let options = format!("{options}\nenv = {{ WORD = \"new\" }}");
    write_python(&blog.app, &answering("os.environ['WORD']"));
    write_whole(&blog.file, &Emperor::text_for(&blog, &options));
    emperor.ready_after(&blog, 0);
    assert_eq!(emperor.get(&blog), "new");
    let generation = emperor.status_of(&blog)["generation"]
        .as_u64()
        .expect("a number");
    emperor.heard(&blog, "master-exited", &[("generation", json!(generation))]);
    let newer = options.replace("new", "newer");
    write_whole(&blog.file, &Emperor::text_for(&blog, &newer));
    emperor.heard_times(&blog, "vassal-changed", &[], 3);
    assert_eq!(emperor.state_of(&blog), "asleep");
    assert_eq!(emperor.get(&blog), "newer");
}

#[test]
fn a_broken_app_is_found_at_the_wake_and_served_when_it_is_mended() {
    let emperor = Emperor::start();
    let options = format!("cheap = true\n{DIES}");
    let blog = emperor.add("blog", &options, "raise RuntimeError('broken')");
    sleeps(&emperor, &blog);
    let address = emperor.address(&blog);
    thread::scope(|scope| {
        let client = scope.spawn(|| get(&address, "/"));
        emperor.heard(&blog, "backoff-started", &[]);
        let error = emperor.status_of(&blog)["error"].to_string();
        assert!(error.contains("RuntimeError: broken"), "{error}");
        emperor.deploy(&blog, &hello("mended"));
        assert_eq!(client.join().expect("it is answered"), "mended");
    });
}

#[test]
fn a_file_that_goes_while_it_sleeps_takes_its_sockets_along() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", DIES, &hello("x"));
    let address = emperor.address(&blog);
    sleeps_after(&emperor, &blog, 1);
    fs::remove_file(&blog.file).expect("it is ours");
    emperor.heard(&blog, "vassal-gone", &[]);
    // The sockets wait for a file of another name for a moment.
    let refused = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(10));
        connect(&address).is_err()
    });
    assert!(refused, "it still listens");
}

#[test]
fn it_sleeps_on_under_the_next_emperor() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", DIES, &hello("x"));
    sleeps_after(&emperor, &blog, 1);
    emperor.kill9();
    emperor.start_again();
    assert_eq!(emperor.state_of(&blog), "asleep");
    assert_eq!(emperor.count(&blog, "master-spawned"), 0);
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn it_sleeps_on_through_an_upgrade_and_keeps_its_address() {
    let mut emperor = Setup::new().own_program().start();
    let blog = emperor.serve("blog", DIES, &hello("x"));
    let address = emperor.address(&blog);
    sleeps_after(&emperor, &blog, 1);
    let upgraded = emperor.lictor(&["upgrade"]);
    assert_eq!(upgraded.code, 0, "{upgraded:?}");
    emperor.follow_anew();
    assert_eq!(emperor.state_of(&blog), "asleep");
    assert_eq!(get(&address, "/"), "x");
}

#[test]
fn a_request_in_flight_keeps_it_awake_and_an_open_connection_does_not() {
    let emperor = Emperor::start();
    let code = answering("time.sleep(1.5) if environ['PATH_INFO'] == '/slow' else 'x'");
    let blog = emperor.serve("blog", "idle = \"300ms\"", &code);
    let address = emperor.address(&blog);
    let mut kept = connect(&address).expect("it listens");
    assert_eq!(kept.get("/slow").expect("it is finished").status, 200);
    let slept = scaled(&emperor, &blog, 0, 1);
    assert!(emperor.count(&blog, "generation-scaled") >= 2, "{slept}");
    emperor.heard(&blog, "worker-exited", &[]);
    // Closed, not cut.
    assert!(kept.get("/").is_err());
    assert_eq!(try_get(&address, "/").expect("it wakes").body, "x");
}

#[test]
fn whoever_asks_for_numbers_does_not_wake_it() {
    let emperor = Emperor::start();
    let path = emperor.at("stats.sock");
    let options = format!("{DIES}\nstats = {:?}", path.display().to_string());
    let blog = emperor.serve("blog", &options, &hello("x"));
    sleeps_after(&emperor, &blog, 1);
    let mut asking = UnixStream::connect(&path).expect("the emperor holds it");
    // The emperor has looked at its sockets meanwhile: it has answered, and slept again.
    let status = emperor.status_of(&blog);
    assert_eq!(status["state"], "asleep");
    asking
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("it is no zero");
    let mut text = String::new();
    assert!(asking.read_to_string(&mut text).is_err(), "{text}");
    assert_eq!(emperor.count(&blog, "vassal-woken"), 0);
    let addresses = emperor.addresses(&blog);
    let http = addresses.iter().find(|address| !address.starts_with('/'));
    assert_eq!(get(http.expect("it has one"), "/"), "x");
    assert_eq!(emperor.count(&blog, "vassal-woken"), 1);
    // Who has waited is told now.
    asking
        .set_read_timeout(Some(DEADLINE))
        .expect("it is no zero");
    asking.read_to_string(&mut text).expect("it is whole");
    assert!(text.contains("\"workers\""), "{text}");
}
