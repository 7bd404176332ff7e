//! Under a service manager: what it is told by `sd_notify(3)`, the sockets that it keeps, the unit.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{
    DEADLINE, Emperor, ServiceManager, Setup, Watched, answering, connect, get, hello,
    install_text, lictor, run, signal, write_python, write_whole,
};

/// A service manager at a path, and a setup that knows it.
fn managed() -> (ServiceManager, Setup) {
    let setup = Setup::new();
    let path = setup.at("notify.sock");
    let manager = ServiceManager::at(&path);
    let setup = setup.variable("NOTIFY_SOCKET", &path.display().to_string());
    (manager, setup)
}

/// Microseconds of the clock that `MONOTONIC_USEC` means.
fn monotonic() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

#[test]
fn the_manager_hears_of_readiness_and_how_the_vassals_are() {
    let (manager, setup) = managed();
    let emperor = setup.start();
    manager.hears(0, "READY=1");
    let empty = manager.hears(0, "STATUS=no vassals").number;
    let blog = emperor.serve("blog", "", &hello("x"));
    let well = manager.hears(empty, "STATUS=1 vassal: 1 ready").number;
    emperor.deploy(&blog, "import nothing_of_that_name");
    emperor.failed_after(&blog, 1);
    let line = format!("STATUS=1 vassal: 1 degraded ({})", blog.name);
    let ill = manager.hears(well, &line).number;
    fs::remove_file(&blog.file).expect("it is there");
    manager.hears(ill, "STATUS=no vassals");
    let heard = manager.heard();
    let count = |line: &str| {
        let has_it = |lines: &Vec<String>| lines.iter().any(|known| known == line);
        heard.iter().filter(|notice| has_it(&notice.lines)).count()
    };
    assert_eq!(count("READY=1"), 1);
    assert_eq!(count("STATUS=1 vassal: 1 ready"), 1, "{heard:?}");
}

#[test]
fn a_reload_begins_and_ends() {
    let (manager, setup) = managed();
    let emperor = setup.start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let ready = manager.hears(0, "READY=1").number;
    let before = monotonic();
    emperor.signal(Signal::HUP);
    let reloading = manager.hears(ready, "RELOADING=1");
    manager.hears(reloading.number, "READY=1");
    let at: i64 = reloading
        .value("MONOTONIC_USEC")
        .and_then(|value| value.parse().ok())
        .expect("it says when");
    assert!((before..=monotonic()).contains(&at), "{before} {at}");
    emperor.replaced(&blog, 1);
}

#[test]
fn a_stop_is_told_with_the_time_that_it_may_take() {
    let (manager, setup) = managed();
    let emperor = setup.start();
    emperor.serve("quick", "reload-mercy = 5", &hello("x"));
    emperor.serve("patient", "reload-mercy = 500", &hello("x"));
    assert!(emperor.stop().success());
    let stopping = manager.hears(0, "STOPPING=1");
    assert_eq!(stopping.value("EXTEND_TIMEOUT_USEC"), Some("520000000"));
}

#[test]
fn the_watchdog_hears_from_a_loop_that_turns() {
    let setup = Setup::new();
    let name = setup.name("notify");
    let manager = ServiceManager::named(&name);
    let emperor = setup
        .variable("NOTIFY_SOCKET", &format!("@{name}"))
        .variable("WATCHDOG_USEC", "200000")
        .start();
    let mut last = 0;
    let start = monotonic();
    for _ in 0..5 {
        last = manager.hears(last, "WATCHDOG=1").number;
    }
    // Five pings a tenth of a second apart, the first at once.
    assert!(monotonic() - start > 250_000, "they come too often");
    assert!(emperor.stop().success());
}

#[test]
fn the_watchdog_of_another_process_is_none() {
    let (manager, setup) = managed();
    let emperor = setup
        .variable("WATCHDOG_USEC", "2000")
        .variable("WATCHDOG_PID", "1")
        .start();
    emperor.serve("blog", "", &hello("x"));
    manager.hears(0, "STATUS=1 vassal: 1 ready");
    let pings = manager.heard();
    assert!(
        pings
            .iter()
            .all(|notice| notice.value("WATCHDOG").is_none()),
        "{pings:?}"
    );
}

