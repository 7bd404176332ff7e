//! The uwsgi protocol (uwsgi-docs, Protocol): four bytes, a block of variables, then the body.

use bytes::{Buf, BytesMut};

use super::refusal::Refusal;
use super::variables::Variables;

/// modifier1, the size of the block in two bytes, least first, modifier2.
const HEAD_BYTES: usize = 4;

/// modifier1 of a request.
const REQUEST: u8 = 0;
/// modifier1 of a request of which `PATH_INFO` begins with `SCRIPT_NAME`, to be taken away.
const MANAGE_PATH_INFO: u8 = 30;

/// Takes the variables of a request from the front of what has arrived, once all are there.
pub(super) fn take_variables(
    held: &mut BytesMut,
    limit: usize,
) -> Result<Option<Variables>, Refusal> {
    let Some((&[modifier, low, high, _], _)) = held.split_first_chunk::<HEAD_BYTES>() else {
        return Ok(None);
    };
    if modifier != REQUEST && modifier != MANAGE_PATH_INFO {
        return Err(Refusal::Modifier(modifier));
    }
    let size = usize::from(u16::from_le_bytes([low, high]));
    if size > limit {
        return Err(Refusal::TooLarge);
    }
    if held.len() < HEAD_BYTES + size {
        return Ok(None);
    }
    held.advance(HEAD_BYTES);
    let mut variables = Variables::new(held.split_to(size).freeze());
    variables.is_mount_in_path = modifier == MANAGE_PATH_INFO;
    let block = variables.block().clone();
    let mut at = 0;
    while at < size {
        let name = sized(&block, at)?;
        let value = sized(&block, name.end)?;
        at = value.end;
        variables.push(name, value)?;
    }
    Ok(Some(variables))
}

/// The range behind a length in two bytes.
fn sized(block: &[u8], at: usize) -> Result<std::ops::Range<usize>, Refusal> {
    let length = block.get(at..).and_then(<[u8]>::first_chunk::<2>);
    let length = usize::from(u16::from_le_bytes(*length.ok_or(Refusal::Variables)?));
    let start = at + 2;
    if block.len() < start + length {
        return Err(Refusal::Variables);
    }
    Ok(start..start + length)
}
