//! The shards that this node hosts: each has its actor for as long as the journal says that this
//! node leads it, and not a moment longer.
//!
//! One task follows [`Journal::leading`](autoos_journal::Journal::leading). A shard that comes gets
//! an actor, and everyone who must be running is brought back; one that goes, or comes back under
//! another epoch, loses its actor with all that ran below it. What those had begun to append is
//! refused by the epoch, so a stop that is late harms nobody, and an effect in flight is looked into
//! by whoever hosts the shard next, once its deadline is over.
//! Left out: where a request for a shard of another node goes; whoever asked is told who leads it.

use crate::{
    clock::SystemRng,
    parts::{Parts, Setup},
    shard::{self, ShardActor},
    submission::Refusal,
    waker::Bell,
};
use autoos_journal::{Error, Leading};
use autoos_kernel::{
    id::{Shard, uuid_at},
    rng::Rng as _,
};
use futures::future;
use ractor::{Actor as _, ActorRef};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::watch;
use uuid::Uuid;

/// How long is waited for the actor of a shard that has come.
const START_WITHIN: Duration = Duration::from_secs(1);
/// How long the actors of a shard may take to end before they are killed.
const END_WITHIN: Duration = Duration::from_secs(5);
/// After how long it is tried again to bring back who must run.
const AGAIN: Duration = Duration::from_millis(200);
/// How many ids are drawn to find one of a shard that is led here: with one of 16 led, more are
/// needed in fewer than one of a million cases.
const DRAWS: usize = 256;

/// The table.
pub(crate) struct Hosts {
    parts: Parts,
    setup: Arc<Setup>,
    bell: Arc<Bell>,
    table: RwLock<HashMap<Shard, Host>>,
    /// Changes with the table.
    changed: watch::Sender<()>,
}

#[derive(Clone)]
struct Host {
    epoch: u64,
    actor: ActorRef<shard::Message>,
}

impl Hosts {
    /// Hosts what is led now, and returns once all that must run is on its way.
    ///
    /// # Errors
    /// When the journal cannot say who must run.
    pub(crate) async fn start(
        parts: Parts,
        setup: Arc<Setup>,
        bell: Arc<Bell>,
    ) -> Result<Arc<Self>, Error> {
        let (table, changed) = (RwLock::default(), watch::Sender::new(()));
        let hosts = Arc::new(Self { parts, setup, bell, table, changed });
        let leading = hosts.parts.journal.leading().borrow().clone();
        hosts.become_host_of(&leading).await;
        hosts.wake_running(None).await?;
        Ok(hosts)
    }

    /// Follows what is led until it is aborted, or the journal is gone.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut leading = self.parts.journal.leading();
        leading.mark_changed();
        while leading.changed().await.is_ok() {
            let now = leading.borrow_and_update().clone();
            let gained = self.become_host_of(&now).await;
            if gained.is_empty() {
                continue;
            }
            while let Err(error) = self.wake_running(Some(&gained)).await {
                if matches!(error, Error::Halted(_)) {
                    return;
                }
                tracing::error!(%error, "cannot read who must run on the shards that came");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Ends the actors of what is not led any more, and starts those of what is led since.
    async fn become_host_of(&self, leading: &Leading) -> Vec<Shard> {
        let lost: Vec<(Shard, Host)> = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            let gone = |shard: &Shard, host: &mut Host| leading.0.get(shard) != Some(&host.epoch);
            table.extract_if(gone).collect()
        };
        future::join_all(lost.into_iter().map(|(shard, host)| async move {
            tracing::info!(shard = shard.0, epoch = host.epoch, "the shard is led elsewhere");
            host.end().await;
        }))
        .await;
        let mut gained = Vec::new();
        for (shard, epoch) in &leading.0 {
            if self.get(*shard).is_some() {
                continue;
            }
            let arguments = shard::Arguments {
                parts: self.parts.clone(),
                setup: self.setup.clone(),
                bell: self.bell.clone(),
                shard: *shard,
                epoch: *epoch,
            };
            match ShardActor::spawn(None, ShardActor, arguments).await {
                Ok((actor, _)) => {
                    let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
                    table.insert(*shard, Host { epoch: *epoch, actor });
                    gained.push(*shard);
                }
                // Its start does nothing that could fail; orders for it are refused meanwhile.
                Err(error) => tracing::error!(shard = shard.0, %error, "no actor for the shard"),
            }
        }
        self.changed.send_replace(());
        // What waits on these shards may be due.
        self.bell.put_away();
        gained
    }

    /// Brings back everyone who must be running on these shards, or on all that are hosted.
    pub(crate) async fn wake_running(&self, on: Option<&[Shard]>) -> Result<(), Error> {
        let shards = self.parts.journal.shards();
        for stream in self.parts.journal.running().await? {
            if on.is_none_or(|on| on.contains(&Shard::of(stream.uuid, shards))) {
                self.wake(stream.uuid);
            }
        }
        Ok(())
    }

    /// Brings one back, if its shard is hosted.
    pub(crate) fn wake(&self, uuid: Uuid) {
        let shard = Shard::of(uuid, self.parts.journal.shards());
        if let Some(host) = self.get(shard) {
            // A shard that goes is woken by whoever leads it next.
            let _ = host.actor.send_message(shard::Message::Wake(uuid));
        }
    }

    /// The actor of the shard that `uuid` lies in. A shard that has just come is waited for.
    ///
    /// # Errors
    /// [`Refusal::Elsewhere`] when this node does not lead it.
    pub(crate) async fn of(&self, uuid: Uuid) -> Result<ActorRef<shard::Message>, Refusal> {
        let journal = &self.parts.journal;
        let shard = Shard::of(uuid, journal.shards());
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(host) = self.get(shard) {
                return Ok(host.actor);
            }
            if journal.epoch(shard) == 0 {
                return Err(Refusal::Elsewhere { leader: journal.leader(shard) });
            }
            let change = tokio::time::timeout(START_WITHIN, changed.changed()).await;
            if change.is_err() {
                return Err(Refusal::Elsewhere { leader: None });
            }
        }
    }

    fn get(&self, shard: Shard) -> Option<Host> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(&shard).cloned()
    }

    /// All actors.
    pub(crate) fn all(&self) -> Vec<ActorRef<shard::Message>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.values().map(|host| host.actor.clone()).collect()
    }

    /// Ends all actors.
    pub(crate) async fn stop(&self) {
        let hosts: Vec<_> = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            table.drain().map(|(_, host)| host).collect()
        };
        future::join_all(hosts.into_iter().map(Host::end)).await;
    }
}

impl Host {
    async fn end(self) {
        if self.actor.stop_and_wait(None, Some(END_WITHIN)).await.is_err() {
            // One that is gone already has nothing to end.
            self.actor.kill();
        }
    }
}

/// A new id, of a shard that this node leads: so what nobody named before is taken on where it was
/// asked for.
///
/// # Errors
/// [`Refusal::Elsewhere`] when it leads none.
pub(crate) fn new_uuid(parts: &Parts) -> Result<Uuid, Refusal> {
    let (journal, now) = (&parts.journal, parts.clock.now());
    let draw = || uuid_at(now, SystemRng.uuid_bits());
    let shards = journal.shards();
    let led = |uuid: &Uuid| journal.epoch(Shard::of(*uuid, shards)) != 0;
    (0..DRAWS).map(|_| draw()).find(led).ok_or_else(|| {
        let leader = (0..shards).find_map(|shard| journal.leader(Shard(shard)));
        Refusal::Elsewhere { leader }
    })
}
