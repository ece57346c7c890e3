//! The check of plans: one test for each kind of problem, and what a good plan becomes.

use super::*;
use crate::{
    assurance::Assurance,
    goal::{GoalGraph, GoalNode},
    id::WorkflowId,
    ladder::Exit,
    lesson::{Command, FailureRecord},
    plan::{Condition, FallbackStrategy, Limits, RetryConfig, Test},
    time::Timestamp,
    tool::ToolSpec,
    words::TrustLevel,
};
use serde_json::json;
use std::time::{Duration, Instant};

/// `read` wants a `path`, `count` an integer `most` at most, `send` has an effect.
struct Tools(Vec<ToolSpec>);

impl Tools {
    fn new() -> Self {
        let spec = |name: &str, effect, reads| ToolSpec {
            name: name.into(),
            description: String::new(),
            arguments: json!({}),
            trust: TrustLevel::Vetted,
            effect,
            reads,
            timeout_ms: 1_000,
        };
        Self(vec![
            spec("count", EffectClass::Pure, false),
            spec("read", EffectClass::Pure, true),
            spec("send", EffectClass::Effectful, false),
        ])
    }
}

impl Catalog for Tools {
    fn tool(&self, name: &str) -> Option<&ToolSpec> {
        self.0.iter().find(|t| t.name == name)
    }

    fn tools(&self) -> Vec<&ToolSpec> {
        self.0.iter().collect()
    }

    fn check_args(&self, name: &str, args: &Value, later: &[&str]) -> Result<(), String> {
        let missing = args.get("path").is_none() && !later.contains(&"path");
        match name {
            "read" if missing => Err("read misses the argument \"path\"".into()),
            "count" if args.get("most").is_some_and(|m| !m.is_u64()) => {
                Err("argument most is not an integer".into())
            }
            _ => Ok(()),
        }
    }
}

/// Executors cost 3 micro-dollars per prompt token and 10 per answer token at the first model, a
/// third of it at the second; verifiers cost one for both; nobody synthesizes.
struct Prices;

impl Models for Prices {
    fn candidates(&self, role: LlmRole, prompt: u32, output: u32) -> Vec<Candidate> {
        let candidate = |model: &str, input: u64, answer: u64| Candidate {
            model: model.into(),
            reserve_microusd: u64::from(prompt) * input + u64::from(output) * answer,
            vendor: if model == "judge" { "b" } else { "a" }.into(),
            ..Candidate::default()
        };
        match role {
            LlmRole::Executor => vec![candidate("large", 3, 10), candidate("small", 1, 3)],
            LlmRole::Verifier => vec![candidate("judge", 1, 1)],
            _ => Vec::new(),
        }
    }
}

fn step(id: &str, work: Work) -> WorkflowStep {
    WorkflowStep {
        id: id.into(),
        title: String::new(),
        goal: None,
        work,
        inputs: Default::default(),
        after: Vec::new(),
        when: None,
        each: None,
        critical: false,
        retry: RetryConfig { attempts: 2, ..RetryConfig::default() },
        fallback: FallbackStrategy::Escalate,
        limits: Limits { prompt_tokens: 100, output_tokens: 10, items: 5, ..Limits::default() },
    }
}

fn count(id: &str) -> WorkflowStep {
    step(id, Work::Tool { name: "count".into(), args: Default::default(), reads: None })
}

fn ask(id: &str, role: LlmRole) -> WorkflowStep {
    step(id, Work::Ask { role, instruction: "do it".into(), schema: None })
}

fn from(id: &str) -> Source {
    Source::Step { id: id.into(), at: String::new() }
}

fn taking(mut step: WorkflowStep, inputs: &[&str]) -> WorkflowStep {
    step.inputs = inputs.iter().map(|id| (format!("in_{id}"), from(id))).collect();
    step
}

fn after(mut step: WorkflowStep, ids: &[&str]) -> WorkflowStep {
    step.after = ids.iter().map(|id| (*id).to_owned()).collect();
    step
}

