//! `stats` of a vassal.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{APP, address, document, told};
use crate::harness::{DEADLINE, Emperor, connect, get, signal, try_get};

/// Every field that the usual exporter for uWSGI decodes, with an example of its type.
fn schema() -> Value {
    let core = json!({
        "id": 0, "requests": 0, "static_requests": 0, "routed_requests": 0,
        "offloaded_requests": 0, "write_errors": 0, "read_errors": 0, "in_request": 0,
        "vars": [""], "req_info": {},
    });
    let app = json!({
        "id": 0, "modifier1": 0, "mountpoint": "", "startup_time": 0, "requests": 0,
        "exceptions": 0, "chdir": "",
    });
    json!({
        "version": "", "listen_queue": 0, "listen_queue_errors": 0, "signal_queue": 0, "load": 0,
        "pid": 0, "uid": 0, "gid": 0, "cwd": "", "locks": [{}],
        "sockets": [{
            "name": "", "proto": "", "queue": 0, "max_queue": 0, "shared": 0, "can_offload": 0,
        }],
        "workers": [{
            "id": 0, "pid": 0, "accepting": 0, "requests": 0, "delta_requests": 0,
            "exceptions": 0, "harakiri_count": 0, "signals": 0, "signal_queue": 0, "status": "",
            "rss": 0, "vsz": 0, "running_time": 0, "last_spawn": 0, "respawn_count": 0, "tx": 0,
            "avg_rt": 0, "apps": [app], "cores": [core],
        }],
    })
}

/// Every field there, none besides, and each of its type: integers that fit into 64 bits with sign.
#[track_caller]
fn matches(told: &Value, schema: &Value, place: &str) {
    match (told, schema) {
        (Value::Object(told), Value::Object(schema)) => {
            let names = |fields: &serde_json::Map<String, Value>| {
                let mut names: Vec<String> = fields.keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(told), names(schema), "{place}");
            for (name, value) in told {
                matches(value, &schema[name], &format!("{place}.{name}"));
            }
        }
        (Value::Array(told), Value::Array(schema)) => {
            for value in told {
                matches(value, &schema[0], &format!("{place}[]"));
            }
        }
        (Value::Number(number), Value::Number(_)) => assert!(number.as_i64().is_some(), "{place}"),
        (Value::String(_), Value::String(_)) => {}
        _ => panic!("{place}: {told}"),
    }
}

#[test]
fn the_document_has_every_field_that_is_decoded() {
    let emperor = Emperor::start();
    let options = "processes = 2\nthreads = 2\nstats = [\"127.0.0.1:0\", \"@STATS\"]";
    let name = emperor.name("abstract");
    let blog = emperor.serve("blog", &options.replace("STATS", &name), APP);
    let app = address(&emperor, &blog, "http");
    for path in ["/", "/raises", "/"] {
        drop(try_get(&app, path).expect("an answer"));
    }
    let stats = address(&emperor, &blog, "stats");
    let told = document(&stats);
    matches(&told, &schema(), "");
    assert_eq!(told["pid"], emperor.master(&blog));
    let sockets = told["sockets"].as_array().unwrap();
    assert_eq!((sockets.len(), &sockets[0]["name"]), (1, &json!(app)));
    let workers = told["workers"].as_array().unwrap();
    let sum = |field: &str| -> u64 {
        let numbers = workers.iter().map(|worker| worker[field].as_u64().unwrap());
        numbers.sum()
    };
    assert_eq!((sum("requests"), sum("exceptions")), (3, 1));
    assert!(sum("tx") > 300 && sum("running_time") > 0 && sum("rss") > 1 << 20);
    let mut pids: Vec<u64> = workers
        .iter()
        .map(|it| it["pid"].as_u64().unwrap())
        .collect();
    let mut living: Vec<u64> = emperor.workers(&blog).into_iter().map(u64::from).collect();
    pids.sort_unstable();
    living.sort_unstable();
    assert_eq!(pids, living);
}

