//! `lictor upgrade`: the emperor becomes another program, the vassals do not notice.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{
    Emperor, Setup, Vassal, connect, hello, install_lictor, install_text, slow, try_get,
};

/// Asks one vassal on and on; gives what failed.
struct Client {
    is_over: Arc<AtomicBool>,
    asking: JoinHandle<(Vec<String>, u64)>,
}

impl Client {
    fn of(address: &str) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let (over, address) = (Arc::clone(&is_over), address.to_owned());
        let asking = std::thread::spawn(move || {
            let (mut failures, mut asked) = (Vec::new(), 0);
            while !over.load(Ordering::Relaxed) && failures.len() < 5 {
                asked += 1;
                match try_get(&address, "/") {
                    Ok(answer) if answer.status == 200 => {}
                    Ok(answer) => failures.push(answer.status.to_string()),
                    Err(error) => failures.push(error.to_string()),
                }
            }
            (failures, asked)
        });
        Self { is_over, asking }
    }

    #[track_caller]
    fn nothing_failed(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let (failures, asked) = self.asking.join().expect("a client does not panic");
        assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
        assert!(asked > 10, "{asked}");
    }
}

/// Master and workers.
fn processes(emperor: &Emperor, vassal: &Vassal) -> (u32, Vec<u32>) {
    (emperor.master(vassal), emperor.workers(vassal))
}

/// Puts a program in the place of the emperor's.
fn install(emperor: &Emperor, text: &str) {
    install_text(&emperor.program(), text);
}

fn install_again(emperor: &Emperor) {
    install_lictor(&emperor.program());
}

