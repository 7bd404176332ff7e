//! `py-autoreload`: an edit of an imported file is deployed, and a broken one is not.

use crate::harness::{Emperor, Vassal, get, write_python};

const APP: &str = "
import other

def application(environ, start_response):
    if environ['PATH_INFO'] == '/late':
        import late
        text = late.text
    else:
        text = other.text
    start_response('200 OK', [])
    return [text.encode()]
";

fn serve(emperor: &Emperor, options: &str) -> Vassal {
    let vassal = emperor.vassal("blog");
    write_python(&vassal.app.with_file_name("other.py"), "text = 'one'");
    write_python(&vassal.app.with_file_name("late.py"), "text = 'late one'");
    emperor.serve("blog", options, APP)
}

#[test]
fn an_edit_is_deployed_and_a_broken_one_leaves_the_old_code() {
    for options in [
        "py-autoreload = 1",
        "python-autoreload = 1\nlazy-apps = true",
    ] {
        let emperor = Emperor::start();
        let blog = serve(&emperor, options);
        let other = blog.app.with_file_name("other.py");
        let address = emperor.address(&blog);
        assert_eq!(get(&address, "/"), "one");
        write_python(&other, "text = 'two'");
        assert_eq!(emperor.replaced(&blog, 1), 2);
        assert_eq!(get(&address, "/"), "two");
        write_python(&other, "text = 'two' +");
        let failed = emperor.failed_after(&blog, 2);
        failed.says("import", &["SyntaxError"]);
        assert_eq!(get(&address, "/"), "two");
        write_python(&other, "text = 'three'");
        emperor.ready_after(&blog, failed.generation);
        emperor.replaced(&blog, 2);
        assert_eq!(get(&address, "/"), "three");
    }
}

#[test]
fn what_a_request_imports_is_watched_too() {
    let emperor = Emperor::start();
    let blog = serve(&emperor, "py-autoreload = 1");
    let address = emperor.address(&blog);
    assert_eq!(get(&address, "/late"), "late one");
    write_python(&blog.app.with_file_name("late.py"), "text = 'late two'");
    assert_eq!(emperor.replaced(&blog, 1), 2);
    assert_eq!(get(&address, "/late"), "late two");
}

#[test]
fn modules_can_be_left_out() {
    let emperor = Emperor::start();
    let blog = serve(
        &emperor,
        "py-autoreload = 1\npy-auto-reload-ignore = 'other'",
    );
    write_python(&blog.app.with_file_name("other.py"), "text = 'two'");
    // The second edit is of a file that is watched: had the first been heard, it had come before.
    write_python(&blog.app, APP);
    assert_eq!(emperor.replaced(&blog, 1), 2);
    assert_eq!(emperor.count(&blog, "generation-ready"), 2);
}
