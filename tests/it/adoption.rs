//! The emperor is expendable: kill it, and every vassal serves on; the next one adopts them as they
//! run.

mod changes;
mod fake;
mod hostile;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{
    DEADLINE, Emperor, Load, Setup, Vassal, Watched, answering, connect, get, hello, signal, slow,
    title_of, write_python,
};
use crate::site::Gate;

/// What must not change when another emperor comes: the processes and the addresses.
type Running = (u32, Vec<u32>, Vec<String>);

#[track_caller]
fn running(emperor: &Emperor, vassal: &Vassal) -> Running {
    (
        emperor.master(vassal),
        emperor.workers(vassal),
        emperor.addresses(vassal),
    )
}

/// Waits until an emperor that was started again has taken this generation over, and fails the test
/// if it is not as it was or was reloaded.
#[track_caller]
fn adopted(emperor: &Emperor, vassal: &Vassal, before: &Running) {
    emperor.heard(vassal, "generation-adopted", &[("pid", json!(before.0))]);
    // Whoever asks has waited for what was decided before.
    assert_eq!(&running(emperor, vassal), before);
    assert_eq!(emperor.count(vassal, "master-spawned"), 0);
    assert_eq!(emperor.count(vassal, "state-changed"), 0);
}

/// All that was printed up to this line.
#[track_caller]
fn said_until(emperor: &Emperor, last: &str) -> Vec<String> {
    let output = emperor.output();
    output.wait(&format!("`{last}` is printed"), |line| {
        (line["line"] == last).then_some(())
    });
    let text = |line: &Value| line["line"].as_str().map(str::to_owned);
    output.so_far().iter().filter_map(text).collect()
}

#[test]
fn a_killed_emperor_takes_nothing_down_and_the_next_one_adopts_what_runs() {
    let mut emperor = Setup::new().start_leaving_vassals();
    let socket = format!("http = {:?}\nchmod-socket = \"600\"", emperor.at("b.sock"));
    let blog = emperor.serve("blog", "processes = 2", &hello("blog"));
    let shop = emperor.serve("shop", &socket, &hello("shop"));
    let inode = || fs::metadata(emperor.at("b.sock")).expect("it is there");
    let inode = (inode().ino(), inode().mode());
    let before = [running(&emperor, &blog), running(&emperor, &shop)];
    let addresses = [emperor.address(&blog), emperor.address(&shop)];
    let loads = [Load::on(&addresses[0]), Load::on(&addresses[1])];
    // The others are started without `--leave-vassals`, which only SIGTERM needs.
    for by in [Signal::TERM, Signal::KILL, Signal::ABORT, Signal::SEGV] {
        emperor.die(by);
        for _ in 0..10 {
            assert_eq!(get(&addresses[0], "/"), "blog", "after {by:?}");
            assert_eq!(get(&addresses[1], "/"), "shop", "after {by:?}");
        }
        emperor.start_again();
        adopted(&emperor, &blog, &before[0]);
        adopted(&emperor, &shop, &before[1]);
    }
    for load in loads {
        let (failures, asked) = load.stop();
        assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
        assert!(asked > 20, "{asked}");
    }
    let metadata = fs::metadata(emperor.at("b.sock")).expect("it is there");
    assert_eq!((metadata.ino(), metadata.mode()), inode);
    // They are its own by now: it reloads, replaces and ends them.
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "new");
    fs::remove_file(&shop.file).expect("it is there");
    emperor.heard(&shop, "vassal-gone", &[]);
    assert!(!emperor.at("b.sock").exists());
    assert!(emperor.stop().success());
    connect(&addresses[0]).expect_err("nobody listens any more");
}

#[test]
fn an_emperor_told_to_end_takes_its_vassals_with_it() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2", &hello("x"));
    let address = emperor.address(&blog);
    assert!(emperor.stop().success());
    connect(&address).expect_err("nobody listens any more");
}

