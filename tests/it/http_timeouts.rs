//! Time limits and the limit of connections: what a slow or idle client gets, and that it shuts out
//! nobody else.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::asgi::app;
use crate::harness::Connection;
use crate::http_hostile::RECORDER;
use crate::site::{Site, json, rest_of};

const SHORT: &str = "http-headers-timeout = 1\nhttp-keepalive = \"1s\"\nsocket-timeout = 1";
/// A limit of a second plus what a loaded machine takes; far below the defaults.
const SOON: Duration = Duration::from_secs(8);

/// What comes until the server closes, which it does soon.
fn soon_closed(mut stream: TcpStream) -> String {
    let began = Instant::now();
    let answer = rest_of(&mut stream);
    assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
    answer
}

#[test]
fn a_head_in_part_is_a_408_and_silence_is_nothing() {
    let site = Site::new(SHORT, RECORDER);
    let silent = site.stream();
    let mut in_part = site.stream();
    in_part
        .write_all(b"GET /a HTTP/1.1\r\nHost")
        .expect("it reads");
    let mut empty_line = site.stream();
    empty_line.write_all(b"\r\n").expect("it reads");
    assert_eq!(soon_closed(silent), "");
    assert_eq!(soon_closed(empty_line), "");
    let answer = soon_closed(in_part);
    assert!(
        answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("connection: close\r\n") && answer.ends_with("408 Request Timeout\n"),
        "{answer}"
    );
    assert_eq!(json(&site.get("/seen")).to_string(), "[]");
}

