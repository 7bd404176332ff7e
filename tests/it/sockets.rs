//! Listening sockets: bound once, outliving what is behind them, never taking what is another's.

use std::fs;
use std::net::{Ipv6Addr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;

use serde_json::json;

use crate::harness::{Emperor, Load, connect, get, hello, try_get, write_whole};

#[test]
fn a_port_that_another_process_has_is_told_and_taken_when_free() {
    let foreign = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = foreign.local_addr().expect("it is bound").to_string();
    let emperor = Emperor::start();
    let blog = emperor.add("blog", &format!("http = \"{address}\""), &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says("socket", &[&address, "Address already in use"]);
    failure.hints("another process has port");
    drop(foreign);
    emperor.ready_after(&blog, 1);
    assert_eq!(get(&address, "/"), "x");
}

#[test]
fn a_port_that_another_vassal_has_is_told_with_its_name() {
    let emperor = Emperor::start();
    let first = emperor.serve("first", "", &hello("first"));
    let address = emperor.address(&first);
    let second = emperor.add("second", &format!("http = \"{address}\""), &hello("second"));
    let failure = emperor.failed_after(&second, 0);
    failure.says("socket", &[&address]);
    failure.hints(&format!("vassal `{}` listens there", first.name));
    assert_eq!(get(&address, "/"), "first");
    fs::remove_file(&first.file).expect("it is there");
    emperor.ready_after(&second, 1);
    assert_eq!(get(&address, "/"), "second");
}

#[test]
fn any_port_becomes_the_very_port_that_it_was_and_nobody_is_refused() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let address = emperor.address(&blog);
    let load = Load::on(&address);
    let named = |options: &str| {
        let options = format!("http = \"{address}\"\n{options}");
        write_whole(&blog.file, &Emperor::text_for(&blog, &options));
    };
    // Also when the first that asks for it fails, and the one before comes back.
    named("module = \"nowhere\"");
    let failed = emperor.failed_after(&blog, 1).generation;
    assert_eq!(emperor.address(&blog), address);
    named("");
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.address(&blog), address);
    emperor.deploy(&blog, &hello("new"));
    let newest = emperor.ready_after(&blog, failed + 1);
    emperor.kill9();
    emperor.start_again();
    emperor.heard(
        &blog,
        "generation-adopted",
        &[("generation", json!(newest))],
    );
    assert_eq!(emperor.address(&blog), address);
    let (failures, asked) = load.stop();
    assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
    assert_eq!(get(&address, "/"), "new");
    // Two of one kind do not become one.
    let twice = format!("http = [\"{address}\", \"{address}\"]");
    write_whole(&blog.file, &Emperor::text_for(&blog, &twice));
    let failure = emperor.failed_after(&blog, newest);
    assert!(failure.message.contains(&address), "{failure:?}");
    assert_eq!(get(&address, "/"), "new");
}

#[test]
fn a_unix_socket_has_its_mode_and_goes_with_its_vassal() {
    let emperor = Emperor::start();
    let (plain, open) = (emperor.at("plain.sock"), emperor.at("open.sock"));
    let first = emperor.serve("first", &format!("http = {plain:?}"), &hello("first"));
    let second = emperor.serve(
        "second",
        &format!("http = {open:?}\nchmod-socket = \"666\""),
        &hello("second"),
    );
    let mode = |path| fs::metadata(path).expect("it is there").mode() & 0o7777;
    assert_eq!((mode(&plain), mode(&open)), (0o660, 0o666));
    assert_eq!(
        (emperor.get(&first), emperor.get(&second)),
        ("first".to_owned(), "second".to_owned())
    );
    assert_eq!(emperor.address(&first), plain.display().to_string());
    fs::remove_file(&first.file).expect("it is there");
    emperor.heard(&first, "vassal-gone", &[]);
    assert!(!plain.exists() && open.exists());
    assert!(emperor.stop().success());
    assert!(!open.exists());
}

