//! Every fault of a model × every role: one vendor of three has the fault, whenever it is asked in
//! that role. The work ends with the right result, and what the fault cost is read from the journal:
//! how it was named, how long it took to be found, and which rungs were climbed. One fault ends with
//! a question instead: a judge that is trusted most and turns every answer down.

use crate::{
    node::{Node, Setup, Vendor, history, piecemeal, rule, story, verdict},
    support::plan,
};
use autoos_fabric::{
    Fabric, Failure, FailureClass, Llm, LlmResponse, Model, Request, Routed, SharedLlm, ToolCall,
    Wish,
    provider::scripted::{Answer, Rule},
};
use autoos_kernel::{
    id::WorkflowId,
    ladder::{Exit, Rung},
    rng::Rng,
    time::Timestamp,
    words::{LlmRole, RiskLevel, WorkflowState},
    workflow::{Event, Purpose, Workflow, is_planning},
};
use autoos_runtime::Options;
use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// A fault is found within five seconds; a loaded machine may take so much longer, in milliseconds.
const FOUND_MS: u64 = 5_000;
const LOADED_MS: u64 = 4_000;

/// What is wrong with a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Slow,
    RateLimit,
    ServerError,
    HangBeforeFirst,
    HangMidStream,
    BrokenMidStream,
    WrongSchema,
    TruncatedJson,
    NotANumber,
    HugeNumber,
    HugeReply,
    DuplicateToolIds,
    InventedTool,
    HallucinatedFigure,
    KeyRefused,
    OutOfCredit,
    ConnectionRefused,
    ProviderCrash,
    AgentDies,
}

use Fault as F;

const FAULTS: [Fault; 19] = [
    F::Slow,
    F::RateLimit,
    F::ServerError,
    F::HangBeforeFirst,
    F::HangMidStream,
    F::BrokenMidStream,
    F::WrongSchema,
    F::TruncatedJson,
    F::NotANumber,
    F::HugeNumber,
    F::HugeReply,
    F::DuplicateToolIds,
    F::InventedTool,
    F::HallucinatedFigure,
    F::KeyRefused,
    F::OutOfCredit,
    F::ConnectionRefused,
    F::ProviderCrash,
    F::AgentDies,
];

const ROLES: [LlmRole; 4] = crate::node::ROLES;

/// A draft and what is made of it, both as data and both reviewed.
fn work(instruction: &str) -> Value {
    let schema = json!({
        "type": "object", "required": ["count", "text"], "additionalProperties": false,
        "properties": {
            "count": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
            "text": {"type": "string", "maxLength": 200}}});
    let retry = json!({"attempts": 4, "base_ms": 1, "cap_ms": 5});
    // The built-in engine can put texts together as well: one attempt more is kept for it.
    let more = json!({"attempts": 6, "base_ms": 1, "cap_ms": 5});
    plan(json!([
        {"id": "draft", "critical": true, "retry": retry,
         "work": {"ask": {"role": "executor", "instruction": instruction, "schema": schema}},
         "inputs": {"numbers": {"context": "numbers"}}},
        {"id": "answer", "retry": more,
         "work": {"ask": {"role": "synthesizer", "instruction": "say it", "schema": schema}},
         "inputs": {"numbers": {"context": "numbers"}, "draft": {"step": {"id": "draft"}}}},
    ]))
}

fn right() -> Value {
    json!({"count": 42, "text": "The count is 42."})
}

fn wrong() -> Value {
    json!({"count": 43, "text": "The count is 43."})
}

