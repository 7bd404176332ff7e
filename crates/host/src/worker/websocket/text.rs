//! Text that comes in pieces, checked as it comes (RFC 6455 §8.1). Depends on nothing of ours but
//! the violation.

use super::violation::Violation;

/// The text so far, and the beginning of a character that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Text {
    whole: String,
    begun: [u8; 4],
    begun_length: usize,
}

impl Text {
    pub(super) fn len(&self) -> usize {
        self.whole.len() + self.begun_length
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.whole.capacity()
    }

    /// Fails at the first byte that no continuation can make right.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        while self.begun_length > 0 {
            let Some((byte, rest)) = bytes.split_first() else {
                return Ok(());
            };
            bytes = rest;
            self.complete(*byte)?;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.whole.push_str(text),
            Err(error) if error.error_len().is_some() => return Err(Violation::NotUtf8),
            Err(error) => {
                let (text, begun) = bytes
                    .split_at_checked(error.valid_up_to())
                    .unwrap_or_default();
                self.whole
                    .push_str(std::str::from_utf8(text).unwrap_or_default());
                for byte in begun {
                    self.complete(*byte)?;
                }
            }
        }
        Ok(())
    }

    /// One more byte of the character that has begun.
    fn complete(&mut self, byte: u8) -> Result<(), Violation> {
        let place = self.begun.get_mut(self.begun_length);
        *place.ok_or(Violation::NotUtf8)? = byte;
        self.begun_length += 1;
        let begun = self.begun.get(..self.begun_length).unwrap_or_default();
        match std::str::from_utf8(begun) {
            Ok(character) => {
                self.whole.push_str(character);
                self.begun_length = 0;
                Ok(())
            }
            Err(error) if error.error_len().is_some() => Err(Violation::NotUtf8),
            Err(_) => Ok(()),
        }
    }

    pub(super) fn finish(self) -> Result<String, Violation> {
        match self.begun_length {
            0 => Ok(self.whole),
            _ => Err(Violation::NotUtf8),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Text, Violation};

    #[test]
    fn characters_may_be_cut_anywhere() {
        let text = "κόσμε – 𝄞 \u{10ffff} ascii";
        for size in 1..=text.len() {
            let mut read = Text::default();
            for piece in text.as_bytes().chunks(size) {
                read.push(piece).unwrap();
            }
            assert_eq!(read.len(), text.len());
            assert_eq!(read.finish().unwrap(), text, "in pieces of {size}");
        }
    }

    /// The byte at which it fails is the first that cannot be right, however the pieces are cut.
    #[test]
    fn it_fails_at_the_first_wrong_byte() {
        let table: [(&[u8], usize); 10] = [
            (b"\x80", 0),
            (b"ok\xff", 2),
            (b"\xc0\x80", 0),
            (b"\xe0\x9f\xbf", 1),
            // A surrogate.
            (b"\xed\xa0\x80", 1),
            (b"\xf4\x90\x80\x80", 1),
            (b"\xf5", 0),
            (b"\xce\xbacut\xce!", 6),
            (b"\xf0\x9f\x98A", 3),
            (b"a\xe2\x82", 3),
        ];
        for (bytes, wrong) in table {
            let mut read = Text::default();
            for (at, byte) in bytes.iter().enumerate() {
                let expected = if at == wrong {
                    Err(Violation::NotUtf8)
                } else {
                    Ok(())
                };
                assert_eq!(read.push(&[*byte]), expected, "{bytes:x?} at {at}");
                if at == wrong {
                    break;
                }
            }
            let whole = Text::default().push(bytes);
            if wrong < bytes.len() {
                assert_eq!(whole, Err(Violation::NotUtf8), "{bytes:x?} at once");
            } else {
                assert_eq!(read.finish(), Err(Violation::NotUtf8), "{bytes:x?} ends");
            }
        }
    }

    proptest! {
        /// The standard library reads the same, and says where it fails.
        #[test]
        fn it_is_read_as_the_standard_library_reads_it(
            before in ".{0,20}",
            wild in proptest::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(&b"\x80\x9f\xbf\xc2\xe0\xed\xef\xf0\xf4"[..])],
                0..8,
            ),
            size in 1_usize..9,
        ) {
            let bytes = [before.as_bytes(), &wild].concat();
            let mut read = Text::default();
            let fails = bytes.chunks(size).position(|piece| read.push(piece).is_err());
            match std::str::from_utf8(&bytes) {
                Ok(text) => {
                    prop_assert_eq!(fails, None);
                    prop_assert_eq!(read.finish().ok(), Some(text.to_owned()));
                }
                Err(error) => match error.error_len() {
                    // Its end is missing.
                    None => {
                        prop_assert_eq!(fails, None);
                        prop_assert_eq!(read.finish(), Err(Violation::NotUtf8));
                    }
                    // The first byte that cannot be right stands behind those that could still be.
                    Some(length) => {
                        let good = error.valid_up_to();
                        let wrong = (good..=good + length)
                            .find(|end| match std::str::from_utf8(&bytes[good..=*end]) {
                                Ok(_) => false,
                                Err(error) => error.error_len().is_some(),
                            });
                        prop_assert_eq!(fails, wrong.map(|at| at / size));
                    }
                },
            }
        }
    }
}
