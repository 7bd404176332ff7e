//! Nobody waits behind a busy thread while another is free.

use crate::site::Site;

/// Says who answers; `/slow` waits at the gate.
const WHO: &str = r"
import os, threading

def application(environ, start_response):
    if environ['PATH_INFO'] == '/slow':
        print('begun', environ['QUERY_STRING'], flush=True)
        with open('gate', 'rb', 0) as gate:
            gate.read(1)
    start_response('200 OK', [])
    return [b'%d %d' % (os.getpid(), threading.get_ident())]
";

/// A request that says that it has begun, and which.
fn slow(round: usize) -> Vec<u8> {
    format!("GET /slow?{round}. HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

const FAST: &[u8] = b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn kept_and_pipelined_requests_find_the_free_thread() {
    let (site, mut gate) = Site::gated("threads = 2", WHO);
    // Some of these were answered by the thread that will be busy.
    let mut kept: Vec<_> = (0..16).map(|_| site.connect()).collect();
    for connection in &mut kept {
        connection.send(FAST).expect("it reads");
    }
    for connection in &mut kept {
        connection.receive().expect("it answers");
    }
    for round in 0..5 {
        let busy = round * 3;
        // What follows on the same connection waits for its own answer, as it must.
        kept[busy]
            .send(&[&slow(round), FAST].concat())
            .expect("it reads");
        site.printed(&format!("begun {round}."));
        for _ in 0..3 {
            for (number, connection) in kept.iter_mut().enumerate() {
                if number != busy {
                    connection
                        .send(&[FAST, FAST, FAST].concat())
                        .expect("it reads");
                }
            }
            for (number, connection) in kept.iter_mut().enumerate() {
                for _ in 0..if number == busy { 0 } else { 3 } {
                    connection.receive().expect("the free thread answers");
                }
            }
        }
        gate.let_go(1);
        for _ in 0..2 {
            kept[busy].receive().expect("it answers");
        }
    }
}

#[test]
fn connections_that_come_together_do_not_wait_for_the_first() {
    let (site, mut gate) = Site::gated("threads = 2", WHO);
    for round in 0..10 {
        let mut first = site.connect();
        let mut others: Vec<_> = (0..20).map(|_| site.connect()).collect();
        first.send(&slow(round)).expect("it reads");
        for other in &mut others {
            other.send(FAST).expect("it reads");
        }
        for other in &mut others {
            other.receive().expect("the free thread answers");
        }
        gate.let_go(1);
        first.receive().expect("it answers");
    }
}

#[test]
fn a_new_connection_goes_to_the_idle_worker() {
    let (site, mut gate) = Site::gated("processes = 2", WHO);
    for round in 0..10 {
        let mut first = site.connect();
        first.send(&slow(round)).expect("it reads");
        site.printed(&format!("begun {round}."));
        let mut others = Vec::new();
        for _ in 0..10 {
            others.push(site.get("/fast").body);
        }
        gate.let_go(1);
        let busy = first.receive().expect("it answers").body;
        let busy = busy.split(' ').next().expect("a process");
        assert!(
            others.iter().all(|other| !other.starts_with(busy)),
            "{busy}: {others:?}"
        );
    }
}

/// Says which thread answers and how large its stack is, when both threads are in a request.
const STACK: &str = r"
import ctypes, threading

both = threading.Barrier(2)
libc = ctypes.CDLL(None)
libc.pthread_self.restype = ctypes.c_void_p

def stack():
    attributes = ctypes.create_string_buffer(256)
    libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes)
    size = ctypes.c_size_t()
    libc.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    return size.value

def application(environ, start_response):
    both.wait(60)
    start_response('200 OK', [])
    return [b'%s %d %d' % (threading.current_thread().name.encode(), stack(), threading.stack_size())]
";

#[test]
fn further_threads_have_the_stack_that_is_asked_for() {
    let site = Site::new("threads = 2\nthread-stack-size = 512", STACK);
    let mut connections = [site.connect(), site.connect()];
    for connection in &mut connections {
        connection.send(FAST).expect("it reads");
    }
    let answers = connections.map(|mut connection| connection.receive().expect("it answers").body);
    let further = answers.iter().find(|answer| !answer.starts_with("Main"));
    // That of the app's own threads is as before.
    assert_eq!(
        further.map(String::as_str),
        Some("lictor-2 524288 0"),
        "{answers:?}"
    );
}