fn plan(steps: Vec<WorkflowStep>) -> Plan {
    let result = steps.last().map(|s| s.id.clone()).unwrap_or_default();
    Plan { name: "test".into(), version: 1, steps, result, ..Plan::default() }
}

fn checked_against(
    plan: &Plan,
    budget_microusd: u64,
    risk: RiskLevel,
    lessons: &Book,
) -> Result<Outline, Vec<String>> {
    let tools = Tools::new();
    let contexts = ["log".to_owned()];
    let against = Against {
        tools: &tools,
        models: &Prices,
        contexts: &contexts,
        budget_microusd,
        risk,
        lessons,
        done: &BTreeSet::new(),
    };
    check(plan, &against)
}

fn checked_within(plan: &Plan, budget_microusd: u64, all: bool) -> Result<Outline, Vec<String>> {
    let risk = if all { RiskLevel::Critical } else { RiskLevel::Low };
    checked_against(plan, budget_microusd, risk, &Book::default())
}

fn checked(plan: &Plan) -> Result<Outline, Vec<String>> {
    checked_within(plan, 1_000_000, false)
}

/// Asserts that a plan has exactly one problem, and that it says `what`.
#[track_caller]
fn refused(plan: &Plan, what: &str) {
    let problems = checked(plan).expect_err("the plan is wrong");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains(what), "{problems:?}");
}

#[test]
fn a_good_plan_keeps_its_order_and_its_shape() {
    let mut list = taking(count("list"), &["a"]);
    list.each = Some(from("a"));
    let mut last = taking(ask("last", LlmRole::Executor), &["list", "a"]);
    last.critical = true;
    let judge = taking(ask("judge", LlmRole::Verifier), &["last"]);
    let mut good = plan(vec![last, judge, list, count("a")]);
    good.result = "last".into();
    let outline = checked(&good).expect("it is good");
    let ids: Vec<&str> = outline.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["a", "list", "last", "judge"]);
    let last = &outline.steps[2];
    assert_eq!(last.needs, ["a", "list"]);
    assert!(last.gated && !last.evaluated && outline.steps[1].evaluated);
    assert_eq!(last.models()[1].model, "small");
}

#[test]
fn every_problem_is_named_once() {
    let mut lost = taking(count("lost"), &["nobody"]);
    lost.inputs.insert("again".into(), from("nobody"));
    lost.inputs.insert("ctx".into(), Source::Context("csv".into()));
    lost.inputs.insert("ctx2".into(), Source::Context("csv".into()));
    lost.inputs.insert("item".into(), Source::Item(String::new()));
    let mut unbounded = count("unbounded");
    unbounded.retry.attempts = 21;
    unbounded.limits.timeout_ms = 0;
    let named = |name: &str| {
        step(name, Work::Tool { name: name.into(), args: Default::default(), reads: None })
    };
    let mut bad = plan(vec![
        lost,
        unbounded,
        named("guess"),
        count("twice"),
        count("twice"),
        count("bad id"),
        count("planning"),
    ]);
    bad.result = "nowhere".into();
    let problems = checked(&bad).expect_err("it is bad");
    for what in [
        "step lost: it needs \"nobody\", and no step has that id",
        "step lost: no context is called \"csv\"; there are [\"log\"]",
        "step lost: it takes an item and has no list in 'each'",
        "step unbounded: retry.attempts is 21, it must be 1 to 20",
        "step unbounded: limits.timeout_ms is 0, it must be 1 to 3600000",
        "step guess: no tool is called \"guess\"; there are [\"count\", \"read\", \"send\"]",
        "step twice: two steps have this id",
        "step \"bad id\": an id has 1 to 64 letters, digits, '-' and '_'",
        "step planning: this id belongs to the planning step, choose another",
        "the result names no step: \"nowhere\"",
    ] {
        let times = problems.iter().filter(|p| p.as_str() == what).count();
        assert_eq!(times, 1, "{what}\n{problems:#?}");
    }
    assert_eq!(problems.len(), 10, "{problems:#?}");
}

