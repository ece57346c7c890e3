//! API keys: made, listed, revoked, checked.
//!
//! They are a fold of one stream, `ky-…`, that every node follows; a check reads memory alone.
//! While no key was ever made the node is *open*: every caller is let in as the tenant
//! [`DEFAULT_TENANT`], and the edge serves loopback alone. The first key closes it for good:
//! from then on a call needs a key that was made and not revoked, and when all are revoked nobody
//! gets in until another is made (on the node itself, by `autoos key create`).
//!
//! What is stored is the hash of a key under the node's pepper. A check compares with every hash
//! there is, each in constant time, and stops at none.

mod event;

pub use event::Event;

use crate::{Denied, Error, Secret, pepper::Pepper};
use autoos_journal::{
    Batch, Error as JournalError, NewEvent, SharedJournal, Standing, StreamWrite,
};
use autoos_kernel::{
    codec::Recorded,
    id::{Prefix, StreamId},
    time::Timestamp,
};
use event::State;
use serde::Serialize;
use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use uuid::Uuid;

/// The tenant of callers without a key while none was ever made, and of keys made without one.
pub const DEFAULT_TENANT: &str = "default";
/// The stream of keys is the same everywhere; its name is part of the journal's format.
const STREAM: Uuid = Uuid::from_u128(0x6175_746f_6f73_8000_8000_0000_6b65_7973);
/// How often a node looks for keys that were made or revoked elsewhere.
const FOLLOW: Duration = Duration::from_millis(250);
/// Events of the stream that are read at once.
const PAGE: usize = 1_024;
/// How often a change is tried again when others were first.
const TRIES: usize = 8;
/// Characters of a name or a tenant.
const NAME_MAX: usize = 128;
/// Bytes of a presented key; longer ones are not looked at.
const PRESENTED_MAX: usize = 256;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose key it is; what the caller makes and sees is this tenant's.
    pub tenant: Arc<str>,
    /// The key; none while the node is open.
    pub key_id: Option<Arc<str>>,
}

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// What it is called in lists and the audit; not secret.
    pub id: Arc<str>,
    /// What people call it.
    pub name: String,
    /// Whose calls it lets in.
    pub tenant: Arc<str>,
    /// When it was made, as RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub created: Timestamp,
    /// When it was revoked.
    #[serde(serialize_with = "as_text_opt")]
    pub revoked: Option<Timestamp>,
}

fn as_text<S: serde::Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

fn as_text_opt<S: serde::Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => to.collect_str(at),
        None => to.serialize_none(),
    }
}

/// The API keys of a node; cheap to clone.
#[derive(Clone)]
pub struct Keys {
    shared: Arc<Shared>,
    _follower: Arc<Follower>,
}

struct Shared {
    journal: SharedJournal,
    pepper: Pepper,
    state: RwLock<State>,
}

/// The task that follows the stream; it ends with the last of the keys' handles.
struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("stream", &stream()).finish_non_exhaustive()
    }
}

fn stream() -> StreamId {
    StreamId::new(Prefix::KEYS, STREAM)
}

