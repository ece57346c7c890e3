//! The fold of outcomes: the seed's rule, what counts against whom, and the stream that survives.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::owner::Owner;
use super::*;
use autoos_journal::{MemoryJournal, SharedJournal};

fn outcome(failure: Option<FailureClass>) -> Outcome<'static> {
    Outcome {
        model: "a/m",
        kind: TaskKind::Extract,
        failure,
        cost_microusd: 7,
        first_ms: Some(100),
        gap_ms: None,
        total_ms: 900,
    }
}

fn judgement(right: bool) -> Judgement {
    Judgement { model: "a/m".into(), kind: TaskKind::Extract, confidence: 0.8, right }
}

fn tally(outcomes: &[Option<FailureClass>]) -> Tally {
    let mut tally = Tally::new("a/m", TaskKind::Extract);
    outcomes.iter().for_each(|failure| tally.saw(&outcome(*failure)));
    tally
}

#[test]
fn reliability_moves_by_the_rule_and_in_order() {
    let mut learned = Learned::default();
    let server = Some(FailureClass::Server);
    learned.take(&tally(&[None, None, server, None]), 0);
    let record = learned.of("a/m").unwrap();
    assert!((record.reliability - 0.88).abs() < 1e-9, "{record:?}");
    assert_eq!((record.calls, record.cost_microusd, record.failures()), (4, 28, 1));
    // It stays within 0..=1, and what is clamped in between depends on the order.
    let good_then_bad: Vec<_> = vec![None; 50].into_iter().chain([server]).collect();
    learned.take(&tally(&good_then_bad), 0);
    assert!((learned.of("a/m").unwrap().reliability - 0.95).abs() < 1e-9);
    learned.take(&tally(&[server; 100]), 0);
    assert!(learned.of("a/m").unwrap().reliability.abs() < 1e-9);
}

#[test]
fn a_tally_folds_like_its_outcomes_one_by_one() {
    let classes = [None, Some(FailureClass::Timeout), None, None, Some(FailureClass::Unable)];
    let (mut at_once, mut singly) = (Learned::default(), Learned::default());
    at_once.take(&tally(&classes), 5);
    classes.iter().for_each(|class| singly.take(&tally(&[*class]), 5));
    let (a, b) = (at_once.of("a/m").unwrap(), singly.of("a/m").unwrap());
    assert!((a.reliability - b.reliability).abs() < 1e-9);
    assert_eq!((a.calls, &a.errors, &a.total), (b.calls, &b.errors, &b.total));
    let kind = TaskKind::Extract;
    assert!((a.steadiness(kind, 5) - b.steadiness(kind, 5)).abs() < 1e-9);
}

#[test]
fn only_what_it_broke_is_held_against_a_model() {
    let mut learned = Learned::default();
    learned.take(&tally(&[Some(FailureClass::RateLimit), Some(FailureClass::BadRequest)]), 0);
    let record = learned.of("a/m").unwrap();
    assert!((record.reliability - START).abs() < 1e-9);
    let before = record.steadiness(TaskKind::Extract, 0);
    learned.take(&tally(&[Some(FailureClass::Unable); 10]), 0);
    let record = learned.of("a/m").unwrap();
    assert!((record.reliability - START).abs() < 1e-9, "it declined honestly");
    assert!(record.steadiness(TaskKind::Extract, 0) < before / 2.0, "and brings no answers");
    assert!(record.steadiness(TaskKind::Write, 0) >= before, "of this kind alone");
}

#[test]
fn an_outage_is_forgiven_within_hours() {
    let mut learned = Learned::default();
    learned.take(&tally(&[Some(FailureClass::Network); 30]), 1_000);
    let record = learned.of("a/m").unwrap();
    let after = |hours: u64| record.steadiness(TaskKind::Extract, 1_000 + hours * 3_600_000);
    assert!(after(0) < 0.01 && after(1) > 0.2 && after(8) > 0.85, "{} {}", after(1), after(8));
    assert!(record.reliability.abs() < 1e-9, "what is shown follows the rule alone");
}

#[test]
fn wrong_answers_lower_quality_and_right_ones_raise_it() {
    let mut learned = Learned::default();
    let judge = |learned: &mut Learned, right| {
        let mut tally = Tally::new("a/m", TaskKind::Extract);
        (0..20).for_each(|_| tally.judged(&judgement(right)));
        learned.take(&tally, 0);
        learned.of("a/m").unwrap().quality(TaskKind::Extract, 0.6, 0)
    };
    assert!(judge(&mut learned, true) > 0.85);
    assert!(judge(&mut learned, false) < 0.55);
    assert!(learned.of("a/m").unwrap().reliability.abs() < 1e-9);
}

#[test]
fn a_tally_is_small_however_many_calls_it_counts() {
    use autoos_kernel::codec::Recorded as _;
    let mut tally = Tally::new("anthropic/claude-sonnet-4-5", TaskKind::Extract);
    let one = Event::Observed { tallies: vec![tally.clone()] }.encode().len();
    for n in 0..10_000u64 {
        let failure = (n % 3 == 0).then_some(FailureClass::Server);
        let (first_ms, total_ms) = (Some(50 + n % 400), 500 + n % 3_000);
        tally.saw(&Outcome { failure, first_ms, total_ms, ..outcome(None) });
        tally.judged(&judgement(n % 5 == 0));
    }
    let many = Event::Observed { tallies: vec![tally] }.encode().len();
    assert!(one < 150 && many < 600, "{one} and {many} bytes");
}

async fn started(journal: &SharedJournal) -> (Owner, std::sync::Arc<owner::Learning>) {
    Owner::start(journal.clone()).await.unwrap()
}

#[tokio::test]
async fn figures_survive_restarts_and_the_snapshot_equals_the_fold() {
    let journal: SharedJournal = MemoryJournal::new(16);
    for round in 1..=3u64 {
        let (owner, learning) = started(&journal).await;
        let before = learning.read(|l| l.of("a/m").map_or(0, |r| r.calls));
        assert_eq!(before, (round - 1) * 3);
        learning.saw(&outcome(None));
        learning.saw(&outcome(Some(FailureClass::Server)));
        learning.saw(&outcome(None));
        learning.judged(&judgement(false));
        owner.stop().await;
    }
    let (_owner, learning) = started(&journal).await;
    let kept = learning.read(Clone::clone);
    let record = kept.of("a/m").unwrap();
    assert_eq!((record.calls, record.failures(), record.cost_microusd), (9, 3, 63));
    assert_eq!(record.total.count(), 6);
    // 0.9, then thrice +0.01 −0.05 +0.01 −0.05.
    assert!((record.reliability - 0.66).abs() < 1e-9, "{}", record.reliability);
}

#[tokio::test]
async fn what_the_journal_refused_is_recorded_once_it_takes_it() {
    use autoos_journal::{Error, Outcome as Fate};
    let memory = MemoryJournal::new(16);
    let journal: SharedJournal = memory.clone();
    let failures = [
        (Error::ReadOnly("the disk is full".into()), Fate::Lost),
        (Error::Io("a hiccup".into()), Fate::Lost),
        // Recorded although an error came back: it is there once.
        (Error::Io("a hiccup".into()), Fate::Recorded),
    ];
    for (calls, (error, fate)) in (1..).zip(failures) {
        let (owner, learning) = started(&journal).await;
        learning.saw(&outcome(None));
        memory.fail_next(error, fate);
        owner.stop().await;
        let (_owner, after) = started(&journal).await;
        assert_eq!(after.read(|l| l.of("a/m").map(|r| r.calls)), Some(calls), "{fate:?}");
    }
}
