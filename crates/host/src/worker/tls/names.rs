//! Distinguished names as text, in the two spellings that servers before have taught apps.

use super::x509::{Der, hexadecimal};

const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// Attributes with a short name, by the DER of their object identifiers, as OpenSSL calls them.
const SHORT_NAMES: [(&[u8], &str); 16] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 13], "description"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 42], "GN"),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1],
        "UID",
    ),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],
        "DC",
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1],
        "emailAddress",
    ),
];

/// A name: sets of attributes, in the order of the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<Vec<(String, String)>>);

impl Name {
    /// From what a `Name` of X.501 holds.
    pub(super) fn of(sets: &[u8]) -> Option<Self> {
        let mut sets = Der(sets);
        let mut name = Vec::new();
        while !sets.0.is_empty() {
            let mut attributes = Der(sets.expect(SET)?);
            let mut set = Vec::new();
            while !attributes.0.is_empty() {
                let mut attribute = Der(attributes.expect(SEQUENCE)?);
                let kind = attribute.expect(OID)?;
                let (tag, value) = attribute.next()?;
                set.push((kind_of(kind), text_of(tag, value)));
            }
            name.push(set);
        }
        Some(Self(name))
    }

    /// The last attribute first, separated by commas: `CN=me,O=Example,C=DE` (RFC 4514, `mod_ssl`).
    pub(super) fn rfc4514(&self) -> String {
        let sets = self.0.iter().rev().map(|set| {
            let attributes = set
                .iter()
                .map(|(kind, value)| format!("{kind}={}", escaped(value)));
            attributes.collect::<Vec<_>>().join("+")
        });
        sets.collect::<Vec<_>>().join(",")
    }

    /// In the order of the certificate: `/C=DE/O=Example/CN=me` (`X509_NAME_oneline(3)`, uWSGI).
    pub(super) fn one_line(&self) -> String {
        let mut line = String::new();
        for (kind, value) in self.0.iter().flatten() {
            line.push('/');
            line.push_str(kind);
            line.push('=');
            for c in value.chars() {
                // A slash would begin the next attribute.
                if c.is_control() || c == '/' {
                    line.push_str("\\x");
                    let mut room = [0; 4];
                    line.push_str(&hexadecimal(c.encode_utf8(&mut room).as_bytes()));
                } else {
                    line.push(c);
                }
            }
        }
        line
    }
}

fn kind_of(oid: &[u8]) -> String {
    let known = SHORT_NAMES.iter().find(|(known, _)| *known == oid);
    known.map_or_else(|| dotted(oid), |(_, name)| (*name).to_owned())
}

/// `1.2.840.…` (X.690 §8.19).
fn dotted(oid: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number = 0_u64;
    for byte in oid {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(std::mem::take(&mut number));
        }
    }
    if let Some(first) = numbers.first().copied() {
        let root = (first / 40).min(2);
        numbers.splice(..1, [root, first - root * 40]);
    }
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    numbers.join(".")
}

/// The string types of X.509; what is none is written as its bytes.
fn text_of(tag: u8, value: &[u8]) -> String {
    let text = match tag {
        // UTF8String, PrintableString, NumericString, IA5String, VisibleString.
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => std::str::from_utf8(value).ok().map(str::to_owned),
        // TeletexString, which everybody writes as Latin-1.
        0x14 => Some(value.iter().map(|byte| char::from(*byte)).collect()),
        // BMPString.
        0x1e => {
            let (pairs, rest) = value.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            String::from_utf16(&units).ok().filter(|_| rest.is_empty())
        }
        _ => None,
    };
    text.unwrap_or_else(|| format!("#{}", hexadecimal(value)))
}

/// RFC 4514 §2.4.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (place, c) in value.chars().enumerate() {
        let is_special = matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\');
        let is_edge = c == ' ' && (place == 0 || place == last) || c == '#' && place == 0;
        if c.is_control() {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                text.push('\\');
                text.push_str(&hexadecimal(&[byte]));
            }
            continue;
        }
        if is_special || is_edge {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(sets: &[&[(&str, &str)]]) -> Name {
        let set = |set: &&[(&str, &str)]| {
            set.iter()
                .map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned()))
                .collect()
        };
        Name(sets.iter().map(set).collect())
    }

    #[test]
    fn a_name_has_two_spellings() {
        let name = name(&[
            &[("C", "DE")],
            &[("O", "A, B & Söhne")],
            &[("CN", "#me "), ("UID", "7/8")],
        ]);
        assert_eq!(name.rfc4514(), r"CN=\#me\ +UID=7/8,O=A\, B & Söhne,C=DE");
        assert_eq!(name.one_line(), r"/C=DE/O=A, B & Söhne/CN=#me /UID=7\x2F8");
    }

    #[test]
    fn nobody_slips_a_line_into_a_name() {
        let name = name(&[&[("CN", "a\r\nb\0/CN=root,CN=root")]]);
        assert_eq!(name.rfc4514(), r"CN=a\0D\0Ab\00/CN=root\,CN=root");
        assert_eq!(name.one_line(), r"/CN=a\x0D\x0Ab\x00\x2FCN=root,CN=root");
    }

    #[test]
    fn names_are_read_from_their_der() {
        // C=DE (PrintableString), CN=ö (BMPString), an attribute without a name, and no text.
        let der = [
            0x31, 11, 0x30, 9, 6, 3, 0x55, 4, 6, 0x13, 2, b'D', b'E', //
            0x31, 11, 0x30, 9, 6, 3, 0x55, 4, 3, 0x1e, 2, 0, 0xf6, //
            0x31, 12, 0x30, 10, 6, 3, 0x2a, 0x86, 0x48, 0x04, 3, 1, 2, 3,
        ];
        let name = Name::of(&der).unwrap();
        assert_eq!(name.rfc4514(), r"1.2.840=\#010203,CN=ö,C=DE");
        assert_eq!(Name::of(&der[..20]), None);
        assert_eq!(Name::of(&[]).unwrap().one_line(), "");
    }
}
