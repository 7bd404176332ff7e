//! One build, any Python: plain and in virtual environments, shared and static.

use std::fs;

use serde_json::Value;

use crate::harness::{
    Build, Emperor, Python, answering, install_text, pythons, says, try_get, virtualenv,
    write_python, write_whole,
};

/// What an interpreter says about itself, as JSON.
const SELF: &str = "json.dumps([sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable, \
                    [p for p in sys.path if p.endswith('site-packages') or p.endswith('dist-packages') or 'pth-' in p], \
                    sys.version, sys.flags.no_site, sys.getfilesystemencoding(), __import__('site').ENABLE_USER_SITE])";

/// Runs the test for each interpreter, and says which kinds there were none of.
fn for_each(test: impl Fn(&Emperor, &Python)) {
    let emperor = Emperor::start();
    for python in pythons() {
        eprintln!(
            "{} {:?} {}",
            python.version,
            python.build,
            python.executable.display()
        );
        test(&emperor, python);
    }
    for build in [Build::Shared, Build::Static] {
        if pythons().iter().all(|python| python.build != build) {
            eprintln!("not tested: this machine has no {build:?} Python");
        }
    }
}

fn named(python: &Python, what: &str) -> String {
    let build = match python.build {
        Build::Shared => "shared",
        Build::Static => "static",
    };
    let place = pythons()
        .iter()
        .position(|other| other.executable == python.executable);
    format!(
        "{what}-{}-{build}-{}",
        python.version.replace('.', ""),
        place.unwrap_or_default()
    )
}

