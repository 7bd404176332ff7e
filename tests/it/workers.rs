//! Masters and workers: how many, what they are called, and that they are replaced.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Emperor, answering, connect, get, hello, signal, slow, title_of};

#[test]
fn a_killed_worker_is_replaced_in_the_same_generation() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2", &hello("x"));
    let workers = emperor.workers(&blog);
    let (killed, other) = (workers[0], workers[1]);
    assert!(signal(killed, Signal::KILL).ends_within(crate::harness::DEADLINE));
    let exited = emperor.heard(&blog, "worker-exited", &[("pid", json!(killed))]);
    assert_eq!(
        (&exited["expected"], &exited["status"]),
        (&json!(false), &json!("signal 9 (SIGKILL)"))
    );
    let seq = exited["seq"].as_u64();
    emperor.events().wait("the slot is filled again", |event| {
        let is_it = event["event"] == "worker-ready" && event["seq"].as_u64() > seq;
        is_it.then_some(())
    });
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["generation"], &status["restarts"], &status["state"]),
        (&json!(1), &json!(1), &json!("ready"))
    );
    let now = emperor.workers(&blog);
    assert!(
        now.len() == 2 && now.contains(&other) && !now.contains(&killed),
        "{now:?}"
    );
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn a_worker_that_ends_itself_in_a_request_is_replaced() {
    let emperor = Emperor::start();
    let code = answering("os._exit(7) if environ['PATH_INFO'] == '/end' else 'alive'");
    let blog = emperor.serve("blog", "", &code);
    let address = emperor.address(&blog);
    crate::harness::try_get(&address, "/end").expect_err("there is nobody to answer");
    assert_eq!(
        emperor.heard(&blog, "worker-exited", &[])["status"],
        "exit status 7"
    );
    // The socket is there all the time: the next request waits for the next worker.
    assert_eq!(get(&address, "/"), "alive");
}

#[test]
fn a_replaced_worker_runs_the_code_of_its_generation() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("as it was"));
    let worker = emperor.workers(&blog)[0];
    // The files on the disk are another version by now, and a broken one.
    crate::harness::write_python(&blog.app, "raise RuntimeError('broken')");
    signal(worker, Signal::KILL);
    emperor.heard(&blog, "worker-exited", &[("pid", json!(worker))]);
    assert_eq!(emperor.get(&blog), "as it was");
}

#[test]
fn a_killed_master_is_replaced_and_serves() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2", &hello("x"));
    let address = emperor.address(&blog);
    let master = emperor.master(&blog);
    signal(master, Signal::KILL);
    let exited = emperor.heard(&blog, "master-exited", &[("pid", json!(master))]);
    assert_eq!(
        (&exited["expected"], &exited["status"]),
        (&json!(false), &json!("signal 9 (SIGKILL)"))
    );
    emperor.ready_after(&blog, 1);
    assert_eq!(get(&address, "/"), "x");
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["generation"]),
        (&json!("ready"), &json!(2))
    );
    assert_eq!(status["sockets"][0]["address"], address);
}

#[test]
fn a_request_outlives_its_killed_master() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &slow("whole"));
    let mut request = emperor.begin(&blog);
    signal(emperor.master(&blog), Signal::KILL);
    assert_eq!(request.receive().expect("it is finished").body, "whole");
    emperor.ready_after(&blog, 1);
}

#[test]
fn a_worker_that_hangs_does_not_outlive_its_killed_master_for_ever() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "reload-mercy = \"100ms\"", &hello("x"));
    let (master, worker) = (emperor.master(&blog), emperor.workers(&blog)[0]);
    let hangs = signal(worker, Signal::STOP);
    signal(master, Signal::KILL);
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.get(&blog), "x");
    assert!(hangs.ends_within(crate::harness::DEADLINE));
}

