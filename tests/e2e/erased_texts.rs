//! What was said in a workflow lies nowhere in plain text, and is gone when the workflow is
//! deleted: every file of the node, every answer of its interface, and its log are looked
//! through for words that were planted in a path, a plan, a refusal, a context and a cancellation.

use crate::support::{Node, answer, autoos, client, finish};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Where each was planted: the path that a tool fails at (and so the escalation's detail), the
/// words of a model's plan that is refused, of a model that refuses, a context's name and its label,
/// and why it was cancelled.
const PLANTED: [&str; 6] = [
    "quokka-in-the-path",
    "quokka.in_the_plan",
    "quokka in the refusal",
    "quokka_in_the_name",
    "quokka in the label",
    "quokka in the reason",
];
/// The id of a step: structure, which stays.
const STEP: &str = "wombat_step";

fn config(dir: &Path) -> String {
    let [_, plan, refusal, ..] = PLANTED;
    let plan = json!({"name": "p", "result": "a", "steps": [
        {"id": "a", "work": {"tool": {"name": plan, "args": {}}}},
    ]});
    let script = json!({"rule": [
        {"role": "planner", "contains": "refuse",
         "answer": {"value": {"unable": {"reason": refusal}}}},
        {"role": "planner", "answer": {"value": plan}},
    ]});
    fs::write(dir.join("script.json"), script.to_string()).expect("written");
    let text = format!(
        "[fabric.providers.scripted]\nkind = \"scripted\"\nscript = {:?}\n\
         models = [{{ id = \"default\" }}]\n[fabric.roles]\nplanner = [\"scripted/default\"]\n\
         executor = [\"scripted/default\"]\n",
        dir.join("script.json"),
    );
    let path = dir.join("config.toml");
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

/// An intent whose only step reads a file that is not there.
fn reads_a_path(root: &Path) -> Value {
    let [path, _, _, name, label, _] = PLANTED;
    let retry = json!({"attempts": 1, "base_ms": 1, "cap_ms": 1});
    json!({
        "intent": "read it", "risk": "low",
        "context": {name: {"label": label, "text": "short"}},
        "plan": {"name": "reads", "result": STEP, "steps": [
            {"id": STEP, "retry": retry, "work": {"tool": {
                "name": "fs.read", "args": {"path": root.join(path).display().to_string()}}}},
        ]},
    })
}

/// Which of these words are under a folder, each with the file that holds it in its name or content.
fn found(dir: &Path, words: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for entry in fs::read_dir(dir).expect("lists") {
        let path = entry.expect("lists").path();
        if path.is_dir() {
            places.extend(found(&path, words));
            continue;
        }
        // A segment may be purged between the listing and the reading.
        let bytes = fs::read(&path).unwrap_or_default();
        let text = format!("{} {}", path.display(), String::from_utf8_lossy(&bytes));
        let held = words.iter().filter(|word| text.contains(**word));
        places.extend(held.map(|word| format!("{word} in {}", path.display())));
    }
    places
}

/// Everything that the interface tells of these workflows.
async fn told(node: &Node, ids: &[String]) -> String {
    let mut told = String::new();
    for id in ids {
        for part in ["", "/plan", "/audit"] {
            let (status, value) = node.get(&format!("/api/v1/workflows/{id}{part}")).await;
            assert!([200, 404].contains(&status), "{part}: {value}");
            told.push_str(&value.to_string());
        }
        // Cancelled ones have an end, and so has their stream.
        let events = client()
            .get(format!("{}/api/v1/workflows/{id}/events", node.url))
            .header("X-API-Key", "dev-key-123");
        told.push_str(&events.send().await.expect("answers").text().await.expect("ends"));
    }
    for list in ["workflows", "escalations?all=true"] {
        told.push_str(&node.get(&format!("/api/v1/{list}")).await.1.to_string());
    }
    told
}

#[tokio::test]
async fn what_was_said_goes_with_its_workflow() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let root = dir.join("readable");
    fs::create_dir(&root).expect("made");
    let config = config(dir);
    let start = || {
        let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log"));
        let mut command = autoos(dir);
        command.stderr(log.expect("opens"));
        Node::serve(command, &["--config", &config, "--root", &root.display().to_string()])
    };
    let node = start();

    let [.., reason] = PLANTED;
    let mut ids = Vec::new();
    let plain = |intent: &str| json!({"intent": intent, "risk": "low"});
    for body in [reads_a_path(&root), plain("plan it"), plain("refuse it")] {
        let (status, made) = node.post("/api/v1/intents", &body).await;
        assert!((200..300).contains(&status), "{made}");
        let id = made["workflow_id"].as_str().expect("an id").to_owned();
        node.until(&id, &["escalated"]).await;
        let cancel = json!({"reason": reason});
        let (status, why) = node.post(&format!("/api/v1/workflows/{id}/cancel"), &cancel).await;
        assert_eq!(status, 200, "{why}");
        node.until(&id, &["cancelled"]).await;
        ids.push(id);
    }

    // Before: those who may ask are told, and no file tells anyone.
    let before = told(&node, &ids).await;
    for word in PLANTED {
        assert!(before.contains(word), "{word} is not told: {before}");
    }
    let data = dir.join("data");
    assert_eq!(found(&data, &PLANTED), Vec::<String>::new());
    let log = data.join("journal").join("log");
    assert_ne!(found(&log, &[STEP]), Vec::<String>::new(), "what stays can be found");

    for id in &ids {
        let delete = client().delete(format!("{}/api/v1/workflows/{id}?erase=true", node.url));
        let (status, why) = answer(delete).await;
        assert!((200..300).contains(&status), "{why}");
    }
    let after = told(&node, &ids).await;
    assert!(after.contains("(erased)") && after.contains(STEP), "{after}");
    for id in &ids {
        let (status, verified) = node.get(&format!("/api/v1/workflows/{id}/audit/verify")).await;
        assert_eq!(status, 200, "its chains verify: {verified}");
    }
    node.stop();
    // The next start has purged the log, and builds nothing from what is gone.
    let node = start();
    let again = told(&node, &ids).await;
    node.stop();
    let (code, shown, why) = finish(autoos(dir).args(["workflow", "show", &ids[0]]));
    assert_eq!(code, 0, "{why}");
    let log = fs::read_to_string(dir.join("log")).expect("reads");
    for word in PLANTED {
        for (place, text) in
            [("told", &after), ("told later", &again), ("shown", &shown), ("logged", &log)]
        {
            assert!(!text.contains(word), "{word} is {place}: {text}");
        }
    }
    assert_eq!(found(&data, &PLANTED), Vec::<String>::new());
}
