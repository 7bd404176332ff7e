//! Adoption believes nothing: neither a stale or damaged run directory, nor what calls itself a
//! master. None of it stops the emperor, holds it up, or reaches a neighbour or a stranger.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use lictor_core::config::Address;
use lictor_core::ipc::{Adopted, HandoverListener, MasterMessage, MasterPhase, knock};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::fake::{Fake, Manners, end_all, name_in_record, record_file, record_of};
use super::{Running, adopted, running};
use crate::harness::{DEADLINE, Emperor, Vassal, get, hello, signal, write_whole};

/// Two vassals whose emperor was killed: one to be tampered with, all of whose processes are gone,
/// and one that serves on beside it.
struct Orphaned {
    emperor: Emperor,
    blog: Vassal,
    neighbour: Vassal,
    undisturbed: Running,
}

impl Orphaned {
    #[track_caller]
    fn new() -> Self {
        let mut emperor = Emperor::start();
        let path = emperor.at("blog.sock").display().to_string();
        let options = format!("http = {path:?}\nreload-mercy = 0");
        let blog = emperor.serve("blog", &options, &hello("x"));
        let neighbour = emperor.serve("neighbour", "", &hello("undisturbed"));
        let undisturbed = running(&emperor, &neighbour);
        let all = [vec![emperor.master(&blog)], emperor.workers(&blog)].concat();
        emperor.kill9();
        end_all(&all);
        Self {
            emperor,
            blog,
            neighbour,
            undisturbed,
        }
    }

    /// Starts the next emperor, and looks whether it and the neighbour are as ever.
    #[track_caller]
    fn start_again(&mut self) {
        self.emperor.start_again();
        adopted(&self.emperor, &self.neighbour, &self.undisturbed);
        assert_eq!(self.emperor.get(&self.neighbour), "undisturbed");
    }

    /// The vassal itself serves again, started anew.
    #[track_caller]
    fn begins_anew(&self) {
        self.emperor.ready_after(&self.blog, 0);
        assert_eq!(self.emperor.get(&self.blog), "x");
        assert_eq!(self.emperor.state_of(&self.blog), "ready");
        assert_eq!(self.emperor.count(&self.blog, "generation-adopted"), 0);
    }
}

/// Somebody who has nothing to do with any of this.
struct Stranger(Child);

impl Stranger {
    #[track_caller]
    fn new() -> Self {
        let child = Command::new("sleep").arg("600").spawn();
        Self(child.expect("it can be run"))
    }

