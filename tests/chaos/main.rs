//! A random walk that tries to take sites down: a real emperor over six vassals under steady load,
//! to whose files, processes, log and sockets something happens, step after step. After each step
//! everything is looked at: `check` says what must hold.
//!
//! The walk is drawn from a seed, which is printed; `LICTOR_CHAOS_SEED` walks the same way again.
//! `LICTOR_CHAOS_SECONDS` sets how long it goes on, 45 if it is not set.
//!
//! - `shape` says how the sites are made, `site` is the model: what each of them should be, and
//!   what a deed makes of it.
//! - `steps` is the table of what may happen, `walk` draws from it and does it.
//! - `load` asks all the time, `verdict` says which of its failures are none.
//! - `look` compares the model with `status`, the process table and the answers.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on says why and ends"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "sites by their number, where a panic is the message"
)]
#![expect(clippy::panic, reason = "the same")]
#![expect(
    clippy::print_stderr,
    reason = "the emperor's log is printed when a test fails"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "files that the tests wrote themselves are small"
)]

mod client;
mod code;
#[expect(dead_code, unused_imports, reason = "made for the many tests of `it`")]
#[path = "../it/harness/mod.rs"]
mod harness;
mod load;
mod look;
mod nuisance;
mod processes;
mod random;
mod shape;
mod site;
mod steps;
mod story;
mod verdict;
mod walk;

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::time::{Duration, Instant};

use walk::Walk;

/// How long the walk goes on if nobody says otherwise: short enough for every `cargo test`.
const USUAL_SECONDS: u64 = 45;

#[test]
fn nothing_takes_a_site_down() {
    let seed = number("LICTOR_CHAOS_SEED");
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one("chaos") >> 32);
    let seconds = number("LICTOR_CHAOS_SECONDS").unwrap_or(USUAL_SECONDS);
    // Past the test runner, which keeps what is printed until a test has failed.
    let told = writeln!(
        std::io::stderr(),
        "chaos: LICTOR_CHAOS_SEED={seed}, {seconds} s"
    );
    told.expect("stderr can be written");
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut walk = Walk::begin(seed);
    while Instant::now() < until {
        walk.step();
    }
    let steps = walk.end();
    assert!(steps > 0, "not one step in {seconds} s");
    writeln!(std::io::stderr(), "chaos: {steps} steps").expect("stderr can be written");
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
    )
}
