"""Each request of a corpus on which we and its authors differ, with the reason."""


def each(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


def numbered(name: str, *numbers: int) -> list[str]:
    return [f"{name}{number:03}" for number in numbers]


NO_FRAGMENT = "a fragment is never sent (RFC 9112 section 3.2)"
NO_FOLDING = "folded lines are refused (RFC 9112 section 5.2 allows it)"
NO_CODING = "codings other than `chunked` are not decoded: 501 (RFC 9112 section 6.1)"
NO_TUNNEL = "there are no tunnels: 501, or 400 without a port (RFC 9110 section 9.3.6)"
BARE_LF = "a line ends in CRLF; RFC 9112 section 2.2 allows to take LF, and need not"
EMPTY_LINES = "one empty line before a request is ignored, no second (RFC 9112 section 2.2)"
NOT_WHOLE = "its authors feed only a part, or the rest elsewhere; a body that ends early never counts as whole"
NO_FORM = "the target has none of the four forms (RFC 9112 section 3.2); its authors do not look at it"
NO_HOST = "an escape in a host (RFC 3986 allows it, no host name has it); its authors do not look at it"
ANY_TOKEN = "a method is any token (RFC 9110 section 9.1); its authors know a list"
SINGLETON = "said twice it changes neither where the request ends nor where it goes; it is the app's to judge"
AFTER_CLOSE = "the request is valid and says it is the last; what follows is not read"

BY_CORPUS: dict[str, dict[str, str]] = {
    "http-parser": {
        **each(NO_FRAGMENT, "fragment in url", "post identity body world", "utf-8 path request"),
        **each("a quote in the query is not part of any URI (RFC 3986 section 2)", "with quotes"),
        **each(NO_TUNNEL, "connect request", "connect caps request", "hostname underscore", "connect with body request"),
        **each("HTTP/0.9 is not spoken", "request with no http version"),
        **each("`*` goes only with OPTIONS (RFC 9112 section 3.2.4)", "m-search request"),
        **each(NO_FOLDING, "line folding in header value", "multiple connection header values with folding",
               "multiple connection header values with folding and lws 2", "simple 5", "dumbluck2",
               "post - multi line coding transfer-encoding chunked body"),
        **each(BARE_LF, "line folding in header value 2"),
        **each("userinfo is refused in an absolute target (RFC 9110 section 4.2.4)", "host:port and basic_auth"),
        **each("the version of another protocol (Icecast)", "source request 2"),
        **each(NO_CODING, "post - multi coding transfer-encoding chunked body"),
        **each(NOT_WHOLE, "simple 1", "simple 20", "simple 21"),
        **each(ANY_TOKEN, *(f"bad_methods {name}" for name in (
            "ASDF", "C******", "COLA", "GEM", "GETA", "M****", "MKCOLA", "PROPPATCHA", "PUN", "PX", "SA"))),
    },
    "httparse": {
        **each(BARE_LF, "request_newlines", "request_empty_lines_prefix_lf_only", "request_path_backslash"),
        **each(EMPTY_LINES, "request_empty_lines_prefix"),
        **each(NO_FORM, *numbered("urltest_", 56, 57, 58, 59, 60, 66, 67, 119, 129, 130, 131, 132, 133, 145, 146, 147,
                                  148, 149, 168, 169, 174, 175, 176, 177, 231, 232, 244, 245, 248)),
        **each(NO_HOST, *numbered("urltest_", 173, 246)),
    },
    "aiohttp": {
        **each(SINGLETON, *(f"duplicate_non_security_singleton_header_rejected_strict {at}" for at in range(7))),
        **each("it has no host", "parse_unusual_request_line"),
        **each(NOT_WHOLE, "request_chunked", "http_request_chunked_payload", "http_request_chunked_payload_chunks",
               "http_request_chunked_payload_and_next_message", "parse_chunked_payload_chunk_extension",
               "request_parser_incomplete_body_error_message"),
        **each(NO_CODING, "request_te_last_chunked"),
        **each(NO_TUNNEL, "url_connect", "headers_connect"),
        **each("a field of a websocket draft of 2010 means nothing any more", "headers_old_websocket_key1"),
        **each("100 fields are allowed in the head and 100 in the trailers, each by itself", "max_headers 2"),
        **each(AFTER_CLOSE, "http_request_message_after_close", "http_request_message_after_close_comma_list"),
        **each("bytes above 127 in a target must be UTF-8", "http_request_parser_utf8_request_line"),
        **each(NO_FRAGMENT, "parse_uri_percent_encoded 4", "parse_uri_percent_encoded 5",
               "parse_uri_utf8_percent_encoded", "parse_uri_empty_query_with_fragment"),
    },
}