    /// Fails the test if somebody has ended it.
    #[track_caller]
    fn is_unharmed(&mut self) {
        assert_eq!(self.0.try_wait().expect("it is ours"), None);
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_process_that_has_the_number_of_a_master_now_is_left_alone() {
    let mut orphaned = Orphaned::new();
    let mut stranger = Stranger::new();
    let mut record = record_of(&orphaned.emperor, &orphaned.blog);
    // The number, and when the one that had it before was started.
    record["generations"][0]["pid"] = json!(stranger.0.id());
    let file = record_file(&orphaned.emperor, &orphaned.blog);
    write_whole(&file, &record.to_string());
    orphaned.start_again();
    orphaned.begins_anew();
    stranger.is_unharmed();
}

#[test]
fn a_process_that_a_forged_record_names_is_neither_adopted_nor_killed() {
    let mut orphaned = Orphaned::new();
    let mut stranger = Stranger::new();
    name_in_record(&orphaned.emperor, &orphaned.blog, stranger.0.id());
    orphaned.start_again();
    orphaned.begins_anew();
    assert!(orphaned.emperor.stop().success());
    stranger.is_unharmed();
}

#[test]
fn somebody_who_listens_in_the_place_of_a_master_is_not_believed() {
    let mut orphaned = Orphaned::new();
    let (emperor, blog) = (&orphaned.emperor, &orphaned.blog);
    let answer = json(&MasterMessage::Adopted(serving(emperor, blog)));
    let manners = Manners {
        answer: &answer,
        descriptors: "reading elsewhere",
        then: "stay",
    };
    let impostor = Fake::in_place_of(emperor, blog, manners);
    let mut stranger = Stranger::new();
    name_in_record(emperor, blog, stranger.0.id());
    orphaned.start_again();
    orphaned.begins_anew();
    stranger.is_unharmed();
    impostor.leaves_unharmed();
}

#[test]
fn records_of_another_boot_are_not_believed() {
    let mut orphaned = Orphaned::new();
    let mut stranger = Stranger::new();
    name_in_record(&orphaned.emperor, &orphaned.blog, stranger.0.id());
    let mut record = record_of(&orphaned.emperor, &orphaned.blog);
    record["boot_id"] = json!("f0f0f0f0-0000-4000-8000-000000000000");
    let file = record_file(&orphaned.emperor, &orphaned.blog);
    write_whole(&file, &record.to_string());
    orphaned.start_again();
    orphaned.begins_anew();
    stranger.is_unharmed();
}

#[test]
fn damaged_records_are_as_good_as_none() {
    type Damage = fn(&str) -> Vec<u8>;
    let ways: [(&str, Damage); 7] = [
        ("empty", |_| Vec::new()),
        ("garbage", |_| vec![0xff; 4096]),
        ("half", |text| text.as_bytes()[..text.len() / 2].to_vec()),
        ("list", |_| b"[1, 2, 3]".to_vec()),
        ("huge", |text| {
            format!("{text}{}", " ".repeat(5 << 20)).into_bytes()
        }),
        ("number", |text| {
            text.replace("\"pid\":", "\"pid\":-").into_bytes()
        }),
        ("later", |text| {
            text.replace("\"format\":1", "\"format\":99").into_bytes()
        }),
    ];
    let mut emperor = Emperor::start();
    let neighbour = emperor.serve("neighbour", "", &hello("undisturbed"));
    let undisturbed = running(&emperor, &neighbour);
    let vassals: Vec<Vassal> = ways
        .iter()
        .map(|(name, _)| emperor.serve(name, "", &hello(name)))
        .collect();
    let no_files = ["directory", "fifo"].map(|name| emperor.serve(name, "", &hello(name)));
    let all: Vec<u32> = vassals
        .iter()
        .chain(&no_files)
        .flat_map(|vassal| [vec![emperor.master(vassal)], emperor.workers(vassal)].concat())
        .collect();
    emperor.kill9();
    end_all(&all);
    for (vassal, (_, damage)) in vassals.iter().zip(ways) {
        let file = record_file(&emperor, vassal);
        let text = record_of(&emperor, vassal).to_string();
        let damaged = damage(&text);
        assert_ne!(damaged, text.as_bytes());
        fs::write(file, damaged).expect("it is ours");
    }
    for (number, vassal) in no_files.iter().enumerate() {
        let file = record_file(&emperor, vassal);
        fs::remove_file(&file).expect("it is there");
        if number == 0 {
            fs::create_dir(&file).expect("it is ours");
        } else {
            drop(crate::site::Gate::new(&file));
        }
    }
    stray_entries(&emperor.at("run/vassals"));
    emperor.start_again();
    adopted(&emperor, &neighbour, &undisturbed);
    for vassal in vassals.iter().chain(&no_files) {
        emperor.ready_after(vassal, 0);
        let name = vassal.name.rsplit('-').next().expect("it has a name");
        assert_eq!(emperor.get(vassal), name);
    }
}

/// What does not belong in the directory of records.
fn stray_entries(records: &std::path::Path) {
    fs::write(records.join("a file"), "x").expect("it is ours");
    fs::create_dir(records.join("an empty directory")).expect("it is ours");
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"no\xfftext");
    fs::create_dir(records.join(name)).expect("it is ours");
    std::os::unix::fs::symlink("/proc/self", records.join("a link")).expect("it is ours");
}

#[test]
fn a_master_that_is_mute_is_replaced_and_holds_nobody_up() {
    let mut emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("x"));
    let neighbour = emperor.serve("neighbour", "", &hello("undisturbed"));
    let undisturbed = running(&emperor, &neighbour);
    let master = emperor.master(&blog);
    emperor.kill9();
    let stopped = signal(master, Signal::STOP);
    emperor.start_again();
    adopted(&emperor, &neighbour, &undisturbed);
    // Its workers serve on until it is clear that it says nothing.
    assert_eq!(get(&path.display().to_string(), "/"), "x");
    emperor.heard(&blog, "master-exited", &[("pid", json!(master))]);
    assert!(stopped.ends_within(DEADLINE));
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.get(&blog), "x");
}

