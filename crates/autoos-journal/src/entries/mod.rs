//! A log of numbered entries for many groups: what a consensus protocol writes down.
//!
//! One log per node for all its groups, made of the same frames and segments as the journal's
//! own: what waits is written as one frame and synced once. Beside its entries each group has a
//! vote, how far it is known to be committed, and how far it was purged; what these and the
//! entries mean is not known here.
//!
//! Entries can be read as soon as they were given, from memory or, the older ones, from the disk.
//! What a caller must know to be durable it is told of by the callback that it gives. An error of
//! the disk is final: what is on it is unknown then, and every later write fails too.
//!
//! A new segment begins with each group's vote, commit and purge, so a segment can go once the
//! entries in it are purged. A damaged last frame that nobody was told of is cut. Any other
//! damage means that a vote or an entry may be missing that others count on: such a node must not
//! go on under its name, and opening says so.

mod record;
mod writer;

use crate::{
    Error,
    disk::Disk,
    local::mark::{decode_mark, encode_mark},
    log::{
        appender::{Appender, Failure},
        reader::{self, Walk},
        segment,
    },
};
use record::Record;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::JoinHandle,
};
use writer::{Kept, Write, Writer};

/// Entries that are held in memory, bytes.
const CACHE_BYTES: usize = 64 << 20;
/// The file that tells how far the log was acknowledged.
const MARK: &str = "acked";

/// Told once what it came with is durable, or is not.
pub type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// How a log of entries is opened.
#[derive(Clone)]
pub struct EntryLogOptions {
    /// Where its segments lie; made if it is not there.
    pub dir: PathBuf,
    /// Whose log it is: a segment of another one does not fit.
    pub id: [u8; 16],
    /// How many groups there are; fixed.
    pub groups: u16,
    /// A segment is closed once it is this large.
    pub segment_bytes: u64,
    /// The disk.
    pub disk: Arc<dyn Disk>,
}

/// What is known of a group besides its entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupState {
    /// The vote as it was put.
    pub vote: Option<Vec<u8>>,
    /// How far it is committed, as it was put.
    pub committed: Option<Vec<u8>>,
    /// The index of the last purged entry, and what the purge said of it.
    pub purged: Option<(u64, Vec<u8>)>,
    /// The index of the last entry; none when it has no entries.
    pub last: Option<u64>,
}

/// The log.
pub struct EntryLog {
    shared: Arc<Shared>,
    writes: mpsc::Sender<Write>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    options: EntryLogOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    groups: Vec<Group>,
    /// Entries in memory, oldest first, and what they take.
    cached: VecDeque<(u16, u64)>,
    cached_bytes: usize,
    /// All segments together, bytes.
    bytes: u64,
}

#[derive(Default)]
struct Group {
    vote: Option<Vec<u8>>,
    committed: Option<Vec<u8>>,
    /// Whether `committed` changed since it was written down.
    newly_committed: bool,
    purged: Option<(u64, Vec<u8>)>,
    /// The index of the first of the entries.
    first: u64,
    entries: VecDeque<Slot>,
}

