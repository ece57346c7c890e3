//! A node in miniature for the tests of the built-in engine: plans an intent, checks the plan,
//! runs its tools on real files, verifies, writes the answer and grounds it. No model, no journal.

#![allow(dead_code, unreachable_pub)] // Each test file uses a part.

use autoos_fabric::{
    ContextInfo, Task, Verdict,
    builtin::Builtin,
    verify::{Basis, Confidence, Evidence, Grounding, ground},
};
use autoos_kernel::{
    plan::{
        Plan, Source, Work, WorkflowStep,
        check::{Against, Models, check},
        outline::Candidate,
    },
    tool::{Catalog, ToolSpec},
    words::{LlmRole, RiskLevel},
};
use autoos_tools::{Registry, ToolCall, ToolGateway};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// The tools over a directory of its own.
pub struct Node {
    pub dir: tempfile::TempDir,
    pub tools: Arc<Registry>,
    runtime: tokio::runtime::Runtime,
}

/// What came of an intent.
#[derive(Debug)]
pub struct Done {
    pub plan: Plan,
    pub outputs: BTreeMap<String, Value>,
    pub verdict: Option<Verdict>,
    pub answer: String,
    pub grounding: Grounding,
    pub confidence: Confidence,
}

/// The built-in engine serves every role for nothing.
struct Free;

impl Models for Free {
    fn candidates(&self, _: LlmRole, _: u32, _: u32) -> Vec<Candidate> {
        vec![Candidate {
            model: "builtin/rules".into(),
            reserve_microusd: 0,
            vendor: "builtin".into(),
            fixed: true,
            lesson: None,
        }]
    }
}

impl Node {
    pub fn new(allow_hosts: &[String]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for below in ["files", "state", "files/out"] {
            std::fs::create_dir_all(dir.path().join(below)).expect("made");
        }
        let tools = Registry::builder()
            .roots([dir.path().join("files")])
            .write_roots([dir.path().join("files/out")])
            .data_dir(dir.path().join("state"))
            .allow_hosts(allow_hosts.iter().cloned())
            .build()
            .expect("a registry");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        Self { dir, tools, runtime }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("files").join(name)
    }

    pub fn file(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("written");
    }

    /// What a planner is told of `name=@file`, or of inline text.
    pub fn info(&self, name: &str, source: &str) -> ContextInfo {
        let (file, label, text) = match source.strip_prefix('@') {
            Some(file) => {
                (true, file.to_owned(), std::fs::read_to_string(self.path(file)).expect("the file"))
            }
            None => (false, name.to_owned(), source.to_owned()),
        };
        let mut head = text.get(..text.len().min(4096)).unwrap_or(&text);
        if head.len() < text.len() {
            head = head.rfind('\n').map_or(head, |at| &head[..=at]);
        }
        ContextInfo { name: name.into(), file, label, bytes: text.len() as u64, head: head.into() }
    }

    pub fn plan(
        &self,
        intent: &str,
        contexts: &[(&str, &str)],
        risk: RiskLevel,
    ) -> Result<Plan, String> {
        let tools: Arc<[ToolSpec]> = self.tools.tools().into_iter().cloned().collect();
        let infos: Vec<ContextInfo> =
            contexts.iter().map(|(name, source)| self.info(name, source)).collect();
        let names: Vec<String> = infos.iter().map(|i| i.name.clone()).collect();
        let task = Task::Plan {
            intent: intent.into(),
            contexts: infos,
            risk,
            tools,
            refused: None,
            lessons: Vec::new(),
        };
        let value = Builtin::answer(&task).expect("planning answers").1.expect("a value");
        if value.get("unable").is_some() {
            return Err(value.to_string());
        }
        let plan: Plan = serde_json::from_value(value).expect("a plan");
        let against = Against {
            tools: &*self.tools,
            models: &Free,
            contexts: &names,
            budget_microusd: 0,
            risk,
            lessons: &autoos_kernel::lesson::Book::default(),
            done: &std::collections::BTreeSet::new(),
        };
        check(&plan, &against).unwrap_or_else(|problems| panic!("{intent}: {problems:?}"));
        Ok(plan)
    }

    /// Plans and runs; the error is what the planner declined with.
    pub fn run(&self, intent: &str, contexts: &[(&str, &str)]) -> Result<Done, String> {
        self.run_at(intent, contexts, RiskLevel::Medium)
    }

    pub fn run_at(
        &self,
        intent: &str,
        contexts: &[(&str, &str)],
        risk: RiskLevel,
    ) -> Result<Done, String> {
        let plan = self.plan(intent, contexts, risk)?;
        let mut outputs: BTreeMap<String, Value> = BTreeMap::new();
        let mut verdict = None;
        // The planner writes steps after those that they need.
        for step in &plan.steps {
            let inputs: Map<String, Value> = step
                .inputs
                .iter()
                .map(|(name, source)| match source {
                    Source::Step { id, at } => {
                        (name.clone(), outputs[id].pointer(at).cloned().unwrap_or_default())
                    }
                    other => panic!("{other:?}"),
                })
                .collect();
            let output = match &step.work {
                Work::Tool { name, args, reads } => {
                    self.call(step, name, args, reads.as_ref(), inputs, contexts)?
                }
                Work::Ask { role, instruction, .. } => {
                    let instruction = instruction.clone();
                    let task = match role {
                        LlmRole::Verifier => Task::Verify { instruction, inputs },
                        _ => Task::Synthesize { intent: intent.into(), instruction, inputs },
                    };
                    let (text, value) = Builtin::answer(&task).map_err(|f| f.to_string())?;
                    if *role == LlmRole::Verifier && step.id == "verify" {
                        verdict = Some(
                            serde_json::from_value(value.clone().expect("a verdict"))
                                .expect("a verdict"),
                        );
                    }
                    value.unwrap_or(json!(text))
                }
                Work::Wait { .. } => Value::Null,
            };
            outputs.insert(step.id.clone(), output);
        }
        let answer = outputs[&plan.result].as_str().expect("a text").to_owned();
        let mut evidence: Vec<Evidence> = plan
            .steps
            .iter()
            .filter(|s| matches!(s.work, Work::Tool { .. }) && s.id != "save")
            .map(|s| Evidence { name: s.id.clone(), value: outputs[&s.id].clone() })
            .collect();
        // An answer may repeat the question.
        evidence.push(Evidence { name: "intent".into(), value: json!(intent) });
        let grounding = ground(&answer, &evidence);
        let confidence = Confidence::of(&Basis {
            grounding: Some(&grounding),
            verdict: verdict.as_ref(),
            tool_evidence: true,
            ..Basis::default()
        });
        Ok(Done { plan, outputs, verdict, answer, grounding, confidence })
    }

