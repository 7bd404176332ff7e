//! The ways to name an app, and what it finds around itself.

use std::fs;

use crate::harness::{Emperor, answering, get, hello, pythons, write_whole};
use crate::real_apps::virtualenvs::{Packages, with_packages};

const FACTORY: &str = "
def create_app(*given, **named):
    return lambda environ, start_response: start_response('200 OK', []) and None or [repr((given, named)).encode()]

class site:
    create = staticmethod(create_app)
";

#[test]
fn factories_are_called_once_with_literals() {
    let emperor = Emperor::start();
    for (name, callable, told) in [
        ("plain", "create_app()", "((), {})"),
        ("spaced", "create_app ( 1, 'a:b' )", "((1, 'a:b'), {})"),
        (
            "dotted",
            "site.create([1], x={'y': None})",
            "(([1],), {'x': {'y': None}})",
        ),
    ] {
        let options = format!("module = {:?}", format!("app:{callable}"));
        let vassal = emperor.serve(name, &options, FACTORY);
        assert_eq!(emperor.get(&vassal), told);
    }
    for (name, callable, said) in [
        ("call", "create_app(open('x'))", "an argument is no literal"),
        ("name", "create_app(__name__)", "an argument is no literal"),
        ("stars", "create_app(**{})", "`**` is no literal"),
        ("twice", "create_app()()", "cannot be called"),
        ("syntax", "create_app(,)", "cannot be called"),
    ] {
        let options = format!("module = {:?}", format!("app:{callable}"));
        let vassal = emperor.add(name, &options, FACTORY);
        emperor.failed_after(&vassal, 0).says("import", &[said]);
    }
}

#[test]
fn a_failing_factory_shows_its_traceback() {
    let emperor = Emperor::start();
    let code = "def create_app():\n    raise LookupError('no database')\n";
    let vassal = emperor.add("blog", "module = 'app:create_app()'", code);
    let failure = emperor.failed_after(&vassal, 0);
    failure.says("import", &["LookupError: no database"]);
    assert!(
        failure.detail.contains("in create_app"),
        "{}",
        failure.detail
    );
}

#[test]
fn classes_and_files_of_any_ending_are_apps() {
    let emperor = Emperor::start();
    let code = "class Site:\n    def __init__(self, environ, start_response):\n        \
                start_response('200 OK', [])\n    def __iter__(self):\n        return iter([b'site'])\n";
    let vassal = emperor.vassal("blog");
    let file = vassal.app.with_file_name("blog.wsgi");
    write_whole(&file, code);
    let options = format!("# module =\nwsgi-file = {file:?}\ncallable = 'Site'");
    let vassal = emperor.serve("blog", &options, "");
    assert_eq!(emperor.get(&vassal), "site");
}

#[test]
fn code_in_the_vassal_file_is_an_app() {
    let emperor = Emperor::start();
    let options = "# module =\neval = 'import app; application = app.make()'";
    let code = format!(
        "{}\ndef make():\n    return application\n",
        hello("evaluated")
    );
    let vassal = emperor.serve("blog", options, &code);
    assert_eq!(emperor.get(&vassal), "evaluated");
    let broken = emperor.add("broken", "# module =\neval = 'application = 1 /'", "");
    emperor
        .failed_after(&broken, 0)
        .says("import", &["SyntaxError"]);
}

#[test]
fn the_surroundings_are_those_that_were_asked_for() {
    let emperor = Emperor::start();
    let later = emperor.at("later");
    fs::create_dir(&later).expect("it is ours");
    for name in ["lib-1", "lib-2"] {
        write_whole(
            &emperor.at(format!("libs/{name}/{}.py", name.replace('-', "_"))),
            "here = 1",
        );
    }
    let options = format!(
        "chdir2 = {later:?}\npyargv = '--settings \"shop front\" -v'\npy-executable = '/opt/python'\n\
         wsgi-disable-file-wrapper = true\npythonpath = {:?}",
        emperor.at("libs/lib-*")
    );
    let code = format!(
        "import os, lib_1, lib_2\nloaded_in = os.getcwd()\n{}",
        answering(
            "[os.getcwd(), loaded_in, sys.argv[1:], sys.executable, 'wsgi.file_wrapper' in environ]"
        )
    );
    let vassal = emperor.serve("blog", &options, &code);
    let expected = format!(
        "['{}', '{}', ['--settings', 'shop front', '-v'], '/opt/python', False]",
        later.display(),
        vassal.app.parent().expect("it has one").display()
    );
    assert_eq!(emperor.get(&vassal), expected);
    let nowhere = emperor.add("nowhere", "chdir2 = '/no/such/place'", &hello("x"));
    emperor
        .failed_after(&nowhere, 0)
        .says("import", &["/no/such/place` of `chdir2`"]);
}

const PYRAMID: &str = "
import logging

def main(global_config, **settings):
    logging.getLogger('blog').warning('made by %s', settings['title'])
    def application(environ, start_response):
        start_response('200 OK', [])
        return [('%s %s' % (settings['title'], environ['SCRIPT_NAME'])).encode()]
    return application
";

const PASTE: &str = "[app:main]
paste.app_factory = app:main
title = main

[app:sub]
paste.app_factory = app:main
title = sub

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = generic

[formatter_generic]
format = formatted %(message)s
";

#[test]
fn paste_deploy_makes_an_app_of_the_vassal_file_itself() {
    let emperor = Emperor::start();
    let packages = Packages {
        name: "PasteDeploy",
        version: "3.1.0",
    };
    let place = with_packages(&pythons()[0], &packages);
    let vassal = emperor.vassal("blog");
    let file = vassal.file.with_extension("ini");
    let directory = vassal
        .app
        .parent()
        .expect("it has one")
        .display()
        .to_string();
    crate::harness::write_python(&vassal.app, PYRAMID);
    let text = format!(
        "[uwsgi]\nhttp = 127.0.0.1:0\nini-paste-logged = {}\nmount = /sub={}#sub\n\
         manage-script-name = true\nvirtualenv = {}\nchdir = {directory}\n\n{PASTE}",
        file.display(),
        file.display(),
        place.display()
    );
    write_whole(&file, &text);
    emperor.ready_after(&vassal, 0);
    let address = emperor.address(&vassal);
    assert_eq!(get(&address, "/"), "main ");
    assert_eq!(get(&address, "/sub/x"), "sub /sub");
    emperor.printed(&vassal, |line| {
        line.contains("formatted made by main").then_some(())
    });
}

#[test]
fn without_paste_deploy_the_failure_says_what_to_install() {
    let emperor = Emperor::start();
    let options = "# module =\npaste = 'config:production.ini'";
    let vassal = emperor.add("blog", options, "");
    let failure = emperor.failed_after(&vassal, 0);
    failure.says("import", &["production.ini` needs Paste Deploy"]);
    failure.hints("install `PasteDeploy`");
}
