//! The names under which a service manager keeps sockets: all that a later emperor has to know of one.
//!
//! A name is compared with the descriptor that comes back with it before anything of it is believed.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::num::ParseIntError;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;

use lictor_core::config::Address;
use socket2::{SockRef, Type};

use super::bind::{Bound, Owner};
use super::socket_file::{SocketFile, Standing};

/// What names begin with; the figure is the version of their form.
const MARK: &str = "lictor1";
/// Longest name (`sd_notify(3)`).
const NAME_LIMIT_BYTES: usize = 255;

/// What the name of a kept socket says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) address: Address,
    pub(super) owner: Owner,
    pub(super) mode: u32,
    pub(super) file: Option<(u64, u64)>,
}

impl Described {
    /// What there is to say of a socket.
    pub(super) fn of(bound: &Bound) -> Self {
        Self {
            address: bound.address.clone(),
            owner: bound.owner,
            mode: bound.mode,
            file: bound.file,
        }
    }

    /// Mark, user, group, mode, device and inode of the file, address. None if that is too long.
    pub(super) fn name(&self) -> Option<String> {
        let number = |id: Option<u32>| id.map_or_else(String::new, |id| id.to_string());
        let (uid, gid) = (number(self.owner.uid), number(self.owner.gid));
        let (device, inode) = match self.file {
            Some((device, inode)) => (format!("{device:x}"), format!("{inode:x}")),
            None => (String::new(), String::new()),
        };
        let mode = self.mode;
        let address = escape(&self.address.to_string());
        let name = format!("{MARK};{uid};{gid};{mode:o};{device};{inode};{address}");
        (name.len() <= NAME_LIMIT_BYTES).then_some(name)
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut fields = name.splitn(7, ';');
        let mut next = || fields.next();
        if next()? != MARK {
            return None;
        }
        let owner = Owner {
            uid: optional(next()?, str::parse).ok()?,
            gid: optional(next()?, str::parse).ok()?,
        };
        let mode = u32::from_str_radix(next()?, 8).ok()?;
        let hex = |text: &str| u64::from_str_radix(text, 16);
        let device = optional(next()?, hex).ok()?;
        let file = device.zip(optional(next()?, hex).ok()?);
        let address = unescape(next()?)?;
        let address = match address.chars().next()? {
            '/' => Address::Unix(address.into()),
            '@' => Address::Abstract(address.get(1..)?.to_owned()),
            _ => Address::Tcp(address.parse::<SocketAddr>().ok()?),
        };
        Some(Self {
            address,
            owner,
            mode,
            file,
        })
    }

    /// Whether the descriptor is such a socket. That of a path was bound under another name, and is
    /// known by its file.
    pub(super) fn verify(&self, fd: &OwnedFd) -> Result<(), &'static str> {
        let socket = SockRef::from(fd);
        let is_stream = socket.r#type().is_ok_and(|kind| kind == Type::STREAM);
        if !is_stream || !socket.is_listener().unwrap_or(false) {
            return Err("it does not listen any more");
        }
        let Ok(local) = socket.local_addr() else {
            return Err("it has no address");
        };
        let is_there = match &self.address {
            Address::Tcp(address) => local.as_socket() == Some(*address),
            Address::Abstract(name) => {
                let local = local.as_unix();
                let local = local.as_ref().and_then(SocketAddrExt::as_abstract_name);
                local == Some(name.as_bytes())
            }
            Address::Unix(path) => {
                let file = SocketFile::at(path).ok();
                let stands = file.filter(|file| file.standing() == Standing::Socket);
                let identity = stands.and_then(|file| file.identity());
                local.is_unix() && self.file.is_some() && identity == self.file
            }
        };
        if is_there {
            Ok(())
        } else {
            Err("it does not stand there any more")
        }
    }
}

/// A field that may be empty.
fn optional<T>(
    text: &str,
    read: impl Fn(&str) -> Result<T, ParseIntError>,
) -> Result<Option<T>, ParseIntError> {
    (!text.is_empty()).then(|| read(text)).transpose()
}

