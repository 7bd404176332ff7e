//! A file is an app: dropped, touched, edited, renamed, replaced, removed.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::harness::{Emperor, Setup, connect, get, hello, slow, write_python, write_whole};

#[test]
fn a_dropped_file_answers() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("dropped"));
    assert_eq!(emperor.get(&blog), "dropped");
    assert_eq!(emperor.state_of(&blog), "ready");
}

#[test]
fn what_is_there_at_the_start_answers() {
    let setup = Setup::new();
    let name = setup.name("early");
    write_python(&setup.at("early.py"), &hello("early"));
    let text = "wsgi-file = \"../early.py\"\nhttp = \"127.0.0.1:0\"\n";
    write_whole(&setup.at(format!("vassals/{name}.toml")), text);
    let emperor = setup.start();
    let early = emperor.vassal("early");
    emperor.ready_after(&early, 0);
    assert_eq!(emperor.get(&early), "early");
}

#[test]
fn a_touch_brings_a_new_generation_with_new_code() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("old"));
    let address = emperor.address(&blog);
    emperor.deploy(&blog, &hello("new"));
    assert_eq!(emperor.replaced(&blog, 1), 2);
    assert_eq!(get(&address, "/"), "new");
    assert_eq!(
        emperor.count(&blog, "generation-ready"),
        2,
        "one touch, one generation"
    );
}

#[test]
fn new_code_alone_changes_nothing() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("old"));
    write_python(&blog.app, &hello("new"));
    let other = emperor.serve("other", "", &hello("x"));
    assert_eq!(
        (emperor.get(&blog), emperor.get(&other)),
        ("old".to_owned(), "x".to_owned())
    );
}

#[test]
fn an_edit_in_place_is_a_reload() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let text = Emperor::text_for(&blog, "processes = 2");
    fs::write(&blog.file, text).expect("it is ours");
    emperor.heard(&blog, "generation-ready", &[("generation", json!(2))]);
    assert_eq!(emperor.workers(&blog).len(), 2);
}

#[test]
fn an_editor_that_writes_beside_and_renames_is_a_reload() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let directory = blog.file.parent().expect("it has one");
    let text = Emperor::text_for(&blog, "processes = 2");
    // As vim leaves things behind: a swap file, a probe, a backup, the new file.
    fs::write(directory.join(format!(".{}.toml.swp", blog.name)), "x").expect("it is ours");
    fs::write(directory.join("4913"), "").expect("it is ours");
    fs::remove_file(directory.join("4913")).expect("it is there");
    fs::rename(&blog.file, directory.join(format!("{}.toml~", blog.name))).expect("it is ours");
    fs::write(&blog.file, text).expect("it is ours");
    emperor.heard(&blog, "generation-ready", &[("generation", json!(2))]);
    assert_eq!(emperor.workers(&blog).len(), 2);
    assert_eq!(
        emperor.status()["vassals"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn an_rsync_is_seen_once_it_is_whole() {
    let emperor = Emperor::start();
    let blog = emperor.vassal("blog");
    write_python(&blog.app, &hello("synced"));
    let text = Emperor::text_for(&blog, "");
    let temporary = blog
        .file
        .with_file_name(format!(".{}.toml.XyZ12", blog.name));
    let (start, end) = text.split_at(text.len() / 2);
    fs::write(&temporary, start).expect("it is ours");
    // Another vassal comes up meanwhile, so a look has happened.
    emperor.serve("other", "", &hello("x"));
    fs::write(&temporary, format!("{start}{end}")).expect("it is ours");
    fs::rename(&temporary, &blog.file).expect("it is ours");
    emperor.ready_after(&blog, 0);
    assert_eq!(emperor.get(&blog), "synced");
    assert_eq!(emperor.count(&blog, "generation-failed"), 0);
}

#[test]
fn a_copied_file_is_a_vassal_of_its_own() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let copy = emperor.vassal("copy");
    fs::copy(&blog.file, &copy.file).expect("it is ours");
    emperor.ready_after(&copy, 0);
    assert_eq!(
        (emperor.get(&blog), emperor.get(&copy)),
        ("x".to_owned(), "x".to_owned())
    );
}

#[test]
fn a_file_moved_in_answers_and_moved_out_stops() {
    let emperor = Emperor::start();
    let blog = emperor.vassal("blog");
    write_python(&blog.app, &hello("moved"));
    let outside = emperor.at("blog.toml");
    write_whole(&outside, &Emperor::text_for(&blog, ""));
    fs::rename(&outside, &blog.file).expect("it is ours");
    emperor.ready_after(&blog, 0);
    let address = emperor.address(&blog);
    assert_eq!(get(&address, "/"), "moved");
    fs::rename(&blog.file, &outside).expect("it is ours");
    emperor.heard(&blog, "vassal-gone", &[]);
    connect(&address).expect_err("nobody listens any more");
}

#[test]
fn a_removed_file_drains_and_stops() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &slow("whole"));
    let address = emperor.address(&blog);
    let mut request = emperor.begin(&blog);
    fs::remove_file(&blog.file).expect("it is there");
    assert_eq!(
        request.receive().expect("the request is finished").body,
        "whole"
    );
    emperor.heard(&blog, "vassal-gone", &[]);
    connect(&address).expect_err("nobody listens any more");
    assert_eq!(emperor.status()["vassals"], json!([]));
}

