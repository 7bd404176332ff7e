//! Several apps in one vassal: who answers, and what he is told of where he stands.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::harness::{DEADLINE, Emperor, Vassal, connect, get, try_get, write_python};

/// A WSGI app that tells its name and where it stands.
fn told(name: &str) -> String {
    format!(
        "def application(environ, start_response):\n    \
             body = ('{name} %s %s' % (environ['SCRIPT_NAME'] or '-', environ['PATH_INFO'])).encode()\n    \
             start_response('200 OK', [('Content-Length', str(len(body)))])\n    \
             return [body]\n"
    )
}

/// Three apps, of which `app` is the one that `module` names.
fn serve(emperor: &Emperor, options: &str) -> Vassal {
    let vassal = emperor.vassal("blog");
    let directory = vassal.app.parent().expect("it has one");
    write_python(&directory.join("b.py"), &told("b"));
    write_python(
        &directory.join("c.wsgi"),
        &told("c").replace("application", "other"),
    );
    emperor.serve("blog", options, &told("app"))
}

fn mounts(vassal: &Vassal) -> String {
    let c = vassal.app.parent().expect("it has one").join("c.wsgi");
    format!(
        "mount = {{ '/b' = 'b:application', '/b/c/' = '{}:other' }}",
        c.display()
    )
}

fn check(address: &str, expected: &[(&str, &str)]) {
    for (path, told) in expected {
        assert_eq!(get(address, path), *told, "{path}");
    }
}

#[test]
fn the_path_chooses_as_under_uwsgi() {
    let emperor = Emperor::start();
    let mounts = mounts(&emperor.vassal("blog"));
    let blog = serve(
        &emperor,
        &format!("{mounts}\nmanage-script-name = true\naccess-log = 'all'"),
    );
    let address = emperor.address(&blog);
    check(
        &address,
        &[
            ("/", "app - /"),
            ("/b", "b /b "),
            ("/b/", "b /b /"),
            ("/b/x?q", "b /b /x"),
            ("/b%2fx", "b /b /x"),
            ("/bx", "app - /bx"),
            ("/b/c", "c /b/c "),
            ("/b/c/d%20e", "c /b/c /d e"),
            ("/b/cd", "b /b /cd"),
            ("/b//x", "b /b //x"),
            ("//b/x", "app - //b/x"),
        ],
    );
    // The log tells the whole path, whoever answered.
    emperor.printed(&blog, |line| line.contains("/b/c/d%20e").then_some(()));
}

#[test]
fn what_no_mount_covers_is_not_found_where_nothing_else_answers() {
    let emperor = Emperor::start();
    let mounts = mounts(&emperor.vassal("blog"));
    let options = format!("# module =\n{mounts}\nmanage-script-name = true\nthreads = 2");
    let blog = serve(&emperor, &options);
    let address = emperor.address(&blog);
    let mut connection = connect(&address).expect("it listens");
    let mut ask = |path| connection.get(path).expect("it answers");
    assert_eq!(ask("/").status, 404);
    assert_eq!(ask("/bx").status, 404);
    // The connection goes on.
    assert_eq!(ask("/b/x").body, "b /b /x");
    assert_eq!(ask("/zzz").status, 404);
}

#[test]
fn a_believed_proxy_has_its_prefix_before_the_mount() {
    let emperor = Emperor::start();
    let mounts = mounts(&emperor.vassal("blog"));
    let options = format!("{mounts}\nmanage-script-name = true\nforwarded-allow = '127.0.0.1'");
    let blog = serve(&emperor, &options);
    let mut connection = connect(&emperor.address(&blog)).expect("it listens");
    let request = "GET /b/x HTTP/1.1\r\nHost: t\r\nX-Forwarded-Prefix: /outer\r\n\r\n";
    connection.send(request.as_bytes()).expect("it listens");
    assert_eq!(
        connection.receive().expect("it answers").body,
        "b /outer/b /x"
    );
}

/// One request by the uwsgi protocol; gives all that comes back.
fn uwsgi(socket: &Path, modifier: u8, variables: &[(&str, &str)]) -> String {
    let mut block = Vec::new();
    for text in variables.iter().flat_map(|(name, value)| [name, value]) {
        block.extend(u16::try_from(text.len()).expect("short").to_le_bytes());
        block.extend(text.as_bytes());
    }
    let size = u16::try_from(block.len()).expect("short").to_le_bytes();
    let mut stream = UnixStream::connect(socket).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    let packet = [&[modifier, size[0], size[1], 0], &*block].concat();
    stream.write_all(&packet).expect("it reads");
    std::io::read_to_string(stream).expect("it answers")
}

