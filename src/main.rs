//! placeholder
mod control;
fn main() {}
