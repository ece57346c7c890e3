//! Each rung of the ladder, the reviews that doubt comes from, lessons and forks: one story each.

use crate::{
    node::{Node, Setup, Vendor, rule, rungs, story, verdict},
    support::{Counter, plan},
};
use autoos_fabric::{
    FailureClass,
    provider::scripted::{Answer, Rule},
};
use autoos_kernel::{
    assurance::Assurance,
    ladder::{Exit, Rung},
    lesson::Pattern,
    words::{LlmRole, RiskLevel, WorkflowState},
    workflow::{Event, Purpose, Workflow},
};
use autoos_runtime::{Answer as Resolution, Options};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Four attempts without much of a wait.
fn retry() -> Value {
    json!({"attempts": 4, "base_ms": 1, "cap_ms": 5})
}

fn one_step() -> Value {
    plan(json!([
        {"id": "answer", "work": {"ask": {"role": "executor", "instruction": "count"}},
         "inputs": {"numbers": {"context": "numbers"}}, "retry": retry()},
    ]))
}

/// A failure after which a vendor is not asked for a second at least.
fn out_for_a_while() -> Answer {
    Answer { retry_after_ms: Some(1), ..Answer::fail(FailureClass::Server) }
}

/// A draft that a tool with an effect is fed by.
fn draft_and_send() -> Value {
    plan(json!([
        {"id": "draft", "work": {"ask": {"role": "executor", "instruction": "write"}},
         "inputs": {"numbers": {"context": "numbers"}}, "retry": retry()},
        {"id": "send", "work": {"tool": {"name": "test.count", "args": {}}},
         "inputs": {"text": {"step": {"id": "draft"}}}},
    ]))
}

fn assert_completed(workflow: &Workflow, told: &str) {
    assert_eq!(workflow.state(), WorkflowState::Completed, "{told}");
}

/// Who was asked to answer, and who to review, in their order.
fn asked(history: &[(autoos_kernel::time::Timestamp, Event)], of: Purpose) -> Vec<String> {
    let started = history.iter().filter_map(|(_, event)| match event {
        Event::AttemptStarted { step, model: Some(model), purpose, .. }
            if *purpose == of && step != "planning" =>
        {
            Some(model.clone())
        }
        _ => None,
    });
    started.collect()
}

#[tokio::test]
async fn an_answer_is_reviewed_by_another_vendor() {
    let node = Node::start(Setup { plan: one_step(), ..Setup::default() }).await;
    let id = node.submit(RiskLevel::High).await;
    let workflow = node.ended(id).await;
    let history = node.history(id).await;
    assert_completed(&workflow, &story(&history));
    let (answered, reviewed) = (asked(&history, Purpose::Answer), asked(&history, Purpose::Review));
    assert_eq!((answered.len(), reviewed.len()), (1, 1), "{}", story(&history));
    assert_ne!(answered, reviewed);
    assert_eq!(rungs(&history), []);
    let at: BTreeMap<&str, usize> =
        ["alpha", "beta", "gamma"].map(|v| (v, node.ledger(v).len())).into();
    assert_eq!(at.values().sum::<usize>(), 3, "{at:?}");
}

#[tokio::test]
async fn a_veto_asks_another_model() {
    let odd = rule(LlmRole::Executor, Answer::text("The count is 42. All is well so far."));
    let veto = Rule {
        input_contains: Some("so far".into()),
        ..rule(LlmRole::Verifier, verdict(false, &["nothing says how well it is"]))
    };
    let vendors = vec![
        Vendor { quality: 0.9, ..Vendor::with("alpha", vec![odd]) },
        Vendor::with("beta", vec![veto.clone()]),
        Vendor::with("gamma", vec![veto]),
    ];
    let node = Node::start(Setup { vendors, plan: one_step(), ..Setup::default() }).await;
    let id = node.submit(RiskLevel::High).await;
    let workflow = node.ended(id).await;
    let history = node.history(id).await;
    assert_completed(&workflow, &story(&history));
    let vetoed = |e: &Event| matches!(e, Event::AttemptFailed { exit: Exit::Vetoed, .. });
    assert!(history.iter().any(|(_, e)| vetoed(e)), "{}", story(&history));
    assert_eq!(rungs(&history), [Rung::SwapLlm], "{}", story(&history));
    let answered = asked(&history, Purpose::Answer);
    assert_eq!(answered[0], "alpha/m");
    assert_ne!(answered[1], "alpha/m");
}

