//! What every journal must do, as scenarios over the port alone.
//!
//! Each scenario gets a fresh journal and panics with what was expected when it is not met.
//! [`all`] runs them one after the other, naming each, so that a failure says which it was.
//! Faults of disks and processes are not here: they belong to one implementation's own tests.

mod appends;
mod bodies;
mod readers;
mod standing;

use crate::{Batch, BodyKey, Event, NewEvent, SharedJournal, Standing, StreamWrite};
use autoos_kernel::{
    id::{IntentId, StreamId, WorkflowId},
    time::Timestamp,
};
use futures::future::BoxFuture;
use std::future::Future;
use uuid::Uuid;

type Scenario = fn(SharedJournal) -> BoxFuture<'static, ()>;

/// All scenarios by name.
pub const SCENARIOS: &[(&str, Scenario)] = &[
    ("an append reads back", |j| Box::pin(appends::reads_back(j))),
    ("an append checks what it expects", |j| Box::pin(appends::checks_sequence(j))),
    ("a refused batch leaves no trace", |j| Box::pin(appends::all_or_nothing(j))),
    ("a stale epoch is refused", |j| Box::pin(appends::refuses_stale_epochs(j))),
    ("a malformed batch is refused", |j| Box::pin(appends::refuses_malformed(j))),
    ("one of many racing writers wins", |j| Box::pin(appends::one_writer_wins(j))),
    ("chains verify from the outside", |j| Box::pin(appends::chains_verify(j))),
    ("a large batch reads back", |j| Box::pin(appends::large_batches(j))),
    ("a long stream reads in pages", |j| Box::pin(readers::pages(j))),
    ("a scan follows the shard", |j| Box::pin(readers::scans(j))),
    ("a subscription has no gap", |j| Box::pin(readers::subscribes(j))),
    ("a subscription starts where it is told", |j| Box::pin(readers::subscribes_from(j))),
    ("groups keep their cursors", |j| Box::pin(readers::groups(j))),
    ("members of a group share the shards", |j| Box::pin(readers::leases(j))),
    ("who runs and who waits is known", |j| Box::pin(standing::index(j))),
    ("timers come in order", |j| Box::pin(standing::timers(j))),
    ("snapshots are kept", |j| Box::pin(standing::snapshots(j))),
    ("bodies are stored once", |j| Box::pin(bodies::stored_once(j))),
    ("bodies need their owner's key", |j| Box::pin(bodies::need_their_key(j))),
    ("large and empty bodies read back", |j| Box::pin(bodies::sizes(j))),
    ("erased bodies are gone and events stay", |j| Box::pin(bodies::erased(j))),
];

/// Runs all scenarios, each on a journal of its own from `make`.
///
/// # Panics
/// When one of them is not met.
pub async fn all<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = SharedJournal>,
{
    for (name, scenario) in SCENARIOS {
        tracing::info!(name, "conformance");
        let told = Told(name);
        scenario(make().await).await;
        std::mem::forget(told);
    }
}

/// Names the scenario when it is dropped by a panic.
struct Told(&'static str);

impl Drop for Told {
    fn drop(&mut self) {
        tracing::error!(name = self.0, "conformance scenario failed");
        #[expect(clippy::print_stdout, reason = "a failed test's name belongs in its output")]
        {
            println!("conformance scenario failed: {}", self.0);
        }
    }
}

/// An event with little in it.
#[must_use]
pub fn event(kind: &str, at: u64) -> NewEvent {
    NewEvent {
        at: Timestamp(at),
        actor: "conformance".into(),
        cause: None,
        trace: None,
        kind: kind.into(),
        body: kind.as_bytes().to_vec(),
    }
}

/// A write of `kinds` to a stream.
#[must_use]
pub fn write(stream: StreamId, expect: u64, kinds: &[&str], standing: Standing) -> StreamWrite {
    let events = kinds.iter().zip(expect..).map(|(kind, at)| event(kind, at)).collect();
    StreamWrite { stream, expect, events, standing }
}

/// A batch of writes under the journal's epoch.
#[must_use]
pub fn batch(journal: &SharedJournal, writes: Vec<StreamWrite>) -> Batch {
    let shard = writes[0].stream.shard(journal.shards());
    Batch { epoch: journal.epoch(shard), writes, bodies: vec![] }
}

/// The streams of an intent and its workflow, by a number.
#[must_use]
pub fn pair(n: u128) -> (StreamId, StreamId) {
    (IntentId(Uuid::from_u128(n)).stream(), WorkflowId(Uuid::from_u128(n)).stream())
}

/// Appends `kinds` to a stream that stands at `expect`.
async fn append(journal: &SharedJournal, stream: StreamId, expect: u64, kinds: &[&str]) {
    let writes = vec![write(stream, expect, kinds, Standing::Running)];
    journal.append(batch(journal, writes)).await.expect("the append is in order");
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

async fn key(journal: &SharedJournal, stream: StreamId) -> BodyKey {
    journal.body_key(stream.uuid).await.expect("a key is given")
}
