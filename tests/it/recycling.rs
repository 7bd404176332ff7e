//! Workers that have reached a limit are replaced, and nobody notices.

use serde_json::{Value, json};

use crate::harness::{
    DEADLINE, Emperor, Load, Vassal, Watched, answering, connect, get, hello, try_get,
    write_python, write_whole,
};

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().expect("it is a text")
}

/// The worker was not missed: it left as it was told, and nothing was in trouble.
#[track_caller]
fn all_is_well(emperor: &Emperor, vassal: &Vassal) {
    let status = emperor.status_of(vassal);
    assert_eq!(
        (&status["state"], &status["generation"], &status["restarts"]),
        (&json!("ready"), &json!(1), &json!(0))
    );
    assert_eq!(status["error"], json!(null));
}

#[test]
fn a_worker_is_replaced_after_max_requests_and_no_request_fails() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2\nmax-requests = 50", &hello("x"));
    let before = emperor.workers(&blog);
    let load = Load::on(&emperor.address(&blog));
    let retired = emperor.heard_times(&blog, "worker-retiring", &[], 4);
    for worker in before {
        let exited = emperor.heard(&blog, "worker-exited", &[("pid", json!(worker))]);
        assert_eq!(
            (&exited["expected"], &exited["status"]),
            (&json!(true), &json!("exit status 0"))
        );
    }
    let (failures, asked) = load.stop();
    assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
    for event in retired {
        let reason = text(&event, "reason");
        let served = reason.strip_prefix("`max-requests`: ");
        let served = served.and_then(|rest| rest.strip_suffix(" requests served"));
        let served: u32 = served.and_then(|n| n.parse().ok()).expect("a number");
        assert!(served >= 45, "{reason}");
    }
    all_is_well(&emperor, &blog);
}

#[test]
fn a_worker_that_has_grown_too_large_is_replaced_by_a_small_one() {
    let emperor = Emperor::start();
    let grow = "kept.append(b'x' * (96 << 20))";
    let code = "kept = []\n".to_owned()
        + &answering(&format!(
            "environ['PATH_INFO'] == '/grow' and {grow} or os.getpid()"
        ));
    let blog = emperor.serve("blog", "reload-on-rss = \"80M\"", &code);
    let address = emperor.address(&blog);
    let small = get(&address, "/");
    assert_eq!(get(&address, "/grow"), small);
    // Its memory is looked at ten times a second at most, after a request.
    while emperor.count(&blog, "worker-retiring") == 0 {
        get(&address, "/");
    }
    let retired = emperor.heard(&blog, "worker-retiring", &[]);
    assert_eq!(retired["pid"].to_string(), small);
    let reason = text(&retired, "reason");
    let resident = reason.strip_prefix("`reload-on-rss`: ");
    let resident = resident.and_then(|rest| rest.strip_suffix(" MiB resident"));
    let resident: u32 = resident.and_then(|n| n.parse().ok()).expect("a number");
    assert!((80..400).contains(&resident), "{reason}");
    emperor.heard(&blog, "worker-exited", &[("pid", retired["pid"].clone())]);
    assert_ne!(get(&address, "/"), small);
    assert_eq!(
        emperor.count(&blog, "worker-retiring"),
        1,
        "the new one is small"
    );
    all_is_well(&emperor, &blog);
}

#[test]
fn a_worker_that_is_old_enough_is_replaced_without_a_request() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "max-worker-lifetime = \"1s\"", &hello("x"));
    for event in emperor.heard_times(&blog, "worker-retiring", &[], 2) {
        assert_eq!(event["reason"], "`max-worker-lifetime`");
    }
    assert_eq!(emperor.get(&blog), "x");
    all_is_well(&emperor, &blog);
}