#[test]
fn an_upgrade_keeps_the_pid_and_every_vassal_as_it_is() {
    let mut emperor = Setup::new().own_program().start();
    let blog = emperor.serve("blog", "processes = 2", &hello("blog"));
    let path = emperor.at("shop.sock").display().to_string();
    let shop = emperor.serve("shop", &format!("http = {path:?}"), &hello("shop"));
    let still = emperor.serve("still", "", &hello("still"));
    emperor
        .lictor(&["stop", "--wait", &still.name])
        .with_code(0);
    let broken = emperor.add("broken", "", "import nowhere");
    emperor.failed_after(&broken, 0);
    let waiting = emperor.address(&broken);
    let queued = connect(&waiting).expect("its socket is there");
    let (pid, before) = (emperor.pid(), processes(&emperor, &blog));
    let clients = [Client::of(&emperor.address(&blog)), Client::of(&path)];
    for upgrades in 1..=3 {
        install_again(&emperor);
        let ran = emperor.lictor(&["upgrade"]).with_code(0);
        assert!(ran.stdout.starts_with("upgraded from "), "{}", ran.stdout);
        emperor.follow_anew();
        assert_eq!(emperor.status()["emperor"]["upgrades"], json!(upgrades));
        assert_eq!(emperor.status()["emperor"]["pid"], json!(pid));
        emperor.heard(&blog, "generation-adopted", &[]);
        emperor.heard(&shop, "generation-adopted", &[]);
    }
    clients.into_iter().for_each(Client::nothing_failed);
    assert_eq!(processes(&emperor, &blog), before);
    assert_eq!(emperor.addresses(&shop), [path]);
    assert_eq!(emperor.state_of(&still), "stopped");
    assert_eq!(emperor.addresses(&broken), [waiting]);
    // What waited at a vassal that could not start is answered once it can.
    let mut queued = queued;
    emperor.deploy(&broken, &hello("mended"));
    emperor.ready_after(&broken, 0);
    assert_eq!(queued.get("/").expect("it was kept").body, "mended");
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn sigusr2_upgrades_in_the_middle_of_a_request() {
    let mut emperor = Setup::new().own_program().start();
    let blog = emperor.serve("blog", "", &slow("whole"));
    let mut request = emperor.begin(&blog);
    install_again(&emperor);
    emperor.signal(Signal::USR2);
    emperor.log().wait("the new program is ready", |line| {
        line.as_str()?
            .contains("generation 1: adopted")
            .then_some(())
    });
    emperor.follow_anew();
    assert_eq!(request.receive().expect("it goes on").body, "whole");
    assert_eq!(emperor.status()["emperor"]["upgrades"], json!(1));
}

#[track_caller]
fn is_refused(emperor: &Emperor, blog: &Vassal, reason: &str) {
    let before = processes(emperor, blog);
    let ran = emperor.lictor(&["upgrade"]).with_code(1);
    assert!(ran.stderr.contains(reason), "{}", ran.stderr);
    assert!(ran.stderr.contains("goes on"), "{}", ran.stderr);
    assert_eq!(emperor.status()["emperor"]["upgrades"], json!(0));
    let failure = emperor.status()["emperor"]["upgrade_failure"].clone();
    assert!(
        failure.as_str().is_some_and(|text| text.contains(reason)),
        "{failure}"
    );
    assert_eq!(processes(emperor, blog), before);
    assert_eq!(emperor.get(blog), "blog");
}

#[test]
fn a_new_binary_that_cannot_start_leaves_the_old_emperor_as_it_is() {
    let emperor = Setup::new().own_program().start();
    let blog = emperor.serve("blog", "", &hello("blog"));
    install(&emperor, "not a program");
    is_refused(&emperor, &blog, "could not be executed");
    install(&emperor, "#!/bin/sh\necho no libc here >&2\nexit 3\n");
    is_refused(&emperor, &blog, "no libc here");
    install(&emperor, "#!/bin/sh\necho hello\n");
    is_refused(&emperor, &blog, "not a lictor");
    let older = r#"{"version":"0.0.9","protocol":0,"records":1,"inheritance":1}"#;
    install(&emperor, &format!("#!/bin/sh\necho '{older}'\n"));
    is_refused(&emperor, &blog, "version 0.0.9 cannot take over");
    fs::remove_file(emperor.program()).expect("it is there");
    is_refused(&emperor, &blog, "could not be executed");
    // And what works, works afterwards.
    install_again(&emperor);
    emperor.lictor(&["upgrade"]).with_code(0);
    assert_eq!(emperor.status()["emperor"]["upgrade_failure"], Value::Null);
}

/// A program that says it can take over, and then cannot.
fn liar(real: &Path) -> String {
    let real = real.display();
    format!(
        "#!/bin/sh\nif [ \"$1\" = __upgrade-check ]; then exec {real} \"$@\"; fi\n\
         exec {real} emperor --no-such-flag\n"
    )
}

#[test]
fn a_new_program_that_fails_after_all_gives_way_to_the_old_one() {
    let mut emperor = Setup::new().own_program().start();
    let blog = emperor.serve("blog", "", &hello("blog"));
    let before = processes(&emperor, &blog);
    let pid = emperor.pid();
    install(&emperor, &liar(Path::new(env!("CARGO_BIN_EXE_lictor"))));
    let ran = emperor.lictor(&["upgrade"]).with_code(1);
    assert!(ran.stderr.contains("not upgraded"), "{}", ran.stderr);
    emperor.follow_anew();
    emperor.heard(&blog, "generation-adopted", &[]);
    assert_eq!(emperor.status()["emperor"]["pid"], json!(pid));
    assert_eq!(processes(&emperor, &blog), before);
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn nothing_is_upgraded_while_a_vassal_would_not_be_found_again() {
    let mut emperor = Setup::new().own_program().start();
    let blog = emperor.serve("blog", "", &hello("blog"));
    // As on a file system that is full: nothing can be written, neither new nor over the old.
    let records = emperor.at("run/vassals").join(&blog.name);
    let [fresh, place] = [".record.new", "record.json"].map(|name| records.join(name));
    fs::create_dir(&fresh).expect("it is not there");
    fs::remove_file(&place).expect("it is there");
    fs::create_dir(&place).expect("it is there no more");
    emperor.touch(&blog.file);
    emperor.replaced(&blog, 1);
    is_refused(&emperor, &blog, "make room in the run directory");
    fs::remove_dir(&fresh).expect("it is empty");
    fs::remove_dir(&place).expect("it is empty");
    let before = processes(&emperor, &blog);
    emperor.lictor(&["upgrade"]).with_code(0);
    emperor.follow_anew();
    emperor.heard(&blog, "generation-adopted", &[]);
    assert_eq!(processes(&emperor, &blog), before);
}
