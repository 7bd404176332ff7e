//! `lictor serve`: one app in the foreground, as easy as a development server.

use std::fs;

use rustix::process::Signal;

use crate::harness::{
    Emperor, Setup, Vassal, answering, get, hello, lictor, write_python, write_whole,
};

/// Serves an app of the current directory.
#[track_caller]
fn serve(code: &str, arguments: &[&str]) -> (Emperor, Vassal) {
    let setup = Setup::new();
    write_python(&setup.at("app.py"), code);
    let emperor = setup.serve(arguments);
    let mut app = emperor.vassal("app");
    "app".clone_into(&mut app.name);
    app.app = emperor.at("app.py");
    (emperor, app)
}

#[test]
fn an_app_is_served_until_sigterm() {
    let (emperor, app) = serve(&hello("x"), &["app:application", "--http", "127.0.0.1:0"]);
    emperor.ready_after(&app, 0);
    let address = emperor.address(&app);
    assert_eq!(get(&address, "/"), "x");
    assert!(emperor.stop().success());
    crate::harness::connect(&address).expect_err("nobody listens any more");
}

#[test]
fn ctrl_c_ends_it() {
    let (emperor, app) = serve(&hello("x"), &["app:application", "--http", "127.0.0.1:0"]);
    emperor.ready_after(&app, 0);
    emperor.signal(Signal::INT);
    assert!(emperor.ended().success());
}

#[test]
fn the_address_is_printed() {
    let (emperor, app) = serve(&hello("x"), &["app:application", "--http", "127.0.0.1:0"]);
    emperor.ready_after(&app, 0);
    let address = emperor.address(&app);
    emperor.log().wait("the address", |line| {
        line.as_str()?.contains(&address).then_some(())
    });
}

#[test]
fn sighup_reloads() {
    let (emperor, app) = serve(&hello("old"), &["app:application", "--http", "127.0.0.1:0"]);
    emperor.ready_after(&app, 0);
    write_python(&app.app, &hello("new"));
    emperor.signal(Signal::HUP);
    emperor.replaced(&app, 1);
    assert_eq!(emperor.get(&app), "new");
}

#[test]
fn a_file_and_options_together_serve() {
    let setup = Setup::new();
    write_python(&setup.at("app.py"), &hello("x"));
    let name = setup.name("site");
    write_whole(
        &setup.at(format!("{name}.toml")),
        "module = \"app\"\nhttp = \"127.0.0.1:0\"\n",
    );
    let file = format!("{name}.toml");
    let emperor = setup.serve(&[&file, "-p", "2"]);
    let site = emperor.vassal("site");
    emperor.ready_after(&site, 0);
    assert_eq!(emperor.get(&site), "x");
    assert_eq!(emperor.workers(&site).len(), 2);
}

#[test]
fn a_python_file_is_served() {
    let (emperor, app) = serve(
        &hello("x"),
        &["app.py", "--http", "127.0.0.1:0", "--threads", "2"],
    );
    emperor.ready_after(&app, 0);
    assert_eq!(emperor.get(&app), "x");
}

