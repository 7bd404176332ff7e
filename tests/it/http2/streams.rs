//! What holds for each stream by itself: its time, its client, its answer.

use super::raw::{
    ACK, Client, DATA, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame,
    request, request_with, upload,
};
use super::{ASGI, curl, load};
use crate::harness::Emperor;
use crate::site::Site;

/// The client may not be sent anything before it says so.
const NO_WINDOW: &[u8] = &[0, 4, 0, 0, 0, 0];

const TELL: &str = r"
import time
def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/large':
        start_response('200 OK', [])
        return [b'x' * 500_000]
    if path == '/many':
        start_response('200 OK', [])
        return (b'x' * 50_000 for _ in range(20))
    if path == '/sleep':
        time.sleep(3600)
    size = len(environ['wsgi.input'].read())
    if path == '/nothing':
        start_response('204 No Content', [])
        return []
    start_response('200 OK', [('Content-Type', 'text/plain')])
    told = [environ.get(name) for name in ('REMOTE_ADDR', 'HTTP_X_REQUEST_ID', 'wsgi.url_scheme')]
    return [repr([*told, size]).encode()]
";

#[test]
fn whom_a_proxy_names_holds_for_each_stream() {
    let site = Site::new(
        "http2 = \"all\"\nforwarded-allow = \"127.0.0.1\"\nrequest-id = true\naccess-log = true\n\
         log-format = \"%(addr) %(uri) %(proto) %(status) %(request_id)\"",
        TELL,
    );
    let first = [("x-forwarded-for", "192.0.2.1"), ("x-request-id", "one")];
    let second = [
        ("x-forwarded-for", "192.0.2.2"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "two"),
    ];
    let mut client = Client::new(&site);
    client.send(&request_with(1, "/first", &first));
    client.send(&request_with(3, "/second", &second));
    client.send(&request(5, "/third"));
    assert_eq!(client.body(1), "['192.0.2.1', 'one', 'http', 0]");
    assert_eq!(client.body(3), "['192.0.2.2', 'two', 'https', 0]");
    let told = client.body(5);
    assert!(
        told.starts_with("['127.0.0.1', '") && !told.contains("'two'"),
        "{told}"
    );
    site.printed("192.0.2.1 /first HTTP/2.0 200 one");
    site.printed("192.0.2.2 /second HTTP/2.0 200 two");
}

#[test]
fn the_proxy_protocol_comes_before_the_preface() {
    let site = Site::new(
        "http2 = \"all\"\nforwarded-allow = \"127.0.0.1\"\nproxy-protocol = true",
        TELL,
    );
    let mut client = Client(site.stream());
    client.send(b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n");
    client.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat());
    client.send(&[request(1, "/"), request(3, "/")].concat());
    for stream in [1, 3] {
        assert!(client.body(stream).starts_with("['192.0.2.7', "));
    }
}

#[test]
fn answers_without_a_body_and_conditional_ones() {
    let site = Site::new("http2 = \"all\"\ncompress = true", TELL);
    let head = curl(&site, "/", &["-I"]);
    assert!(
        head.starts_with("HTTP/2 200") && head.contains("content-length: "),
        "{head}"
    );
    let nothing = curl(&site, "/nothing", &["-i"]);
    assert!(
        nothing.starts_with("HTTP/2 204") && nothing.ends_with("\r\n\r\n"),
        "{nothing}"
    );
    // curl waits for the word to go on with what is large.
    let body = "x".repeat(100_000);
    let flags = ["-H", "Expect: 100-continue", "-d", &body];
    assert!(curl(&site, "/", &flags).ends_with(", 100000]"));
}

#[test]
fn files_come_whole_and_in_part() {
    let emperor = Emperor::start();
    let public = emperor.at("public");
    std::fs::create_dir(&public).expect("it is ours");
    let text = "0123456789".repeat(30_000);
    std::fs::write(public.join("text.txt"), &text).expect("it is ours");
    let options =
        format!("http2 = \"all\"\nstatic-map = {{ \"/files\" = {public:?} }}\ncompress = true");
    let site = Site::over(emperor, &options, TELL);
    assert!(curl(&site, "/files/text.txt", &[]) == text);
    assert_eq!(curl(&site, "/files/text.txt", &["-r", "5-7"]), "567");
    assert!(curl(&site, "/files/text.txt", &["--compressed"]) == text);
    assert!(curl(&site, "/files/none", &["-i"]).starts_with("HTTP/2 200"));
    let said = load(
        &site,
        "/files/text.txt",
        &["-n", "50", "-c", "1", "-m", "50"],
    );
    assert!(said.contains("50 succeeded, 0 failed"), "{said}");
}

#[test]
fn threads_share_the_connections() {
    let site = Site::new("http2 = \"all\"\nthreads = 4", TELL);
    let said = load(&site, "/many", &["-n", "200", "-c", "8", "-m", "10"]);
    assert!(said.contains("200 succeeded, 0 failed"), "{said}");
}

