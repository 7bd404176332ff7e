//! The small apps that tests serve, and how they come to stand in a file.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// An app that answers every request with the same text.
pub(crate) fn hello(text: &str) -> String {
    answering(&format!("{text:?}"))
}

/// An app that answers with the value of a Python expression, in which `environ` is known.
pub(crate) fn answering(expression: &str) -> String {
    format!(
        "import os, sys, json, time, threading, signal\n\
         def application(environ, start_response):\n    \
             body = str({expression}).encode()\n    \
             start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])\n    \
             return [body]\n"
    )
}

/// An app that says when it has begun, then takes its time.
pub(crate) fn slow(text: &str) -> String {
    answering(&format!(
        "print('began', flush=True) or time.sleep(0.5) or {text:?}"
    ))
}

/// Writes a file as a careful program does: whole or not at all, under a name that counts.
pub(crate) fn write_whole(path: &Path, text: &str) {
    let directory = path.parent().expect("it has one");
    fs::create_dir_all(directory).expect("it is ours");
    let fresh = directory.join(format!(
        ".fresh-{}",
        path.file_name().expect("it has one").display()
    ));
    fs::write(&fresh, text).expect("it is ours");
    fs::rename(&fresh, path).expect("it is ours");
}

/// Writes a Python file. Each is of another size, because Python takes a file of the same size and
/// second for the one it has compiled.
pub(crate) fn write_python(path: &Path, code: &str) {
    static WRITTEN: AtomicU32 = AtomicU32::new(1);
    let padding = "#".repeat(WRITTEN.fetch_add(1, Ordering::Relaxed) as usize);
    write_whole(path, &format!("{code}\n{padding}\n"));
}
