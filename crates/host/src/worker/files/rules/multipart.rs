//! Several parts of a file in one answer (`multipart/byteranges`, RFC 9110 §14.6).

use bytes::Bytes;

use super::range::Part;

/// A body that is made of parts of a file and what stands between them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Multipart {
    /// What comes before each part, and the part.
    pub(crate) sections: Vec<(Bytes, Part)>,
    pub(crate) end: Bytes,
}

impl Multipart {
    /// `content_type` is that of the file; the boundary must not occur in it.
    pub(crate) fn new(boundary: &str, content_type: &[u8], size: u64, parts: &[Part]) -> Self {
        let section = |part: &Part| {
            let (first, last) = (part.first, part.first + part.length - 1);
            let mut lead = format!("\r\n--{boundary}\r\n").into_bytes();
            lead.extend([b"Content-Type: ", content_type, b"\r\n"].concat());
            lead.extend(format!("Content-Range: bytes {first}-{last}/{size}\r\n\r\n").into_bytes());
            (Bytes::from(lead), *part)
        };
        Self {
            sections: parts.iter().map(section).collect(),
            end: Bytes::from(format!("\r\n--{boundary}--\r\n")),
        }
    }

    /// The type of the whole.
    pub(crate) fn content_type(boundary: &str) -> String {
        format!("multipart/byteranges; boundary={boundary}")
    }

    /// The length of the body.
    pub(crate) fn length(&self) -> u64 {
        let section = |(lead, part): &(Bytes, Part)| lead.len() as u64 + part.length;
        self.sections.iter().map(section).sum::<u64>() + self.end.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{Multipart, Part};

    #[test]
    fn each_part_says_what_it_is() {
        let parts = [(0, 2), (500, 10)].map(|(first, length)| Part { first, length });
        let body = Multipart::new("b", b"text/css", 1000, &parts);
        let mut text = String::new();
        for (lead, part) in &body.sections {
            text.push_str(std::str::from_utf8(lead).unwrap());
            text.push_str(&".".repeat(usize::try_from(part.length).unwrap()));
        }
        text.push_str(std::str::from_utf8(&body.end).unwrap());
        assert_eq!(
            text,
            "\r\n--b\r\nContent-Type: text/css\r\nContent-Range: bytes 0-1/1000\r\n\r\n..\
             \r\n--b\r\nContent-Type: text/css\r\nContent-Range: bytes 500-509/1000\r\n\r\n..........\
             \r\n--b--\r\n"
        );
        assert_eq!(body.length(), text.len() as u64);
    }
}
