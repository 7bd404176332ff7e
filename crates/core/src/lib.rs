//! What both sides of a process boundary of Lictor speak.
//!
//! The emperor (package `lictor`) and the host that runs inside a vassal's Python (package
//! `lictor-host`) are different binaries that meet only here: the vassal file as a typed value
//! ([`config`]), the messages between processes ([`ipc`]), what is said about a vassal
//! ([`observe`]) and the kernel, wrapped ([`sys`]).

pub mod config;
pub mod ipc;
pub mod observe;
pub mod sys;
