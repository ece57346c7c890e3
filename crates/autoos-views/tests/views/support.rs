//! A stand-in for the runtime: decides with the kernel and records what it decides.

use autoos_journal::{
    Batch, Body, BodyKey, MemoryJournal, NewEvent, Position, SharedJournal, Standing, StreamWrite,
    seal_texts,
};
use autoos_kernel::{
    body::BodyRef,
    codec::Recorded,
    id::{StreamId, WorkflowId},
    intent::{self, Request},
    plan::{
        FallbackStrategy, Plan, RetryConfig, Work, WorkflowStep,
        outline::{Candidate, Outline, StepKind, StepOutline},
    },
    rng::Seeded,
    route::InOrder,
    time::Timestamp,
    words::{EffectClass, LlmRole, RiskLevel},
    workflow::{Command, End, Means, Output, Seed, Workflow},
};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const START: Timestamp = Timestamp(1_767_225_600_000); // 2026-01-01T00:00:00Z

pub(crate) fn journal() -> (Arc<MemoryJournal>, SharedJournal) {
    let memory = MemoryJournal::new(4);
    (memory.clone(), memory)
}

/// One workflow being run.
pub(crate) struct Run {
    journal: SharedJournal,
    pub(crate) id: WorkflowId,
    pub(crate) workflow: Workflow,
    key: BodyKey,
    next: u64,
    pub(crate) now: Timestamp,
    rng: Seeded,
    /// Where the last append ended.
    pub(crate) position: Position,
}

/// What to submit.
pub(crate) struct Ask<'a> {
    pub(crate) number: u128,
    pub(crate) tenant: &'a str,
    pub(crate) user: &'a str,
    pub(crate) text: &'a str,
    pub(crate) at: Timestamp,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        let text = "Analyze the logs";
        Self { number: 1, tenant: "acme", user: "ann", text, at: START }
    }
}

fn outline_step(id: &str, kind: StepKind, needs: &[&str]) -> StepOutline {
    StepOutline {
        id: id.into(),
        kind,
        needs: needs.iter().map(|n| (*n).to_owned()).collect(),
        evaluated: false,
        gated: false,
        retry: RetryConfig { attempts: 3, base_ms: 0, cap_ms: 0 },
        fallback: FallbackStrategy::Escalate,
        timeout_ms: 10_000,
        items: 10,
        task: String::new(),
        data: false,
    }
}

fn asks(role: LlmRole, models: &[&str]) -> StepKind {
    let models = models
        .iter()
        .map(|m| Candidate {
            model: (*m).to_owned(),
            reserve_microusd: 1_000,
            ..Candidate::default()
        })
        .collect();
    StepKind::Ask { role, models, review: None }
}

/// Read a log with a tool, then have a model answer.
pub(crate) fn outline() -> Outline {
    let read = StepKind::Tool { name: "logs.analyze".into(), effect: EffectClass::Pure };
    Outline {
        steps: vec![
            outline_step("read", read, &[]),
            outline_step(
                "answer",
                asks(LlmRole::Synthesizer, &["acme/large", "other/small"]),
                &["read"],
            ),
        ],
        result: "answer".into(),
        worst_case_microusd: 6_000,
        risk: None,
    }
}

fn plan() -> Plan {
    let step = |id: &str, title: &str| WorkflowStep {
        id: id.into(),
        title: title.into(),
        goal: None,
        work: Work::Wait { ms: 0 },
        inputs: Default::default(),
        after: Vec::new(),
        when: None,
        each: None,
        critical: false,
        retry: Default::default(),
        fallback: Default::default(),
        limits: Default::default(),
    };
    Plan {
        name: "log-errors".into(),
        version: 3,
        steps: vec![step("read", "Read the log"), step("answer", "Say what went wrong")],
        result: "answer".into(),
        ..Plan::default()
    }
}

impl Run {
    /// Submits an intent: one append with the first events of both streams.
    pub(crate) async fn submit(journal: &SharedJournal, ask: Ask<'_>) -> Self {
        let id = WorkflowId(Uuid::from_u128(ask.number));
        let key = journal.body_key(id.0).await.unwrap();
        let text = Body::new(&key, ask.text.as_bytes().to_vec());
        let request = Request {
            tenant: ask.tenant.into(),
            user: ask.user.into(),
            text: text.body,
            contexts: Vec::new(),
            risk: RiskLevel::Medium,
            budget_microusd: 10_000,
            deadline: None,
            fingerprint: [0; 32],
        };
        let mut run = Self {
            journal: journal.clone(),
            id,
            workflow: Workflow::new(id),
            key,
            next: 0,
            now: ask.at,
            rng: Seeded(ask.number as u64),
            position: Position { shard: id.stream().shard(journal.shards()), offset: 0 },
        };
        let seed = Seed {
            risk: RiskLevel::Medium,
            granted_microusd: 10_000,
            deadline: None,
            patience_ms: 60_000,
            planner: Some(outline_step("planning", asks(LlmRole::Planner, &["acme/large"]), &[])),
            plan: None,
        };
        let accepted = intent::Event::Accepted(request);
        let created = run.decide(Command::Create(seed));
        let writes = vec![
            run.write(id.intent().stream(), 0, &[accepted]),
            run.write(id.stream(), 0, &created),
        ];
        run.next = created.len() as u64;
        run.append(writes, vec![text]).await;
        run
    }

