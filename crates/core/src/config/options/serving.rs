//! Options of the sockets and of what comes in through them.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

pub(super) static OPTIONS: &[OptionSpec] = &[
    HTTP,
    CHMOD_SOCKET,
    LISTEN,
    BUFFER_SIZE,
    LIMIT_POST,
    ACCESS_LOG,
];

const HTTP: OptionSpec = OptionSpec {
    name: "http",
    aliases: &["http-socket", "http11-socket", "httprouter"],
    kind: ValueKind::Many,
    takes: "an address such as `127.0.0.1:8000`, or a list of them",
    default: "none; this or another socket is needed",
    example: "\"127.0.0.1:8104\"",
    is_local: false,
    documentation: "The addresses to speak HTTP/1.1 on. `127.0.0.1:8000` and `[::1]:8000` are one \
        address each, `localhost:8000` is `127.0.0.1:8000`, `*:8000` is every IPv4 address and \
        `:8000` every IPv4 and IPv6 address. Anything with a `/`, and what ends in `.sock` or \
        follows `unix:`, is the path of a unix socket, relative to the vassal file's directory; \
        `@name` is one in the abstract namespace. Other host names are refused, as the emperor asks \
        no name server. With port 0 the kernel chooses, and `lictor status` shows the choice. The \
        socket is bound once and outlives every process behind it.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let addresses = values::distinct_addresses(setting.each(values::address)?)?;
        if addresses.is_empty() {
            return Err(vec![setting.without_value(&setting.key_place)]);
        }
        values::apart(setting, draft, &addresses)?;
        draft.http = addresses;
        Ok(())
    },
};

const CHMOD_SOCKET: OptionSpec = OptionSpec {
    name: "chmod-socket",
    aliases: &["chmod"],
    kind: ValueKind::One,
    takes: "permission bits in octal such as `660`",
    default: "660",
    example: "\"660\"",
    is_local: false,
    documentation: "The permission bits of unix sockets. Whoever may write to the socket may \
        connect. The digits are octal in every format, with or without quotes, as `chmod` and uWSGI \
        read them: `660`, `\"660\"` and `0o660` are the same. Bits that shut out the socket's own \
        user are refused, so that a decimal number is never mistaken for octal. Without a value it \
        is 666, as in uWSGI.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.chmod_socket = setting.one(values::mode)?;
        Ok(())
    },
};

const LISTEN: OptionSpec = OptionSpec {
    name: "listen",
    aliases: &["backlog"],
    kind: ValueKind::One,
    takes: "a number of connections from 1 to 1048576",
    default: "1024",
    example: "1024",
    is_local: false,
    documentation: "How many connections may wait to be accepted. More than that are refused or \
        delayed by the kernel. The kernel caps the number at `net.core.somaxconn`, which is \
        reported as a warning, not an error.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.listen = setting.one(|setting, node| values::whole(setting, node, 1..=1_048_576))?;
        Ok(())
    },
};

const BUFFER_SIZE: OptionSpec = OptionSpec {
    name: "buffer-size",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size from 1K to 16M",
    default: "32K",
    example: "\"32K\"",
    is_local: false,
    documentation: "The largest head of a request: its first line and all headers together. A \
        larger one is answered with status 431. A bare number is bytes, as in uWSGI; `K` and `M` are \
        powers of 1024. Raise it for apps with very large cookies.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let bytes = setting.one(|setting, node| values::size(setting, node, KIB..=16 * MIB))?;
        draft.buffer_size = u32::try_from(bytes).unwrap_or(u32::MAX);
        Ok(())
    },
};

const LIMIT_POST: OptionSpec = OptionSpec {
    name: "limit-post",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size such as `16M`, or 0 for no limit",
    default: "no limit",
    example: "\"16M\"",
    is_local: false,
    documentation: "The largest body of a request. A larger one is answered with status 413. A \
        bare number is bytes, as in uWSGI; `K`, `M` and `G` are powers of 1024. It holds for bodies \
        sent in chunks too, as soon as they exceed it. 0 is no limit.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let bytes = setting.one(|setting, node| values::size(setting, node, 0..=u64::MAX))?;
        draft.limit_post = Some(bytes).filter(|bytes| *bytes > 0);
        Ok(())
    },
};

const ACCESS_LOG: OptionSpec = OptionSpec {
    name: "access-log",
    aliases: &[],
    kind: ValueKind::One,
    takes: "`errors`, `all` or `off`",
    default: "`errors`; `all` with `log-format` or `req-logger`",
    example: "\"errors\"",
    is_local: false,
    documentation: "Which requests get a line in the vassal's log. `errors` logs those answered \
        with a status of 500 or above, `all` logs every request, `off` logs none. Logging every \
        request costs throughput; a reverse proxy in front usually does it anyway. A file that says \
        by `log-format` how lines look, or by `req-logger` where they go, wants them all unless \
        it says otherwise, here or by `log-5xx` and its like.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.access_log = Some(setting.one(values::access_log)?);
        Ok(())
    },
};
