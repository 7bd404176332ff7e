//! A process that stands in a record as the master of a vassal, and is none.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use lictor_core::sys::start_ticks;
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Emperor, Vassal, Watched, pythons, signal, write_whole};

/// Binds the socket, says so, answers the first order, and goes on as told: `stay` reads orders and
/// leaves when told to drain, `hang up` closes the line and stays, `talk` says words without end.
/// Descriptors go beside the answer, one for each word of the third argument.
const FAKE: &str = r#"
import array, os, socket, sys, time
path, answer, descriptors, then = sys.argv[1:5]
with open(answer, 'rb') as file:
    answer = file.read()
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(path)
listener.listen(2)
print('listens', flush=True)
line, _ = listener.accept()
line.recv(65536)
def descriptor(kind):
    if kind == 'file':
        return os.open(__file__, os.O_RDONLY)
    if kind == 'directory':
        return os.open('/', os.O_RDONLY)
    if kind == 'fifo':
        os.mkfifo(path + '.fifo')
        return os.open(path + '.fifo', os.O_RDWR)
    if kind in ('reading', 'writing'):
        reading, writing = os.pipe()
        os.write(writing, b'a line of the fake\n')
        return reading if kind == 'reading' else writing
    other = socket.socket()
    if kind == 'elsewhere':
        other.bind(('127.0.0.1', 0))
        other.listen()
    return other.detach()
sent = array.array('i', [descriptor(kind) for kind in descriptors.split()])
if answer == b'nothing':
    time.sleep(600)
if answer != b'an end':
    try:
        line.sendmsg([answer], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)])
    except BrokenPipeError:
        pass  # Not believed.
if then == 'talk':
    word = b'{"type":"worker-ready","worker":1,"pid":1}'
    try:
        while True:
            line.send(word)
    except OSError:
        pass
if then == 'hang up' or answer == b'an end':
    line.close()
    time.sleep(600)
while True:
    order = line.recv(65536)
    if not order or b'drain' in order:
        break
"#;

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners<'a> {
    /// What it says when it is found: bytes, `nothing`, or `an end`.
    pub(super) answer: &'a str,
    /// What travels beside that.
    pub(super) descriptors: &'a str,
    /// What it does then.
    pub(super) then: &'a str,
}

/// A running one. Dropped, it is ended.
#[derive(Debug)]
pub(super) struct Fake {
    child: Child,
    _stdout: BufReader<ChildStdout>,
}

impl Fake {
    /// In the place of the master of the first generation of this vassal, whose emperor is gone.
    #[track_caller]
    pub(super) fn in_place_of(emperor: &Emperor, vassal: &Vassal, manners: Manners<'_>) -> Self {
        let place = emperor.at("run/vassals").join(&vassal.name).join("1.sock");
        std::fs::remove_file(&place).expect("a master listened there");
        let script = emperor.at("fake.py");
        write_whole(&script, FAKE);
        let answer = emperor.at("answer");
        std::fs::write(&answer, manners.answer).expect("it is ours");
        let python = &pythons().first().expect("there is one").executable;
        let mut child = Command::new(python)
            .arg(script)
            .args([place, answer])
            .args([manners.descriptors, manners.then])
            .current_dir(emperor.at(""))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be run");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says something");
        assert_eq!(line, "listens\n");
        let fake = Self {
            child,
            _stdout: stdout,
        };
        name_in_record(emperor, vassal, fake.pid());
        fake
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, or does soon.
    pub(super) fn ends(&self) -> bool {
        Watched::new(self.pid()).is_none_or(|watched| watched.ends_within(DEADLINE))
    }

    /// Fails the test unless it goes by itself, because nobody wants to hear it.
    #[track_caller]
    pub(super) fn leaves_unharmed(mut self) {
        assert!(self.ends());
        let status = self.child.wait().expect("it is ours");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // It may have ended; then nothing is left to do but to collect it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Ends all processes of a vassal whose emperor is gone.
#[track_caller]
pub(super) fn end_all(pids: &[u32]) {
    for pid in pids {
        let watched = signal(*pid, rustix::process::Signal::KILL);
        assert!(watched.ends_within(DEADLINE));
    }
}

/// The record of a vassal.
#[track_caller]
pub(super) fn record_of(emperor: &Emperor, vassal: &Vassal) -> Value {
    let text = std::fs::read_to_string(record_file(emperor, vassal)).expect("it was written");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Where that stands.
pub(super) fn record_file(emperor: &Emperor, vassal: &Vassal) -> PathBuf {
    let records = emperor.at("run/vassals");
    records.join(&vassal.name).join("record.json")
}

/// Makes this process the one that the record of a vassal names.
#[track_caller]
pub(super) fn name_in_record(emperor: &Emperor, vassal: &Vassal, pid: u32) {
    let mut record = record_of(emperor, vassal);
    let generation = &mut record["generations"][0];
    assert!(generation["pid"].is_u64(), "{generation}");
    generation["pid"] = json!(pid);
    generation["start_ticks"] = json!(start_ticks(pid).expect("it is there"));
    write_whole(&record_file(emperor, vassal), &record.to_string());
}
