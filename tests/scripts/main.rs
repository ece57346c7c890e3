//! Plain-text scripts of the workflow's machine: commands, a divider, what came of them.
//!
//! Each file tells one story. A block is one or more commands, the line `---`, and what they
//! brought: events, effects that are newly to be done (`do …`), and where the workflow stands
//! (`= …`). `UPDATE_SCRIPTS=1 cargo test -p autoos-tests --test scripts` writes the expectations
//! anew; read the difference before you keep it. What a line can say is in [`parse`].

mod parse;
mod render;
mod run;

use std::{
    fs,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts")
}

#[test]
fn every_script_brings_what_it_says() {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder of the scripts")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 15, "only {} scripts are left", paths.len());
    let update = std::env::var_os("UPDATE_SCRIPTS").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a script can be read");
        let run::Brought { text: brought, history } =
            run::script(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        keep_history(&path, &history);
        if brought == text {
            continue;
        }
        if update {
            fs::write(&path, brought).expect("a script can be written");
        } else {
            wrong.push(format!("{}:\n{}", path.display(), first_difference(&text, &brought)));
        }
    }
    assert!(wrong.is_empty(), "{}\n\nUPDATE_SCRIPTS=1 rewrites them", wrong.join("\n\n"));
}

/// Stores what a script brought as a history, when `WRITE_HISTORIES` names the script and there is
/// no such history: what is stored stays as it is for ever.
fn keep_history(path: &Path, history: &str) {
    let wanted = std::env::var("WRITE_HISTORIES").unwrap_or_default();
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let kept = folder().with_file_name("histories").join(format!("v1_{name}.txt"));
    if wanted.split(',').any(|script| script == name) && !kept.exists() {
        fs::write(kept, history).expect("a history can be written");
    }
}

fn first_difference(expected: &str, brought: &str) -> String {
    let mut lines = expected.lines().zip(brought.lines()).enumerate();
    match lines.find(|(_, (a, b))| a != b) {
        Some((n, (a, b))) => format!("line {}\n  expected {a}\n  brought  {b}", n + 1),
        None => "one ends before the other".to_owned(),
    }
}

#[test]
fn a_script_that_expects_something_else_is_noticed() {
    let text = "step a tool t pure\ncreate plan=@p\n---\nnothing of the kind\n\n";
    let brought = run::script(text).expect("it runs").text;
    assert_ne!(brought, text);
    assert!(brought.contains("attempt_started step=a attempt=1"), "{brought}");
}
