//! The journal in memory: the twin of the local one for tests and the simulator.
//!
//! It keeps the rules (it is made of the same ledger and rows) and nothing across the end of the
//! process. Its answers are ready at once, so it runs under a simulated clock, and it can be told
//! to fail. Several nodes can share one journal, each leading the shards that a test gives it:
//! what a replicated journal is to its users, without the replication.

use crate::{
    Batch, Body, BodyKey, Cursor, Error, Event, Head, Journal, Key, Leading, Position, Snapshot,
    ledger::{self, Draft, Row, StandingIndex, StreamHead},
    row::{self, Verifier},
    subscribe,
};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
    time::Timestamp,
};
use futures::{
    FutureExt,
    future::{self, BoxFuture},
    stream::BoxStream,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;
use uuid::Uuid;

/// The journal in memory, as one node has it.
pub struct MemoryJournal {
    shared: Arc<Shared>,
    node: String,
}

/// What subscriptions hold on to as well.
struct Shared {
    shards: u16,
    state: Mutex<State>,
    commits: watch::Sender<u64>,
}

/// What happens to an append that was told to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is refused and leaves no trace.
    Lost,
    /// It is recorded, and the caller gets the error all the same.
    Recorded,
}

struct State {
    /// Of each shard.
    epochs: Vec<u64>,
    /// Which node may write each shard.
    leaders: Vec<Option<String>>,
    nodes: BTreeMap<String, watch::Sender<Leading>>,
    rows: Vec<Vec<Arc<Row>>>,
    heads: HashMap<StreamId, StreamHead>,
    index: HashMap<StreamId, Vec<Arc<Row>>>,
    standing: StandingIndex,
    keys: HashMap<Uuid, BodyKey>,
    bodies: HashMap<(Uuid, BodyRef), Vec<u8>>,
    erased: HashSet<Uuid>,
    snapshots: HashMap<StreamId, Snapshot>,
    groups: BTreeMap<String, Cursor>,
    degraded: Option<String>,
    faults: VecDeque<(Error, Outcome)>,
}

impl MemoryJournal {
    /// An empty journal, all of whose shards this node leads.
    ///
    /// # Panics
    /// When `shards` is zero.
    #[must_use]
    pub fn new(shards: u16) -> Arc<Self> {
        assert!(shards > 0, "a journal has at least one shard");
        let node = "node".to_owned();
        let state = State {
            epochs: vec![1; usize::from(shards)],
            leaders: vec![Some(node.clone()); usize::from(shards)],
            nodes: BTreeMap::from([(node.clone(), watch::Sender::new(Leading::all(shards, 1)))]),
            rows: vec![Vec::new(); usize::from(shards)],
            heads: HashMap::new(),
            index: HashMap::new(),
            standing: StandingIndex::default(),
            keys: HashMap::new(),
            bodies: HashMap::new(),
            erased: HashSet::new(),
            snapshots: HashMap::new(),
            groups: BTreeMap::new(),
            degraded: None,
            faults: VecDeque::new(),
        };
        let state = Mutex::new(state);
        let shared = Arc::new(Shared { shards, state, commits: watch::Sender::new(0) });
        Arc::new(Self { shared, node })
    }

    /// The same journal as another node has it: that one leads nothing until it is given a shard.
    #[must_use]
    pub fn node(&self, name: &str) -> Arc<Self> {
        self.shared.lock().nodes.entry(name.into()).or_default();
        Arc::new(Self { shared: self.shared.clone(), node: name.into() })
    }

    /// Gives a shard to a node, or to nobody, under a new epoch: writers of the old one are
    /// refused from now on, even where the node stays the same.
    ///
    /// # Panics
    /// When there is no such shard or node.
    pub fn give(&self, shard: Shard, node: Option<&str>) -> u64 {
        let mut state = self.shared.lock();
        let at = usize::from(shard.0);
        state.epochs[at] += 1;
        let epoch = state.epochs[at];
        if let Some(old) = std::mem::replace(&mut state.leaders[at], node.map(str::to_owned)) {
            state.nodes[&old].send_modify(|leading| {
                leading.0.remove(&shard);
            });
        }
        if let Some(node) = node {
            let of = state.nodes.get(node).expect("a node that gets a shard was made before");
            of.send_modify(|leading| {
                leading.0.insert(shard, epoch);
            });
        }
        epoch
    }

    /// Raises all epochs, as a restart of the process would: writers of the old ones are refused.
    pub fn next_epoch(&self) {
        for shard in (0..self.shared.shards).map(Shard) {
            let leader = self.leader(shard);
            self.give(shard, leader.as_deref());
        }
    }

    /// Makes the next append that passes its checks fail; calls queue up.
    pub fn fail_next(&self, error: Error, outcome: Outcome) {
        self.shared.lock().faults.push_back((error, outcome));
    }

