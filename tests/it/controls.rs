//! Signals to the master, and letters in its fifo.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use rustix::process::Signal;

use crate::harness::{Emperor, answering, connect, get, hello, signal};

/// What `echo letters > fifo` does.
fn write(fifo: &Path, letters: &str) {
    let mut file = File::options()
        .write(true)
        .open(fifo)
        .expect("somebody reads it");
    file.write_all(letters.as_bytes())
        .expect("it takes letters");
}

#[test]
fn signals_to_the_pid_file_do_what_they_did() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.pid");
    let blog = emperor.serve("blog", &format!("pidfile = {path:?}"), &hello("x"));
    let pid = || {
        fs::read_to_string(&path)
            .expect("it is there")
            .trim()
            .parse::<u32>()
            .expect("a number")
    };
    let first = pid();
    signal(first, Signal::USR1);
    emperor.printed(&blog, |line| line.contains("worker 1 (pid ").then_some(()));
    signal(first, Signal::HUP);
    assert_eq!(emperor.replaced(&blog, 1), 2);
    let second = pid();
    assert_ne!(first, second);
    assert_eq!(emperor.get(&blog), "x");
    // It leaves politely, and the emperor starts another.
    signal(second, Signal::QUIT);
    assert_eq!(emperor.replaced(&blog, 2), 3);
    signal(pid(), Signal::INT);
    assert_eq!(emperor.replaced(&blog, 3), 4);
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn workers_have_the_signals_that_python_and_the_app_gave_them() {
    let emperor = Emperor::start();
    let code = format!(
        "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: print('mine', flush=True))\n{}",
        answering(
            "[signal.getsignal(getattr(signal, 'SIG' + name)) for name in ('HUP', 'USR2', 'INT', 'TERM', 'QUIT', 'TSTP')]"
        )
    );
    let blog = emperor.serve("blog", "", &code);
    let told = emperor.get(&blog);
    // A shell that has started this in the background has some ignored.
    let untaken = told.matches("SIG_DFL").count() + told.matches("SIG_IGN").count();
    assert_eq!(untaken, 5, "{told}");
    assert!(told.contains("default_int_handler"), "{told}");
    let worker = emperor.workers(&blog)[0];
    signal(worker, Signal::USR1);
    emperor.printed(&blog, |line| line.contains("mine").then_some(()));
    signal(emperor.master(&blog), Signal::USR2);
    emperor.printed(&blog, |line| line.contains("worker 1 (pid ").then_some(()));
}

#[test]
fn connections_wait_while_the_vassal_is_paused() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let address = emperor.address(&blog);
    let master = emperor.master(&blog);
    // One that is there already is served on.
    let mut before = connect(&address).expect("it listens");
    assert_eq!(before.get("/").expect("it answers").body, "x");
    signal(master, Signal::TSTP);
    emperor.printed(&blog, |line| line.contains("lictor: paused").then_some(()));
    assert_eq!(before.get("/").expect("it answers").body, "x");
    let waiting = std::thread::spawn({
        let address = address.clone();
        move || get(&address, "/")
    });
    // Its worker is awake, and had all occasion to take the other one.
    for _ in 0..50 {
        assert_eq!(before.get("/").expect("it answers").body, "x");
    }
    assert!(!waiting.is_finished());
    signal(master, Signal::TSTP);
    emperor.printed(&blog, |line| line.contains("lictor: resumed").then_some(()));
    assert_eq!(waiting.join().expect("it answers"), "x");
}

