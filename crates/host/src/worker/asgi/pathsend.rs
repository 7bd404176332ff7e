//! `http.response.pathsend`: a file as the body.
//!
//! A regular file leaves here at once and goes to the client while the app does something else. What
//! has no length to rely on is read piece by piece, as the client takes it.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::awaitable::Wanted;
use super::call::Call;
use super::message::{os_error, required};
use super::send::{Left, in_order};
use crate::worker::exchange::{FilePart, Outcome};
use crate::worker::sync::lock;

/// How much of a file is read at once.
const FILE_PIECE_BYTES: usize = 64 * 1024;

impl Call {
    /// `http.response.pathsend`: a file is the body.
    pub(super) fn take_path(&self, message: &Bound<'_, PyDict>) -> Left {
        let py = message.py();
        let path: PathBuf = required(message, intern!(py, "path"))?.extract()?;
        self.check_client()?;
        in_order(lock(&self.state).reply.expects_file())?;
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let (facts, file) = opened.map_err(|error| os_error(py, &error, &path))?;
        if facts.is_file() && self.send_file(&file, facts.len())? {
            return Ok(None);
        }
        lock(&self.state).file = Some(file);
        Ok(Some(Wanted::File))
    }

    /// Hands over a whole answer whose body is a regular file, which goes to the client while the app
    /// does something else. False if it has to be read here.
    fn send_file(&self, file: &File, size: u64) -> PyResult<bool> {
        let part = lock(&self.state).reply.part_of_file(size);
        let Some(length) = part else {
            return Ok(false);
        };
        let file = Arc::new(file.try_clone()?.into());
        let mut head = {
            let mut state = lock(&self.state);
            let whole = usize::try_from(size).unwrap_or(usize::MAX);
            in_order(state.reply.body(whole, false))?;
            state.head.take().unwrap_or_default()
        };
        head.content_length = None;
        head.fields
            .retain(|(name, _)| !name.eq_ignore_ascii_case(b"content-length"));
        let offset = 0;
        let part = FilePart {
            file,
            offset,
            length,
        };
        self.complete(Outcome::File(head, part));
        Ok(true)
    }

    /// Sends as much of a file as the client takes now.
    pub(super) fn poll_file(&self, py: Python<'_>) -> PyResult<Poll<()>> {
        loop {
            if self.poll_room()?.is_pending() {
                return Ok(Poll::Pending);
            }
            let (step, piece) = {
                let mut state = lock(&self.state);
                let state = &mut *state;
                let Some(file) = &mut state.file else {
                    return Ok(Poll::Ready(()));
                };
                let mut piece = vec![0; FILE_PIECE_BYTES];
                // An answer without a body needs no byte of it.
                let count = if state.reply.is_bodiless() || state.reply.is_replaced() {
                    0
                } else {
                    file.read(&mut piece)?
                };
                piece.truncate(count);
                if count == 0 {
                    state.file = None;
                }
                (in_order(state.reply.body(count, count > 0))?, piece)
            };
            self.carry_out(py, step, &Bytes::from(piece));
        }
    }
}
