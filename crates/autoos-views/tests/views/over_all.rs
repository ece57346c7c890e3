//! Lists, questions, spending and counts over all workflows.

use crate::support::{Ask, Run, START, journal};
use autoos_kernel::{
    ladder::{Exit, FailureClass},
    time::Timestamp,
    words::WorkflowState,
    workflow::{Command, End},
};
use autoos_views::{Dimension, Error, EscalationFilter, Filter, Page, Ready, Summary, Views};
use uuid::Uuid;

/// Twelve workflows of two tenants and three users, every third finished, a minute apart.
async fn dozen(journal: &autoos_journal::SharedJournal) -> Vec<Run> {
    let mut runs = Vec::new();
    for n in 0..12u128 {
        let text = if n % 4 == 0 { "Count the Errors" } else { "Summarize the report" };
        let ask = Ask {
            number: n + 1,
            tenant: if n % 2 == 0 { "acme" } else { "umbrella" },
            user: ["ann", "bob", "cy"][n as usize % 3],
            text,
            at: START.plus_ms(n as u64 * 60_000),
        };
        let mut run = Run::submit(journal, ask).await;
        if n % 3 == 0 {
            run.finish().await;
        }
        runs.push(run);
    }
    runs
}

fn numbers(page: &Page<Summary>) -> Vec<u128> {
    page.items.iter().map(|s| s.id.0.as_u128()).collect()
}

async fn all(views: &Views, filter: &Filter, limit: usize) -> Vec<u128> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = views.list(filter, token.as_deref(), limit).await.unwrap();
        assert!(page.complete && page.items.len() <= limit);
        found.extend(numbers(&page));
        token = page.next;
        if token.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn lists_newest_first_in_pages_that_hold_still() {
    let (_, journal) = journal();
    let runs = dozen(&journal).await;
    let views = Views::start(journal.clone());
    views.wait_ready().await.unwrap();
    assert_eq!(all(&views, &Filter::default(), 5).await, (1..=12).rev().collect::<Vec<_>>());

    let first = views.list(&Filter::default(), None, 5).await.unwrap();
    assert_eq!(numbers(&first), [12, 11, 10, 9, 8]);
    // A new one in between moves nobody's place.
    let at = START.plus_ms(3_600_000);
    let new = Run::submit(&journal, Ask { number: 77, at, ..Ask::default() }).await;
    views.wait_for(new.position).await.unwrap();
    let second = views.list(&Filter::default(), first.next.as_deref(), 5).await.unwrap();
    assert_eq!(numbers(&second), [7, 6, 5, 4, 3]);
    assert_eq!(numbers(&views.list(&Filter::default(), None, 1).await.unwrap()), [77]);

    let done = second.items.iter().find(|s| s.id == runs[3].id).unwrap();
    assert_eq!(done.state, WorkflowState::Completed);
    assert_eq!((done.steps_over, done.steps, done.cost_microusd), (3, 3, 800));
    assert_eq!(done.ended, Some(runs[3].now));
    assert_eq!(done.intent.as_deref(), Some("Summarize the report"));
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let (_, journal) = journal();
    dozen(&journal).await;
    let views = Views::start(journal.clone());
    views.wait_ready().await.unwrap();
    let filter = Filter { states: vec![WorkflowState::Completed], ..Filter::default() };
    assert_eq!(all(&views, &filter, 3).await, [10, 7, 4, 1]);
    let filter = Filter { tenant: Some("umbrella".into()), ..Filter::default() };
    assert_eq!(all(&views, &filter, 4).await, [12, 10, 8, 6, 4, 2]);
    let filter = Filter { user: Some("cy".into()), tenant: Some("acme".into()), ..filter };
    assert_eq!(all(&views, &filter, 1).await, [9, 3]);
    let filter = Filter { since: Some(START.plus_ms(600_000)), ..Filter::default() };
    assert_eq!(all(&views, &filter, 1).await, [12, 11]);
    let filter = Filter { text: Some("ERRORS".into()), ..Filter::default() };
    assert_eq!(all(&views, &filter, 2).await, [9, 5, 1]);
    let filter = Filter { user: Some("nobody".into()), ..Filter::default() };
    assert!(all(&views, &filter, 2).await.is_empty());
}

