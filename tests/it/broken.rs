//! Generations that do not come up: what serves goes on, and the status says why and what to do.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use crate::harness::{
    Emperor, Failure, Vassal, get, hello, pythons, virtualenv, write_python, write_whole,
};

/// A vassal that serves is broken: it serves on. Then it is mended.
#[track_caller]
fn degrades(code: &str) -> Failure {
    degrades_with("", code)
}

#[track_caller]
fn degrades_with(options: &str, code: &str) -> Failure {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", options, &hello("good"));
    emperor.deploy(&blog, code);
    let failure = still_serves(&emperor, &blog);
    emperor.deploy(&blog, &hello("mended"));
    is_mended(&emperor, &blog, failure.generation);
    failure
}

/// After a generation has failed, the one before answers and the status tells.
#[track_caller]
fn still_serves(emperor: &Emperor, blog: &Vassal) -> Failure {
    let failure = emperor.failed_after(blog, 1);
    emperor.heard(blog, "state-changed", &[("to", json!("degraded"))]);
    let status = emperor.status_of(blog);
    assert_eq!(
        (&status["state"], &status["generation"]),
        (&json!("degraded"), &json!(1))
    );
    assert_eq!(status["error"]["kind"], failure.kind);
    assert_eq!(status["error"]["message"], failure.message);
    assert_eq!(status["error"]["detail"], failure.detail);
    assert_eq!(status["error"]["generation"], 2);
    assert_eq!(emperor.get(blog), "good");
    failure
}

#[track_caller]
fn is_mended(emperor: &Emperor, blog: &Vassal, generation: u64) {
    emperor.ready_after(blog, generation);
    emperor.heard(blog, "master-exited", &[("generation", json!(1))]);
    let status = emperor.status_of(blog);
    assert_eq!(
        (&status["state"], &status["error"]),
        (&json!("ready"), &json!(null))
    );
    assert_eq!(emperor.get(blog), "mended");
}

/// A vassal that never served waits, and is mended.
#[track_caller]
fn backs_off(options: &str, code: &str) -> Failure {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", options, code);
    let failure = emperor.failed_after(&blog, 0);
    emperor.heard(&blog, "state-changed", &[("to", json!("backoff"))]);
    let status = emperor.status_of(&blog);
    assert_eq!(status["error"]["kind"], failure.kind);
    assert!(
        matches!(status["state"].as_str(), Some("backoff" | "starting")),
        "{status}"
    );
    emperor.deploy(&blog, &hello("mended"));
    emperor.ready_after(&blog, failure.generation);
    assert_eq!(emperor.get(&blog), "mended");
    assert_eq!(emperor.status_of(&blog)["error"], json!(null));
    failure
}

#[test]
fn a_syntax_error_shows_its_place() {
    let failure = degrades("x = 1\ndef broken(:\n    pass\n");
    failure.says("import", &["SyntaxError"]);
    assert!(failure.detail.contains("app.py\", line 2"), "{failure:?}");
    assert!(failure.detail.contains("def broken(:"), "{failure:?}");
}

#[test]
fn an_import_error_shows_the_traceback_without_our_own_frames() {
    let failure = degrades("def load():\n    import redsi_not_there\nload()\n");
    failure.says(
        "import",
        &["ModuleNotFoundError: No module named 'redsi_not_there'"],
    );
    assert!(
        failure.detail.contains("app.py\", line 3, in <module>"),
        "{failure:?}"
    );
    assert!(
        failure.detail.contains("app.py\", line 2, in load"),
        "{failure:?}"
    );
    assert!(
        !failure.detail.contains("importlib") && !failure.detail.contains("<string>"),
        "{failure:?}"
    );
}

#[test]
fn an_import_error_at_the_start_is_tried_again() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "", "import redsi_not_there");
    for generation in 0..3 {
        assert_eq!(
            emperor.failed_after(&blog, generation).generation,
            generation + 1
        );
    }
    // What it lacked is installed; nobody touches the vassal file.
    write_python(&blog.app.with_file_name("redsi_not_there.py"), "");
    write_python(&blog.app, &hello("mended"));
    emperor.ready_after(&blog, 3);
    assert_eq!(emperor.get(&blog), "mended");
}

#[test]
fn an_exception_at_import_without_an_old_generation_waits() {
    backs_off("", "raise RuntimeError('no database')")
        .says("import", &["RuntimeError: no database"]);
}