#[test]
fn a_manager_that_does_not_read_holds_nobody_up() {
    let setup = Setup::new();
    let path = setup.at("notify.sock");
    let unread = UnixDatagram::bind(&path).expect("it is ours");
    let filler = UnixDatagram::unbound().expect("a socket can be made");
    filler.set_nonblocking(true).expect("it is ours");
    while filler.send_to(b"FILLER=1", &path).is_ok() {}
    let emperor = setup
        .variable("NOTIFY_SOCKET", &path.display().to_string())
        .variable("WATCHDOG_USEC", "10000")
        .start();
    let address = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {address:?}"), &hello("old"));
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "new");
    let manager = ServiceManager::of(unread);
    manager.hears(0, "READY=1");
    manager.hears(0, "STATUS=1 vassal: 1 ready");
    let name = manager.is_given(0, "blog.sock");
    // Of the pings that were due meanwhile only the last one waited, behind all that is older.
    let heard = manager.heard();
    let before = heard
        .iter()
        .take_while(|notice| notice.value("FDSTORE").is_none());
    let pings = before.filter(|notice| notice.value("WATCHDOG").is_some());
    assert_eq!(pings.count(), 0, "{heard:?}");
    assert!(emperor.stop().success());
    manager.hears(0, "STOPPING=1");
    manager.lets_go(&name);
}

#[test]
fn a_manager_that_went_away_is_found_again() {
    let setup = Setup::new();
    let path = setup.at("notify.sock");
    let value = path.display().to_string();
    let emperor = setup.variable("NOTIFY_SOCKET", &value).start();
    emperor.log().wait("nobody is there", |line| {
        line.as_str()?
            .contains("nobody reads at `NOTIFY_SOCKET`")
            .then_some(())
    });
    let first = ServiceManager::at(&path);
    emperor.serve("one", "", &hello("x"));
    first.hears(0, "READY=1");
    first.hears(0, "STATUS=1 vassal: 1 ready");
    drop(first);
    fs::remove_file(&path).expect("it is ours");
    let second = ServiceManager::at(&path);
    emperor.serve("two", "", &hello("x"));
    second.hears(0, "STATUS=2 vassals: 2 ready");
}

#[test]
fn a_single_app_is_ready_when_it_serves_and_inherits_nothing_of_the_manager() {
    let (manager, setup) = managed();
    let app = setup.at("app.py");
    let own = "('NOTIFY', 'WATCHDOG', 'LISTEN', 'FDSTORE', 'SEEN')";
    let code = answering(&format!(
        "sorted(key for key in os.environ if key.split('_')[0] in {own})"
    ));
    // Whoever is told too early finds an app that is being imported.
    write_python(&app, &format!("{code}time.sleep(0.5)\n"));
    let emperor = setup
        .variable("WATCHDOG_USEC", "60000000")
        .variable("LISTEN_FDS", "0")
        .variable("LISTEN_FDNAMES", "")
        .variable("LISTEN_PID", "1")
        .variable("FDSTORE", "16")
        .variable("SEEN", "1")
        .serve(&["app", "--http", "127.0.0.1:0"]);
    manager.hears(0, "READY=1");
    let status = emperor.status();
    assert_eq!(status["vassals"][0]["state"], "ready");
    let address = status["vassals"][0]["sockets"][0]["address"]
        .as_str()
        .expect("it listens");
    assert_eq!(get(address, "/"), "['SEEN']");
}

/// The vassals of two emperors, of which the second comes after the first.
struct Land {
    directory: TempDir,
}

impl Land {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(directory.path().join("vassals")).expect("it is ours");
        Self { directory }
    }

    fn at(&self, path: &str) -> PathBuf {
        let root = self.directory.path().canonicalize();
        root.expect("it is there").join(path)
    }

    fn vassals(&self) -> String {
        self.at("vassals").display().to_string()
    }

    /// A vassal that answers with its own name.
    fn add(&self, name: &str, address: &str) {
        let app = self.at(name);
        write_python(&app.join("app.py"), &hello(name));
        let chdir = app.display();
        let options = format!("module = \"app\"\nchdir = \"{chdir}\"\nhttp = \"{address}\"\n");
        write_whole(&self.at("vassals").join(format!("{name}.toml")), &options);
    }
}

