//! `fs.write`: once for each key, whatever dies and when.
//!
//! The test binary runs itself as the process that dies: a child writes, and aborts at a step that
//! its environment names.
#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod common;

use autoos_tools::{
    Failure, Files, Outcome, Registry, Tool, ToolCall, ToolGateway,
    fs::{FsWrite, Step},
};
use common::keyed;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const STEPS: [Step; 6] =
    [Step::Begun, Step::Written, Step::Prepared, Step::Named, Step::Synced, Step::Recorded];

fn tool(top: &Path) -> FsWrite {
    fs::create_dir_all(top.join("root")).unwrap();
    let files = Files::new(&[], &[top.join("root")], Some(&top.join("data"))).unwrap();
    FsWrite::new(files, &top.join("data")).unwrap()
}

fn write(mode: &str) -> ToolCall {
    keyed("fs.write", json!({"path": "out.txt", "text": "line\n", "mode": mode}), "key-1")
}

/// What the file holds when a write in this mode took place, on top of what was there before.
fn written(mode: &str) -> &'static str {
    if mode == "append" { "old\nline\n" } else { "line\n" }
}

/// Not a test of its own: what the child processes do.
#[test]
fn child() {
    let (Ok(top), Ok(mode), Ok(step)) =
        (std::env::var("WRITE_TOP"), std::env::var("WRITE_MODE"), std::env::var("WRITE_STEP"))
    else {
        return;
    };
    let tool = tool(Path::new(&top)).with_probe(move |now| {
        if format!("{now:?}") == step {
            std::process::abort();
        }
    });
    let result = tool.call(&write(&mode));
    panic!("it should have died at a step, and ended with {result:?}");
}

fn die_at(top: &Path, mode: &str, step: Step) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env("WRITE_TOP", top)
        .env("WRITE_MODE", mode)
        .env("WRITE_STEP", format!("{step:?}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(child.signal(), Some(6), "died by abort: {child:?}");
}

#[test]
fn whenever_it_dies_the_outcome_is_known_and_a_second_try_writes_once() {
    for mode in ["create", "replace", "append"] {
        for step in STEPS {
            let at = format!("{mode}, died at {step:?}");
            let directory = tempfile::tempdir().unwrap();
            let top = directory.path();
            let file = top.join("root/out.txt");
            fs::create_dir_all(top.join("root")).unwrap();
            if mode != "create" {
                fs::write(&file, "old\n").unwrap();
            }
            die_at(top, mode, step);

            let happened = fs::read_to_string(&file).ok().as_deref() == Some(written(mode));
            let tool = tool(top);
            let done = match tool.outcome(&write(mode)) {
                Outcome::Done(result) => Some(result),
                Outcome::NotDone => None,
                Outcome::Unknown => panic!("{at}: unknown"),
            };
            assert_eq!(done.is_some(), happened, "{at}");
            assert_eq!(happened, matches!(step, Step::Named | Step::Synced | Step::Recorded));
            let again = tool.call(&write(mode)).unwrap();
            if let Some(done) = done {
                assert_eq!(again, done, "{at}: the result of the first");
            }
            assert_eq!(fs::read_to_string(&file).unwrap(), written(mode), "{at}: once");
            assert_eq!(tool.outcome(&write(mode)), Outcome::Done(again), "{at}");
            let names: Vec<_> =
                fs::read_dir(top.join("root")).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(names, ["out.txt"], "{at}: nothing is left beside");
        }
    }
}

#[test]
fn a_write_that_was_replaced_by_somebody_is_unknown_and_never_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    let file = top.join("root/out.txt");
    fs::create_dir_all(top.join("root")).unwrap();
    fs::write(&file, "old\n").unwrap();
    die_at(top, "append", Step::Named);
    fs::write(top.join("root/other"), "theirs\n").unwrap();
    fs::rename(top.join("root/other"), &file).unwrap();

    let tool = tool(top);
    assert_eq!(tool.outcome(&write("append")), Outcome::Unknown);
    let failure = tool.call(&write("append")).unwrap_err();
    assert!(failure.to_string().contains("cannot be told"), "{failure}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "theirs\n");
}

#[test]
fn a_damaged_ledger_is_never_read_as_not_done() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    let tool = tool(top);
    tool.call(&write("create")).unwrap();
    let ledger = top.join("data/tools/fs.write");
    let record = fs::read_dir(&ledger).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&record).unwrap();
    for damage in [&whole[..whole.len() / 2], b"", b"{}"] {
        fs::write(&record, damage).unwrap();
        assert_eq!(tool.outcome(&write("create")), Outcome::Unknown);
        assert!(tool.call(&write("create")).is_err());
    }
}

