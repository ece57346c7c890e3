//! Checking a whole store against itself: offsets without gaps, every chain, every head, every
//! index, every row of who runs and waits. This finds what sled loses without a word.

use super::{Store, guard, keys, sled_error, value};
use crate::{
    Error, Standing,
    ledger::StreamHead,
    row::{Chain, broken_chain, chain_start, decode_event, decode_row, digest, link},
};
use autoos_kernel::id::{Shard, StreamId};
use std::collections::HashMap;

/// What the events of a stream add up to.
struct Found {
    next: u64,
    chain: Chain,
    /// The sum of the offsets of its blocks, each mixed: equal sums mean equal sets.
    blocks: u64,
    last_block: Option<u64>,
}

impl Store {
    /// Checks everything; `ends` are the shards' ends. Returns how many events were read.
    pub(crate) fn verify(&self, ends: &[u64]) -> Result<u64, Error> {
        let mut events = 0;
        for (n, end) in (0..).zip(ends) {
            let found = self.verify_events(Shard(n), *end)?;
            events += found.values().map(|found| found.next).sum::<u64>();
            self.verify_heads(Shard(n), found)?;
            // Reading them checks their checksums.
            self.visit_rest(Shard(n), |_| Ok(()))?;
        }
        Ok(events)
    }

    fn verify_events(&self, shard: Shard, end: u64) -> Result<HashMap<StreamId, Found>, Error> {
        let mut found: HashMap<StreamId, Found> = HashMap::new();
        let mut reached = 0;
        self.scan_blocks(shard, end, |block, at, count, row| {
            reached = at + count;
            if row.is_empty() {
                return Ok(());
            }
            let mut events = 0;
            for write in decode_row(row)? {
                let stream = write.stream()?;
                events += write.events.len() as u64;
                let entry = match found.entry(stream) {
                    std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::hash_map::Entry::Vacant(entry) => {
                        // An archived stream that went on begins where its head says; that it
                        // may is checked against the head.
                        let chain =
                            if write.seq == 0 { chain_start(stream) } else { write.prev()? };
                        entry.insert(Found { next: write.seq, chain, blocks: 0, last_block: None })
                    }
                };
                if write.seq != entry.next || write.prev()? != entry.chain {
                    return Err(broken_chain(stream, write.seq, entry.next));
                }
                for bytes in &write.events {
                    let event = decode_event(bytes)?;
                    if event.stream != stream || event.seq != entry.next {
                        return Err(broken_chain(stream, event.seq, entry.next));
                    }
                    entry.chain = link(&entry.chain, &digest(bytes));
                    entry.next += 1;
                }
                if entry.last_block.replace(block) != Some(block) {
                    entry.blocks = entry.blocks.wrapping_add(mix(block));
                }
            }
            if events != count {
                return Err(Error::Corrupt(format!("shard {} miscounts at {at}", shard.0)));
            }
            Ok(())
        })?;
        let (_, applied) = self.shard_applied(shard)?;
        if reached != end || applied != end {
            return Err(Error::Corrupt(format!(
                "shard {} of the event store ends at {reached}, not {end}",
                shard.0
            )));
        }
        Ok(found)
    }

    /// As [`Store::scan_rows`], telling each row's block too.
    fn scan_blocks(
        &self,
        shard: Shard,
        end: u64,
        mut visit: impl FnMut(u64, u64, u64, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        guard(|| {
            let tree = &self.tree(shard);
            let mut at = 0;
            for entry in tree.scan_prefix(keys::EVENTS) {
                let (key, row) = entry.map_err(sled_error)?;
                let block = keys::offset_of(&key)?;
                if block != at || block >= end {
                    return Err(Error::Corrupt(format!(
                        "shard {} of the event store lacks the events from {at} on",
                        shard.0
                    )));
                }
                for part in value::rows(&value::unpack(&value::whole(tree, &key, &row)?)?)? {
                    visit(block, at, part.count, part.row)?;
                    at += part.count;
                }
            }
            Ok(())
        })
    }

    fn verify_heads(&self, shard: Shard, mut found: HashMap<StreamId, Found>) -> Result<(), Error> {
        guard(|| {
            let tree = &self.tree(shard);
            let mut standing = 0usize;
            for entry in tree.scan_prefix(keys::HEADS) {
                let (key, row) = entry.map_err(sled_error)?;
                let stream = keys::stream_at_end(&key)?;
                let head = value::decode_head(&value::whole(tree, &key, &row)?)?;
                let events = found.remove(&stream);
                self.verify_head(stream, &head, events)?;
                let row = match head.standing {
                    Standing::Running => keys::running(stream),
                    Standing::Waiting { wake: Some(at) } => keys::timer(at, stream),
                    Standing::Closed if head.base < head.next => keys::closed(head.last_at, stream),
                    _ => continue,
                };
                if tree.get(row).map_err(sled_error)?.is_none() {
                    return Err(Error::Corrupt(format!(
                        "{stream} is not in the index of who runs"
                    )));
                }
                standing += 1;
            }
            if let Some(stream) = found.keys().next() {
                return Err(Error::Corrupt(format!("the head of {stream} is missing")));
            }
            let rows: usize = [keys::RUNNING, keys::TIMERS, keys::CLOSED]
                .iter()
                .map(|kind| tree.scan_prefix(kind).keys().count())
                .sum();
            if rows != standing {
                return Err(Error::Corrupt(format!(
                    "shard {} has {rows} rows of who runs and waits for {standing} streams",
                    shard.0
                )));
            }
            Ok(())
        })
    }

    fn verify_head(
        &self,
        stream: StreamId,
        head: &StreamHead,
        events: Option<Found>,
    ) -> Result<(), Error> {
        let Some(events) = events else {
            return if head.base == head.next {
                Ok(())
            } else {
                Err(Error::Corrupt(format!("the events of {stream} are missing")))
            };
        };
        if events.next != head.next || events.chain != head.chain {
            return Err(broken_chain(stream, events.next, head.next));
        }
        let mut blocks: Vec<u64> =
            self.blocks(stream, 0)?.into_iter().flat_map(|(_, blocks)| blocks).collect();
        blocks.dedup();
        let sum = blocks.iter().fold(0u64, |sum, block| sum.wrapping_add(mix(*block)));
        if sum != events.blocks {
            return Err(Error::Corrupt(format!("the index of {stream} is incomplete")));
        }
        Ok(())
    }
}

/// Spreads an offset over 64 bits (the finalizer of SplitMix64).
fn mix(n: u64) -> u64 {
    let n = (n ^ 0x9e37_79b9_7f4a_7c15 ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