#[test]
fn a_renamed_file_is_another_vassal() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let news = emperor.vassal("news");
    fs::rename(&blog.file, &news.file).expect("it is ours");
    emperor.heard(&blog, "vassal-gone", &[]);
    emperor.ready_after(&news, 0);
    assert_eq!(emperor.get(&news), "x");
    assert_eq!(
        emperor.status()["vassals"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_file_that_comes_back_serves_again() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("first"));
    fs::remove_file(&blog.file).expect("it is there");
    let gone = emperor.heard(&blog, "vassal-gone", &[])["seq"].as_u64();
    emperor.add("blog", "", &hello("second"));
    emperor.events().wait("it serves again", |event| {
        let is_it = event["event"] == "generation-ready" && event["seq"].as_u64() > gone;
        is_it.then_some(())
    });
    assert_eq!(emperor.get(&blog), "second");
}

#[test]
fn two_hundred_files_dropped_at_once_all_serve() {
    let emperor = Emperor::start();
    let staged = emperor.at("staged");
    write_python(&emperor.at("hello.py"), &hello("one of many"));
    let text = "wsgi-file = \"../hello.py\"\nhttp = \"127.0.0.1:0\"\n";
    let vassals: Vec<_> = (0..200)
        .map(|number| emperor.vassal(&format!("v{number}")))
        .collect();
    for vassal in &vassals {
        let name = vassal.file.file_name().expect("it has one");
        write_whole(&staged.join(name), text);
    }
    for vassal in &vassals {
        let name = vassal.file.file_name().expect("it has one");
        fs::rename(staged.join(name), &vassal.file).expect("it is ours");
    }
    for vassal in &vassals {
        emperor.ready_after(vassal, 0);
    }
    let status = emperor.status();
    let shown = status["vassals"].as_array().expect("a list");
    assert_eq!(shown.len(), 200);
    for vassal in shown {
        assert_eq!(
            (&vassal["state"], &vassal["generation"]),
            (&json!("ready"), &json!(1))
        );
        let address = vassal["sockets"][0]["address"]
            .as_str()
            .expect("an address");
        assert_eq!(get(address, "/"), "one of many");
    }
}

#[test]
fn a_swapped_link_of_the_source_is_a_deploy() {
    let setup = Setup::new().sources(&["current/vassals"]);
    let name = setup.name("blog");
    for release in ["release-1", "release-2"] {
        write_python(&setup.at(release).join("app.py"), &hello(release));
        let text = "wsgi-file = \"../app.py\"\nhttp = \"127.0.0.1:0\"\n";
        write_whole(
            &setup.at(release).join(format!("vassals/{name}.toml")),
            text,
        );
    }
    symlink("release-1", setup.at("current")).expect("it is ours");
    let emperor = setup.start();
    let blog = emperor.vassal("blog");
    emperor.ready_after(&blog, 0);
    assert_eq!(emperor.get(&blog), "release-1");
    symlink("release-2", emperor.at("next")).expect("it is ours");
    fs::rename(emperor.at("next"), emperor.at("current")).expect("it is ours");
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "release-2");
    // And a touch in the new place is seen.
    emperor.touch(&emperor.at(format!("release-2/vassals/{name}.toml")));
    emperor.ready_after(&blog, 2);
}

#[test]
fn a_swapped_link_behind_a_vassal_file_is_a_deploy() {
    let emperor = Emperor::start();
    let blog = emperor.vassal("blog");
    for release in ["release-1", "release-2"] {
        write_python(&emperor.at(release).join("app.py"), &hello(release));
        let text = format!(
            "module = \"app\"\nchdir = {:?}\nhttp = \"127.0.0.1:0\"\n",
            emperor.at(release)
        );
        write_whole(&emperor.at(release).join("lictor.toml"), &text);
    }
    symlink("release-1", emperor.at("current")).expect("it is ours");
    symlink("../current/lictor.toml", &blog.file).expect("it is ours");
    emperor.ready_after(&blog, 0);
    assert_eq!(emperor.get(&blog), "release-1");
    symlink("release-2", emperor.at("next")).expect("it is ours");
    fs::rename(emperor.at("next"), emperor.at("current")).expect("it is ours");
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "release-2");
    emperor.touch(&emperor.at("release-2/lictor.toml"));
    emperor.ready_after(&blog, 2);
}

