//! SCGI: a netstring of variables, each name and value ended by NUL, then the body.

use bytes::{Buf, BytesMut};

use super::refusal::Refusal;
use super::variables::Variables;

/// The length of a netstring has no more digits than this.
const DIGITS_LIMIT: usize = 7;

/// Takes the variables of a request from the front of what has arrived, once all are there.
pub(super) fn take_variables(
    held: &mut BytesMut,
    limit: usize,
) -> Result<Option<Variables>, Refusal> {
    let digits = held.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > DIGITS_LIMIT {
        return Err(Refusal::TooLarge);
    }
    match held.get(digits) {
        None => return Ok(None),
        Some(b':') if digits > 0 => {}
        Some(_) => return Err(Refusal::Variables),
    }
    let number = held
        .get(..digits)
        .and_then(|digits| str::from_utf8(digits).ok());
    let size: usize = number
        .and_then(|number| number.parse().ok())
        .ok_or(Refusal::Variables)?;
    if size > limit {
        return Err(Refusal::TooLarge);
    }
    let start = digits + 1;
    match held.get(start + size) {
        None => return Ok(None),
        Some(b',') => {}
        Some(_) => return Err(Refusal::Variables),
    }
    held.advance(start);
    let block = held.split_to(size).freeze();
    held.advance(1);
    split(Variables::new(block)).map(Some)
}

/// `CONTENT_LENGTH` comes first and `SCGI` says 1, or it is something else.
fn split(mut variables: Variables) -> Result<Variables, Refusal> {
    let block = variables.block().clone();
    let mut at = 0;
    while at < block.len() {
        let name = at..until_nul(&block, at)?;
        let value = name.end + 1..until_nul(&block, name.end + 1)?;
        at = value.end + 1;
        variables.push(name, value)?;
    }
    let first = variables.iter().next();
    if first.is_none_or(|(name, _)| name != "CONTENT_LENGTH") || variables.get("SCGI") != Some(b"1")
    {
        return Err(Refusal::Variables);
    }
    Ok(variables)
}

fn until_nul(block: &[u8], from: usize) -> Result<usize, Refusal> {
    let rest = block.get(from..).ok_or(Refusal::Variables)?;
    let length = rest.iter().position(|byte| *byte == 0);
    Ok(from + length.ok_or(Refusal::Variables)?)
}
