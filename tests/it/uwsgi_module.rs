//! `import uwsgi` and `import lictor` in a worker.

use serde_json::{Value, json as value};

use crate::harness::{Emperor, hello, pythons, write_python, write_whole};
use crate::site::{Site, json, rest_of};

/// Answers with what an expression gives.
const EVALUATE: &str = r"
import json, os, sys, threading, time
import uwsgi, lictor, uwsgidecorators
from urllib.parse import unquote

events = ['imported in %d' % uwsgi.worker_id()]
uwsgi.post_fork_hook = lambda: events.append('hook in %d' % uwsgi.worker_id())
uwsgi.atexit = lambda: print('atexit of', uwsgi.worker_id(), flush=True)

@uwsgidecorators.postfork
def decorated():
    events.append('postfork')

@uwsgidecorators.postfork(2)
def of_another():
    events.append('of another')

@lictor.post_fork
def fails():
    raise ValueError('the hook failed')

def refused(call, *arguments):
    try:
        return call(*arguments)
    except Exception as error:
        return [type(error).__name__, str(error)]

def in_thread(call, *arguments):
    said = []
    thread = threading.Thread(target=lambda: said.append(refused(call, *arguments)))
    thread.start()
    thread.join()
    return said[0]

def application(environ, start_response):
    if environ['PATH_INFO'] == '/disconnect':
        start_response('200 OK', [('Content-Length', '5')])(b'hello')
        uwsgi.disconnect()
        uwsgi.disconnect()
        print('goes on', flush=True)
        return [b'nobody hears this']
    if environ['PATH_INFO'] == '/sendfile':
        start_response('200 OK', [])
        uwsgi.sendfile(__file__, 7, 10, 40)
        return []
    said = eval(unquote(environ['QUERY_STRING']))
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(said, default=repr).encode()]
";

/// The request for what an expression gives in a worker.
fn asking(expression: &str) -> String {
    let bytes = expression.bytes();
    let encoded: Vec<String> = bytes.map(|byte| format!("%{byte:02x}")).collect();
    let encoded = encoded.concat();
    format!("/?{encoded}")
}

#[track_caller]
fn said(site: &Site, expression: &str) -> Value {
    json(&site.get(&asking(expression)))
}

#[test]
fn names_have_uwsgis_types_and_lictors_are_modern() {
    let site = Site::new("processes = 2\nthreads = 1\nenv = { A = \"b\" }", EVALUATE);
    for (expression, expected) in [
        ("repr(uwsgi.version)", value!("b'2.0.31'")),
        (
            "repr(uwsgi.version_info)",
            value!("(2, 0, 31, 0, b'lictor')"),
        ),
        (
            "[repr(uwsgi.opt[key]) for key in ('processes', 'env', 'master', 'enable-threads')]",
            value!(["b'2'", "[b'A=b']", "True", "True"]),
        ),
        ("lictor.opt['processes']", value!("2")),
        ("'master' in lictor.opt", value!(false)),
        ("[uwsgi.numproc, uwsgi.cores]", value!([2, 1])),
        (
            "uwsgi.hostname.decode() == lictor.hostname == os.uname().nodename",
            value!(true),
        ),
        (
            "uwsgi.masterpid() == os.getppid() and uwsgi.mypid() == os.getpid()",
            value!(true),
        ),
        (
            "[worker['id'] for worker in uwsgi.workers()]",
            value!([1, 2]),
        ),
        (
            "[w for w in uwsgi.workers() if w['id'] == uwsgi.worker_id()][0]['pid'] == os.getpid()",
            value!(true),
        ),
        ("lictor.workers()[0].rss > 1000000", value!(true)),
        (
            "uwsgi.mem()[0] > 1000000 and uwsgi.mem() < lictor.mem()[::-1]",
            value!(true),
        ),
        ("uwsgi.total_requests() > 5", value!(true)),
        ("abs(uwsgi.micros() / 1e6 - time.time()) < 5", value!(true)),
        ("uwsgi.env['PATH_INFO']", value!("/")),
        ("uwsgi.is_connected(uwsgi.connection_fd())", value!(true)),
        ("uwsgi.magic_table[b'p'].endswith(b'.toml')", value!(true)),
        ("uwsgi.is_a_reload", value!(false)),
        ("uwsgi.listen_queue()", value!(0)),
    ] {
        assert_eq!(said(&site, expression), expected, "{expression}");
    }
}

