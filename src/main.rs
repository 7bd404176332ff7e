//! placeholder
mod boot;
mod control;
mod jail;
fn main() -> std::process::ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("__master") => boot::master(),
        Some("__embed") => boot::embed(args.next().as_deref()),
        _ => std::process::ExitCode::FAILURE,
    }
}
