//! A runtime on the in-memory journal with models and tools whose every move a test decides.
#![allow(dead_code, reason = "each test file uses its part")]

mod watched;

pub(crate) use watched::Watched;

use autoos_fabric::{Failure, FailureClass, Llm, LlmResponse, Model, Price, Request, Task, Usage};
use autoos_journal::{Cursor, Journal as _, MemoryJournal, SharedJournal, open_texts};
use autoos_kernel::{
    codec::Recorded as _,
    id::WorkflowId,
    plan::Plan,
    tool::ToolSpec,
    words::{EffectClass, LlmRole, RiskLevel, TrustLevel},
    workflow::{Event, Workflow},
};
use autoos_runtime::{NewContent, NewContext, Options, Parts, Runtime, Submission, SystemClock};
use autoos_tools::{Outcome, Registry, Tool, ToolCall, ToolResult};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(crate) type Script =
    dyn Fn(Request) -> BoxFuture<'static, Result<Value, Failure>> + Send + Sync;

/// Models that answer as a test's closure says, with a ledger of who was asked.
pub(crate) struct Models {
    pub(crate) script: Box<Script>,
    pub(crate) ledger: Mutex<Vec<(String, String)>>,
    pub(crate) names: Vec<&'static str>,
    pub(crate) price: Price,
}

impl Llm for Models {
    fn ask(&self, request: Request) -> BoxFuture<'static, Result<LlmResponse, Failure>> {
        self.ledger
            .lock()
            .expect("no test panics while it holds this")
            .push((request.key.clone(), request.model.clone()));
        let model = request.model.clone();
        let answer = (self.script)(request);
        async move {
            let value = answer.await?;
            Ok(LlmResponse {
                model,
                text: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
                value: (!value.is_string()).then_some(value),
                plan: None,
                tool_calls: Vec::new(),
                usage: Usage { input: 10, output: 10 },
                cost_microusd: 20,
                latency_ms: 1,
                first_token_ms: None,
            })
        }
        .boxed()
    }

    fn candidates(&self, _: LlmRole) -> Vec<Model> {
        self.models()
    }

    fn models(&self) -> Vec<Model> {
        let model = |id: &&str| Model {
            id: (*id).into(),
            vendor: (*id).into(),
            provider: "test".into(),
            context_tokens: 100_000,
            price: self.price,
            language_model: true,
            abilities: Default::default(),
        };
        self.names.iter().map(model).collect()
    }
}

pub(crate) fn failure(class: FailureClass) -> Failure {
    Failure {
        model: "m".into(),
        class,
        detail: "as the test wants".into(),
        retry_after_ms: None,
        cost_microusd: Some(0),
    }
}

/// Answers every role of a plan: the plan itself, verdicts, and texts grounded in their inputs.
pub(crate) fn obliging(plan: Value) -> impl Fn(&Request) -> Value {
    move |request| match &request.task {
        Task::Plan { .. } => plan.clone(),
        Task::Verify { .. } => {
            json!({"supported": true, "confidence": 0.95, "problems": [], "method": "read"})
        }
        Task::Execute { .. } => json!("The count is 42."),
        Task::Synthesize { .. } => json!("The count is 42."),
    }
}

/// A tool with an effect: counts how often it ran for each key, and tells by key.
#[derive(Clone)]
pub(crate) struct Counter {
    spec: ToolSpec,
    pub(crate) runs: Arc<Mutex<BTreeMap<String, u32>>>,
    pub(crate) gate: Arc<(Mutex<bool>, std::sync::Condvar)>,
    pub(crate) knows: bool,
}

impl Counter {
    /// `open`: whether calls go through at once; otherwise they hang until [`Counter::release`].
    pub(crate) fn new(open: bool, knows: bool) -> Self {
        let spec = ToolSpec {
            name: "test.count".into(),
            description: "Counts its runs.".into(),
            arguments: json!({"type": "object"}),
            trust: TrustLevel::Trusted,
            effect: EffectClass::Effectful,
            reads: false,
            timeout_ms: 60_000,
        };
        let gate = Arc::new((Mutex::new(open), std::sync::Condvar::new()));
        Self { spec, runs: Arc::default(), gate, knows }
    }
}

pub(crate) fn release(gate: &(Mutex<bool>, std::sync::Condvar)) {
    *gate.0.lock().expect("not poisoned") = true;
    gate.1.notify_all();
}

impl Tool for Counter {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, autoos_tools::Failure> {
        let key = call.idempotency_key.clone().unwrap_or_default();
        *self.runs.lock().expect("not poisoned").entry(key).or_default() += 1;
        let mut open = self.gate.0.lock().expect("not poisoned");
        while !*open {
            let (next, over) =
                self.gate.1.wait_timeout(open, Duration::from_secs(30)).expect("not poisoned");
            // A test that failed elsewhere must not hang on this thread.
            assert!(!over.timed_out(), "nobody released the tool");
            open = next;
        }
        Ok(ToolResult { output: json!({"done": true}), bytes_read: 0 })
    }

    fn outcome(&self, call: &ToolCall) -> Outcome {
        let key = call.idempotency_key.clone().unwrap_or_default();
        match (self.knows, self.runs.lock().expect("not poisoned").contains_key(&key)) {
            (false, _) => Outcome::Unknown,
            (true, false) => Outcome::NotDone,
            (true, true) => {
                Outcome::Done(ToolResult { output: json!({"done": true}), bytes_read: 0 })
            }
        }
    }
}

pub(crate) struct World {
    pub(crate) journal: Arc<MemoryJournal>,
    /// The journal as the runtime sees it.
    pub(crate) watched: Arc<Watched>,
    pub(crate) models: Arc<Models>,
    pub(crate) tool: Option<Counter>,
    threads: usize,
    pub(crate) runtime: Runtime,
    pub(crate) options: Options,
}

