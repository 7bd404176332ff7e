//! Where a socket listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::paths::absolute;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::draft::Draft;
use crate::config::setting::{Outcome, Setting};
use crate::config::tree::{Node, Place, Value};
use crate::config::types::Address;

/// Longest name that fits into `sockaddr_un` of `unix(7)`: with the NUL behind a path, or before
/// an abstract name.
const UNIX_NAME_LIMIT_BYTES: usize = 107;

/// An address as the documentation of `http` lists them.
pub(in crate::config) fn address(setting: &Setting<'_>, node: &Node) -> Result<Address, Complaint> {
    if let Value::Number(port) = &node.value {
        return Err(setting
            .mismatch(node)
            .hint(format!("write `\":{port}\"` for every address")));
    }
    parse(setting.base, setting.text(node)?)
        .map_err(|problem| Complaint::new(node.place.clone(), problem.message).hint(problem.hint))
}

/// An address of a command line, relative to a directory; or what is wrong with it, and what to do.
pub fn parse_address(base: &Path, text: &str) -> Result<Address, String> {
    parse(base, text).map_err(|Problem { message, hint }| format!("{message}; {hint}"))
}

/// Refuses an address that is given twice; port 0 may be, as each gets a port of its own.
pub(in crate::config) fn distinct_addresses(
    values: Vec<(Address, Place)>,
) -> Outcome<Vec<Address>> {
    let mut complaints = Vec::new();
    let mut seen: Vec<(Address, Place)> = Vec::new();
    for (address, place) in values {
        let is_any_port = matches!(&address, Address::Tcp(tcp) if tcp.port() == 0);
        match seen.iter().find(|(other, _)| *other == address) {
            Some((_, first)) if !is_any_port => complaints.push(
                Complaint::new(place, format!("the address `{address}` is given twice"))
                    .also(first.clone(), "first here")
                    .hint("keep one of them"),
            ),
            _ => seen.push((address, place)),
        }
    }
    if complaints.is_empty() {
        Ok(seen.into_iter().map(|(address, _)| address).collect())
    } else {
        Err(complaints)
    }
}

/// Refuses addresses that another option asks for as well.
pub(in crate::config) fn apart<'a>(
    setting: &Setting<'_>,
    draft: &Draft,
    addresses: impl IntoIterator<Item = &'a Address>,
) -> Outcome<()> {
    let is_any_port = |address: &Address| matches!(address, Address::Tcp(tcp) if tcp.port() == 0);
    let mut complaints = Vec::new();
    for address in addresses {
        let other = draft.listening().find(|(_, known)| *known == address);
        let Some((other, _)) = other.filter(|_| !is_any_port(address)) else {
            continue;
        };
        let message = format!(
            "both `{other}` and `{}` ask for the address `{address}`",
            setting.key
        );
        complaints.push(
            Complaint::new(setting.key_place.clone(), message)
                .hint("give one of them another address: a socket speaks one protocol"),
        );
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints)
    }
}

#[derive(Debug)]
struct Problem {
    message: String,
    hint: String,
}

fn problem<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, Problem> {
    Err(Problem {
        message: message.into(),
        hint: hint.into(),
    })
}

fn parse(base: &Path, text: &str) -> Result<Address, Problem> {
    if let Some(name) = text.strip_prefix('@') {
        return parse_abstract(name);
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return parse_unix(base, path);
    }
    if text.contains("://") {
        return problem(
            format!("{} is a URL, not an address", quote(text)),
            "write `HOST:PORT` alone, such as `127.0.0.1:8000`",
        );
    }
    if text.contains(',') {
        return problem(
            format!("{} is not one address", quote(text)),
            "give several addresses as a list",
        );
    }
    let is_named_so = Path::new(text)
        .extension()
        .is_some_and(|extension| extension == "sock");
    let looks_like_path = is_named_so || text.contains('/') || text.starts_with('.');
    if looks_like_path {
        return parse_unix(base, text);
    }
    parse_tcp(text)
}

fn parse_abstract(name: &str) -> Result<Address, Problem> {
    if name.is_empty() {
        return problem(
            "an abstract socket without a name",
            "write a name after the `@`",
        );
    }
    if name.len() > UNIX_NAME_LIMIT_BYTES {
        return problem(
            format!("an abstract socket's name of {} bytes", name.len()),
            format!("the kernel allows {UNIX_NAME_LIMIT_BYTES}; choose a shorter name"),
        );
    }
    Ok(Address::Abstract(name.to_owned()))
}