#[tokio::test]
async fn a_verifier_that_rejects_what_everyone_says_is_overruled_and_loses_trust() {
    let veto = rule(LlmRole::Verifier, verdict(false, &["I do not believe it"]));
    let vendors = vec![
        Vendor { quality: 0.95, ..Vendor::with("alpha", vec![veto]) },
        Vendor::honest("beta"),
        Vendor::honest("gamma"),
    ];
    let roles = BTreeMap::from([
        (LlmRole::Planner, vec!["beta", "gamma"]),
        (LlmRole::Executor, vec!["beta", "gamma"]),
    ]);
    let node = Node::start(Setup { vendors, plan: one_step(), roles, ..Setup::default() }).await;
    let contested = |e: &Event| matches!(e, Event::AttemptFailed { exit: Exit::Contested, .. });
    let mut overruled = 0;
    for _ in 0..5 {
        let id = node.submit(RiskLevel::High).await;
        let workflow = node.ended(id).await;
        let history = node.history(id).await;
        assert_completed(&workflow, &story(&history));
        assert!(workflow.escalations.is_empty(), "{}", story(&history));
        let reviewers = asked(&history, Purpose::Review);
        if !history.iter().any(|(_, e)| contested(e)) {
            assert!(!reviewers.contains(&"alpha/m".to_owned()), "{}", story(&history));
            continue;
        }
        overruled += 1;
        assert_eq!(reviewers[..2], ["alpha/m", "alpha/m"], "{}", story(&history));
        assert_ne!(reviewers[2], "alpha/m");
        let trust = node.evidence(&workflow, "answer").await;
        assert_eq!(trust["overruled"], "alpha/m", "{trust:#}");
    }
    assert!((1..4).contains(&overruled), "{overruled} of 5: it is asked until it is known");
}

#[tokio::test]
async fn a_wrong_figure_is_found_without_anyones_word() {
    let wrong = rule(LlmRole::Executor, Answer::text("The count is 43."));
    let vendors =
        vec![Vendor { quality: 0.9, ..Vendor::with("alpha", vec![wrong]) }, Vendor::honest("beta")];
    let node = Node::start(Setup { vendors, plan: one_step(), ..Setup::default() }).await;
    let id = node.submit(RiskLevel::Low).await;
    let workflow = node.ended(id).await;
    let history = node.history(id).await;
    assert_completed(&workflow, &story(&history));
    assert_eq!(node.result(&workflow).await, Some(json!("The count is 42.")));
    let unsure = |e: &Event| matches!(e, Event::AttemptFailed { exit: Exit::Unsure, .. });
    assert!(
        asked(&history, Purpose::Answer)[0] != "alpha/m" || history.iter().any(|(_, e)| unsure(e)),
        "{}",
        story(&history)
    );
}

#[tokio::test]
async fn critical_answers_come_from_two_vendors_that_agree() {
    let node = Node::start(Setup { plan: one_step(), ..Setup::default() }).await;
    let id = node.submit(RiskLevel::Critical).await;
    let workflow = node.ended(id).await;
    let history = node.history(id).await;
    assert_completed(&workflow, &story(&history));
    let (first, second) = (asked(&history, Purpose::Answer), asked(&history, Purpose::Second));
    assert_eq!((first.len(), second.len()), (1, 1), "{}", story(&history));
    assert_ne!(first, second);
    assert_eq!(asked(&history, Purpose::Review).len(), 1);
    let output = workflow.end.and_then(|e| e.output).expect("a result");
    assert!(output.confidence.expect("measured") >= 0.85, "{output:?}");
}

