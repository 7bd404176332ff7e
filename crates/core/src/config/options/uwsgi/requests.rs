//! Requests, answers and files.

use super::{Foreign, either, off, on, refused};

const STATIC: &str = "remove it, or let the web server in front serve these files";

pub(super) static NAMES: &[Foreign] = &[
    either(
        &["max-vars"],
        "the head of a request is bounded by `buffer-size`, not by the number of variables",
    ),
    refused(
        &["post-buffering"],
        "remove it; bodies are read as the app asks for them, and never held in memory",
    ),
    either(
        &["post-buffering-bufsize", "body-read-warning"],
        "bodies are read as the app asks for them, and never held in memory",
    ),
    refused(
        &["upload-progress"],
        "let the page show the progress, with `XMLHttpRequest.upload` in the browser",
    ),
    refused(
        &["chunked-input-limit"],
        "use `limit-post`, which bounds bodies of unknown length too",
    ),
    refused(
        &["chunked-input-timeout"],
        "use `socket-timeout`, which bounds how long a client may send nothing",
    ),
    refused(
        &["response-headers-limit"],
        "remove it; the head of an answer is as long as the app makes it",
    ),
    refused(
        &["websockets-ping-freq", "websocket-ping-freq"],
        "use `websocket-ping-interval`, for websockets of an ASGI app",
    ),
    refused(
        &["websockets-pong-tolerance", "websocket-pong-tolerance"],
        "use `websocket-ping-timeout`, for websockets of an ASGI app",
    ),
    refused(
        &["websockets-max-size"],
        "use `websocket-max-size`, for websockets of an ASGI app; a bare number is bytes, not kilobytes",
    ),
    refused(
        &["collect-header", "response-header-collect", "pull-header"],
        "use `file-serve-mode` for `X-Sendfile`; the log and routes see no other header of an answer",
    ),
    refused(
        &["error-page-403", "error-page-404", "error-page-500"],
        "let the app answer with its own page, or use `error_page` in nginx",
    ),
    refused(
        &["catch-exceptions"],
        "use the framework's debug page; a traceback in an answer tells strangers too much",
    ),
    refused(
        &["exception-handler"],
        "use the error reporting of a library such as Sentry's in the app",
    ),
    off(
        &["cgi-mode"],
        "an answer begins with an HTTP status line, not with `Status:`",
    ),
    refused(
        &["check-static-docroot"],
        "use `check-static` with the directory",
    ),
    refused(&["mimefile", "mime-file"], STATIC),
    on(
        &["static-gzip-all"],
        "a `.br`, `.zst` or `.gz` file beside a file goes to clients that accept it",
    ),
    either(
        &[
            "static-gzip-dir",
            "static-gzip-prefix",
            "static-gzip-ext",
            "static-gzip-suffix",
        ],
        "a `.br`, `.zst` or `.gz` file beside a file goes to clients that accept it",
    ),
    either(
        &["static-cache-paths", "static-cache-paths-name"],
        "a file is looked for when it is asked for, so that changes show at once",
    ),
    on(
        &["honour-range"],
        "parts of files are sent to those who ask",
    ),
    either(
        &["offload-threads", "offload-thread"],
        "a file that is sent occupies no thread",
    ),
    either(
        &["disable-sendfile"],
        "a file arrives the same, however it is sent",
    ),
];