#[test]
fn circles_are_named_step_by_step() {
    let circle =
        vec![after(count("a"), &["c"]), after(count("b"), &["a"]), after(count("c"), &["b"])];
    refused(&plan(circle), "in a circle: a → c → b → a");
    refused(&plan(vec![after(count("self"), &["self"])]), "in a circle: self → self");
    let mut tail = vec![after(count("a"), &["b"]), after(count("b"), &["a"])];
    tail.push(taking(count("end"), &["a"]));
    refused(&plan(tail), "in a circle: a → b → a");
}

#[test]
fn goals_are_checked_like_steps() {
    let goal = |id: &str, after: &[&str]| GoalNode {
        id: id.into(),
        statement: "it is so".into(),
        after: after.iter().map(|g| (*g).to_owned()).collect(),
    };
    let serving = |goals: Vec<GoalNode>, served: &[&str]| {
        let steps = served.iter().map(|goal| {
            let mut step = count(&format!("for_{goal}"));
            step.goal = Some((*goal).to_owned());
            step
        });
        Plan { goals: GoalGraph(goals), ..plan(steps.collect()) }
    };
    let good = serving(vec![goal("x", &[]), goal("y", &["x"])], &["x", "y"]);
    assert!(checked(&good).is_ok());
    let circle = serving(vec![goal("x", &["y"]), goal("y", &["x"])], &["x", "y"]);
    refused(&circle, "the goals wait for each other in a circle: x → y → x");
    refused(&serving(vec![goal("x", &["z"])], &["x"]), "comes after \"z\", which is no goal");
    refused(&serving(vec![goal("x", &[]), goal("y", &[])], &["x"]), "goal y: no step serves it");
    refused(&serving(vec![goal("x", &[])], &["x", "z"]), "it serves \"z\", which is no goal");
    refused(&serving(vec![goal("x", &[]), goal("x", &[])], &["x"]), "two goals have this id");
}

#[test]
fn arguments_must_fit_the_tools_schema() {
    let with = |name: &str, args: Value, reads: Option<Source>| {
        let args = args.as_object().cloned().unwrap_or_default();
        step("t", Work::Tool { name: name.into(), args, reads })
    };
    refused(&plan(vec![with("count", json!({"most": "x"}), None)]), "most is not an integer");
    refused(&plan(vec![with("read", json!({}), None)]), "misses the argument \"path\"");
    let log = || Some(Source::Context("log".into()));
    assert!(checked(&plan(vec![with("read", json!({}), log())])).is_ok());
    refused(&plan(vec![with("count", json!({}), log())]), "count reads nothing");
    let mut clash = with("count", json!({"most": 1}), None);
    clash.inputs.insert("most".into(), Source::Context("log".into()));
    refused(&plan(vec![clash]), "\"most\" is both an argument and an input");
}

#[test]
fn every_input_is_produced() {
    let wait = || step("w", Work::Wait { ms: 10 });
    refused(&plan(vec![wait(), taking(count("a"), &["w"])]), "w only waits and has no output");
    assert!(checked(&plan(vec![wait(), after(count("a"), &["w"])])).is_ok());
    refused(&plan(vec![count("a"), wait()]), "must be one output, not a list or a wait");
    let mut list = count("list");
    list.each = Some(Source::Item(String::new()));
    refused(&plan(vec![list, count("a")]), "cannot be an item of itself");
    let mut early = count("early");
    early.each = Some(Source::Context("log".into()));
    early.when = Some(Condition { value: Source::Item(String::new()), is: Test::Exists(true) });
    refused(&plan(vec![early, count("a")]), "there is no item yet");
    let mut result = count("result");
    result.each = Some(Source::Context("log".into()));
    refused(&plan(vec![result]), "must be one output, not a list or a wait");
}

