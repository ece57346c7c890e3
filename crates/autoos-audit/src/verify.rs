//! The reader of exports: what in one is not as it was written, and where.
//!
//! It goes through the file once. What it keeps is a tree per shard and where each stream stands,
//! about a hundred bytes for each. After something that is wrong it goes on as well as it can, so
//! that one damage is one problem and not as many as there are lines behind it.

use crate::{
    FORMAT, Hash, PublicKey, SignedCheckpoint, Tree,
    line::{End, EventLine, Header, Line, Pruned},
};
use autoos_journal::{chain_link, chain_start, event_digest, event_of};
use autoos_kernel::id::{Prefix, StreamId, WorkflowId};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, BufRead, Read as _},
};

/// Problems that are told one by one; the rest is counted.
const TOLD: usize = 100;
/// No line is longer than this, in bytes.
const LINE_MAX: u64 = 64 << 20;

/// What a file is held against besides itself.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The public keys that may sign; any that the file names where there are none.
    pub keys: Vec<PublicKey>,
    /// Checkpoints that were kept elsewhere.
    pub witnesses: Vec<SignedCheckpoint>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether all is as it was written.
    pub ok: bool,
    /// Events that were read.
    pub events: u64,
    /// How many of these a checkpoint covers; the signature at the end alone is over the others.
    pub covered: u64,
    /// Streams that they belong to.
    pub streams: u64,
    /// The workflows that were asked for; none where the file holds all that there is.
    pub workflows: Vec<WorkflowId>,
    /// Checkpoints whose roots were computed anew.
    pub checkpoints: u64,
    /// The newest of them.
    pub newest: Option<Newest>,
    /// The key that signs the file.
    pub key: Option<PublicKey>,
    /// Whether that key was given by whoever verifies. If not, the file is whole in itself, and
    /// somebody may have written it.
    pub key_given: bool,
    /// How many checkpoints kept elsewhere it was held against.
    pub witnesses: u64,
    /// What is wrong, in the order of the file; 100 at most.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more_problems: u64,
}

/// The newest checkpoint of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Newest {
    /// Its number.
    pub number: u64,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line of the file, from 1.
    pub line: u64,
    /// The shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<u16>,
    /// The offset in the shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// The sequence in the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// Reads an export and says what is wrong with it.
///
/// # Errors
/// When the file cannot be read; what is in it is never an error.
pub fn verify(file: impl BufRead, trust: &Trust) -> io::Result<Verdict> {
    let mut reader = Reader::new(trust);
    reader.read(file)?;
    Ok(reader.conclude())
}

/// One shard as far as it was read.
#[derive(Default)]
struct ShardSeen {
    tree: Tree,
    /// Whether its tree is that of the lines: not after a line is missing or too many.
    lost: bool,
    /// The events of the file that lie in it since the last checkpoint.
    uncovered: u64,
    /// The offset and the line behind what the last checkpoint proved.
    proven: (u64, u64),
}

struct Reader<'a> {
    trust: &'a Trust,
    header: Option<Header>,
    line: u64,
    hasher: blake3::Hasher,
    shards: Vec<ShardSeen>,
    /// The shards that an export of some workflows goes through.
    touched: BTreeSet<u16>,
    chains: HashMap<StreamId, (u64, [u8; 32])>,
    last: Option<SignedCheckpoint>,
    /// Checkpoints that must come again as events.
    awaited: BTreeMap<u64, Hash>,
    /// The checkpoints kept elsewhere that were not met yet.
    witnesses: Vec<SignedCheckpoint>,
    ended: bool,
    verdict: Verdict,
}

impl<'a> Reader<'a> {
    fn new(trust: &'a Trust) -> Self {
        let verdict = Verdict {
            ok: false,
            events: 0,
            covered: 0,
            streams: 0,
            workflows: Vec::new(),
            checkpoints: 0,
            newest: None,
            key: None,
            key_given: !trust.keys.is_empty(),
            witnesses: 0,
            problems: Vec::new(),
            more_problems: 0,
        };
        Self {
            trust,
            header: None,
            line: 0,
            hasher: blake3::Hasher::new(),
            shards: Vec::new(),
            touched: BTreeSet::new(),
            chains: HashMap::new(),
            last: None,
            awaited: BTreeMap::new(),
            witnesses: trust.witnesses.clone(),
            ended: false,
            verdict,
        }
    }