/// A port that nobody has.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    address.to_string()
}

fn waits_until_ready(emperor: &Emperor, name: &str) {
    emperor.events().wait(&format!("{name} serves"), |event| {
        let is_it = event["event"] == "generation-ready" && event["vassal"] == name;
        is_it.then_some(())
    });
}

/// Ends an emperor and every process of its vassals at once.
fn kill_all(emperor: Emperor) {
    let number = |value: &Value| u32::try_from(value.as_u64()?).ok();
    let status = emperor.status();
    let vassals = status["vassals"].as_array().expect("a list of vassals");
    let mut pids = Vec::new();
    for vassal in vassals {
        pids.extend(number(&vassal["pid"]));
        let workers = vassal["workers"].as_array().expect("a list of workers");
        pids.extend(workers.iter().filter_map(|worker| number(&worker["pid"])));
    }
    assert!(pids.len() >= 2 * vassals.len(), "{status}");
    // Stopped, it starts nothing in place of what ends.
    emperor.signal(Signal::STOP);
    let killed: Vec<Watched> = pids
        .into_iter()
        .map(|pid| signal(pid, Signal::KILL))
        .collect();
    emperor.signal(Signal::KILL);
    assert!(!emperor.ended().success());
    for process in killed {
        assert!(process.ends_within(DEADLINE));
    }
}

#[test]
fn nobody_is_refused_when_the_emperor_and_its_vassals_die_together() {
    let land = Land::new();
    let (tcp, unix) = (free_address(), land.at("unix.sock"));
    let path = unix.display().to_string();
    land.add("tcp", &tcp);
    land.add("unix", &path);
    let (manager, setup) = managed();
    let first = setup.sources(&[&land.vassals()]).start();
    waits_until_ready(&first, "tcp");
    waits_until_ready(&first, "unix");
    let port = tcp.rsplit(':').next().expect("it has a port");
    let names = [
        manager.is_given(0, &format!("127.0.0.1%3A{port}")),
        manager.is_given(0, &path),
    ];
    let inode = fs::metadata(&unix).expect("it is there").ino();
    kill_all(first);

    // Nothing runs: these clients wait at the sockets that the manager keeps.
    let mut clients = [&tcp, &path].map(|address| connect(address).expect("nobody is refused"));
    for client in &mut clients {
        client
            .send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            .expect("the kernel takes it");
    }
    let passed = names.iter().map(|name| (name.clone(), manager.take(name)));
    let passed: Vec<(String, OwnedFd)> = passed.collect();
    let (manager, setup) = managed();
    let second = setup.sources(&[&land.vassals()]).passing(passed).start();
    for (client, name) in clients.iter_mut().zip(["tcp", "unix"]) {
        assert_eq!(client.receive().expect("it is answered").body, name);
    }
    assert_eq!(fs::metadata(&unix).expect("it is there").ino(), inode);
    // They are kept already, under the same names, until their vassals go.
    for file in ["tcp.toml", "unix.toml"] {
        fs::remove_file(land.at("vassals").join(file)).expect("it is there");
    }
    for name in &names {
        manager.lets_go(name);
    }
    assert!(manager.kept().is_empty());
    assert!(!unix.exists());
    assert!(second.stop().success());
}

#[test]
fn what_comes_back_and_nobody_wants_is_closed() {
    let land = Land::new();
    let unix = land.at("unix.sock");
    let path = unix.display().to_string();
    land.add("unix", &path);
    let (manager, setup) = managed();
    let first = setup.sources(&[&land.vassals()]).start();
    waits_until_ready(&first, "unix");
    let name = manager.is_given(0, &path);
    kill_all(first);
    fs::remove_file(land.at("vassals/unix.toml")).expect("it is there");
    let foreign = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let passed = vec![
        (name.clone(), manager.take(&name)),
        ("web.socket".to_owned(), OwnedFd::from(foreign)),
    ];
    let (manager, setup) = managed();
    let second = setup.sources(&[&land.vassals()]).passing(passed).start();
    assert!(unix.exists(), "it waits for a vassal that is late");
    manager.lets_go(&name);
    assert!(!unix.exists());
    connect(&path).expect_err("nobody listens there any more");
    second.log().wait("the other one is named", |line| {
        line.as_str()?.contains("`web.socket`").then_some(())
    });
}