#[test]
fn critical_steps_are_verified_by_someone_who_cannot_be_left_out() {
    let critical = || {
        let mut step = count("work");
        step.critical = true;
        step
    };
    let judge = || taking(ask("judge", LlmRole::Verifier), &["work"]);
    refused(&plan(vec![critical()]), "step work: it is critical");
    assert!(checked(&plan(vec![critical(), judge()])).is_ok());
    // Coming after is not looking at.
    let blind = after(ask("judge", LlmRole::Verifier), &["work"]);
    refused(&plan(vec![critical(), blind]), "step work: it is critical");
    let mut skipped = judge();
    skipped.fallback = FallbackStrategy::Skip;
    refused(&plan(vec![critical(), skipped]), "step work: it is critical");
    let mut perhaps = judge();
    perhaps.when = Some(Condition { value: from("work"), is: Test::Exists(true) });
    refused(&plan(vec![critical(), perhaps]), "step work: it is critical");
    // A verifier needs no verifier.
    let mut judge = judge();
    judge.critical = true;
    assert!(checked(&plan(vec![critical(), judge])).is_ok());
}

fn reviews(outline: &Outline, id: &str) -> Option<Assurance> {
    let step = outline.steps.iter().find(|s| s.id == id).expect("the step");
    step.review().map(|r| r.assurance)
}

#[test]
fn an_answer_that_matters_is_made_sure_of_as_the_risk_asks() {
    let send = || {
        let work = Work::Tool { name: "send".into(), args: Default::default(), reads: None };
        taking(step("send", work), &["draft"])
    };
    let notes = || ask("notes", LlmRole::Executor);
    let draft = || taking(ask("draft", LlmRole::Executor), &["notes"]);
    let written = plan(vec![notes(), ask("aside", LlmRole::Executor), draft(), send()]);
    let at = |risk, lessons: &Book| {
        checked_against(&written, 1_000_000, risk, lessons).expect("it is good")
    };
    let none = Book::default();
    assert_eq!(reviews(&at(RiskLevel::Low, &none), "draft"), None);
    let medium = at(RiskLevel::Medium, &none);
    assert_eq!(reviews(&medium, "draft"), Some(Assurance::Verified));
    // What a draft is made of reaches the tool too; what is aside does not matter.
    assert_eq!(reviews(&medium, "notes"), Some(Assurance::Verified));
    assert_eq!(reviews(&medium, "aside"), None);
    assert_eq!(
        medium.steps.iter().find(|s| s.id == "draft").map(StepOutline::task),
        Some("executor:send")
    );
    assert_eq!(reviews(&at(RiskLevel::High, &none), "draft"), Some(Assurance::OtherVendor));
    // The plan says that more hangs on it than the client did.
    let mut raised = written.clone();
    raised.intent.risk = Some(RiskLevel::High);
    let raised = checked_against(&raised, 1_000_000, RiskLevel::Low, &none).expect("it is good");
    assert_eq!(raised.risk, Some(RiskLevel::High));
    assert_eq!(reviews(&raised, "draft"), Some(Assurance::OtherVendor));
    // A lesson asks for one level more.
    let mut book = Book::default();
    let record = FailureRecord {
        workflow: WorkflowId(uuid::Uuid::from_u128(1)),
        step: "draft".into(),
        task: "executor:send".into(),
        model: Some("large".into()),
        tool: None,
        exit: Exit::Vetoed,
    };
    book.decide(Command::Note(record), Timestamp(1)).expect("noted");
    let taught = at(RiskLevel::Medium, &book);
    assert_eq!(reviews(&taught, "draft"), Some(Assurance::OtherVendor));
    let draft = taught.steps.iter().find(|s| s.id == "draft").expect("the step");
    assert_eq!(draft.review().and_then(|r| r.lesson), Some(1));
    // What looks costs too.
    assert!(taught.worst_case_microusd > at(RiskLevel::Low, &none).worst_case_microusd);
}