#[test]
fn an_adopted_vassal_is_healed_like_any_other() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2", &hello("x"));
    let before = running(&emperor, &blog);
    emperor.kill9();
    emperor.start_again();
    adopted(&emperor, &blog, &before);
    let worker = before.1[0];
    signal(worker, Signal::KILL);
    emperor.heard(&blog, "worker-exited", &[("pid", json!(worker))]);
    signal(before.0, Signal::KILL);
    emperor.heard(&blog, "master-exited", &[("pid", json!(before.0))]);
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.addresses(&blog), before.2);
    assert_eq!(emperor.get(&blog), "x");
    assert_eq!(emperor.status_of(&blog)["restarts"], 2);
    emperor
        .lictor(&["reload", &blog.name, "--wait"])
        .with_code(0);
    emperor.lictor(&["stop", &blog.name, "--wait"]).with_code(0);
    emperor
        .lictor(&["start", &blog.name, "--wait"])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn a_worker_killed_without_an_emperor_is_replaced_by_its_master() {
    let mut emperor = Emperor::start();
    let code = answering("str(os.getpid())");
    let blog = emperor.serve("blog", "", &code);
    let (address, master) = (emperor.address(&blog), emperor.master(&blog));
    let worker = emperor.workers(&blog)[0];
    emperor.kill9();
    // The files on the disk are broken by now.
    write_python(&blog.app, "raise RuntimeError('broken')");
    assert!(signal(worker, Signal::KILL).ends_within(DEADLINE));
    // The socket is there all the time: the request waits for the next worker.
    let other: u32 = get(&address, "/").parse().expect("a number");
    assert_ne!(other, worker);
    emperor.start_again();
    adopted(&emperor, &blog, &(master, vec![other], vec![address]));
}

#[test]
fn what_is_printed_without_an_emperor_is_told_by_the_next() {
    let mut emperor = Emperor::start();
    let code = answering("print('asked for', environ['PATH_INFO'], flush=True) or 'x'");
    let blog = emperor.serve("blog", "", &code);
    let address = emperor.address(&blog);
    emperor.kill9();
    assert_eq!(get(&address, "/alone"), "x");
    emperor.start_again();
    // And what is printed from now on.
    assert_eq!(get(&address, "/together"), "x");
    let said = said_until(&emperor, "asked for /together");
    assert_eq!(said, ["asked for /alone", "asked for /together"]);
    assert_eq!(emperor.count(&blog, "output-dropped"), 0);
}

#[test]
fn a_flood_without_an_emperor_blocks_nobody_and_is_counted() {
    const LINES: u64 = 100_000;
    let mut emperor = Emperor::start();
    let code = format!(
        "import sys\n\
         def application(environ, start_response):\n    \
             if environ['PATH_INFO'] == '/flood':\n        \
                 for number in range({LINES}):\n            \
                     print('line', number, 'x' * 90)\n        \
                 print('the last', flush=True)\n    \
             start_response('200 OK', [('Content-Length', '2')])\n    \
             return [b'ok']\n"
    );
    let blog = emperor.serve("blog", "", &code);
    let address = emperor.address(&blog);
    emperor.kill9();
    // Ten megabytes and more.
    assert_eq!(get(&address, "/flood"), "ok");
    assert_eq!(get(&address, "/"), "ok");
    emperor.start_again();
    let told = said_until(&emperor, "the last");
    let dropped = emperor.heard(&blog, "output-dropped", &[])["lines"].as_u64();
    let all = told.len() as u64 + dropped.expect("a number");
    // A master that gets no time for long makes the app's own stream drop, which then says so.
    let has_app_dropped = told.iter().any(|line| line.contains("were dropped"));
    assert!(told.len() > 100, "its end is told: {told:?}");
    assert!(all == LINES + 1 || has_app_dropped, "{all}");
}

#[test]
fn logto_goes_on_without_an_emperor() {
    let mut emperor = Emperor::start();
    let code = answering("print(environ['PATH_INFO'], flush=True) or 'x'");
    let blog = emperor.serve("blog", "logto = \"../blog.log\"", &code);
    let before = running(&emperor, &blog);
    let path = emperor.at("blog.log");
    let written = || fs::read_to_string(&path).expect("it is there");
    get(&before.2[0], "/one");
    emperor.kill9();
    get(&before.2[0], "/two");
    assert_eq!(written(), "/one\n/two\n");
    emperor.start_again();
    adopted(&emperor, &blog, &before);
    get(&before.2[0], "/three");
    assert_eq!(written(), "/one\n/two\n/three\n");
}

#[test]
fn a_connection_queued_meanwhile_is_answered() {
    let mut emperor = Emperor::start();
    let mut gate = Gate::new(&emperor.at("gate"));
    let code = answering("print('began', flush=True) or open('../../gate', 'rb', 0).read(1)");
    let blog = emperor.serve("blog", "", &code);
    let before = running(&emperor, &blog);
    let mut request = emperor.begin(&blog);
    emperor.kill9();
    // The only worker is in a request: the kernel holds this one.
    let mut queued = connect(&before.2[0]).expect("it listens");
    queued
        .send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        .expect("it is queued");
    emperor.start_again();
    adopted(&emperor, &blog, &before);
    gate.let_go(2);
    for connection in [&mut request, &mut queued] {
        assert_eq!(connection.receive().expect("it is answered").body, "b'.'");
    }
}