#[test]
fn stubs_and_modules_have_the_same_names() {
    let stubs = concat!(env!("CARGO_MANIFEST_DIR"), "/stubs");
    let site = Site::new("", EVALUATE);
    for module in ["uwsgi", "lictor", "uwsgidecorators"] {
        let expression = format!(
            "(lambda ast, names: [sorted(names(ast.parse(open('{stubs}/{module}.pyi').read()).body) ^ \
             {{n for n in dir({module}) if n[0] != '_'}}), len(dir({module}))])(__import__('ast'), \
             lambda body: {{getattr(n, 'name', None) or n.target.id for n in body if type(n).__name__ \
             in ('FunctionDef', 'ClassDef', 'AnnAssign')}})"
        );
        let answer = said(&site, &expression);
        assert_eq!(answer[0], value!([]), "{module}");
        assert!(answer[1].as_u64() > Some(20), "{module}: {answer}");
    }
}

#[test]
fn what_is_not_there_says_so() {
    let site = Site::new("", EVALUATE);
    for name in [
        "cache_get",
        "add_timer",
        "spool",
        "mule_msg",
        "rpc",
        "metric_inc",
        "websocket_recv",
    ] {
        let answer = said(&site, &format!("refused(uwsgi.{name})"));
        assert_eq!(answer[0], "NotHere", "{name}: {answer}");
        assert!(
            answer[1]
                .as_str()
                .is_some_and(|text| text.contains(name) && text.contains("use ")
                    || text.contains("call ")
                    || text.contains("serve ")),
            "{answer}"
        );
    }
    let answer = said(&site, "refused(uwsgidecorators.timer, 5)");
    assert_eq!(answer[0], "NotHere");
    let answer = said(&site, "refused(setattr, uwsgi, 'spooler', print)");
    assert_eq!(answer[0], "NotHere");
    assert_eq!(
        said(&site, "issubclass(lictor.NotHere, RuntimeError)"),
        true
    );
    // A thread of the app's own is in no request.
    let answer = said(&site, "in_thread(uwsgi.set_logvar, 'a', 'b')");
    assert_eq!(answer[0], "NoRequest");
    assert_eq!(said(&site, "in_thread(hasattr, uwsgi, 'env')"), false);
}

#[test]
fn a_lock_is_shared_and_never_kept_by_the_dead() {
    let site = Site::new("processes = 2\nlocks = 2", EVALUATE);
    assert_eq!(
        said(&site, "[uwsgi.is_locked(n) for n in (0, 1, 2)]"),
        value!([false, false, false])
    );
    assert_eq!(said(&site, "refused(uwsgi.lock, 3)[0]"), "ValueError");
    assert_eq!(
        said(
            &site,
            "[uwsgi.lock(1), uwsgi.is_locked(1), refused(uwsgi.lock, 1)[0], \
             in_thread(uwsgi.is_locked, 1), uwsgi.unlock(1), uwsgi.is_locked(1)]"
        ),
        value!([null, true, "RuntimeError", true, null, false])
    );
    assert_eq!(said(&site, "refused(lictor.unlock, 1)[0]"), "RuntimeError");
    // The worker that takes it keeps it until its process ends.
    let holder = said(&site, "[uwsgi.lock(2), os.getpid()][1]");
    for _ in 0..20 {
        assert_eq!(said(&site, "uwsgi.is_locked(2)"), true);
    }
    let holder = i32::try_from(holder.as_i64().expect("a pid")).expect("a pid");
    let holder = rustix::process::Pid::from_raw(holder).expect("a pid");
    rustix::process::kill_process(holder, rustix::process::Signal::KILL).expect("it is there");
    site.emperor.heard(&site.vassal, "worker-exited", &[]);
    assert_eq!(
        said(
            &site,
            "[uwsgi.lock(2), uwsgi.unlock(2), uwsgi.is_locked(2)]"
        ),
        value!([null, null, false])
    );
}

#[test]
fn hooks_run_in_each_worker_and_at_its_end() {
    for lazy in ["", "lazy-apps = true"] {
        let site = Site::new(lazy, EVALUATE);
        let first = if lazy.is_empty() {
            "imported in 0"
        } else {
            "imported in 1"
        };
        assert_eq!(
            said(&site, "events"),
            value!([first, "hook in 1", "postfork"]),
            "{lazy}"
        );
        site.printed("ValueError: the hook failed");
        assert_eq!(said(&site, "uwsgi.reload()"), true);
        assert_eq!(site.emperor.replaced(&site.vassal, 1), 2);
        site.printed("atexit of 1");
        assert_eq!(
            said(&site, "[uwsgi.is_a_reload, lictor.generation]"),
            value!([true, 2])
        );
        said(&site, "uwsgi.stop()");
        assert_eq!(site.emperor.replaced(&site.vassal, 2), 3);
    }
}

