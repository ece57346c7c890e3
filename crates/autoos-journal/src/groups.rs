//! Consumer groups: members of a process share a group's shards, each shard leased to one member.
//!
//! Every event reaches the group at least once: a member takes its shards' events from the
//! group's durable cursor on, and a shard that changes hands is delivered again from its last
//! acknowledgement. Leases live in this process; nodes of a cluster lease shards to each other
//! elsewhere.

use crate::{Cursor, Error, Event, Position, SharedJournal};
use autoos_kernel::id::Shard;
use futures::{StreamExt, future::BoxFuture, stream::BoxStream};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// The consumer groups of a journal.
#[derive(Clone)]
pub struct Groups(Arc<Desk>);

/// The members of a group by name, and where each learns what it has leased.
type Members = BTreeMap<String, watch::Sender<BTreeSet<Shard>>>;

struct Desk {
    journal: SharedJournal,
    groups: Mutex<BTreeMap<String, Members>>,
}

impl Groups {
    /// The groups of `journal`. One per journal and process, or leases are not exclusive.
    #[must_use]
    pub fn new(journal: SharedJournal) -> Self {
        Self(Arc::new(Desk { journal, groups: Mutex::default() }))
    }

    /// Makes `consumer` a member of `group` and shares the shards anew; dropping the member
    /// leaves. A name that is a member already is [`Error::Conflict`].
    pub async fn join(&self, group: &str, consumer: &str) -> Result<Member, Error> {
        // The name is checked where cursors are kept; asking early gives the error early.
        self.0.journal.group_cursor(group).await?;
        let leases = {
            let mut groups = self.0.lock();
            let members = groups.entry(group.to_owned()).or_default();
            if members.contains_key(consumer) {
                return Err(Error::Conflict(format!(
                    "{consumer} is already a member of group {group}"
                )));
            }
            let (sender, leases) = watch::channel(BTreeSet::new());
            members.insert(consumer.to_owned(), sender);
            share(members, self.0.journal.shards());
            leases
        };
        Ok(Member {
            desk: self.0.clone(),
            group: group.to_owned(),
            consumer: consumer.to_owned(),
            leases,
            events: None,
        })
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Members>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives each member its share, moving as few shards as that takes.
fn share(members: &Members, shards: u16) {
    if members.is_empty() {
        return;
    }
    let (each, more) = (usize::from(shards) / members.len(), usize::from(shards) % members.len());
    let mut free: BTreeSet<Shard> = (0..shards).map(Shard).collect();
    let mut kept = Vec::new();
    // Those who hold most keep the shards that do not divide evenly.
    let mut by_size: Vec<_> = members.values().collect();
    by_size.sort_by_key(|sender| std::cmp::Reverse(sender.borrow().len()));
    for (n, sender) in by_size.iter().enumerate() {
        let quota = each + usize::from(n < more);
        let keep: BTreeSet<Shard> = sender.borrow().iter().copied().take(quota).collect();
        free.retain(|shard| !keep.contains(shard));
        kept.push((sender, keep, quota));
    }
    // First those that lose shards are told, so that no shard has two holders in between.
    kept.sort_by_key(|(_, keep, quota)| quota - keep.len());
    for (sender, mut keep, quota) in kept {
        while keep.len() < quota {
            let Some(shard) = free.pop_first() else { break };
            keep.insert(shard);
        }
        sender.send_if_modified(|held| {
            let changed = *held != keep;
            *held = keep;
            changed
        });
    }
}

/// A member of a group.
pub struct Member {
    desk: Arc<Desk>,
    group: String,
    consumer: String,
    leases: watch::Receiver<BTreeSet<Shard>>,
    events: Option<BoxStream<'static, Result<(Position, Event), Error>>>,
}

impl Member {
    /// The shards whose events this member gets.
    #[must_use]
    pub fn leased(&self) -> BTreeSet<Shard> {
        self.leases.borrow().clone()
    }

    /// The next event of the leased shards. After the leases changed it starts again from the
    /// group's cursor, so what was not acknowledged comes again.
    pub async fn next(&mut self) -> Result<(Position, Event), Error> {
        loop {
            if self.leases.has_changed().unwrap_or(false) || self.events.is_none() {
                self.events = Some(self.start().await?);
            }
            let events = self.events.as_mut().expect("was started above");
            tokio::select! {
                biased;
                _ = self.leases.changed() => self.events = None,
                next = events.next() => return next.unwrap_or_else(|| Err(Error::Halted("the journal was closed".into()))),
            }
        }
    }

    async fn start(
        &mut self,
    ) -> Result<BoxStream<'static, Result<(Position, Event), Error>>, Error> {
        let leased = self.leases.borrow_and_update().clone();
        let mut from: Cursor = self.desk.journal.group_cursor(&self.group).await?;
        for shard in (0..self.desk.journal.shards()).map(Shard) {
            if !leased.contains(&shard) {
                // No journal reaches this offset: the shard is another member's.
                from.0.insert(shard, u64::MAX);
            }
        }
        Ok(self.desk.journal.subscribe(from))
    }

    /// Acknowledges all events of the shard up to and with this one; durable when it returns. A
    /// shard that is leased to another member by now is [`Error::Conflict`].
    pub fn ack(&self, position: Position) -> BoxFuture<'static, Result<(), Error>> {
        if self.leases.borrow().contains(&position.shard) {
            return self.desk.journal.group_ack(&self.group, position);
        }
        let lost = Error::Conflict(format!(
            "shard {} of group {} is leased to another member",
            position.shard.0, self.group
        ));
        Box::pin(std::future::ready(Err(lost)))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut groups = self.desk.lock();
        if let Some(members) = groups.get_mut(&self.group) {
            members.remove(&self.consumer);
            share(members, self.desk.journal.shards());
            if members.is_empty() {
                groups.remove(&self.group);
            }
        }
    }
}