struct Slot {
    len: usize,
    bytes: Option<Arc<[u8]>>,
    /// The segment and the place in it, once it is written.
    place: Option<(u64, u64)>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // What is behind the lock is changed in one step; a panic leaves nothing half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EntryLog {
    /// Opens the log, or makes one. Blocks for as long as reading it takes.
    ///
    /// # Errors
    /// The disk fails, or the log is damaged where somebody was told that it is durable.
    pub fn open(options: EntryLogOptions) -> Result<Self, Error> {
        let disk = options.disk.clone();
        disk.create_dir(&options.dir)?;
        let mut state = State::default();
        state.groups.resize_with(usize::from(options.groups), Group::default);
        let mut most: BTreeMap<u64, BTreeMap<u16, u64>> = BTreeMap::new();
        let mut walk = reader::walk_placed(&*disk, &options.dir, &options.id, |place, payload| {
            for (at, record) in record::decode(payload)? {
                let at = place.at + at as u64;
                state.replay(record, (place.segment, at), &mut most)?;
            }
            Ok(())
        })?;
        repair(&options, &mut walk)?;
        let (last, crc) = walk.last.unwrap_or((0, 0));
        let (id, groups) = (options.id, options.groups);
        let log = Appender::begin(disk.clone(), &options.dir, id, groups, last + 1, crc)?;
        let path = options.dir.join(MARK);
        let mut mark = disk.open(&path)?;
        mark.set_len(12)?;
        mark.write_at(0, &encode_mark(&id, last))?;
        mark.sync()?;
        let kept = walk.segments.into_iter().map(|segment| {
            let most = most.remove(&segment.first).unwrap_or_default();
            Kept { segment, most }
        });
        let kept: VecDeque<Kept> = kept.collect();
        state.bytes = kept.iter().map(|kept| kept.segment.bytes).sum();
        let shared = Arc::new(Shared { options, state: Mutex::new(state) });
        let (writes, queue) = mpsc::channel();
        let mut writer = Writer::new(shared.clone(), log, mark, queue, kept);
        writer.restate().map_err(Failure::into_error)?;
        let thread =
            std::thread::Builder::new().name("entry-log".into()).spawn(move || writer.run())?;
        Ok(Self { shared, writes, thread: Mutex::new(Some(thread)) })
    }

    /// What is known of a group.
    #[must_use]
    pub fn state(&self, group: u16) -> GroupState {
        let state = self.shared.lock();
        let group = &state.groups[usize::from(group)];
        GroupState {
            vote: group.vote.clone(),
            committed: group.committed.clone(),
            purged: group.purged.clone(),
            last: group.last(),
        }
    }

    /// All that is on the disk, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.lock().bytes
    }

    /// Adds entries after the last one; the first of them may be anywhere in an empty group.
    ///
    /// # Panics
    /// When the indexes leave a gap.
    pub fn append(&self, group: u16, entries: Vec<(u64, Arc<[u8]>)>, done: Done) {
        let mut state = self.shared.lock();
        for (index, bytes) in &entries {
            state.push(group, *index, bytes.clone());
        }
        let entries = entries.into_iter().map(|(index, bytes)| (group, index, bytes)).collect();
        self.send(Write { entries, done: Some(done), ..Write::default() });
    }

    /// Drops the entries from `index` on. What is appended later is durable only with this.
    pub fn truncate(&self, group: u16, index: u64, done: Done) {
        let mut state = self.shared.lock();
        state.truncate(group, index);
        self.send(Write { truncate: Some((group, index)), done: Some(done), ..Write::default() });
    }

    /// Drops the entries up to and with `index`, and keeps `mark` to tell of them.
    pub fn purge(&self, group: u16, index: u64, mark: Vec<u8>, done: Done) {
        let mut state = self.shared.lock();
        state.purge(group, index, mark.clone());
        self.send(Write {
            purge: Some((group, index, mark)),
            done: Some(done),
            ..Write::default()
        });
    }

    /// Keeps a vote. It counts once `done` is told that it is durable.
    pub fn vote(&self, group: u16, vote: Vec<u8>, done: Done) {
        let mut state = self.shared.lock();
        state.groups[usize::from(group)].vote = Some(vote.clone());
        self.send(Write { vote: Some((group, vote)), done: Some(done), ..Write::default() });
    }

    /// Notes how far a group is committed. It is written with what comes next: losing it costs
    /// time, never truth.
    pub fn commit(&self, group: u16, committed: Vec<u8>) {
        let mut state = self.shared.lock();
        let group = &mut state.groups[usize::from(group)];
        group.committed = Some(committed);
        group.newly_committed = true;
    }

    /// Begins a new segment, so that what was purged in the one in hand can go.
    pub fn rotate(&self, done: Done) {
        let state = self.shared.lock();
        self.send(Write { rotate: true, done: Some(done), ..Write::default() });
        drop(state);
    }

    /// The entries of `from..until` that are there, in order, until they take `limit` bytes; the
    /// first one always.
    ///
    /// # Errors
    /// The disk's.
    pub fn read(
        &self,
        group: u16,
        from: u64,
        until: u64,
        limit: usize,
    ) -> io::Result<Vec<Arc<[u8]>>> {
        enum Found {
            Here(Arc<[u8]>),
            There((u64, u64), usize),
        }
        let mut found = Vec::new();
        let mut bytes = 0;
        {
            let state = self.shared.lock();
            let group = &state.groups[usize::from(group)];
            for index in from.max(group.first)..until {
                let Some(slot) = group.entries.get((index - group.first) as usize) else { break };
                bytes += slot.len;
                if bytes > limit && !found.is_empty() {
                    break;
                }
                found.push(match (&slot.bytes, slot.place) {
                    (Some(bytes), _) => Found::Here(bytes.clone()),
                    (None, Some(place)) => Found::There(place, slot.len),
                    (None, None) => return Err(io::Error::other("an entry has no place")),
                });
            }
        }
        let options = &self.shared.options;
        let read = found.into_iter().map(|found| match found {
            Found::Here(bytes) => Ok(bytes),
            Found::There((segment, at), len) => {
                let path = segment::path(&options.dir, segment);
                options.disk.read_at(&path, at, len).map(Arc::from)
            }
        });
        read.collect()
    }

    /// Whether a group has an entry in the oldest of several segments: purging it makes room.
    #[must_use]
    pub fn pins(&self, group: u16) -> bool {
        let state = self.shared.lock();
        let oldest = state
            .groups
            .iter()
            .filter_map(|group| group.entries.front().and_then(|slot| slot.place))
            .map(|(segment, _)| segment)
            .min();
        let mine = state.groups[usize::from(group)].entries.front().and_then(|slot| slot.place);
        mine.is_some() && mine.map(|(segment, _)| segment) == oldest
    }

    fn send(&self, write: Write) {
        if let Err(mpsc::SendError(write)) = self.writes.send(write) {
            write.finish(&Err("the log was closed".into()));
        }
    }
}

