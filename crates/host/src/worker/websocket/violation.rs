//! What a client can do wrong after the handshake, and the close code that answers it
//! (RFC 6455 §7.4.1). Depends on nothing.

/// Why a connection is failed (RFC 6455 §7.1.7). The text is the reason of our close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("a reserved bit is set")]
    ReservedBit,
    #[error("opcode {0} is reserved")]
    Opcode(u8),
    #[error("a frame is not masked")]
    Unmasked,
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    #[error("a control frame is fragmented")]
    FragmentedControl,
    #[error("a length is not written in the shortest way")]
    PaddedLength,
    #[error("a length has its highest bit set")]
    NegativeLength,
    #[error("a continuation without a message")]
    LoneContinuation,
    #[error("a new message inside a fragmented one")]
    InterruptedMessage,
    #[error("a close frame of one byte")]
    ShortClose,
    #[error("close code {0} must not be sent")]
    CloseCode(u16),
    #[error("text that is not UTF-8")]
    NotUtf8,
    #[error("data that cannot be decompressed")]
    NotDeflate,
    #[error("a message of too many frames")]
    TooManyFrames,
    #[error("a message larger than {0} bytes")]
    TooBig(usize),
}

impl Violation {
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::ReservedBit
            | Self::Opcode(_)
            | Self::Unmasked
            | Self::LongControl
            | Self::FragmentedControl
            | Self::PaddedLength
            | Self::NegativeLength
            | Self::LoneContinuation
            | Self::InterruptedMessage
            | Self::ShortClose
            | Self::CloseCode(_) => 1002,
            Self::NotUtf8 | Self::NotDeflate => 1007,
            Self::TooManyFrames => 1008,
            Self::TooBig(_) => 1009,
        }
    }
}