/// Names are printable ASCII without a colon, which stands between them in `LISTEN_FDNAMES`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b':' | b'%') {
            escaped.push(char::from(byte));
        } else if write!(escaped, "%{byte:02X}").is_err() {
            // A String takes whatever is written to it.
            break;
        }
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = after.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    fn described(address: Address) -> Described {
        Described {
            address,
            owner: Owner::default(),
            mode: 0o660,
            file: None,
        }
    }

    fn owned(uid: Option<u32>, gid: Option<u32>) -> Owner {
        Owner { uid, gid }
    }

    #[test]
    fn a_name_says_all_that_has_to_be_known() {
        let path = Described {
            address: Address::Unix("/run/sites/käse:1.sock".into()),
            owner: owned(Some(33), Some(7)),
            mode: 0o666,
            file: Some((0x19, 0x4d2)),
        };
        let tcp = described(Address::Tcp("[::1]:80".parse().unwrap()));
        let name = described(Address::Abstract("a;b%".into()));
        for (described, name) in [
            (
                path,
                "lictor1;33;7;666;19;4d2;/run/sites/k%C3%A4se%3A1.sock",
            ),
            (tcp, "lictor1;;;660;;;[%3A%3A1]%3A80"),
            (name, "lictor1;;;660;;;@a;b%25"),
        ] {
            assert_eq!(described.name().as_deref(), Some(name));
            assert_eq!(Described::parse(name), Some(described));
        }
    }

    #[test]
    fn what_is_no_name_of_ours_is_not_read() {
        for name in [
            "",
            "stored",
            "lictor1",
            "lictor2;;;660;;;@a",
            "lictor1;;;660;;;",
            "lictor1;;;660;;;relative",
            "lictor1;x;;660;;;@a",
            "lictor1;;;9;;;@a",
            "lictor1;;;660;z;1;/a",
            "lictor1;;;660;;;@%f",
            "lictor1;;;660;;;@%zz",
            "lictor1;;;660;;;@%ff",
        ] {
            assert_eq!(Described::parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_taken_and_comes_back_the_same(
            path in "/[^\0]{0,106}", uid in any::<Option<u32>>(), gid in any::<Option<u32>>(),
            mode in 0..0o10000u32, file in any::<Option<(u64, u64)>>(),
        ) {
            let owner = owned(uid, gid);
            let described = Described { address: Address::Unix(path.clone().into()), owner, mode, file };
            let Some(name) = described.name() else {
                // Each byte that is not ASCII takes three.
                prop_assert!(path.len() > 60);
                return Ok(());
            };
            prop_assert!(name.len() <= 255);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
            prop_assert_eq!(Described::parse(&name), Some(described));
        }

        #[test]
        fn no_name_makes_it_panic(name in ".*", rest in ".*") {
            drop(Described::parse(&name));
            drop(Described::parse(&format!("lictor1;;;660;;;{rest}")));
        }
    }

    #[test]
    fn a_descriptor_is_taken_only_for_what_its_name_says() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = described(Address::Tcp(listener.local_addr().unwrap()));
        let elsewhere = described(Address::Tcp("127.0.0.1:1".parse().unwrap()));
        let connected: OwnedFd = std::net::TcpStream::connect(listener.local_addr().unwrap())
            .unwrap()
            .into();
        let fd: OwnedFd = listener.into();
        assert_eq!(here.verify(&fd), Ok(()));
        assert!(elsewhere.verify(&fd).is_err());
        assert!(
            described(Address::Abstract("x".into()))
                .verify(&fd)
                .is_err()
        );
        assert!(here.verify(&connected).is_err());
        let null: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
        assert!(here.verify(&null).is_err());
    }

    #[test]
    fn the_socket_of_a_path_is_known_by_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("blog.sock");
        let fd: OwnedFd = UnixListener::bind(&path).unwrap().into();
        let mut described = described(Address::Unix(path.clone()));
        assert!(described.verify(&fd).is_err());
        described.file = SocketFile::at(&path).unwrap().identity();
        assert_eq!(described.verify(&fd), Ok(()));
        std::fs::remove_file(&path).unwrap();
        assert!(described.verify(&fd).is_err());
        std::fs::write(&path, "").unwrap();
        assert!(described.verify(&fd).is_err());
    }
}
