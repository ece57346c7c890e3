//! The pen of one account: decides what waits, in one append, and answers once that is durable.

use super::{Ask, Hold};
use crate::{
    brief::{load_intent, load_workflow},
    clock::Clock,
    submission::Refusal,
};
use autoos_journal::{Batch, Error, NewEvent, SharedJournal, Snapshot, Standing, StreamWrite};
use autoos_kernel::{
    account::{Account, Command, Event, FOLD_VERSION, Limit, Owner},
    codec::Recorded,
    id::{IntentId, StreamId, WorkflowId},
    time::Timestamp,
};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Messages that are decided into one append.
const AT_ONCE: usize = 256;
/// Events between two snapshots.
const SNAPSHOT_EVERY: u64 = 512;
/// Events that are read at once.
const PAGE: usize = 1_024;
/// How often a batch is decided again when others were first, or nothing certain was said.
const TRIES: usize = 4;
/// After how long what must be settled is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Messages to a pen.
#[derive(Debug)]
pub(super) enum Message {
    /// Before an acceptance or a raise: may it spend so much?
    Ask { ask: Ask, reply: oneshot::Sender<Result<Hold, Refusal>> },
    /// A workflow ended. The reply comes once that is durable, however long it takes.
    Settle { workflow: WorkflowId, spent_microusd: u64, reply: Option<oneshot::Sender<()>> },
    /// From the operator.
    SetLimit { limit: Option<Limit>, by: String, reply: oneshot::Sender<Result<(), Refusal>> },
    /// A hold was dropped.
    Released { workflow: WorkflowId, used: bool },
    /// Does the workflow still need its grant?
    Check(WorkflowId),
}

/// A message with what was found out for it, ready to be decided.
enum Case {
    Ask(Ask, Hold, oneshot::Sender<Result<Hold, Refusal>>),
    Settle(WorkflowId, u64, Option<oneshot::Sender<()>>),
    SetLimit(Option<Limit>, String, oneshot::Sender<Result<(), Refusal>>),
}

pub(super) struct Pen {
    journal: SharedJournal,
    clock: Arc<dyn Clock>,
    owner: Owner,
    /// What everyone reads: only what is recorded.
    state: Arc<RwLock<Account>>,
    inbox: mpsc::UnboundedSender<Message>,
    account: Account,
    next: u64,
    /// How many hold a grant of a workflow that may not be accepted yet.
    held: HashMap<WorkflowId, usize>,
    /// What could not be recorded and must be.
    owed: Vec<Message>,
    /// Whether memory and journal may disagree.
    stale: bool,
}

impl Pen {
    /// Folds the account. Every open grant is looked into before anything else is decided.
    pub(super) async fn open(
        journal: SharedJournal,
        clock: Arc<dyn Clock>,
        owner: Owner,
        state: Arc<RwLock<Account>>,
        inbox: mpsc::UnboundedSender<Message>,
    ) -> Result<Self, Error> {
        let (account, held, owed) = (Account::default(), HashMap::new(), Vec::new());
        let (next, stale) = (0, true);
        let mut pen =
            Self { journal, clock, owner, state, inbox, account, next, held, owed, stale };
        pen.refold().await?;
        pen.owed = pen.account.open().map(Message::Check).collect();
        Ok(pen)
    }

