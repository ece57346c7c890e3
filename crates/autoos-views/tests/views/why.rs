//! Why a workflow came out as it did: told from events and bodies alone.

use crate::support::{Ask, Run, journal};
use autoos_journal::SharedJournal;
use autoos_kernel::{
    assurance::Assurance,
    id::WorkflowId,
    ladder::{Exit, FailureClass, Rung},
    lesson::{Lesson, Pattern, Remedy},
    plan::{
        Plan, Source, Work, WorkflowStep,
        outline::{Candidate, Ceiling, Outline, Review, StepKind},
    },
    route::{Choice, Scored},
    time::Timestamp,
    words::LlmRole,
    workflow::{Command, Decision, End, Event, Output, Purpose, Verdict},
};
use autoos_views::{StepStatus, Views, Why};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use strum::VariantNames as _;
use uuid::Uuid;

/// Read with a tool, note with a model, answer with another.
fn plan(revision: u32) -> Plan {
    let step = |id: &str, work: Work, inputs: &[(&str, &str)]| WorkflowStep {
        id: id.into(),
        title: format!("{id} it"),
        goal: None,
        work,
        inputs: inputs
            .iter()
            .map(|(name, of)| {
                ((*name).into(), Source::Step { id: (*of).into(), at: String::new() })
            })
            .collect(),
        after: Vec::new(),
        when: None,
        each: None,
        critical: false,
        retry: Default::default(),
        fallback: Default::default(),
        limits: Default::default(),
    };
    let tool = || Work::Tool { name: "table.query".into(), args: Default::default(), reads: None };
    let ask =
        |role, instruction: &str| Work::Ask { role, instruction: instruction.into(), schema: None };
    let mut plan = Plan { name: "sales".into(), result: "answer".into(), ..Plan::default() };
    plan.intent.summary = "which region sold most".into();
    plan.intent.task_kind = "table.query".into();
    plan.steps = vec![
        step("read", tool(), &[]),
        step("note", ask(LlmRole::Executor, "Note the regions"), &[("rows", "read")]),
        step("answer", ask(LlmRole::Synthesizer, "Say who sold most"), &[("notes", "note")]),
    ];
    if revision > 1 {
        plan.steps[1] = step("digest", tool(), &[("rows", "read")]);
        plan.steps[2].inputs =
            [("notes".to_owned(), Source::Step { id: "digest".into(), at: String::new() })].into();
    }
    plan
}

fn outline(revision: u32) -> Outline {
    let mut outline = crate::support::outline();
    let models = |models: &[(&str, &str)]| -> Vec<Candidate> {
        let candidate = |(model, vendor): &(&str, &str)| Candidate {
            model: (*model).into(),
            vendor: (*vendor).into(),
            reserve_microusd: 500,
            lesson: (*model == "a/1").then_some(3),
            ..Candidate::default()
        };
        models.iter().map(candidate).collect()
    };
    let (mut note, mut answer) = (outline.steps[0].clone(), outline.steps[1].clone());
    let review = Review {
        assurance: Assurance::OtherVendor,
        models: models(&[("b/1", "b"), ("a/1", "a"), ("c/1", "c")]),
        ceiling: Some(Ceiling { confidence: 0.95, reason: "it is a test".into() }),
        lesson: Some(2),
    };
    note.id = "note".into();
    note.needs = vec!["read".into()];
    note.kind =
        StepKind::Ask { role: LlmRole::Executor, models: models(&[("a/1", "a")]), review: None };
    answer.needs = vec!["note".into()];
    answer.kind = StepKind::Ask {
        role: LlmRole::Synthesizer,
        models: models(&[("a/1", "a"), ("b/1", "b")]),
        review: Some(review),
    };
    if revision > 1 {
        note.id = "digest".into();
        note.kind = outline.steps[0].kind.clone();
        answer.needs = vec!["digest".into()];
    }
    outline.steps.truncate(1);
    outline.steps.extend([note, answer]);
    outline
}

async fn adopt(run: &mut Run, revision: u32) {
    let step = run.workflow.planning_step().expect("a plan is wanted").to_owned();
    let body = run.done(&step, &serde_json::to_value(plan(revision)).unwrap(), None).await;
    run.command(Command::Judged { plan: body, verdict: Ok(outline(revision)) }, vec![]).await;
}

fn failed(class: FailureClass, detail: &str) -> End {
    End::Failed {
        exit: Exit::Failed(class),
        detail: detail.into(),
        retry_after_ms: None,
        doubtful: None,
    }
}

async fn why(journal: &SharedJournal, id: WorkflowId) -> Why {
    Views::start(journal.clone()).why(id, &lessons(id)).await.unwrap().unwrap()
}