#[test]
fn a_socket_that_came_back_is_not_taken_for_another_one() {
    let land = Land::new();
    let unix = land.at("unix.sock");
    let path = unix.display().to_string();
    land.add("unix", &path);
    let (manager, setup) = managed();
    let first = setup.sources(&[&land.vassals()]).start();
    waits_until_ready(&first, "unix");
    let name = manager.is_given(0, &path);
    kill_all(first);
    // Its file is exchanged meanwhile: what is kept cannot be reached any more.
    fs::remove_file(&unix).expect("it is there");
    drop(std::os::unix::net::UnixListener::bind(&unix).expect("it is ours"));
    let passed = vec![(name.clone(), manager.take(&name))];
    let (manager, setup) = managed();
    let second = setup.sources(&[&land.vassals()]).passing(passed).start();
    manager.lets_go(&name);
    waits_until_ready(&second, "unix");
    assert_eq!(get(&path, "/"), "unix");
    // Under whatever name: the number of the exchanged file may have been given again.
    manager.is_given(0, &path);
}

#[test]
fn the_manager_keeps_each_socket_as_long_as_it_is_there() {
    let (manager, setup) = managed();
    let emperor = setup.start();
    let path = emperor.at("blog.sock");
    let with_mode = |mode: &str| format!("http = {path:?}\nchmod-socket = \"{mode}\"");
    let blog = emperor.serve("blog", &with_mode("600"), &hello("x"));
    let name = manager.is_given(0, "blog.sock");
    assert!(name.contains(";600;"), "{name}");
    let kept = manager.heard().len() as u64;
    emperor.deploy(&blog, &hello("y"));
    emperor.replaced(&blog, 1);
    assert_eq!(manager.kept(), [name.as_str()]);
    let heard = manager.heard();
    let stores = heard
        .iter()
        .filter(|notice| notice.value("FDSTORE").is_some());
    assert_eq!(stores.count(), 1, "a reload changes nothing of it");
    // The name says the mode, so that it is another one when that changes.
    write_whole(&blog.file, &Emperor::text_for(&blog, &with_mode("666")));
    let other = manager.is_given(kept, "blog.sock");
    assert!(other.contains(";666;"), "{other}");
    manager.lets_go(&name);
    emperor.ready_after(&blog, 2);
    assert_eq!(manager.kept(), [other.as_str()]);
    fs::remove_file(&blog.file).expect("it is there");
    manager.lets_go(&other);
    assert!(manager.kept().is_empty());
}

#[test]
fn what_the_manager_keeps_is_the_socket_that_listens() {
    let (manager, setup) = managed();
    let emperor = setup.start();
    let address = free_address();
    let blog = emperor.serve("blog", &format!("http = \"{address}\""), &hello("x"));
    let any = emperor.serve("any", "", &hello("x"));
    let port = address.rsplit(':').next().expect("it has a port");
    let name = manager.is_given(0, &format!("%3A{port}"));
    let kept = TcpListener::from(manager.take(&name));
    assert_eq!(kept.local_addr().expect("it is bound").to_string(), address);
    assert!(rustix::net::sockopt::socket_acceptconn(&kept).expect("it is a socket"));
    // Any port is another one each time: nothing could ask for this one again.
    manager.hears(0, "STATUS=2 vassals: 2 ready");
    assert!(manager.kept().is_empty(), "{:?}", manager.kept());
    assert_eq!(
        (emperor.get(&blog), emperor.get(&any)),
        ("x".into(), "x".into())
    );
}