impl Drop for EntryLog {
    fn drop(&mut self) {
        let _ = self.writes.send(Write { stop: true, ..Write::default() });
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of the entry log panicked");
        }
    }
}

impl Group {
    fn last(&self) -> Option<u64> {
        let len = self.entries.len() as u64;
        if len > 0 { Some(self.first + len - 1) } else { None }
    }

    fn slot(&mut self, index: u64) -> Option<&mut Slot> {
        let at = index.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(at).ok()?)
    }
}

impl State {
    fn push(&mut self, group: u16, index: u64, bytes: Arc<[u8]>) {
        self.cached.push_back((group, index));
        self.cached_bytes += bytes.len();
        let slot = Slot { len: bytes.len(), bytes: Some(bytes), place: None };
        let group = &mut self.groups[usize::from(group)];
        if group.entries.is_empty() {
            group.first = index;
        }
        assert_eq!(index, group.first + group.entries.len() as u64, "entries have no gaps");
        group.entries.push_back(slot);
    }

    fn truncate(&mut self, group: u16, index: u64) {
        let group = &mut self.groups[usize::from(group)];
        let keep = index.saturating_sub(group.first) as usize;
        while group.entries.len() > keep {
            let slot = group.entries.pop_back();
            self.cached_bytes -= slot.and_then(|slot| slot.bytes).map_or(0, |bytes| bytes.len());
        }
    }

    fn purge(&mut self, group: u16, index: u64, mark: Vec<u8>) {
        let group = &mut self.groups[usize::from(group)];
        if group.purged.as_ref().is_none_or(|(purged, _)| *purged < index) {
            group.purged = Some((index, mark));
        }
        while group.first <= index {
            let Some(slot) = group.entries.pop_front() else {
                group.first = index + 1;
                break;
            };
            self.cached_bytes -= slot.bytes.map_or(0, |bytes| bytes.len());
            group.first += 1;
        }
    }