#[tokio::test]
async fn what_nobody_can_do_is_planned_anew() {
    let first = plan(json!([
        {"id": "count", "work": {"ask": {"role": "executor", "instruction": "count"}},
         "inputs": {"numbers": {"context": "numbers"}}, "retry": retry()},
        {"id": "answer", "work": {"ask": {"role": "executor", "instruction": "do the impossible"}},
         "inputs": {"numbers": {"context": "numbers"}, "count": {"step": {"id": "count"}}},
         "retry": retry()},
    ]));
    let second = plan(json!([
        {"id": "count", "work": {"ask": {"role": "executor", "instruction": "count"}},
         "inputs": {"numbers": {"context": "numbers"}}, "retry": retry()},
        {"id": "possible", "work": {"ask": {"role": "synthesizer", "instruction": "say it"}},
         "inputs": {"numbers": {"context": "numbers"}, "count": {"step": {"id": "count"}}},
         "retry": retry()},
    ]));
    let unable = Rule {
        contains: Some("impossible".into()),
        ..rule(LlmRole::Executor, Answer::fail(FailureClass::Unable))
    };
    let planned = Rule { times: Some(1), ..rule(LlmRole::Planner, Answer::value(first)) };
    let vendors = vec![
        Vendor::with("alpha", vec![unable.clone(), planned]),
        Vendor::with("beta", vec![unable]),
    ];
    let roles = BTreeMap::from([(LlmRole::Planner, vec!["alpha"])]);
    let node = Node::start(Setup { vendors, roles, plan: second, ..Setup::default() }).await;
    let id = node.submit(RiskLevel::Medium).await;
    let workflow = node.ended(id).await;
    let history = node.history(id).await;
    assert_completed(&workflow, &story(&history));
    assert_eq!(rungs(&history), [Rung::SwapLlm, Rung::MutateStrategy], "{}", story(&history));
    assert_eq!(workflow.plan.as_ref().map(|p| p.revision), Some(2));
    assert_eq!(workflow.steps["count"].attempts, 1, "what was done is kept");
    assert_eq!(node.result(&workflow).await, Some(json!("The count is 42.")));
}

#[tokio::test]
async fn a_human_is_asked_last_and_the_work_goes_on() {
    let unable = rule(LlmRole::Executor, Answer::fail(FailureClass::Unable));
    let vendors = vec![
        Vendor::with("alpha", vec![Rule { times: Some(20), ..unable.clone() }]),
        Vendor::with("beta", vec![Rule { times: Some(20), ..unable }]),
    ];
    let node = Node::start(Setup { vendors, plan: one_step(), ..Setup::default() }).await;
    let id = node.submit(RiskLevel::Medium).await;
    let workflow = node.until(id, |w| w.escalations.contains_key(&1)).await;
    assert_eq!(workflow.state(), WorkflowState::Escalated);
    let history = node.history(id).await;
    let climbed = rungs(&history);
    assert_eq!(climbed.first(), Some(&Rung::SwapLlm), "{}", story(&history));
    assert!(climbed.contains(&Rung::MutateStrategy), "{}", story(&history));
    let answer = Resolution::Edit(json!("The count is 42."));
    node.runtime.resolve(id, 1, answer, "someone".into()).await.expect("taken");
    assert_completed(&node.ended(id).await, "answered by a human");
}

#[tokio::test]
async fn when_all_are_out_it_waits_and_goes_on() {
    let down = Rule { times: Some(2), ..rule(LlmRole::Executor, out_for_a_while()) };
    let vendors = ["alpha", "beta"].map(|v| Vendor::with(v, vec![down.clone()]));
    let setup = Setup { vendors: vendors.into(), plan: one_step(), ..Setup::default() };
    let node = Node::start(setup).await;
    let ids = [node.submit(RiskLevel::Medium).await, node.submit(RiskLevel::Medium).await];
    let mut waited = 0;
    for id in ids {
        let workflow = node.ended(id).await;
        let history = node.history(id).await;
        assert_completed(&workflow, &story(&history));
        assert!(!rungs(&history).contains(&Rung::Escalate), "{}", story(&history));
        waited += history.iter().filter(|(_, e)| matches!(e, Event::ModelsAwaited { .. })).count();
    }
    assert!(waited > 0, "nobody had to wait");
}