#[test]
fn a_module_that_does_not_exist_shows_where_it_was_searched() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("good"));
    write_whole(
        &blog.file,
        &Emperor::text_for(&blog, "module = \"nowhere_at_all.wsgi\""),
    );
    let failure = still_serves(&emperor, &blog);
    failure.says("import", &["No module named 'nowhere_at_all'"]);
    failure.hints("set `chdir` or `pythonpath`");
    let chdir = blog.app.parent().expect("it has one").display().to_string();
    assert!(
        failure.detail.contains(&format!("searched in:\n  {chdir}")),
        "{failure:?}"
    );
    write_python(&blog.app, &hello("mended"));
    write_whole(&blog.file, &Emperor::text_for(&blog, ""));
    is_mended(&emperor, &blog, 2);
}

#[test]
fn a_callable_that_is_not_callable_is_refused() {
    let failure = degrades("application = 42");
    failure.says("import", &["`app` is not callable", "`int`"]);
    failure.hints("name a WSGI callable");
}

#[test]
fn a_missing_callable_is_refused() {
    let failure = degrades("def main(environ, start_response): pass");
    failure.says("import", &["neither `application` nor `app`"]);
    failure.hints("name a WSGI callable");
}

#[test]
fn a_named_callable_that_is_missing_is_refused() {
    let failure = degrades_with("callable = \"application\"", "app = print");
    failure.says("import", &["`app:application` has no `application`"]);
    failure.hints("name a WSGI callable");
}

#[test]
fn an_app_that_leaves_at_import_is_told() {
    let failure = degrades("import sys\nsys.exit('the settings are missing')");
    failure.says("import", &["the app left", "the settings are missing"]);
    assert!(failure.detail.contains("app.py\", line 2"), "{failure:?}");
}

#[test]
fn an_app_that_ends_its_process_at_import_is_told() {
    let failure = degrades("import os\nprint('last words', flush=True)\nos._exit(3)");
    failure.says(
        "crash",
        &["the master ended while the app came up", "exit status 3"],
    );
    assert!(failure.detail.contains("last words"), "{failure:?}");
}

#[test]
fn an_app_that_ends_its_process_silently_gets_a_hint() {
    let failure = degrades("import os\nos._exit(3)");
    failure.says("crash", &["exit status 3"]);
    failure.hints("it printed nothing");
}

#[test]
fn an_app_that_kills_itself_at_import_is_told() {
    let failure = degrades("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)");
    failure.says("crash", &["signal 9", "SIGKILL"]);
    failure.hints("it printed nothing");
    backs_off(
        "",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    )
    .says("crash", &["SIGKILL"]);
}

#[test]
fn an_app_that_hangs_at_import_is_ended() {
    let failure = degrades_with("start-timeout = \"1s\"", "import time\ntime.sleep(600)");
    failure.says("timeout", &["not ready after 1 s", "`start-timeout`"]);
    failure.hints("raise `start-timeout`");
    backs_off("start-timeout = \"1s\"", "import time\ntime.sleep(600)")
        .says("timeout", &["`start-timeout`"]);
}

#[test]
fn a_lazy_app_that_fails_in_its_worker_is_told() {
    let failure = degrades_with("lazy-apps = true", "raise RuntimeError('in the worker')");
    failure.says("import", &["RuntimeError: in the worker"]);
    assert!(failure.detail.contains("app.py\", line 1"), "{failure:?}");
    backs_off("lazy-apps = true", "import os\nos._exit(4)").says("crash", &["exit status 4"]);
}

#[test]
fn a_mistake_in_the_file_is_shown_with_its_place() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("good"));
    let other = emperor.serve("other", "", &hello("undisturbed"));
    write_whole(&blog.file, &Emperor::text_for(&blog, "proceses = 2"));
    let failure = still_serves(&emperor, &blog);
    failure.says("config", &["proceses"]);
    assert!(failure.detail.contains(".toml:4:1"), "{failure:?}");
    assert!(
        failure.detail.contains("^^^^^^^^") && failure.detail.contains("`processes`"),
        "{failure:?}"
    );
    assert_eq!(emperor.get(&other), "undisturbed");
    write_python(&blog.app, &hello("mended"));
    write_whole(&blog.file, &Emperor::text_for(&blog, "processes = 2"));
    is_mended(&emperor, &blog, 2);
}

#[test]
fn a_mistake_in_a_new_file_waits_for_a_change() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "http = \"nowhere\"", &hello("mended"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says("config", &["nowhere"]);
    assert_eq!(emperor.state_of(&blog), "backoff");
    write_whole(&blog.file, &Emperor::text_for(&blog, ""));
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.get(&blog), "mended");
}

#[test]
fn a_file_that_is_no_text_disturbs_nobody() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("good"));
    let binary = emperor.vassal("binary");
    fs::write(&binary.file, [0xff, 0xfe, 0, 1, 2, 0xc0]).expect("it is ours");
    emperor.failed_after(&binary, 0).says("config", &[]);
    let large = emperor.vassal("large");
    fs::write(&large.file, vec![b'#'; 2 * 1024 * 1024]).expect("it is ours");
    emperor
        .failed_after(&large, 0)
        .says("config", &["larger than 1048576 bytes"]);
    assert_eq!(emperor.get(&blog), "good");
}