pub(crate) struct Setup {
    pub(crate) names: Vec<&'static str>,
    pub(crate) options: Options,
    pub(crate) price: Price,
    pub(crate) tool: Option<Counter>,
    /// How many calls of tools run at once.
    pub(crate) threads: usize,
    pub(crate) shards: u16,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            names: vec!["m1"],
            options: Options::default(),
            price: Price::default(),
            tool: None,
            threads: 8,
            shards: 4,
        }
    }
}

impl World {
    pub(crate) async fn new(
        setup: Setup,
        script: impl Fn(Request) -> BoxFuture<'static, Result<Value, Failure>> + Send + Sync + 'static,
    ) -> Self {
        let journal = MemoryJournal::new(setup.shards);
        let watched = Watched::new(journal.clone());
        let models = Arc::new(Models {
            script: Box::new(script),
            ledger: Mutex::default(),
            names: setup.names,
            price: setup.price,
        });
        let Setup { tool, threads, options, .. } = setup;
        let runtime = start(watched.clone(), &models, tool.as_ref(), threads, &options).await;
        Self { journal, watched, models, tool, threads, runtime, options }
    }

    /// Ends the actors and starts others on the same journal, as after a crash.
    pub(crate) async fn restart(&mut self) {
        self.runtime.stop().await;
        let (tool, options) = (self.tool.as_ref(), &self.options);
        self.runtime = start(self.watched.clone(), &self.models, tool, self.threads, options).await;
    }

    /// Follows a workflow's events until its fold is as wanted.
    pub(crate) async fn until(
        &self,
        id: WorkflowId,
        wanted: impl Fn(&Workflow) -> bool,
    ) -> Workflow {
        let mut workflow = Workflow::new(id);
        let mut events = self.journal.subscribe(Cursor::default());
        let mut seen = Vec::new();
        let waiting = async {
            while let Some(event) = events.next().await {
                let (_, mut event) = event.expect("the memory journal reads");
                let read = std::slice::from_mut(&mut event);
                open_texts(&*self.journal, read).await.expect("opens");
                if event.stream == id.stream() {
                    let decoded = Event::decode(&event.kind, &event.body).expect("decodes");
                    let decoded = decoded.expect("known");
                    workflow.fold(&decoded, event.at);
                    seen.push(decoded);
                    if wanted(&workflow) {
                        return;
                    }
                }
            }
        };
        let over = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(over.is_ok(), "never came: {seen:#?}");
        workflow
    }

    pub(crate) async fn ended(&self, id: WorkflowId) -> Workflow {
        self.until(id, |w| w.end.is_some()).await
    }

    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        self.models.ledger.lock().expect("not poisoned").clone()
    }
}

pub(crate) async fn start(
    journal: SharedJournal,
    models: &Arc<Models>,
    tool: Option<&Counter>,
    threads: usize,
    options: &Options,
) -> Runtime {
    let mut tools = Registry::builder().parallel(threads);
    if let Some(tool) = tool {
        tools = tools.with_tool(Arc::new(tool.clone()));
    }
    let parts = Parts {
        journal,
        llm: models.clone(),
        tools: tools.build().expect("tools build"),
        clock: Arc::new(SystemClock),
    };
    Runtime::start(parts, options.clone()).await.expect("starts")
}

pub(crate) fn submission(text: &str) -> Submission {
    Submission {
        tenant: "default".into(),
        user: "tester".into(),
        text: text.into(),
        contexts: vec![NewContext {
            name: "numbers".into(),
            label: "numbers.txt".into(),
            content: NewContent::Text("The count is 42.".into()),
        }],
        // What more risk asks for, reviews, is told in the tests of healing.
        risk: RiskLevel::Low,
        budget_microusd: None,
        deadline: None,
        idempotency_key: None,
        plan: None,
        trace: None,
    }
}

/// A plan of JSON steps whose last one is the result.
pub(crate) fn plan(steps: Value) -> Value {
    let result = steps.as_array().and_then(|s| s.last()).map(|s| s["id"].clone());
    let plan = json!({"name": "test", "steps": steps, "result": result});
    serde_json::from_value::<Plan>(plan.clone()).expect("a plan");
    plan
}

/// Plan, three executes in parallel, verify, synthesize.
pub(crate) fn six_steps() -> Value {
    let execute = |id: &str| {
        json!({"id": id, "work": {"ask": {"role": "executor", "instruction": "count"}},
               "inputs": {"numbers": {"context": "numbers"}}})
    };
    let from = |id: &str| json!({"step": {"id": id}});
    plan(json!([
        execute("a"), execute("b"), execute("c"),
        {"id": "check", "work": {"ask": {"role": "verifier", "instruction": "check"}},
         "inputs": {"a": from("a"), "b": from("b"), "c": from("c")}},
        {"id": "answer", "work": {"ask": {"role": "synthesizer", "instruction": "answer"}},
         "inputs": {"a": from("a"), "b": from("b"), "c": from("c"), "check": from("check")}},
    ]))
}

/// One step that asks an executor about the numbers.
pub(crate) fn one_step() -> Value {
    plan(json!([
        {"id": "answer", "work": {"ask": {"role": "executor", "instruction": "count"}},
         "inputs": {"numbers": {"context": "numbers"}},
         "retry": {"attempts": 4, "base_ms": 0, "cap_ms": 0}},
    ]))
}

pub(crate) fn ready(value: Value) -> BoxFuture<'static, Result<Value, Failure>> {
    futures::future::ready(Ok(value)).boxed()
}