#[test]
fn letters_in_the_fifo_are_orders() {
    let emperor = Emperor::start();
    let (first, second) = (emperor.at("first"), emperor.at("second"));
    let options = format!("master-fifo = [{first:?}, {second:?}]");
    let blog = emperor.serve("blog", &options, &hello("x"));
    // It is made once the generation serves, which is told before.
    write(&made(&first), "s\n");
    emperor.printed(&blog, |line| line.contains("worker 1 (pid ").then_some(()));
    let metadata = fs::metadata(&first).expect("it is there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    write(&first, "+7");
    emperor.printed(&blog, |line| {
        line.contains("`+` of `master-fifo`: `+` and `-` need `cheaper`")
            .then_some(())
    });
    emperor.printed(&blog, |line| {
        line.contains("there are 2 fifos, counted from 0")
            .then_some(())
    });
    write(&first, "1");
    write(&made(&second), "r");
    assert_eq!(emperor.replaced(&blog, 1), 2);
    // The next generation begins with the first again.
    write(&first, "w");
    assert_eq!(emperor.replaced(&blog, 2), 3);
    write(&first, "q");
    emperor.heard(&blog, "master-exited", &[("generation", 3.into())]);
    assert_eq!(emperor.state_of(&blog), "stopped");
    assert!(first.exists(), "it stays for the next generation");
}

/// Waits until a fifo is there.
fn made(path: &Path) -> std::path::PathBuf {
    let is_fifo = || fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo());
    let until = std::time::Instant::now() + crate::harness::DEADLINE;
    while !is_fifo() {
        assert!(
            std::time::Instant::now() < until,
            "{} is not made",
            path.display()
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    path.to_owned()
}

#[test]
fn what_is_no_fifo_is_left_alone() {
    let emperor = Emperor::start();
    let path = emperor.at("precious");
    fs::write(&path, "text").expect("it is ours");
    let blog = emperor.serve("blog", &format!("master-fifo = {path:?}"), &hello("x"));
    emperor.printed(&blog, |line| {
        line.contains("something is there that is no fifo")
            .then_some(())
    });
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "text");
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn letters_say_how_many_workers_there_are() {
    let emperor = Emperor::start();
    let fifo = emperor.at("fifo");
    let options =
        format!("master-fifo = {fifo:?}\nprocesses = 3\ncheaper = 1\ncheaper-algo = \"manual\"");
    let blog = emperor.serve("blog", &options, &hello("x"));
    let fifo = made(&fifo);
    let scaled = |workers: u32, times: usize| {
        let fields = [("workers", workers.into())];
        emperor.heard_times(&blog, "generation-scaled", &fields, times);
    };
    write(&fifo, "+");
    scaled(2, 1);
    write(&fifo, "+");
    scaled(3, 1);
    emperor.heard_times(&blog, "worker-ready", &[], 3);
    write(&fifo, "+");
    emperor.printed(&blog, |line| {
        line.contains("as many workers as `processes` says")
            .then_some(())
    });
    write(&fifo, "-");
    scaled(2, 2);
    // None of them is left before somebody asks.
    write(&fifo, "C");
    scaled(0, 1);
    assert_eq!(emperor.get(&blog), "x");
    scaled(1, 1);
    write(&fifo, "-");
    emperor.printed(&blog, |line| {
        line.contains("as few workers as `cheaper` says")
            .then_some(())
    });
}

#[test]
fn letters_reopen_and_rotate_the_log() {
    let emperor = Emperor::start();
    let (fifo, log) = (emperor.at("fifo"), emperor.at("logs/blog.log"));
    fs::create_dir_all(emperor.at("logs")).expect("it is ours");
    let options =
        format!("master-fifo = {fifo:?}\nlogto = {log:?}\nlog-master = true\nlog-maxsize = \"1G\"");
    let code = "print('imported', flush=True)\n".to_owned() + &hello("x");
    let blog = emperor.serve("blog", &options, &code);
    let fifo = made(&fifo);
    let comes_to = |what: &str, is_so: &dyn Fn() -> bool| {
        let until = std::time::Instant::now() + crate::harness::DEADLINE;
        while !is_so() {
            assert!(std::time::Instant::now() < until, "{what}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    comes_to("it is written", &|| log.exists());
    let moved = emperor.at("logs/moved");
    fs::rename(&log, &moved).expect("it is ours");
    write(&fifo, "ls");
    comes_to("it is made anew", &|| {
        fs::read_to_string(&log).is_ok_and(|text| text.contains("worker 1 (pid "))
    });
    write(&fifo, "L");
    comes_to("it is put aside", &|| {
        let files = fs::read_dir(emperor.at("logs")).expect("it is there");
        files.count() >= 3 || !log.exists()
    });
    assert_eq!(emperor.get(&blog), "x");
}
