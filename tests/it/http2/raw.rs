//! A client of HTTP/2 that hides nothing: frames in, frames out.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::site::Site;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `GET`, `http`, and an authority.
pub(super) const HEAD: &[u8] = &[0x82, 0x86, 0x01, 1, b'a'];
const POST: u8 = 0x83;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const ACK: u8 = 1;

pub(super) fn frame(sort: u8, flags: u8, stream: u32, load: &[u8]) -> Vec<u8> {
    let length = u32::try_from(load.len()).expect("it is short");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([sort, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(load);
    frame
}

pub(super) fn request(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, 5, stream, &head(HEAD[0], path, &[]))
}

/// The head of an upload of so many bytes.
pub(super) fn upload(stream: u32, path: &str, bytes: usize) -> Vec<u8> {
    let length = bytes.to_string();
    let mut field = vec![0x0f, 0x0d, u8::try_from(length.len()).expect("it is short")];
    field.extend(length.as_bytes());
    frame(HEADERS, 4, stream, &head(POST, path, &field))
}

/// A request with these fields.
pub(super) fn request_with(stream: u32, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("it is short"));
            block.extend(text.as_bytes());
        }
    }
    frame(HEADERS, 5, stream, &head(HEAD[0], path, &block))
}

fn head(method: u8, path: &str, more: &[u8]) -> Vec<u8> {
    let mut head = HEAD.to_vec();
    head[0] = method;
    head.extend([0x04, u8::try_from(path.len()).expect("it is short")]);
    head.extend(path.as_bytes());
    head.extend(more);
    head
}

/// A frame that has come.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) sort: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) load: Vec<u8>,
}

impl Frame {
    /// The code of a reset or a farewell.
    pub(super) fn code(&self) -> u32 {
        let at = if self.sort == GOAWAY { 4 } else { 0 };
        let bytes = self.load[at..at + 4].try_into().expect("it has one");
        u32::from_be_bytes(bytes)
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Client(pub(super) TcpStream);

impl Client {
    #[track_caller]
    pub(super) fn new(site: &Site) -> Self {
        Self::with(site, &[])
    }

    /// One with these settings.
    #[track_caller]
    pub(super) fn with(site: &Site, settings: &[u8]) -> Self {
        let mut client = Self(site.stream());
        client.send(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat());
        client
    }

    #[track_caller]
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("it reads");
    }

    pub(super) fn receive(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let mut load = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut load)?;
        Ok(Frame {
            sort: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            load,
        })
    }

    /// The next frame of this sort on this stream; others are passed over.
    #[track_caller]
    pub(super) fn find(&mut self, sort: u8, stream: u32) -> Frame {
        loop {
            let frame = self.receive().expect("it comes");
            if (frame.sort, frame.stream) == (sort, stream) && (sort != PING || frame.flags == ACK)
            {
                return frame;
            }
        }
    }

    /// The body of the answer on a stream.
    #[track_caller]
    pub(super) fn body(&mut self, stream: u32) -> String {
        let mut body = Vec::new();
        loop {
            let frame = self.find(DATA, stream);
            body.extend(frame.load);
            if frame.flags & 1 != 0 {
                return String::from_utf8(body).expect("it is text");
            }
        }
    }

    /// What the server says at the end of the connection, if it says anything.
    pub(super) fn farewell(&mut self) -> Option<u32> {
        let mut code = None;
        while let Ok(frame) = self.receive() {
            if frame.sort == GOAWAY {
                code = Some(frame.code());
            }
        }
        code
    }
}