#[tokio::test]
async fn a_lesson_makes_the_next_one_stricter() {
    let odd = rule(LlmRole::Executor, Answer::text("The count is 42. All is well so far."));
    let veto = Rule {
        input_contains: Some("so far".into()),
        ..rule(LlmRole::Verifier, verdict(false, &["nothing says how well it is"]))
    };
    let vendors = vec![
        Vendor { quality: 0.95, ..Vendor::with("alpha", vec![Rule { times: Some(1), ..odd }]) },
        Vendor { quality: 0.5, ..Vendor::with("beta", vec![veto.clone()]) },
        Vendor { quality: 0.5, ..Vendor::with("gamma", vec![veto]) },
    ];
    let tool = Some(Counter::new(true, true));
    let node =
        Node::start(Setup { vendors, tool, plan: draft_and_send(), ..Setup::default() }).await;
    let reviewed = |workflow: &Workflow| {
        let outline = &workflow.plan.as_ref().expect("a plan").outline;
        let draft = outline.steps.iter().find(|s| s.id == "draft").expect("the draft");
        draft.review().map(|r| (r.assurance, r.lesson))
    };
    let first = node.submit_text("Send the count", RiskLevel::High).await;
    let workflow = node.ended(first).await;
    let told = story(&node.history(first).await);
    assert_completed(&workflow, &told);
    assert_eq!(reviewed(&workflow), Some((Assurance::OtherVendor, None)), "{told}");
    let lessons = node.runtime.lessons();
    let of = Pattern::Doubted { task: "executor:test.count".into() };
    let lesson = lessons.iter().find(|l| l.pattern == of);
    let lesson = lesson.unwrap_or_else(|| panic!("{lessons:?} {told}"));

    let second = node.submit_text("Send the count", RiskLevel::High).await;
    let workflow = node.ended(second).await;
    let told = story(&node.history(second).await);
    assert_completed(&workflow, &told);
    assert_eq!(reviewed(&workflow), Some((Assurance::Quorum, Some(lesson.number))), "{told}");

    node.runtime.revert_lesson(lesson.number, "someone".into()).await.expect("reverted");
    let third = node.submit_text("Send the count", RiskLevel::High).await;
    let workflow = node.ended(third).await;
    assert_eq!(reviewed(&workflow), Some((Assurance::OtherVendor, None)));
}

#[tokio::test]
async fn a_fork_goes_on_with_another_model() {
    let node = Node::start(Setup { plan: one_step(), ..Setup::default() }).await;
    let id = node.submit(RiskLevel::High).await;
    node.ended(id).await;
    let history = node.history(id).await;
    let by = asked(&history, Purpose::Answer).pop().expect("someone");
    let other = ["alpha/m", "beta/m", "gamma/m"].into_iter().find(|m| **m != by).expect("one");
    let adopted = |(_, e): &(_, Event)| matches!(e, Event::PlanAdopted { .. });
    let at = history.iter().position(adopted).expect("a plan") as u64 + 1;
    let fork = node.runtime.fork(id, at, Some(other.into()), "someone".into()).await;
    let fork = fork.expect("forked").workflow;
    let workflow = node.ended(fork).await;
    let history = node.history(fork).await;
    assert_completed(&workflow, &story(&history));
    let answered = asked(&history, Purpose::Answer);
    assert_eq!(answered.last().map(String::as_str), Some(other), "{}", story(&history));
}

#[tokio::test]
async fn patience_ends_a_wait_with_a_question() {
    let down = Rule { answer: out_for_a_while(), ..Rule::default() };
    let vendors = ["alpha", "beta"].map(|v| Vendor::with(v, vec![down.clone()]));
    let options = Options { patience_ms: 3_000, ..Options::default() };
    let setup = Setup { vendors: vendors.into(), options, plan: one_step(), ..Setup::default() };
    let node = Node::start(setup).await;
    let ids = [node.submit(RiskLevel::Medium).await, node.submit(RiskLevel::Medium).await];
    let mut waited = false;
    for id in ids {
        let workflow = node.until(id, |w| !w.escalations.is_empty()).await;
        waited |= story(&node.history(id).await).contains("ModelsAwaited");
        assert_eq!(workflow.escalations[&1].step, "planning");
    }
    assert!(waited, "nobody had to wait");
}
