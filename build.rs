//! Finds the finished host library and lays it where `src/boot` embeds it from.
//!
//! The host is a build-dependency, so cargo has built it before this runs, and builds it again (and
//! runs this again) when it changes. Its `cdylib` stands in the `deps` folder beside the `build`
//! folder that this very program runs from; that holds with `--target` and a build directory of its
//! own, unlike a path relative to `OUT_DIR`.

use std::path::PathBuf;
use std::{env, fs};

const LIBRARY: &str = "liblictor_host.so";

fn main() {
    let program = env::current_exe().expect("a running program has a path");
    let deps = program
        .ancestors()
        .nth(3)
        .expect("target/PROFILE/build/PACKAGE/build-script-build")
        .join("deps");
    let library = deps.join(LIBRARY);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("host.so");
    if let Err(error) = fs::copy(&library, &out) {
        println!(
            "cargo::error=could not copy the host library `{}`: {error}",
            library.display()
        );
        println!("cargo::error=cargo's layout may have changed; see ARCHITECTURE.md, \"One file\"");
    }
    println!("cargo::rustc-env=LICTOR_HOST_LIBRARY={}", out.display());
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", library.display());
}