fn lessons(id: WorkflowId) -> Vec<Lesson> {
    let lesson = |number, from: &[WorkflowId]| Lesson {
        number,
        pattern: Pattern::Doubted { task: "synthesizer".into() },
        exit: Exit::Vetoed,
        remedy: Remedy::VerifyMore,
        from: from.iter().copied().collect(),
        at: Timestamp(1),
        passed: Default::default(),
        seen: None,
        reverted: None,
    };
    vec![lesson(2, &[WorkflowId(Uuid::from_u128(77))]), lesson(4, &[id])]
}

fn rows() -> Value {
    json!({"rows": [{"region": "North", "total": 5712}, {"region": "South", "total": 312}]})
}

/// The first answer is vetoed, the second stands.
async fn reviewed(run: &mut Run) {
    adopt(run, 1).await;
    run.done("read", &rows(), None).await;
    run.done("note", &json!("North sold 5712 and South sold 312."), Some(0.9)).await;
    run.done("answer", &json!("North sold 9999."), Some(0.9)).await;
    let wrong = run.body(&json!("North sold 9999."));
    let verdict = run.body(&json!({"summary": "one claim is contradicted", "problems": ["9999"]}));
    let doubtful = Output { body: wrong.body, confidence: Some(0.3), evidence: Some(verdict.body) };
    let end = End::Failed {
        exit: Exit::Vetoed,
        detail: "b/1 found: 9999 is not in the notes".into(),
        retry_after_ms: None,
        doubtful: Some(doubtful),
    };
    run.end("answer", end, vec![wrong, verdict]).await;
    run.command(Command::Tick, vec![]).await;
    run.done("answer", &json!("North sold 5712."), Some(0.9)).await;
    run.done("answer", &json!({"supported": true}), Some(0.9)).await;
}

#[tokio::test]
async fn a_vetoed_answer_is_told_with_its_reviews_climbs_and_lessons() {
    let (_, journal) = journal();
    let mut run = Run::submit(&journal, Ask::default()).await;
    reviewed(&mut run).await;
    assert!(run.workflow.end.is_some(), "{:?}", run.workflow.steps["answer"].state);
    let why = why(&journal, run.id).await;

    assert_eq!(why.asked.intent.as_deref(), Some("Analyze the logs"));
    assert_eq!(why.reading.as_ref().unwrap().summary, "which region sold most");
    assert_eq!(why.plans.len(), 1);
    assert_eq!((why.plans[0].revision, why.plans[0].by.as_str()), (Some(1), "acme/large"));
    let answer = why.steps.iter().find(|step| step.id == "answer").unwrap();
    let review = answer.review.as_ref().unwrap();
    assert_eq!(
        (review.assurance.as_str(), review.ceiling, review.lesson),
        ("other_vendor", Some(0.95), Some(2))
    );
    let told: Vec<_> = answer
        .attempts
        .iter()
        .map(|a| (a.purpose, a.model.as_deref().unwrap(), a.outcome))
        .collect();
    let (first, judged) = (Purpose::Answer, Purpose::Review);
    assert_eq!(told[0], (first, "a/1", "answered"));
    assert_eq!(told[1], (judged, "b/1", "failed"));
    assert_eq!(told[2].0, first);
    assert_eq!(told.last().unwrap().2, "completed");
    assert_eq!(answer.attempts[1].verification.as_ref().unwrap()["problems"][0], "9999");
    assert_eq!(answer.climbs[0].rung, Rung::SwapLlm);
    assert_eq!(answer.climbs[0].exit, "vetoed");
    assert_eq!(answer.climbs[0].without.as_deref(), Some("a/1"));
    assert!(answer.climbs[0].came_of_it.contains("attempt 3 by b/1"), "{:?}", answer.climbs);
    let lessons: Vec<_> = why.lessons.iter().map(|l| (l.number, l.step.as_deref())).collect();
    assert!(lessons.contains(&(2, Some("answer"))), "{lessons:?}");
    assert!(lessons.contains(&(3, Some("note"))), "{lessons:?}");
    assert!(lessons.contains(&(4, None)), "{lessons:?}");
    assert!(why.lessons.iter().find(|l| l.number == 2).unwrap().sentence.is_some());
    assert!(why.lessons.iter().find(|l| l.number == 3).unwrap().sentence.is_none());
}

#[tokio::test]
async fn a_claim_is_followed_back_to_the_tool_that_said_so() {
    let (_, journal) = journal();
    let mut run = Run::submit(&journal, Ask::default()).await;
    reviewed(&mut run).await;
    let why = why(&journal, run.id).await;
    let found = why.claims_like("5712");
    assert_eq!(found.len(), 1, "{:?}", why.claims);
    let claim = found[0];
    assert_eq!((claim.step.as_str(), claim.status.as_str()), ("answer", "supported"));
    assert_eq!(claim.within, "North sold 5712.");
    let chain: Vec<_> = claim.rests_on.iter().map(|g| g.step.as_deref().unwrap()).collect();
    assert_eq!(chain, ["note", "read"], "{:?}", claim.rests_on);
    assert_eq!(claim.rests_on[0].model.as_deref(), Some("a/1"));
    let last = &claim.rests_on[1];
    assert_eq!((last.tool.as_deref(), last.path.as_str()), (Some("logs.analyze"), "rows.total"));
    assert_eq!(last.record, Some(json!({"region": "North", "total": 5712})));
    assert_eq!(why.claims_like("#1").len(), 1);
    assert!(why.claims_like("no such thing").is_empty());
}

