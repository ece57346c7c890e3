//! One workflow: what is shown of it, its audit trail, and watching it.

use crate::support::{Ask, Run, START, journal};
use autoos_kernel::{
    id::WorkflowId,
    ladder::{Exit, FailureClass},
    words::WorkflowState,
    workflow::{Command, Decision, End},
};
use autoos_views::{Change, Error, StepStatus, Views, WorkView};
use futures::{FutureExt, StreamExt};
use serde_json::json;
use uuid::Uuid;

fn server_failure() -> End {
    End::Failed {
        exit: Exit::Failed(FailureClass::Auth),
        detail: "the vendor says 401".into(),
        retry_after_ms: None,
        doubtful: None,
    }
}

#[tokio::test]
async fn an_acknowledged_submit_is_readable_at_once() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let run = Run::submit(&journal, Ask::default()).await;
    let view = views.workflow(run.id).await.unwrap().unwrap();
    assert_eq!(view.intent.as_deref(), Some("Analyze the logs"));
    assert_eq!((view.tenant.as_str(), view.user.as_str()), ("acme", "ann"));
    assert_eq!(view.state, WorkflowState::Planning);
    assert_eq!(view.budget.reserved_microusd, 1_000);
    assert_eq!(view.steps.len(), 1);
    assert_eq!(view.steps[0].state, StepStatus::Running);
    assert_eq!(views.owner(run.id).await.unwrap().unwrap().tenant, "acme");
    let other = WorkflowId(Uuid::from_u128(99));
    assert_eq!(views.workflow(other).await.unwrap(), None);
    assert_eq!(views.owner(other).await.unwrap(), None);
}

#[tokio::test]
async fn a_finished_workflow_shows_everything() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut run = Run::submit(&journal, Ask::default()).await;
    run.plan().await;
    run.done("read", &json!({"errors": 2}), None).await;
    run.end("answer", server_failure(), vec![]).await;
    run.done("answer", &json!("Two disks failed."), Some(0.9)).await;

    let view = views.workflow(run.id).await.unwrap().unwrap();
    assert_eq!(view.state, WorkflowState::Completed);
    let result = view.result.as_ref().unwrap();
    assert_eq!(result.text.as_deref(), Some("Two disks failed."));
    assert_eq!(result.value, None);
    assert_eq!(result.confidence, Some(0.9));
    assert_eq!(result.verification.as_ref().unwrap()["recipe"], json!(["tool evidence"]));
    let plan = view.plan.as_ref().unwrap();
    assert_eq!(
        (plan.name.as_deref(), plan.version, plan.revision),
        (Some("log-errors"), Some(3), 1)
    );
    assert_eq!(plan.worst_case_microusd, 6_000);
    let ids: Vec<_> = view.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["planning", "read", "answer"]);
    let answer = &view.steps[2];
    assert_eq!(answer.title.as_deref(), Some("Say what went wrong"));
    assert_eq!(answer.attempts.len(), 2);
    assert_eq!(answer.attempts[0].exit.as_deref(), Some("auth"));
    assert_eq!(answer.attempts[0].model.as_deref(), Some("acme/large"));
    assert!(matches!(&answer.work, WorkView::Ask { model: Some(m), .. } if m == "other/small"));
    assert_eq!(answer.duration_ms, Some(200));
    assert_eq!(answer.cost_microusd, 800);
    assert_eq!(view.budget.spent_microusd, 1_200);
    assert_eq!((view.calls.model, view.calls.tool), (3, 1));
    assert_eq!((view.tokens.input, view.tokens.output), (280, 120));
    assert_eq!(view.duration_ms, 500);
    assert_eq!(views.output(run.id, "read").await.unwrap().unwrap().0, json!({"errors": 2}));
    assert_eq!(views.plan(run.id).await.unwrap().unwrap().name, "log-errors");

    let shown = serde_json::to_value(&view).unwrap();
    assert_eq!(shown["state"], "completed");
    assert_eq!(shown["created"], "2026-01-01T00:00:00.000Z");
    assert_eq!(shown["steps"][1]["kind"], "tool");
    assert_eq!(shown["steps"][1]["tool"], "logs.analyze");
}

