//! The server and the client of the control socket, over a real socket, with an emperor made up.

mod emperor;
mod orders;
mod reading;