#[test]
fn vassals_are_not_spared_for_the_emperor_when_memory_is_short() {
    let emperor = Emperor::start();
    let score = |pid: u32| PathBuf::from(format!("/proc/{pid}/oom_score_adj"));
    let score_of = |pid: u32| fs::read_to_string(score(pid)).expect("it is there");
    if let Err(error) = fs::write(score(emperor.pid()), "-500") {
        return eprintln!("skipped: only root with CAP_SYS_RESOURCE may protect: {error}");
    }
    let blog = emperor.serve("blog", "processes = 2", &hello("x"));
    assert_eq!(score_of(emperor.pid()).trim(), "-500");
    for pid in [emperor.workers(&blog), vec![emperor.master(&blog)]].concat() {
        assert_eq!(score_of(pid).trim(), "0");
    }
}

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(file)
}

/// The values of a setting in the unit.
fn of_unit(name: &str) -> Vec<String> {
    let text = fs::read_to_string(packaging("lictor.service")).expect("it is there");
    let values = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

#[test]
fn the_unit_starts_what_the_command_line_knows() {
    let start = of_unit("ExecStart");
    let [start] = start.as_slice() else {
        panic!("{start:?}")
    };
    let mut words = start.split(' ');
    assert_eq!(words.next(), Some("/usr/bin/lictor"));
    let command = words.next().expect("a command");
    let help = lictor(Path::new("/"), &[command, "--help"])
        .with_code(0)
        .stdout;
    for option in words.filter(|word| word.starts_with('-')) {
        assert!(help.contains(option), "{option}");
    }
    assert_eq!(of_unit("Type"), ["notify"]);
    assert_eq!(of_unit("KillMode"), ["process"]);
    assert_eq!(of_unit("ExecReload"), ["/bin/kill -HUP $MAINPID"]);
}

#[test]
fn the_example_of_the_package_is_good_and_serves() {
    let example = packaging("example");
    let path = example.display().to_string();
    lictor(Path::new("/"), &["check", &path]).with_code(0);
    let emperor = Setup::new().serve(&[&format!("{path}/hello/app.py"), "--http", "127.0.0.1:0"]);
    emperor.events().wait("it serves", |event| {
        (event["event"] == "generation-ready").then_some(())
    });
    let status = emperor.status();
    let address = status["vassals"][0]["sockets"][0]["address"].as_str();
    assert_eq!(get(address.expect("it listens"), "/"), "hello\n");
}

/// Runs the script of the package with programs that only note that they were called, `lictor`
/// ending with this code.
fn configure(code: i32, arguments: &[&str]) -> (String, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name);
    let script = fs::read_to_string(packaging("postinst-example.sh")).expect("it is there");
    let booted = script.replace("/run/systemd/system", "/");
    assert_ne!(script, booted);
    for (name, code) in [("lictor", code), ("systemctl", 0), ("systemd-tmpfiles", 0)] {
        let log = at("log").display().to_string();
        let text = format!("#!/bin/sh\necho {name} \"$@\" >> {log}\nexit {code}\n");
        install_text(&at(name), &text);
    }
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &booted, "postinst"])
        .args(arguments)
        .env("PATH", directory.path());
    let ran = run(command).with_code(0);
    let log = fs::read_to_string(at("log")).unwrap_or_default();
    (log, ran.stderr)
}

#[test]
fn the_script_of_the_package_upgrades_an_emperor_that_runs() {
    let (log, said) = configure(0, &["configure", "0.1.0"]);
    assert!(
        log.ends_with("systemctl daemon-reload\nlictor upgrade\n"),
        "{log}"
    );
    assert_eq!(said, "");
    // No emperor runs.
    assert_eq!(configure(69, &["configure", "0.1.0"]), (log, String::new()));
    let (_, said) = configure(1, &["configure", "0.1.0"]);
    assert!(said.contains("still runs version 0.1.0"), "{said}");
    let (log, _) = configure(0, &["configure", ""]);
    assert!(
        log.ends_with("systemctl enable --now lictor.service\n"),
        "{log}"
    );
    let (log, _) = configure(0, &["abort-upgrade", "0.1.0"]);
    assert_eq!(log, "");
}
