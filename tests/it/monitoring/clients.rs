//! Programs for uWSGI as they are on `PyPI`.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};

use super::{APP, address};
use crate::harness::{Emperor, Setup, free_port, get, pythons, try_get};
use crate::real_apps::virtualenvs::{Packages, run_in, with_packages};

const UWSGITOP: Packages = Packages {
    name: "uwsgitop",
    version: "0.12",
};
const EXPORTER: Packages = Packages {
    name: "uwsgi-exporter",
    version: "0.1.4",
};

/// Runs a program in a terminal of its own until it shows all the texts, then types `q`.
const TERMINAL: &str = r"
import fcntl, os, pty, select, struct, sys, termios, time
program, address, *texts = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ['TERM'] = 'xterm'
    os.execv(sys.executable, [sys.executable, program, address])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 200, 0, 0))
shown, until = b'', time.monotonic() + 50
try:
    while time.monotonic() < until:
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 65536)
        if all(text.encode() in shown for text in texts):
            os.write(terminal, b'q')
            print('all are shown')
            break
    else:
        print('not shown', texts, shown)
except OSError as error:
    print('it has ended', error, shown)
os.kill(pid, 9)
os.waitpid(pid, 0)
";

/// Whether `uwsgitop` shows these texts.
#[track_caller]
fn top_shows(emperor: &Emperor, address: &str, texts: &[&str]) {
    let place = with_packages(&pythons()[0], &UWSGITOP);
    let script = emperor.at("terminal.py");
    fs::write(&script, TERMINAL).expect("it is ours");
    let program = place.join("bin/uwsgitop").display().to_string();
    let script = script.display().to_string();
    let mut arguments = vec![script.as_str(), &program, address];
    arguments.extend(texts);
    let said = run_in(&place, &emperor.at(""), &arguments, &[]);
    assert_eq!(said, "all are shown");
}

#[test]
fn uwsgitop_shows_live_workers() {
    let emperor = Emperor::start();
    let path = emperor.at("stats.sock").display().to_string();
    let options = format!("processes = 2\nstats = [{path:?}, \"127.0.0.1:0\"]");
    let blog = emperor.serve("blog", &options, APP);
    for _ in 0..5 {
        get(&address(&emperor, &blog, "http"), "/");
    }
    let mut texts: Vec<String> = emperor.workers(&blog).iter().map(u32::to_string).collect();
    texts.extend(["req: 5".to_owned(), "idle".to_owned()]);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    top_shows(&emperor, &path, &texts);
    let status = emperor.status_of(&blog);
    let sockets = status["sockets"].as_array().expect("a list").iter();
    let mut addresses = sockets.filter_map(|socket| socket["address"].as_str());
    let tcp =
        addresses.rfind(|it| it.starts_with("127") && *it != address(&emperor, &blog, "http"));
    top_shows(&emperor, tcp.expect("another port"), &texts);
}

#[test]
fn uwsgitop_shows_an_emperor() {
    let setup = Setup::new();
    let path = setup.at("stats.sock").display().to_string();
    let emperor = setup.flags(&["--stats", &path]).start();
    let blog = emperor.serve("blog", "", APP);
    let id = format!("{}.toml", blog.name);
    let master = emperor.master(&blog).to_string();
    top_shows(&emperor, &path, &["emperor:", &id, &master]);
}

/// Ended with the test.
struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn an_exporter_reads_it() {
    let emperor = Emperor::start();
    let options = "http = \"127.0.0.1:0\"\nstats = \"127.0.0.1:0\"\nstats-http = true";
    let blog = emperor.serve("blog", options, APP);
    for _ in 0..3 {
        get(&address(&emperor, &blog, "http"), "/");
    }
    let place = with_packages(&pythons()[0], &EXPORTER);
    let stats = format!("http://{}/", address(&emperor, &blog, "stats"));
    let port = free_port();
    let exporter = Command::new(place.join("bin/python"))
        .arg(place.join("bin/uwsgi_exporter.py"))
        .args(["--stats_addr", &stats, "--bind_address", "127.0.0.1"])
        .args(["--bind_port", &port.to_string()])
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the exporter can be run");
    let mut exporter = Exporter(exporter);
    let text = loop {
        if let Ok(answer) = try_get(&format!("127.0.0.1:{port}"), "/metrics") {
            assert_eq!(answer.status, 200, "{answer:?}");
            break answer.body;
        }
        if exporter.0.try_wait().expect("it is a child").is_some() {
            let mut said = String::new();
            drop(
                exporter
                    .0
                    .stderr
                    .take()
                    .expect("a pipe")
                    .read_to_string(&mut said),
            );
            panic!("the exporter has ended: {said}");
        }
        std::thread::yield_now();
    };
    let sample = "uwsgi_workers_requests{worker=\"1\"} 3.0";
    assert!(text.lines().any(|line| line == sample), "{text}");
}