    pub(super) async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        let mut waiting = Vec::new();
        let mut first = true;
        loop {
            if !first {
                let received = messages.recv_many(&mut waiting, AT_ONCE);
                if self.owed.is_empty() {
                    received.await;
                } else {
                    // What came in the meantime is not lost by giving up the wait.
                    let _ = tokio::time::timeout(AGAIN, received).await;
                }
            }
            first = false;
            let mut batch = std::mem::take(&mut self.owed);
            batch.append(&mut waiting);
            if !batch.is_empty() {
                self.take(batch).await;
            }
        }
    }

    async fn take(&mut self, messages: Vec<Message>) {
        if self.stale
            && let Err(error) = self.refold().await
        {
            return self.refuse(messages, &error);
        }
        let mut cases = Vec::with_capacity(messages.len());
        for message in messages {
            cases.extend(self.case(message).await);
        }
        let mut tries = TRIES;
        loop {
            let now = self.clock.now();
            let (events, refused) = self.decide(&cases, now);
            let error = match self.append(&events, now).await {
                Ok(()) => return self.done(cases, refused, &events, now).await,
                Err(error) => error,
            };
            // What was decided is not so, or nobody knows: the stream tells.
            self.stale = true;
            let folded = self.refold().await;
            tries -= 1;
            let again = error.is_unknown() || matches!(error, Error::Sequence { .. });
            if folded.is_err() || !again || tries == 0 {
                tracing::warn!(account = %self.owner, %error, "the account recorded nothing");
                return self.failed(cases, &error);
            }
        }
    }

    /// What there is to decide about a message.
    async fn case(&mut self, message: Message) -> Option<Case> {
        match message {
            Message::Ask { ask, reply } => {
                *self.held.entry(ask.workflow).or_default() += 1;
                let (workflow, inbox) = (ask.workflow, self.inbox.clone());
                Some(Case::Ask(ask, Hold { workflow, inbox, used: false }, reply))
            }
            Message::Settle { workflow, spent_microusd, reply } => {
                Some(Case::Settle(workflow, spent_microusd, reply))
            }
            Message::SetLimit { limit, by, reply } => Some(Case::SetLimit(limit, by, reply)),
            Message::Released { workflow, used } => {
                if let Some(held) = self.held.get_mut(&workflow) {
                    *held -= 1;
                    if *held == 0 {
                        self.held.remove(&workflow);
                    }
                }
                if used { None } else { self.check(workflow).await }
            }
            Message::Check(workflow) => self.check(workflow).await,
        }
    }

    /// Settles a grant that nobody will spend any more. One that is held is looked into when the
    /// last of its holders lets go: until then its workflow may still come to be.
    async fn check(&mut self, workflow: WorkflowId) -> Option<Case> {
        let granted = self.account.granted(workflow)?;
        if self.held.contains_key(&workflow) {
            return None;
        }
        if self.account.is_call(workflow) {
            // Nobody can say what it spent any more: all of it, then.
            return Some(Case::Settle(workflow, granted, None));
        }
        match spent(&self.journal, workflow).await {
            Ok(Some(spent)) => Some(Case::Settle(workflow, spent, None)),
            Ok(None) => None,
            // Nobody can say what it spent: all of it, then.
            Err(Error::Archived(_)) => Some(Case::Settle(workflow, granted, None)),
            Err(error @ (Error::Corrupt(_) | Error::TooNew(_))) => {
                tracing::warn!(%workflow, %error, "its grant stays with it");
                None
            }
            Err(error) => {
                tracing::warn!(%workflow, %error, "its grant is looked into later");
                self.owed.push(Message::Check(workflow));
                None
            }
        }
    }

    /// The events of a batch, with who wrote them, and the asks that are refused, by their place.
    fn decide(
        &mut self,
        cases: &[Case],
        now: Timestamp,
    ) -> (Vec<(Event, String)>, HashMap<usize, Refusal>) {
        let (mut events, mut refused) = (Vec::new(), HashMap::new());
        for (n, case) in cases.iter().enumerate() {
            let (command, by) = match case {
                Case::Ask(ask, ..) => {
                    let Ask { workflow, microusd, raise, before_microusd, call } = *ask;
                    let by = if call { "gateway" } else { "intent" };
                    (Command::Grant { workflow, microusd, raise, before_microusd, call }, by)
                }
                Case::Settle(workflow, spent, _) => {
                    let (workflow, spent_microusd) = (*workflow, *spent);
                    (Command::Settle { workflow, spent_microusd }, "intent")
                }
                Case::SetLimit(limit, by, _) => (Command::SetLimit(*limit), by.as_str()),
            };
            match self.account.decide(command, now) {
                Ok(event) => events.extend(event.map(|event| (event, by.to_owned()))),
                Err(rejected) => {
                    let account = self.owner.clone();
                    refused.insert(n, Refusal::OverLimit { account, rejected });
                }
            }
        }
        (events, refused)
    }

    async fn append(&mut self, events: &[(Event, String)], now: Timestamp) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        let stream = self.stream();
        let epoch = self.journal.epoch(stream.shard(self.journal.shards()));
        let write = write(stream, self.next, events, now);
        self.journal.append(Batch { epoch, writes: vec![write], bodies: Vec::new() }).await?;
        self.next += events.len() as u64;
        Ok(())
    }

    async fn done(
        &mut self,
        cases: Vec<Case>,
        mut refused: HashMap<usize, Refusal>,
        events: &[(Event, String)],
        now: Timestamp,
    ) {
        {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            for (event, _) in events {
                state.fold(event, now);
            }
        }
        for (n, case) in cases.into_iter().enumerate() {
            // Whoever has gone drops its hold, which is looked into then.
            match case {
                Case::Ask(_, hold, reply) => {
                    let _ = reply.send(refused.remove(&n).map_or(Ok(hold), Err));
                }
                Case::Settle(_, _, reply) => {
                    let _ = reply.map(|reply| reply.send(()));
                }
                Case::SetLimit(_, _, reply) => {
                    let _ = reply.send(Ok(()));
                }
            }
        }
        self.keep_snapshot(events.len() as u64).await;
    }

    /// As long as nobody knows how the account stands nothing is granted, and what must be settled
    /// waits.
    fn refuse(&mut self, messages: Vec<Message>, error: &Error) {
        for message in messages {
            match message {
                Message::Ask { reply, .. } => {
                    let _ = reply.send(Err(error.clone().into()));
                }
                Message::SetLimit { reply, .. } => {
                    let _ = reply.send(Err(error.clone().into()));
                }
                owed => self.owed.push(owed),
            }
        }
    }

    fn failed(&mut self, cases: Vec<Case>, error: &Error) {
        for case in cases {
            match case {
                Case::Ask(_, _hold, reply) => {
                    let _ = reply.send(Err(error.clone().into()));
                }
                Case::Settle(workflow, spent_microusd, reply) => {
                    self.owed.push(Message::Settle { workflow, spent_microusd, reply });
                }
                Case::SetLimit(_, _, reply) => {
                    let _ = reply.send(Err(error.clone().into()));
                }
            }
        }
    }

    fn stream(&self) -> StreamId {
        self.owner.id().stream()
    }

    /// Reads the account anew. Nothing changes when the journal cannot give it.
    async fn refold(&mut self) -> Result<(), Error> {
        let (account, next) = fold(&self.journal, self.stream()).await?;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = account.clone();
        (self.account, self.next, self.stale) = (account, next, false);
        Ok(())
    }

    async fn keep_snapshot(&self, added: u64) {
        if self.next / SNAPSHOT_EVERY == self.next.saturating_sub(added) / SNAPSHOT_EVERY {
            return;
        }
        let Ok(state) = rmp_serde::to_vec_named(&self.account) else { return };
        let snapshot = Snapshot { next: self.next, version: FOLD_VERSION, state };
        if let Err(error) = self.journal.save_snapshot(self.stream(), snapshot).await {
            tracing::warn!(account = %self.owner, %error, "the account's snapshot was not kept");
        }
    }
}