#[test]
fn a_replacement_with_an_older_time_is_a_reload() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let old = emperor.at("old.toml");
    write_whole(&old, &Emperor::text_for(&blog, "processes = 2"));
    let last_year = SystemTime::now() - Duration::from_hours(8760);
    File::options()
        .append(true)
        .open(&old)
        .expect("it is there")
        .set_modified(last_year)
        .expect("it is ours");
    fs::rename(&old, &blog.file).expect("it is ours");
    emperor.ready_after(&blog, 1);
    assert_eq!(emperor.workers(&blog).len(), 2);
}

#[test]
fn a_change_of_mode_is_no_reload() {
    use std::os::unix::fs::PermissionsExt;
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    fs::set_permissions(&blog.file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    emperor.serve("other", "", &hello("x"));
    assert_eq!(emperor.count(&blog, "vassal-changed"), 0);
    assert_eq!(emperor.status_of(&blog)["generation"], 1);
}

#[test]
fn two_files_with_one_stem_are_an_error_and_the_running_one_runs_on() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("the first"));
    let rival = blog.file.with_extension("ini");
    write_whole(&rival, "[uwsgi]\nmodule = app\nhttp = 127.0.0.1:0\n");
    let failure = emperor.failed_after(&blog, 1);
    failure.says("config", &[".toml`", ".ini`", "two files"]);
    failure.hints("rename or remove one of them");
    assert_eq!(emperor.state_of(&blog), "degraded");
    assert_eq!(emperor.get(&blog), "the first");
    fs::remove_file(&rival).expect("it is there");
    emperor.ready_after(&blog, failure.generation);
    assert_eq!(emperor.state_of(&blog), "ready");
    assert_eq!(emperor.status_of(&blog)["error"], json!(null));
    assert_eq!(emperor.get(&blog), "the first");
}

#[test]
fn a_glob_finds_vassals_in_the_directories_of_apps() {
    let setup = Setup::new().sources(&["sites/*/*.toml"]);
    fs::create_dir_all(setup.at("sites")).expect("it is ours");
    let emperor = setup.start();
    for name in ["one", "two"] {
        let place = emperor.at("sites").join(name);
        write_python(&place.join("app.py"), &hello(name));
        let text = "module = \"app\"\nhttp = \"127.0.0.1:0\"\n";
        write_whole(&place.join(format!("{}.toml", emperor.name(name))), text);
    }
    for name in ["one", "two"] {
        let vassal = emperor.vassal(name);
        emperor.ready_after(&vassal, 0);
        assert_eq!(emperor.get(&vassal), name);
    }
    fs::remove_dir_all(emperor.at("sites/one")).expect("it is ours");
    emperor.heard(&emperor.vassal("one"), "vassal-gone", &[]);
}

#[test]
fn several_directories_are_watched() {
    let setup = Setup::new().sources(&["vassals", "more"]);
    fs::create_dir(setup.at("more")).expect("it is ours");
    let emperor = setup.start();
    let first = emperor.serve("first", "", &hello("first"));
    let mut second = emperor.vassal("second");
    second.file = emperor
        .at("more")
        .join(second.file.file_name().expect("it has one"));
    write_python(&second.app, &hello("second"));
    write_whole(&second.file, &Emperor::text_for(&second, ""));
    emperor.ready_after(&second, 0);
    assert_eq!(
        (emperor.get(&first), emperor.get(&second)),
        ("first".to_owned(), "second".to_owned())
    );
    emperor.touch(&second.file);
    emperor.ready_after(&second, 1);
}

