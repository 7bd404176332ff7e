//! Why a request that a web server handed on never reaches the app.

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// uwsgi's other modifiers ask for RPC, signals, caches, code: none of that is for a peer to ask.
    #[error("modifier1 is {0}, and only requests for the app (0) are served")]
    Modifier(u8),
    #[error("the variables are larger than buffer-size allows")]
    TooLarge,
    #[error("the block of variables is malformed")]
    Variables,
    #[error("CONTENT_LENGTH is no number")]
    ContentLength,
    #[error("the record is malformed")]
    Record,
    #[error("FastCGI version {0}, where there is only version 1")]
    Version(u8),
    #[error("the body is not as long as CONTENT_LENGTH says")]
    Body,
}

impl Refusal {
    /// The status that the web server may pass on, if it can be told at all.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::TooLarge => 431,
            Self::Modifier(_) => 501,
            Self::Variables
            | Self::ContentLength
            | Self::Record
            | Self::Version(_)
            | Self::Body => 400,
        }
    }
}