    /// Notes where entries were written, and lets go of the oldest ones in memory.
    fn placed(&mut self, places: &[(u16, u64, Arc<[u8]>, u64)], segment: u64) {
        for (group, index, bytes, at) in places {
            // It may have been truncated and another one given since: that one's write comes.
            if let Some(slot) = self.groups[usize::from(*group)].slot(*index)
                && slot.bytes.as_ref().is_some_and(|held| Arc::ptr_eq(held, bytes))
            {
                slot.place = Some((segment, *at));
            }
        }
        while self.cached_bytes > CACHE_BYTES {
            let Some((group, index)) = self.cached.front().copied() else { break };
            if let Some(slot) = self.groups[usize::from(group)].slot(index) {
                if slot.place.is_none() {
                    break;
                }
                self.cached_bytes -= slot.bytes.take().map_or(0, |bytes| bytes.len());
            }
            self.cached.pop_front();
        }
    }

    /// Takes in a record that was found on the disk.
    fn replay(
        &mut self,
        record: Record<'_>,
        place: (u64, u64),
        most: &mut BTreeMap<u64, BTreeMap<u16, u64>>,
    ) -> Result<(), Error> {
        let number = record.group();
        let group = self.groups.get_mut(usize::from(number));
        let group = group.ok_or_else(|| Error::Corrupt(format!("there is no group {number}")))?;
        match record {
            Record::Vote { vote, .. } => group.vote = Some(vote.to_vec()),
            Record::Commit { committed, .. } => group.committed = Some(committed.to_vec()),
            Record::Truncate { index, .. } => self.truncate(number, index),
            Record::Purge { index, mark, .. } => self.purge(number, index, mark.to_vec()),
            Record::Entry { index, bytes, .. } => {
                let highest = most.entry(place.0).or_default().entry(number).or_default();
                *highest = index.max(*highest);
                if group.purged.as_ref().is_some_and(|(purged, _)| index <= *purged) {
                    return Ok(());
                }
                if group.entries.is_empty() {
                    group.first = index;
                }
                if index != group.first + group.entries.len() as u64 {
                    return Err(Error::Corrupt(format!(
                        "entry {index} of group {number} does not follow the one before it"
                    )));
                }
                let slot = Slot { len: bytes.len(), bytes: None, place: Some(place) };
                group.entries.push_back(slot);
            }
        }
        Ok(())
    }
}

/// Cuts a torn end that nobody was told of; any other damage is refused.
fn repair(options: &EntryLogOptions, walk: &mut Walk) -> Result<(), Error> {
    let mark = match options.disk.read(&options.dir.join(MARK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
        Ok(bytes) => decode_mark(&options.id, &bytes),
    };
    let last = walk.last.map_or(0, |(seq, _)| seq);
    let refuse = |text: &str| {
        Err(Error::Corrupt(format!(
            "the log of entries in {} is damaged ({text}): what other nodes count on may be \
             missing, so this node must return under a new name with an empty directory",
            options.dir.display()
        )))
    };
    if let Some(mark) = mark.filter(|mark| *mark > last) {
        return refuse(&format!("frame {mark} was acknowledged and frame {last} is the last"));
    }
    if let Some(damage) = walk.damage.iter().find(|damage| damage.until.is_some()) {
        return refuse(&damage.text);
    }
    if let Some(damage) = walk.damage.first() {
        let (Some(at), Some(segment)) = (walk.torn_at, walk.segments.last_mut()) else {
            return refuse(&damage.text);
        };
        tracing::warn!("{}: it was torn before anybody was told of it, and was cut", damage.text);
        if at > 0 {
            let mut file = options.disk.open(&segment.path)?;
            file.set_len(at)?;
            file.sync()?;
            segment.bytes = at;
        }
    }
    // A segment without frames would have the name of the one to be begun.
    let (empty, full): (Vec<_>, _) =
        std::mem::take(&mut walk.segments).into_iter().partition(|s| s.last < s.first);
    walk.segments = full;
    for segment in empty {
        options.disk.remove(&segment.path)?;
    }
    Ok(())
}