/// Changes the vassal file of a serving vassal so that its Python cannot be used.
#[track_caller]
fn without_python(options: &str, prepare: impl Fn(&Path)) -> Failure {
    let emperor = Emperor::start();
    prepare(&emperor.at(""));
    let blog = emperor.serve("blog", "", &hello("good"));
    write_whole(&blog.file, &Emperor::text_for(&blog, options));
    let failure = still_serves(&emperor, &blog);
    write_python(&blog.app, &hello("mended"));
    write_whole(&blog.file, &Emperor::text_for(&blog, ""));
    is_mended(&emperor, &blog, 2);
    failure
}

#[test]
fn a_missing_virtualenv_is_told() {
    let failure = without_python("virtualenv = \"../venv\"", |_| {});
    failure.says(
        "python",
        &["/venv` is not a virtual environment", "pyvenv.cfg"],
    );
    failure.hints("python3 -m venv");
}

#[test]
fn a_virtualenv_whose_interpreter_is_gone_is_told() {
    let failure = without_python("virtualenv = \"../venv\"", |root| {
        let venv = root.join("venv");
        virtualenv(pythons().first().expect("there is one"), &venv);
        let python = venv.join("bin/python");
        fs::remove_file(&python).expect("it is there");
        symlink("/nowhere/bin/python3.9", &python).expect("it is ours");
    });
    let version = &pythons().first().expect("there is one").version;
    failure.says(
        "python",
        &[
            "made with Python",
            version,
            "/nowhere/bin/python3.9` is gone",
            "pyvenv.cfg",
            "on PATH",
        ],
    );
    failure.hints("--clear");
}

#[test]
fn a_virtualenv_of_an_old_python_is_told() {
    let failure = without_python("virtualenv = \"../venv\"", |root| {
        write_whole(
            &root.join("venv/pyvenv.cfg"),
            "home = /usr/bin\nversion = 3.8.18\n",
        );
    });
    failure.says(
        "python",
        &["pyvenv.cfg` says Python 3.8.18", "Python 3.9 and later"],
    );
    failure.hints("newer Python");
}

#[test]
fn a_python_that_is_not_there_is_told() {
    let failure = without_python("python = \"3.99\"", |_| {});
    failure.says("python", &["there is no `python3.99` on PATH"]);
    failure.hints("install it, or name an interpreter");
    let failure = without_python("python = \"/nowhere/python3\"", |_| {});
    failure.says("python", &["/nowhere/python3"]);
    failure.hints("--version");
}

#[test]
fn a_directory_that_is_not_there_is_told() {
    let failure = without_python("chdir = \"/nowhere/at/all\"", |_| {});
    failure.says(
        "config",
        &["could not enter the directory `/nowhere/at/all` of `chdir`"],
    );
    failure.hints("must exist");
}

#[test]
fn a_broken_vassal_leaves_its_neighbour_alone() {
    let emperor = Emperor::start();
    let shop = emperor.serve("shop", "", &hello("open"));
    let (address, workers) = (emperor.address(&shop), emperor.workers(&shop));
    let blog = emperor.add("blog", "", "import ctypes\nctypes.string_at(0)");
    for generation in 0..4 {
        emperor
            .failed_after(&blog, generation)
            .says("crash", &["SIGSEGV"]);
    }
    assert_eq!(get(&address, "/"), "open");
    assert_eq!(emperor.workers(&shop), workers);
}

#[test]
fn an_app_that_allocates_without_end_at_import_is_told() {
    // A limit of its own stands for the machine's memory, of which a test takes none.
    let code = "import resource\n\
                resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\n\
                all = []\nwhile True:\n    all.append(bytearray(8 << 20))\n";
    degrades(code).says("import", &["MemoryError"]);
}

#[test]
fn an_app_that_forks_and_crashes_at_import_leaves_nobody_behind() {
    // What it forked is in the master's group, and ended with it: the guard of the emperor looks.
    let code = "import os, time\nif os.fork() == 0:\n    time.sleep(600)\nos.abort()";
    degrades(code).says("crash", &["SIGABRT"]);
}

#[test]
fn an_app_that_closes_its_descriptors_at_import_is_told() {
    let failure = degrades_with(
        "start-timeout = \"2s\"",
        "import os\nos.closerange(3, 1024)",
    );
    assert!(
        ["crash", "timeout"].contains(&failure.kind.as_str()),
        "{failure:?}"
    );
}
