//! Binding one address: TCP of both families, unix paths, abstract names (`unix(7)`).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;

use lictor_core::config::{Address, VassalConfig};
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::{close_elsewhere, read_bounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::fd_store::Kept;
use super::socket_file::{SocketFile, Standing};

/// Who a unix socket shall belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

/// One bound socket.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) fd: OwnedFd,
    /// The real address, port 0 resolved.
    pub(super) address: Address,
    /// Who the vassal runs as.
    pub(super) owner: Owner,
    pub(super) mode: u32,
    /// Device and inode of the socket file, so that nobody else's is removed.
    pub(super) file: Option<(u64, u64)>,
    /// The service manager has a copy as long as this is here.
    pub(super) kept: Option<Kept>,
}

/// Why an address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on `{address}`: {reason}")]
pub(crate) struct BindError {
    address: Address,
    reason: String,
    hint: String,
}

impl BindError {
    /// As `status` shows it. `holder` is the vassal that has the address, if one has.
    pub(super) fn failure(&self, holder: Option<&str>) -> Failure {
        let hint = match holder {
            Some(name) => {
                format!("hint: vassal `{name}` listens there; give one of them another address")
            }
            None => self.hint.clone(),
        };
        Failure::new(FailureKind::Socket, self.to_string(), hint)
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }
}

impl Bound {
    /// What a reload may change of a socket that stays: backlog, mode and owner. Best effort: the
    /// socket serves as it is.
    pub(super) fn adjust(&mut self, config: &VassalConfig, owner: Owner) {
        let backlog = i32::try_from(config.listen).unwrap_or(i32::MAX);
        let _stays_as_it_is = SockRef::from(&self.fd).listen(backlog);
        // A tenant may have made it one at which workers hang instead of looking at their orders.
        let _stays_as_it_is = rustix::io::ioctl_fionbio(&self.fd, true);
        let mode = config.chmod_socket.0;
        if (self.owner, self.mode) == (owner, mode) {
            return;
        }
        (self.owner, self.mode) = (owner, mode);
        // It is kept under a name that says both.
        self.kept = None;
        if let (Address::Unix(path), Some(made)) = (&self.address, self.file) {
            let adjusted = SocketFile::at(path).and_then(|file| file.adjust(made, mode, owner));
            if let Err(error) = adjusted {
                let path = path.display();
                tracing::warn!("could not change mode and owner of `{path}`: {error}");
            }
        }
    }

    /// Whether clients can reach it: anybody may have removed its file, and a tenant can shut down
    /// the socket that it shares.
    pub(super) fn is_reachable(&self) -> bool {
        let is_in_place = match (&self.address, self.file) {
            (Address::Unix(path), Some(_)) => {
                SocketFile::at(path).is_ok_and(|file| file.identity() == self.file)
            }
            _ => true,
        };
        let mut shut = [PollFd::new(&self.fd, PollFlags::RDHUP)];
        let is_shut = poll(&mut shut, Some(&Timespec::default())).is_ok_and(|count| count > 0);
        is_in_place && !is_shut && is_listening_at(&self.fd, &self.address)
    }

    /// Removes the socket file, if it still is the one that was made here, and closes the socket.
    /// At once, if that cannot wait for anybody: a tenant can make a connection of a listening
    /// socket that it shares, and those who wait at a unix socket can have sent descriptors.
    pub(super) fn close(self) {
        if let (Address::Unix(path), true) = (&self.address, self.file.is_some())
            && let Ok(file) = SocketFile::at(path)
            && file.identity() == self.file
        {
            drop(file.remove());
        }
        let still_listens = SockRef::from(&self.fd).is_listener().unwrap_or(false);
        if !matches!(self.address, Address::Tcp(_)) || !still_listens {
            close_elsewhere(vec![self.fd]);
        }
    }
}

/// Binds and listens, for a vassal.
pub(super) fn bind(
    address: &Address,
    config: &VassalConfig,
    owner: Owner,
) -> Result<Bound, BindError> {
    bind_at(address, config.listen, config.chmod_socket, owner)
}

/// Binds and listens; a unix socket gets this mode.
pub(super) fn bind_at(
    address: &Address,
    backlog: u32,
    lictor_core::config::Mode(mode): lictor_core::config::Mode,
    owner: Owner,
) -> Result<Bound, BindError> {
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    let failed = |error: io::Error| BindError {
        address: address.clone(),
        hint: hint_for(address, &error),
        reason: error.to_string(),
    };
    match address {
        Address::Tcp(wanted) => {
            let socket = bind_tcp(*wanted, backlog).map_err(failed)?;
            let real = socket.local_addr().ok().and_then(|local| local.as_socket());
            Ok(Bound {
                fd: socket.into(),
                address: Address::Tcp(real.unwrap_or(*wanted)),
                owner,
                mode,
                file: None,
                kept: None,
            })
        }
        Address::Unix(path) => bind_unix(path, backlog, mode, owner).map_err(|error| match error {
            UnixBindError::Live => BindError {
                address: address.clone(),
                reason: "another process answers there".to_owned(),
                hint: "hint: stop that process, or give the vassal another path".to_owned(),
            },
            UnixBindError::NotASocket => BindError {
                address: address.clone(),
                reason: "a file that is not a socket stands there".to_owned(),
                hint: "hint: remove it if it is not needed, or give the vassal another path"
                    .to_owned(),
            },
            UnixBindError::Io(error) => failed(error),
        }),
        Address::Abstract(name) => {
            let socket = bind_abstract(name, backlog).map_err(failed)?;
            Ok(Bound {
                fd: socket.into(),
                address: address.clone(),
                owner,
                mode,
                file: None,
                kept: None,
            })
        }
    }
}