#[tokio::test]
async fn costs_add_up_to_what_was_spent_and_count_what_failed() {
    let (_, journal) = journal();
    let mut run = Run::submit(&journal, Ask::default()).await;
    reviewed(&mut run).await;
    let why = why(&journal, run.id).await;
    let costs = &why.costs;
    let sum = |lines: &[autoos_views::CostOf]| lines.iter().map(|l| l.cost_microusd).sum::<u64>();
    assert_eq!(costs.spent_microusd, run.workflow.budget.spent);
    assert_eq!(sum(&costs.by_step), costs.spent_microusd);
    assert_eq!(sum(&costs.by_model), costs.spent_microusd);
    assert_eq!((costs.failed_microusd, costs.review_microusd), (400, 800));
}

#[tokio::test]
async fn a_plan_around_a_failure_is_told_as_what_it_changed() {
    let (_, journal) = journal();
    let mut run = Run::submit(&journal, Ask::default()).await;
    adopt(&mut run, 1).await;
    run.done("read", &rows(), None).await;
    run.end("note", failed(FailureClass::Denied, "not allowed"), vec![]).await;
    run.command(Command::Tick, vec![]).await;
    adopt(&mut run, 2).await;
    run.done("digest", &json!({"most": "North", "total": 5712}), None).await;
    let why = why(&journal, run.id).await;
    assert_eq!(why.plans.len(), 2);
    let second = &why.plans[1];
    assert_eq!(second.revision, Some(2));
    assert!(second.because.as_ref().unwrap().contains("note"), "{:?}", second.because);
    let changes = second.changes.as_ref().unwrap();
    assert_eq!(changes.kept, ["read"]);
    assert_eq!(changes.new, ["digest"]);
    assert_eq!(changes.dropped, ["note"]);
    assert_eq!(changes.changed, ["answer"]);
    let note = why.steps.iter().find(|step| step.id == "note").unwrap();
    assert_eq!(note.state, StepStatus::Dropped);
    assert_eq!(note.climbs[0].rung, Rung::MutateStrategy);
    assert_eq!(note.climbs[0].came_of_it, "plan revision 2 was adopted");
    let view = Views::start(journal.clone()).workflow(run.id).await.unwrap().unwrap();
    let shown: Vec<_> = view.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(shown, ["planning", "planning.2", "read", "digest", "answer", "note"]);
}

#[tokio::test]
async fn erased_texts_are_said_to_be_erased() {
    let (memory, journal) = journal();
    let mut run = Run::submit(&journal, Ask::default()).await;
    reviewed(&mut run).await;
    autoos_journal::Journal::erase(&*memory, run.id.0).await.unwrap();
    let why = why(&journal, run.id).await;
    assert!(why.erased);
    assert_eq!(why.asked.intent, None);
    assert!(why.reading.is_none() && why.claims.is_empty());
    assert_eq!(why.outcome.value, None);
    // What was decided, by whom and what it cost is still told.
    assert_eq!(why.outcome.confidence, Some(0.9));
    assert_eq!(why.costs.spent_microusd, run.workflow.budget.spent);
    let answer = why.steps.iter().find(|step| step.id == "answer").unwrap();
    assert!(answer.attempts.len() >= 4 && !answer.climbs.is_empty());
    let said = serde_json::to_string(&why).unwrap();
    for text in ["Analyze the logs", "North", "which region"] {
        assert!(!said.contains(text), "{text}");
    }
}

