//! What apps print: line by line, never in anybody's way.

use std::fs;

use serde_json::json;

use crate::harness::{Emperor, answering, get, hello, pythons, write_python, write_whole};

#[test]
fn every_way_of_printing_reaches_the_log_with_the_name() {
    let emperor = Emperor::start();
    let code = "\
import sys, os, subprocess
print('at import')
def application(environ, start_response):
    print('printed')
    sys.stderr.write('to stderr\\n')
    environ['wsgi.errors'].write('to wsgi.errors\\n')
    environ['wsgi.errors'].flush()
    os.write(1, b'to descriptor 1\\n')
    subprocess.run(['echo', 'from a child'])
    sys.stdout.write('without an end')
    start_response('200 OK', [('Content-Length', '2')])
    return [b'ok']
";
    let blog = emperor.serve("blog", "", code);
    assert_eq!(emperor.get(&blog), "ok");
    for line in [
        "at import",
        "printed",
        "to stderr",
        "to wsgi.errors",
        "to descriptor 1",
        "from a child",
    ] {
        emperor.printed(&blog, |printed| (printed == line).then_some(()));
    }
    emperor.log().wait("the line in the emperor's log", |line| {
        line.as_str()?
            .contains(&format!("out [{}] printed", blog.name))
            .then_some(())
    });
    let shown = emperor.lictor(&["logs", &blog.name]).with_code(0).stdout;
    assert!(
        shown.contains(&format!("{}: to wsgi.errors\n", blog.name)),
        "{shown}"
    );
    // What had no end of line comes out when the process ends.
    emperor.touch(&blog.file);
    emperor.printed(&blog, |printed| {
        printed.starts_with("without an end").then_some(())
    });
}

#[test]
fn an_exception_in_a_request_is_in_the_log_and_not_in_the_answer() {
    let emperor = Emperor::start();
    let blog = emperor.serve(
        "blog",
        "",
        "def application(environ, start_response):\n    raise ValueError('secret')\n",
    );
    let answer = crate::harness::try_get(&emperor.address(&blog), "/").expect("it is answered");
    assert_eq!(answer.status, 500);
    assert!(!answer.body.contains("secret"), "{answer:?}");
    emperor.printed(&blog, |line| {
        line.contains("ValueError: secret").then_some(())
    });
    assert_eq!(emperor.status_of(&blog)["workers"][0]["errors"], 1);
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    let emperor = Emperor::start();
    let blog = emperor.serve(
        "blog",
        "",
        &("print('\\x1b[2Jgone\\x07')\n".to_owned() + &hello("x")),
    );
    let line = emperor.printed(&blog, |line| line.contains("gone").then(|| line.to_owned()));
    assert!(
        !line.contains('\u{1b}') && !line.contains('\u{7}'),
        "{line:?}"
    );
}

#[test]
fn a_flood_of_output_blocks_nobody() {
    let emperor = Emperor::start();
    let code = "\
import sys
def application(environ, start_response):
    if environ['PATH_INFO'] == '/flood':
        for number in range(200000):
            print('line', number, 'x' * 60)
    start_response('200 OK', [('Content-Length', '2')])
    return [b'ok']
";
    let flood = emperor.serve("flood", "", code);
    let quiet = emperor.serve("quiet", "", &hello("quiet"));
    let (flooding, calm) = (emperor.address(&flood), emperor.address(&quiet));
    let client = std::thread::spawn(move || get(&flooding, "/flood"));
    emperor.printed(&flood, |line| line.starts_with("line ").then_some(()));
    for _ in 0..10 {
        assert_eq!(get(&calm, "/"), "quiet");
        assert_eq!(
            emperor.status()["vassals"].as_array().map(Vec::len),
            Some(2)
        );
    }
    assert_eq!(client.join().expect("it does not panic"), "ok");
    emperor.heard(&flood, "output-dropped", &[]);
    emperor.deploy(&quiet, &hello("new"));
    emperor.replaced(&quiet, 1);
    assert_eq!(get(&calm, "/"), "new");
}

#[test]
fn logto_takes_the_output_and_is_appended_to() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.log");
    fs::write(&path, "before\n").expect("it is ours");
    let code = "print('at import')\n".to_owned() + &answering("print('in a request') or 'x'");
    let blog = emperor.serve("blog", "logto = \"../blog.log\"", &code);
    assert_eq!(emperor.get(&blog), "x");
    let text = fs::read_to_string(&path).expect("it is there");
    assert_eq!(text, "before\nat import\nin a request\n");
    let shown = emperor.lictor(&["logs", &blog.name]).with_code(0).stdout;
    assert_eq!(shown, "");
}

#[test]
fn a_full_disk_for_logto_stops_no_app() {
    let emperor = Emperor::start();
    let code = answering("print('much to say', flush=True) or 'serves on'");
    let blog = emperor.serve("blog", "logto = \"/dev/full\"", &code);
    for _ in 0..3 {
        assert_eq!(emperor.get(&blog), "serves on");
    }
    let failure = emperor.failed_after(&blog, 0);
    failure.says(
        "logto",
        &["/dev/full", "`logto`", "No space left on device"],
    );
    failure.hints("the app serves on");
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["error"]["kind"]),
        (&json!("ready"), &json!("logto"))
    );
    assert_eq!(
        emperor.count(&blog, "generation-failed"),
        1,
        "told once, not for every line"
    );
    // Another place, and the trouble is over.
    write_whole(&blog.file, &Emperor::text_for(&blog, ""));
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.status_of(&blog)["error"], json!(null));
}

#[test]
fn a_file_for_logto_that_takes_nothing_stops_no_app() {
    let emperor = Emperor::start();
    let code = answering("print('much to say', flush=True) or 'serves on'");
    // The memory of the master as it was before it executed the interpreter, which is gone.
    let blog = emperor.serve("blog", "logto = \"/proc/self/mem\"", &code);
    assert_eq!(emperor.get(&blog), "serves on");
    let failure = emperor.failed_after(&blog, 0);
    failure.says("logto", &["/proc/self/mem", "Input/output error"]);
}

#[test]
fn a_logto_that_cannot_be_opened_is_told() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("good"));
    write_whole(
        &blog.file,
        &Emperor::text_for(&blog, "logto = \"../missing/blog.log\""),
    );
    let failure = emperor.failed_after(&blog, 1);
    failure.says(
        "config",
        &["missing/blog.log` of `logto`", "No such file or directory"],
    );
    failure.hints("must be able to create and append");
    assert_eq!(emperor.state_of(&blog), "degraded");
    assert_eq!(emperor.get(&blog), "good");
}

#[test]
fn a_child_that_keeps_the_output_open_holds_nothing_up() {
    let emperor = Emperor::start();
    let python = &pythons().first().expect("there is one").executable;
    let code = format!(
        "import subprocess\nchild = subprocess.Popen([{:?}, '-c', 'import time; time.sleep(600)'])\n\
         import atexit\natexit.register(child.kill)\n",
        python.display().to_string()
    ) + &hello("x");
    let blog = emperor.add("blog", "lazy-apps = true", &code);
    emperor.ready_after(&blog, 0);
    write_python(&blog.app, &hello("new"));
    emperor.touch(&blog.file);
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "new");
}