#[test]
fn a_stale_socket_file_is_replaced() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    drop(UnixListener::bind(&path).expect("it is ours"));
    assert!(path.exists());
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("x"));
    assert_eq!(emperor.get(&blog), "x");
    let names = fs::read_dir(emperor.at(""))
        .expect("it is ours")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    assert_eq!(
        names.filter(|name| name.contains("blog.sock")).count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn a_live_socket_of_somebody_else_is_left_alone() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let foreign = UnixListener::bind(&path).expect("it is ours");
    let inode = fs::metadata(&path).expect("it is there").ino();
    let blog = emperor.add("blog", &format!("http = {path:?}"), &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says("socket", &["blog.sock", "another process answers there"]);
    failure.hints("stop that process, or give the vassal another path");
    assert_eq!(fs::metadata(&path).expect("it is there").ino(), inode);
    drop(foreign);
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    fs::write(&path, "precious").expect("it is ours");
    let blog = emperor.add("blog", &format!("http = {path:?}"), &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says("socket", &["blog.sock", "not a socket"]);
    failure.hints("remove it if it is not needed");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
}

#[test]
fn an_abstract_name_serves() {
    let emperor = Emperor::start();
    let name = format!("@{}", emperor.name("abstract"));
    let blog = emperor.serve("blog", &format!("http = \"{name}\""), &hello("x"));
    assert_eq!(emperor.address(&blog), name);
    assert_eq!(get(&name, "/"), "x");
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    assert_eq!(get(&name, "/"), "new");
}

#[test]
fn an_ipv6_address_serves() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return eprintln!("skipped: this machine has no IPv6");
    }
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "http = \"[::1]:0\"", &hello("x"));
    let address = emperor.address(&blog);
    assert!(
        address.starts_with("[::1]:") && !address.ends_with(":0"),
        "{address}"
    );
    assert_eq!(get(&address, "/"), "x");
}

#[test]
fn a_port_alone_is_every_address() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "http = \":0\"", &hello("x"));
    let address = emperor.address(&blog);
    let port = address.rsplit(':').next().expect("it has a port");
    assert_ne!(port, "0");
    assert_eq!(get(&format!("127.0.0.1:{port}"), "/"), "x");
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        assert_eq!(get(&format!("[::1]:{port}"), "/"), "x");
    }
}

#[test]
fn a_path_that_is_too_long_is_refused() {
    let emperor = Emperor::start();
    let path = format!("/{}.sock", "x".repeat(110));
    let blog = emperor.add("blog", &format!("http = \"{path}\""), &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says("config", &["116 bytes"]);
    assert!(
        failure.detail.contains("the kernel allows 107"),
        "{failure:?}"
    );
}

#[test]
fn a_socket_in_a_directory_that_is_not_there_is_told() {
    let emperor = Emperor::start();
    let path = emperor.at("missing/blog.sock");
    let blog = emperor.add("blog", &format!("http = {path:?}"), &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says(
        "socket",
        &["missing/blog.sock", "No such file or directory"],
    );
    failure.hints("must exist and be writable");
    fs::create_dir(emperor.at("missing")).expect("it is ours");
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn an_address_of_another_machine_is_told() {
    let emperor = Emperor::start();
    // TEST-NET-1 of RFC 5737: nobody has it.
    let blog = emperor.add("blog", "http = \"192.0.2.1:8000\"", &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says("socket", &["192.0.2.1:8000"]);
    failure.hints("this machine has no such address");
}

#[test]
fn several_addresses_serve_one_app() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let options = format!("http = [\"127.0.0.1:0\", {path:?}]\nprocesses = 2");
    let blog = emperor.serve("blog", &options, &hello("x"));
    let addresses = emperor.addresses(&blog);
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    for address in addresses {
        assert_eq!(get(&address, "/"), "x");
    }
}

#[test]
fn two_free_ports_of_one_vassal_are_two() {
    let emperor = Emperor::start();
    let blog = emperor.serve(
        "blog",
        "http = [\"127.0.0.1:0\", \"127.0.0.1:0\"]",
        &hello("x"),
    );
    let addresses = emperor.addresses(&blog);
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    assert_ne!(addresses.first(), addresses.last());
}

#[test]
fn a_socket_outlives_generations() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve(
        "blog",
        &format!("http = [\"127.0.0.1:0\", {path:?}]"),
        &hello("old"),
    );
    let addresses = emperor.addresses(&blog);
    let inode = fs::metadata(&path).expect("it is there").ino();
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.addresses(&blog), addresses);
    assert_eq!(fs::metadata(&path).expect("it is there").ino(), inode);
    for address in addresses {
        assert_eq!(get(&address, "/"), "new");
    }
    assert_eq!(emperor.count(&blog, "sockets-bound"), 1);
}

#[test]
fn another_address_is_taken_over_on_reload() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let old = emperor.address(&blog);
    let path = emperor.at("blog.sock");
    write_whole(
        &blog.file,
        &Emperor::text_for(&blog, &format!("http = {path:?}")),
    );
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.addresses(&blog), [path.display().to_string()]);
    assert_eq!(emperor.get(&blog), "x");
    connect(&old).expect_err("nobody listens there any more");
}