#[test]
fn a_source_that_is_away_keeps_its_vassals() {
    let setup = Setup::new().sources(&["vassals", "mount/vassals"]);
    fs::create_dir_all(setup.at("mount/vassals")).expect("it is ours");
    let emperor = setup.start();
    let mut far = emperor.vassal("far");
    far.file = emperor
        .at("mount/vassals")
        .join(far.file.file_name().expect("it has one"));
    write_python(&far.app, &hello("far"));
    write_whole(&far.file, &Emperor::text_for(&far, ""));
    emperor.ready_after(&far, 0);
    fs::rename(emperor.at("mount/vassals"), emperor.at("mount/away")).expect("it is ours");
    // Something else happens, so that the emperor looks.
    emperor.serve("near", "", &hello("near"));
    emperor.events().wait("it is told", |event| {
        (event["event"] == "source-failed").then_some(())
    });
    assert_eq!(emperor.get(&far), "far");
    fs::rename(emperor.at("mount/away"), emperor.at("mount/vassals")).expect("it is ours");
    emperor.serve("third", "", &hello("third"));
    emperor.touch(&far.file);
    emperor.ready_after(&far, 1);
}

#[test]
fn files_that_do_not_count_are_left_alone() {
    let emperor = Emperor::start();
    let good = emperor.serve("good", "", &hello("x"));
    let text = fs::read_to_string(&good.file).expect("it is there");
    let name = emperor.name("bad");
    for file in [
        format!(".{name}.toml"),
        format!("{name}.toml~"),
        format!("{name}.toml.swp"),
        format!("{name}.tmp"),
        format!("#{name}.toml#"),
        format!("{name}.toml.dpkg-new"),
        format!("{name}.txt"),
        name.clone(),
    ] {
        fs::write(good.file.with_file_name(file), &text).expect("it is ours");
    }
    fs::create_dir(good.file.with_file_name(format!("{name}.toml"))).expect("it is ours");
    symlink(
        "nowhere.toml",
        good.file.with_file_name(format!("{name}2.toml")),
    )
    .expect("it is ours");
    emperor.serve("last", "", &hello("x"));
    let status = emperor.status();
    let names: Vec<_> = status["vassals"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| &v["name"])
        .collect();
    assert_eq!(names, [&json!(good.name), &json!(emperor.name("last"))]);
}

#[test]
fn every_format_serves() {
    let emperor = Emperor::start();
    write_python(&emperor.at("app.py"), &hello("x"));
    for (extension, text) in [
        (
            "toml",
            "wsgi-file = \"../app.py\"\nhttp = \"127.0.0.1:0\"\n",
        ),
        ("yaml", "wsgi-file: ../app.py\nhttp: 127.0.0.1:0\n"),
        (
            "yml",
            "uwsgi:\n  wsgi-file: ../app.py\n  http-socket: 127.0.0.1:0\n",
        ),
        (
            "json",
            "{\"lictor\": {\"wsgi-file\": \"../app.py\", \"http\": \"127.0.0.1:0\"}}",
        ),
        (
            "ini",
            "[uwsgi]\nwsgi-file = ../app.py\nhttp-socket = 127.0.0.1:0\nmaster = true\n",
        ),
    ] {
        let vassal = emperor.vassal(extension);
        write_whole(&vassal.file.with_extension(extension), text);
        emperor.ready_after(&vassal, 0);
        assert_eq!(emperor.get(&vassal), "x", "{extension}");
    }
}

#[test]
fn a_file_whose_name_cannot_be_one_of_a_vassal_is_told_once() {
    let emperor = Emperor::start();
    let put = |name: &str| {
        let path = emperor.at("vassals").join(name);
        fs::write(&path, "module = \"app\"").expect("it is ours");
        path
    };
    let long = "x".repeat(200) + ".toml";
    for name in [".hidden.toml", "a\nb.toml~", "a\nb.tmp.toml", "a\nb.txt"] {
        put(name);
    }
    let (broken, _) = (put("a\nb.toml"), put(&long));
    let told = |name: &str| {
        emperor
            .events()
            .wait(&format!("{name:?} is refused"), |event| {
                let file = event["file"].as_str()?;
                (event["event"] == "file-refused" && file.ends_with(name)).then(|| event.clone())
            })
    };
    let reason = |event: &serde_json::Value| event["reason"].as_str().map(str::to_owned);
    assert_eq!(
        reason(&told("a\nb.toml")).as_deref(),
        Some("its name has a control character in it")
    );
    let reason = reason(&told(&long)).unwrap_or_default();
    assert!(reason.contains("more than 128 bytes"), "{reason}");
    emperor.log().wait("it is in the log, on one line", |line| {
        line.as_str()?
            .contains("a\\nb.toml\": its name")
            .then_some(())
    });
    // Everything else goes on, and nothing is told again by another look.
    let blog = emperor.serve("blog", "", &hello("x"));
    emperor.touch(&broken);
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    let events = emperor.events().so_far();
    let refused = events
        .iter()
        .filter(|event| event["event"] == "file-refused");
    assert_eq!(refused.count(), 2);
}