#[tokio::test]
async fn a_token_of_ones_own_making_is_refused() {
    let (_, journal) = journal();
    let views = Views::start(journal);
    for token in ["x", "é".repeat(28).as_str(), "0".repeat(57).as_str()] {
        let list = views.list(&Filter::default(), Some(token), 5).await;
        assert!(matches!(list, Err(Error::BadToken)), "{token}");
    }
    let page = views.list(&Filter::default(), Some(&"0".repeat(56)), 5).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
}

/// A workflow whose planner cannot do it: a human is asked.
async fn asking(journal: &autoos_journal::SharedJournal, number: u128, at: Timestamp) -> Run {
    let tenant = if number.is_multiple_of(2) { "acme" } else { "umbrella" };
    let mut run = Run::submit(journal, Ask { number, tenant, at, ..Ask::default() }).await;
    let end = End::Failed {
        exit: Exit::Failed(FailureClass::Unable),
        detail: "it needs a log: give one with --context".into(),
        retry_after_ms: None,
        doubtful: None,
    };
    run.end("planning", end, vec![]).await;
    run
}

#[tokio::test]
async fn open_questions_are_listed_across_workflows() {
    let (_, journal) = journal();
    let views = Views::start(journal.clone());
    let mut runs = Vec::new();
    for number in 1..=4 {
        runs.push(asking(&journal, number, START.plus_ms(number as u64 * 1_000)).await);
    }
    let cancel = Command::Cancel { by: "ann".into(), reason: "never mind".into() };
    runs[3].command(cancel, vec![]).await;
    for run in &runs {
        views.wait_for(run.position).await.unwrap();
    }
    let open = EscalationFilter { open_only: true, ..EscalationFilter::default() };
    let page = views.escalations(&open, None, 2).await.unwrap();
    let ids = |page: &Page<autoos_views::EscalationItem>| -> Vec<_> {
        page.items.iter().map(|item| item.workflow.0.as_u128()).collect()
    };
    assert_eq!(ids(&page), [3, 2]);
    let item = &page.items[0];
    assert_eq!(item.escalation.detail, "it needs a log: give one with --context");
    assert_eq!(item.escalation.answers, ["edit", "retry", "raise", "abandon"]);
    let page = views.escalations(&open, page.next.as_deref(), 2).await.unwrap();
    assert_eq!(ids(&page), [1]);
    let of = EscalationFilter { tenant: Some("acme".into()), ..EscalationFilter::default() };
    let page = views.escalations(&of, None, 10).await.unwrap();
    assert_eq!(ids(&page), [4, 2]);
    assert!(!page.items[0].escalation.open && page.items[0].escalation.answers.is_empty());
    let row = &views.list(&Filter::default(), None, 10).await.unwrap().items[1];
    assert_eq!((row.state, row.open_escalations), (WorkflowState::Escalated, 1));
}

#[tokio::test]
async fn a_workflow_that_cannot_be_read_hides_no_other_question() {
    let (_, journal) = journal();
    let mut runs = Vec::new();
    for number in 1..=3 {
        runs.push(asking(&journal, number, START.plus_ms(number as u64 * 1_000)).await);
    }
    runs[1].record_raw("resumed", b"\xc1".to_vec()).await;
    let views = Views::start(journal);
    views.wait_ready().await.unwrap();
    let page = views.escalations(&EscalationFilter::default(), None, 10).await.unwrap();
    let ids: Vec<_> = page.items.iter().map(|item| item.workflow).collect();
    assert_eq!(ids, [runs[2].id, runs[0].id]);
}

