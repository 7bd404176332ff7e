//! A second reading of RFC 9112, as plain as possible and without any thought of speed: the measure
//! of what an app may ever see. It shares nothing with the product.

/// A request as the app should see it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) method: String,
    pub(super) target: String,
    /// `None` if the head is right and the body is not, or not all there.
    pub(super) body: Option<Vec<u8>>,
}

/// The requests in a stream, up to the first that is wrong or not all there.
pub(super) fn read(mut stream: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some((mut message, framing, rest)) = read_head(stream) {
        let body = match framing {
            Framing::Length(length) => rest
                .split_at_checked(length)
                .map(|(body, rest)| (body.to_vec(), rest)),
            Framing::Chunks => read_chunks(rest),
        };
        let Some((body, rest)) = body else {
            messages.push(message);
            break;
        };
        message.body = Some(body);
        messages.push(message);
        stream = rest;
    }
    messages
}

enum Framing {
    Length(usize),
    Chunks,
}

/// `*( field-line CRLF ) CRLF` and everything before: one line, without its CRLF, and the rest.
fn read_line(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = stream.iter().position(|byte| *byte == b'\n')?;
    let line = stream[..end].strip_suffix(b"\r")?;
    let is_clean = line
        .iter()
        .all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 127));
    is_clean.then_some((line, &stream[end + 1..]))
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `field-name ":" OWS field-value OWS`, the name in lower case.
fn read_field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = &line[..colon];
    if name.is_empty() || !name.iter().copied().all(is_tchar) {
        return None;
    }
    let value = line[colon + 1..].to_vec();
    let text: String = value.iter().copied().map(char::from).collect();
    let value = text
        .trim_matches([' ', '\t'])
        .chars()
        .map(|c| c as u8)
        .collect();
    Some((String::from_utf8_lossy(name).to_ascii_lowercase(), value))
}

fn read_head(stream: &[u8]) -> Option<(Message, Framing, &[u8])> {
    let (mut first, mut rest) = read_line(stream)?;
    if first.is_empty() {
        (first, rest) = read_line(rest)?;
    }
    let parts: Vec<&[u8]> = first.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else {
        return None;
    };
    let is_old = match version {
        b"HTTP/1.0" => true,
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => false,
        _ => return None,
    };
    if method.is_empty() || !method.iter().copied().all(is_tchar) || method == b"CONNECT" {
        return None;
    }
    let is_visible = target
        .iter()
        .all(|byte| (byte.is_ascii_graphic() || *byte > 127) && !b"#<>".contains(byte));
    let is_origin = target.starts_with(b"/");
    let is_absolute = target.to_ascii_lowercase().starts_with(b"http://") && target.len() > 7;
    let is_asterisk = target == b"*" && method == b"OPTIONS";
    if !is_visible
        || std::str::from_utf8(target).is_err()
        || !(is_origin || is_absolute || is_asterisk)
    {
        return None;
    }
    let mut fields = Vec::new();
    loop {
        let (line, after) = read_line(rest)?;
        rest = after;
        if line.is_empty() {
            break;
        }
        fields.push(read_field(line)?);
    }
    let framing = framing(&fields, is_old)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let message = Message {
        method: text(method),
        target: text(target),
        body: None,
    };
    Some((message, framing, rest))
}

fn framing(fields: &[(String, Vec<u8>)], is_old: bool) -> Option<Framing> {
    let all = |name: &str| -> Vec<&[u8]> {
        fields
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_slice())
            .collect()
    };
    let shadow = |name: &str| name.replace('_', "-");
    let is_shadowed = fields.iter().any(|(name, _)| {
        name.contains('_')
            && fields
                .iter()
                .any(|(other, _)| other != name && shadow(other) == shadow(name))
    });
    let is_expectation_known = all("expect")
        .iter()
        .all(|value| value.eq_ignore_ascii_case(b"100-continue"));
    if fields.len() > 100 || is_shadowed || !(is_expectation_known || is_old) {
        return None;
    }
    match all("host")[..] {
        [] if is_old => {}
        [host]
            if host
                .iter()
                .all(|byte| byte.is_ascii_graphic() && !b"/\\@,<>\"#?%^`{|}".contains(byte)) => {}
        _ => return None,
    }
    match (&all("content-length")[..], &all("transfer-encoding")[..]) {
        ([], []) => Some(Framing::Length(0)),
        ([length], []) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            let digits = std::str::from_utf8(length).ok()?;
            digits.parse().ok().map(Framing::Length)
        }
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") && !is_old => {
            Some(Framing::Chunks)
        }
        _ => None,
    }
}

/// `chunk-size [ chunk-ext ] CRLF chunk-data CRLF`, again and again, then trailers.
fn read_chunks(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let (line, after) = read_line(rest)?;
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let extension: String = line[digits..].iter().copied().map(char::from).collect();
        if digits == 0
            || !extension.is_empty() && !extension.trim_start_matches([' ', '\t']).starts_with(';')
        {
            return None;
        }
        let size = usize::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
        rest = after;
        if size == 0 {
            break;
        }
        let (data, after) = rest.split_at_checked(size)?;
        body.extend_from_slice(data);
        rest = after.strip_prefix(b"\r\n")?;
    }
    loop {
        let (line, after) = read_line(rest)?;
        rest = after;
        if line.is_empty() {
            return Some((body, rest));
        }
        read_field(line)?;
    }
}
