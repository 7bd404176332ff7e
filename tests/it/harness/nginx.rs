//! The real nginx, which the machine has installed.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// A running nginx, ended when it is dropped.
pub(crate) struct Nginx(Child);

impl Nginx {
    /// Starts one in this directory with this configuration.
    pub(crate) fn start(root: &Path, configuration: &str) -> Self {
        let (place, file) = (root.display(), root.join("nginx.conf"));
        fs::write(&file, configuration).expect("it is ours");
        let child = Command::new("nginx")
            .args(["-p", &place.to_string(), "-c", &file.display().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .spawn();
        Self(child.expect("nginx is installed"))
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it is ours")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A port for a program that cannot say which one it was given: below those that the kernel gives to
/// whoever asks for any or connects, and never the same twice, so that no other test takes it meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(port < 32_000, "no port is free");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