#[test]
fn one_worker_at_a_time_is_replaced() {
    let emperor = Emperor::start();
    let code = "import time\ntime.sleep(0.2)\n".to_owned() + &hello("x");
    let options = "processes = 3\nmax-worker-lifetime = \"1s\"\nlazy-apps = true";
    let blog = emperor.serve("blog", options, &code);
    emperor.heard_times(&blog, "worker-retiring", &[], 6);
    let begun = emperor.heard(&blog, "generation-ready", &[])["seq"].as_u64();
    let mut told = emperor.events().so_far();
    told.retain(|event| event["vassal"] == *blog.name && event["seq"].as_u64() > begun);
    let told: Vec<(&str, &Value)> = told
        .iter()
        .map(|event| (text(event, "event"), &event["worker"]))
        .filter(|(sort, _)| matches!(*sort, "worker-retiring" | "worker-ready"))
        .collect();
    for pair in told.chunks(2) {
        assert_eq!(pair[0].0, "worker-retiring", "{told:?}");
        if let Some(second) = pair.get(1) {
            assert_eq!(*second, ("worker-ready", pair[0].1), "{told:?}");
        }
    }
}

#[test]
fn a_request_in_a_worker_that_retires_is_finished() {
    let emperor = Emperor::start();
    let released = emperor.at("released");
    let wait =
        format!("[time.sleep(0.01) for _ in iter(lambda: os.path.exists({released:?}), True)]");
    let code = answering(&format!(
        "environ['PATH_INFO'] == '/slow' and (print('began', flush=True) or {wait}) and 'whole' or os.getpid()"
    ));
    let blog = emperor.serve("blog", "threads = 2\nmax-requests = 1", &code);
    let address = emperor.address(&blog);
    let mut slow = connect(&address).expect("it listens");
    slow.send(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
        .expect("it reads");
    emperor.printed(&blog, |line| (line == "began").then_some(()));
    let old = get(&address, "/");
    let retired = emperor.heard(&blog, "worker-retiring", &[]);
    assert_eq!(retired["pid"].to_string(), old);
    // The second one to become ready is its replacement.
    let ready = emperor.heard_times(&blog, "worker-ready", &[("worker", json!(1))], 2);
    let leaving = Watched::new(old.parse().expect("a number")).expect("it is in a request");
    // The old one may take some more before it hears that it is to leave.
    let new = ready[1]["pid"].to_string();
    while get(&address, "/") != new {}
    assert!(!leaving.ends_within(std::time::Duration::ZERO));
    write_whole(&released, "");
    assert_eq!(slow.receive().expect("it is finished").body, "whole");
    assert!(leaving.ends_within(DEADLINE));
    all_is_well(&emperor, &blog);
}

#[test]
fn a_replacement_that_fails_never_reduces_what_serves() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "lazy-apps = true\nmax-requests = 10", &hello("x"));
    let address = emperor.address(&blog);
    let worker = emperor.workers(&blog)[0];
    write_python(&blog.app, "raise RuntimeError('no database')");
    let load = Load::on(&address);
    emperor.heard_times(&blog, "worker-exited", &[("expected", json!(false))], 4);
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["workers"][0]["pid"]),
        (&json!("ready"), &json!(worker))
    );
    let error = &status["error"];
    assert_eq!(
        (&error["kind"], &error["generation"]),
        (&json!("import"), &json!(1))
    );
    let message = text(error, "message");
    assert!(
        message.starts_with(
            "worker 1 keeps failing: RuntimeError: no database; it is tried again in "
        ),
        "{message}"
    );
    assert!(
        text(error, "detail").contains("app.py\", line 1"),
        "{error}"
    );
    assert_eq!(emperor.count(&blog, "worker-retiring"), 1);
    write_python(&blog.app, &hello("x"));
    let exited = emperor.heard(&blog, "worker-exited", &[("pid", json!(worker))]);
    assert_eq!(exited["expected"], true);
    let (failures, asked) = load.stop();
    assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
}

