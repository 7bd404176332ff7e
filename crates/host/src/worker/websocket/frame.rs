//! Frame heads (RFC 6455 §5.2): read strictly, written in the shortest way. Knows no message.

use bytes::{BufMut, BytesMut};

use super::violation::Violation;

/// The longest head: two bytes, eight of length, four of mask.
const LONGEST: usize = 14;
/// The most that a control frame carries.
pub(super) const CONTROL_LIMIT: usize = 125;

const FINAL: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const RESERVED: u8 = 0x30;
const MASKED: u8 = 0x80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn read(bits: u8) -> Result<Self, Violation> {
        match bits {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xa => Ok(Self::Pong),
            other => Err(Violation::Opcode(other)),
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The head of a frame from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) is_final: bool,
    /// RSV1: the message that begins here is compressed (RFC 7692 §6).
    pub(super) is_compressed: bool,
    pub(super) opcode: Opcode,
    pub(super) length: u64,
    pub(super) mask: [u8; 4],
}

/// Gathers a head that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    bytes: [u8; LONGEST],
    have: usize,
}

impl HeadReader {
    /// Takes from the input what the head needs; says how much that was. Whatever is wrong is found
    /// at the first byte that makes it so.
    pub(super) fn read(
        &mut self,
        input: &[u8],
        may_be_compressed: bool,
    ) -> Result<(usize, Option<Head>), Violation> {
        if self.have == 0
            && let Some((taken, head)) = parse(input, may_be_compressed)?
        {
            return Ok((taken, Some(head)));
        }
        for (at, byte) in input.iter().enumerate() {
            if let Some(place) = self.bytes.get_mut(self.have) {
                *place = *byte;
            }
            self.have += 1;
            let bytes = self.bytes.get(..self.have).unwrap_or_default();
            if let Some((_, head)) = parse(bytes, may_be_compressed)? {
                self.have = 0;
                return Ok((at + 1, Some(head)));
            }
        }
        Ok((input.len(), None))
    }
}

/// The head at the beginning of some bytes and how long it is, once it is whole.
fn parse(bytes: &[u8], may_be_compressed: bool) -> Result<Option<(usize, Head)>, Violation> {
    let [first, rest @ ..] = bytes else {
        return Ok(None);
    };
    let opcode = Opcode::read(first & 0x0f)?;
    let is_final = first & FINAL != 0;
    let is_compressed = first & COMPRESSED != 0;
    let begins_message = matches!(opcode, Opcode::Text | Opcode::Binary);
    if first & RESERVED != 0 || is_compressed && !(may_be_compressed && begins_message) {
        return Err(Violation::ReservedBit);
    }
    if opcode.is_control() && !is_final {
        return Err(Violation::FragmentedControl);
    }
    let [second, rest @ ..] = rest else {
        return Ok(None);
    };
    if second & MASKED == 0 {
        return Err(Violation::Unmasked);
    }
    let short = second & !MASKED;
    if opcode.is_control() && usize::from(short) > CONTROL_LIMIT {
        return Err(Violation::LongControl);
    }
    let Some((length, rest)) = read_length(short, rest)? else {
        return Ok(None);
    };
    let Some((mask, payload)) = rest.split_first_chunk() else {
        return Ok(None);
    };
    let head = Head {
        is_final,
        is_compressed,
        opcode,
        length,
        mask: *mask,
    };
    Ok(Some((bytes.len() - payload.len(), head)))
}

/// The length and what follows it, once it is there.
fn read_length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Violation> {
    match short {
        126 => match rest.split_first_chunk() {
            None => Ok(None),
            Some((length, rest)) => match u16::from_be_bytes(*length) {
                0..126 => Err(Violation::PaddedLength),
                length => Ok(Some((u64::from(length), rest))),
            },
        },
        127 => match rest.split_first_chunk() {
            None => Ok(None),
            Some((length, rest)) => match u64::from_be_bytes(*length) {
                0..0x1_0000 => Err(Violation::PaddedLength),
                length if length >> 63 != 0 => Err(Violation::NegativeLength),
                length => Ok(Some((length, rest))),
            },
        },
        short => Ok(Some((u64::from(short), rest))),
    }
}