/// Whether this socket accepts connections there. Whatever else it is set to harms its own vassal.
pub(super) fn is_listening_at(socket: &OwnedFd, address: &Address) -> bool {
    let socket = SockRef::from(socket);
    let is_stream = socket.r#type().is_ok_and(|kind| kind == Type::STREAM);
    let Ok(local) = socket.local_addr() else {
        return false;
    };
    let is_there = match address {
        Address::Tcp(tcp) => local.as_socket() == Some(*tcp),
        // Bound under another name and renamed there; the record says which file it is.
        Address::Unix(_) => local.is_unix() && local.as_abstract_namespace().is_none(),
        Address::Abstract(name) => local.as_abstract_namespace() == Some(name.as_bytes()),
    };
    is_stream && is_there && socket.is_listener().unwrap_or(false)
}

/// The kernel cuts a longer backlog without a word (`listen(2)`).
pub(super) fn warn_of_cap(backlog: u32) {
    let cap = read_bounded(Path::new("/proc/sys/net/core/somaxconn"), 64).ok();
    let cap = cap.and_then(|bytes| String::from_utf8_lossy(&bytes).trim().parse::<u32>().ok());
    if let Some(cap) = cap.filter(|cap| *cap < backlog) {
        tracing::warn!(
            "`listen` asks for {backlog}, but the kernel allows {cap}; raise it with \
             `sysctl net.core.somaxconn={backlog}`"
        );
    }
}

fn hint_for(address: &Address, error: &io::Error) -> String {
    match (error.kind(), address) {
        (io::ErrorKind::AddrInUse, Address::Tcp(tcp)) => format!(
            "hint: another process has port {}; see `ss -ltnp 'sport = :{}'`, or choose another port",
            tcp.port(),
            tcp.port()
        ),
        (io::ErrorKind::AddrNotAvailable, _) => {
            "hint: this machine has no such address; `ip address` lists those it has".to_owned()
        }
        (io::ErrorKind::PermissionDenied, Address::Tcp(_)) => {
            "hint: ports below 1024 need an emperor that runs as root".to_owned()
        }
        (_, Address::Unix(path)) => format!(
            "hint: the directory `{}` must exist and be writable by the emperor",
            path.parent().unwrap_or(Path::new("/")).display()
        ),
        _ => String::new(),
    }
}

fn bind_tcp(wanted: SocketAddr, backlog: i32) -> io::Result<Socket> {
    let listen = |address: SocketAddr| -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // A port in TIME_WAIT may be bound again (`socket(7)`).
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // `[::]` means every address, IPv4 too (`ipv6(7)`).
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    match listen(wanted) {
        // A machine without IPv6: every address is every IPv4 address.
        Err(error)
            if wanted.is_ipv6()
                && wanted.ip().is_unspecified()
                && error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) =>
        {
            listen((Ipv4Addr::UNSPECIFIED, wanted.port()).into())
        }
        other => other,
    }
}

fn bind_abstract(name: &str, backlog: i32) -> io::Result<Socket> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    let listener = std::os::unix::net::UnixListener::bind_addr(&address)?;
    let socket = Socket::from(OwnedFd::from(listener));
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

enum UnixBindError {
    /// Somebody accepts there.
    Live,
    /// Not a socket at all.
    NotASocket,
    Io(io::Error),
}

impl From<io::Error> for UnixBindError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Binds under a new name beside the path and renames it there, with its mode and owner: nobody
/// ever finds a socket that is missing, half-made or open to all. A stale file is replaced by that;
/// a live one is refused.
fn bind_unix(path: &Path, backlog: i32, mode: u32, owner: Owner) -> Result<Bound, UnixBindError> {
    let wanted = SocketFile::at(path)?;
    match wanted.standing() {
        Standing::Other => return Err(UnixBindError::NotASocket),
        Standing::Socket if !is_stale(&wanted.short_path()) => return Err(UnixBindError::Live),
        Standing::Socket | Standing::Nothing => {}
    }
    let own = wanted.beside()?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The file is made with the mode of the socket itself, so nothing has to be changed by its
    // name, which whoever may write to the directory could have exchanged.
    rustix::fs::fchmod(&socket, Mode::from_raw_mode(mode)).map_err(io::Error::from)?;
    let umask = rustix::process::umask(Mode::empty());
    let bound = SockAddr::unix(own.short_path()).and_then(|address| socket.bind(&address));
    rustix::process::umask(umask);
    bound?;
    let finish = || -> io::Result<()> {
        own.give_to(owner)?;
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        own.replace(&wanted)
    };
    if let Err(error) = finish() {
        drop(own.remove());
        return Err(error.into());
    }
    Ok(Bound {
        fd: socket.into(),
        address: Address::Unix(path.to_owned()),
        owner,
        mode,
        file: wanted.identity(),
        kept: None,
    })
}

/// Whether nobody listens behind a socket file. Asked without waiting: whoever has a full backlog
/// there must not be able to hold the emperor up.
fn is_stale(path: &Path) -> bool {
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    connect().is_err_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
        )
    })
}