impl Keys {
    /// Reads the keys and follows them from then on. The pepper is the file `keys.pepper` in
    /// `data_dir`, mode 0600, made at the first start.
    ///
    /// # Errors
    /// When the journal or the pepper cannot be read, or the pepper of existing keys is lost.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(journal: SharedJournal, data_dir: &Path) -> Result<Self, Error> {
        let mut state = State::default();
        read_on(&journal, &mut state).await?;
        let pepper = Pepper::open(data_dir, !state.is_open())?;
        let shared = Arc::new(Shared { journal, pepper, state: RwLock::new(state) });
        let follower = tokio::spawn(follow(shared.clone()));
        Ok(Self { shared, _follower: Arc::new(Follower(follower)) })
    }

    /// Whether no key was ever made: everyone is let in, so only loopback may be served.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.read().is_open()
    }

    /// Who calls with the key `presented`.
    ///
    /// # Errors
    /// [`Denied`], unless the node is open.
    pub fn check(&self, presented: Option<&str>) -> Result<Caller, Denied> {
        let state = self.shared.read();
        if state.is_open() {
            return Ok(Caller { tenant: DEFAULT_TENANT.into(), key_id: None });
        }
        if state.damaged() {
            return Err(Denied::Unavailable);
        }
        let presented = presented.filter(|key| !key.is_empty()).ok_or(Denied::Missing)?;
        if presented.len() > PRESENTED_MAX {
            return Err(Denied::Invalid);
        }
        let found = state.find(self.shared.pepper.hash(presented)).ok_or(Denied::Invalid)?;
        if found.revoked.is_some() {
            tracing::info!(key = %found.id, "refused: the key is revoked");
            return Err(Denied::Invalid);
        }
        Ok(Caller { tenant: found.tenant.clone(), key_id: Some(found.id.clone()) })
    }

    /// Makes a key for `tenant`, called `name`, and gives the secret: it is shown this once and
    /// kept nowhere. Durable and in force when this returns.
    ///
    /// # Errors
    /// When the name or the tenant cannot be, or the journal did not record it.
    pub async fn create(&self, name: &str, tenant: &str) -> Result<(KeyInfo, Secret), Error> {
        check_name("name", name)?;
        check_name("tenant", tenant)?;
        let secret = Secret::random();
        let id = format!("key-{:012x}", rand::random::<u64>() >> 16);
        let hash = *self.shared.pepper.hash(secret.expose()).as_bytes();
        let (name, tenant) = (name.to_owned(), tenant.to_owned());
        let event = Event::KeyCreated { id: id.clone(), hash, name, tenant };
        self.shared.record(|_| Ok(Some(event.clone()))).await?;
        let info = self.shared.read().by_id(&id).cloned();
        Ok((info.ok_or(Error::Missing(id))?, secret))
    }

    /// Every key that was ever made, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        self.shared.read().infos()
    }

    /// Revokes a key: from the return on it is refused here, and elsewhere within a second.
    /// Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error::Missing`], and when the journal did not record it.
    pub async fn revoke(&self, id: &str) -> Result<KeyInfo, Error> {
        let missing = || Error::Missing(id.chars().take(64).collect());
        self.shared
            .record(|state| match state.by_id(id) {
                None => Err(missing()),
                Some(known) if known.revoked.is_some() => Ok(None),
                Some(_) => Ok(Some(Event::KeyRevoked { id: id.to_owned() })),
            })
            .await?;
        let info = self.shared.read().by_id(id).cloned();
        info.ok_or_else(missing)
    }
}

fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let length = name.chars().count();
    if length == 0 || length > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Error::Invalid(format!(
            "a key's {what} has 1 to {NAME_MAX} characters and no control characters"
        )));
    }
    Ok(())
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folds what was recorded since the last look.
    async fn refresh(&self) -> Result<(), Error> {
        let mut state = self.read().clone();
        let next = state.next();
        let result = read_on(&self.journal, &mut state).await;
        let mut kept = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Another look may have got further in the meantime.
        if state.next() > kept.next() || (state.damaged() && next == kept.next()) {
            *kept = state;
        }
        result
    }

    /// Records what `decide` makes of the newest state, and folds it; nothing on `None`.
    async fn record(
        &self,
        decide: impl Fn(&State) -> Result<Option<Event>, Error>,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            self.refresh().await?;
            let (event, expect) = {
                let state = self.read();
                (decide(&state)?, state.next())
            };
            let Some(event) = event else { return Ok(()) };
            let stream = stream();
            let epoch = self.journal.epoch(stream.shard(self.journal.shards()));
            let event = NewEvent {
                at: now(),
                actor: "guard".into(),
                cause: None,
                trace: None,
                kind: event.kind().into(),
                body: event.encode(),
            };
            let standing = Standing::Waiting { wake: None };
            let write = StreamWrite { stream, expect, events: vec![event], standing };
            match self.journal.append(Batch { epoch, writes: vec![write], bodies: vec![] }).await {
                Ok(_) => return self.refresh().await,
                Err(JournalError::Sequence { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}

/// Folds the stream from where the state stands to its end.
async fn read_on(journal: &SharedJournal, state: &mut State) -> Result<(), Error> {
    loop {
        let page = journal.read(stream(), state.next(), PAGE).await?;
        for event in &page {
            state.fold(event)?;
        }
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

async fn follow(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(FOLLOW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        ticks.tick().await;
        match shared.refresh().await {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "the API keys cannot be followed");
            }
            Err(_) => {}
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
