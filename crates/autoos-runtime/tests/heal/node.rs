//! A node of scripted vendors: fabric, runtime and journal in this process.

use crate::support::Counter;
use autoos_fabric::{
    Fabric, FabricConfig, Llm, Price, Quality, Request, SharedLlm, Task,
    config::{ModelConfig, ProviderConfig, ProviderKind, Timeouts},
    provider::scripted::{Answer, Entry, Rule, Script},
};
use autoos_journal::{Cursor, Journal as _, MemoryJournal};
use autoos_kernel::{
    codec::Recorded as _,
    id::WorkflowId,
    ladder::Rung,
    time::Timestamp,
    words::{LlmRole, RiskLevel},
    workflow::{Event, StepState, Workflow},
};
use autoos_runtime::{NewContent, NewContext, Options, Parts, Runtime, Submission, SystemClock};
use autoos_tools::Registry;
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The roles that scripted vendors play.
pub(crate) const ROLES: [LlmRole; 4] =
    [LlmRole::Planner, LlmRole::Executor, LlmRole::Verifier, LlmRole::Synthesizer];

/// Calls by which a vendor shows how quick it is: a learned deadline rests on twenty.
const WARM: usize = 25;

/// A vendor: its rules, tried before those of an honest one.
pub(crate) struct Vendor {
    pub(crate) name: &'static str,
    pub(crate) rules: Vec<Rule>,
    /// What its answers are expected to be worth.
    pub(crate) quality: f64,
    /// It listens nowhere: each call is refused by the system.
    pub(crate) refuses: bool,
}

impl Vendor {
    pub(crate) fn honest(name: &'static str) -> Self {
        Self::with(name, Vec::new())
    }

    pub(crate) fn with(name: &'static str, rules: Vec<Rule>) -> Self {
        Self { name, rules, quality: 0.8, refuses: false }
    }

    /// The id of its one model.
    pub(crate) fn model(name: &str) -> String {
        format!("{name}/m")
    }
}

/// A rule for a role.
pub(crate) fn rule(role: LlmRole, answer: Answer) -> Rule {
    Rule::role(role, answer)
}

/// An answer that comes in pieces, as streamed ones do.
pub(crate) fn piecemeal(answer: Answer) -> Answer {
    Answer { pieces: 3, ..answer }
}

pub(crate) fn verdict(supported: bool, problems: &[&str]) -> Answer {
    let confidence = if supported { 0.95 } else { 0.9 };
    piecemeal(Answer::value(json!({
        "supported": supported, "confidence": confidence, "problems": problems,
        "method": "compared with the numbers"
    })))
}

/// What an honest vendor says: the plan, what the numbers say, and whether an answer says the same.
fn honest(plan: &Value, answer: &Value) -> Vec<Rule> {
    let said = piecemeal(match answer.as_str() {
        Some(text) => Answer::text(text),
        None => Answer::value(answer.clone()),
    });
    let wrong = Rule {
        input_contains: Some("43".into()),
        ..rule(LlmRole::Verifier, verdict(false, &["the count is 42, not 43"]))
    };
    vec![
        rule(LlmRole::Planner, piecemeal(Answer::value(plan.clone()))),
        wrong,
        rule(LlmRole::Verifier, verdict(true, &[])),
        rule(LlmRole::Executor, said.clone()),
        rule(LlmRole::Synthesizer, said),
    ]
}

/// What a node is made of.
pub(crate) struct Setup {
    pub(crate) vendors: Vec<Vendor>,
    pub(crate) plan: Value,
    /// What an honest vendor answers to whatever it is asked to do.
    pub(crate) answer: Value,
    /// Who may play a role, where not everyone in their order.
    pub(crate) roles: BTreeMap<LlmRole, Vec<&'static str>>,
    pub(crate) options: Options,
    pub(crate) tool: Option<Counter>,
    pub(crate) price: Price,
    /// Whether each vendor has shown how quick it is.
    pub(crate) warm: bool,
    /// What stands between the agents and the fabric.
    pub(crate) between: fn(Fabric) -> SharedLlm,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            vendors: ["alpha", "beta", "gamma"].map(Vendor::honest).into(),
            plan: Value::Null,
            answer: json!("The count is 42."),
            roles: BTreeMap::new(),
            options: Options::default(),
            tool: None,
            price: Price::default(),
            warm: false,
            between: |fabric| Arc::new(fabric),
        }
    }
}

