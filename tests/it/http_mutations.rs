//! Requests that were right, changed at random and sent to the real binary: the app sees at most what
//! a second, plain reading of RFC 9112 finds in the same bytes.

mod reference;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use self::reference::Message;
use crate::http_hostile::RECORDER;
use crate::site::{Site, json};

/// How long requests are changed and sent.
const BUDGET: Duration = Duration::from_secs(6);
const BYTES: &[u8] = b"\r\n\t\0 :;,-_+=0159afX/?*#@[]\"\x7f\x80\xff";

const SEEDS: [&str; 7] = [
    "GET /a?b=c HTTP/1.1\r\nHost: a.example:80\r\nUser-Agent: x/1.0 (y; z)\r\nAccept: */*\r\n\r\n",
    "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nX-Foo: 1\r\n\r\nhello world",
    "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX: y\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://a.example/d HTTP/1.1\r\nHost: b\r\nX_Foo: 1\r\n\r\n",
    "PUT /e HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
    "\r\nGET /f HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-continue\r\n\r\n",
];

/// Numbers that look random, and the same again for the same seed (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 1).unwrap_or(0) % limit.max(1)
    }

    /// Changes bytes in one of the ways that have fooled servers.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let interesting = BYTES[self.below(BYTES.len())];
        match self.below(8) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes[at] = interesting,
            3 | 4 => bytes.insert(at, interesting),
            5 => drop(bytes.remove(at)),
            _ => {
                // A line is said twice, or moves.
                let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                let line = lines[self.below(lines.len())].to_vec();
                let to = self.below(lines.len());
                let place = lines[..to].concat().len();
                drop(bytes.splice(place..place, line));
            }
        }
        if bytes.is_empty() {
            bytes.push(interesting);
        }
    }
}

/// Whether what the app saw is what the reference found, or less.
fn is_at_most(seen: &[Value], expected: &[Message]) -> bool {
    seen.len() <= expected.len()
        && seen.iter().zip(expected).all(|(seen, expected)| {
            let body = seen[2]
                .as_str()
                .map(|body| body.chars().map(|c| c as u8).collect::<Vec<u8>>());
            // The environ has the target without scheme and host, and `/` where there is no path.
            let target = seen[1].as_str().unwrap_or("?");
            seen[0] == expected.method.as_str()
                && (expected.target.ends_with(target) || target == "/")
                && (body.is_none() || body == expected.body)
        })
}

#[test]
fn an_app_sees_at_most_what_the_grammar_has() {
    let site = Site::new("", RECORDER);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let start = now.map_or(1, |now| {
        u64::from(now.subsec_nanos()) << 32 | now.as_secs() | 1
    });
    let mut random = Random(start);
    let began = Instant::now();
    let (mut sent, mut reached) = (0, 0);
    while began.elapsed() < BUDGET {
        let mut bytes = Vec::new();
        for _ in 0..=random.below(3) {
            bytes.extend_from_slice(SEEDS[random.below(SEEDS.len())].as_bytes());
        }
        // The first round shows that they are right as they stand.
        for _ in 0..if sent < 20 { 0 } else { 1 + random.below(3) } {
            random.change(&mut bytes);
        }
        let expected = reference::read(&bytes);
        let mut stream = site.stream();
        let mut answer = Vec::new();
        // A server that has refused may have closed already.
        let _closed = stream
            .write_all(&bytes)
            .and_then(|()| stream.shutdown(Shutdown::Write));
        let _reset = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let told = json(&site.get("/seen"));
        let seen = told.as_array().expect("it is a list");
        let shown = format!(
            "start {start}: {:?}\nseen {told}\n{answer}",
            String::from_utf8_lossy(&bytes)
        );
        assert!(is_at_most(seen, &expected), "{shown}\n{expected:?}");
        if sent < 20 {
            assert_eq!(seen.len(), expected.len(), "{shown}");
        }
        // What is refused is refused by us, not by hyper in its own words.
        let finals = answer.matches("HTTP/1.").count() - answer.matches(" 100 Continue").count();
        assert_eq!(
            answer.matches("server: lictor\r\n").count(),
            finals,
            "{shown}"
        );
        sent += 1;
        reached += seen.len();
    }
    // That both happen often is what makes it a test.
    assert!(
        sent > 200 && reached > sent / 5,
        "{reached} of {sent} reached the app"
    );
}