    /// Makes the journal read-only for the reason given, or writable again.
    pub fn set_degraded(&self, why: Option<String>) {
        self.shared.lock().degraded = why;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_append(&self, node: &str, batch: Batch) -> Result<Position, Error> {
        let (draft, bodies) = Draft::new(batch, self.shards)?;
        let mut state = self.lock();
        if let Some(why) = &state.degraded {
            return Err(Error::ReadOnly(why.clone()));
        }
        state.check_leader(node, draft.shard)?;
        state.check_bodies(&bodies)?;
        let at = usize::from(draft.shard.0);
        let offset = state.rows[at].last().map_or(0, |row| row.end());
        let row = draft.admit(state.epochs[at], offset, |id| Ok(state.heads.get(&id).copied()))?;
        let fault = state.faults.pop_front();
        if let Some((error, Outcome::Lost)) = fault {
            return Err(error);
        }
        let position = Position { shard: row.shard, offset: row.end() - 1 };
        state.apply(row, bodies);
        drop(state);
        self.commits.send_modify(|n| *n += 1);
        fault.map_or(Ok(position), |(error, _)| Err(error))
    }

    fn ends_now(&self) -> Cursor {
        let state = self.lock();
        let ends = state.rows.iter().map(|rows| rows.last().map_or(0, |row| row.end()));
        Cursor((0..self.shards).map(Shard).zip(ends).collect())
    }

    fn try_read(&self, stream: StreamId, from: u64, limit: usize) -> Result<Vec<Event>, Error> {
        let state = self.lock();
        let rows = state.index.get(&stream).map(Vec::as_slice).unwrap_or_default();
        let mut verifier = Verifier::new(stream);
        let mut events = Vec::new();
        for row in rows {
            verifier.take(&row.value, from, limit, &mut events)?;
        }
        Ok(events)
    }

    fn try_scan(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<(Position, Event)>, Error> {
        let state = self.lock();
        let rows = state.rows.get(usize::from(shard.0)).ok_or_else(|| no_shard(shard))?;
        let first = rows.partition_point(|row| row.end() <= offset);
        let mut events = Vec::new();
        for row in &rows[first..] {
            if events.len() >= limit {
                break;
            }
            row::scan_row(&row.value, shard, row.offset, offset, limit, &mut events)?;
        }
        Ok(events)
    }

    fn try_body_key(&self, owner: Uuid) -> Result<BodyKey, Error> {
        let mut state = self.lock();
        if state.erased.contains(&owner) {
            return Err(Error::Erased(owner));
        }
        let new = || BodyKey { owner, secret: Key(rand::random()) };
        Ok(state.keys.entry(owner).or_insert_with(new).clone())
    }

    fn try_group_ack(&self, node: &str, group: &str, position: Position) -> Result<(), Error> {
        let end = self.ends_now().0.get(&position.shard).copied();
        let mut state = self.lock();
        let acked = state.groups.get(group).and_then(|c| c.0.get(&position.shard)).copied();
        let next = check_ack(group, position, acked, end)?;
        state.check_leader(node, position.shard)?;
        state.groups.entry(group.into()).or_default().0.insert(position.shard, next);
        Ok(())
    }
}

impl State {
    fn check_leader(&self, node: &str, shard: Shard) -> Result<(), Error> {
        match &self.leaders[usize::from(shard.0)] {
            Some(leader) if leader == node => Ok(()),
            leader => Err(Error::NotLeader { shard, leader: leader.clone() }),
        }
    }

    fn leads(&self, node: &str, stream: &StreamId) -> bool {
        let shards = u16::try_from(self.rows.len()).unwrap_or(u16::MAX);
        self.check_leader(node, stream.shard(shards)).is_ok()
    }

    fn check_bodies(&self, bodies: &[Body]) -> Result<(), Error> {
        for body in bodies {
            let owner = body.key.owner;
            if self.erased.contains(&owner) {
                return Err(Error::Erased(owner));
            }
            if self.keys.get(&owner).is_some_and(|key| *key != body.key) {
                return Err(wrong_key(owner));
            }
        }
        Ok(())
    }

    fn apply(&mut self, row: Row, bodies: Vec<Body>) {
        for body in bodies {
            self.keys.entry(body.key.owner).or_insert_with(|| body.key.clone());
            self.bodies.entry((body.key.owner, body.body)).or_insert(body.bytes);
        }
        let row = Arc::new(row);
        for change in &row.changes {
            self.heads.insert(change.stream, change.after);
            self.index.entry(change.stream).or_default().push(row.clone());
            self.standing.apply(change);
        }
        self.rows[usize::from(row.shard.0)].push(row);
    }
}

/// The cursor after an acknowledgement of the event at `position`, with the group's cursor and
/// the shard's end.
pub(crate) fn check_ack(
    group: &str,
    position: Position,
    acked: Option<u64>,
    end: Option<u64>,
) -> Result<u64, Error> {
    let end = end.ok_or_else(|| no_shard(position.shard))?;
    if group.is_empty() || group.len() > ledger::MAX_NAME_BYTES {
        return Err(ledger::invalid("a group's name has 1 to 512 bytes"));
    }
    if position.offset >= end {
        return Err(ledger::invalid(format!(
            "offset {} of shard {} is not written yet",
            position.offset, position.shard.0
        )));
    }
    let next = position.offset + 1;
    match acked {
        Some(acked) if next < acked => Err(Error::Conflict(format!(
            "group {group} has acknowledged shard {} up to offset {}",
            position.shard.0,
            acked - 1
        ))),
        _ => Ok(next),
    }
}

pub(crate) fn no_shard(shard: Shard) -> Error {
    ledger::invalid(format!("there is no shard {}", shard.0))
}

pub(crate) fn wrong_key(owner: Uuid) -> Error {
    ledger::invalid(format!("this is not the key of {owner}: take it from body_key"))
}

impl subscribe::Source for Arc<Shared> {
    fn ends(&self) -> Cursor {
        self.ends_now()
    }

    fn page(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Event)>, Error>> {
        now(self.try_scan(shard, offset, limit))
    }
}

/// The answer, ready at once.
fn now<T: Send + 'static>(answer: T) -> BoxFuture<'static, T> {
    future::ready(answer).boxed()
}

impl Journal for MemoryJournal {
    fn shards(&self) -> u16 {
        self.shared.shards
    }

    fn epoch(&self, shard: Shard) -> u64 {
        self.leading().borrow().0.get(&shard).copied().unwrap_or(0)
    }

    fn leading(&self) -> watch::Receiver<Leading> {
        self.shared.lock().nodes[&self.node].subscribe()
    }

    fn leader(&self, shard: Shard) -> Option<String> {
        self.shared.lock().leaders.get(usize::from(shard.0)).cloned().flatten()
    }

    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Position, Error>> {
        now(self.shared.try_append(&self.node, batch))
    }

    fn read(
        &self,
        stream: StreamId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Event>, Error>> {
        now(self.shared.try_read(stream, from, limit))
    }

    fn head(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Head>, Error>> {
        now(Ok(self.shared.lock().heads.get(&stream).map(StreamHead::public)))
    }

    fn scan(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Event)>, Error>> {
        now(self.shared.try_scan(shard, offset, limit))
    }

    fn end(&self) -> Cursor {
        self.shared.ends_now()
    }

    fn subscribe(&self, from: Cursor) -> BoxStream<'static, Result<(Position, Event), Error>> {
        let commits = self.shared.commits.subscribe();
        subscribe::follow(self.shared.clone(), from, commits)
    }

    fn body_key(&self, owner: Uuid) -> BoxFuture<'static, Result<BodyKey, Error>> {
        now(self.shared.try_body_key(owner))
    }

    fn body(
        &self,
        owner: Uuid,
        body: BodyRef,
    ) -> BoxFuture<'static, Result<Option<Vec<u8>>, Error>> {
        let state = self.shared.lock();
        if state.erased.contains(&owner) {
            return now(Err(Error::Erased(owner)));
        }
        now(Ok(state.bodies.get(&(owner, body)).cloned()))
    }

    fn erase(&self, owner: Uuid) -> BoxFuture<'static, Result<(), Error>> {
        let mut state = self.shared.lock();
        if let Err(error) = state.check_leader(&self.node, Shard::of(owner, self.shared.shards)) {
            return now(Err(error));
        }
        state.erased.insert(owner);
        state.keys.remove(&owner);
        state.bodies.retain(|(of, _), _| *of != owner);
        now(Ok(()))
    }

