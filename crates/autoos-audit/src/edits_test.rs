//! Exports that were tampered with: every edit is found, and the untouched ones are found good.

use super::*;
use crate::{Error, Export, Keeper, Key, Options, Scope, line::EventLine};
use autoos_journal::{
    Batch, Body, MemoryJournal, NewEvent, SharedJournal, Standing, StreamWrite, chain_start,
    event_of, seal_texts,
};
use autoos_kernel::{codec::Recorded as _, time::Timestamp, workflow::Event as Known};
use futures::TryStreamExt as _;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::path::Path;
use uuid::Uuid;

fn id(n: u128) -> WorkflowId {
    WorkflowId(Uuid::from_u128(n))
}

async fn append(journal: &SharedJournal, streams: &[StreamId], kinds: &[&str]) {
    let mut writes = Vec::new();
    for stream in streams {
        let head = journal.head(*stream).await.expect("a head");
        let event = |kind: &&str| NewEvent {
            at: Timestamp(1_767_225_600_000),
            actor: "workflow".into(),
            cause: None,
            trace: None,
            kind: (*kind).to_owned(),
            body: kind.repeat(9).into_bytes(),
        };
        writes.push(StreamWrite {
            stream: *stream,
            expect: head.map_or(0, |head| head.next),
            events: kinds.iter().map(event).collect(),
            standing: Standing::Running,
        });
    }
    let epoch = journal.epoch(streams[0].shard(journal.shards()));
    journal.append(Batch { epoch, writes, bodies: Vec::new() }).await.expect("appends");
}

/// A journal of 12 workflows and three checkpoints, the last of which does not cover all. What
/// `name` says rides in the events after the first checkpoint.
async fn history(name: &str, dir: &Path) -> (SharedJournal, Keeper) {
    let journal: SharedJournal = MemoryJournal::new(4);
    let keeper = Keeper::start(journal.clone(), Options::new(dir)).expect("starts");
    for (round, kind) in ["created", name, name].into_iter().enumerate() {
        for n in 0..12 {
            append(&journal, &[id(n).intent().stream(), id(n).stream()], &[kind, "more"]).await;
        }
        let made = keeper.cover().await.expect("covered").expect("there are events");
        assert_eq!(made.checkpoint.number, round as u64 + 1);
    }
    append(&journal, &[id(3).stream()], &["last"]).await;
    (journal, keeper)
}

async fn export(journal: &SharedJournal, key: &Key, scope: Scope) -> Vec<u8> {
    let export = Export { journal: journal.clone(), key: key.clone(), scope, texts: false };
    let pieces: Vec<Vec<u8>> = export.stream().try_collect().await.expect("exports");
    pieces.concat()
}

fn check(file: &[u8], trust: &Trust) -> Verdict {
    verify(file, trust).expect("memory can be read")
}

fn trusting(keeper: &Keeper) -> Trust {
    Trust { keys: vec![keeper.public_key()], witnesses: Vec::new() }
}

