//! What happens to a vassal behind a web server: reloads, limits, a worker that hangs.

use serde_json::{Value, json};

use super::APP;
use super::front::{Behind, get};
use crate::harness::{Emperor, Load, Setup, connect, hello};

#[test]
fn a_reload_under_load_costs_no_request() {
    let behind = Behind::new("processes = 2", APP);
    let loads: Vec<Load> = (behind.fronts.iter().step_by(2))
        .map(|(_, address)| Load::on(address))
        .collect();
    let mut generation = 1;
    for _ in 0..3 {
        behind.emperor.touch(&behind.vassal.file);
        generation = behind.emperor.replaced(&behind.vassal, generation);
    }
    for load in loads {
        let (failures, asked) = load.stop();
        assert!(failures.is_empty(), "{failures:?}");
        assert!(asked > 10, "only {asked}");
    }
}

#[test]
fn recycled_workers_cost_no_request() {
    let behind = Behind::new("processes = 2\nthreads = 2\nmax-requests = 20", APP);
    let loads: Vec<Load> = (behind.fronts.iter())
        .map(|(_, address)| Load::on(address))
        .collect();
    (behind.emperor).heard_times(&behind.vassal, "worker-retiring", &[], 4);
    for load in loads {
        let (failures, asked) = load.stop();
        assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
    }
}

#[test]
fn an_overdue_request_is_an_error_and_its_worker_replaced() {
    let behind = Behind::new("harakiri = 1", APP);
    for (what, address) in behind.fronts.iter().step_by(2) {
        let answer = get(address, "/sleep");
        assert!([502, 504].contains(&answer.status), "{what} {answer:?}");
        assert_eq!(get(address, "/").body, "hello", "{what}");
    }
}

#[test]
fn status_says_what_is_spoken() {
    let behind = Behind::new("", APP);
    let status = behind.emperor.status_of(&behind.vassal);
    let sockets = status["sockets"].as_array().expect("a list");
    let count = |protocol: &str| {
        let of = |socket: &&Value| socket["protocol"] == json!(protocol);
        sockets.iter().filter(of).count()
    };
    assert_eq!(sockets.len(), 6, "{status:#}");
    for protocol in super::front::PROTOCOLS {
        assert_eq!(count(protocol), 2, "{status:#}");
    }
}

#[test]
fn ready_path_is_asked_where_only_web_servers_may_ask() {
    let emperor = Emperor::start();
    let options = "# without http =\nsocket = \"127.0.0.1:0\"\nready-path = \"/health\"";
    let blog = emperor.serve("blog", options, &hello("fine"));
    emperor.deploy(
        &blog,
        "def application(environ, start):\n    raise ValueError('ill')",
    );
    let failure = emperor.failed_after(&blog, 1);
    assert!(failure.message.contains("answered 500"), "{failure:?}");
}

#[test]
fn serve_speaks_uwsgi_at_socket() {
    let setup = Setup::new();
    crate::harness::write_python(&setup.at("app.py"), &hello("served"));
    let socket = setup.at("s").display().to_string();
    let emperor = setup.serve(&["app", "--socket", &socket]);
    let mut app = emperor.vassal("app");
    "app".clone_into(&mut app.name);
    emperor.ready_after(&app, 0);
    let mut connection = connect(&socket).expect("it listens");
    let packet = super::raw::uwsgi(&[("REQUEST_METHOD", "GET"), ("PATH_INFO", "/")], b"");
    connection.send(&packet).expect("it reads");
    assert_eq!(connection.receive().expect("it answers").body, "served");
}
