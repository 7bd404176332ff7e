//! The exec that runs the interpreter, and the one line of Python that loads the host library.

use std::io;
use std::os::unix::process::CommandExt;

use lictor_core::ipc::{Handover, Hosting};

/// Room in the command line for the titles of master and workers (`proc(5)`, `arg_end`).
const TITLE_ROOM_BYTES: usize = 64;

/// The arguments of the exec: for an interpreter the line that loads the host; for Lictor itself
/// the number of the document, and room for a title.
pub(super) fn arguments(handover: &Handover, hosting: &Hosting) -> Vec<String> {
    if hosting.library.is_some() {
        let title = format!("lictor: {} #{}", handover.vassal, handover.generation);
        let room = " ".repeat(TITLE_ROOM_BYTES);
        vec![
            title,
            "__embed".to_owned(),
            hosting.document_fd.to_string(),
            room,
        ]
    } else {
        // The first argument is where the interpreter looks for its virtualenv.
        let executable = hosting.executable.to_string_lossy().into_owned();
        vec![executable, "-c".to_owned(), load_line(hosting)]
    }
}

/// Loads the host library as an extension module and enters it. The same on every CPython from 3.9
/// on, executed or embedded; the spec's class is taken from a module that is always there.
pub(super) fn load_line(hosting: &Hosting) -> String {
    format!(
        "import sys,_imp;\
         s=type(sys.__spec__)('_lictor',None,origin='/proc/self/fd/{}');\
         m=_imp.create_dynamic(s);_imp.exec_dynamic(m);m.serve({})",
        hosting.host_fd, hosting.document_fd
    )
}

/// Executes. Returns only if that failed.
pub(super) fn execute(hosting: &Hosting, variables: &[(String, String)]) -> io::Error {
    let variables = variables.iter().map(|(key, value)| (key, value));
    hosting.command().env_clear().envs(variables).exec()
}
