//! The app of every site, its vassal file, and how both are broken.

use std::path::Path;

use crate::harness::{Build, Python, pythons};
use crate::shape::{Breakage, Shape, Trait};

/// Says its version; does what it is asked to do to itself.
const APP: &str = "\
import ctypes, os, resource, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
held = []

def application(environ, start_response):
    path = environ['PATH_INFO']
    body = f'{LABEL} {VERSION}'.encode()
    for number in range(LINES):
        print('a line of', LABEL, number)
    if path == '/crash':
        ctypes.string_at(0)
    elif path == '/hang':
        time.sleep(600)
    elif path == '/flood':
        for number in range(20000):
            print('a flood of', LABEL, number, 'x' * 80)
    elif path == '/exhaust':
        try:
            while True:
                held.append(os.open('/dev/null', os.O_RDONLY))
        except OSError:
            pass
    elif path == '/release':
        while held:
            os.close(held.pop())
    elif path == '/read':
        environ['wsgi.input'].read()
    elif path == '/large':
        body = b'x' * (16 << 20)
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
";

/// Good code of this version.
pub(crate) fn good_code(shape: &Shape, version: u32) -> String {
    let Shape { label, lines, .. } = shape;
    format!("VERSION = {version}\nLABEL = {label:?}\nLINES = {lines}\n{APP}")
}

/// Code that is broken so; good code if it is the file that is broken.
pub(crate) fn broken_code(shape: &Shape, version: u32, how: Breakage) -> String {
    let good = good_code(shape, version);
    match how {
        Breakage::Syntax => format!("{good}\ndef broken(:\n"),
        Breakage::Import => format!("import does_not_exist\n{good}"),
        Breakage::Exit => format!("import os\nos._exit(3)\n{good}"),
        Breakage::Crash => format!("import ctypes\nctypes.string_at(0)\n{good}"),
        Breakage::NotReady => good.replace("'200 OK'", "'500 Not Ready'"),
        Breakage::BadToml | Breakage::UnknownOption | Breakage::MissingVirtualenv => good,
    }
}

/// The vassal file, broken so if it is the file that is.
pub(crate) fn file(shape: &Shape, address: &str, app: &Path, how: Option<Breakage>) -> String {
    let wanted = if shape.has(Trait::Executed) {
        Build::Static
    } else {
        Build::Shared
    };
    let python = python(wanted).executable.display().to_string();
    let directory = app.parent().expect("it has one").display().to_string();
    let mut text = format!(
        "module = \"app\"\nchdir = {directory:?}\npython = {python:?}\nhttp = {address:?}\n\
         processes = {}\nthreads = {}\nlazy-apps = {}\n\
         overlap = {}\nheartbeat = \"2s\"\nreload-mercy = \"10s\"\n",
        shape.processes,
        shape.threads,
        shape.has(Trait::Lazy),
        !shape.has(Trait::NoOverlap)
    );
    let options = [
        (Trait::Logto, "logto = \"../logged.log\"\n"),
        (Trait::ReadyPath, "ready-path = \"/\"\n"),
        (Trait::Recycled, "max-requests = 30\n"),
        (Trait::Harakiri, "harakiri = \"4s\"\n"),
    ];
    let wanted = options.iter().filter(|(known, _)| shape.has(*known));
    text.extend(wanted.map(|(_, line)| *line));
    match how {
        Some(Breakage::BadToml) => text += "processes = [\n",
        Some(Breakage::UnknownOption) => text += "proceses = 2\n",
        Some(Breakage::MissingVirtualenv) => {
            text = text.replace("python =", "virtualenv = \"/nowhere/venv\"\n# python =");
        }
        Some(_) | None => {}
    }
    text
}

/// One that is built so, or the only one there is.
fn python(wanted: Build) -> &'static Python {
    let all = pythons();
    let found = all.iter().find(|python| python.build == wanted);
    found.or(all.first()).expect("there is one")
}