#[test]
fn a_worker_of_too_many_addresses_is_replaced_after_a_request() {
    let emperor = Emperor::start();
    let widen = "kept.append(mmap.mmap(-1, 4 << 30, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ))";
    let code = "import mmap\nkept = []\n".to_owned()
        + &answering(&format!(
            "environ['PATH_INFO'] == '/widen' and {widen} or os.getpid()"
        ));
    let blog = emperor.serve("blog", "reload-on-as = \"3G\"", &code);
    let address = emperor.address(&blog);
    let narrow = get(&address, "/");
    assert_eq!(get(&address, "/widen"), narrow);
    while emperor.count(&blog, "worker-retiring") == 0 {
        get(&address, "/");
    }
    let retired = emperor.heard(&blog, "worker-retiring", &[]);
    assert_eq!(retired["pid"].to_string(), narrow);
    let reason = text(&retired, "reason");
    assert!(
        reason.starts_with("`reload-on-as`: ") && reason.ends_with(" MiB of addresses"),
        "{reason}"
    );
    emperor.heard(&blog, "worker-exited", &[("pid", retired["pid"].clone())]);
    assert_ne!(get(&address, "/"), narrow);
    all_is_well(&emperor, &blog);
}

#[test]
fn a_worker_that_grows_within_a_request_is_ended_by_its_master() {
    for (option, code) in [
        (
            "evil-reload-on-rss = \"80M\"",
            "kept.append(b'x' * (96 << 20))",
        ),
        (
            "evil-reload-on-as = \"3G\"",
            "kept.append(mmap.mmap(-1, 4 << 30, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ))",
        ),
    ] {
        let emperor = Emperor::start();
        let code = format!(
            "import mmap, threading\nkept = []\ndef stay():\n    {code}\n    threading.Event().wait()\n"
        ) + &answering("environ['PATH_INFO'] == '/stay' and stay() or os.getpid()");
        let blog = emperor.serve("blog", option, &code);
        let address = emperor.address(&blog);
        let first = get(&address, "/");
        let mut client = connect(&address).expect("it listens");
        client
            .send(b"GET /stay HTTP/1.1\r\nHost: x\r\n\r\n")
            .expect("it is up");
        let retired = emperor.heard(&blog, "worker-retiring", &[]);
        assert_eq!(retired["pid"].to_string(), first);
        let name = option.split(' ').next().expect("it has a name");
        let reason = text(&retired, "reason");
        assert!(reason.starts_with(&format!("`{name}`: ")), "{reason}");
        let exited = emperor.heard(&blog, "worker-exited", &[("pid", retired["pid"].clone())]);
        assert_eq!(exited["expected"], json!(false));
        // The request that it was in is lost, and nothing else.
        assert!(client.receive().is_err());
        assert_ne!(get(&address, "/"), first);
    }
}

#[test]
fn a_worker_is_replaced_after_an_exception_that_is_named() {
    let emperor = Emperor::start();
    let code = answering(
        "environ['PATH_INFO'] == '/key' and {}['x'] \
         or environ['PATH_INFO'] == '/value' and int('x') or os.getpid()",
    );
    let options = "reload-on-exception-type = \"ValueError\"";
    let blog = emperor.serve("blog", options, &code);
    let address = emperor.address(&blog);
    let first = get(&address, "/");
    // Another exception is none of its business.
    for path in ["/key", "/value"] {
        assert_eq!(try_get(&address, path).expect("it is up").status, 500);
    }
    let retired = emperor.heard(&blog, "worker-retiring", &[]);
    assert_eq!(
        (&retired["pid"].to_string(), text(&retired, "reason")),
        (&first, "`reload-on-exception`: the app raised one")
    );
    emperor.heard(&blog, "worker-exited", &[("pid", retired["pid"].clone())]);
    assert_ne!(get(&address, "/"), first);
    assert_eq!(emperor.count(&blog, "worker-retiring"), 1);
    all_is_well(&emperor, &blog);
}