#[test]
fn the_plans_own_verifier_is_review_enough_where_the_vendor_does_not_matter() {
    let judge = || taking(ask("judge", LlmRole::Verifier), &["last"]);
    let last = || taking(ask("last", LlmRole::Executor), &["a"]);
    let mut judged = plan(vec![count("a"), last(), judge()]);
    judged.result = "last".into();
    let at = |written: &Plan, risk| {
        checked_against(written, 1_000_000, risk, &Book::default()).expect("good")
    };
    assert_eq!(reviews(&at(&judged, RiskLevel::Medium), "last"), None);
    assert_eq!(reviews(&at(&judged, RiskLevel::High), "last"), Some(Assurance::OtherVendor));
    // A verdict on what it was made from is no verdict on it.
    let on_input = taking(ask("judge", LlmRole::Verifier), &["a"]);
    let told = taking(ask("last", LlmRole::Executor), &["a", "judge"]);
    let told = plan(vec![count("a"), on_input, told]);
    assert_eq!(reviews(&at(&told, RiskLevel::Medium), "last"), Some(Assurance::Verified));
    // Nor is one on a part of it.
    let mut part = judge();
    part.inputs =
        [("x".to_owned(), Source::Step { id: "last".into(), at: "/title".into() })].into();
    let mut partly = plan(vec![count("a"), last(), part]);
    partly.result = "last".into();
    assert_eq!(reviews(&at(&partly, RiskLevel::Medium), "last"), Some(Assurance::Verified));
    // What a tool acts on is not left to a verifier beside it.
    let work = Work::Tool { name: "send".into(), args: Default::default(), reads: None };
    let send = taking(step("send", work), &["last"]);
    let mut acted = plan(vec![count("a"), last(), judge(), send]);
    acted.result = "send".into();
    let acted = at(&acted, RiskLevel::Medium);
    assert_eq!(reviews(&acted, "last"), Some(Assurance::Verified));
    assert!(acted.steps.iter().any(|s| s.id == "last" && s.gated), "grounding gates it too");
}

#[test]
fn whoever_else_may_answer_judges_where_the_verifiers_are_of_the_authors_vendor() {
    // Executors and verifiers of one vendor, and one more executor of another.
    struct Narrow;
    impl Models for Narrow {
        fn candidates(&self, role: LlmRole, _: u32, _: u32) -> Vec<Candidate> {
            let of = |model: &str| Candidate {
                model: model.into(),
                vendor: model[..1].into(),
                ..Candidate::default()
            };
            match role {
                LlmRole::Verifier => vec![of("a/1")],
                _ => vec![of("a/1"), of("b/1")],
            }
        }
    }
    let tools = Tools::new();
    let against = Against {
        tools: &tools,
        models: &Narrow,
        contexts: &[],
        budget_microusd: 1_000_000,
        risk: RiskLevel::High,
        lessons: &Book::default(),
        done: &BTreeSet::new(),
    };
    let outline = check(&plan(vec![ask("last", LlmRole::Executor)]), &against).expect("good");
    let reviewers = outline.steps[0].review().map(|r| r.models.clone()).unwrap_or_default();
    let reviewers: Vec<&str> = reviewers.iter().map(|c| c.model.as_str()).collect();
    assert_eq!(reviewers, ["a/1", "b/1"]);
}

#[test]
fn at_critical_risk_every_step_but_the_result_is_verified() {
    let steps = || vec![count("a"), taking(ask("b", LlmRole::Executor), &["a"])];
    let problems = checked_within(&plan(steps()), 1_000_000, true).expect_err("a is unverified");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("step a: it is critical"), "{problems:?}");
    let mut verified = plan(steps());
    verified.steps.push(taking(ask("judge", LlmRole::Verifier), &["a", "b"]));
    assert!(checked_within(&verified, 1_000_000, true).is_ok());
}

