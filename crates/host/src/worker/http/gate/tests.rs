//! The gate as a whole: pieces of any size, and what gets through.

use proptest::prelude::*;

use super::{Gate, Refusal};

const LIMIT_BYTES: usize = 1000;

/// What passes of bytes that come in pieces of these sizes, the last size for all that follow.
fn through(bytes: &[u8], sizes: &[usize], room: usize) -> (Vec<u8>, Option<Refusal>, bool) {
    let mut gate = Gate::new(LIMIT_BYTES);
    let mut passed = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().copied();
    let mut size = 1;
    while !rest.is_empty() && gate.refusal().is_none() {
        size = sizes.next().unwrap_or(size).clamp(1, rest.len());
        let (piece, after) = rest.split_at(size);
        rest = after;
        passed.extend_from_slice(gate.take(&mut piece.to_vec()));
        while !gate.ready().is_empty() {
            let count = gate.ready().len().min(room);
            passed.extend_from_slice(&gate.ready()[..count]);
            gate.pass(count);
        }
    }
    let is_in_part = gate.is_head_in_part();
    (passed, gate.refusal(), is_in_part)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\r\n\n\0x";
const CHUNKED: &str =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\n\0\r\r\n0\r\n\r\n";

#[test]
fn what_is_in_order_passes_unchanged() {
    let all = [GET, POST, "\r\n", CHUNKED, GET, GET].concat();
    for size in 1..all.len() {
        let (passed, refusal, is_in_part) = through(all.as_bytes(), &[size], 7);
        assert_eq!((refusal, is_in_part), (None, false), "{size}");
        assert_eq!(String::from_utf8_lossy(&passed), all, "{size}");
    }
}

#[test]
fn a_head_passes_only_when_it_is_whole() {
    for end in 1..GET.len() {
        let before = [POST.as_bytes(), &GET.as_bytes()[..end]].concat();
        let (passed, refusal, is_in_part) = through(&before, &[before.len()], 100);
        assert_eq!(
            (passed.as_slice(), refusal, is_in_part),
            (POST.as_bytes(), None, true)
        );
    }
    let (passed, _, is_in_part) = through([GET, "\r\n"].concat().as_bytes(), &[1000], 100);
    assert_eq!((passed.as_slice(), is_in_part), (GET.as_bytes(), false));
}

#[test]
fn nothing_passes_behind_what_is_refused() {
    for (bad, status, passing, is_body) in [
        ("GET / HTTP/1.1\nHost: a\n\n", 400, "", false),
        ("GET / HTTP/9.1\r\n", 505, "", false),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc",
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3",
            true,
        ),
    ] {
        let all = [GET, POST, bad, GET].concat();
        for size in 1..all.len() {
            let (passed, refusal, _) = through(all.as_bytes(), &[size], 50);
            assert_eq!(
                String::from_utf8_lossy(&passed),
                [GET, POST, passing].concat()
            );
            let heads = if is_body { 3 } else { 2 };
            assert_eq!(
                refusal,
                Some(Refusal {
                    status,
                    heads,
                    is_body
                })
            );
        }
    }
}

#[test]
fn a_later_minor_version_is_the_one_that_is_spoken() {
    let (passed, ..) = through(GET.replace("1.1", "1.4").as_bytes(), &[3], 50);
    assert_eq!(String::from_utf8_lossy(&passed), GET);
}

#[test]
fn a_line_that_never_ends_is_held_only_so_far() {
    let mut gate = Gate::new(LIMIT_BYTES);
    for count in 0..=LIMIT_BYTES {
        assert_eq!(gate.refusal(), None, "{count}");
        gate.take(b"x".to_vec().as_mut_slice());
    }
    assert_eq!(gate.refusal().map(|refusal| refusal.status), Some(414));
}

proptest! {
    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(GET.to_owned()), Just(POST.to_owned()), Just(CHUNKED.to_owned()), Just("\r\n".to_owned()),
                "[A-Z]{1,4} /[a-z?]{0,5} HTTP/1.[0-3]\r\n(Host: a\r\n)?(Content-Length: [0-9]{1,2}\r\n)?\r\n",
                "[\x00-\x7f]{0,8}",
            ],
            1..6,
        ),
        sizes in proptest::collection::vec(1_usize..40, 1..40),
        room in 1_usize..100,
    ) {
        let all = parts.concat();
        prop_assert_eq!(
            through(all.as_bytes(), &[all.len()], 1000),
            through(all.as_bytes(), &sizes, room)
        );
    }

    #[test]
    fn nothing_makes_it_panic_or_make_bytes_up(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        sizes in proptest::collection::vec(1_usize..40, 1..40),
    ) {
        let (passed, ..) = through(&bytes, &sizes, 10);
        prop_assert!(passed.len() <= bytes.len());
    }
}

/// Who speaks something else behind a head gets every byte behind it, whole or in parts.
#[test]
fn what_is_no_request_is_left_for_another_protocol() {
    let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for frames in [&b"\x81\x82abcd"[..], b"GE", b"\r\n\x00", b""] {
        let whole = [head, frames].concat();
        for cut in 1..whole.len() {
            let mut gate = Gate::new(8192);
            let mut passed = 0;
            for part in [whole.get(..cut), whole.get(cut..)] {
                let mut part = part.unwrap_or_default().to_vec();
                // After a refusal nothing more is read.
                if gate.refusal().is_none() {
                    passed += gate.take(&mut part).len();
                }
                let ready = gate.ready().len();
                gate.pass(ready);
                passed += ready;
            }
            let rest = gate.into_rest();
            assert!(passed == head.len(), "{frames:x?} cut at {cut}");
            let behind = whole.get(passed..passed + rest.len());
            assert_eq!(behind, Some(&*rest), "{frames:x?} cut at {cut}");
            assert!(cut < head.len() || rest.len() == cut - head.len() || rest == frames);
        }
    }
}
