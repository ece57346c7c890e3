//! Histories as earlier versions wrote them: they must decode and fold the same for ever.
//!
//! Each file holds `at kind hex` a line (the time of the decision in milliseconds, the kind, the
//! bytes as recorded), then `state` and the fold as JSON. A file is never changed. Fields that came
//! later may be there besides; what was known then must be as it was. New histories come from the
//! scripts: `WRITE_HISTORIES=name,… cargo test -p autoos-tests --test scripts`.

use autoos_kernel::{
    codec::Recorded,
    id::WorkflowId,
    time::Timestamp,
    workflow::{Event, Workflow},
};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::PathBuf};
use strum::VariantNames;

struct History {
    name: String,
    events: Vec<(Timestamp, String, Vec<u8>)>,
    state: Value,
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let pair = |at| u8::from_str_radix(hex.get(at..at + 2).unwrap_or_default(), 16);
    (0..hex.len()).step_by(2).map(|at| pair(at).map_err(|e| format!("{hex}: {e}"))).collect()
}

fn history(name: String, text: &str) -> Result<History, String> {
    let (events, state) = text.split_once("state\n").ok_or("it has no state")?;
    let mut read = Vec::new();
    for line in events.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [at, kind, hex] = words[..] else { return Err(format!("{line}: not three words")) };
        let at = at.parse().map_err(|e| format!("{line}: {e}"))?;
        read.push((Timestamp(at), kind.to_owned(), bytes(hex)?));
    }
    let state = serde_json::from_str(state).map_err(|e| e.to_string())?;
    Ok(History { name, events: read, state })
}

fn histories() -> Vec<History> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("histories");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of the histories")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a history can be read");
        let name = path.display().to_string();
        history(name.clone(), &text).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    paths.iter().map(read).collect()
}

fn fold(history: &History) -> Result<Workflow, String> {
    let id = history.state["id"].as_str().ok_or("its state has no id")?;
    let id: WorkflowId = id.parse().map_err(|e| format!("{id}: {e}"))?;
    let mut workflow = Workflow::new(id);
    for (at, kind, bytes) in &history.events {
        if let Some(event) = Event::decode(kind, bytes)? {
            workflow.fold(&event, *at);
        }
    }
    Ok(workflow)
}

/// Where `now` is not what `then` was; fields that are only in `now` came later.
fn difference(then: &Value, now: &Value, at: &str) -> Option<String> {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => then
            .iter()
            .find_map(|(key, value)| difference(value, &now[key], &format!("{at}/{key}"))),
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            let mut pairs = then.iter().zip(now).enumerate();
            pairs.find_map(|(n, (then, now))| difference(then, now, &format!("{at}/{n}")))
        }
        _ => (then != now).then(|| format!("{at} was {then} and is {now}")),
    }
}

#[test]
fn yesterdays_histories_fold_to_yesterdays_state() {
    let histories = histories();
    assert!(!histories.is_empty(), "the histories are gone");
    for history in &histories {
        let name = &history.name;
        let folded = fold(history).unwrap_or_else(|e| panic!("{name}: {e}"));
        let now = serde_json::to_value(&folded).expect("a state is JSON");
        if let Some(difference) = difference(&history.state, &now, "") {
            panic!("{name}: {difference}");
        }
    }
}

#[test]
fn every_kind_is_in_some_history_and_an_unknown_one_too() {
    let histories = histories();
    let kinds: BTreeSet<&str> =
        histories.iter().flat_map(|h| h.events.iter().map(|(_, kind, _)| kind.as_str())).collect();
    for kind in Event::VARIANTS {
        assert!(kinds.contains(kind), "no history holds {kind}: add one");
    }
    assert!(kinds.iter().any(|kind| !Event::VARIANTS.contains(kind)), "none is of the future");
}

#[test]
fn a_changed_history_is_noticed() {
    let mut histories = histories();
    let history = histories.iter_mut().find(|h| h.events.len() > 3).expect("a longer one");
    history.events.truncate(2);
    let now = serde_json::to_value(fold(history).expect("it folds")).expect("a state is JSON");
    assert!(difference(&history.state, &now, "").is_some());
    history.events[1].2.truncate(5);
    assert!(fold(history).is_err(), "a cut event is read as if nothing were wrong");
}