/// A node that runs.
pub(crate) struct Node {
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) runtime: Runtime,
    dir: tempfile::TempDir,
}

impl Node {
    pub(crate) async fn start(setup: Setup) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let fabric = Fabric::start(config(&dir, &setup)).await.expect("the fabric starts");
        if setup.warm {
            for vendor in setup.vendors.iter().filter(|v| !v.refuses) {
                for n in 0..WARM {
                    fabric.ask(warm_up(vendor.name, n)).await.expect("it is well by itself");
                }
            }
        }
        let mut tools = Registry::builder();
        if let Some(tool) = setup.tool.clone() {
            tools = tools.with_tool(Arc::new(tool));
        }
        let journal = MemoryJournal::new(4);
        let parts = Parts {
            journal: journal.clone(),
            llm: (setup.between)(fabric),
            tools: tools.build().expect("tools build"),
            clock: Arc::new(SystemClock),
        };
        let runtime = Runtime::start(parts, setup.options).await.expect("it starts");
        Self { journal, runtime, dir }
    }

    pub(crate) async fn submit(&self, risk: RiskLevel) -> WorkflowId {
        self.submit_text("How many are there?", risk).await
    }

    pub(crate) async fn submit_text(&self, text: &str, risk: RiskLevel) -> WorkflowId {
        let submitted = self.runtime.submit(submission(text, risk)).await.expect("accepted");
        submitted.workflow
    }

    /// The calls that a vendor got, by its own ledger.
    pub(crate) fn ledger(&self, vendor: &str) -> Vec<Entry> {
        let text = std::fs::read_to_string(self.dir.path().join(format!("{vendor}.ledger")));
        let text = text.unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect()
    }

    pub(crate) async fn history(&self, id: WorkflowId) -> Vec<(Timestamp, Event)> {
        history(&self.journal, id).await
    }

    /// Follows a workflow until it is as wanted.
    pub(crate) async fn until(
        &self,
        id: WorkflowId,
        wanted: impl Fn(&Workflow) -> bool,
    ) -> Workflow {
        follow(&self.journal, id, wanted).await
    }

    pub(crate) async fn ended(&self, id: WorkflowId) -> Workflow {
        self.until(id, |w| w.end.is_some()).await
    }

    /// The result of a workflow that has one.
    pub(crate) async fn result(&self, workflow: &Workflow) -> Option<Value> {
        let output = workflow.end.as_ref()?.output.as_ref()?;
        let journal = &*self.journal;
        let bytes = autoos_journal::Journal::body(journal, workflow.id.0, output.body).await;
        serde_json::from_slice(&bytes.expect("it reads").expect("it is kept")).ok()
    }

    /// How the confidence in a step's answer came about.
    pub(crate) async fn evidence(&self, workflow: &Workflow, step: &str) -> Value {
        let StepState::Completed(output) = &workflow.steps[step].state else { return Value::Null };
        let Some(evidence) = output.evidence else { return Value::Null };
        let body = autoos_journal::Journal::body(&*self.journal, workflow.id.0, evidence)
            .await
            .expect("reads");
        serde_json::from_slice(&body.expect("it is kept")).expect("a document")
    }
}

pub(crate) async fn history(journal: &MemoryJournal, id: WorkflowId) -> Vec<(Timestamp, Event)> {
    let events = journal.read(id.stream(), 0, usize::MAX).await.expect("reads");
    let decode = |e: autoos_journal::Event| {
        let event = Event::decode(&e.kind, &e.body).expect("decodes").expect("known");
        (e.at, event)
    };
    events.into_iter().map(decode).collect()
}