#[tokio::test]
async fn counts_and_sums_add_up() {
    let (_, journal) = journal();
    let runs = dozen(&journal).await;
    let asked = asking(&journal, 13, START.plus_ms(86_400_000)).await;
    let views = Views::start(journal.clone());
    views.wait_ready().await.unwrap();
    for run in runs.iter().chain([&asked]) {
        views.wait_for(run.position).await.unwrap();
    }
    let metrics = views.metrics().unwrap();
    assert_eq!(metrics.created, 13);
    assert_eq!(metrics.workflows["completed"], 4);
    assert_eq!(metrics.workflows["planning"], 8);
    assert_eq!(metrics.workflows["escalated"], 1);
    assert_eq!(metrics.workflows["running"], 0);
    assert_eq!(metrics.outcomes["completed"], 4);
    assert_eq!(metrics.attempts["model"], 13 + 4);
    assert_eq!(metrics.attempts["tool"], 4);
    assert_eq!(metrics.failures["unable"], 1);
    assert_eq!(metrics.rungs["escalate"], 1);
    assert_eq!(metrics.plans["adopted"], 4);
    assert_eq!(metrics.steps, 12);
    assert_eq!(metrics.cost_microusd, 4 * 800 + 400);
    assert_eq!((metrics.tokens.input, metrics.tokens.output), (13 * 70, 13 * 30));
    assert_eq!((metrics.workflow_ms.count, metrics.workflow_ms.sum_ms), (4, 4 * 400));
    assert_eq!(metrics.attempt_ms["model"].count, 9);
    assert_eq!(metrics.attempt_ms["model"].buckets.iter().sum::<u64>(), 9);

    let sum = |dimension, tenant| -> Vec<(String, u64)> {
        let lines = views.cost_by(dimension, tenant);
        lines.into_iter().map(|line| (line.key, line.cost_microusd)).collect()
    };
    let lines = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs.iter().map(|(key, cost)| ((*key).to_owned(), *cost)).collect()
    };
    // Finished are 1, 4, 7 and 10, all of ann's; the last is umbrella's, as is 13.
    let tenants = lines(&[("acme", 1_600), ("umbrella", 2_000)]);
    assert_eq!(sum(Dimension::Tenant, None), tenants);
    assert_eq!(sum(Dimension::User, None), lines(&[("ann", 3_600)]));
    assert_eq!(sum(Dimension::Model, Some("acme")), lines(&[("acme/large", 1_600)]));
    let days = lines(&[("2026-01-01", 3_200), ("2026-01-02", 400)]);
    assert_eq!(sum(Dimension::Day, None), days);
    assert!(sum(Dimension::Day, Some("nobody")).is_empty());
}

#[tokio::test]
async fn what_is_committed_during_the_build_is_neither_lost_nor_counted_twice() {
    let (_, journal) = journal();
    let mut expected = 0;
    for number in 1..=300 {
        Run::submit(&journal, Ask { number, ..Ask::default() }).await;
        expected += 1;
    }
    let views = Views::start(journal.clone());
    // The single-threaded runtime has not run the follower yet, so these come after its start.
    assert!(matches!(views.ready(), Ready::Building { done: 0, total: 900 }));
    assert_eq!(views.metrics(), None);
    let page = views.list(&Filter::default(), None, 10).await.unwrap();
    assert!(!page.complete);
    let mut last = None;
    for number in 301..=400 {
        let mut run = Run::submit(&journal, Ask { number, ..Ask::default() }).await;
        run.finish().await;
        expected += 1;
        tokio::task::yield_now().await;
        last = Some(run.position);
    }
    views.wait_ready().await.unwrap();
    views.wait_for(last.unwrap()).await.unwrap();
    for shard in journal.end().0 {
        let (shard, offset) = (shard.0, shard.1 - 1);
        views.wait_for(autoos_journal::Position { shard, offset }).await.unwrap();
    }
    let metrics = views.metrics().unwrap();
    assert_eq!(metrics.created, expected);
    assert_eq!(metrics.outcomes["completed"], 100);
    assert_eq!(metrics.workflows["planning"], 300);
    assert_eq!(all(&views, &Filter::default(), 500).await.len(), 400);
}

#[tokio::test]
async fn a_search_through_more_than_one_stride_goes_on() {
    let (_, journal) = journal();
    for number in 1..=5_000u128 {
        let user = if number == 3 { "needle" } else { "hay" };
        let at = START.plus_ms(number as u64);
        Run::submit(&journal, Ask { number, user, at, ..Ask::default() }).await;
    }
    let views = Views::start(journal);
    views.wait_ready().await.unwrap();
    let filter = Filter { user: Some("needle".into()), ..Filter::default() };
    let page = views.list(&filter, None, 10).await.unwrap();
    assert_eq!(page.items[0].id.0, Uuid::from_u128(3));
    let filter = Filter { user: Some("hay".into()), ..Filter::default() };
    assert_eq!(all(&views, &filter, 500).await.len(), 4_999);
}
