//! The framing of a chunked body (RFC 9112 §7.1), looked at byte by byte around the data, which is
//! skipped. Depends on nothing.

use super::bytes::{is_text, is_token};

/// All extensions of a body together.
const EXTENSION_LIMIT_BYTES: usize = 4096;
/// Fields behind the last chunk.
const TRAILER_LIMIT: usize = 100;
/// A size of this much and another digit would be beyond any body.
const SIZE_LIMIT: u64 = 1 << 56;

/// How far a chunked body has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chunks {
    step: Step,
    /// Of the chunk, or what is left of it.
    size: u64,
    extension_bytes: usize,
    trailers: usize,
    trailer_bytes: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    FirstDigit,
    Digit,
    /// Blanks before a `;`.
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// A trailer field, or the end.
    Line,
    Name,
    Value,
    ValueLf,
    EndLf,
    End,
}

/// What a look at some bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    More,
    /// The body ends after so many bytes.
    End(usize),
    /// So many bytes were in order, the next is not.
    Broken(usize),
}

impl Chunks {
    pub(super) fn look(&mut self, bytes: &[u8], trailer_limit_bytes: usize) -> Looked {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.step == Step::Data {
                let left = bytes.len() - at;
                let data = usize::try_from(self.size).unwrap_or(usize::MAX).min(left);
                self.size -= data as u64;
                at += data;
                if self.size == 0 {
                    self.step = Step::DataCr;
                }
                continue;
            }
            match self.next(*byte) {
                Some(step) => self.step = step,
                None => return Looked::Broken(at),
            }
            at += 1;
            if self.step == Step::End {
                return Looked::End(at);
            }
            if self.trailer_bytes > trailer_limit_bytes {
                return Looked::Broken(at);
            }
        }
        Looked::More
    }

    /// The step after this byte, if it may stand here.
    fn next(&mut self, byte: u8) -> Option<Step> {
        match self.step {
            Step::FirstDigit => self.add_digit(byte),
            Step::Digit => match byte {
                b'\r' => Some(Step::SizeLf),
                b';' => Some(Step::Extension),
                b' ' | b'\t' => self.count_extension(Step::Blank),
                _ => self.add_digit(byte),
            },
            Step::Blank => match byte {
                b';' => Some(Step::Extension),
                b' ' | b'\t' => self.count_extension(Step::Blank),
                _ => None,
            },
            Step::Extension => match byte {
                b'\r' => Some(Step::SizeLf),
                _ if is_text(byte) => self.count_extension(Step::Extension),
                _ => None,
            },
            Step::SizeLf => (byte == b'\n').then_some(match self.size {
                0 => Step::Line,
                _ => Step::Data,
            }),
            Step::DataCr => (byte == b'\r').then_some(Step::DataLf),
            Step::DataLf => (byte == b'\n').then_some(Step::FirstDigit),
            Step::Line | Step::Name | Step::Value | Step::ValueLf | Step::EndLf => {
                self.trailer_bytes += 1;
                self.next_of_trailers(byte)
            }
            // Data is skipped, and nothing belongs behind the end.
            Step::Data | Step::End => None,
        }
    }

    fn next_of_trailers(&mut self, byte: u8) -> Option<Step> {
        match self.step {
            Step::Line if byte == b'\r' => Some(Step::EndLf),
            Step::Line => {
                self.trailers += 1;
                (is_token(byte) && self.trailers <= TRAILER_LIMIT).then_some(Step::Name)
            }
            Step::Name if byte == b':' => Some(Step::Value),
            Step::Name => is_token(byte).then_some(Step::Name),
            Step::Value if byte == b'\r' => Some(Step::ValueLf),
            Step::Value => is_text(byte).then_some(Step::Value),
            Step::ValueLf => (byte == b'\n').then_some(Step::Line),
            Step::EndLf => (byte == b'\n').then_some(Step::End),
            Step::FirstDigit
            | Step::Digit
            | Step::Blank
            | Step::Extension
            | Step::SizeLf
            | Step::Data
            | Step::DataCr
            | Step::DataLf
            | Step::End => None,
        }
    }

    fn add_digit(&mut self, byte: u8) -> Option<Step> {
        let digit = char::from(byte).to_digit(16)?;
        if self.size >= SIZE_LIMIT {
            return None;
        }
        self.size = self.size << 4 | u64::from(digit);
        Some(Step::Digit)
    }

    fn count_extension(&mut self, step: Step) -> Option<Step> {
        self.extension_bytes += 1;
        (self.extension_bytes <= EXTENSION_LIMIT_BYTES).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunks, Looked};
    use proptest::prelude::*;

    fn look(text: impl AsRef<[u8]>) -> Looked {
        Chunks::default().look(text.as_ref(), 1000)
    }

    #[test]
    fn chunks_in_order_end_where_they_say() {
        for whole in [
            "0\r\n\r\n",
            "000\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "00A\r\n0123456789\r\n1;a=\"b c\"\r\nx\r\n0 ;z\r\nX-Sum: 1\r\nEmpty:\r\n\r\n",
        ] {
            let with_next = format!("{whole}GET /");
            assert_eq!(look(&with_next), Looked::End(whole.len()), "{whole:?}");
            for end in 0..whole.len() {
                assert_eq!(
                    look(&whole.as_bytes()[..end]),
                    Looked::More,
                    "{whole:?} {end}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_in_order_is_found_where_it_stands() {
        for (text, at) in [
            ("\r\n", 0),
            ("g", 0),
            ("-1", 0),
            ("+1", 0),
            (" 1", 0),
            ("0x1", 1),
            ("1_0", 1),
            (";a", 0),
            ("5\n", 1),
            ("5 \r\n", 2),
            ("5\rx", 2),
            ("5;a\n", 3),
            ("5;\0", 2),
            ("5;a\rb", 4),
            ("5\r\nhelloX", 8),
            ("5\r\nhello\n", 8),
            ("5\r\nhello\rX", 9),
            ("100000000000000000\r\n", 15),
            ("0\r\nX\r\n", 4),
            ("0\r\nX : 1\r\n", 4),
            ("0\r\n folded\r\n", 3),
            ("0\r\nX: a\n", 7),
            ("0\r\nX: \0\r\n", 6),
            ("0\r\n\n", 3),
            ("0\r\n\rX", 4),
        ] {
            assert_eq!(look(text), Looked::Broken(at), "{text:?}");
        }
        let long = format!("1;{}\r\n", "a".repeat(5000));
        assert!(matches!(look(&long), Looked::Broken(_)));
        let many = format!("0\r\n{}", "X: y\r\n".repeat(101));
        assert!(matches!(
            Chunks::default().look(many.as_bytes(), 10_000),
            Looked::Broken(_)
        ));
        let large = format!("0\r\nX: {}", "y".repeat(2000));
        assert!(matches!(look(&large), Looked::Broken(_)));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(
            bytes in "[0-9a-f;:X \r\n]{0,60}",
            cuts in proptest::collection::vec(1_usize..5, 0..60),
        ) {
            let bytes = bytes.as_bytes();
            let whole = Chunks::default().look(bytes, 1000);
            let (mut chunks, mut at, mut cuts) = (Chunks::default(), 0, cuts.into_iter());
            let in_pieces = loop {
                let end = (at + cuts.next().unwrap_or(1)).min(bytes.len());
                match chunks.look(&bytes[at..end], 1000) {
                    Looked::End(n) => break Looked::End(at + n),
                    Looked::Broken(n) => break Looked::Broken(at + n),
                    Looked::More if end == bytes.len() => break Looked::More,
                    Looked::More => at = end,
                }
            };
            prop_assert_eq!(whole, in_pieces);
        }
    }
}