/// The client of one stream does not move for so long, while another stream of the same connection is
/// asked for all the time. What comes of the first.
#[track_caller]
fn stalled(site: &Site, settings: &[u8], first: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut client = Client::with(site, settings);
    client.send(first);
    let mut told = Vec::new();
    for number in 1.. {
        let stream = 2 * number + 1;
        let mut other = request(stream, "/nothing");
        other.extend(frame(PING, 0, 0, b"are you?"));
        client.send(&other);
        let mut is_answered = false;
        while !is_answered {
            let frame = client.receive().expect("the others go on");
            is_answered = frame.sort == PING && frame.flags == ACK;
            assert_ne!(frame.sort, GOAWAY, "the connection goes on");
            if frame.stream == 1 && frame.sort == RST_STREAM {
                told.push((RST_STREAM, frame.load));
                return told;
            } else if frame.stream == 1 && frame.sort != WINDOW_UPDATE {
                told.push((frame.sort, frame.load));
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    told
}

#[test]
fn a_stream_that_stands_still_is_ended_while_others_go_on() {
    let options = "http2 = \"all\"\nsocket-timeout = \"1s\"";
    let site = Site::new(options, TELL);
    // Gathered before the app sees it; read by the app.
    for bytes in [1000, 100_000] {
        let mut first = upload(1, "/", bytes);
        first.extend(frame(DATA, 0, 1, b"a part"));
        let told = stalled(&site, &[], &first);
        let kinds: Vec<u8> = told.iter().map(|(sort, _)| *sort).collect();
        assert_eq!(kinds.first(), Some(&HEADERS), "{told:?}");
        assert!(told[1].1.starts_with(b"408 "), "{told:?}");
    }
    // Laid down as a whole.
    let told = stalled(&site, NO_WINDOW, &request(1, "/large"));
    assert_eq!(
        told.last().map(|(sort, _)| *sort),
        Some(RST_STREAM),
        "{told:?}"
    );
    let told = stalled(&site, NO_WINDOW, &request(1, "/many"));
    assert_eq!(
        told.last().map(|(sort, _)| *sort),
        Some(RST_STREAM),
        "{told:?}"
    );
}

#[test]
fn an_asgi_stream_that_stands_still_is_ended_while_others_go_on() {
    let options = "http2 = \"all\"\nsocket-timeout = \"1s\"";
    let site = Site::new(options, ASGI);
    let told = stalled(&site, NO_WINDOW, &request(1, "/large"));
    assert_eq!(
        told.last().map(|(sort, _)| *sort),
        Some(RST_STREAM),
        "{told:?}"
    );
    let mut first = upload(1, "/", 100_000);
    first.extend(frame(DATA, 0, 1, b"a part"));
    let told = stalled(&site, &[], &first);
    assert_eq!(
        told.last().map(|(sort, _)| *sort),
        Some(RST_STREAM),
        "{told:?}"
    );
}

#[test]
fn harakiri_of_an_asgi_app_ends_one_stream() {
    let site = Site::new("http2 = \"all\"\nharakiri = \"1s\"", ASGI);
    let mut client = Client::new(&site);
    client.send(&request(1, "/gone"));
    assert!(client.body(1).starts_with("504 "));
    client.send(&request(3, "/"));
    assert_eq!(client.body(3), "['2', True, 0]");
}

#[test]
fn harakiri_of_a_wsgi_app_ends_the_connection_and_says_so() {
    let site = Site::new("http2 = \"all\"\nharakiri = \"1s\"\nprocesses = 2", TELL);
    let mut client = Client::new(&site);
    client.send(&request(1, "/sleep"));
    client.farewell();
    site.printed("harakiri");
    assert!(curl(&site, "/", &[]).contains("127.0.0.1"));
}

#[test]
fn without_keepalive_a_connection_ends_with_its_streams() {
    let site = Site::new("http2 = \"all\"\nhttp-keepalive = 0", TELL);
    let mut client = Client::new(&site);
    client.send(&[request(1, "/"), request(3, "/")].concat());
    assert!(client.body(1).starts_with('[') && client.body(3).starts_with('['));
    assert_eq!(client.find(GOAWAY, 0).code(), 0);
    assert_eq!(curl(&site, "/nothing", &[]), "");
}

#[test]
fn a_reload_loses_no_stream() {
    let app = crate::asgi::app(
        r"
async def http(scope, receive, send):
    if scope['path'] == '/wait':
        print('it waits', flush=True)
        await gate()
    await answer(send, b'answered')
",
    );
    let (site, gate) = Site::gated("http2 = \"all\"", &app);
    let mut client = Client::new(&site);
    client.send(&request(1, "/wait"));
    site.printed("it waits");
    let name = &site.vassal.name;
    site.emperor
        .lictor(&["reload", "--wait", name])
        .with_code(0);
    let farewell = client.find(GOAWAY, 0);
    assert_eq!(farewell.code(), 0);
    // One that was on its way when the farewell came is taken until the client has heard it.
    client.send(&request(3, "/"));
    assert_eq!(client.body(3), "answered");
    // The answer to the ping that h2 sends behind a farewell.
    client.send(&frame(PING, ACK, 0, b"\x0b\x7b\xa2\xf0\x8b\x9b\xfe\x54"));
    assert_eq!(client.find(GOAWAY, 0).load[..4], 3_u32.to_be_bytes());
    drop(gate);
    assert_eq!(client.body(1), "answered");
    assert!(client.farewell().is_none());
}

#[test]
fn workers_that_are_replaced_lose_no_request() {
    let site = Site::new("http2 = \"all\"\nmax-requests = 50\nprocesses = 2", ASGI);
    for number in 0..200 {
        let told = curl(&site, "/", &["-d", "body"]);
        assert_eq!(told, "['2', True, 4]", "{number}");
    }
}
