//! Trying again: at once when asked or when something changed, and without a traceback twice.

use serde_json::json;

use crate::harness::{Emperor, answering, hello, write_python, write_whole};

#[test]
fn a_touch_brings_the_mended_code_whatever_the_wait_is() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "", "raise RuntimeError('broken')");
    for generation in 0..5 {
        emperor.failed_after(&blog, generation);
    }
    emperor.heard(&blog, "backoff-started", &[("generation", json!(5))]);
    emperor.deploy(&blog, &hello("mended"));
    assert_eq!(emperor.ready_after(&blog, 5), 6, "the very next one");
    assert_eq!(emperor.get(&blog), "mended");
}

#[test]
fn a_failure_after_a_change_waits_as_little_as_the_first() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "", "raise RuntimeError('broken')");
    for generation in 0..4 {
        emperor.failed_after(&blog, generation);
    }
    emperor.deploy(&blog, "raise RuntimeError('broken in another way')");
    let failure = emperor.events().wait("the change fails", |event| {
        let message = event["failure"]["message"].as_str()?;
        let is_it = message.contains("another way");
        is_it.then(|| event["generation"].clone())
    });
    let wait = emperor.heard(&blog, "backoff-started", &[("generation", failure)]);
    assert!(wait["milliseconds"].as_u64() <= Some(100), "{wait}");
}

#[test]
fn retry_of_one_that_serves_with_an_error_begins_a_new_generation() {
    let emperor = Emperor::start();
    let code = answering("print('much to say', flush=True) or 'x'");
    let blog = emperor.serve("blog", "logto = \"/dev/full\"", &code);
    let nothing = emperor
        .lictor(&["retry", "--wait", &blog.name])
        .with_code(0);
    assert!(
        nothing.stdout.contains("nothing had to be done"),
        "{nothing:?}"
    );
    assert_eq!(emperor.get(&blog), "x");
    emperor.failed_after(&blog, 0).says("logto", &["/dev/full"]);
    assert_eq!(emperor.state_of(&blog), "ready");
    let retried = emperor
        .lictor(&["retry", "--wait", &blog.name])
        .with_code(0);
    assert!(
        retried.stdout.contains("generation 2 serves"),
        "{retried:?}"
    );
    assert_eq!(emperor.status_of(&blog)["error"], json!(null));
}

#[test]
fn a_failure_that_repeats_itself_shows_its_traceback_once() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "", "raise RuntimeError('broken on purpose')");
    for generation in 0..3 {
        emperor.failed_after(&blog, generation);
    }
    let failed = |generation: u64| {
        let fields = [("generation", json!(generation))];
        emperor.heard(&blog, "generation-failed", &fields)
    };
    assert_eq!(failed(1).get("repeated"), None);
    assert_eq!(failed(2)["repeated"], json!(true));
    // Whoever waits for it is told all of it.
    let ran = emperor
        .lictor(&["retry", "--wait", &blog.name])
        .with_code(1);
    assert!(ran.stderr.contains("app.py\", line 1"), "{}", ran.stderr);
    let shown = emperor.lictor(&["events", &blog.name]).with_code(0).stdout;
    assert!(
        shown.contains("generation 2: failed again: import"),
        "{shown}"
    );
    emperor.log().wait("the third failure is logged", |line| {
        line.as_str()?
            .contains("generation 3: failed again")
            .then_some(())
    });
    let log = emperor.log().so_far();
    let tracebacks = log.iter().filter(|line| {
        let line = line.as_str().unwrap_or_default();
        line.contains("app.py\", line 1, in <module>")
    });
    assert_eq!(tracebacks.count(), 1);
    // Another failure is news again.
    write_python(&blog.app, "raise RuntimeError('broken in another way')");
    write_whole(&blog.file, &Emperor::text_for(&blog, ""));
    let news = emperor.events().wait("another failure", |event| {
        let message = event["failure"]["message"].as_str()?;
        message.contains("another way").then(|| event.clone())
    });
    assert_eq!(news.get("repeated"), None);
}
