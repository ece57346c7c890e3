//! The owner of the stream of lessons: notes the failures that workflows tell of, and lets plans and
//! choices know what was learned.
//!
//! Workflows tell of a failure once it is durable in their own stream, and never wait: what does not
//! fit the inbox is dropped, since a pattern that matters comes again. The book in memory is the fold
//! of what was appended. Left out: when a failure is a lesson ([`autoos_kernel::lesson`]).

use crate::{clock::Clock, submission::Refusal};
use autoos_journal::{Batch, Error, NewEvent, SharedJournal, Snapshot, Standing, StreamWrite};
use autoos_kernel::{
    codec::Recorded,
    id::{Prefix, StreamId, WorkflowId},
    lesson::{Book, Command, Event, FailureRecord},
};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};
use uuid::Uuid;

/// The stream is the same everywhere; its name is part of the journal's format.
const STREAM: Uuid = Uuid::from_u128(0x6175_746f_6f73_8000_8000_6c65_7373_6f6e);
/// Failures that wait to be noted.
const INBOX: usize = 1_024;
/// Failures that are noted in one append.
const AT_ONCE: usize = 256;
/// Events between two snapshots.
const SNAPSHOT_EVERY: u64 = 512;
/// Version of the fold.
const FOLD_VERSION: u32 = 1;
/// Events that are read at once.
const PAGE: usize = 1_024;

fn stream() -> StreamId {
    StreamId::new(Prefix::LESSONS, STREAM)
}

/// Something for the owner.
enum Message {
    Note(FailureRecord),
    Pass { workflow: WorkflowId, task: String },
    Revert { number: u32, by: String, reply: oneshot::Sender<Result<(), Refusal>> },
}

/// The lessons as everyone in the runtime holds them.
pub(crate) struct Lessons {
    book: RwLock<Arc<Book>>,
    inbox: mpsc::Sender<Message>,
}

impl Lessons {
    /// Folds the stream and goes on with it in a task of its own.
    ///
    /// # Errors
    /// When the journal cannot give it.
    pub(crate) async fn start(
        journal: SharedJournal,
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<Self>, AbortHandle), Refusal> {
        let (book, next) = fold(&journal).await?;
        let (inbox, messages) = mpsc::channel(INBOX);
        let lessons = Arc::new(Self { book: RwLock::new(Arc::new(book)), inbox });
        let pen = Pen { journal, clock, lessons: lessons.clone(), next };
        let task = tokio::spawn(pen.run(messages)).abort_handle();
        Ok((lessons, task))
    }

    /// What was learned so far.
    pub(crate) fn book(&self) -> Arc<Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of a failure.
    pub(crate) fn note(&self, record: FailureRecord) {
        if self.inbox.try_send(Message::Note(record)).is_err() {
            tracing::debug!("a failure was not noted: too many at once, or the node stops");
        }
    }

    /// Tells of work that was done well, where a lesson asks for it.
    pub(crate) fn pass(&self, workflow: WorkflowId, task: String) {
        if self.book().asks(&task, workflow) {
            // What does not fit the inbox keeps a lesson in force for a little longer.
            let _ = self.inbox.try_send(Message::Pass { workflow, task });
        }
    }

    /// Takes a lesson back.
    pub(crate) async fn revert(&self, number: u32, by: String) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Revert { number, by, reply };
        self.inbox.send(message).await.map_err(|_| Refusal::Stopping)?;
        answer.await.map_err(|_| Refusal::Stopping)?
    }
}

async fn fold(journal: &SharedJournal) -> Result<(Book, u64), Error> {
    let kept = journal.snapshot(stream()).await?.filter(|kept| kept.version == FOLD_VERSION);
    let kept = kept.and_then(|kept| Some((rmp_serde::from_slice(&kept.state).ok()?, kept.next)));
    let (mut book, mut next): (Book, u64) = kept.unwrap_or_default();
    loop {
        let page = journal.read(stream(), next, PAGE).await?;
        for event in &page {
            let known = Event::decode(&event.kind, &event.body).map_err(|why| {
                Error::Corrupt(format!("{} at {}: {why}", event.stream, event.seq))
            })?;
            if let Some(known) = known {
                book.fold(&known, event.at);
            }
            next = event.seq + 1;
        }
        if page.len() < PAGE {
            return Ok((book, next));
        }
    }
}

