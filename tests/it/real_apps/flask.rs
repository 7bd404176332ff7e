//! A Flask app: routes, a session, an upload, a stream, an error page.

use crate::harness::{Emperor, Python, Vassal, connect};

use super::virtualenvs::{Packages, with_packages};

const APP: &str = r"
import sys
from flask import Flask, Response, redirect, request, session, url_for

app = Flask(__name__)
app.secret_key = 'for tests'

@app.get('/')
def root():
    return 'flask on %d.%d' % sys.version_info[:2]

@app.get('/hello/<name>')
def hello(name):
    return {'hello': name, 'url': url_for('hello', name=name, _external=True), 'args': request.args}

@app.get('/count')
def count():
    session['count'] = session.get('count', 0) + 1
    return str(session['count'])

@app.post('/upload')
def upload():
    file = request.files['file']
    content = file.read()
    return Response(content, headers={'X-Name': file.filename, 'X-Field': request.form['field']})

@app.get('/stream')
def stream():
    return Response(('%d\n' % number for number in range(100)), mimetype='text/plain')

@app.get('/old')
def old():
    return redirect(url_for('root'))

@app.get('/broken')
def broken():
    return {}['no such key']
";

pub(super) fn serve(emperor: &Emperor, python: &Python) -> Vassal {
    let place = with_packages(
        python,
        &Packages {
            name: "flask",
            version: "3.1.1",
        },
    );
    emperor.serve(
        "flask",
        &format!("virtualenv = \"{}\"\nprocesses = 2\n", place.display()),
        APP,
    )
}

pub(super) fn check(emperor: &Emperor, vassal: &Vassal, python: &Python) {
    let address = emperor.address(vassal);
    let mut connection = connect(&address).expect("it listens");
    let mut get = |path: &str| {
        connection
            .get(path)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    assert_eq!(get("/").body, format!("flask on {}", python.version));
    let hello = get("/hello/Zo%C3%AB?a=1%202");
    let told: serde_json::Value = serde_json::from_str(&hello.body).expect("it is JSON");
    assert_eq!(
        told,
        serde_json::json!({"hello": "Zo\u{eb}", "url": "http://test/hello/Zo%C3%AB", "args": {"a": "1 2"}})
    );
    let lines: Vec<String> = get("/stream").body.lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        (0..100)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    );
    assert_eq!(get("/old").header("location"), Some("/"));
    assert_eq!(get("/nowhere").status, 404);
    assert_eq!(get("/broken").status, 500);
    emperor.printed(vassal, |line| {
        line.contains("KeyError: 'no such key'").then_some(())
    });
    sessions(&address);
    uploads(&address);
}

fn sessions(address: &str) {
    let mut cookie = String::new();
    for count in 1..=3 {
        let mut connection = connect(address).expect("it listens");
        connection
            .send(
                format!("GET /count HTTP/1.1\r\nHost: test\r\nCookie: {cookie}\r\n\r\n").as_bytes(),
            )
            .expect("it reads");
        let answer = connection.receive().expect("it answers");
        assert_eq!(answer.body, count.to_string());
        let set = answer.header("set-cookie").expect("a session");
        set.split(';')
            .next()
            .unwrap_or_default()
            .clone_into(&mut cookie);
    }
}

fn uploads(address: &str) {
    let content: String = (0..500_000).fold(String::new(), |text, number| {
        text + &number.to_string() + "\n"
    });
    let form = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\nvalue\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"numbers.txt\"\r\n\r\n{content}\r\n--edge--\r\n"
    );
    let mut connection = connect(address).expect("it listens");
    let head =
        "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=edge";
    connection
        .send(format!("{head}\r\nContent-Length: {}\r\n\r\n{form}", form.len()).as_bytes())
        .expect("it reads");
    let answer = connection.receive().expect("it answers");
    assert_eq!(
        (
            answer.status,
            answer.header("x-name"),
            answer.header("x-field")
        ),
        (200, Some("numbers.txt"), Some("value"))
    );
    assert!(
        answer.body == content,
        "{} bytes came back",
        answer.body.len()
    );
}