fn lines(file: &[u8]) -> Vec<Vec<u8>> {
    file.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Writes the end anew, as someone would who has `key` or has not the right one.
fn end_anew(lines: &mut Vec<Vec<u8>>, key: &Key) {
    let Some(Ok(Line::End(end))) = lines.last().map(|line| Line::read(line)) else { return };
    lines.pop();
    let mut says = end.says;
    says.lines = lines.len() as u64;
    says.hash = Hash::of(&lines.concat());
    let signature = key.sign(&says.text());
    lines.push(Line::End(Box::new(End { says, signature })).write());
}

/// Gives the events of all streams, from line `from` on, the chains that fit.
fn chain_anew(lines: &mut [Vec<u8>]) {
    let mut chains: HashMap<StreamId, [u8; 32]> = HashMap::new();
    for line in lines {
        let Ok(Line::Event(mut event)) = Line::read(line) else { continue };
        let chain = chains.entry(event.stream).or_insert_with(|| chain_start(event.stream));
        *chain = chain_link(chain, &event_digest(&event.bytes.0));
        event.chain = Hash(*chain);
        *line = Line::Event(event).write();
    }
}

fn some_event(lines: &[Vec<u8>], rng: &mut StdRng) -> (usize, EventLine) {
    loop {
        let at = rng.random_range(0..lines.len());
        if let Ok(Line::Event(event)) = Line::read(&lines[at])
            && event.stream.prefix != Prefix::CHECKPOINTS
        {
            return (at, *event);
        }
    }
}

/// Another actor did it: of the same length, so that it stays an event.
fn forge(event: &mut EventLine) {
    let bytes = &mut event.bytes.0;
    let at = bytes.windows(8).position(|part| part == b"workflow").expect("its actor");
    bytes[at..at + 8].copy_from_slice(b"somebody");
    event.actor = "somebody".into();
    event_of(&event.bytes.0).expect("is an event still");
}

const EDITS: [&str; 10] = [
    "flip a byte",
    "drop a line",
    "insert a line of another export",
    "swap two lines",
    "truncate",
    "duplicate a line",
    "put two exports together",
    "forge an event, its chain and the end without the key",
    "forge all of it with a key of one's own",
    "drop a checkpoint and write the end anew",
];

/// One edit; the other export is of a fork that the same key signed.
fn edit(kind: usize, file: &[u8], fork: &[u8], stranger: &Key, rng: &mut StdRng) -> Vec<u8> {
    let mut all = lines(file);
    let count = all.len();
    match EDITS[kind] {
        "flip a byte" => {
            let mut file = file.to_vec();
            let at = rng.random_range(0..file.len());
            file[at] ^= rng.random_range(1..=255u8);
            return file;
        }
        "drop a line" => {
            all.remove(rng.random_range(0..count));
        }
        "insert a line of another export" => {
            let others = lines(fork);
            let (_, other) = some_event(&others, rng);
            let at = rng.random_range(0..=count);
            all.insert(at, Line::Event(Box::new(other)).write());
        }
        "swap two lines" => {
            let (one, other) = (rng.random_range(0..count), rng.random_range(1..count));
            all.swap(one, (one + other) % count);
        }
        "truncate" => return file[..rng.random_range(0..file.len())].to_vec(),
        "duplicate a line" => {
            let line = all[rng.random_range(0..count)].clone();
            all.insert(rng.random_range(0..=count), line);
        }
        "put two exports together" => {
            let others = lines(fork);
            // Behind what both have, and before the end of either.
            let common = all.iter().zip(&others).take_while(|(a, b)| a == b).count();
            let at = rng.random_range(common + 1..count - 1);
            all.truncate(at);
            all.extend_from_slice(&others[at..]);
        }
        "forge an event, its chain and the end without the key" => {
            let (at, mut event) = some_event(&all, rng);
            forge(&mut event);
            all[at] = Line::Event(Box::new(event)).write();
            chain_anew(&mut all);
            end_anew(&mut all, stranger);
        }
        "forge all of it with a key of one's own" => {
            let (at, mut event) = some_event(&all, rng);
            forge(&mut event);
            all[at] = Line::Event(Box::new(event)).write();
            chain_anew(&mut all);
            if let Ok(Line::Header(header)) = Line::read(&all[0]) {
                all[0] = Line::Header(Header { key: stranger.public(), ..header }).write();
            }
            end_anew(&mut all, stranger);
        }
        "drop a checkpoint and write the end anew" => {
            let is = |line: &Vec<u8>| matches!(Line::read(line), Ok(Line::Checkpoint(_)));
            let at: Vec<usize> = (0..count).filter(|at| is(&all[*at])).collect();
            all.remove(at[rng.random_range(0..at.len())]);
            end_anew(&mut all, stranger);
        }
        other => unreachable!("{other}"),
    }
    all.concat()
}

#[tokio::test]
async fn five_hundred_edits_are_found() {
    let (dir, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let (journal, keeper) = history("was", dir.path()).await;
    let (forked, _other_keeper) = history("was not", dir.path()).await;
    let stranger = Key::open(other.path()).expect("made");
    let trust = trusting(&keeper);
    let workflows = Scope::Workflows(vec![id(3), id(7)]);
    for scope in [Scope::All, workflows] {
        let file = export(&journal, keeper.key(), scope.clone()).await;
        let fork = export(&forked, keeper.key(), scope.clone()).await;
        for untouched in [&file, &fork] {
            let verdict = check(untouched, &trust);
            assert!(verdict.ok, "{:?}", verdict.problems);
        }
        let mut found = [0; EDITS.len()];
        for seed in 0..500 {
            let mut rng = StdRng::seed_from_u64(seed);
            let kind = seed as usize % EDITS.len();
            let edited = edit(kind, &file, &fork, &stranger, &mut rng);
            if edited == file {
                continue;
            }
            let verdict = check(&edited, &trust);
            assert!(!verdict.ok, "{} with seed {seed} was not found", EDITS[kind]);
            assert!(verdict.problems.iter().all(|problem| !problem.what.is_empty()));
            found[kind] += 1;
        }
        assert!(found.iter().all(|found| *found >= 45), "{found:?}");
    }
}

/// The place is named, not only that there is something.
#[tokio::test]
async fn the_place_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let (journal, keeper) = history("was", dir.path()).await;
    let file = export(&journal, keeper.key(), Scope::All).await;
    let trust = trusting(&keeper);
    let all = lines(&file);
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (at, event) = some_event(&all, &mut rng);
        let named = |edited: &[Vec<u8>], line: usize, what: &str| {
            let verdict = check(&edited.concat(), &trust);
            let found = verdict.problems.iter().find(|problem| problem.line == line as u64);
            let found = found.unwrap_or_else(|| panic!("line {line}: {:?}", verdict.problems));
            assert!(found.what.contains(what), "{found:?}");
            // One damage is not as many problems as there are lines behind it.
            assert!(verdict.problems.len() <= 8, "{:?}", verdict.problems);
            found.clone()
        };

        let mut edited = all.clone();
        let mut forged = event.clone();
        forge(&mut forged);
        edited[at] = Line::Event(Box::new(forged.clone())).write();
        let found = named(&edited, at + 1, "was changed");
        assert_eq!(
            (found.stream, found.seq, found.shard, found.offset),
            (Some(event.stream), Some(event.seq), Some(event.shard), Some(event.offset))
        );

        // With chains that fit, the checkpoint still says between which events.
        chain_anew(&mut edited);
        let verdict = check(&edited.concat(), &trust);
        let covered = verdict.problems.iter().find(|p| p.what.contains("written anew"));
        let last = id(3).stream() == event.stream && event.kind == "last";
        assert!(last || covered.is_some_and(|p| p.shard == Some(event.shard)), "{verdict:?}");

        let mut edited = all.clone();
        edited.remove(at);
        let same = |line: &Vec<u8>| match Line::read(line) {
            Ok(Line::Event(other)) => other.shard == event.shard,
            _ => false,
        };
        if let Some(next) = (at..edited.len()).find(|at| same(&edited[*at])) {
            named(&edited, next + 1, "missing before this");
        }

        let mut edited = all.clone();
        edited.insert(at + 1, all[at].clone());
        named(&edited, at + 2, "out of place");
    }
}