/// The one that appends.
struct Pen {
    journal: SharedJournal,
    clock: Arc<dyn Clock>,
    lessons: Arc<Lessons>,
    next: u64,
}

impl Pen {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut waiting = Vec::with_capacity(AT_ONCE);
        while messages.recv_many(&mut waiting, AT_ONCE).await > 0 {
            self.take(waiting.drain(..)).await;
        }
    }

    async fn take(&mut self, messages: impl Iterator<Item = Message>) {
        let now = self.clock.now();
        let mut book = (*self.lessons.book()).clone();
        let (mut events, mut replies) = (Vec::new(), Vec::new());
        for message in messages {
            let (command, by, reply) = match message {
                Message::Note(record) => (Command::Note(record), "auditor".to_owned(), None),
                Message::Pass { workflow, task } => {
                    (Command::Pass { workflow, task }, "auditor".to_owned(), None)
                }
                Message::Revert { number, by, reply } => {
                    (Command::Revert { number, by: by.clone() }, by, Some(reply))
                }
            };
            match (book.decide(command, now), reply) {
                (Ok(decided), reply) => {
                    events.extend(decided.into_iter().map(|event| (by.clone(), event)));
                    replies.extend(reply);
                }
                (Err(rejected), Some(reply)) => {
                    let _ = reply.send(Err(Refusal::Invalid(vec![rejected.to_string()])));
                }
                (Err(_), None) => {}
            }
        }
        let recorded = if events.is_empty() { Ok(()) } else { self.append(&events, now).await };
        if let Err(error) = &recorded {
            tracing::warn!(%error, "failures could not be noted for lessons");
            // Where the stream stands is read again, since the append may have been recorded.
            match fold(&self.journal).await {
                Ok((folded, next)) => (book, self.next) = (folded, next),
                // Nothing is learned that is not recorded.
                Err(_) => book = (*self.lessons.book()).clone(),
            }
        } else {
            for (_, event) in &events {
                match event {
                    Event::LessonLearned(lesson) => {
                        tracing::info!(lesson = lesson.number, "{}", lesson.sentence());
                    }
                    Event::LessonRetired { number, workflows } => {
                        tracing::info!(lesson = number, workflows, "retired: not seen any more");
                    }
                    _ => {}
                }
            }
        }
        let kept = book.clone();
        *self.lessons.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
        for reply in replies {
            let _ = reply.send(recorded.clone().map_err(Refusal::from));
        }
        self.keep(&kept, events.len() as u64).await;
    }

    async fn append(
        &mut self,
        events: &[(String, Event)],
        now: autoos_kernel::time::Timestamp,
    ) -> Result<(), Error> {
        let new = events.iter().map(|(by, event)| NewEvent {
            at: now,
            actor: by.clone(),
            cause: None,
            trace: None,
            kind: event.kind().to_owned(),
            body: event.encode(),
        });
        let epoch = self.journal.epoch(stream().shard(self.journal.shards()));
        let write = StreamWrite {
            stream: stream(),
            expect: self.next,
            events: new.collect(),
            standing: Standing::Waiting { wake: None },
        };
        self.journal.append(Batch { epoch, writes: vec![write], bodies: Vec::new() }).await?;
        self.next += events.len() as u64;
        Ok(())
    }

    async fn keep(&self, book: &Book, added: u64) {
        if self.next / SNAPSHOT_EVERY == self.next.saturating_sub(added) / SNAPSHOT_EVERY {
            return;
        }
        let Ok(state) = rmp_serde::to_vec_named(book) else { return };
        let snapshot = Snapshot { next: self.next, version: FOLD_VERSION, state };
        if let Err(error) = self.journal.save_snapshot(stream(), snapshot).await {
            tracing::warn!(%error, "the lessons' snapshot was not kept");
        }
    }
}