#[test]
fn a_broken_app_ends_it_with_the_traceback() {
    let setup = Setup::new();
    write_python(
        &setup.at("app.py"),
        "def load():\n    import redsi\nload()\n",
    );
    let ran = lictor(
        &setup.at(""),
        &["serve", "app:application", "--http", "127.0.0.1:0"],
    )
    .with_code(1);
    assert!(
        ran.stderr
            .contains("ModuleNotFoundError: No module named 'redsi'"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("app.py\", line 2, in load"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_app_that_is_not_there_ends_it_with_a_hint() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ran = lictor(
        directory.path(),
        &[
            "serve",
            "nowhere_at_all:application",
            "--http",
            "127.0.0.1:0",
        ],
    )
    .with_code(1);
    assert!(
        ran.stderr.contains("No module named 'nowhere_at_all'"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("hint: set `chdir` or `pythonpath`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_port_in_use_ends_it_with_a_hint() {
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = foreign.local_addr().expect("it is bound").to_string();
    let setup = Setup::new();
    write_python(&setup.at("app.py"), &hello("x"));
    let ran = lictor(&setup.at(""), &["serve", "app", "--http", &address]).with_code(1);
    assert!(
        ran.stderr.contains(&address) && ran.stderr.contains("another process has port"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_wrong_option_is_bad_configuration() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ran = lictor(directory.path(), &["serve", "app", "--proceses", "2"]).with_code(65);
    assert!(
        ran.stderr.contains("proceses") && ran.stderr.contains("processes"),
        "{}",
        ran.stderr
    );
    let ran = lictor(directory.path(), &["serve", "app", "--processes", "none"]).with_code(65);
    assert!(ran.stderr.contains("processes"), "{}", ran.stderr);
    lictor(directory.path(), &["serve", "missing.toml"]).with_code(65);
}

#[test]
fn changed_code_is_picked_up_with_reload() {
    let arguments = ["app:application", "--http", "127.0.0.1:0", "--reload"];
    let setup = Setup::new();
    write_python(
        &setup.at("app.py"),
        &("import helper\n".to_owned() + &answering("helper.TEXT")),
    );
    write_python(&setup.at("package/inner.py"), "");
    write_python(&setup.at("helper.py"), "TEXT = 'old'");
    let emperor = setup.serve(&arguments);
    let mut app = emperor.vassal("app");
    "app".clone_into(&mut app.name);
    emperor.ready_after(&app, 0);
    assert_eq!(emperor.get(&app), "old");
    write_python(&emperor.at("helper.py"), "TEXT = 'new'");
    let newer = emperor.ready_after(&app, 1);
    emperor.heard(&app, "master-exited", &[("generation", 1.into())]);
    assert_eq!(emperor.get(&app), "new");
    // Broken, it serves on; mended, it serves the mended one.
    write_python(&emperor.at("helper.py"), "TEXT = ");
    let failed = emperor.failed_after(&app, newer);
    failed.says("import", &["SyntaxError"]);
    assert_eq!(emperor.get(&app), "new");
    fs::write(emperor.at("helper.py"), "TEXT = 'mended, and longer'").expect("it is ours");
    let mended = emperor.ready_after(&app, failed.generation);
    emperor.heard(&app, "master-exited", &[("generation", newer.into())]);
    assert_eq!(
        emperor.get(&app),
        "mended, and longer",
        "generation {mended}"
    );
}

#[test]
fn the_caller_s_environment_is_passed_on() {
    let setup = Setup::new()
        .variable("OF_THE_CALLER", "passed on")
        .variable("PYTHONPATH", "elsewhere");
    write_python(&setup.at("elsewhere/found_there.py"), "value = 'found'");
    let code = "import found_there\n".to_owned()
        + &answering("found_there.value + ' ' + os.environ['OF_THE_CALLER']");
    write_python(&setup.at("app.py"), &code);
    let emperor = setup.serve(&["app", "--http", "127.0.0.1:0"]);
    let mut app = emperor.vassal("app");
    "app".clone_into(&mut app.name);
    emperor.ready_after(&app, 0);
    assert_eq!(emperor.get(&app), "found passed on");
}

#[test]
fn what_the_app_prints_is_printed_plainly() {
    let code = "print('plain words')\n".to_owned() + &hello("x");
    let (emperor, app) = serve(&code, &["app", "--http", "127.0.0.1:0"]);
    emperor.ready_after(&app, 0);
    emperor.log().wait("the app's line as it is", |line| {
        (line == "plain words").then_some(())
    });
}

#[test]
fn an_app_that_sleeps_has_not_failed() {
    let options = ["--idle", "200ms", "--die-on-idle"];
    let arguments = ["app:application", "--http", "127.0.0.1:0"];
    let (emperor, app) = serve(&hello("x"), &[&arguments[..], &options[..]].concat());
    emperor.ready_after(&app, 0);
    let address = emperor.address(&app);
    emperor.heard(&app, "master-exited", &[]);
    assert_eq!(emperor.state_of(&app), "asleep");
    assert_eq!(get(&address, "/"), "x");
    assert!(emperor.stop().success());
}