/// What the vendor with the fault says in that role; none where it is not the script that has it.
fn says(fault: Fault, role: LlmRole) -> Option<Answer> {
    let well = || match role {
        LlmRole::Planner => Answer::value(work("count")),
        LlmRole::Verifier | LlmRole::Auditor => verdict(true, &[]),
        LlmRole::Executor | LlmRole::Synthesizer => Answer::value(right()),
    };
    // The same with one number written otherwise, as text, since it is no JSON any more.
    let number = |written: &str| {
        let text = well().value.unwrap_or_default().to_string();
        let (from, to) = match role {
            LlmRole::Planner => ("\"steps\"", format!("\"version\":{written},\"steps\"")),
            LlmRole::Verifier | LlmRole::Auditor => ("0.95", written.to_owned()),
            LlmRole::Executor | LlmRole::Synthesizer => (":42", format!(":{written}")),
        };
        assert!(text.contains(from), "{text}");
        Answer::text(text.replacen(from, &to, 1))
    };
    let call = |id: &str, name: &str| ToolCall {
        id: id.into(),
        name: name.into(),
        args: json!({"path": "/etc/passwd"}),
    };
    let answer = match fault {
        F::Slow => Answer { pieces: 40, piece_ms: 100, ..well() },
        F::RateLimit => Answer::fail(FailureClass::RateLimit),
        F::ServerError => Answer::fail(FailureClass::Server),
        F::HangBeforeFirst => Answer { hang: true, ..well() },
        F::HangMidStream => Answer { pieces: 8, hang_after: Some(2), ..well() },
        F::BrokenMidStream => Answer { pieces: 8, cut_after: Some(2), ..well() },
        F::WrongSchema => Answer::value(json!({"answer": ["of", "another", "shape"]})),
        F::TruncatedJson => Answer { keep: Some(20), ..well() },
        F::NotANumber => number("NaN"),
        F::HugeNumber => number("1e999"),
        F::HugeReply => Answer { bytes: Some(50_000_000), ..well() },
        F::DuplicateToolIds => {
            Answer { tool_calls: vec![call("1", "fs.read"), call("1", "fs.read")], ..well() }
        }
        F::InventedTool if role == LlmRole::Planner => {
            let step = json!([{"id": "answer", "work": {"tool": {"name": "count.everything"}}}]);
            Answer::value(plan(step))
        }
        F::InventedTool => Answer { tool_calls: vec![call("1", "count.everything")], ..well() },
        F::HallucinatedFigure => match role {
            LlmRole::Planner => Answer::value(work("say that the count is 43")),
            LlmRole::Verifier | LlmRole::Auditor => {
                verdict(false, &["the numbers say that the count is 44"])
            }
            LlmRole::Executor | LlmRole::Synthesizer => Answer::value(wrong()),
        },
        F::KeyRefused => Answer::fail(FailureClass::Auth),
        // Vendors say when they may be asked again, and that is no time soon.
        F::OutOfCredit => {
            Answer { retry_after_ms: Some(60_000), ..Answer::fail(FailureClass::Auth) }
        }
        F::ProviderCrash => Answer { panic: true, ..Answer::default() },
        F::ConnectionRefused | F::AgentDies => return None,
    };
    Some(if answer.pieces == 0 { piecemeal(answer) } else { answer })
}

/// The fabric, seen by agents that die when they ask alpha in a role.
struct Deadly {
    fabric: Fabric,
    role: LlmRole,
}

impl Llm for Deadly {
    fn ask(&self, request: Request) -> BoxFuture<'static, Result<LlmResponse, Failure>> {
        if request.role == self.role && request.model == "alpha/m" {
            return async { panic!("as the test wants") }.boxed();
        }
        self.fabric.ask(request)
    }

    fn candidates(&self, role: LlmRole) -> Vec<Model> {
        self.fabric.candidates(role)
    }

    fn models(&self) -> Vec<Model> {
        self.fabric.models()
    }

    fn route(&self, wish: &Wish, rng: &mut dyn Rng) -> Routed {
        self.fabric.route(wish, rng)
    }
}

fn deadly(role: LlmRole) -> fn(Fabric) -> SharedLlm {
    match role {
        LlmRole::Planner => |fabric| Arc::new(Deadly { fabric, role: LlmRole::Planner }),
        LlmRole::Executor => |fabric| Arc::new(Deadly { fabric, role: LlmRole::Executor }),
        LlmRole::Synthesizer => |fabric| Arc::new(Deadly { fabric, role: LlmRole::Synthesizer }),
        LlmRole::Verifier | LlmRole::Auditor => {
            |fabric| Arc::new(Deadly { fabric, role: LlmRole::Verifier })
        }
    }
}

/// A node in which these vendors have a fault in a role.
fn setup(fault: Fault, role: LlmRole, faulty: &[&str]) -> Setup {
    // Whoever believes a plan's wrong figure repeats it.
    let believes = Rule {
        contains: Some("count is 43".into()),
        ..rule(LlmRole::Executor, piecemeal(Answer::value(wrong())))
    };
    let vendor = |name: &'static str| {
        let mut rules = vec![believes.clone()];
        let mut refuses = false;
        if faulty.contains(&name) {
            rules.extend(says(fault, role).map(|answer| rule(role, answer)));
            refuses = fault == F::ConnectionRefused;
        }
        // The one with the fault is preferred, and at high risk nobody is asked only to learn.
        let quality = if name == "alpha" { 0.95 } else { 0.75 };
        Vendor { name, rules, quality, refuses }
    };
    let vendors: Vec<Vendor> = ["alpha", "beta", "gamma"].map(vendor).into();
    let mut roles = BTreeMap::new();
    for other in ROLES {
        // A vendor does not review itself, and one that refuses everything has no other role.
        if other != role && (role == LlmRole::Verifier || fault == F::ConnectionRefused) {
            roles.insert(other, vec!["beta", "gamma"]);
        }
    }
    let between: fn(Fabric) -> SharedLlm =
        if fault == F::AgentDies { deadly(role) } else { |fabric| Arc::new(fabric) };
    let (plan, answer) = (work("count"), right());
    Setup { vendors, plan, answer, roles, warm: true, between, ..Setup::default() }
}