#[test]
fn an_address_that_cannot_be_had_leaves_the_old_one() {
    let foreign = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let taken = foreign.local_addr().expect("it is bound").to_string();
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("good"));
    let address = emperor.address(&blog);
    write_whole(
        &blog.file,
        &Emperor::text_for(&blog, &format!("http = [\"127.0.0.1:0\", \"{taken}\"]")),
    );
    emperor.failed_after(&blog, 1).says("socket", &[&taken]);
    assert_eq!(emperor.state_of(&blog), "degraded");
    assert_eq!(get(&address, "/"), "good");
}

#[test]
fn of_several_addresses_none_is_left_bound_when_one_cannot_be_had() {
    let foreign = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let taken = foreign.local_addr().expect("it is bound").to_string();
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.add(
        "blog",
        &format!("http = [{path:?}, \"{taken}\"]"),
        &hello("x"),
    );
    emperor.failed_after(&blog, 0).says("socket", &[&taken]);
    assert!(!path.exists());
    drop(foreign);
    emperor.ready_after(&blog, 1);
    assert_eq!(get(&path.display().to_string(), "/"), "x");
}

#[test]
fn a_vassal_that_waits_keeps_its_clients_waiting_not_refused() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "", "import does_not_exist_yet");
    emperor.failed_after(&blog, 0);
    let address = emperor.address(&blog);
    let client = std::thread::spawn(move || try_get(&address, "/").map(|answer| answer.body));
    emperor.deploy(&blog, &hello("worth the wait"));
    emperor.events().wait("it serves", |event| {
        (event["event"] == "generation-ready").then_some(())
    });
    let answer = client.join().expect("a client does not panic");
    assert_eq!(answer.expect("the connection was held"), "worth the wait");
}

#[test]
fn a_socket_file_that_somebody_removed_is_there_again_with_the_next_generation() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("x"));
    fs::remove_file(&path).expect("it is there");
    emperor
        .lictor(&["reload", &blog.name, "--wait"])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "x");
}

/// An app that does something to each socket that its master listens on.
fn app_that_does(what: &str, then: &str) -> String {
    format!(
        "import fcntl, os, socket\n\
         for fd in range(3, 200):\n    \
             try:\n        \
                 is_socket = os.readlink(f'/proc/self/fd/{{fd}}').startswith('socket:')\n    \
             except OSError:\n        \
                 continue\n    \
             if not is_socket:\n        \
                 continue\n    \
             found = socket.socket(fileno=os.dup(fd))\n    \
             listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)\n    \
             if listens and found.type == socket.SOCK_STREAM:\n        \
                 {what}\n\
         {then}\n"
    )
}

#[test]
fn sockets_that_an_app_has_shut_down_listen_again_once_it_is_mended() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let options = format!("http = [{path:?}, \"127.0.0.1:0\"]");
    let blog = emperor.serve("blog", &options, &hello("x"));
    let bad = app_that_does("found.shutdown(socket.SHUT_RDWR)", "raise SystemExit(3)");
    emperor.deploy(&blog, &bad);
    emperor.failed_after(&blog, 1);
    let unix = path.display().to_string();
    assert!(connect(&unix).is_err(), "the app has done its worst");
    emperor.deploy(&blog, &hello("mended"));
    emperor.replaced(&blog, 2);
    for address in emperor.addresses(&blog) {
        assert_eq!(get(&address, "/"), "mended", "{address}");
    }
}

#[test]
fn sockets_that_an_app_made_wait_do_so_no_more_once_it_is_mended() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("x"));
    let flag = "fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_NONBLOCK)";
    emperor.deploy(&blog, &app_that_does(flag, "raise SystemExit(3)"));
    emperor.failed_after(&blog, 1);
    let waits = app_that_does(
        "print('waits:', os.get_blocking(fd), flush=True)",
        &hello("x"),
    );
    emperor.deploy(&blog, &waits);
    let said = emperor.printed(&blog, |line| Some(line.strip_prefix("waits: ")?.to_owned()));
    assert_eq!(said, "False");
}

#[test]
fn a_stopped_vassal_leaves_no_socket_file() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let blog = emperor.serve("blog", &format!("http = {path:?}"), &hello("x"));
    assert!(
        fs::metadata(&path)
            .expect("it is there")
            .file_type()
            .is_socket()
    );
    emperor.lictor(&["stop", &blog.name, "--wait"]).with_code(0);
    assert!(!path.exists());
    assert_eq!(emperor.status_of(&blog)["sockets"], json!([]));
    emperor
        .lictor(&["start", &blog.name, "--wait"])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "x");
}
