//! The type of a file by its name.
//!
//! A table of our own, sorted: `mime_guess` knows a thousand types more, which every vassal would
//! map, and leaves the `charset` to its user. What is not here is `application/octet-stream`.

/// What is known of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentType {
    pub(crate) name: &'static str,
    /// Whether an encoding makes it smaller, so that one may lie beside it.
    pub(crate) is_compressible: bool,
}

const fn dense(extension: &'static str, name: &'static str) -> (&'static str, ContentType) {
    let is_compressible = false;
    (
        extension,
        ContentType {
            name,
            is_compressible,
        },
    )
}

const fn loose(extension: &'static str, name: &'static str) -> (&'static str, ContentType) {
    let is_compressible = true;
    (
        extension,
        ContentType {
            name,
            is_compressible,
        },
    )
}

const UNKNOWN: ContentType = ContentType {
    name: "application/octet-stream",
    is_compressible: false,
};

const LONGEST_EXTENSION: usize = 11;

/// By extension, sorted.
static TYPES: [(&str, ContentType); 79] = [
    dense("7z", "application/x-7z-compressed"),
    dense("aac", "audio/aac"),
    dense("apk", "application/vnd.android.package-archive"),
    dense("apng", "image/apng"),
    loose("atom", "application/atom+xml"),
    dense("avi", "video/x-msvideo"),
    dense("avif", "image/avif"),
    loose("bmp", "image/bmp"),
    dense("br", "application/octet-stream"),
    dense("bz2", "application/x-bzip2"),
    loose("cjs", "text/javascript; charset=utf-8"),
    loose("css", "text/css; charset=utf-8"),
    loose("csv", "text/csv; charset=utf-8"),
    loose("doc", "application/msword"),
    dense(
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    loose("eot", "application/vnd.ms-fontobject"),
    dense("epub", "application/epub+zip"),
    dense("flac", "audio/flac"),
    loose("geojson", "application/geo+json"),
    dense("gif", "image/gif"),
    dense("gz", "application/gzip"),
    dense("heic", "image/heic"),
    loose("htm", "text/html; charset=utf-8"),
    loose("html", "text/html; charset=utf-8"),
    loose("ico", "image/x-icon"),
    loose("ics", "text/calendar; charset=utf-8"),
    dense("jpeg", "image/jpeg"),
    dense("jpg", "image/jpeg"),
    loose("js", "text/javascript; charset=utf-8"),
    loose("json", "application/json"),
    loose("jsonld", "application/ld+json"),
    dense("jxl", "image/jxl"),
    loose("m3u8", "application/vnd.apple.mpegurl"),
    dense("m4a", "audio/mp4"),
    dense("m4v", "video/mp4"),
    loose("map", "application/json"),
    loose("md", "text/markdown; charset=utf-8"),
    dense("mid", "audio/midi"),
    loose("mjs", "text/javascript; charset=utf-8"),
    dense("mkv", "video/x-matroska"),
    dense("mov", "video/quicktime"),
    dense("mp3", "audio/mpeg"),
    dense("mp4", "video/mp4"),
    dense("mpeg", "video/mpeg"),
    dense("odt", "application/vnd.oasis.opendocument.text"),
    dense("oga", "audio/ogg"),
    dense("ogg", "audio/ogg"),
    dense("ogv", "video/ogg"),
    dense("opus", "audio/ogg"),
    loose("otf", "font/otf"),
    dense("pdf", "application/pdf"),
    dense("png", "image/png"),
    dense(
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    dense("rar", "application/vnd.rar"),
    loose("rss", "application/rss+xml"),
    loose("rtf", "application/rtf"),
    loose("svg", "image/svg+xml"),
    dense("svgz", "image/svg+xml"),
    dense("tar", "application/x-tar"),
    dense("tgz", "application/gzip"),
    dense("tif", "image/tiff"),
    dense("tiff", "image/tiff"),
    loose("ts", "video/mp2t"),
    loose("ttf", "font/ttf"),
    loose("txt", "text/plain; charset=utf-8"),
    loose("vtt", "text/vtt; charset=utf-8"),
    loose("wasm", "application/wasm"),
    loose("wav", "audio/wav"),
    dense("weba", "audio/webm"),
    dense("webm", "video/webm"),
    loose("webmanifest", "application/manifest+json"),
    dense("webp", "image/webp"),
    dense("woff", "font/woff"),
    dense("woff2", "font/woff2"),
    dense(
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    loose("xml", "application/xml"),
    loose("yaml", "application/yaml"),
    dense("zip", "application/zip"),
    dense("zst", "application/zstd"),
];

/// The type of a file of this name.
pub(crate) fn of(name: &[u8]) -> ContentType {
    let file = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    let extension = match file.iter().rposition(|byte| *byte == b'.') {
        // A name that begins with its only dot has no extension.
        None | Some(0) => return UNKNOWN,
        Some(at) => file.get(at + 1..).unwrap_or_default(),
    };
    let mut lower = [0_u8; LONGEST_EXTENSION];
    let Some(lower) = lower.get_mut(..extension.len()) else {
        return UNKNOWN;
    };
    lower.copy_from_slice(extension);
    lower.make_ascii_lowercase();
    let found = TYPES.binary_search_by(|(known, _)| known.as_bytes().cmp(lower));
    found
        .ok()
        .and_then(|at| TYPES.get(at))
        .map_or(UNKNOWN, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_EXTENSION, TYPES, of};

    #[test]
    fn names_have_types() {
        for (name, expected) in [
            ("site.css", "text/css; charset=utf-8"),
            ("a/b.d/APP.MIN.JS", "text/javascript; charset=utf-8"),
            ("page.html", "text/html; charset=utf-8"),
            ("data.json", "application/json"),
            ("i.svg", "image/svg+xml"),
            ("x.tar.gz", "application/gzip"),
            ("app.webmanifest", "application/manifest+json"),
            ("README", "application/octet-stream"),
            (".css", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("b.css/file", "application/octet-stream"),
            ("x.averyverylongextension", "application/octet-stream"),
        ] {
            assert_eq!(of(name.as_bytes()).name, expected, "{name}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_says_how_text_is_written() {
        assert!(TYPES.is_sorted_by(|a, b| a.0 < b.0));
        for (extension, kind) in TYPES {
            assert!(extension.len() <= LONGEST_EXTENSION, "{extension}");
            let is_text = kind.name.starts_with("text/");
            assert_eq!(
                is_text,
                kind.name.ends_with("; charset=utf-8"),
                "{extension}"
            );
            assert_eq!(of(format!("x.{extension}").as_bytes()), kind);
        }
    }
}
