//! The variables of a request (RFC 3875 §4.1, and whatever the web server adds).

use std::ops::Range;

use bytes::Bytes;

use super::refusal::Refusal;

/// So many variables are looked at; nginx sends about twenty and one for each field of the client's.
const COUNT_LIMIT: usize = 1024;

/// Names and values in the order of the web server, in the one block that they came in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    block: Bytes,
    places: Vec<(Range<usize>, Range<usize>)>,
    /// The web server has left it to us to take `SCRIPT_NAME` away from the front of `PATH_INFO`.
    pub(crate) is_mount_in_path: bool,
}

impl Variables {
    pub(super) fn new(block: Bytes) -> Self {
        Self {
            block,
            places: Vec::with_capacity(32),
            is_mount_in_path: false,
        }
    }

    pub(super) fn block(&self) -> &Bytes {
        &self.block
    }

    /// Notes one more variable. Names are as in an environment: visible ASCII without `=`. Empty
    /// values mean that there is none.
    pub(super) fn push(&mut self, name: Range<usize>, value: Range<usize>) -> Result<(), Refusal> {
        let is_name = |byte: &u8| byte.is_ascii_graphic() && *byte != b'=';
        let (Some(written), Some(said)) =
            (self.block.get(name.clone()), self.block.get(value.clone()))
        else {
            return Err(Refusal::Variables);
        };
        if written.is_empty() || !written.iter().all(is_name) || said.contains(&0) {
            return Err(Refusal::Variables);
        }
        if self.places.len() == COUNT_LIMIT {
            return Err(Refusal::TooLarge);
        }
        self.places.push((name, value));
        Ok(())
    }

    /// All of them. A name may come twice; the last counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.places.iter().map(|(name, value)| {
            let name = self.block.get(name.clone()).unwrap_or_default();
            let value = self.block.get(value.clone()).unwrap_or_default();
            (str::from_utf8(name).unwrap_or_default(), value)
        })
    }

    /// The value of one, if it is there and not empty.
    pub(crate) fn get(&self, wanted: &str) -> Option<&[u8]> {
        let (_, value) = self.iter().filter(|(name, _)| *name == wanted).last()?;
        (!value.is_empty()).then_some(value)
    }

    /// How long the body is.
    pub(crate) fn content_length(&self) -> Result<u64, Refusal> {
        let Some(said) = self.get("CONTENT_LENGTH") else {
            return Ok(0);
        };
        let is_number = said.len() <= 18 && said.iter().all(u8::is_ascii_digit);
        let number = str::from_utf8(said).ok().filter(|_| is_number);
        number
            .and_then(|number| number.parse().ok())
            .ok_or(Refusal::ContentLength)
    }
}
