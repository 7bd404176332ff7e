//! Jobs at given times, by the real clock: one wait for a full minute tells all of it. When which job is
//! due is tested where that is decided.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{said, text, times_printed};
use crate::harness::{DEADLINE, Emperor, hello};

#[test]
fn a_job_is_run_once_a_minute_across_a_reload_and_its_limit_ends_all_of_it() {
    let emperor = Emperor::start();
    let options = "processes = 3
cron = [\"-1 -1 -1 -1 -1 echo at $(date +%H:%M) in $TZ\", \"0 0 31 2 -1 echo never\"]
cron2 = \"minute=-1,harakiri=1 sleep 1000 & echo child $!; wait\"
unique-cron = \"-1 -1 -1 -1 -1 echo alone $$; exec sleep 1000\"
reload-mercy = '3s'
env = 'TZ=Asia/Kathmandu'";
    let blog = emperor.serve("blog", options, &hello("blog"));
    let status = emperor.status_of(&blog);
    let crons = status["crons"].as_array().expect("they are shown");
    assert_eq!(crons.len(), 4);
    assert_eq!(text(&crons[1], "schedule"), "0 0 31 2 -1");
    assert_eq!(crons[1]["next_run"], json!(null));
    // A full minute, and what a busy machine may add.
    let until = Instant::now() + Duration::from_mins(1) + DEADLINE;
    while emperor.status_of(&blog)["crons"][0]["last_run"].is_null() {
        assert!(Instant::now() < until, "nothing was run");
        std::thread::sleep(Duration::from_millis(50));
    }
    let line = emperor.printed(&blog, |line| line.contains(" at ").then(|| line.to_owned()));
    assert!(
        line.starts_with("[cron echo] at ") && line.ends_with(" in Asia/Kathmandu"),
        "{line}"
    );
    let (child, alone) = (
        said(&emperor, &blog, "child "),
        said(&emperor, &blog, "alone "),
    );
    // The same minute belongs to the generation that began it.
    emperor.touch(&blog.file);
    emperor.replaced(&blog, 1);
    assert!(
        child.ends_within(Duration::ZERO),
        "`harakiri`, and all of its group"
    );
    assert!(
        alone.ends_within(Duration::ZERO),
        "it has `reload-mercy` and no more"
    );
    assert_eq!(times_printed(&emperor, &blog, &line), 1);
    assert_eq!(emperor.get(&blog), "blog");
}
