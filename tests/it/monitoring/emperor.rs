//! `--stats` and `--metrics` of the emperor.

use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use super::{APP, address, document};
use crate::harness::{Emperor, Setup, Vassal, get, hello, lictor, try_get};

/// The value of a sample, by its name and the vassal.
#[track_caller]
fn sample(text: &str, name: &str, vassal: &Vassal) -> f64 {
    let mut lines = text.lines().filter_map(|line| {
        let (key, value) = line.rsplit_once(' ')?;
        let (found, labels) = key.split_once('{')?;
        let is_it = found == name && labels.contains(&format!("vassal=\"{}\"", vassal.name));
        is_it.then(|| value.parse::<f64>().expect("a number"))
    });
    let first = lines
        .next()
        .unwrap_or_else(|| panic!("no {name} in {text}"));
    first + lines.sum::<f64>()
}

/// The same, where it is a whole number.
#[track_caller]
#[expect(clippy::cast_possible_truncation, reason = "it is small")]
fn whole(text: &str, name: &str, vassal: &Vassal) -> i64 {
    sample(text, name, vassal).round() as i64
}

fn metrics_of(emperor: &Emperor) -> String {
    get(
        &emperor.at("metrics.sock").display().to_string(),
        "/metrics",
    )
}

fn start(setup: Setup) -> Emperor {
    let [stats, metrics] = ["stats.sock", "metrics.sock"].map(|name| setup.at(name));
    let (stats, metrics) = (stats.display().to_string(), metrics.display().to_string());
    setup
        .flags(&["--stats", &stats, "--metrics", &metrics])
        .start()
}

#[test]
fn all_vassals_are_told_in_the_words_of_uwsgi() {
    let emperor = start(Setup::new());
    let blog = emperor.serve("blog", "", &hello("blog"));
    let broken = emperor.add("broken", "", "import nowhere");
    emperor.failed_after(&broken, 0);
    let told = document(&emperor.at("stats.sock").display().to_string());
    assert_eq!(told["pid"], emperor.pid());
    assert_eq!(told["emperor"], json!(["vassals"]));
    let vassals = told["vassals"].as_array().unwrap();
    let find = |vassal: &Vassal| {
        let id = format!("{}.toml", vassal.name);
        vassals
            .iter()
            .find(|it| it["id"] == id.as_str())
            .cloned()
            .unwrap()
    };
    let found = find(&blog);
    assert_eq!(found["pid"], emperor.master(&blog));
    for (field, value) in [("loyal", 1), ("ready", 1), ("accepting", 1), ("cursed", 0)] {
        assert_eq!(found[field], value, "{field}");
    }
    let numbers = ["born", "last_mod", "first_run", "last_run", "last_ready"];
    assert!(
        numbers
            .iter()
            .all(|field| found[field].as_u64() > Some(1 << 30)),
        "{found}"
    );
    let fields = [
        "last_heartbeat",
        "last_loyal",
        "last_accepting",
        "zerg",
        "uid",
        "gid",
        "respawns",
    ];
    assert!(fields.iter().all(|field| found[field].is_u64()), "{found}");
    assert_eq!(
        (&found["on_demand"], &found["monitor"]),
        (&json!(""), &json!("vassals"))
    );
    assert_eq!(find(&broken)["loyal"], 0);
}

#[test]
fn a_vassal_that_waits_is_on_the_blacklist() {
    let emperor = start(Setup::new());
    let broken = emperor.add("broken", "", "import nowhere");
    let path = emperor.at("stats.sock").display().to_string();
    // It comes up again and again, and waits longer each time.
    for generation in 0..5 {
        emperor.failed_after(&broken, generation);
    }
    let is_waiting = |told: &Value| told["blacklist"].as_array().unwrap().first().cloned();
    let mut asked = 0;
    let waiting = loop {
        match is_waiting(&document(&path)) {
            Some(waiting) => break waiting,
            None => asked += 1,
        }
        assert!(asked < 10_000, "it never waits");
    };
    assert_eq!(waiting["id"], format!("{}.toml", broken.name).as_str());
    assert!(waiting["attempt"].as_u64() >= Some(1), "{waiting}");
    assert!(waiting["last_attempt"].as_u64() >= waiting["first_attempt"].as_u64());
    assert!(waiting["throttle_level"].is_u64());
}