/// Lays down a whole frame of ours, which is never masked (RFC 6455 §5.1).
pub(super) fn write(out: &mut BytesMut, opcode: Opcode, is_compressed: bool, payload: &[u8]) {
    let compressed = if is_compressed { COMPRESSED } else { 0 };
    out.reserve(LONGEST + payload.len());
    out.put_u8(FINAL | compressed | opcode.bits());
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => out.put_u8(short),
        (_, Ok(medium)) => {
            out.put_u8(126);
            out.put_u16(medium);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(length as u64);
        }
    }
    out.put_slice(payload);
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{Head, HeadReader, Opcode, Violation, write};

    const MASK: [u8; 4] = [1, 2, 3, 4];

    fn read(bytes: &[u8]) -> Result<(usize, Option<Head>), Violation> {
        HeadReader::default().read(bytes, true)
    }

    fn length_of(bytes: &[u8]) -> u64 {
        let masked = [bytes, &MASK].concat();
        let (taken, head) = read(&masked).unwrap();
        assert_eq!(taken, masked.len());
        let head = head.unwrap();
        assert_eq!(head.mask, MASK);
        head.length
    }

    #[test]
    fn lengths_of_all_three_kinds() {
        assert_eq!(length_of(&[0x82, 0x80]), 0);
        assert_eq!(length_of(&[0x82, 0xfd]), 125);
        assert_eq!(length_of(&[0x82, 0xfe, 0, 126]), 126);
        assert_eq!(length_of(&[0x82, 0xfe, 0xff, 0xff]), 0xffff);
        assert_eq!(length_of(&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]), 0x1_0000);
        let longest = [0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255];
        assert_eq!(length_of(&longest), u64::MAX >> 1);
    }

    #[test]
    fn what_is_wrong_is_found_at_once() {
        let table: [(&[u8], Violation); 16] = [
            (&[0xa1], Violation::ReservedBit),
            (&[0x91], Violation::ReservedBit),
            // RSV1 stands on the first frame of a message only.
            (&[0xc0], Violation::ReservedBit),
            (&[0xc8], Violation::ReservedBit),
            (&[0xc9], Violation::ReservedBit),
            (&[0x83], Violation::Opcode(3)),
            (&[0x87], Violation::Opcode(7)),
            (&[0x8b], Violation::Opcode(11)),
            (&[0x8f], Violation::Opcode(15)),
            (&[0x08], Violation::FragmentedControl),
            (&[0x09], Violation::FragmentedControl),
            (&[0x81, 0x05], Violation::Unmasked),
            (&[0x89, 0xfe], Violation::LongControl),
            (&[0x82, 0xfe, 0, 125], Violation::PaddedLength),
            (
                &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 255, 255],
                Violation::PaddedLength,
            ),
            (
                &[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
                Violation::NegativeLength,
            ),
        ];
        for (bytes, violation) in table {
            assert_eq!(read(bytes), Err(violation), "{bytes:x?}");
            let (_, shorter) = bytes.split_last().unwrap();
            assert_eq!(read(shorter), Ok((shorter.len(), None)), "{shorter:x?}");
        }
        let uncompressed = HeadReader::default().read(&[0xc1], false);
        assert_eq!(uncompressed, Err(Violation::ReservedBit));
    }

    #[test]
    fn a_head_may_come_byte_by_byte() {
        let bytes = [0x42, 0xfe, 1, 0, 9, 8, 7, 6, 0xff];
        let mut reader = HeadReader::default();
        for byte in &bytes[..7] {
            assert_eq!(reader.read(&[*byte], true), Ok((1, None)));
        }
        let head = Head {
            is_final: false,
            is_compressed: true,
            opcode: Opcode::Binary,
            length: 256,
            mask: [9, 8, 7, 6],
        };
        assert_eq!(reader.read(&bytes[7..], true), Ok((1, Some(head))));
    }

    /// RFC 6455 §5.7, what a server sends.
    #[test]
    fn frames_are_written_as_in_the_examples() {
        let mut out = BytesMut::new();
        write(&mut out, Opcode::Text, false, b"Hello");
        assert_eq!(&out[..], b"\x81\x05Hello");
        for (length, head) in [
            (256, &b"\x82\x7e\x01\x00"[..]),
            (125, b"\x82\x7d"),
            (126, b"\x82\x7e\x00\x7e"),
            (65535, b"\x82\x7e\xff\xff"),
            (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ] {
            let mut out = BytesMut::new();
            write(&mut out, Opcode::Binary, false, &vec![7; length]);
            assert_eq!(&out[..head.len()], head);
            assert_eq!(out.len(), head.len() + length);
        }
    }
}