#[test]
fn a_request_of_a_generation_that_leaves_is_finished_without_an_emperor() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &slow("old and whole"));
    let old = emperor.master(&blog);
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("new"));
    emperor.ready_after(&blog, 1);
    let new = emperor.master(&blog);
    emperor.kill9();
    assert_eq!(
        request.receive().expect("it is finished").body,
        "old and whole"
    );
    if let Some(old) = Watched::new(old) {
        assert!(old.ends_within(DEADLINE));
    }
    emperor.start_again();
    emperor.heard(&blog, "generation-adopted", &[("pid", json!(new))]);
    assert_eq!(emperor.get(&blog), "new");
    assert_eq!(emperor.count(&blog, "master-spawned"), 0);
    let of_old = emperor.at("run/vassals").join(&blog.name).join("1.sock");
    assert!(!of_old.exists(), "nobody answers there any more");
}

#[test]
fn a_generation_that_leaves_is_adopted_and_goes_on_leaving() {
    let mut emperor = Emperor::start();
    let code = answering("print('began', flush=True) or time.sleep(3) or 'old and whole'");
    let blog = emperor.serve("blog", "", &code);
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("new"));
    emperor.ready_after(&blog, 1);
    emperor.kill9();
    emperor.start_again();
    for generation in [1, 2] {
        emperor.heard(
            &blog,
            "generation-adopted",
            &[("generation", json!(generation))],
        );
    }
    assert_eq!(emperor.get(&blog), "new");
    assert_eq!(
        request.receive().expect("it is finished").body,
        "old and whole"
    );
    emperor.heard(
        &blog,
        "master-exited",
        &[("generation", json!(1)), ("expected", json!(true))],
    );
    assert_eq!(emperor.state_of(&blog), "ready");
}

#[test]
fn an_emperor_killed_in_the_middle_of_a_reload_leaves_the_old_code_and_the_next_brings_the_new() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("old"));
    let before = running(&emperor, &blog);
    let load = Load::on(&before.2[0]);
    let code = "import time\nprint('importing', flush=True)\ntime.sleep(2)\n".to_owned();
    emperor.deploy(&blog, &(code + &hello("new")));
    emperor.printed(&blog, |line| (line == "importing").then_some(()));
    emperor.kill9();
    assert_eq!(get(&before.2[0], "/"), "old");
    emperor.start_again();
    let generation = emperor.ready_after(&blog, 1);
    assert_eq!(emperor.get(&blog), "new");
    assert_eq!(emperor.addresses(&blog), before.2);
    emperor.heard(
        &blog,
        "master-exited",
        &[("generation", json!(1)), ("expected", json!(true))],
    );
    let (failures, asked) = load.stop();
    assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
    assert_eq!(emperor.status_of(&blog)["generation"], generation);
}

#[test]
fn two_kills_in_a_row_change_nothing() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2", &hello("x"));
    let before = running(&emperor, &blog);
    for _ in 0..2 {
        emperor.kill9();
        emperor.start_again();
    }
    // Not even the first one had time to ask.
    emperor.kill9();
    assert_eq!(get(&before.2[0], "/"), "x");
    emperor.start_again();
    adopted(&emperor, &blog, &before);
}

#[test]
fn a_master_killed_without_an_emperor_is_started_anew_with_its_socket() {
    let mut emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let options = format!("http = {path:?}\nchmod-socket = \"606\"");
    let blog = emperor.serve("blog", &options, &hello("x"));
    let shop = emperor.serve("shop", "", &hello("shop"));
    let other = running(&emperor, &shop);
    let (master, workers) = (emperor.master(&blog), emperor.workers(&blog));
    emperor.kill9();
    for pid in [master].into_iter().chain(workers) {
        assert!(signal(pid, Signal::KILL).ends_within(DEADLINE));
    }
    emperor.start_again();
    let generation = emperor.ready_after(&blog, 1);
    adopted(&emperor, &shop, &other);
    assert!(generation > 1, "a number is never given out twice");
    assert_eq!(get(&path.display().to_string(), "/"), "x");
    let mode = fs::metadata(&path).expect("it is there").mode() & 0o7777;
    assert_eq!(mode, 0o606);
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["error"]),
        (&json!("ready"), &Value::Null)
    );
    assert!(emperor.stop().success());
    assert!(!path.exists());
}

#[test]
fn a_socket_file_of_a_vassal_that_is_gone_for_good_is_removed() {
    let mut emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("x"));
    let all = [vec![emperor.master(&blog)], emperor.workers(&blog)].concat();
    emperor.kill9();
    for pid in all {
        assert!(signal(pid, Signal::KILL).ends_within(DEADLINE));
    }
    fs::remove_file(&blog.file).expect("it is there");
    assert!(path.exists());
    emperor.start_again();
    assert!(!path.exists());
    assert_eq!(emperor.status()["vassals"], json!([]));
    assert!(!emperor.at("run/vassals").join(&blog.name).exists());
}