/// Events of a stream as the journal takes them. An account is never woken.
pub(super) fn write<E: Recorded>(
    stream: StreamId,
    expect: u64,
    events: &[(E, String)],
    now: Timestamp,
) -> StreamWrite {
    let new = |(event, by): &(E, String)| NewEvent {
        at: now,
        actor: by.clone(),
        cause: None,
        trace: None,
        kind: event.kind().to_owned(),
        body: event.encode(),
    };
    let events = events.iter().map(new).collect();
    StreamWrite { stream, expect, events, standing: Standing::Waiting { wake: None } }
}

async fn fold(journal: &SharedJournal, stream: StreamId) -> Result<(Account, u64), Error> {
    let kept = journal.snapshot(stream).await?.filter(|kept| kept.version == FOLD_VERSION);
    let kept = kept.and_then(|kept| Some((rmp_serde::from_slice(&kept.state).ok()?, kept.next)));
    let (mut account, mut next): (Account, u64) = kept.unwrap_or_default();
    loop {
        let page = journal.read(stream, next, PAGE).await?;
        for event in &page {
            let known = Event::decode(&event.kind, &event.body).map_err(|why| {
                Error::Corrupt(format!("{} at {}: {why}", event.stream, event.seq))
            })?;
            if let Some(known) = known {
                account.fold(&known, event.at);
            }
            next = event.seq + 1;
        }
        if page.len() < PAGE {
            return Ok((account, next));
        }
    }
}

/// What a workflow spent that can spend no more; none while it can.
async fn spent(journal: &SharedJournal, workflow: WorkflowId) -> Result<Option<u64>, Error> {
    let Some(head) = journal.head(workflow.stream()).await? else { return Ok(Some(0)) };
    if head.standing != Standing::Closed {
        return Ok(None);
    }
    let (state, _) = load_workflow(journal, workflow).await?;
    if state.end.is_none() {
        return Ok(None);
    }
    let (intent, _) = load_intent(journal, IntentId(workflow.0)).await?;
    // An intent is settled after its accounts: this grant is one that came too late to be used.
    let settled = intent.settled.is_some();
    Ok(Some(if settled { 0 } else { state.budget.spent.saturating_add(state.budget.excess) }))
}