/// What a master that serves would say.
#[track_caller]
fn serving(emperor: &Emperor, vassal: &Vassal) -> Adopted {
    let record = record_of(emperor, vassal);
    let address = record["sockets"][0]["address"].clone();
    let address: Address = serde_json::from_value(address).expect("it is an address");
    Adopted {
        protocol: 1,
        phase: MasterPhase::Serving,
        python: "3.12.1".to_owned(),
        interface: "wsgi".to_owned(),
        has_output: true,
        has_counters: false,
        last_output: String::new(),
        dropped_lines: 0,
        listeners: vec![HandoverListener {
            protocol: "http".to_owned(),
            address,
            fd: None,
        }],
    }
}

fn json(message: &MasterMessage) -> String {
    serde_json::to_string(message).expect("it is JSON")
}

/// Puts a fake with these manners in the place of the master, and waits until it has been ended and
/// the vassal serves anew.
#[track_caller]
fn is_replaced(answer: impl Fn(Adopted) -> String) {
    let mut orphaned = Orphaned::new();
    let (emperor, blog) = (&orphaned.emperor, &orphaned.blog);
    let answer = answer(serving(emperor, blog));
    let manners = Manners {
        answer: &answer,
        descriptors: "reading",
        then: "stay",
    };
    let fake = Fake::in_place_of(emperor, blog, manners);
    orphaned.start_again();
    orphaned.begins_anew();
    assert!(fake.ends());
}

#[test]
fn a_master_that_answers_nothing_is_replaced() {
    is_replaced(|_| "nothing".to_owned());
}

#[test]
fn a_master_that_hangs_up_instead_of_answering_is_replaced() {
    is_replaced(|_| "an end".to_owned());
}

#[test]
fn a_master_that_answers_nonsense_is_replaced() {
    is_replaced(|_| "\u{0}not even JSON".to_owned());
    is_replaced(|_| json(&MasterMessage::Mended));
    is_replaced(|adopted| {
        json(&MasterMessage::Adopted(adopted)).replace("\"phase\"", "\"unknown\"")
    });
}

#[test]
fn a_master_that_answers_without_end_is_replaced() {
    // Larger than any message, and still one packet.
    is_replaced(|adopted| {
        json(&MasterMessage::Adopted(Adopted {
            last_output: "x".repeat(129 * 1024 - 1024),
            ..adopted
        })) + &" ".repeat(2048)
    });
}

#[test]
fn a_master_of_a_later_version_is_replaced() {
    is_replaced(|adopted| {
        json(&MasterMessage::Adopted(Adopted {
            protocol: 99,
            ..adopted
        }))
    });
}