#[test]
fn titles_tell_vassal_generation_and_worker() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2", &hello("x"));
    let name = &blog.name;
    assert_eq!(
        title_of(emperor.master(&blog)),
        format!("lictor: {name} #1")
    );
    let titles: Vec<_> = emperor.workers(&blog).into_iter().map(title_of).collect();
    assert_eq!(
        titles,
        [
            format!("lictor: {name} #1 worker 1"),
            format!("lictor: {name} #1 worker 2")
        ]
    );
    emperor.touch(&blog.file);
    emperor.ready_after(&blog, 1);
    assert_eq!(
        title_of(emperor.master(&blog)),
        format!("lictor: {name} #2")
    );
    // A title is no hole in the environment that the app sees, or that `ps e` shows.
    let environ =
        std::fs::read(format!("/proc/{}/environ", emperor.master(&blog))).expect("it is ours");
    assert!(environ.windows(5).any(|bytes| bytes == b"PATH="));
}

#[test]
fn the_master_has_one_thread() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2\nthreads = 3", &hello("x"));
    let threads = std::fs::read_dir(format!("/proc/{}/task", emperor.master(&blog)))
        .expect("it is there")
        .count();
    assert_eq!(threads, 1);
}

#[test]
fn three_processes_are_three_forks_of_one_master() {
    let emperor = Emperor::start();
    let code = answering("f'{os.getpid()} {os.getppid()} {LOADED}'") + "LOADED = os.getpid()\n";
    let blog = emperor.serve("blog", "processes = 3", &code);
    let (workers, master) = (emperor.workers(&blog), emperor.master(&blog));
    assert_eq!(workers.len(), 3);
    let said = emperor.get(&blog);
    let numbers: Vec<u32> = said
        .split(' ')
        .map(|number| number.parse().expect("a number"))
        .collect();
    assert!(workers.contains(&numbers[0]), "{said}");
    assert_eq!(
        numbers[1..],
        [master, master],
        "loaded once, in the master: {said}"
    );
    assert_eq!(emperor.count(&blog, "worker-ready"), 3);
}

#[test]
fn lazy_apps_are_loaded_in_each_worker() {
    let emperor = Emperor::start();
    let code = answering("f'{os.getpid()} {LOADED}'") + "LOADED = os.getpid()\n";
    let blog = emperor.serve("blog", "processes = 2\nlazy-apps = true", &code);
    let said = emperor.get(&blog);
    let (here, loaded) = said.split_once(' ').expect("two numbers");
    assert_eq!(here, loaded);
}

#[test]
fn an_app_that_starts_a_thread_at_import_is_loaded_in_each_worker() {
    let emperor = Emperor::start();
    let code = "\
import threading, time
ticks = []
def tick():
    while True:
        ticks.append(1)
        time.sleep(0.01)
threading.Thread(target=tick, daemon=True).start()
"
    .to_owned()
        + &answering(
            "f'{threading.active_count()} {threading.get_ident()} {len(ticks) > 0 or time.sleep(0.2) or len(ticks) > 0}'",
        );
    let blog = emperor.serve("blog", "processes = 2", &code);
    let said = emperor.get(&blog);
    assert!(
        said.ends_with(" True"),
        "the thread runs in the worker: {said}"
    );
    let master = emperor.master(&blog);
    let threads = std::fs::read_dir(format!("/proc/{master}/task"))
        .expect("it is there")
        .count();
    assert_eq!(threads, 1, "and not in the master");
    assert_eq!(emperor.status_of(&blog)["error"], json!(null));
    emperor.touch(&blog.file);
    emperor.ready_after(&blog, 1);
}

#[test]
fn threads_serve_side_by_side() {
    let emperor = Emperor::start();
    // Each request waits for the other one.
    let code = "import threading\nbarrier = threading.Barrier(2, timeout=30)\n".to_owned()
        + &answering("barrier.wait() >= 0 and 'both'");
    let blog = emperor.serve("blog", "threads = 2", &code);
    let address = emperor.address(&blog);
    let other = address.clone();
    let second = std::thread::spawn(move || get(&other, "/"));
    assert_eq!(get(&address, "/"), "both");
    assert_eq!(second.join().expect("it does not panic"), "both");
}