    fn decide(&mut self, command: Command) -> Vec<autoos_kernel::workflow::Event> {
        self.workflow
            .decide(command, self.now, &mut Means { rng: &mut self.rng, router: &InOrder })
            .unwrap()
    }

    fn write<E: Recorded + Clone>(
        &self,
        stream: StreamId,
        expect: u64,
        events: &[E],
    ) -> StreamWrite {
        let event = |event: &E| {
            let mut event = event.clone();
            seal_texts(&mut event, &self.key);
            NewEvent {
                at: self.now,
                actor: "test".into(),
                cause: Some("req-1".into()),
                trace: None,
                kind: event.kind().to_owned(),
                body: event.encode(),
            }
        };
        StreamWrite {
            stream,
            expect,
            events: events.iter().map(event).collect(),
            standing: Standing::Running,
        }
    }

    async fn append(&mut self, writes: Vec<StreamWrite>, bodies: Vec<Body>) {
        let epoch = self.journal.epoch(self.position.shard);
        let batch = Batch { epoch, writes, bodies };
        self.position = self.journal.append(batch).await.unwrap();
    }

    /// Decides a command and records it, with the bodies that it refers to.
    pub(crate) async fn command(&mut self, command: Command, bodies: Vec<Body>) {
        self.now = self.now.plus_ms(100);
        let events = self.decide(command);
        if events.is_empty() {
            return;
        }
        let write = self.write(self.id.stream(), self.next, &events);
        self.next += events.len() as u64;
        self.append(vec![write], bodies).await;
    }

    /// Records events as they are, whatever led to them.
    pub(crate) async fn record(
        &mut self,
        events: Vec<autoos_kernel::workflow::Event>,
        bodies: Vec<Body>,
    ) {
        let write = self.write(self.id.stream(), self.next, &events);
        self.next += events.len() as u64;
        self.append(vec![write], bodies).await;
    }

    /// Records an event of any kind, as a newer version might.
    pub(crate) async fn record_raw(&mut self, kind: &str, body: Vec<u8>) {
        let event = NewEvent {
            at: self.now,
            actor: "test".into(),
            cause: None,
            trace: None,
            kind: kind.into(),
            body,
        };
        let (stream, expect) = (self.id.stream(), self.next);
        let standing = Standing::Running;
        self.next += 1;
        self.append(vec![StreamWrite { stream, expect, events: vec![event], standing }], vec![])
            .await;
    }

    /// Whether its texts were destroyed.
    pub(crate) async fn is_erased(&self) -> bool {
        self.journal.body_key(self.id.0).await.is_err()
    }

    pub(crate) fn body(&self, value: &Value) -> Body {
        Body::new(&self.key, serde_json::to_vec(value).unwrap())
    }

    /// The running attempt of a step ends.
    pub(crate) async fn end(&mut self, step: &str, end: End, bodies: Vec<Body>) {
        let attempt = self.workflow.steps[step].attempts;
        let cost = match self.workflow.steps[step].outline.kind {
            StepKind::Ask { .. } => Some(400),
            _ => Some(0),
        };
        let tokens = (70, 30);
        let step = step.to_owned();
        self.command(Command::Ended { step, attempt, end, cost, tokens }, bodies).await;
    }

    /// The running attempt of a step brings `value`.
    pub(crate) async fn done(
        &mut self,
        step: &str,
        value: &Value,
        confidence: Option<f64>,
    ) -> BodyRef {
        let body = self.body(value);
        let evidence = self.body(&json!({"recipe": ["tool evidence"], "unsupported": []}));
        let at = body.body;
        let output = Output { body: at, confidence, evidence: Some(evidence.body) };
        self.end(step, End::Done(output), vec![body, evidence]).await;
        at
    }

    /// Plans, so that `read` runs.
    pub(crate) async fn plan(&mut self) {
        let plan = self.done("planning", &serde_json::to_value(plan()).unwrap(), None).await;
        self.command(Command::Judged { plan, verdict: Ok(outline()) }, vec![]).await;
    }

    /// Runs it to its result.
    pub(crate) async fn finish(&mut self) {
        self.plan().await;
        self.done("read", &json!({"errors": 2}), None).await;
        self.done("answer", &json!("Two disks failed."), Some(0.9)).await;
        assert!(self.workflow.end.is_some());
    }
}
