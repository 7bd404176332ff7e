//! What a finished handshake tells about the connection and its client.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, ProtocolVersion, ServerConnection};

use super::x509::Description;
use crate::worker::exchange::{ClientFacts, TlsFacts};

/// Characters of a line of PEM (RFC 7468 §2).
const LINE_CHARACTERS: usize = 64;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What every other server says in `SSL_CIPHER`. These are all that the library has.
const OPENSSL_NAMES: [(CipherSuite, &str); 9] = [
    (
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        "TLS_AES_256_GCM_SHA384",
    ),
    (
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        "TLS_AES_128_GCM_SHA256",
    ),
    (
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        "TLS_CHACHA20_POLY1305_SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-RSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-RSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-RSA-CHACHA20-POLY1305",
    ),
];

/// After the handshake, in which the client was shown `server_pem`.
pub(super) fn facts(connection: &ServerConnection, server_pem: Option<Arc<str>>) -> TlsFacts {
    let suite = connection.negotiated_cipher_suite();
    let version = connection.protocol_version();
    let client = connection
        .peer_certificates()
        .and_then(<[CertificateDer<'_>]>::split_first);
    TlsFacts {
        protocol: match version {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "",
        },
        version: version.map(u16::from),
        cipher: suite.map_or("", |suite| openssl_name(suite.suite())),
        suite: suite.map(|suite| suite.suite().into()),
        server_pem,
        server_name: connection.server_name().map(str::to_owned),
        client: client.map(|(certificate, others)| client_facts(certificate, others)),
    }
}

fn client_facts(certificate: &[u8], others: &[CertificateDer<'_>]) -> ClientFacts {
    let description = Description::of(certificate);
    let description = description.as_ref();
    let subject = description.map(|described| &described.subject);
    ClientFacts {
        subject: subject.map(super::names::Name::rfc4514).unwrap_or_default(),
        subject_line: subject
            .map(super::names::Name::one_line)
            .unwrap_or_default(),
        issuer: description
            .map(|described| described.issuer.rfc4514())
            .unwrap_or_default(),
        serial: description
            .map(|described| described.serial.clone())
            .unwrap_or_default(),
        pem: pem(certificate),
        chain: others.iter().map(|certificate| pem(certificate)).collect(),
    }
}

fn openssl_name(suite: CipherSuite) -> &'static str {
    let known = OPENSSL_NAMES.iter().find(|(known, _)| *known == suite);
    known.map_or("", |(_, name)| name)
}

/// A certificate as text (RFC 7468 §5).
pub(super) fn pem(certificate: &[u8]) -> String {
    let mut characters = Vec::with_capacity(certificate.len() / 3 * 4 + 4);
    for group in certificate.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) as usize & 63;
            let digit = DIGITS.get(digit).filter(|_| place <= group.len());
            characters.push(digit.copied().unwrap_or(b'='));
        }
    }
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in characters.chunks(LINE_CHARACTERS) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
