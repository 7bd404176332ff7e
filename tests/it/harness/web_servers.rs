//! Real servers that a test puts beside or before ours, which the machine has installed.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::DEADLINE;

/// A running server, ended when it is dropped.
pub(crate) struct WebServer(Child);

impl WebServer {
    /// Starts a program that stays in the foreground.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?} is not installed: {error}")))
    }

    /// Starts an nginx in this directory with this configuration.
    #[track_caller]
    pub(crate) fn nginx(root: &Path, configuration: &str) -> Self {
        let file = root.join("nginx.conf");
        fs::write(&file, configuration).expect("it is ours");
        Self::start(
            Command::new("nginx")
                .arg("-p")
                .arg(root)
                .arg("-c")
                .arg(file),
        )
    }

    /// Waits until it listens at this port.
    #[track_caller]
    pub(crate) fn listens(&mut self, port: u16) {
        let until = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = self.0.try_wait().expect("it is ours");
            assert!(ended.is_none(), "it does not run: {ended:?}");
            assert!(Instant::now() < until, "it does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for WebServer {
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