    fn read(&mut self, mut file: impl BufRead) -> io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if file.by_ref().take(LINE_MAX).read_until(b'\n', &mut bytes)? == 0 {
                return Ok(());
            }
            self.line += 1;
            if self.ended {
                self.wrong("there is more behind the end of the export");
                return Ok(());
            }
            match Line::read(&bytes) {
                Ok(line) => self.take(line),
                Err(why) => self.unreadable(&why),
            }
            if self.header.is_none() {
                // Not an export at all, or one that this version does not read.
                self.wrong("nothing of it was verified, without its header");
                return Ok(());
            }
            self.hasher.update(&bytes);
        }
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Header(header) => self.header(header),
            Line::Event(event) => self.event(&event),
            Line::Pruned(pruned) => self.pruned(&pruned),
            Line::Checkpoint(signed) => self.checkpoint(*signed),
            Line::End(end) => self.end(&end),
        }
    }

    fn unreadable(&mut self, why: &str) {
        let what = if self.line == 1 {
            format!("this is no export of autoos that begins with its header ({why})")
        } else {
            format!("the line was changed: it cannot be read ({why})")
        };
        self.wrong(what);
    }

    fn header(&mut self, header: Header) {
        if self.header.is_some() {
            return self.wrong("a second header: two exports were put together");
        }
        if header.format != FORMAT {
            return self.wrong(format!(
                "the export has format {} and this version of autoos reads {FORMAT}: \
                 verify it with the version that wrote it, or a newer one",
                header.format
            ));
        }
        if header.shards == 0 {
            return self.wrong("a journal has at least one shard");
        }
        self.known_key(header.key);
        self.shards.resize_with(usize::from(header.shards), ShardSeen::default);
        let streams = header.workflows.iter().map(|id| id.stream());
        self.touched = streams.map(|stream| stream.shard(header.shards).0).collect();
        if header.workflows.is_empty() {
            self.touched = (0..header.shards).collect();
        }
        self.verdict.key = Some(header.key);
        self.verdict.workflows.clone_from(&header.workflows);
        self.header = Some(header);
    }

    fn known_key(&mut self, key: PublicKey) {
        if !self.trust.keys.is_empty() && !self.trust.keys.contains(&key) {
            self.wrong(format!("it is signed by {key}, which is not a key that was given"));
        }
    }

    fn event(&mut self, line: &EventLine) {
        let place = |what: String| Problem {
            shard: Some(line.shard),
            offset: Some(line.offset),
            stream: Some(line.stream),
            seq: Some(line.seq),
            what,
            ..Problem::default()
        };
        self.verdict.events += 1;
        if !self.enters(line.shard) {
            return self.tell(place("events of this shard do not belong into this export".into()));
        }
        let digest = event_digest(&line.bytes.0);
        match event_of(&line.bytes.0) {
            Err(error) => self.tell(place(format!("the event was changed: {error}"))),
            Ok(event) => {
                let same = event.stream == line.stream
                    && event.seq == line.seq
                    && event.at == line.at_ms
                    && event.actor == line.actor
                    && event.kind == line.kind;
                if !same {
                    self.tell(place(format!(
                        "the line was changed: the event in it is {} of {}, number {}",
                        event.kind, event.stream, event.seq
                    )));
                }
                if event.stream.shard(self.shards.len() as u16).0 != line.shard {
                    self.tell(place("the event does not belong into this shard".into()));
                }
                if event.stream.prefix == Prefix::CHECKPOINTS {
                    self.recorded(&event);
                }
            }
        }
        let seen = &mut self.shards[usize::from(line.shard)];
        let expected = seen.tree.end();
        seen.uncovered += 1;
        let moved = line.offset != expected;
        if moved {
            seen.lost = true;
        } else {
            seen.tree.push(&digest);
        }
        if moved && line.offset > expected {
            seen.tree = Tree::from(line.offset + 1);
        }
        if moved {
            self.tell(place(out_of_place(line.offset, expected)));
        }
        self.chain(line, &digest, moved, place);
    }

    /// Holds an event against the chain of its stream.
    fn chain(
        &mut self,
        line: &EventLine,
        digest: &[u8; 32],
        moved: bool,
        place: impl Fn(String) -> Problem,
    ) {
        let (next, chain) =
            self.chains.get(&line.stream).copied().unwrap_or_else(|| (0, chain_start(line.stream)));
        if line.seq < next {
            // A line too many: the stream stands where it stood.
            return if !moved {
                self.tell(place(format!("event {} of its stream comes again", line.seq)));
            };
        }
        if line.seq > next && !moved {
            let what = format!("the events {next} to {} of its stream are missing", line.seq - 1);
            self.tell(place(what));
        }
        let computed = chain_link(&chain, digest);
        if line.seq == next && computed != line.chain.0 {
            self.tell(place("the event was changed: the chain of its stream breaks here".into()));
        }
        self.chains.insert(line.stream, (line.seq.saturating_add(1), line.chain.0));
    }

    fn pruned(&mut self, line: &Pruned) {
        if !self.enters(line.shard) {
            return self.wrong("hashes of this shard do not belong into this export");
        }
        let seen = &mut self.shards[usize::from(line.shard)];
        let expected = seen.tree.end();
        if !seen.tree.push_subtree(line.subtree) {
            seen.lost = true;
            let width = 1u64.checked_shl(line.subtree.level.into()).unwrap_or(u64::MAX);
            let behind = line.subtree.start.saturating_add(width);
            if behind > expected {
                seen.tree = Tree::from(behind);
            }
            self.tell(Problem {
                shard: Some(line.shard),
                offset: Some(line.subtree.start),
                what: out_of_place(line.subtree.start, expected),
                ..Problem::default()
            });
        }
    }

    /// Whether an export as its header says it is goes through a shard.
    fn enters(&self, shard: u16) -> bool {
        usize::from(shard) < self.shards.len() && self.touched.contains(&shard)
    }

    fn checkpoint(&mut self, signed: SignedCheckpoint) {
        let number = signed.checkpoint.number;
        let say = |what: &str| format!("checkpoint {number}: {what}");
        if !signed.is_signed() {
            return self.wrong(say("it was changed: the signature is not that of its key"));
        }
        self.known_key(signed.checkpoint.key);
        if signed.checkpoint.shards.len() != self.shards.len() {
            return self.wrong(say("it is of a journal with another number of shards"));
        }
        self.follows(&signed);
        for shard in self.touched.clone() {
            self.proves(&signed, shard);
        }
        self.meets(&signed);
        self.verdict.checkpoints += 1;
        let hash = signed.checkpoint.hash();
        self.awaited.insert(number, hash);
        self.verdict.newest = Some(Newest { number, at_ms: signed.checkpoint.at_ms.0, hash });
        self.last = Some(signed);
    }

    /// Holds a checkpoint against the one before it.
    fn follows(&mut self, signed: &SignedCheckpoint) {
        let (number, previous) = (signed.checkpoint.number, signed.checkpoint.previous);
        let whole = self.verdict.workflows.is_empty();
        let what = match &self.last {
            None if whole && number != 1 => format!("the checkpoints before {number} are missing"),
            None if number == 1 && previous != Hash::default() => {
                "checkpoint 1 names one before it".to_owned()
            }
            None => return,
            Some(last) => {
                let before = last.checkpoint.number;
                if number <= before {
                    format!("checkpoint {number} comes behind checkpoint {before}")
                } else if number > before + 1 && whole {
                    format!("the checkpoints {} to {} are missing", before + 1, number - 1)
                } else if number == before + 1 && previous != last.checkpoint.hash() {
                    format!(
                        "checkpoint {number} does not follow checkpoint {before} of this file: \
                         two histories were put together"
                    )
                } else {
                    return;
                }
            }
        };
        self.wrong(what);
    }

    /// Holds what was read of a shard against a checkpoint.
    fn proves(&mut self, signed: &SignedCheckpoint, shard: u16) {
        let number = signed.checkpoint.number;
        let share = signed.checkpoint.shards[usize::from(shard)];
        let line = self.line;
        let seen = &mut self.shards[usize::from(shard)];
        let (end, (from, first_line)) = (seen.tree.end(), seen.proven);
        let wrong = if end != share.events {
            Some(format!(
                "checkpoint {number} is over {} events of the shard, and {end} come before it",
                share.events
            ))
        } else if seen.lost {
            // Said already, where it happened.
            None
        } else if seen.tree.root() != share.root {
            Some(format!(
                "the events {from} to {} of the shard, in the lines {} to {}, are not those that \
                 checkpoint {number} signed, although their chains hold: they were written anew",
                end.saturating_sub(1),
                first_line + 1,
                line - 1
            ))
        } else {
            seen.proven = (end, line);
            self.verdict.covered += std::mem::take(&mut seen.uncovered);
            return;
        };
        // What comes behind can be proven by nothing that is before it.
        seen.lost = true;
        if let Some(what) = wrong {
            let place = Problem { shard: Some(shard), offset: Some(from), ..Problem::default() };
            self.tell(Problem { what, ..place });
        }
    }

    /// Holds a checkpoint against those that were kept elsewhere.
    fn meets(&mut self, signed: &SignedCheckpoint) {
        let number = signed.checkpoint.number;
        let (met, rest) = std::mem::take(&mut self.witnesses)
            .into_iter()
            .partition(|witness| witness.checkpoint.number == number);
        self.witnesses = rest;
        for witness in met {
            self.verdict.witnesses += 1;
            if witness.checkpoint.hash() != signed.checkpoint.hash() {
                self.wrong(format!(
                    "checkpoint {number} is another than the one that was kept elsewhere: \
                     the history was written anew, or it is a fork"
                ));
            }
        }
    }

    /// Holds a checkpoint's event against its line.
    fn recorded(&mut self, event: &autoos_journal::Event) {
        let Some(signed) = SignedCheckpoint::decode(event) else { return };
        let number = signed.checkpoint.number;
        match self.awaited.remove(&number) {
            Some(hash) if hash == signed.checkpoint.hash() => {}
            Some(_) => self.wrong(format!("checkpoint {number} was recorded as another")),
            None if self.verdict.workflows.is_empty() => {
                self.wrong(format!("the line of checkpoint {number} is missing"));
            }
            None => {}
        }
    }

    fn end(&mut self, end: &End) {
        self.ended = true;
        let Some(header) = self.header.clone() else { return };
        if !header.key.verifies(&end.says.text(), &end.signature) {
            self.wrong("the signature of the export is not that of its key");
        }
        if end.says.lines != self.line - 1 {
            let what = format!(
                "the export was written with {} lines before its end and has {}",
                end.says.lines,
                self.line - 1
            );
            self.wrong(what);
        } else if end.says.hash.0 != *self.hasher.finalize().as_bytes() {
            self.wrong(
                "a line of the export is not as it was written, see the others; if there are none, \
                 it is one of those with texts, or their order",
            );
        }
        let heads = |id: &WorkflowId| [id.intent().stream(), id.stream()];
        for stream in header.workflows.iter().flat_map(heads) {
            let read = self.chains.get(&stream).map(|(next, chain)| (*next, Hash(*chain)));
            if read.is_none() || end.says.heads.get(&stream) != read.as_ref() {
                let (next, _) = read.unwrap_or_default();
                self.tell(Problem {
                    stream: Some(stream),
                    seq: Some(next),
                    what: "the stream does not end as it did when the export was made".into(),
                    ..Problem::default()
                });
            }
        }
    }

    fn conclude(mut self) -> Verdict {
        if self.line == 0 {
            self.wrong("the file is empty");
        } else if !self.ended && self.header.is_some() {
            self.wrong("the export is cut: it has no end");
        }
        if self.verdict.workflows.is_empty()
            && self.ended
            && let Some(number) = self.awaited.keys().next().copied()
        {
            self.wrong(format!("checkpoint {number} was never recorded as an event"));
        }
        let newest = self.verdict.newest.map_or(0, |newest| newest.number);
        for witness in std::mem::take(&mut self.witnesses) {
            let number = witness.checkpoint.number;
            let whole = self.verdict.workflows.is_empty();
            let what = if number > newest {
                format!(
                    "checkpoint {number}, which was kept elsewhere, is newer than all in this \
                     export, which ends at {newest}: what came behind was cut off or written \
                     anew, or the export was made before"
                )
            } else if whole {
                format!("checkpoint {number}, which was kept elsewhere, is not in this export")
            } else {
                format!(
                    "an export of some workflows cannot be held against checkpoint {number}: \
                     export with --all"
                )
            };
            self.wrong(what);
        }
        self.verdict.streams = self.chains.len() as u64;
        self.verdict.ok = self.verdict.problems.is_empty();
        self.verdict
    }

    fn wrong(&mut self, what: impl Into<String>) {
        self.tell(Problem { what: what.into(), ..Problem::default() });
    }

    fn tell(&mut self, problem: Problem) {
        if self.verdict.problems.len() < TOLD {
            self.verdict.problems.push(Problem { line: self.line, ..problem });
        } else {
            self.verdict.more_problems += 1;
        }
    }
}

fn out_of_place(found: u64, expected: u64) -> String {
    if found > expected {
        format!("the events {expected} to {} of the shard are missing before this", found - 1)
    } else {
        format!("out of place: the events up to {} of the shard were read before", expected - 1)
    }
}

#[cfg(test)]
#[path = "edits_test.rs"]
mod tests;