#[tokio::test]
async fn shows_how_things_stood_at_a_sequence() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut run = Run::submit(&journal, Ask::default()).await;
    run.finish().await;
    let now = views.workflow(run.id).await.unwrap().unwrap();
    let at_zero = views.workflow_at(run.id, 0).await.unwrap().unwrap();
    assert_eq!((at_zero.seq, at_zero.state), (1, WorkflowState::Planning));
    assert_eq!(at_zero.steps[0].state, StepStatus::Blocked);
    let last = views.workflow_at(run.id, now.seq - 1).await.unwrap().unwrap();
    assert_eq!(last, now);
    let before = views.workflow_at(run.id, now.seq - 2).await.unwrap().unwrap();
    assert_eq!((before.state, before.result), (WorkflowState::Running, None));
    assert_eq!(views.workflow_at(run.id, u64::MAX).await.unwrap().unwrap(), now);
}

#[tokio::test]
async fn erased_texts_are_shown_as_erased() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut run = Run::submit(&journal, Ask { text: "the CANARY intent", ..Ask::default() }).await;
    run.finish().await;
    journal.erase(run.id.0).await.unwrap();
    let view = views.workflow(run.id).await.unwrap().unwrap();
    assert!(view.erased);
    assert_eq!(view.intent, None);
    assert_eq!(view.state, WorkflowState::Completed);
    let result = view.result.unwrap();
    assert_eq!((result.text, result.value, result.verification), (None, None, None));
    assert!(view.steps.iter().all(|s| s.id == "planning" || s.title.is_none()));
    let trail = views.audit(run.id).await.unwrap().unwrap();
    assert!(!serde_json::to_string(&trail).unwrap().contains("CANARY"));
    assert!(views.verify(run.id).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_said_on_the_way_goes_with_the_rest() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut run = Run::submit(&journal, Ask::default()).await;
    let reason = "for a CANARY reason".to_owned();
    run.command(Command::Cancel { by: "ann".into(), reason: reason.clone() }, vec![]).await;
    let told = async || {
        let view = views.workflow(run.id).await.unwrap().unwrap();
        let trail = views.audit(run.id).await.unwrap().unwrap();
        let changes = views.watch(run.id, 0).await.unwrap();
        let changes: Vec<_> = changes.map(|change| change.unwrap()).collect().await;
        serde_json::to_string(&(view, trail, changes)).unwrap()
    };
    let before = told().await;
    assert!(before.matches(&reason).count() >= 3, "{before}");
    let verified = views.verify(run.id).await.unwrap();
    journal.erase(run.id.0).await.unwrap();
    let after = told().await;
    assert!(!after.contains("CANARY"), "{after}");
    assert!(after.contains("(erased)"), "{after}");
    assert_eq!(views.verify(run.id).await.unwrap(), verified, "the chains are over what is kept");
}

