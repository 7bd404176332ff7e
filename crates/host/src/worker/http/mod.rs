//! HTTP/1.1 on one connection: hyper's protocol machine, driven by hand.
//!
//! hyper parses, frames and keeps the connection's state; [`Driver`] polls it whenever the socket
//! is ready and hands out requests. Before hyper reads anything, it has passed the [`gate`]. Nothing here knows that the answers come from Python.

mod body;
mod driver;
mod encode;
mod fields;
mod file;
mod frames;
mod gate;
mod head;
mod holes;
mod measure;
mod meter;
mod multiplex;
mod own_fields;
mod percent;
mod raw;
mod refuse;
mod relay;
mod relay_complaints;
mod relayed;
mod relays;
mod respond;
mod settings;
mod socket;
mod station;
mod stream;
mod streams;
mod woken;

pub(crate) use driver::{Driver, Progress};
pub(crate) use head::{Arrived, ArrivedBody, Spare};
pub(crate) use percent::decode as decode_path;
pub(crate) use raw::Switched;
pub(crate) use refuse::Refused;
pub(crate) use settings::DriverSettings;
pub(crate) use socket::Socket;