    fn call(
        &self,
        step: &WorkflowStep,
        name: &str,
        args: &Map<String, Value>,
        reads: Option<&Source>,
        inputs: Map<String, Value>,
        contexts: &[(&str, &str)],
    ) -> Result<Value, String> {
        let mut args = args.clone();
        let mut granted = Vec::new();
        if let Some(Source::Context(context)) = reads {
            let (_, source) = contexts.iter().find(|(n, _)| n == context).expect("a context");
            match source.strip_prefix('@') {
                Some(file) => {
                    granted.push(self.path(file));
                    args.insert("path".into(), json!(self.path(file)));
                }
                None => {
                    args.insert("text".into(), json!(source));
                }
            }
        }
        args.extend(inputs);
        let effectful = name == "fs.write";
        let call = ToolCall {
            tool: name.into(),
            args: Value::Object(args),
            idempotency_key: effectful.then(|| format!("test/{}", step.id)),
            deadline: None,
            granted,
            stop: autoos_tools::Stop::default(),
        };
        let result = self.runtime.block_on(self.tools.call(call));
        result.map(|r| r.output).map_err(|failure| format!("{name}: {failure}"))
    }
}

/// The web service's log: 3 timeouts, 2 refusals, 1 warning, 4 lines of daily business.
pub const WEB: &str = "\
2024-05-01 10:00:00 INFO web: service started on port 8080
2024-05-01 10:00:05 ERROR web: timeout after 30 s calling payments
2024-05-01 10:01:10 INFO web: request 17 served
2024-05-01 10:02:00 ERROR web: connection to 10.0.0.7 refused
2024-05-01 10:02:30 ERROR web: timeout after 31 s calling payments
2024-05-01 10:03:00 WARN web: queue is 90 percent full
2024-05-01 10:04:00 INFO web: request 18 served
2024-05-01 10:05:00 ERROR web: connection to 10.0.0.9 refused
2024-05-01 10:06:00 ERROR web: timeout after 35 s calling payments
2024-05-01 10:07:00 INFO web: request 19 served
";

/// The database's log: 2 errors.
pub const DB: &str = "\
2024-05-01 09:00:00 INFO db: checkpoint complete
2024-05-01 09:30:00 ERROR db: deadlock detected in table orders
2024-05-01 09:40:00 INFO db: checkpoint complete
2024-05-01 11:30:00 ERROR db: deadlock detected in table users
2024-05-01 11:40:00 WARN db: slow query took 900 ms
";

/// Eight orders: 3 paid in North; 1,421.49 in all.
pub const SALES: &str = "\
order_id,date,region,product,status,quantity,amount
1,2024-01-05,North,apple,paid,3,120.50
2,2024-02-11,South,pear,failed,1,80
3,2024-02-15,North,pear,paid,7,310
4,2024-03-01,West,apple,open,2,99.99
5,2024-03-09,South,plum,paid,4,205
6,2024-03-21,North,plum,paid,1,45
7,2024-04-02,West,pear,failed,9,501
8,2024-04-18,South,apple,open,2,60
";

/// Five people as JSON.
pub const PEOPLE: &str = r#"[
{"name": "Ada", "team": "core", "age": 36, "city": "London"},
{"name": "Bob", "team": "web", "age": 41, "city": "Oslo"},
{"name": "Cid", "team": "core", "age": 29, "city": "Oslo"},
{"name": "Dee", "team": "data", "age": 52, "city": "Rome"},
{"name": "Eve", "team": "core", "age": 33, "city": "Rome"}
]"#;

/// Six events, one on each line.
pub const EVENTS: &str = r#"{"user": "u1", "action": "login", "ms": 120, "ok": true}
{"user": "u2", "action": "login", "ms": 340, "ok": false}
{"user": "u1", "action": "search", "ms": 80, "ok": true}
{"user": "u3", "action": "login", "ms": 95, "ok": true}
{"user": "u2", "action": "search", "ms": 410, "ok": true}
{"user": "u1", "action": "logout", "ms": 15, "ok": true}
"#;

/// A text with more sentences than a summary takes.
pub const NOTES: &str = "\
The migration of the billing service to the new cluster began on Monday. The billing service was slow before the migration. \
Ann found that the cache of the billing service was too small. Lunch was late.

After the cache was doubled to 512 MB, the billing service answered in 40 ms. Bob proposed to migrate the search service next. \
The search service depends on the billing service. Somebody brought cake. The team agreed to finish the migration by June 14, 2024. \
Ann will write the plan for the migration of the search service.
";