#[test]
fn a_web_server_chooses_by_script_name() {
    let emperor = Emperor::start();
    let mounts = mounts(&emperor.vassal("blog"));
    let socket = emperor.at("uwsgi.sock");
    let blog = serve(&emperor, &format!("{mounts}\nuwsgi = {socket:?}"));
    let ask = |modifier, script_name, path| {
        let variables = [
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_NAME", script_name),
            ("PATH_INFO", path),
        ];
        uwsgi(&socket, modifier, &variables)
    };
    for (modifier, script_name, path, told) in [
        (0, "", "/b/x", "app - /b/x"),
        (0, "/b", "/b/x", "b /b /b/x"),
        (0, "/b/c", "/x", "c /b/c /x"),
        (0, "/unknown", "/x", "app /unknown /x"),
        // uWSGI's way to have the name taken away from the path.
        (30, "/b", "/b/x", "b /b /x"),
        (30, "/b", "/bx", "b /b /bx"),
    ] {
        let answer = ask(modifier, script_name, path);
        assert!(
            answer.ends_with(&format!("\r\n\r\n{told}")),
            "{script_name} {path}: {answer}"
        );
    }
    assert_eq!(get(&emperor.addresses(&blog)[0], "/b/x"), "app - /b/x");
}

#[test]
fn a_path_wins_over_what_the_web_server_says() {
    let emperor = Emperor::start();
    let mounts = mounts(&emperor.vassal("blog"));
    let socket = emperor.at("uwsgi.sock");
    serve(
        &emperor,
        &format!("{mounts}\nuwsgi = {socket:?}\nmanage-script-name = true"),
    );
    let variables = [
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/outer"),
        ("PATH_INFO", "/b/x"),
    ];
    assert!(uwsgi(&socket, 0, &variables).ends_with("\r\n\r\nb /b /x"));
}

const ASGI: &str = r"
import json

class App:
    def __init__(self, name):
        self.name = name

    async def __call__(self, scope, receive, send):
        if scope['type'] == 'lifespan':
            await receive()
            scope['state']['name'] = self.name
            await send({'type': 'lifespan.startup.complete'})
            await receive()
            print('shut down ' + self.name, flush=True)
            return await send({'type': 'lifespan.shutdown.complete'})
        told = [self.name, scope['state']['name'], scope['root_path'], scope['path'], scope['raw_path'].decode()]
        await send({'type': 'http.response.start', 'status': 200, 'headers': []})
        await send({'type': 'http.response.body', 'body': ' '.join(told).encode()})

application, inner = App('outer'), App('inner')
";

#[test]
fn asgi_apps_have_a_lifespan_each() {
    let emperor = Emperor::start();
    let options = "mount = ['/in=app:inner']\nmanage-script-name = true";
    let blog = emperor.serve("blog", options, ASGI);
    let address = emperor.address(&blog);
    assert_eq!(get(&address, "/x%20y"), "outer outer  /x y /x%20y");
    assert_eq!(
        get(&address, "/in/x%20y"),
        "inner inner /in /in/x y /in/x%20y"
    );
    emperor.lictor(&["stop", &blog.name]).with_code(0);
    for name in ["outer", "inner"] {
        emperor.printed(&blog, |line| {
            line.contains(&format!("shut down {name}")).then_some(())
        });
    }
}

#[test]
fn one_vassal_speaks_one_interface() {
    let emperor = Emperor::start();
    let code = format!("{ASGI}\n{}", told("wsgi").replace("application", "plain"));
    let options = "mount = ['/w=app:plain']\nmanage-script-name = true";
    let blog = emperor.add("blog", options, &code);
    let failure = emperor.failed_after(&blog, 0);
    failure.says("import", &["`app` speaks asgi and `app:plain` speaks wsgi"]);
    failure.hints("give one of them a vassal of its own");
}

#[test]
fn an_app_that_cannot_be_loaded_keeps_the_others_from_a_broken_generation() {
    let emperor = Emperor::start();
    let mounts = mounts(&emperor.vassal("blog"));
    let blog = serve(&emperor, &format!("{mounts}\nmanage-script-name = true"));
    let b = blog.app.parent().expect("it has one").join("b.py");
    write_python(&b, "import no_such_module");
    emperor.touch(&blog.file);
    emperor
        .failed_after(&blog, 1)
        .says("import", &["no_such_module"]);
    assert_eq!(get(&emperor.address(&blog), "/b/x"), "b /b /x");
    assert_eq!(
        try_get(&emperor.address(&blog), "/")
            .expect("it answers")
            .status,
        200
    );
}