#[test]
fn workers_that_end_again_and_again_are_not_started_without_a_pause() {
    let emperor = Emperor::start();
    let blog = emperor.serve(
        "blog",
        "",
        &answering("os._exit(1) if environ['PATH_INFO'] == '/end' else 'alive'"),
    );
    let address = emperor.address(&blog);
    for _ in 0..4 {
        crate::harness::try_get(&address, "/end").expect_err("there is nobody to answer");
    }
    assert_eq!(get(&address, "/"), "alive");
    assert_eq!(emperor.status_of(&blog)["restarts"], 4);
    assert_eq!(emperor.status_of(&blog)["generation"], 1);
}

/// A vassal whose only worker is inside a long request when its master is killed.
fn orphaned_in_a_request(emperor: &Emperor) -> (crate::harness::Vassal, u32) {
    let code = answering(
        "print('began', flush=True) or time.sleep(120) if environ['PATH_INFO'] == '/hang' else 'alive'",
    );
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = free.expect("there is a free port");
    let options = format!("http = \"{address}\"\nreload-mercy = \"30s\"");
    let blog = emperor.serve("blog", &options, &code);
    let mut connection = connect(&emperor.address(&blog)).expect("it listens");
    connection
        .send(b"GET /hang HTTP/1.1\r\nHost: test\r\n\r\n")
        .expect("it reads");
    emperor.printed(&blog, |line| (line == "began").then_some(()));
    let worker = emperor.workers(&blog)[0];
    signal(emperor.master(&blog), Signal::KILL);
    emperor.ready_after(&blog, 1);
    (blog, worker)
}

#[test]
fn a_worker_without_its_master_is_not_in_the_way_of_the_next_start() {
    let emperor = Emperor::start();
    let (blog, worker) = orphaned_in_a_request(&emperor);
    let watched = crate::harness::Watched::new(worker).expect("it is in its request");
    let address = emperor.address(&blog);
    assert_eq!(get(&address, "/"), "alive");
    emperor.lictor(&["stop", "--wait", &blog.name]).with_code(0);
    // Its socket is to be bound anew, and the worker in the request still holds the old one.
    emperor.lictor(&["start", &blog.name]).with_code(0);
    emperor.ready_after(&blog, 2);
    assert_eq!(get(&address, "/"), "alive");
    assert!(watched.ends_within(crate::harness::DEADLINE));
}

#[test]
fn a_worker_without_master_and_emperor_is_not_in_the_way_of_the_next_emperor() {
    let mut emperor = Emperor::start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = free.expect("there is a free port").to_string();
    let options = format!("http = \"{address}\"\nreload-mercy = \"30s\"");
    let blog = emperor.serve("blog", &options, &slow("whole"));
    let master = emperor.master(&blog);
    let request = emperor.begin(&blog);
    emperor.kill9();
    signal(master, Signal::KILL);
    emperor.start_again();
    emperor.ready_after(&blog, 1);
    drop(request);
    assert_eq!(get(&address, "/"), "whole");
}

#[test]
fn a_signal_of_a_log_rotation_ends_nothing() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    emperor.signal(Signal::USR1);
    assert_eq!(emperor.get(&blog), "x");
    emperor.deploy(&blog, &hello("y"));
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "y");
}

#[test]
fn a_worker_that_has_used_up_its_descriptors_still_takes_a_connection() {
    let emperor = Emperor::start();
    let code = "import os, resource\nheld = []\n".to_owned()
        + &answering("leak() if environ['PATH_INFO'] == '/leak' else 'alive'")
        + "def leak():\n    \
               resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n    \
               try:\n        \
                   while True: held.append(os.dup(1))\n    \
               except OSError as error: return error.errno\n";
    for threads in 1..=2 {
        let options = format!("threads = {threads}");
        let leaky = emperor.serve(&format!("leaky-{threads}"), &options, &code);
        let address = emperor.address(&leaky);
        // Kept, so that its descriptor is not one that becomes free.
        let mut kept = connect(&address).expect("it listens");
        let told = kept.get("/leak").expect("it answers").body;
        assert_eq!(told, "24", "EMFILE");
        for _ in 0..3 {
            assert_eq!(get(&address, "/"), "alive");
        }
        assert_eq!(kept.get("/").expect("it was kept").body, "alive");
    }
}
