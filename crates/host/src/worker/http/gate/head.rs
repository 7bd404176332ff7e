//! The head of a request, line by line (RFC 9112 §2 to §5). Depends on nothing.
//!
//! Errors are the status to refuse with.

use super::bytes::{first_control, is_token};
use super::fields::{Fields, Framing};
use super::target::{TARGET_LIMIT_BYTES, is_target};

/// How far a head has come. Places are counted from its first byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    /// Where the line begins that is looked at next.
    line: usize,
    /// Where the fields begin, once the request line is through.
    fields_begin: Option<usize>,
    has_empty_line: bool,
    is_http_10: bool,
    is_connect: bool,
    fields: Fields,
}

impl Head {
    /// Looks at everything that has come of the head: its length and what follows it, once all is
    /// there.
    pub(super) fn look(
        &mut self,
        head: &mut [u8],
        limit_bytes: usize,
    ) -> Result<Option<(usize, Framing)>, u16> {
        let come = head.len();
        loop {
            let rest = head.get_mut(self.line..).unwrap_or_default();
            let line_end = first_control(rest).unwrap_or(rest.len());
            match (rest.get(line_end), rest.get(line_end + 1)) {
                (Some(b'\r'), Some(b'\n')) => {}
                (None, _) | (Some(b'\r'), None) if come > limit_bytes => {
                    return Err(self.too_large());
                }
                (None, _) | (Some(b'\r'), None) => return Ok(None),
                (Some(_), _) => return Err(400),
            }
            let next = self.line + line_end + 2;
            if next > limit_bytes {
                return Err(self.too_large());
            }
            let line = rest.get_mut(..line_end).unwrap_or_default();
            match self.fields_begin {
                // RFC 9112 §2.2: some old clients send an empty line behind a body.
                None if line.is_empty() && !self.has_empty_line => self.has_empty_line = true,
                None => {
                    self.take_request_line(line)?;
                    self.fields_begin = Some(next);
                }
                Some(begin) if line.is_empty() => {
                    let lines = head.get(begin..self.line).unwrap_or_default();
                    let framing = self.fields.finish(self.is_http_10, lines)?;
                    // There is no tunnel here for anybody.
                    return if self.is_connect {
                        Err(501)
                    } else {
                        Ok(Some((next, framing)))
                    };
                }
                Some(_) => self.fields.add(line)?,
            }
            self.line = next;
        }
    }

    fn too_large(&self) -> u16 {
        if self.fields_begin.is_none() {
            414
        } else {
            431
        }
    }

    fn take_request_line(&mut self, line: &mut [u8]) -> Result<(), u16> {
        let mut parts = line.split_mut(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(400);
        };
        if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
            return Err(400);
        }
        self.is_http_10 = is_http_10(version)?;
        self.is_connect = method == b"CONNECT";
        if target.len() > TARGET_LIMIT_BYTES {
            return Err(414);
        }
        if is_target(method, target) {
            Ok(())
        } else {
            Err(400)
        }
    }
}

/// Which of the two versions it is. A later minor version of the same major one is meant for those
/// who know the highest before it (RFC 9110 §2.5), and is made 1.1 where it stands for hyper's sake.
fn is_http_10(version: &mut [u8]) -> Result<bool, u16> {
    match version {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            minor @ b'0'..=b'9',
        ] => {
            if *minor > b'1' {
                *minor = b'1';
            }
            Ok(*minor == b'0')
        }
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(505),
        _ => Err(400),
    }
}

#[cfg(test)]
mod tests {
    use super::{Framing, Head};

    fn look(head: &str) -> Result<Option<(usize, Framing)>, u16> {
        Head::default().look(&mut head.as_bytes().to_vec(), 200)
    }

    const HEADS: &[(&str, Result<Framing, u16>)] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Framing::Length(0))),
        (
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            Ok(Framing::Length(0)),
        ),
        ("GET / HTTP/1.0\r\n\r\n", Ok(Framing::Length(0))),
        ("GET / HTTP/1.7\r\nHost: a\r\n\r\n", Ok(Framing::Length(0))),
        (
            "get / HTTP/1.1\r\nHost: a\r\nX: \ta \t\u{e9}\r\n\r\n",
            Ok(Framing::Length(0)),
        ),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Err(400)),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Err(400)),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", Err(400)),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Err(400)),
        ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", Err(400)),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Err(400)),
        ("GET /\r\n", Err(400)),
        ("GET / a HTTP/1.1\r\n", Err(400)),
        ("G(T / HTTP/1.1\r\n", Err(400)),
        ("GET / HTTP/1.1\nHost: a\n\n", Err(400)),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", Err(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", Err(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", Err(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", Err(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", Err(400)),
        ("\x16\x03\x01", Err(400)),
        ("GET / http/1.1\r\n", Err(400)),
        ("GET / HTTP/11\r\n", Err(400)),
        ("GET / HTTP/1.10\r\n", Err(400)),
        ("GET / HTTP/3.0\r\n", Err(505)),
        ("GET / HTTP/0.9\r\n", Err(505)),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Err(505)),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", Err(501)),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            Err(400),
        ),
    ];

    #[test]
    fn lines_are_refused_or_come_to_a_whole() {
        let long = |bytes: usize| "x".repeat(bytes);
        let large = [
            (format!("GET /{}", long(200)), Err(414)),
            (format!("GET /{} HTTP/1.1\r\n", long(200)), Err(414)),
            (format!("GET / HTTP/1.1\r\nX: {}", long(200)), Err(431)),
            (
                format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", long(180)),
                Err(431),
            ),
        ];
        let heads = HEADS
            .iter()
            .map(|(head, expected)| ((*head).to_owned(), *expected));
        for (head, expected) in heads.chain(large) {
            let length = head.len();
            let looked = look(&head);
            assert_eq!(
                looked,
                expected.map(|framing| Some((length, framing))),
                "{head:?}"
            );
        }
    }

    #[test]
    fn a_head_in_part_waits_for_the_rest() {
        let whole = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
        let mut head = Head::default();
        for end in 0..whole.len() {
            let mut part = whole.as_bytes()[..end].to_vec();
            assert_eq!(head.look(&mut part, 200), Ok(None), "{end}");
        }
        let mut all = [whole.as_bytes(), b"abc"].concat();
        assert_eq!(
            head.look(&mut all, 200),
            Ok(Some((whole.len(), Framing::Length(3))))
        );
    }
}
