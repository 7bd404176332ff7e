//! The part of Lictor that lives inside a vassal's Python.

mod worker;
