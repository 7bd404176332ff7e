//! What the answer to a probe says, as far as it has come. Depends on nothing.

/// Longest status line.
const LINE_LIMIT_BYTES: usize = 1024;
/// How much of the body is shown.
const EXCERPT_LINES: usize = 10;
const EXCERPT_LIMIT_BYTES: usize = 1000;

/// What the first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusLine {
    /// It is not all there.
    Coming,
    Status(u16),
    /// This is no answer of HTTP/1.
    Nonsense,
}

/// Reads the first line (RFC 9112 §4).
pub(crate) fn status_line(answer: &[u8]) -> StatusLine {
    let Some(end) = answer.iter().position(|byte| *byte == b'\n') else {
        return if answer.len() > LINE_LIMIT_BYTES {
            StatusLine::Nonsense
        } else {
            StatusLine::Coming
        };
    };
    let line = answer.get(..end).unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let is_http = words
        .next()
        .is_some_and(|version| version.starts_with("HTTP/1."));
    match words.next().and_then(|status| status.parse().ok()) {
        Some(status @ 100..=999) if is_http => StatusLine::Status(status),
        Some(_) | None => StatusLine::Nonsense,
    }
}

/// The first lines of the body, as text; empty if none has come.
pub(crate) fn body_excerpt(answer: &[u8]) -> String {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(end) = end else {
        return String::new();
    };
    let (head, rest) = answer.split_at_checked(end + 4).unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let is_chunked = head.contains("\r\ntransfer-encoding: chunked\r\n");
    let body = if is_chunked {
        joined_chunks(rest)
    } else {
        rest.to_vec()
    };
    let body = body.get(..EXCERPT_LIMIT_BYTES).unwrap_or(&body);
    let text = String::from_utf8_lossy(body);
    let lines: Vec<&str> = text.lines().take(EXCERPT_LINES).collect();
    lines.join("\n").trim_end().to_owned()
}

/// The chunks that have come (RFC 9112 §7.1).
fn joined_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|bytes| bytes == b"\r\n") {
        let size = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16);
        let Some(size) = size.ok().filter(|size| *size > 0) else {
            break;
        };
        let chunk = rest.get(end + 2..).unwrap_or_default();
        body.extend_from_slice(chunk.get(..size).unwrap_or(chunk));
        // The line end behind the chunk.
        rest = size
            .checked_add(2)
            .and_then(|end| chunk.get(end..))
            .unwrap_or_default();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_known_as_soon_as_its_line_is_there() {
        let cases: [(&[u8], StatusLine); 8] = [
            (b"", StatusLine::Coming),
            (b"HTTP/1.1 50", StatusLine::Coming),
            (
                b"HTTP/1.1 503 Service Unavailable\r\n",
                StatusLine::Status(503),
            ),
            (b"HTTP/1.0 204\r\nx", StatusLine::Status(204)),
            (b"SSH-2.0-OpenSSH\r\n", StatusLine::Nonsense),
            (b"HTTP/1.1 OK\r\n", StatusLine::Nonsense),
            (b"HTTP/1.1 99 low\r\n", StatusLine::Nonsense),
            (&[b'x'; 2000], StatusLine::Nonsense),
        ];
        for (answer, expected) in cases {
            assert_eq!(status_line(answer), expected, "{}", answer.escape_ascii());
        }
    }

    #[test]
    fn the_first_lines_of_the_body_are_shown() {
        assert_eq!(body_excerpt(b"HTTP/1.1 500 x\r\nA: b\r\n"), "");
        assert_eq!(
            body_excerpt(b"HTTP/1.1 500 x\r\nA: b\r\n\r\none\ntwo\n"),
            "one\ntwo"
        );
        let long = [b"HTTP/1.1 500 x\r\n\r\n".to_vec(), b"line\n".repeat(20)].concat();
        assert_eq!(body_excerpt(&long).lines().count(), EXCERPT_LINES);
    }

    #[test]
    fn a_chunked_body_is_joined() {
        let head = b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (body, expected) in [
            (
                &b"4\r\nno d\r\n6;x=y\r\natabas\r\n1\r\ne\r\n0\r\n\r\n"[..],
                "no database",
            ),
            (b"40\r\nonly the beginn", "only the beginn"),
            (b"ffffffffffffffff\r\nabc", "abc"),
            (b"-1\r\nabc", ""),
            (b"", ""),
        ] {
            assert_eq!(body_excerpt(&[head, body].concat()), expected);
        }
    }
}