#[tokio::test]
async fn a_history_written_anew_with_the_same_key_is_found_by_a_witness() {
    let dir = tempfile::tempdir().expect("a folder");
    let (journal, keeper) = history("was", dir.path()).await;
    let (rewritten, _keeper) = history("was not", dir.path()).await;
    let kept = journal.read(checkpoint_stream(), 1, 1).await.expect("reads");
    let witness = SignedCheckpoint::decode(&kept[0]).expect("a checkpoint");
    let trust = Trust { witnesses: vec![witness], ..trusting(&keeper) };

    let good = check(&export(&journal, keeper.key(), Scope::All).await, &trust);
    assert!(good.ok && good.witnesses == 1, "{:?}", good.problems);
    let file = export(&rewritten, keeper.key(), Scope::All).await;
    assert!(check(&file, &trusting(&keeper)).ok, "in itself it is whole");
    let verdict = check(&file, &trust);
    assert!(verdict.problems[0].what.contains("written anew, or it is a fork"), "{verdict:?}");

    // And one that goes back behind it.
    let (short, dir) = (MemoryJournal::new(4), tempfile::tempdir().expect("a folder"));
    let short: SharedJournal = short;
    let young = Keeper::start(short.clone(), Options::new(dir.path())).expect("starts");
    append(&short, &[id(1).stream()], &["created"]).await;
    young.cover().await.expect("covered");
    let file = export(&short, young.key(), Scope::All).await;
    let trust = Trust { keys: vec![young.public_key()], ..trust };
    let verdict = check(&file, &trust);
    assert!(verdict.problems[0].what.contains("is newer than all"), "{verdict:?}");
}