/// How the first attempt at the fault ended, and all that followed.
struct Seen {
    exit: String,
    found_ms: u64,
    climbed: Vec<String>,
}

fn of_role(role: LlmRole, step: &str, purpose: Purpose) -> bool {
    match (role, purpose) {
        (LlmRole::Verifier | LlmRole::Auditor, purpose) => purpose == Purpose::Review,
        (_, Purpose::Review | Purpose::Second) => false,
        (LlmRole::Planner, _) => is_planning(step),
        (LlmRole::Executor, _) => step == "draft",
        (LlmRole::Synthesizer, _) => step == "answer",
    }
}

fn seen(history: &[(Timestamp, Event)], role: LlmRole) -> Option<Seen> {
    let mut began = BTreeMap::new();
    let mut first: Option<(String, u64)> = None;
    let mut climbed = Vec::new();
    for (at, event) in history {
        match event {
            Event::AttemptStarted { step, attempt, model, purpose, .. } => {
                let at_fault = model.as_deref() == Some("alpha/m") && of_role(role, step, *purpose);
                began.insert((step.clone(), *attempt), (*at, at_fault));
            }
            Event::AttemptFailed { step, attempt, exit, .. } => {
                let (since, at_fault) = began[&(step.clone(), *attempt)];
                // What a wrong plan leads to is found in the answers made by it.
                let counts = at_fault || role == LlmRole::Planner;
                if counts && first.is_none() {
                    first = Some((exit.to_string(), at.since_ms(since)));
                }
            }
            Event::PlanRefused { .. } if first.is_none() => {
                let (since, _) = began.values().next()?;
                first = Some(("plan_refused".into(), at.since_ms(*since)));
            }
            Event::RungClimbed { rung, .. } => climbed.push(rung.to_string()),
            Event::Escalated { .. } => climbed.push(Rung::Escalate.to_string()),
            Event::ModelsAwaited { .. } => climbed.push("wait".into()),
            _ => {}
        }
    }
    climbed.dedup();
    first.map(|(exit, found_ms)| Seen { exit, found_ms, climbed })
}

/// By which name a fault is to be found, and the rung that it starts on; none for what is no fault.
/// A planner has four attempts and there are four planners with the built-in one, so each is asked
/// once: with the right of each to an attempt kept, the ladder starts by asking another.
fn expected(fault: Fault, role: LlmRole) -> Option<(&'static str, &'static str)> {
    let doubt = match role {
        LlmRole::Verifier | LlmRole::Auditor => ("vetoed", "swap_llm"),
        _ => ("unsure", "swap_llm"),
    };
    let (exit, rung) = match fault {
        F::Slow => return None,
        F::RateLimit => ("rate_limit", "retry"),
        F::ServerError => ("server", "retry"),
        F::HangBeforeFirst | F::HangMidStream => ("timeout", "retry"),
        F::BrokenMidStream | F::ConnectionRefused => ("network", "retry"),
        F::InventedTool if role == LlmRole::Planner => ("plan_refused", "swap_llm"),
        F::WrongSchema
        | F::TruncatedJson
        | F::NotANumber
        | F::HugeNumber
        | F::HugeReply
        | F::DuplicateToolIds
        | F::InventedTool => ("malformed", "retry"),
        F::HallucinatedFigure => doubt,
        F::KeyRefused | F::OutOfCredit => ("auth", "swap_llm"),
        F::ProviderCrash => ("crashed", "retry"),
        F::AgentDies => ("panicked", "replace_agent"),
    };
    Some((exit, if role == LlmRole::Planner { "swap_llm" } else { rung }))
}

/// One cell of the matrix, and what is wrong with it.
struct Cell {
    row: String,
    found_ms: Option<u64>,
    problem: Option<String>,
}

async fn cell(fault: Fault, role: LlmRole) -> Cell {
    let node = Node::start(setup(fault, role, &["alpha"])).await;
    let id = node.submit(RiskLevel::High).await;
    let over =
        |w: &Workflow| w.end.is_some() || w.escalations.values().any(|e| e.resolved.is_none());
    let workflow = node.until(id, over).await;
    let result = node.result(&workflow).await;
    let cell = judge(&node, id, fault, role, &workflow, result).await;
    node.runtime.stop().await;
    cell
}