pub(crate) async fn follow(
    journal: &MemoryJournal,
    id: WorkflowId,
    wanted: impl Fn(&Workflow) -> bool,
) -> Workflow {
    let mut workflow = Workflow::new(id);
    let mut events = journal.subscribe(Cursor::default());
    let waiting = async {
        while let Some(event) = events.next().await {
            let (_, event) = event.expect("the memory journal reads");
            if event.stream == id.stream() {
                let decoded = Event::decode(&event.kind, &event.body).expect("decodes");
                workflow.fold(&decoded.expect("known"), event.at);
                if wanted(&workflow) {
                    return;
                }
            }
        }
    };
    if tokio::time::timeout(Duration::from_secs(150), waiting).await.is_err() {
        panic!("never came: {}", story(&history(journal, id).await));
    }
    workflow
}

/// The rungs that were climbed, in their order.
pub(crate) fn rungs(history: &[(Timestamp, Event)]) -> Vec<Rung> {
    let climbed = history.iter().filter_map(|(_, event)| match event {
        Event::RungClimbed { rung, .. } => Some(*rung),
        Event::Escalated { .. } => Some(Rung::Escalate),
        _ => None,
    });
    climbed.collect()
}

/// A history for whoever reads why a test failed, a line an event.
pub(crate) fn story(history: &[(Timestamp, Event)]) -> String {
    let first = history.first().map_or(Timestamp(0), |(at, _)| *at);
    let line = |(at, event): &(Timestamp, Event)| {
        let mut text = match event {
            Event::Created(_) | Event::PlanAdopted { .. } => event.kind().to_owned(),
            _ => format!("{event:?}"),
        };
        text.truncate(text.char_indices().nth(420).map_or(text.len(), |(at, _)| at));
        format!("\n{:>6} ms  {text}", at.since_ms(first))
    };
    history.iter().map(line).collect()
}

pub(crate) fn submission(text: &str, risk: RiskLevel) -> Submission {
    Submission {
        tenant: "default".into(),
        user: "tester".into(),
        text: text.into(),
        contexts: vec![NewContext {
            name: "numbers".into(),
            label: "numbers.txt".into(),
            content: NewContent::Text("The count is 42.".into()),
        }],
        risk,
        budget_microusd: None,
        deadline: None,
        idempotency_key: None,
        plan: None,
        trace: None,
    }
}

fn config(dir: &tempfile::TempDir, setup: &Setup) -> FabricConfig {
    let mut config = FabricConfig::default();
    for vendor in &setup.vendors {
        let mut provider = ProviderConfig::new(ProviderKind::Scripted);
        if vendor.refuses {
            provider = ProviderConfig::new(ProviderKind::OpenaiCompatible);
            provider.base_url = Some(nobody_listens());
        } else {
            let warm = Rule {
                contains: Some("warm up".into()),
                ..rule(LlmRole::Executor, piecemeal(Answer::text("The count is 42.")))
            };
            let mut rules = vec![warm];
            rules.extend(vendor.rules.iter().cloned());
            rules.extend(honest(&setup.plan, &setup.answer));
            let script = dir.path().join(format!("{}.json", vendor.name));
            let text = serde_json::to_string(&Script { rules }).expect("plain data");
            std::fs::write(&script, text).expect("written");
            provider.script = Some(script);
            provider.ledger = Some(dir.path().join(format!("{}.ledger", vendor.name)));
        }
        let mut model = ModelConfig::new("m");
        model.price = Some(setup.price);
        model.quality = Some(Quality::of(vendor.quality));
        provider.models = vec![model];
        provider.timeouts = Timeouts::default();
        config.providers.insert(vendor.name.to_owned(), provider);
    }
    let all: Vec<&str> = setup.vendors.iter().map(|v| v.name).collect();
    for role in ROLES {
        let names = setup.roles.get(&role).unwrap_or(&all);
        let models = names.iter().map(|name| Vendor::model(name)).collect();
        config.roles.insert(role, models);
    }
    config
}

/// An address at which a connection is refused.
fn nobody_listens() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    format!("http://{address}/v1")
}

fn warm_up(vendor: &str, n: usize) -> Request {
    Request {
        key: format!("warm/{vendor}/{n}"),
        model: Vendor::model(vendor),
        role: LlmRole::Executor,
        task: Task::Execute { instruction: "warm up".into(), inputs: Default::default() },
        schema: None,
        complaint: None,
        tools: Vec::new(),
        prompt_tokens: 1_000,
        output_tokens: 100,
        timeout_ms: 60_000,
    }
}