fn checkpoint_stream() -> StreamId {
    crate::checkpoint::stream()
}

#[tokio::test]
async fn an_export_of_a_workflow_proves_it_without_the_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let (journal, keeper) = history("was", dir.path()).await;
    let whole = export(&journal, keeper.key(), Scope::All).await;
    let covered = keeper.cover().await.expect("covered").expect("is there");
    let file = export(&journal, keeper.key(), Scope::Workflows(vec![id(3)])).await;
    let verdict = check(&file, &trusting(&keeper));
    assert!(verdict.ok, "{:?}", verdict.problems);
    assert_eq!((verdict.events, verdict.covered, verdict.streams), (13, 13, 2));
    assert_eq!(verdict.newest.map(|newest| newest.number), Some(covered.checkpoint.number));
    assert!(file.len() < whole.len() / 2, "{} of {}", file.len(), whole.len());

    // One that does not exist is no good answer.
    let file = export(&journal, keeper.key(), Scope::Workflows(vec![id(99)])).await;
    assert!(!check(&file, &trusting(&keeper)).ok);
}

#[tokio::test]
async fn an_erased_workflow_still_verifies_and_shows_no_text() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal: SharedJournal = MemoryJournal::new(4);
    let keeper = Keeper::start(journal.clone(), Options::new(dir.path())).expect("starts");
    let (stream, owner) = (id(5).stream(), id(5).0);
    let key = journal.body_key(owner).await.expect("a key");
    let mut said = Known::StepSkipped { step: "a".into(), reason: "the quokka".into() };
    seal_texts(&mut said, &key);
    let event = NewEvent {
        at: Timestamp(1),
        actor: "workflow".into(),
        cause: None,
        trace: None,
        kind: said.kind().to_owned(),
        body: said.encode(),
    };
    let standing = Standing::Closed;
    let write = StreamWrite { stream, expect: 0, events: vec![event], standing };
    let bodies = vec![Body::new(&key, b"said".to_vec())];
    let epoch = journal.epoch(stream.shard(4));
    journal.append(Batch { epoch, writes: vec![write], bodies }).await.expect("appends");
    append(&journal, &[id(5).intent().stream()], &["settled"]).await;
    keeper.cover().await.expect("covered");

    let plain = |texts| {
        let (journal, key) = (journal.clone(), keeper.key().clone());
        let export = Export { journal, key, scope: Scope::Workflows(vec![id(5)]), texts };
        async move { export.stream().try_collect::<Vec<_>>().await.expect("exports").concat() }
    };
    let says = |file: &[u8]| file.windows(6).any(|part| part == b"quokka");
    let trust = trusting(&keeper);
    let (sealed, opened) = (plain(false).await, plain(true).await);
    assert!(!says(&sealed) && says(&opened));
    assert!(check(&sealed, &trust).ok && check(&opened, &trust).ok);
    let changed = String::from_utf8(opened).expect("text").replace("quokka", "wombat");
    assert!(!check(changed.as_bytes(), &trust).ok, "texts are signed with the file");
    journal.erase(owner).await.expect("erases");
    let (sealed_after, opened_after) = (plain(false).await, plain(true).await);
    assert_eq!(sealed_after, sealed);
    assert!(!says(&opened_after));
    assert!(check(&opened_after, &trust).ok);
}