#[test]
fn the_worst_case_is_exact_and_bounds_what_runs() {
    // large: 100 × 3 + 10 × 10 = 400; the verifier: 100 + 10 = 110. Two attempts each.
    let mut list = ask("list", LlmRole::Executor);
    list.each = Some(Source::Context("log".into()));
    let one = ask("one", LlmRole::Executor);
    let judge = taking(ask("judge", LlmRole::Verifier), &["one", "list"]);
    let plan = plan(vec![list, one, judge, after(count("tool"), &["judge"])]);
    let worst = 5 * 2 * 400 + 2 * 400 + 2 * 110;
    assert_eq!(checked(&plan).map(|o| o.worst_case_microusd), Ok(worst));
    assert!(checked_within(&plan, worst, false).is_ok());
    let problems = checked_within(&plan, worst - 1, false).expect_err("it is too dear");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains("may cost $0.00502 at worst, and $0.005019 is left"),
        "{problems:?}"
    );
}

#[test]
fn without_bounds_there_is_no_plan() {
    type Edit = (&'static str, fn(&mut WorkflowStep));
    let edits: [Edit; 6] = [
        ("limits.prompt_tokens is 0", |s| s.limits.prompt_tokens = 0),
        ("limits.output_tokens is 200001", |s| s.limits.output_tokens = 200_001),
        ("limits.items is 1001", |s| s.limits.items = 1_001),
        ("limits.timeout_ms is 3600001", |s| s.limits.timeout_ms = 3_600_001),
        ("retry.attempts is 0", |s| s.retry.attempts = 0),
        ("wait.ms is 0", |s| s.work = Work::Wait { ms: 0 }),
    ];
    for (what, edit) in edits {
        let mut step = count("a");
        edit(&mut step);
        refused(&plan(vec![step, count("end")]), what);
    }
    refused(&plan(vec![ask("a", LlmRole::Synthesizer)]), "no model serves the role synthesizer");
    refused(&plan(Vec::new()), "the plan has no steps");
}

#[test]
fn a_thousand_steps_are_checked_fast_and_no_more() {
    let chain = |n: usize| {
        let step = |i: usize| match i {
            0 => count("s0"),
            // Each needs the three before it.
            _ => {
                let needs: Vec<String> =
                    (i.saturating_sub(3)..i).map(|j| format!("s{j}")).collect();
                let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
                taking(count(&format!("s{i}")), &needs)
            }
        };
        plan((0..n).map(step).collect())
    };
    let thousand = chain(STEPS_MAX);
    let before = Instant::now();
    assert!(checked(&thousand).is_ok());
    // Some milliseconds; a check that walks every path of this graph never ends.
    assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());

    let huge = chain(100_000);
    refused(&huge, "100000 steps are more than 1000");
}

#[test]
fn lists_together_are_bounded() {
    let list = |i: usize| {
        let mut list = count(&format!("l{i}"));
        list.each = Some(Source::Context("log".into()));
        list.limits.items = 1_000;
        list
    };
    let mut steps: Vec<WorkflowStep> = (0..10).map(list).collect();
    steps.push(count("end"));
    refused(&plan(steps), "may come to 10011, more than 10000");
}

#[test]
fn what_is_told_is_bounded_too() {
    let long = "x".repeat(5_000_000);
    refused(&plan(vec![after(count("a"), &[&long])]), "it needs \"xxx");
    let problems = checked(&plan(vec![after(count("a"), &[&long])])).expect_err("no such step");
    assert!(problems[0].len() < 300, "{}", problems[0].len());
    let many: Vec<WorkflowStep> =
        (0..500).map(|i| after(count(&format!("s{i}")), &["nobody"])).collect();
    let problems = checked(&plan(many)).expect_err("nobody is there");
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    assert_eq!(problems.last().map(String::as_str), Some("and 400 more"));
}

#[test]
fn money_reads_well() {
    assert_eq!(dollars(1_500_000), "$1.5");
    assert_eq!(dollars(10_000_000), "$10");
    assert_eq!(dollars(0), "$0");
    assert_eq!(dollars(12), "$0.000012");
}
