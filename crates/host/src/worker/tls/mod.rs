//! TLS below HTTP: what `https` asks for, from the files to the bytes.
//!
//! [`TlsServer`] is what one listener needs: certificates, keys, tickets, made by the master as the
//! vassal's user and inherited by its workers. A [`Session`] is one connection of it: it stands
//! between the socket's bytes and hyper's, and does no I/O but through the [`Wire`] that it is
//! handed, so whatever comes before the handshake (a PROXY protocol header) is taken off the wire
//! by whoever owns that.

mod certificate;
mod choice;
mod client;
mod complaints;
mod error;
mod identity;
mod names;
mod server;
mod session;
mod tickets;
mod x509;

pub(crate) use error::TlsError;
pub(crate) use server::TlsServer;
pub(super) use session::{Session, Wire};