#[test]
fn a_head_that_trickles_in_has_no_more_time_than_others() {
    let site = Site::new(SHORT, RECORDER);
    let mut stream = site.stream();
    stream.set_nodelay(true).expect("it is TCP");
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("it can be set");
    let began = Instant::now();
    let mut answer = Vec::new();
    // A byte ten times a second, and no end.
    while stream.write_all(b"G").is_ok() {
        assert!(began.elapsed() < SOON, "it is still open");
        let mut piece = [0; 1024];
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_kept_connection_is_closed_without_a_word() {
    let site = Site::new(SHORT, RECORDER);
    let mut kept = site.connect();
    assert_eq!(kept.get("/a").expect("it answers").status, 200);
    let began = Instant::now();
    assert_eq!(kept.line().expect("it closes"), "");
    assert!(began.elapsed() < SOON);
    let mut kept = site.connect();
    assert_eq!(kept.get("/a").expect("it answers").status, 200);
    kept.send(b"GET /b HT").expect("it reads");
    assert_eq!(kept.receive().expect("it answers").status, 408);
}

#[test]
fn without_keep_alive_each_answer_closes() {
    let site = Site::new("http-keepalive = false", RECORDER);
    let answer =
        site.everything(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        answer.to_lowercase().contains("\r\nconnection: close\r\n"),
        "{answer}"
    );
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
}

#[test]
fn an_upload_that_stands_still_is_a_408() {
    let site = Site::new(SHORT, RECORDER);
    // A small one is gathered first, and no app hears of it; a large one the app is reading already.
    for (length, is_seen) in [(1000, false), (200_000, true)] {
        let mut stream = site.stream();
        write!(
            stream,
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nhello"
        )
        .expect("it reads");
        let answer = soon_closed(stream);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{length}: {answer}");
        let seen = json(&site.get("/seen"));
        assert_eq!(seen.as_array().map(Vec::is_empty), Some(!is_seen), "{seen}");
    }
}

const READER: &str = r"
async def http(scope, receive, send):
    if scope['path'] == '/begun':
        await start(send)
        await body(send, b'begun', True)
    size, message = 0, {'more_body': True}
    while message.get('more_body'):
        message = await receive()
        size += len(message.get('body', b''))
    print('heard', message['type'], flush=True)
    await answer(send, str(size).encode())
";

#[test]
fn an_upload_to_an_event_loop_that_stands_still_is_a_408() {
    let site = Site::new(&format!("{SHORT}\naccess-log = \"all\""), &app(READER));
    for length in [1000, 200_000] {
        let mut stream = site.stream();
        write!(
            stream,
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nhello"
        )
        .expect("it reads");
        let answer = soon_closed(stream);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{length}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    site.printed("heard http.disconnect");
    site.printed("\"POST /a HTTP/1.1\" 408 ");
    let mut stream = site.stream();
    stream
        .write_all(b"POST /begun HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\nhello")
        .expect("it reads");
    let mut bytes = Vec::new();
    let _reset = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("HTTP/1.1 200 ") && !text.contains("408"));
    // None of this was the app's fault.
    let status = site.emperor.status_of(&site.vassal);
    assert_eq!(status["workers"][0]["errors"], 0, "{status}");
}

#[test]
fn an_upload_that_moves_has_all_the_time_it_needs() {
    let site = Site::new(SHORT, RECORDER);
    let mut stream = site.stream();
    stream
        .write_all(b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 8\r\n\r\n")
        .expect("it reads");
    for _ in 0..8 {
        // Each pause is shorter than the limit, all together are longer.
        std::thread::sleep(Duration::from_millis(300));
        stream.write_all(b"x").expect("it reads");
    }
    assert!(rest_of(&mut stream).ends_with("reached"));
}

#[test]
fn an_answer_that_nobody_takes_is_cut_off() {
    let site = Site::new(
        SHORT,
        r"
class Endless:
    def __iter__(self):
        while True:
            yield b'x' * 65536
    def close(self):
        print('closed', flush=True)

def application(environ, start_response):
    start_response('200 OK', [])
    return Endless() if environ['PATH_INFO'] == '/endless' else [b'next']
",
    );
    let mut stream = site.stream();
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    site.printed("closed");
    assert_eq!(site.get("/").body, "next");
}

/// Whether the server has closed, or has nothing to say yet.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("it is a socket");
    !matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// Opens a connection, gets one answer on it and keeps it.
fn kept(site: &Site) -> TcpStream {
    let mut stream = site.stream();
    stream
        .write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"reached") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        answer.push(byte[0]);
    }
    stream
}

#[test]
fn where_there_are_too_many_the_longest_idle_is_closed() {
    let site = Site::new("max-connections = 20", RECORDER);
    let mut all: Vec<TcpStream> = (0..60).map(|_| kept(&site)).collect();
    // One place is made for each that comes, so the last twenty are still there.
    let closed: Vec<bool> = all.iter_mut().map(is_closed).collect();
    let expected: Vec<bool> = (0..60).map(|number| number < 40).collect();
    assert_eq!(closed, expected);
}

#[test]
fn heads_in_part_shut_out_nobody() {
    let site = Site::new("max-connections = 50", RECORDER);
    let mut regular = site.connect();
    let mut slow = Vec::new();
    for number in 0..400 {
        let mut stream = site.stream();
        let part: &[u8] = match number % 3 {
            0 => b"",
            1 => b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
            _ => b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf",
        };
        stream.write_all(part).expect("it is taken");
        slow.push(stream);
        if number % 10 == 0 {
            let began = Instant::now();
            assert_eq!(kept_or_new(&mut regular, &site), 200);
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "{number}: {:?}",
                began.elapsed()
            );
        }
    }
    // Those that had sent a part were told why.
    let told = slow
        .iter_mut()
        .map(|stream| {
            let mut start = [0; 12];
            stream.set_nonblocking(true).expect("it is a socket");
            stream
                .read_exact(&mut start)
                .is_ok_and(|()| &start == b"HTTP/1.1 408")
        })
        .filter(|is_told| *is_told)
        .count();
    assert!(told > 100, "only {told} were told");
}

/// The status on a kept connection, or on a new one where the kept one was given up meanwhile.
fn kept_or_new(regular: &mut Connection, site: &Site) -> u16 {
    if let Ok(answer) = regular.get("/a") {
        return answer.status;
    }
    *regular = site.connect();
    let answer = regular.get("/a");
    answer.expect("a new connection is served").status
}

#[test]
fn a_request_in_progress_is_never_given_up() {
    let (site, mut gate) = Site::gated(
        "threads = 2\nmax-connections = 2",
        r"
def application(environ, start_response):
    if environ['PATH_INFO'] == '/slow':
        print('begun', flush=True)
        with open('gate', 'rb', 0) as gate:
            gate.read(1)
    start_response('200 OK', [])
    return [b'reached']
",
    );
    let mut slow = site.connect();
    slow.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    site.printed("begun");
    for _ in 0..30 {
        let _closed_later = kept(&site);
    }
    gate.let_go(1);
    assert_eq!(slow.receive().expect("it answers").body, "reached");
}