fn option(python: &Python) -> String {
    format!("python = \"{}\"", python.executable.display())
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_plain_interpreter_is_itself() {
    for_each(|emperor, python| {
        let blog = emperor.serve(&named(python, "plain"), &option(python), &answering(SELF));
        let own = python.says(&format!("import sys, json; print({SELF})"));
        assert_eq!(parsed(&emperor.get(&blog)), parsed(&own));
        let shown = emperor.status_of(&blog)["python"]
            .as_str()
            .map(str::to_owned)
            .unwrap_or_default();
        assert!(
            shown.starts_with(&format!("{}.", python.version)),
            "{shown}"
        );
    });
}

#[test]
fn an_app_in_a_virtualenv_sees_what_its_own_interpreter_sees() {
    for_each(|emperor, python| {
        let venv = emperor.at(named(python, "venv"));
        virtualenv(python, &venv);
        let packages = venv.join(format!("lib/python{}/site-packages", python.version));
        write_python(
            &packages.join("only_here.py"),
            "value = 'from the virtualenv'",
        );
        // A `.pth` file adds a directory, and runs its `import` lines.
        write_python(&venv.join("pth-extra/added.py"), "value = 'by a .pth file'");
        let pth = format!(
            "{}\nimport sys; sys.pth_ran = True\n",
            venv.join("pth-extra").display()
        );
        write_whole(&packages.join("extra.pth"), &pth);
        let code =
            "import only_here, added, sys\nassert sys.pth_ran\n".to_owned() + &answering(SELF);
        let blog = emperor.serve(
            &named(python, "venv"),
            &format!("virtualenv = {venv:?}"),
            &code,
        );
        let own = says(
            &venv.join("bin/python"),
            &format!("import sys, json; print({SELF})"),
        );
        assert_eq!(parsed(&emperor.get(&blog)), parsed(&own));
    });
}

#[test]
fn processes_of_the_app_s_own_work() {
    for_each(|emperor, python| {
        let venv = emperor.at(named(python, "children"));
        virtualenv(python, &venv);
        let code = "\
import multiprocessing, subprocess, sys, json, os
from work import double
def application(environ, start_response):
    found = {}
    for method in ('spawn', 'fork', 'forkserver'):
        with multiprocessing.get_context(method).Pool(1) as pool:
            found[method] = pool.map(double, [21])
    found['subprocess'] = subprocess.run(
        [sys.executable, '-c', 'import sys; print(sys.prefix)'], capture_output=True, text=True).stdout.strip() == sys.prefix
    found['failure'] = subprocess.run([sys.executable, '-c', 'raise SystemExit(3)']).returncode
    pid = os.fork()
    if pid == 0:
        os._exit(5)
    found['fork and wait'] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    body = json.dumps(found).encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
";
        let vassal = emperor.vassal(&named(python, "children"));
        write_python(
            &vassal.app.with_file_name("work.py"),
            "def double(number):\n    return 2 * number\n",
        );
        let blog = emperor.serve(
            &named(python, "children"),
            &format!("virtualenv = {venv:?}"),
            code,
        );
        let expected = serde_json::json!({
            "spawn": [42], "fork": [42], "forkserver": [42], "subprocess": true, "failure": 3, "fork and wait": 5,
        });
        assert_eq!(parsed(&emperor.get(&blog)), expected, "{}", python.version);
        assert_eq!(emperor.workers(&blog).len(), 1);
    });
}

#[test]
fn signals_behave() {
    for_each(|emperor, python| {
        let code = "\
import os, signal, subprocess, sys, time
heard = []
signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
def application(environ, start_response):
    os.kill(os.getpid(), signal.SIGUSR1)
    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
    child.terminate()
    alarm = []
    signal.signal(signal.SIGALRM, lambda number, frame: alarm.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    until = time.monotonic() + 30
    while not alarm and time.monotonic() < until:
        time.sleep(0.05)
    body = str([len(heard), child.wait() == -signal.SIGTERM, len(alarm),
                signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
                signal.getsignal(signal.SIGINT) == signal.default_int_handler,
                signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN]).encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
";
        let blog = emperor.serve(&named(python, "signals"), &option(python), code);
        let worker = emperor.workers(&blog);
        assert_eq!(
            emperor.get(&blog),
            "[1, True, 1, True, True, True]",
            "{}",
            python.version
        );
        assert_eq!(
            emperor.workers(&blog),
            worker,
            "a signal to a child is not the worker's"
        );
    });
}

#[test]
fn an_app_s_own_handler_of_sigterm_is_the_worker_s() {
    for_each(|emperor, python| {
        let code = "\
import os, signal
def bye(number, frame):
    print('the app was asked to leave', flush=True)
    os._exit(9)
signal.signal(signal.SIGTERM, bye)
"
        .to_owned()
            + &answering("os.kill(os.getpid(), signal.SIGTERM)");
        let blog = emperor.serve(&named(python, "sigterm"), &option(python), &code);
        try_get(&emperor.address(&blog), "/").expect_err("the worker ends in the request");
        emperor.printed(&blog, |line| {
            (line == "the app was asked to leave").then_some(())
        });
        assert_eq!(
            emperor.heard(&blog, "worker-exited", &[])["status"],
            "exit status 9"
        );
        // The master leaves politely all the same.
        emperor.lictor(&["stop", &blog.name, "--wait"]).with_code(0);
    });
}

#[test]
fn every_interpreter_reloads_and_is_named_in_its_title() {
    for_each(|emperor, python| {
        let blog = emperor.serve(
            &named(python, "reload"),
            &option(python),
            &answering("'old'"),
        );
        emperor.deploy(&blog, &answering("'new'"));
        emperor.replaced(&blog, 1);
        assert_eq!(emperor.get(&blog), "new");
        let title = crate::harness::title_of(emperor.workers(&blog)[0]);
        assert_eq!(title, format!("lictor: {} #2 worker 1", blog.name));
    });
}

#[test]
fn a_script_before_an_interpreter_is_asked_which_it_is() {
    let emperor = Emperor::start();
    let python = pythons().first().expect("there is one");
    let shim = emperor.at("shims/python3");
    fs::create_dir(emperor.at("shims")).expect("it is ours");
    install_text(
        &shim,
        &format!("#!/bin/sh\nexec {} \"$@\"\n", python.executable.display()),
    );
    let blog = emperor.serve(
        "blog",
        "python = \"../shims/python3\"",
        &answering("sys.executable"),
    );
    assert_eq!(emperor.get(&blog), python.executable.display().to_string());
}

#[test]
fn a_version_is_looked_for_on_the_path() {
    let emperor = Emperor::start();
    let python = pythons().first().expect("there is one");
    let directory = python.executable.parent().expect("it is absolute");
    if !directory.join(format!("python{}", python.version)).exists() {
        return eprintln!("skipped: no `python{}` beside it", python.version);
    }
    let blog = emperor.serve(
        "blog",
        &format!("python = \"{}\"", python.version),
        &answering("sys.version"),
    );
    assert!(emperor.get(&blog).starts_with(&python.version));
}

#[test]
fn a_python_that_disagrees_with_its_virtualenv_is_told() {
    let emperor = Emperor::start();
    let venv = emperor.at("venv");
    virtualenv(pythons().first().expect("there is one"), &venv);
    let blog = emperor.add(
        "blog",
        &format!("virtualenv = {venv:?}\npython = \"3.99\""),
        &answering("1"),
    );
    let failure = emperor.failed_after(&blog, 0);
    failure.says(
        "python",
        &[
            "`python` asks for 3.99",
            "pyvenv.cfg",
            &pythons()[0].version,
        ],
    );
    failure.hints("remove `python`");
}