async fn judge(
    node: &Node,
    id: WorkflowId,
    fault: Fault,
    role: LlmRole,
    workflow: &Workflow,
    result: Option<Value>,
) -> Cell {
    let history = history(&node.journal, id).await;
    let seen = seen(&history, role);
    let end = match (workflow.state(), &result) {
        (WorkflowState::Completed, Some(value)) if *value == right() => "right result".to_owned(),
        (WorkflowState::Completed, value) => format!("WRONG RESULT {value:?}"),
        (WorkflowState::Escalated, _) => {
            let asked = workflow.escalations.values().next().map(|e| e.exit);
            format!("escalated: {}", asked.unwrap_or(Exit::Panicked))
        }
        (state, _) => format!("{state:?}"),
    };
    let (exit, found, climbed) = match &seen {
        Some(seen) => {
            (seen.exit.as_str(), format!("{} ms", seen.found_ms), seen.climbed.join(" › "))
        }
        None => ("-", "-".to_owned(), String::new()),
    };
    let fault_name = format!("{fault:?}");
    let row = format!("{fault_name:<19} {role:<12} {exit:<13} {found:>8}  {end:<22} {climbed}");
    let as_expected = match (expected(fault, role), &seen) {
        (None, None) => true,
        (Some((exit, rung)), Some(seen)) => {
            seen.exit == exit && seen.climbed.first().is_some_and(|first| first == rung)
        }
        _ => false,
    };
    let found_ms = seen.as_ref().map(|s| s.found_ms);
    let in_time = found_ms.is_none_or(|ms| ms <= FOUND_MS + LOADED_MS);
    let fine = as_expected && in_time && end == "right result";
    let problem = (!fine).then(|| format!("{row}{}", story(&history)));
    Cell { row, found_ms, problem }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_one_vendor_in_every_role_ends_with_the_right_result() {
    let only = std::env::var("AUTOOS_TEST_FAULT").ok();
    let mut cells = Vec::new();
    for fault in FAULTS {
        if only.as_ref().is_some_and(|only| *only != format!("{fault:?}")) {
            continue;
        }
        // Those of one fault wait side by side.
        cells.extend(futures::future::join_all(ROLES.map(|role| cell(fault, role))).await);
    }
    eprintln!(
        "{:<19} {:<12} {:<13} {:>8}  {:<22} climbed",
        "fault", "role", "found as", "after", "end"
    );
    cells.iter().for_each(|cell| eprintln!("{}", cell.row));
    let slowest = cells.iter().filter_map(|cell| cell.found_ms).max().unwrap_or(0);
    let within = cells.iter().filter_map(|c| c.found_ms).filter(|ms| *ms <= FOUND_MS).count();
    let found = cells.iter().filter(|c| c.found_ms.is_some()).count();
    eprintln!("{found} found, {within} within {FOUND_MS} ms, the slowest after {slowest} ms");
    let problems: Vec<String> = cells.into_iter().filter_map(|cell| cell.problem).collect();
    assert!(problems.is_empty(), "{} cells:\n{}", problems.len(), problems.join("\n\n"));
}

/// What a human is asked, or what is waited for, when every vendor has the fault.
async fn everywhere(fault: Fault) -> (String, Option<String>) {
    let mut setup = setup(fault, LlmRole::Executor, &["alpha", "beta", "gamma"]);
    // Waits end with a question, since nobody will be back.
    setup.options = Options { patience_ms: 4_000, ..Options::default() };
    let node = Node::start(setup).await;
    let id = node.submit(RiskLevel::High).await;
    let workflow = node.until(id, |w| w.end.is_some() || !w.escalations.is_empty()).await;
    let asked = workflow.escalations.values().next().map(|e| (e.exit, e.step.clone()));
    let history = node.history(id).await;
    // Its words are sealed; a human reads them through the views.
    let told = |e: &Event| matches!(e, Event::Escalated { detail, .. } if !detail.is_empty());
    let detailed = history.iter().any(|(_, event)| told(event));
    let named = asked.as_ref().is_some_and(|(_, step)| step == "draft") && detailed;
    let exit = asked.map_or_else(|| "nothing".to_owned(), |(exit, _)| exit.to_string());
    let row = format!("{:<19} every vendor: a human is asked: {exit}", format!("{fault:?}"));
    let problem = (!named).then(|| format!("{row}{}", story(&history)));
    node.runtime.stop().await;
    (row, problem)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_every_vendor_ends_with_a_named_question() {
    let faults = [
        F::ServerError,
        F::WrongSchema,
        F::TruncatedJson,
        F::HallucinatedFigure,
        F::KeyRefused,
        F::OutOfCredit,
        F::ProviderCrash,
        F::BrokenMidStream,
    ];
    let all = futures::future::join_all(faults.map(everywhere)).await;
    all.iter().for_each(|(row, _)| eprintln!("{row}"));
    let problems: Vec<String> = all.into_iter().filter_map(|(_, problem)| problem).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}
