//! Hooks at points of a generation's life.

use std::fs;

use crate::harness::{DEADLINE, Emperor, Watched, hello, write_whole};

/// What the hooks of a vassal have written so far.
fn written(emperor: &Emperor) -> Vec<String> {
    let text = fs::read_to_string(emperor.at("story")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn hooks_are_run_in_the_order_of_a_life() {
    let emperor = Emperor::start();
    let story = emperor.at("story");
    let story = story.display();
    let hook = |name: &str| format!("{name} = \"appendn:{story} {name}\"\n");
    let names = [
        "hook-as-user-atexit",
        "hook-accepting1",
        "hook-accepting-once",
        "hook-post-fork",
        "hook-post-app",
        "hook-master-start",
        "hook-pre-app",
    ];
    let mut options: String = names.into_iter().map(hook).collect();
    let exec = format!("exec-pre-app = \"echo exec $WHO >> {story}\"\nenv = 'WHO=me'\n");
    options.push_str(&exec);
    let blog = emperor.serve("blog", &options, &hello("blog"));
    let first = [
        "hook-pre-app",
        "exec me",
        "hook-master-start",
        "hook-post-fork",
        "hook-accepting1",
        "hook-accepting-once",
        "hook-post-app",
    ];
    assert_eq!(written(&emperor), first);
    // A worker that replaces another is no beginning.
    let [worker] = emperor.workers(&blog)[..] else {
        panic!("there is one worker");
    };
    crate::harness::signal(worker, rustix::process::Signal::KILL);
    emperor.heard_times(&blog, "worker-ready", &[], 2);
    assert_eq!(
        written(&emperor)[first.len()..],
        ["hook-post-fork", "hook-accepting1"]
    );
    emperor.lictor(&["stop", &blog.name, "--wait"]);
    assert_eq!(
        written(&emperor).last().map(String::as_str),
        Some("hook-as-user-atexit")
    );
}

#[test]
fn a_hook_that_fails_keeps_the_old_code_serving_and_shows_what_it_printed() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("good"));
    for (round, name) in ["exec-pre-app", "exec-post-app"].into_iter().enumerate() {
        let options = format!("{name} = 'echo the reason >&2; exit 7'");
        write_whole(&blog.file, &Emperor::text_for(&blog, &options));
        let failure = emperor.failed_after(&blog, 1 + round as u64);
        assert!(
            failure.message.contains("exit status 7"),
            "{}",
            failure.message
        );
        assert!(failure.detail.contains("the reason"), "{}", failure.detail);
        assert_eq!(emperor.get(&blog), "good");
    }
}

#[test]
fn a_hook_that_hangs_is_ended_with_its_generation() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("good"));
    let options = "start-timeout = '1s'\nexec-pre-app = 'echo child $$; exec sleep 1000'";
    write_whole(&blog.file, &Emperor::text_for(&blog, options));
    let child: Watched = super::said(&emperor, &blog, "child ");
    emperor.failed_after(&blog, 1);
    assert!(child.ends_within(DEADLINE));
    assert_eq!(emperor.get(&blog), "good");
}

#[test]
fn a_touched_file_runs_a_command() {
    let emperor = Emperor::start();
    let touched = emperor.at("touched");
    let options = format!("touch-exec = '{} echo touched it'", touched.display());
    let blog = emperor.serve("blog", &options, &hello("blog"));
    fs::write(&touched, "").expect("it can be touched");
    emperor.printed(&blog, |line| {
        (line == "[touch echo] touched it").then_some(())
    });
    emperor.printed(&blog, |line| {
        line.contains("touch echo ended: exit status 0")
            .then_some(())
    });
}