#[test]
fn nothing_is_left_of_an_emperor_that_adopted_and_was_told_to_end() {
    let mut emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("x"));
    let before = running(&emperor, &blog);
    emperor.kill9();
    emperor.start_again();
    adopted(&emperor, &blog, &before);
    assert!(emperor.die(Signal::TERM).success());
    let records = fs::read_dir(emperor.at("run/vassals")).expect("it is there");
    assert_eq!(records.count(), 0);
    assert!(!path.exists() && !emperor.at("run/emperor.sock").exists());
}

#[test]
fn a_vassal_of_another_user_is_adopted() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can run a vassal as somebody else");
    }
    let setup = Setup::new();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(setup.at(""), open).expect("it is ours");
    let mut emperor = setup.start();
    let path = emperor.at("blog.sock");
    // One that anybody may run; a version manager's often is root's alone.
    let options = format!("uid = 65534\npython = \"/usr/bin/python3\"\nhttp = {path:?}");
    let blog = emperor.serve("blog", &options, &answering("os.getuid()"));
    let before = running(&emperor, &blog);
    let owner = |metadata: fs::Metadata| (metadata.uid(), metadata.mode() & 0o7777);
    let owner = || owner(fs::metadata(&path).expect("it is there"));
    assert_eq!(owner(), (65534, 0o660));
    emperor.kill9();
    assert_eq!(get(&before.2[0], "/"), "65534");
    emperor.start_again();
    adopted(&emperor, &blog, &before);
    assert_eq!(owner(), (65534, 0o660));
    emperor.touch(&blog.file);
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "65534");
    assert!(title_of(emperor.master(&blog)).ends_with(" #2"));
}

#[test]
fn every_python_is_adopted() {
    let mut emperor = Emperor::start();
    let vassals: Vec<(Vassal, Running)> = crate::harness::pythons()
        .iter()
        .enumerate()
        .map(|(number, python)| {
            let options = format!("python = {:?}", python.executable);
            let code = answering("'.'.join(map(str, sys.version_info[:2]))");
            let vassal = emperor.serve(&format!("python{number}"), &options, &code);
            assert_eq!(emperor.get(&vassal), python.version);
            let running = running(&emperor, &vassal);
            (vassal, running)
        })
        .collect();
    let told = |vassal: &Vassal| emperor.status_of(vassal)["python"].clone();
    let versions: Vec<Value> = vassals.iter().map(|(vassal, _)| told(vassal)).collect();
    emperor.kill9();
    emperor.start_again();
    for ((vassal, before), version) in vassals.iter().zip(versions) {
        adopted(&emperor, vassal, before);
        assert_eq!(emperor.status_of(vassal)["python"], version);
        assert_eq!(emperor.status_of(vassal)["interface"], "wsgi");
    }
}

#[test]
fn a_record_that_cannot_be_written_is_told_by_status_until_it_is() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    assert_eq!(emperor.status()["emperor"]["warnings"], json!([]));
    // Nothing can be written, neither beside the record nor over it: not even root can.
    let records = emperor.at("run/vassals").join(&blog.name);
    let in_the_way = [".record.new", "record.json"].map(|name| records.join(name));
    fs::remove_file(&in_the_way[1]).expect("it is there");
    for place in &in_the_way {
        fs::create_dir(place).expect("it is ours");
    }
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    let told = emperor.lictor(&["status"]).with_code(0).stdout;
    let expected = format!("emperor: could not write the records of {} in", blog.name);
    assert!(told.contains(&expected), "{told}");
    for place in &in_the_way {
        fs::remove_dir(place).expect("it is ours");
    }
    // Any look tries again, whatever it is for.
    emperor.serve("shop", "", &hello("shop"));
    assert_eq!(emperor.status()["emperor"]["warnings"], json!([]));
}

#[test]
fn a_record_that_was_swept_away_is_written_again() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let before = running(&emperor, &blog);
    let record = emperor
        .at("run/vassals")
        .join(&blog.name)
        .join("record.json");
    fs::remove_file(&record).expect("it is there");
    // Any look finds that it is gone, whatever it is for.
    emperor.serve("shop", "", &hello("shop"));
    let _whoever_asks_has_waited_for_it = emperor.status();
    assert!(record.exists());
    emperor.kill9();
    emperor.start_again();
    adopted(&emperor, &blog, &before);
}