#[test]
fn one_endpoint_tells_of_all() {
    let emperor = start(Setup::new());
    let blog = emperor.serve("blog", "processes = 2", APP);
    let shop = emperor.serve("shop", "", APP);
    for _ in 0..3 {
        get(&address(&emperor, &blog, "http"), "/");
    }
    get(&address(&emperor, &shop, "http"), "/");
    let text = metrics_of(&emperor);
    let requests = "uwsgi_worker_requests_total";
    assert_eq!(
        (
            sample(&text, requests, &blog),
            sample(&text, requests, &shop)
        ),
        (3.0, 1.0)
    );
    assert_eq!(whole(&text, "uwsgi_worker_idle", &blog), 2);
    assert!(sample(&text, "uwsgi_worker_rss_bytes", &shop) > 1e6);
    assert!(sample(&text, "uwsgi_worker_running_time_seconds", &blog) > 0.0);
    assert_eq!(whole(&text, "uwsgi_socket_max_queue_length", &blog), 1024);
    assert_eq!(whole(&text, "uwsgi_up", &blog), 1);
    assert!(
        text.contains("lictor_vassals{state=\"ready\"} 2\n"),
        "{text}"
    );
    let path = emperor.at("metrics.sock").display().to_string();
    assert_eq!(try_get(&path, "/").unwrap().status, 404);
}

#[test]
fn the_next_emperor_goes_on_counting() {
    let setup = Setup::new();
    let metrics = setup.at("metrics.sock").display().to_string();
    let mut emperor = setup.flags(&["--metrics", &metrics]).start();
    let blog = emperor.serve("blog", "", APP);
    for _ in 0..4 {
        get(&address(&emperor, &blog, "http"), "/");
    }
    emperor.kill9();
    emperor.start_again();
    emperor.heard(&blog, "generation-adopted", &[]);
    get(&address(&emperor, &blog, "http"), "/");
    let text = metrics_of(&emperor);
    assert_eq!(whole(&text, "uwsgi_worker_requests_total", &blog), 5);
    assert_eq!(whole(&text, "uwsgi_worker_respawn_count_total", &blog), 1);
}

#[test]
fn an_upgrade_keeps_the_addresses() {
    let mut emperor = start(Setup::new().own_program());
    let blog = emperor.serve("blog", "", APP);
    get(&address(&emperor, &blog, "http"), "/");
    let before = std::fs::metadata(emperor.at("metrics.sock")).unwrap();
    emperor.lictor(&["upgrade"]).with_code(0);
    emperor.follow_anew();
    emperor.heard(&blog, "generation-adopted", &[]);
    let text = metrics_of(&emperor);
    assert!(text.contains("lictor_emperor_upgrades_total 1\n"), "{text}");
    assert_eq!(whole(&text, "uwsgi_worker_requests_total", &blog), 1);
    let after = std::fs::metadata(emperor.at("metrics.sock")).unwrap();
    assert_eq!((before.ino(), before.mode() & 0o777), (after.ino(), 0o660));
    document(&emperor.at("stats.sock").display().to_string());
}

/// Writes over all that its master counts.
const HOSTILE: &str = r"
import os
def application(environ, start_response):
    for line in open('/proc/self/maps'):
        if 'lictor-counters' in line:
            begin, end = (int(part, 16) for part in line.split()[0].split('-'))
            memory = os.open('/proc/self/mem', os.O_RDWR)
            os.pwrite(memory, os.urandom(end - begin), begin)
            for name in os.listdir('/proc/self/fd'):
                try:
                    os.ftruncate(int(name), 0)
                except OSError:
                    pass
    start_response('200 OK', [])
    return [b'done']
";

#[test]
fn what_a_tenant_writes_there_harms_nobody_else() {
    let mut emperor = start(Setup::new());
    let blog = emperor.serve("blog", "", APP);
    let evil = emperor.serve("evil", "processes = 2", HOSTILE);
    get(&address(&emperor, &blog, "http"), "/");
    get(&address(&emperor, &evil, "http"), "/");
    let looks = |emperor: &Emperor| {
        let text = metrics_of(emperor);
        assert_eq!(whole(&text, "uwsgi_worker_requests_total", &blog), 1);
        let workers = format!("worker_requests_total{{vassal=\"{}\"", evil.name);
        let lines = text.lines().filter(|line| line.contains(&workers));
        assert!(lines.count() <= 2, "{text}");
    };
    looks(&emperor);
    emperor.kill9();
    emperor.start_again();
    emperor.heard(&blog, "generation-adopted", &[]);
    looks(&emperor);
}

#[test]
fn metrics_are_not_for_other_machines() {
    let ran = lictor(
        std::path::Path::new("/"),
        &["emperor", "--metrics", "0.0.0.0:9117", "vassals"],
    )
    .with_code(2);
    let said = format!("{ran:?}");
    assert!(said.contains("open to other machines"), "{said}");
}

#[test]
fn the_control_socket_tells_metrics_too() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("blog"));
    get(&emperor.address(&blog), "/");
    let control = emperor.at("run/emperor.sock");
    let answer = try_get(&control.display().to_string(), "/metrics").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(whole(&answer.body, "uwsgi_worker_requests_total", &blog), 1);
}
