//! An Emperor-style supervisor for Python apps: see `ARCHITECTURE.md`.

mod boot;
mod cli;
mod control;
mod emperor;
mod jail;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