/// Puts a fake with these manners in the place of the master, which is adopted; it is a vassal that
/// does not serve, its own trouble, until a touch brings a new generation and tells it to leave.
#[track_caller]
fn harms_only_itself(descriptors: &str, then: &str, change: impl Fn(&mut Adopted)) {
    let mut orphaned = Orphaned::new();
    let (emperor, blog) = (&orphaned.emperor, &orphaned.blog);
    let mut adopted = serving(emperor, blog);
    change(&mut adopted);
    let answer = json(&MasterMessage::Adopted(adopted));
    let manners = Manners {
        answer: &answer,
        descriptors,
        then,
    };
    let fake = Fake::in_place_of(emperor, blog, manners);
    orphaned.start_again();
    let Orphaned { emperor, blog, .. } = &orphaned;
    emperor.heard(blog, "generation-adopted", &[("pid", json!(fake.pid()))]);
    let status = emperor.status_of(blog);
    assert_eq!(status["sockets"], json!([]), "nothing it sent is a socket");
    assert_eq!(status["workers"], json!([]));
    emperor.touch(&blog.file);
    emperor.ready_after(blog, 1);
    assert_eq!(emperor.get(blog), "x");
    assert!(fake.ends());
    assert_eq!(emperor.state_of(blog), "ready");
    assert_eq!(emperor.get(&orphaned.neighbour), "undisturbed");
}

#[test]
fn wrong_descriptors_of_a_master_are_refused() {
    for descriptors in ["", "file file", "fifo elsewhere", "writing idle"] {
        harms_only_itself(descriptors, "stay", |_| {});
    }
    harms_only_itself(&"directory ".repeat(200), "stay", |_| {});
}

#[test]
fn listeners_that_no_record_names_are_refused() {
    harms_only_itself("elsewhere", "stay", |adopted| {
        adopted.has_output = false;
        let address = Address::Unix(PathBuf::from("/run/of-another.sock"));
        adopted.listeners[0].address = address;
    });
}

#[test]
fn an_adopted_master_that_hangs_up_harms_only_itself() {
    harms_only_itself("reading", "hang up", |_| {});
}

#[test]
fn an_adopted_master_that_talks_without_end_harms_only_itself() {
    harms_only_itself("reading", "talk", |_| {});
}

#[test]
fn what_an_adopted_master_says_is_cleaned() {
    let mut orphaned = Orphaned::new();
    let (emperor, blog) = (&orphaned.emperor, &orphaned.blog);
    let mut adopted = serving(emperor, blog);
    adopted.python = "3.12\u{1b}[2J".to_owned();
    adopted.interface = "w".repeat(100_000);
    adopted.last_output = "\u{1b}[2Jgone\nlast\n".to_owned();
    let answer = json(&MasterMessage::Adopted(adopted));
    let manners = Manners {
        answer: &answer,
        descriptors: "reading",
        then: "stay",
    };
    let fake = Fake::in_place_of(emperor, blog, manners);
    orphaned.start_again();
    let Orphaned { emperor, blog, .. } = &orphaned;
    emperor.heard(blog, "generation-adopted", &[("pid", json!(fake.pid()))]);
    let status: Value = emperor.status_of(blog);
    let shown = status.to_string();
    assert!(
        !shown.contains("\\u001b") && shown.len() < 10_000,
        "{shown}"
    );
    emperor.printed(blog, |line| (line == "last").then_some(()));
    let said = emperor.output().so_far();
    assert!(!json!(said).to_string().contains("\\u001b"));
    emperor.touch(&blog.file);
    emperor.ready_after(blog, 1);
    assert!(fake.ends());
}

#[test]
fn those_who_knock_and_say_nothing_keep_no_emperor_out() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("blog"));
    let before = running(&emperor, &blog);
    emperor.kill9();
    let door = emperor.at("run/vassals").join(&blog.name).join("1.sock");
    // More than a master holds; the kernel takes no more at a time than it has heard.
    let patience = Instant::now() + DEADLINE;
    let mut silent = Vec::new();
    while silent.len() < 8 {
        match knock(&door) {
            Ok(visitor) => silent.push(visitor),
            Err(full) if full.kind() == ErrorKind::WouldBlock => {
                assert!(Instant::now() < patience, "nobody opens");
                std::thread::park_timeout(Duration::from_millis(5));
            }
            Err(error) => panic!("the master listens: {error}"),
        }
    }
    emperor.start_again();
    adopted(&emperor, &blog, &before);
    drop(silent);
}