#[tokio::test]
async fn the_audit_tells_every_event_in_order() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut run = Run::submit(&journal, Ask::default()).await;
    run.plan().await;
    run.done("read", &json!({"errors": 2}), None).await;
    run.end("answer", server_failure(), vec![]).await;
    run.record_raw("dreamt", b"of a newer version".to_vec()).await;
    run.done("answer", &json!("Two disks failed."), Some(0.9)).await;

    let trail = views.audit(run.id).await.unwrap().unwrap();
    let kinds: Vec<_> = trail.iter().map(|e| e.entry.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "accepted",
            "created",
            "attempt_started",
            "attempt_completed",
            "plan_adopted",
            "attempt_started",
            "attempt_completed",
            "attempt_started",
            "attempt_failed",
            "rung_climbed",
            "attempt_started",
            "dreamt",
            "attempt_completed",
            "completed",
        ]
    );
    assert_eq!(
        trail[0].entry.what,
        "the intent of ann (tenant acme) was accepted: medium risk, up to $0.01"
    );
    assert_eq!(trail[5].entry.what, "attempt 1 at step read calls logs.analyze");
    assert_eq!(
        trail[8].entry.what,
        "attempt 1 at step answer failed after 100 ms (auth): the vendor says 401, for $0.0004, \
         70 tokens in and 30 out"
    );
    assert_eq!(
        trail[9].entry.what,
        "because of auth, for step answer another model is asked instead of acme/large (so far 1 of 3 \
         attempts, by acme/large)"
    );
    assert_eq!(trail[11].entry.what, "dreamt: a newer version of autoos knows what this is");
    assert_eq!(trail[0].entry.cause.as_deref(), Some("req-1"));
    assert_eq!(trail[9].entry.data["rung_climbed"]["rung"], "swap_llm");
    assert!(trail.windows(2).all(|pair| pair[0].entry.at <= pair[1].entry.at));

    let verified = views.verify(run.id).await.unwrap().unwrap();
    assert_eq!(verified.events, 14);
    let head = journal.head(run.id.stream()).await.unwrap().unwrap();
    let hex: String = head.chain.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(verified.workflow_chain, hex);
    assert_eq!(views.audit(WorkflowId(Uuid::nil())).await.unwrap(), None);
    assert_eq!(views.verify(WorkflowId(Uuid::nil())).await.unwrap(), None);

    // What each rests on, by hashes that lead back to the event before.
    let rests =
        |n: usize| -> Vec<&str> { trail[n].inputs.iter().map(|i| i.what.as_str()).collect() };
    assert_eq!(rests(0), ["the intent"]);
    assert_eq!(rests(4), ["the plan"]);
    assert_eq!(rests(5), ["the plan"]);
    assert_eq!(rests(7), ["the plan", "what read brought"]);
    assert_eq!(trail[7].inputs[1].hash, trail[6].inputs[0].hash);
    assert_eq!(rests(9), ["event 7 (attempt_failed)"]);
    assert_eq!(trail[9].inputs[0].hash, trail[8].chain);
    assert_eq!(trail[13].chain, verified.workflow_chain);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_ends_the_view_and_not_the_audit() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut run = Run::submit(&journal, Ask::default()).await;
    run.record_raw("paused", b"\xc1 is no MessagePack".to_vec()).await;
    let error = views.workflow(run.id).await.unwrap_err();
    assert!(matches!(&error, Error::Damaged { stream, .. } if *stream == run.id.stream()));
    let trail = views.audit(run.id).await.unwrap().unwrap();
    let last = trail.last().unwrap();
    assert!(last.entry.what.contains("sequence 2: paused"), "{}", last.entry.what);
    // The list goes on without it.
    views.wait_for(run.position).await.unwrap();
    assert_eq!(views.list(&Default::default(), None, 10).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_question_to_a_human_shows_what_can_be_answered() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut run = Run::submit(&journal, Ask::default()).await;
    run.plan().await;
    run.done("read", &json!(1), None).await;
    run.end("answer", server_failure(), vec![]).await;
    let maybe = run.body(&json!("perhaps"));
    let doubtful =
        autoos_kernel::workflow::Output { body: maybe.body, confidence: Some(0.2), evidence: None };
    let end = End::Failed {
        exit: Exit::Unsure,
        detail: "confidence 0.20 is too low".into(),
        retry_after_ms: None,
        doubtful: Some(doubtful),
    };
    run.end("answer", end, vec![maybe]).await;
    // No other plan is found either.
    run.command(Command::Tick, vec![]).await;
    let unable = End::Failed {
        exit: Exit::Failed(FailureClass::Unable),
        detail: "there is no other way".into(),
        retry_after_ms: None,
        doubtful: None,
    };
    run.end("planning.2", unable, vec![]).await;
    let view = views.workflow(run.id).await.unwrap().unwrap();
    assert_eq!(view.state, WorkflowState::Escalated);
    let asked = &view.escalations[0];
    assert_eq!((asked.number, asked.step.as_str(), asked.exit.as_str()), (1, "answer", "unsure"));
    assert_eq!(asked.answers, ["approve", "edit", "retry", "raise", "skip", "abandon"]);
    assert_eq!(asked.proposed, Some(json!("perhaps")));
    assert_eq!(asked.default, "abandon");
    assert_eq!(asked.due.since_ms(asked.asked), 60_000);
    assert_eq!(view.steps[3].confidence, Some(0.2));

    let command =
        Command::Resolve { escalation: 1, decision: Decision::Approve, by: "olga".into() };
    run.command(command, vec![]).await;
    let view = views.workflow(run.id).await.unwrap().unwrap();
    let resolved = view.escalations[0].resolved.as_ref().unwrap();
    assert_eq!((resolved.decision, resolved.by.as_str()), ("approve", "olga"));
    assert_eq!(resolved.at, run.now);
    assert!(!view.escalations[0].open);
    assert_eq!(view.result.unwrap().text.as_deref(), Some("perhaps"));
}

