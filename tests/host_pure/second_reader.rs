//! The gate compared with the parser that reads behind it: hyper's, by itself. Whatever passes the
//! gate has to be taken by that one, too, and must end where the gate says that it ends.

use proptest::prelude::*;

use crate::gate::Gate;

const HEAD_LIMIT_BYTES: usize = 2000;
const FIELD_LIMIT: usize = 100;

/// What the grammar is made of, right and nearly right; chance alone would hardly put it together.
const WORDS: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /a?b HTTP/1.1\r\n",
    "POST http://h/ HTTP/1.0\r\n",
    "GET * HTTP/1.1\r\n",
    "Host: h\r\n",
    "Host:\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "content-length:+3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "TE: trailers\r\n",
    "Connection: close\r\n",
    "Expect: 100-continue\r\n",
    "X_Y: z\r\n",
    "X : z\r\n",
    "X:\t z \r\n",
    " folded\r\n",
    "X: \u{ff}\r\n",
    "\r\n",
    "\n",
    "\r",
    "abc",
    "3\r\nabc\r\n",
    "3;x=\"y\"\r\nabc\r\n",
    "03\nabc\r\n",
    "0\r\n",
    "0\r\n\r\n",
    ": ",
    "\0",
];

/// Requests in order, which nearly all of them stay when a byte is changed.
const REQUESTS: &[&str] = &[
    "GET /a HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n",
    "POST /b HTTP/1.1\r\nHost: h:80\r\nContent-Length: 3\r\n\r\nabc",
    "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na;b\r\n0123456789\r\n0\r\nT: u\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n",
    "GET http://h/d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
];

/// How many requests the second reader finds, or what it cannot read.
fn requests_in(mut rest: &[u8]) -> Result<u32, String> {
    let mut count = 0;
    loop {
        rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
        if rest.is_empty() {
            return Ok(count);
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
        let mut request = httparse::Request::new(&mut fields);
        let length = match request.parse(rest) {
            Ok(httparse::Status::Complete(length)) => length,
            other => return Err(format!("no head: {other:?}")),
        };
        count += 1;
        let values = |name: &str| {
            let fields = request.headers.iter();
            let named = fields.filter(|field| field.name.eq_ignore_ascii_case(name));
            named.map(|field| field.value.to_vec()).collect::<Vec<_>>()
        };
        rest = behind(rest, length);
        let after = match (
            &values("content-length")[..],
            &values("transfer-encoding")[..],
        ) {
            ([], []) => Some(rest),
            ([length], []) => {
                let length = std::str::from_utf8(length).map_err(|error| error.to_string())?;
                let length: usize = length.parse().map_err(|error| format!("{error}"))?;
                rest.get(length..)
            }
            ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => behind_chunks(rest)?,
            framing => return Err(format!("two readings of where it ends: {framing:?}")),
        };
        match after {
            Some(after) => rest = after,
            // The last body may not be whole yet.
            None => return Ok(count),
        }
    }
}

/// What follows the first bytes, of which there are as many.
fn behind(bytes: &[u8], count: usize) -> &[u8] {
    bytes.get(count..).unwrap_or_default()
}

/// What follows a body in chunks; `None` if it is not whole.
fn behind_chunks(mut rest: &[u8]) -> Result<Option<&[u8]>, String> {
    loop {
        let (start, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("no size of a chunk".to_owned()),
        };
        rest = behind(rest, start);
        if size == 0 {
            let mut trailers = [httparse::EMPTY_HEADER; FIELD_LIMIT];
            return match httparse::parse_headers(rest, &mut trailers) {
                Ok(httparse::Status::Complete((length, _))) => Ok(Some(behind(rest, length))),
                Ok(httparse::Status::Partial) => Ok(None),
                Err(error) => Err(format!("trailers: {error}")),
            };
        }
        let size = usize::try_from(size).map_err(|error| error.to_string())?;
        let Some((_, after)) = rest.split_at_checked(size) else {
            return Ok(None);
        };
        match after {
            [b'\r', b'\n', behind @ ..] => rest = behind,
            [] | [b'\r'] => return Ok(None),
            _ => return Err("a chunk without its end".to_owned()),
        }
    }
}

/// Sends the bytes through the gate, and has what passes read again.
fn read_twice(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut gate = Gate::new(HEAD_LIMIT_BYTES);
    let mut passed = gate.take(&mut bytes.to_vec()).to_vec();
    passed.extend_from_slice(gate.ready());
    match (requests_in(&passed), gate.refusal()) {
        (Ok(count), Some(refusal)) if !refusal.is_body => prop_assert_eq!(count, refusal.heads),
        (Ok(_), _) => {}
        // A body that turns out to be broken has passed as far as it was in order.
        (Err(_), Some(refusal)) if refusal.is_body => {}
        (Err(why), _) => prop_assert!(false, "{} in {:?}", why, String::from_utf8_lossy(&passed)),
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_passes_the_gate_is_read_alike_behind_it(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..14),
    ) {
        read_twice(words.concat().as_bytes())?;
    }

    #[test]
    fn a_changed_byte_never_passes_as_something_else(
        requests in proptest::collection::vec(proptest::sample::select(REQUESTS), 1..4),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..3, any::<u8>()), 1..4),
        is_usual in any::<bool>(),
    ) {
        const USUAL: &[u8] = b"\r\n \t:;,\"0123fF-_*/\0\x7f\x80";
        let mut bytes = requests.concat().into_bytes();
        for (place, kind, wild) in changes {
            let at = place.index(bytes.len());
            let byte = if is_usual { USUAL[usize::from(wild) % USUAL.len()] } else { wild };
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        read_twice(&bytes)?;
    }
}

/// The comparison can fail: what the gate refuses, the second reader takes in part.
#[test]
fn the_second_reader_tells_requests_apart() {
    assert_eq!(requests_in(REQUESTS.concat().as_bytes()), Ok(5));
    assert!(requests_in(b"GET / HTTP/1.1\r\nHost").is_err());
    let both = "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(requests_in(both.as_bytes()).is_err());
    assert!(requests_in(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n").is_err());
}