#[tokio::test]
async fn checkpoints_go_on_after_a_start_with_and_without_the_trees() {
    let dir = tempfile::tempdir().expect("a folder");
    let (journal, keeper) = history("was", dir.path()).await;
    keeper.stop().await;
    let stopped = keeper.status().last.expect("is there");
    assert_eq!(stopped.checkpoint.number, 4, "what came last was covered at the stop");
    for forget in [false, true] {
        if forget {
            std::fs::remove_file(dir.path().join("trees")).expect("was there");
        }
        let keeper = Keeper::start(journal.clone(), Options::new(dir.path())).expect("starts");
        let same = keeper.cover().await.expect("covered").expect("is there");
        let made = stopped.checkpoint.number + u64::from(forget);
        assert_eq!(same.checkpoint.number, made, "nothing new is nothing to sign");
        append(&journal, &[id(1).stream()], &["more"]).await;
        let next = keeper.cover().await.expect("covered").expect("is there");
        assert_eq!(next.checkpoint.previous, same.checkpoint.hash());
        let file = export(&journal, keeper.key(), Scope::All).await;
        let verdict = check(&file, &trusting(&keeper));
        assert!(verdict.ok, "{:?}", verdict.problems);
    }
}

/// Nothing is signed over a history that is another than the one signed before.
#[tokio::test]
async fn a_contradicted_checkpoint_is_the_last() {
    let dir = tempfile::tempdir().expect("a folder");
    let (journal, keeper) = history("was", dir.path()).await;
    let mut forged = keeper.status().last.expect("is there").checkpoint;
    drop(keeper);
    (forged.number, forged.shards[0].root) = (4, Hash::default());
    let key = Key::open(dir.path()).expect("read");
    let body = forged.sign(&key).encode();
    let stream = checkpoint_stream();
    let event = NewEvent {
        at: Timestamp(1),
        actor: "audit".into(),
        cause: None,
        trace: None,
        kind: "checkpoint".into(),
        body,
    };
    let standing = Standing::Waiting { wake: None };
    let write = StreamWrite { stream, expect: 3, events: vec![event], standing };
    let epoch = journal.epoch(stream.shard(4));
    let batch = Batch { epoch, writes: vec![write], bodies: Vec::new() };
    journal.append(batch).await.expect("appends");
    let keeper = Keeper::start(journal.clone(), Options::new(dir.path())).expect("starts");
    let error = keeper.cover().await.expect_err("contradicts");
    assert!(matches!(error, Error::Contradicted(_)), "{error}");
    let head = journal.head(stream).await.expect("reads").expect("is there");
    assert_eq!(head.next, 4, "nothing was signed");
}

/// The keeper signs by itself, when enough was recorded or time has passed, and its witness
/// gets every checkpoint.
#[tokio::test]
async fn checkpoints_are_made_by_count_and_by_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let witness = dir.path().join("witness.jsonl");
    for options in [
        Options { events: 2, ..Options::new(dir.path()) },
        Options { every: std::time::Duration::from_millis(1), ..Options::new(dir.path()) },
    ] {
        let journal: SharedJournal = MemoryJournal::new(4);
        let options = Options { witness: Some(witness.clone()), ..options };
        let keeper = Keeper::start(journal.clone(), options).expect("starts");
        let mut commits = journal.subscribe(autoos_journal::Cursor::default());
        append(&journal, &[id(1).stream()], &["a", "b"]).await;
        use futures::StreamExt as _;
        let mut made = loop {
            let (_, event) = commits.next().await.expect("goes on").expect("reads");
            if let Some(made) = SignedCheckpoint::decode(&event) {
                break made;
            }
        };
        keeper.stop().await;
        if let Some(last) = keeper.status().last {
            made = last;
        }
        let said = std::fs::read_to_string(&witness).expect("was written");
        let last = said.lines().last().expect("a line");
        assert_eq!(serde_json::from_str::<SignedCheckpoint>(last).expect("reads"), made);
    }
}

#[test]
fn what_is_no_export_is_said_to_be_none() {
    for file in [&b""[..], b"\n", b"{}\n", b"hello", b"{\"header\":{}}\n", &[0xff; 99]] {
        let verdict = check(file, &Trust::default());
        assert!(!verdict.ok, "{file:?}");
    }
}
