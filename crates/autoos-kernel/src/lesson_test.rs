//! What is learned from failures, and when it is forgotten.

use super::*;
use uuid::Uuid;

fn record(workflow: u128, task: &str, model: &str, exit: Exit) -> FailureRecord {
    FailureRecord {
        workflow: WorkflowId(Uuid::from_u128(workflow)),
        step: "draft".into(),
        task: task.into(),
        model: Some(model.into()),
        tool: None,
        exit,
    }
}

fn note(book: &mut Book, record: FailureRecord) -> Vec<Event> {
    let before = book.clone();
    let events = book.decide(Command::Note(record), Timestamp(5)).expect("it is noted");
    let mut folded = before;
    events.iter().for_each(|event| folded.fold(event, Timestamp(5)));
    assert_eq!(folded, *book, "the state is the fold of the events");
    events
}

#[test]
fn a_doubted_draft_of_a_mail_is_a_lesson_at_once() {
    let mut book = Book::default();
    let events = note(&mut book, record(1, "executor:mail.send", "b/1", Exit::Vetoed));
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(book.verify_more("executor:mail.send").is_some());
    assert!(book.verify_more("executor").is_none());
    // Known already.
    assert_eq!(note(&mut book, record(2, "executor:mail.send", "b/1", Exit::Vetoed)).len(), 1);
}

#[test]
fn a_lesson_that_is_not_confirmed_any_more_is_retired() {
    let mut book = Book::default();
    let task = "executor:mail.send";
    note(&mut book, record(1, task, "b/1", Exit::Vetoed));
    let pass = |book: &mut Book, n: usize| {
        let workflow = WorkflowId(Uuid::from_u128(n as u128));
        let command = Command::Pass { workflow, task: task.into() };
        let before = book.clone();
        let events = book.decide(command, Timestamp(7)).expect("it is noted");
        let mut folded = before;
        events.iter().for_each(|event| folded.fold(event, Timestamp(7)));
        assert_eq!(folded, *book, "the state is the fold of the events");
        events.len()
    };
    assert_eq!(pass(&mut book, 1), 0, "where it failed it did not pass");
    (2..RETIRES + 1).for_each(|n| assert_eq!(pass(&mut book, n), 1));
    assert_eq!(pass(&mut book, 2), 0, "a workflow counts once");
    note(&mut book, record(500, task, "b/1", Exit::Vetoed));
    assert_eq!(pass(&mut book, 500), 0);
    (2..RETIRES + 1).for_each(|n| assert_eq!(pass(&mut book, n), 1, "it counts anew"));
    assert!(book.verify_more(task).is_some());
    assert_eq!(pass(&mut book, 501), 2);
    assert!(book.verify_more(task).is_none());
    assert_eq!(pass(&mut book, 502), 0, "it is not in force");
    // It can be learned again.
    note(&mut book, record(503, task, "b/1", Exit::Vetoed));
    assert_eq!(book.verify_more(task).map(|l| l.number), Some(2));
}

#[test]
fn a_model_that_fails_in_three_workflows_is_not_preferred() {
    let mut book = Book::default();
    let server = Exit::Failed(FailureClass::Malformed);
    for _ in 0..5 {
        note(&mut book, record(1, "executor", "b/1", server));
    }
    assert!(book.against("b/1", "executor").is_none(), "one workflow is no pattern");
    note(&mut book, record(2, "executor", "b/1", server));
    let events = note(&mut book, record(3, "executor", "b/1", server));
    assert_eq!(events.len(), 2);
    let lesson = book.against("b/1", "executor").expect("a lesson");
    assert_eq!(lesson.from.len(), 3);
    assert!(book.against("c/1", "executor").is_none());
}

#[test]
fn a_reverted_lesson_takes_new_failures() {
    let mut book = Book::default();
    note(&mut book, record(1, "executor:mail.send", "b/1", Exit::Unsure));
    let revert = |number| Command::Revert { number, by: "ann".into() };
    assert_eq!(book.decide(revert(7), Timestamp(6)), Err(Rejected::Missing(7)));
    book.decide(revert(1), Timestamp(6)).expect("reverted");
    assert!(book.verify_more("executor:mail.send").is_none());
    assert!(book.decide(revert(1), Timestamp(7)).is_err());
    note(&mut book, record(2, "executor:mail.send", "b/1", Exit::Unsure));
    assert_eq!(book.verify_more("executor:mail.send").map(|l| l.number), Some(2));
}

#[test]
fn an_outage_and_a_users_mistake_are_no_lessons() {
    let mut book = Book::default();
    for n in 0..5 {
        let outage = Exit::Failed(FailureClass::Server);
        note(&mut book, record(n, "executor", "b/1", outage));
        let mut denied = record(n, "fs.read", "", Exit::Failed(FailureClass::Denied));
        (denied.model, denied.tool) = (None, Some("fs.read".into()));
        note(&mut book, denied);
    }
    assert_eq!(book.lessons().count(), 0);
}

#[test]
fn what_is_nobodys_fault_teaches_nothing() {
    let mut book = Book::default();
    for exit in [Exit::HostLost, Exit::Cancelled, Exit::Failed(FailureClass::RateLimit)] {
        assert!(note(&mut book, record(1, "executor", "b/1", exit)).is_empty());
    }
}

#[test]
fn the_book_stays_small() {
    let mut book = Book::default();
    for n in 0..PATTERNS_MAX as u128 + 50 {
        note(&mut book, record(n, &format!("kind:{n}"), "b/1", Exit::Vetoed));
    }
    assert_eq!(book.lessons().count(), LESSONS_MAX);
    assert!(book.seen.len() <= PATTERNS_MAX);
}
