//! Radicale, hgweb, Trac, `MoinMoin` and `WsgiDAV` from `PyPI`, each with the vassal file that its own
//! documentation or packagers show for uWSGI: only paths and ports are others, and no user is named.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use crate::harness::{Emperor, Python, Vassal, WebServer, free_port, get, write_whole};
use crate::real_apps::virtualenvs::{Packages, run_in, three_pythons, with_packages};

/// One of them. In its texts `ROOT` is a directory of its own.
struct Tenant {
    name: &'static str,
    packages: Packages,
    vassal: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// What is run once before it is served: a program of its environment with arguments.
    before: &'static [&'static [&'static str]],
    path: &'static str,
    /// On its page.
    shows: &'static str,
}

const TENANTS: [Tenant; 5] = [
    Tenant {
        name: "radicale",
        packages: Packages {
            name: "radicale",
            version: "3.5.4",
        },
        vassal: "http-socket = 127.0.0.1:0\nprocesses = 8\nplugin = python3\n\
                 module = radicale\nenv = RADICALE_CONFIG=ROOT/config\n",
        files: &[(
            "config",
            "[auth]\ntype = none\n[storage]\nfilesystem_folder = ROOT/collections\n",
        )],
        before: &[],
        path: "/.web/",
        shows: "Radicale Web Interface",
    },
    Tenant {
        name: "hgweb",
        packages: Packages {
            name: "mercurial",
            version: "7.1.2",
        },
        vassal: "processes = 2\nsocket = ROOT/socket\nchdir = ROOT\nwsgi-file = hgweb.wsgi\n",
        files: &[
            (
                "hgweb.wsgi",
                "config = b'ROOT/hgweb.config'\nimport os\nos.environ['HGENCODING'] = 'UTF-8'\n\
                 from mercurial import demandimport; demandimport.enable()\n\
                 from mercurial.hgweb import hgweb\napplication = hgweb(config)\n",
            ),
            (
                "hgweb.config",
                "[paths]\n/ = ROOT/repos/*\n[web]\nstyle = gitweb\n",
            ),
        ],
        before: &[&["hg", "init", "ROOT/repos/demo"]],
        path: "/demo",
        shows: "demo: Summary",
    },
    Tenant {
        name: "trac",
        packages: Packages {
            // Trac needs what newer ones have dropped.
            name: "setuptools==79.0.1 trac",
            version: "1.6",
        },
        vassal: "socket = ROOT/trac.socket\nmodule = trac.web.main\ncallable = dispatch_request\n\
                 env = TRAC_ENV=ROOT/env\nsingle-interpreter = 1\nprocesses = 2\nharakiri = 120\n",
        files: &[],
        before: &[&[
            "trac-admin",
            "ROOT/env",
            "initenv",
            "demo",
            "sqlite:db/trac.db",
        ]],
        path: "/wiki",
        shows: "Trac",
    },
    Tenant {
        name: "moin",
        packages: Packages {
            name: "moin",
            version: "2.0.0b5",
        },
        vassal: "socket = ROOT/moin.sock\nchmod-socket = 660\nlogto = ROOT/moin.log\n\
                 chdir = ROOT\nwsgi-file = moin.wsgi\nmaster\nworkers = 3\nmax-requests = 200\n\
                 harakiri = 60\ndie-on-term\n",
        files: &[(
            "moin.wsgi",
            "wiki_config = 'ROOT/wikiconfig.py'\nfrom moin.app import create_app\n\
             application = create_app(wiki_config)\n",
        )],
        before: &[
            &["moin", "create-instance", "--path", "ROOT"],
            &["moin", "index-create"],
        ],
        path: "/+index",
        shows: "<title>",
    },
    Tenant {
        name: "dav",
        packages: Packages {
            name: "wsgidav",
            version: "4.3.3",
        },
        vassal: "http = 127.0.0.1:0\nchdir = ROOT\nwsgi-file = dav.py\nthreads = 4\n\
                 vacuum = true\nenable-threads = true\n",
        files: &[(
            "dav.py",
            "from wsgidav.wsgidav_app import WsgiDAVApp\n\
             application = WsgiDAVApp({'provider_mapping': {'/': 'ROOT'}, \
             'simple_dc': {'user_mapping': {'*': True}}, 'verbose': 1})\n",
        )],
        before: &[],
        path: "/",
        shows: "dav.py",
    },
];

impl Tenant {
    /// Everything in its place, and the vassal file last.
    fn move_in(&self, emperor: &Emperor, python: &Python) -> Vassal {
        let venv = with_packages(python, &self.packages);
        let vassal = emperor.vassal(self.name);
        let root = emperor.at(self.name);
        let here = |text: &str| text.replace("ROOT", &root.display().to_string());
        fs::create_dir_all(root.join("repos")).expect("it is ours");
        for (name, text) in self.files {
            write_whole(&root.join(name), &here(text));
        }
        for command in self.before {
            let program = venv.join("bin").join(command[0]).display().to_string();
            let mut all = vec![program];
            all.extend(command[1..].iter().map(|argument| here(argument)));
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            run_in(&venv, &root, &all, &[("HOME", "/"), ("LANG", "C.UTF-8")]);
        }
        let text = format!(
            "[uwsgi]\nvirtualenv = {}\n{}",
            venv.display(),
            here(self.vassal)
        );
        let file = vassal.file.with_extension("ini");
        write_whole(&file, &text);
        Vassal { file, ..vassal }
    }
}

/// nginx before a unix socket, with the parameters that it has for uWSGI.
fn nginx(place: &Path, port: u16, socket: &str) -> WebServer {
    fs::create_dir(place).expect("it is ours");
    fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let at = place.display();
    let text = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/errors; events {{}}
        http {{ access_log off; client_body_temp_path {at}/b; proxy_temp_path {at}/p;
        fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
        server {{ listen 127.0.0.1:{port}; location / {{
            include /etc/nginx/uwsgi_params; uwsgi_pass unix:{socket}; }} }} }}"
    );
    let mut server = WebServer::nginx(place, &text);
    server.listens(port);
    server
}

#[test]
fn tenants_run_as_they_ran_under_uwsgi() {
    let [python, ..] = three_pythons();
    let emperor = Emperor::start();
    thread::scope(|scope| {
        for tenant in &TENANTS {
            let emperor = &emperor;
            scope.spawn(move || {
                let vassal = tenant.move_in(emperor, python);
                emperor.ready_after(&vassal, 0);
                let mut address = emperor.address(&vassal);
                let front = address.starts_with('/').then(|| {
                    let port = free_port();
                    let place = emperor.at(format!("nginx-{}", tenant.name));
                    let server = nginx(&place, port, &address);
                    address = format!("127.0.0.1:{port}");
                    server
                });
                let page = get(&address, tenant.path);
                assert!(page.contains(tenant.shows), "{}: {page}", tenant.name);
                drop(front);
            });
        }
    });
}