    fn save_snapshot(
        &self,
        stream: StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'static, Result<(), Error>> {
        self.shared.lock().snapshots.insert(stream, snapshot);
        now(Ok(()))
    }

    fn snapshot(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Snapshot>, Error>> {
        now(Ok(self.shared.lock().snapshots.get(&stream).cloned()))
    }

    fn running(&self) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        let state = self.shared.lock();
        let led = |stream: &&StreamId| state.leads(&self.node, stream);
        now(Ok(state.standing.running.iter().filter(led).copied().collect()))
    }

    fn due(&self, at: Timestamp, limit: usize) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        let state = self.shared.lock();
        let due = state.standing.waiting.iter().take_while(|(wake, _)| *wake <= at);
        let led = due.map(|(_, stream)| *stream).filter(|stream| state.leads(&self.node, stream));
        now(Ok(led.take(limit).collect()))
    }

    fn next_due(&self) -> BoxFuture<'static, Result<Option<Timestamp>, Error>> {
        let state = self.shared.lock();
        let mut waiting = state.standing.waiting.iter();
        now(Ok(waiting.find(|(_, stream)| state.leads(&self.node, stream)).map(|(at, _)| *at)))
    }

    fn group_cursor(&self, group: &str) -> BoxFuture<'static, Result<Cursor, Error>> {
        now(Ok(self.shared.lock().groups.get(group).cloned().unwrap_or_default()))
    }

    fn group_ack(&self, group: &str, position: Position) -> BoxFuture<'static, Result<(), Error>> {
        now(self.shared.try_group_ack(&self.node, group, position))
    }

    fn degraded(&self) -> Option<String> {
        self.shared.lock().degraded.clone()
    }
}