#[test]
fn it_is_told_by_http_if_asked_for() {
    let emperor = Emperor::start();
    let options = "http = \"127.0.0.1:0\"\nstats = \"127.0.0.1:0\"\nstats-http = true\nstats-minified = true\nstats-no-cores = true";
    let blog = emperor.serve("blog", options, APP);
    let stats = address(&emperor, &blog, "stats");
    let answer = try_get(&stats, "/anything").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(!answer.body.contains('\n'), "{}", answer.body);
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(told["workers"][0].get("cores"), None);
    let mut other = connect(&stats).unwrap();
    other.send(b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(other.receive().unwrap().status, 405);
}

#[test]
fn what_was_counted_stays_when_a_worker_is_replaced() {
    let emperor = Emperor::start();
    let path = emperor.at("stats.sock").display().to_string();
    let blog = emperor.serve("blog", &format!("stats = {path:?}"), APP);
    let app = address(&emperor, &blog, "http");
    for _ in 0..3 {
        get(&app, "/");
    }
    let first = document(&path)["workers"][0].clone();
    assert_eq!(
        (&first["requests"], &first["respawn_count"]),
        (&json!(3), &json!(1))
    );
    let worker = emperor.workers(&blog)[0];
    signal(worker, Signal::KILL);
    emperor.heard_times(&blog, "worker-ready", &[], 2);
    for _ in 0..2 {
        get(&app, "/");
    }
    let second = document(&path)["workers"][0].clone();
    let numbers = ["requests", "delta_requests", "respawn_count"].map(|field| &second[field]);
    assert_eq!(numbers, [&json!(5), &json!(2), &json!(2)]);
    assert_ne!(first["pid"], second["pid"]);
}

#[test]
fn a_request_in_progress_is_seen() {
    let emperor = Emperor::start();
    let path = emperor.at("stats.sock").display().to_string();
    let blog = emperor.serve("blog", &format!("stats = {path:?}\nthreads = 2"), APP);
    let app = address(&emperor, &blog, "http");
    let mut slow = connect(&app).unwrap();
    slow.send(b"GET /slow HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n")
        .unwrap();
    emperor.output().wait("the request has begun", |line| {
        (line["line"] == "began").then_some(())
    });
    let text = told(&path).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let told: Value = serde_json::from_str(&text).unwrap();
    let worker = &told["workers"][0];
    assert_eq!(worker["status"], "busy");
    let cores = worker["cores"].as_array().unwrap().iter();
    assert_eq!(cores.filter(|core| core["in_request"] == 1).count(), 1);
    signal(emperor.workers(&blog)[0], Signal::KILL);
    drop(slow);
}

#[test]
fn somebody_tells_throughout_a_reload() {
    for overlap in ["true", "false"] {
        let emperor = Emperor::start();
        let path = emperor.at("stats.sock").display().to_string();
        let options = format!("stats = {path:?}\noverlap = {overlap}");
        let blog = emperor.serve("blog", &options, APP);
        let is_over = Arc::<AtomicBool>::default();
        let (over, asked) = (Arc::clone(&is_over), path.clone());
        let asking = std::thread::spawn(move || {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                document(&asked);
                count += 1;
            }
            count
        });
        for generation in 1..=3 {
            emperor.deploy(&blog, APP);
            emperor.ready_after(&blog, generation);
        }
        is_over.store(true, Ordering::Relaxed);
        let count = asking.join().expect("every answer is a whole document");
        assert!(count > 3, "{count}");
        // The one before, paused without overlap, may answer until it is told to leave.
        let until = Instant::now() + DEADLINE;
        while document(&path)["pid"] != emperor.master(&blog) {
            assert!(
                Instant::now() < until,
                "the generation that serves does not tell"
            );
        }
    }
}

#[test]
fn nobody_is_held_up_by_those_who_ask_slowly() {
    let emperor = Emperor::start();
    let path = emperor.at("stats.sock").display().to_string();
    let options = format!("http = \"127.0.0.1:0\"\nstats = {path:?}\nstats-http = true");
    let blog = emperor.serve("blog", &options, APP);
    let mut silent: Vec<_> = (0..7)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    silent[0].write_all(b"GET / HT").unwrap();
    assert_eq!(try_get(&path, "/").unwrap().status, 200);
    // All places are taken now; those who sit there too long are let go of.
    silent.extend((0..8).map(|_| UnixStream::connect(&path).unwrap()));
    emperor.deploy(&blog, APP);
    emperor.ready_after(&blog, 1);
    assert_eq!(try_get(&path, "/").unwrap().status, 200);
    drop(silent);
}

#[test]
fn each_app_and_what_runs_beside_them_is_told() {
    let emperor = Emperor::start();
    let path = emperor.at("stats.sock").display().to_string();
    let options = format!(
        "stats = {path:?}\nmount = [\"/shop=app:application\"]\nmanage-script-name = true\nattach-daemon = \"exec sleep 1000\"\n\
         unique-cron = \"-1 3 -1 -1 7 exec true\""
    );
    let blog = emperor.serve("blog", &options, APP);
    // It is started when the generation serves.
    let until = Instant::now() + DEADLINE;
    let told = loop {
        let told = document(&path);
        if told["daemons"][0]["pid"] != json!(0) {
            break told;
        }
        assert!(Instant::now() < until, "{told:#}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let apps = told["workers"][0]["apps"].as_array().unwrap();
    let mountpoints: Vec<_> = apps.iter().map(|app| &app["mountpoint"]).collect();
    assert_eq!(mountpoints, [&json!(""), &json!("/shop")]);
    let daemon = &told["daemons"][0];
    assert_eq!(
        (&daemon["cmd"], &daemon["respawns"]),
        (&json!("exec sleep 1000"), &json!(0))
    );
    let status = emperor.status_of(&blog);
    assert_eq!(daemon["pid"], status["daemons"][0]["pid"]);
    let cron = &told["crons"][0];
    let expected = json!({
        "minute": -1, "hour": 3, "day": -1, "month": -1, "week": 7,
        "command": "exec true", "unique": 1, "pid": 0, "started_at": 0,
    });
    assert_eq!(*cron, expected);
}