#[test]
fn an_app_says_what_stands_in_the_log() {
    let options = "access-log = \"off\"\nlog-format = \"%(uri) v=%(user_name) w=%(logvar.uri)!\"";
    let site = Site::new(options, EVALUATE);
    said(&site, "uwsgi.set_logvar('user_name', 'nobody')");
    let asked = "[uwsgi.set_logvar('user_name', 'ann \"x\"'), uwsgi.set_logvar(b'uri', b'2'), \
                 uwsgi.log_this_request(), repr(uwsgi.get_logvar('user_name')), lictor.get_logvar('uri')]";
    assert_eq!(
        said(&site, asked),
        value!([null, null, null, "b'ann \"x\"'", "2"])
    );
    let line = site.printed("v=");
    assert!(line.ends_with(r#"v=ann \"x\" w=2!"#), "{line}");
    // Nothing of it is left for the next request.
    assert_eq!(
        said(&site, "[uwsgi.get_logvar('uri'), uwsgi.log_this_request()]"),
        value!([null, null])
    );
    site.printed("v=- w=-!");
}

#[test]
fn a_client_is_let_go_and_a_file_is_sent() {
    let site = Site::new("", EVALUATE);
    let mut stream = site.stream();
    std::io::Write::write_all(&mut stream, b"GET /disconnect HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let answer = rest_of(&mut stream);
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    site.printed("goes on");
    let answer = site.get("/sendfile");
    assert_eq!(answer.body, EVALUATE.get(10..50).expect("it is long"));
    assert_eq!(
        said(&site, "refused(uwsgi.sendfile, __file__)[0]"),
        "RuntimeError"
    );
}

#[test]
fn modules_are_imported_beside_the_app() {
    let emperor = Emperor::start();
    for (name, lazy) in [("eager", false), ("lazy", true)] {
        let vassal = emperor.vassal(name);
        let folder = vassal.app.parent().expect("it has one");
        for module in ["beside", "shared"] {
            let code = format!(
                "import uwsgi, builtins\nbuiltins.seen = getattr(builtins, 'seen', []) + ['{module} %d' % uwsgi.worker_id()]\n"
            );
            write_python(&folder.join(format!("{module}.py")), &code);
        }
        let options = format!(
            "lazy-apps = {lazy}\nimport = [\"beside\"]\nshared-import = [{:?}]",
            folder.join("shared.py").display().to_string()
        );
        let vassal = emperor.serve(name, &options, "import builtins\nseen = list(builtins.seen)\ndef application(e, s):\n    s('200 OK', [])\n    return [repr(seen).encode()]\n");
        let expected = if lazy {
            "['shared 0', 'beside 1']"
        } else {
            "['shared 0', 'beside 0']"
        };
        assert_eq!(emperor.get(&vassal), expected);
        write_whole(
            &vassal.file,
            &Emperor::text_for(
                &vassal,
                &format!("{options}\nimport = [\"no_such\"]")
                    .replace("import = [\"beside\"]\n", ""),
            ),
        );
        let failure = emperor.failed_after(&vassal, 1);
        assert!(failure.message.contains("no_such"), "{failure:?}");
        assert_eq!(emperor.get(&vassal), expected);
    }
}

#[test]
fn every_python_has_them_in_its_workers_only() {
    let emperor = Emperor::start();
    for (index, python) in pythons().iter().enumerate() {
        let outside =
            python.says("import importlib.util\nprint(importlib.util.find_spec('lictor'))");
        assert_eq!(outside.trim(), "None");
        let option = format!("python = \"{}\"", python.executable.display());
        let code = "import uwsgi, lictor, uwsgidecorators, importlib.util\nuwsgi.lock()\nuwsgi.unlock()\n\
                    def application(e, s):\n    uwsgi.set_logvar('a', 'b')\n    s('200 OK', [])\n    \
                    return [uwsgi.version, b' ', uwsgi.get_logvar('a'), importlib.util.find_spec('uwsgi').origin.encode()]\n";
        let vassal = emperor.serve(&format!("python{index}"), &option, code);
        assert_eq!(emperor.get(&vassal), "2.0.31 blictor", "{}", python.version);
    }
}

#[test]
fn an_asgi_app_has_them_without_a_request() {
    let code = "import uwsgi\nasync def application(scope, receive, send):\n    try:\n        uwsgi.set_logvar('a', 'b')\n    except RuntimeError as error:\n        said = '%s %d' % (type(error).__name__, uwsgi.worker_id())\n    await send({'type': 'http.response.start', 'status': 200})\n    await send({'type': 'http.response.body', 'body': said.encode()})\n";
    let site = Site::new("", code);
    assert_eq!(site.get("/").body, "NoRequest 1");
    // And an app that imports nothing has nothing.
    let plain = site.emperor.serve("plain", "", &hello("x"));
    assert!(!site.emperor.get(&plain).is_empty());
}