#[tokio::test]
async fn every_kind_of_event_is_said() {
    let (_, journal) = journal();
    let mut run = Run::submit(&journal, Ask::default()).await;
    let id = WorkflowId(Uuid::from_u128(5));
    let body = run.body(&json!("x"));
    let output = Output { body: body.body, confidence: Some(0.8), evidence: None };
    let (step, at, by) = (|| "answer".to_owned(), run.now, || "ann".to_owned());
    let exit = Exit::Failed(FailureClass::Server);
    let choice = Choice {
        reason: "the most reliable of 2".into(),
        scores: vec![Scored { model: "b/1".into(), score: 0.7, note: String::new() }],
        explored: true,
    };
    let bill = (7, (1, 2));
    let ended = |attempt| (step(), attempt, output.clone());
    let events = vec![
        Event::PlanRefused { problems: vec!["no end".into()] },
        Event::PlanAdopted { revision: 1, plan: body.body, outline: outline(1) },
        Event::StepEvaluated { step: step(), verdict: Verdict::Run },
        Event::TimerSet { step: step(), due: at },
        Event::TimerFired { step: step() },
        Event::AttemptStarted {
            step: step(),
            attempt: 1,
            agent: autoos_kernel::id::AgentId(Uuid::from_u128(3)),
            model: Some("b/1".into()),
            reserved: 10,
            deadline: at,
            purpose: Purpose::Second,
            choice: Some(choice),
        },
        Event::ModelsAwaited { step: step(), due: at, reason: "b/1 is out".into(), anew: true },
        {
            let (step, attempt, output) = ended(1);
            Event::AttemptAnswered { step, attempt, output, cost: bill.0, tokens: bill.1 }
        },
        Event::AnswerTaken { step: step(), output: output.clone(), reason: "nobody".into() },
        {
            let (step, attempt, output) = ended(1);
            Event::AttemptCompleted { step, attempt, output, cost: bill.0, tokens: bill.1 }
        },
        Event::AttemptFailed {
            step: step(),
            attempt: 1,
            exit,
            detail: "503".into(),
            cost: 1,
            tokens: (0, 0),
            doubtful: None,
        },
        Event::AttemptInDoubt { step: step(), attempt: 1, exit: Exit::HostLost },
        Event::RungClimbed {
            step: step(),
            rung: Rung::ReplaceAgent,
            exit,
            due: at,
            without: Some("a/1".into()),
            tried: "1 of 3 attempts".into(),
        },
        Event::StepSkipped { step: step(), reason: "no need".into() },
        Event::StepFailed { step: step(), exit },
        Event::Escalated { escalation: 1, step: step(), exit, detail: "help".into(), due: at },
        Event::EscalationResolved { escalation: 1, decision: Decision::Raise(2_000_000), by: by() },
        Event::Forked { parent: id, at: 3, model: Some("b/1".into()), by: by() },
        Event::Paused { by: by() },
        Event::Resumed { by: by() },
        Event::CancelRequested { by: by(), reason: "enough".into() },
        Event::Completed { output: output.clone() },
        Event::Failed { reason: "it broke".into() },
        Event::Cancelled { reason: "enough".into() },
    ];
    let count = events.len();
    run.record(events, vec![body]).await;
    let why = why(&journal, run.id).await;
    let kinds: BTreeSet<&str> = why.timeline.iter().map(|m| m.kind.as_str()).collect();
    for kind in Event::VARIANTS {
        assert!(kinds.contains(kind), "{kind} is not told");
    }
    assert!(why.timeline.len() > count);
    assert!(why.timeline.iter().all(|moment| moment.what.len() > 10));
    let said = why.timeline.iter().map(|m| m.what.as_str()).collect::<Vec<_>>().join("\n");
    for word in ["the most reliable of 2", "b/1 is out", "$2 more", "1 of 3 attempts", "no end"] {
        assert!(said.contains(word), "{word} in\n{said}");
    }
    assert_eq!(why.forked.as_ref().unwrap().parent, id);
    assert_eq!(why.questions[0].answer, Some("raise"));
    let answer = why.steps.iter().find(|step| step.id == "answer").unwrap();
    assert!(answer.attempts[0].choice.as_ref().unwrap().explored);
    assert_eq!(answer.taken.as_deref(), Some("nobody"));
    assert_eq!(answer.waits[0].reason, "b/1 is out");
    assert_eq!(answer.climbs.last().unwrap().came_of_it, "ann answered raise");
    assert_eq!(why.plans[0].problems, ["no end"]);
}

#[tokio::test]
async fn two_runs_are_compared_step_by_step() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut one = Run::submit(&journal, Ask::default()).await;
    one.finish().await;
    let mut two = Run::submit(&journal, Ask { number: 2, ..Ask::default() }).await;
    two.plan().await;
    two.done("read", &json!({"errors": 3}), None).await;
    two.done("answer", &json!("Three disks failed."), Some(0.8)).await;
    let found = views.compare(one.id, two.id).await.unwrap();
    let pair = |id: &str| found.steps.iter().find(|pair| pair.id == id).unwrap();
    assert_eq!(pair("planning").same, Some(true));
    assert_eq!(pair("read").same, Some(false));
    let changed: Vec<_> = found.result.iter().map(|l| (l.change, l.text.as_str())).collect();
    assert_eq!(changed, [("removed", "Two disks failed."), ("added", "Three disks failed.")]);
    assert_eq!((found.left.confidence, found.right.confidence), (Some(0.9), Some(0.8)));
    assert_eq!(found.shared_events, None);
    assert!(views.compare(one.id, WorkflowId(Uuid::from_u128(99))).await.is_err());
}