#[test]
fn a_key_is_good_for_one_write() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    let tool = tool(top);
    let append = write("append");
    let first = tool.call(&append).unwrap();
    assert_eq!(tool.call(&append).unwrap(), first);
    assert_eq!(first.output["created"], json!(true));
    let other = keyed("fs.write", json!({"path": "b.txt", "text": "x"}), "key-1");
    assert!(tool.call(&other).unwrap_err().to_string().contains("used for another write"));
    assert!(!top.join("root/b.txt").exists());
    // The same call, written down with its names in another order.
    let turned: Value =
        serde_json::from_str(r#"{"mode": "append", "text": "line\n", "path": "out.txt"}"#).unwrap();
    assert_eq!(tool.call(&keyed("fs.write", turned, "key-1")).unwrap(), first);
    assert_eq!(fs::read_to_string(top.join("root/out.txt")).unwrap(), "line\n");
    assert_eq!(tool.outcome(&keyed("fs.write", json!({}), "key-2")), Outcome::NotDone);
}

#[test]
fn modes_do_as_they_say() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    let tool = tool(top);
    let call = |mode: &str, text: &str, key: &str| {
        tool.call(&keyed("fs.write", json!({"path": "f", "text": text, "mode": mode}), key))
    };
    assert_eq!(call("create", "one\n", "1").unwrap().output["bytes_written"], json!(4));
    let failure = call("create", "two\n", "2").unwrap_err();
    assert!(failure.to_string().contains("exists"), "{failure}");
    let appended = call("append", "three\n", "3").unwrap().output;
    assert_eq!((&appended["size"], &appended["created"]), (&json!(10), &json!(false)));
    assert_eq!(fs::read_to_string(top.join("root/f")).unwrap(), "one\nthree\n");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(top.join("root/f"), fs::Permissions::from_mode(0o600)).unwrap();
    call("replace", "four\n", "4").unwrap();
    assert_eq!(fs::read_to_string(top.join("root/f")).unwrap(), "four\n");
    let mode = fs::metadata(top.join("root/f")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "its permissions stay");
    let nowhere = keyed("fs.write", json!({"path": "no/such/f", "text": ""}), "5");
    assert!(matches!(tool.call(&nowhere), Err(Failure::Invalid(_))));
    // A refused key is as good as new once the reason is gone.
    fs::remove_file(top.join("root/f")).unwrap();
    call("create", "two\n", "2").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_with_one_key_write_once() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    let named = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&named);
    let tool = tool(top).with_probe(move |step| {
        if step == Step::Named {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let registry = Registry::builder().without_builtin().with_tool(Arc::new(tool)).build().unwrap();
    let calls: Vec<_> = (0..50).map(|_| registry.call(write("append"))).collect();
    let ends = futures::future::join_all(calls).await;
    assert!(ends.iter().any(Result::is_ok));
    let rest = ends.iter().filter_map(|end| end.as_ref().err());
    assert!(rest.into_iter().all(|failure| matches!(failure, Failure::Unavailable(_))), "{ends:?}");
    assert_eq!(named.load(Ordering::SeqCst), 1);
    assert_eq!(fs::read_to_string(top.join("root/out.txt")).unwrap(), "line\n");
    let keyless = ToolCall { idempotency_key: None, ..write("append") };
    assert!(matches!(registry.call(keyless).await, Err(Failure::Invalid(_))));
}
