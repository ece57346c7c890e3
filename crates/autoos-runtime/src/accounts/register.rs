//! The stream that names the accounts there are, so that a start finds them.

use super::pen::write;
use autoos_journal::{Batch, Error, SharedJournal};
use autoos_kernel::{
    account::{Owner, Register},
    codec::Recorded,
    id::{Prefix, StreamId},
    time::Timestamp,
};
use uuid::Uuid;

/// The stream is the same everywhere; its name is part of the journal's format.
const STREAM: Uuid = Uuid::from_u128(0x6175_746f_6f73_8000_8000_6163_636f_756e);
/// Events that are read at once.
const PAGE: usize = 1_024;
/// How often a name is written again when others were first, or nothing certain was said.
const TRIES: usize = 4;

fn stream() -> StreamId {
    StreamId::new(Prefix::ACCOUNT, STREAM)
}

/// Where the stream ends.
pub(super) struct Book {
    next: u64,
}

impl Book {
    /// Reads who has an account.
    pub(super) async fn open(journal: &SharedJournal) -> Result<(Self, Vec<Owner>), Error> {
        let mut book = Self { next: 0 };
        let owners = book.read_on(journal).await?;
        Ok((book, owners))
    }

    /// The owners that were added since the last look, each once.
    async fn read_on(&mut self, journal: &SharedJournal) -> Result<Vec<Owner>, Error> {
        let mut owners: Vec<Owner> = Vec::new();
        loop {
            let page = journal.read(stream(), self.next, PAGE).await?;
            for event in &page {
                let known = Register::decode(&event.kind, &event.body).map_err(|why| {
                    Error::Corrupt(format!("{} at {}: {why}", event.stream, event.seq))
                })?;
                if let Some(Register::AccountOpened(owner)) = known
                    && !owners.contains(&owner)
                {
                    owners.push(owner);
                }
                self.next = event.seq + 1;
            }
            if page.len() < PAGE {
                return Ok(owners);
            }
        }
    }

    /// Adds an owner, and returns once that is durable.
    pub(super) async fn add(
        &mut self,
        journal: &SharedJournal,
        owner: &Owner,
        by: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let events = [(Register::AccountOpened(owner.clone()), by.to_owned())];
        let mut tries = TRIES;
        loop {
            let write = write(stream(), self.next, &events, now);
            let epoch = journal.epoch(stream().shard(journal.shards()));
            let batch = Batch { epoch, writes: vec![write], bodies: Vec::new() };
            let error = match journal.append(batch).await {
                Ok(_) => {
                    self.next += 1;
                    return Ok(());
                }
                Err(error) => error,
            };
            tries -= 1;
            let again = error.is_unknown() || matches!(error, Error::Sequence { .. });
            if !again || tries == 0 {
                return Err(error);
            }
            if self.read_on(journal).await?.contains(owner) {
                return Ok(());
            }
        }
    }
}