fn seqs(changes: &[Change]) -> Vec<u64> {
    changes.iter().map(|c| c.entry.seq).collect()
}

#[tokio::test]
async fn watching_gives_history_then_news_then_ends() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut run = Run::submit(&journal, Ask::default()).await;
    let mut watching = views.watch(run.id, 0).await.unwrap();
    let first = watching.next().await.unwrap().unwrap();
    assert_eq!((first.entry.seq, first.entry.kind.as_str()), (0, "created"));
    assert_eq!(watching.next().await.unwrap().unwrap().entry.seq, 1);
    assert!(watching.next().now_or_never().is_none(), "nothing more has happened");

    let late = tokio::spawn(async move { watching.collect::<Vec<_>>().await });
    run.finish().await;
    let rest: Vec<Change> = late.await.unwrap().into_iter().map(Result::unwrap).collect();
    let end = views.workflow(run.id).await.unwrap().unwrap().seq;
    assert_eq!(seqs(&rest), (2..end).collect::<Vec<_>>());
    let last = rest.last().unwrap();
    assert_eq!((last.state, last.steps_over, last.steps), (WorkflowState::Completed, 3, 3));
    assert_eq!(last.spent_microusd, 800);
    let begun = rest.iter().find(|c| c.entry.kind == "attempt_started").unwrap();
    let step = begun.step.as_ref().unwrap();
    assert_eq!((step.title.as_deref(), step.state), (Some("Read the log"), StepStatus::Running));

    let from = views.watch(run.id, end - 2).await.unwrap();
    let tail: Vec<Change> = from.map(Result::unwrap).collect().await;
    assert_eq!(seqs(&tail), [end - 2, end - 1]);
    assert_eq!(views.watch(run.id, end).await.unwrap().count().await, 0);
    let other = views.watch(WorkflowId(Uuid::nil()), 0).await;
    assert!(matches!(other.err(), Some(Error::Missing(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_watchers_each_see_every_event_once() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut watched = Vec::new();
    let mut runs = Vec::new();
    for number in 1..=20 {
        let run = Run::submit(&journal, Ask { number, ..Ask::default() }).await;
        for _ in 0..5 {
            let changes = views.watch(run.id, 0).await.unwrap();
            watched.push(tokio::spawn(changes.collect::<Vec<_>>()));
        }
        runs.push(run);
    }
    for mut run in runs {
        tokio::spawn(async move { run.finish().await }).await.unwrap();
    }
    for seen in watched {
        let seen: Vec<Change> = seen.await.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(seqs(&seen), (0..seen.len() as u64).collect::<Vec<_>>());
        assert_eq!(seen.last().unwrap().entry.kind, "completed");
    }
}

#[tokio::test]
async fn a_watch_does_not_outlive_its_views() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let run = Run::submit(&journal, Ask::default()).await;
    let watching = views.watch(run.id, 0).await.unwrap();
    drop(views);
    let seen: Vec<_> = watching.collect().await;
    assert_eq!(seen.len(), 3);
    assert!(matches!(seen[2], Err(Error::Stopped)));
}

#[tokio::test]
async fn a_cancelled_workflow_says_who_and_why() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut run = Run::submit(&journal, Ask::default()).await;
    let cancel = Command::Cancel { by: "ann".into(), reason: "not needed".into() };
    run.command(cancel, vec![]).await;
    let view = views.workflow(run.id).await.unwrap().unwrap();
    assert_eq!(view.state, WorkflowState::Cancelled);
    assert_eq!(view.failure.as_deref(), Some("not needed"));
    assert_eq!(view.cancelled.unwrap().by, "ann");
    assert_eq!(view.ended, Some(START.plus_ms(100)));
}
