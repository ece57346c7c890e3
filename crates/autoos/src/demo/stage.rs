//! Plays a scene: a node with the scene's vendors, an intent, a human where one is asked, and a look
//! at what is in the journal afterwards.

use super::{Pace, scene::Scene, seen::Seen, vendor};
use crate::{
    cli::{Output, follow},
    config::{Config, Tools},
    door::{Door, list},
    node::Node,
    show,
};
use anyhow::Context as _;
use autoos_kernel::{body::BodyRef, id::WorkflowId, words::RiskLevel};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a node that was stopped is given to let go of its data directory, and how often.
const LETS_GO: Duration = Duration::from_millis(20);
const LETS_GO_TRIES: u32 = 250;

/// Where the scenes are played.
pub(super) struct Stage {
    dir: PathBuf,
    pub(super) pace: Pace,
    output: Output,
}

/// A scene that was played.
pub(super) struct Played {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) rungs: Vec<String>,
    /// What it showed, or what is missing.
    pub(super) shown: Result<String, String>,
}

/// The node's data in a folder of the demo.
pub(super) fn data(dir: &Path) -> PathBuf {
    dir.join("data")
}

impl Stage {
    pub(super) fn new(dir: &Path, pace: Pace, output: Output) -> anyhow::Result<Self> {
        let cannot = || format!("cannot make the demo's folders in {}", dir.display());
        for name in ["data", "scripts", "reports"] {
            std::fs::create_dir_all(dir.join(name)).with_context(cannot)?;
        }
        let dir = dir.canonicalize().with_context(cannot)?;
        Ok(Self { dir, pace, output })
    }

    /// The file that the scenes write their report to.
    pub(super) fn report(&self) -> PathBuf {
        self.dir.join("reports").join("weekly.txt")
    }

    /// Plays a scene, the n-th of so many.
    pub(super) async fn play(
        &self,
        (at, of): (usize, usize),
        scene: Scene,
    ) -> anyhow::Result<Played> {
        self.say(&format!("\n[{at}/{of}] {}\n", scene.title));
        if self.output == Output::Text {
            show::labelled("  ", scene.tells);
        }
        self.say("");
        self.pace.read(1_500).await;
        let config = Config {
            fabric: vendor::fabric(&scene.vendors, &self.dir.join("scripts"))?,
            tools: Tools { write_roots: vec![self.dir.join("reports")], ..Tools::default() },
            ..Config::default()
        };
        let door = Door::Here(Box::new(self.node(&config).await?));
        let played = self.act(&door, &scene).await;
        door.close().await;
        let played = played?;
        match &played.shown {
            Ok(shown) if self.output == Output::Text => show::labelled("  => ", shown),
            Err(missing) if self.output == Output::Text => {
                show::labelled("  => NOT AS IT SHOULD BE: ", missing);
            }
            _ => {}
        }
        Ok(played)
    }

    /// A node on the data directory, once the one before has let go of it: its last tasks end a
    /// moment after it has stopped.
    async fn node(&self, config: &Config) -> anyhow::Result<Node> {
        let dir = data(&self.dir);
        for _ in 0..LETS_GO_TRIES {
            match Node::start(config, &dir).await {
                Err(why) if format!("{why:#}").contains("another process holds") => {
                    tokio::time::sleep(LETS_GO).await;
                }
                started => return started,
            }
        }
        Node::start(config, &dir).await
    }

    async fn act(&self, door: &Door, scene: &Scene) -> anyhow::Result<Played> {
        let mut request = json!({
            "intent": scene.intent,
            "user_id": "demo",
            "risk": RiskLevel::High,
            "context": scene.contexts,
            "budget_usd": scene.budget_usd,
        });
        if let Some(plan) = &scene.plan {
            request["plan"] = plan.clone();
        }
        let submitted = door.post("/api/v1/intents", &request).await?;
        let id = show::text(&submitted, "workflow_id");
        let path = format!("/api/v1/workflows/{id}");
        let mut progress = show::Progress::new(self.output, scene.intent, &id);
        follow(door, &id, (0, 0), &mut progress).await?;
        let view = door.get(&path).await?;
        if let Some(human) = &scene.human {
            self.answer(door, &view, human).await?;
            let from = show::number(&view, "seq");
            follow(door, &id, (from, from), &mut progress).await?;
        }
        drop(progress);
        let seen = self.look(door, &id).await?;
        Ok(Played {
            state: show::text(&seen.view, "state"),
            rungs: seen.rungs(),
            shown: (scene.shows)(&seen),
            id,
        })
    }

    /// Shows the question that is open, and answers in the human's place.
    async fn answer(
        &self,
        door: &Door,
        view: &Value,
        (answer, why): &(autoos_runtime::Answer, &str),
    ) -> anyhow::Result<()> {
        let Door::Here(node) = door else { anyhow::bail!("the demo has a node of its own") };
        let id: WorkflowId = show::text(view, "id").parse()?;
        let open = |q: &&Value| q["open"] == Value::Bool(true);
        let question = show::rows(view, "escalations").iter().find(open);
        let number = question.map(|q| show::number(q, "number")).context("nobody is asked")?;
        if self.output == Output::Text {
            show::questions(view);
        }
        self.pace.read(3_000).await;
        self.say(&format!("\n  here the demo answers in the human's place: {why}\n"));
        let number = u32::try_from(number)?;
        node.runtime.resolve(id, number, answer.clone(), "demo".to_owned()).await?;
        Ok(())
    }

    /// Reads what a workflow left.
    async fn look(&self, door: &Door, id: &str) -> anyhow::Result<Seen> {
        let Door::Here(node) = door else { anyhow::bail!("the demo has a node of its own") };
        let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
        let audit = door.get(&format!("/api/v1/workflows/{id}/audit")).await?;
        let mut events = Vec::new();
        for entry in list(&audit, "entries")? {
            let kind = show::text(entry, "kind");
            if show::text(entry, "stream") == id
                && let Some(said) = entry.get("data").and_then(|data| data.get(&kind))
            {
                events.push((kind, said.clone()));
            }
        }
        let mut found = Vec::new();
        for (_, said) in &events {
            let Some(evidence) = said.pointer("/doubtful/evidence") else { continue };
            let body: BodyRef = serde_json::from_value(evidence.clone())?;
            let owner: WorkflowId = id.parse()?;
            let journal: autoos_journal::SharedJournal = node.journal.clone();
            let Some(bytes) = journal.body(owner.0, body).await? else { continue };
            let document: Value = serde_json::from_slice(&bytes)?;
            let unsupported = show::rows(&document, "unsupported").iter();
            found.extend(unsupported.filter_map(Value::as_str).map(str::to_owned));
        }
        let lessons = node.runtime.lessons();
        let lessons = lessons.iter().filter(|lesson| lesson.reverted.is_none());
        let lessons = lessons.map(|lesson| lesson.sentence()).collect();
        let report = std::fs::read_to_string(self.report()).unwrap_or_default();
        Ok(Seen { view, events, found, lessons, report })
    }

    /// Why a workflow came out as it did, as `autoos why` tells it.
    pub(super) async fn why(&self, id: &str) -> anyhow::Result<Value> {
        let door = Door::Here(Box::new(self.node(&Config::default()).await?));
        let why = door.get(&format!("/api/v1/workflows/{id}/why")).await;
        door.close().await;
        let why = why?;
        self.say("\nWhy did the last one come out so? The same is told by: autoos why WORKFLOW\n");
        if self.output == Output::Text {
            show::why(&why, false);
        }
        Ok(why)
    }

    fn say(&self, text: &str) {
        if self.output == Output::Text {
            show::line(text);
        }
    }
}