fn parse_unix(base: &Path, text: &str) -> Result<Address, Problem> {
    if text.is_empty() || text.ends_with('/') {
        return problem(
            format!("{} names no socket file", quote(text)),
            "write the path of a file, such as `blog.sock`",
        );
    }
    let path = absolute(base, text);
    let len = path.as_os_str().len();
    if len > UNIX_NAME_LIMIT_BYTES {
        return problem(
            format!(
                "a unix socket's path of {len} bytes: {}",
                quote(&path.to_string_lossy())
            ),
            format!("the kernel allows {UNIX_NAME_LIMIT_BYTES}; choose a shorter path"),
        );
    }
    Ok(Address::Unix(path))
}

fn parse_tcp(text: &str) -> Result<Address, Problem> {
    let forms = "write `127.0.0.1:8000`, `:8000` for every address, or the path of a unix socket";
    let Some((host, port)) = text.rsplit_once(':') else {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return problem(
                format!("{} is a port without an address", quote(text)),
                format!("write `127.0.0.1:{text}`, or `:{text}` for every address"),
            );
        }
        return problem(format!("{} is not an address", quote(text)), forms);
    };
    let port: u16 = match port.parse() {
        Ok(number) if port.bytes().all(|byte| byte.is_ascii_digit()) => number,
        _ => {
            return problem(
                format!("{} is not a port", quote(port)),
                "a port is a number from 0 to 65535; 0 lets the kernel choose",
            );
        }
    };
    Ok(Address::Tcp(SocketAddr::new(parse_host(host, port)?, port)))
}

fn parse_host(host: &str, port: u16) -> Result<IpAddr, Problem> {
    match host {
        "" => return Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        "*" => return Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        "localhost" => return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => {}
    }
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = bracketed {
        return match address.parse() {
            Ok(ip) => Ok(IpAddr::V6(ip)),
            Err(_) => problem(
                format!("{} is not an IPv6 address", quote(address)),
                format!("write it as in `[::1]:{port}`"),
            ),
        };
    }
    match host.parse() {
        Ok(IpAddr::V4(ip)) => Ok(IpAddr::V4(ip)),
        Ok(IpAddr::V6(ip)) => problem(
            format!("the IPv6 address {} has no brackets", quote(host)),
            format!("write `[{ip}]:{port}`"),
        ),
        Err(_) => problem(
            format!("{} is not an IP address", quote(host)),
            "names are not looked up: write the IP address, `localhost`, or nothing for all",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_is_understood() {
        for (text, expected) in [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("localhost:8000", "127.0.0.1:8000"),
            (":8000", "[::]:8000"),
            ("*:8000", "0.0.0.0:8000"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:80", "[::1]:80"),
            ("/run/blog.sock", "/run/blog.sock"),
            ("unix:/run/blog.sock", "/run/blog.sock"),
            ("unix:blog", "/srv/vassals/blog"),
            ("blog.sock", "/srv/vassals/blog.sock"),
            ("./x", "/srv/vassals/x"),
            ("run/x", "/srv/vassals/run/x"),
            ("@blog", "@blog"),
        ] {
            let address = parse(Path::new("/srv/vassals"), text).unwrap();
            assert_eq!(address.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused_with_a_next_step() {
        let long_path = format!("/{}", "x".repeat(107));
        let long_name = format!("@{}", "x".repeat(108));
        for text in [
            "8000",
            "blog",
            "",
            "@",
            "unix:",
            "unix:/",
            "/run/",
            ":",
            ":x",
            ":65536",
            ":+80",
            "example.com:80",
            "::1:80",
            "[::1:80",
            "[x]:80",
            "[127.0.0.1]:80",
            "http://x:80",
            ":80,:81",
            "1.2.3:80",
            &long_path,
            &long_name,
        ] {
            let problem = parse(Path::new("/srv"), text).unwrap_err();
            assert!(
                !problem.message.is_empty() && !problem.hint.is_empty(),
                "{text}"
            );
        }
    }

    #[test]
    fn the_longest_unix_names_fit() {
        let path = format!("/{}", "x".repeat(106));
        assert!(parse(Path::new("/srv"), &path).is_ok());
        assert!(parse(Path::new("/srv"), &format!("@{}", "x".repeat(107))).is_ok());
    }
}
