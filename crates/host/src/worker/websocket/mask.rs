//! Masking (RFC 6455 §5.3), in place. Depends on nothing.

/// So many bytes at a time that the compiler uses the widest registers it may.
const STRIDE: usize = 32;

/// Removes, or lays on, a mask; returns the mask for the byte that follows.
pub(super) fn apply(mask: [u8; 4], bytes: &mut [u8]) -> [u8; 4] {
    let mut wide = [0; STRIDE];
    for (byte, key) in wide.iter_mut().zip(mask.iter().cycle()) {
        *byte = *key;
    }
    let (strides, rest) = bytes.as_chunks_mut::<STRIDE>();
    for stride in strides {
        for (byte, key) in stride.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
    for (byte, key) in rest.iter_mut().zip(wide) {
        *byte ^= key;
    }
    let mut next = mask;
    next.rotate_left(rest.len() % mask.len());
    next
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn every_length_and_every_cut_gives_what_byte_by_byte_gives() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..100_usize {
            let plain: Vec<u8> = (0..length).map(|at| (at * 7).to_le_bytes()[0]).collect();
            let expected: Vec<u8> = plain
                .iter()
                .enumerate()
                .map(|(at, byte)| byte ^ mask[at % 4])
                .collect();
            for cut in 0..=length {
                let mut bytes = plain.clone();
                let (first, second) = bytes.split_at_mut(cut);
                let next = apply(mask, first);
                apply(next, second);
                assert_eq!(bytes, expected, "{length} bytes, cut at {cut}");
            }
        }
    }
}
