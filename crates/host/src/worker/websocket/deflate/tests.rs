//! What permessage-deflate makes of messages, checked against the examples of its RFC and both ways.

use super::super::extensions::{agree, parse};
use super::{Compression, STREAM_LIMIT, Violation, decompress};

const LIMIT: usize = 1 << 20;

fn compression(offer: &str) -> Compression {
    Compression::new(agree(&parse(offer).unwrap()).unwrap())
}

/// The client's side of what we send: the same window, the other way round.
fn read_by_client(tail: &mut Vec<u8>, message: Vec<u8>) -> Vec<u8> {
    let text = decompress(tail, message, LIMIT).unwrap();
    tail.extend_from_slice(&text);
    text
}

/// RFC 7692 §7.2.3.1 to §7.2.3.6.
#[test]
fn the_examples_of_the_rfc() {
    let table: [(&[u8], &[u8]); 5] = [
        (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], b"Hello"),
        // No compression.
        (
            &[
                0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
            ],
            b"Hello",
        ),
        // BFINAL set.
        (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], b"Hello"),
        // Two blocks.
        (
            &[
                0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
            ],
            b"Hello",
        ),
        (&[0x00], b""),
    ];
    for (compressed, text) in table {
        assert_eq!(
            decompress(b"", compressed.to_vec(), LIMIT).unwrap(),
            text,
            "{compressed:x?}"
        );
    }
    // Sharing the window: the second refers to the first.
    let mut keeping = compression("permessage-deflate; client_max_window_bits");
    let first = vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let second = vec![0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(keeping.decompress(first.clone(), LIMIT).unwrap(), b"Hello");
    assert_eq!(keeping.decompress(second.clone(), LIMIT).unwrap(), b"Hello");
    let mut forgetting = compression("permessage-deflate; client_no_context_takeover");
    assert_eq!(forgetting.decompress(first, LIMIT).unwrap(), b"Hello");
    assert_eq!(
        forgetting.decompress(second, LIMIT),
        Err(Violation::NotDeflate)
    );
}

#[test]
fn what_we_send_can_be_read_and_shrinks_by_what_was_sent_before() {
    let message = |number: u32| {
        format!(
            "{{\"number\":{number},\"kind\":\"measurement\",\"place\":\"roof\",\"unit\":\"kelvin\",\"value\":{}}}",
            number * 7
        )
    };
    for (offer, keeps) in [
        ("permessage-deflate", true),
        ("permessage-deflate; server_max_window_bits=9", true),
        ("permessage-deflate; server_no_context_takeover", false),
    ] {
        let mut ours = compression(offer);
        let mut tail = Vec::new();
        let mut sizes = Vec::new();
        for number in 0..40 {
            let text = message(number);
            let compressed = ours.compress(text.as_bytes()).unwrap();
            sizes.push(compressed.len());
            if !keeps {
                tail.clear();
            }
            assert_eq!(
                read_by_client(&mut tail, compressed),
                text.as_bytes(),
                "{offer}"
            );
        }
        assert_eq!(sizes[39] * 2 < sizes[0], keeps, "{offer}: {sizes:?}");
    }
}

#[test]
fn what_does_not_shrink_is_sent_as_it_is_and_not_referred_to() {
    let mut ours = compression("permessage-deflate");
    assert_eq!(ours.compress(&[b'a'; 63]), None);
    let mut number = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        number.to_be_bytes()[0]
    })
    .take(700)
    .collect();
    assert_eq!(ours.compress(&noise), None);
    // The client has never seen the noise in its window.
    let half = [&noise[..100], &[b'x'; 200]].concat();
    let compressed = ours.compress(&half).unwrap();
    assert_eq!(decompress(b"", compressed, LIMIT).unwrap(), half);
}

#[test]
fn long_messages_cross_every_piece() {
    for length in [8191_u32, 8192, 8193, 100_000, 1 << 20] {
        let text: Vec<u8> = (0..length)
            .map(|at| (at.wrapping_mul(at) >> 7).to_le_bytes()[0])
            .collect();
        let mut ours = compression("permessage-deflate");
        if let Some(compressed) = ours.compress(&text) {
            assert_eq!(decompress(b"", compressed, LIMIT).unwrap(), text);
        }
    }
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let mut ours = compression("permessage-deflate");
    let bomb = ours.compress(&vec![0; 1 << 20]).unwrap();
    assert!(bomb.len() < 2000);
    assert_eq!(decompress(b"", bomb.clone(), LIMIT).unwrap().len(), LIMIT);
    assert_eq!(
        decompress(b"", bomb, LIMIT - 1),
        Err(Violation::TooBig(LIMIT - 1))
    );
}

#[test]
fn garbage_and_too_many_streams_are_refused() {
    for garbage in [
        &[0xff_u8, 0xff][..],
        &[0x06],
        b"hello, world",
        &[0x00, 0x05, 0x00],
    ] {
        assert_eq!(
            decompress(b"", garbage.to_vec(), LIMIT),
            Err(Violation::NotDeflate),
            "{garbage:x?}"
        );
    }
    // An empty final block of ten bits, again and again.
    let stream = [0x03, 0x00];
    assert!(decompress(b"", stream.repeat(STREAM_LIMIT as usize - 1), LIMIT).is_ok());
    let many = stream.repeat(STREAM_LIMIT as usize);
    assert_eq!(decompress(b"", many, LIMIT), Err(Violation::NotDeflate));
}

#[test]
fn what_an_idle_connection_keeps() {
    let mut ours = compression("permessage-deflate; client_max_window_bits");
    for number in 0..100_usize {
        let text: Vec<u8> = (0..5000)
            .map(|at: usize| ((at * (number + 1)) >> 5).to_le_bytes()[0])
            .collect();
        let _compressed = ours.compress(&text);
        ours.received.push(&text);
    }
    assert_eq!(ours.sent.bytes().len(), 1024);
    assert_eq!(ours.received.bytes().len(), 4096);
}
