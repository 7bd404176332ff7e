//! The small apps that tests serve.

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
