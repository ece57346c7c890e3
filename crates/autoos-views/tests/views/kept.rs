//! The index in its files: what a restart shows is what building it from nothing shows, whatever
//! happened to the files and the journal in between.

use crate::support::{Ask, Run, START, outline};
use autoos_journal::{LocalJournal, LocalOptions, MemoryJournal, SharedJournal};
use autoos_kernel::{
    ladder::{Exit, FailureClass},
    rng::{Rng as _, Seeded},
    workflow::{Command, Decision, Effect, End},
};
use autoos_views::{
    BillLine, Dimension, EscalationFilter, EscalationItem, Filter, Keep, Metrics, Ready, Summary,
    Views,
};
use serde_json::json;
use std::{fs, path::Path, path::PathBuf};

/// All that is read of an index.
#[derive(Debug, PartialEq)]
struct Shown {
    list: Vec<Summary>,
    questions: Vec<EscalationItem>,
    open: Vec<EscalationItem>,
    bill: Vec<BillLine>,
    metrics: Metrics,
}

async fn shown(views: &Views, journal: &SharedJournal) -> Shown {
    views.wait_ready().await.unwrap();
    for (shard, end) in journal.end().0 {
        if end > 0 {
            let offset = end - 1;
            views.wait_for(autoos_journal::Position { shard, offset }).await.unwrap();
        }
    }
    let mut list = Vec::new();
    let mut token = None;
    loop {
        let page = views.list(&Filter::default(), token.as_deref(), 7).await.unwrap();
        assert!(page.complete);
        list.extend(page.items);
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    let all = [Dimension::Tenant, Dimension::User, Dimension::Model, Dimension::Day];
    let open = EscalationFilter { open_only: true, ..EscalationFilter::default() };
    Shown {
        list,
        questions: views.escalations(&EscalationFilter::default(), None, 500).await.unwrap().items,
        open: views.escalations(&open, None, 500).await.unwrap().items,
        bill: views.bill(&all, None),
        metrics: views.metrics().unwrap(),
    }
}

async fn fresh(journal: &SharedJournal) -> Shown {
    shown(&Views::start(journal.clone()), journal).await
}

fn keep(dir: &Path, every: u64) -> Keep {
    Keep { every, ..Keep::new(dir) }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs that somebody works on at random.
struct World {
    journal: SharedJournal,
    runs: Vec<Run>,
    rng: Seeded,
}

impl World {
    fn new(journal: SharedJournal, seed: u64) -> Self {
        Self { journal, runs: Vec::new(), rng: Seeded(seed) }
    }

    async fn live(&mut self, actions: usize) {
        for _ in 0..actions {
            if self.runs.is_empty() || self.rng.up_to(5) == 0 {
                self.submit().await;
                continue;
            }
            let which = self.rng.up_to(self.runs.len() as u64 - 1) as usize;
            match self.rng.up_to(30) {
                0 => self.journal.erase(self.runs[which].id.0).await.unwrap(),
                _ => act(&mut self.runs[which], &mut self.rng).await,
            }
        }
    }

    async fn submit(&mut self) {
        let number = self.runs.len() as u128 + 1;
        let ask = Ask {
            number,
            tenant: ["acme", "umbrella"][self.rng.up_to(1) as usize],
            user: ["ann", "bob", "cy"][self.rng.up_to(2) as usize],
            // Clocks of nodes differ: not always later than the one before.
            at: START.plus_ms(self.rng.up_to(40_000_000) + number as u64 * 10_000_000),
            ..Ask::default()
        };
        self.runs.push(Run::submit(&self.journal, ask).await);
    }
}

/// Something that can happen to a workflow now; nothing once its texts are gone.
async fn act(run: &mut Run, rng: &mut Seeded) {
    if run.workflow.end.is_some() || run.is_erased().await {
        return;
    }
    let by = || "ann".to_owned();
    let open = run.workflow.escalations.iter().find(|(_, e)| e.resolved.is_none());
    if let (Some((escalation, _)), 0..3) = (open, rng.up_to(5)) {
        let escalation = *escalation;
        let decisions = [Decision::Retry, Decision::Abandon, Decision::Retry];
        let decision = decisions[rng.up_to(2) as usize].clone();
        return run.command(Command::Resolve { escalation, decision, by: by() }, vec![]).await;
    }
    match rng.up_to(25) {
        0 => {
            let cancel = Command::Cancel { by: by(), reason: "enough".into() };
            return run.command(cancel, vec![]).await;
        }
        1 => return run.command(Command::Pause { by: by() }, vec![]).await,
        2..5 => return run.command(Command::Resume { by: by() }, vec![]).await,
        _ => {}
    }
    let effects = run.workflow.outstanding(run.now);
    match effects.into_iter().next() {
        Some(Effect::StartAgent { step, .. }) if rng.up_to(3) == 0 => {
            let class = [FailureClass::Unable, FailureClass::Server][rng.up_to(1) as usize];
            let end = End::Failed {
                exit: Exit::Failed(class),
                detail: "it did not work".into(),
                retry_after_ms: None,
                doubtful: None,
            };
            run.end(&step, end, vec![]).await;
        }
        Some(Effect::StartAgent { step, .. }) => {
            run.done(&step, &json!({"found": rng.up_to(9)}), Some(0.9)).await;
        }
        Some(Effect::Judge { plan, .. }) => {
            run.command(Command::Judged { plan, verdict: Ok(outline()) }, vec![]).await;
        }
        _ => run.command(Command::Tick, vec![]).await,
    }
}

#[tokio::test]
async fn a_restart_shows_what_building_from_nothing_shows() {
    let (mut read_on, mut waiting, mut done) = (0, 0, 0);
    for seed in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        let journal: SharedJournal = MemoryJournal::new(4);
        let mut world = World::new(journal.clone(), seed);
        for _ in 0..5 {
            // Sometimes with files written on the way, sometimes at the stop alone.
            let every = [1, 20, u64::MAX][world.rng.up_to(2) as usize];
            let views = Views::open(journal.clone(), keep(dir.path(), every)).await;
            if let Ready::Building { done, .. } = views.ready() {
                read_on += u64::from(done > 0);
            }
            let here = world.rng.up_to(50) as usize;
            world.live(here).await;
            assert_eq!(shown(&views, &journal).await, fresh(&journal).await, "seed {seed}");
            if world.rng.up_to(1) == 0 {
                views.stop().await;
            }
            // Otherwise it ends as a killed process does, and its last events are in no file.
            drop(views);
            let away = world.rng.up_to(20) as usize;
            world.live(away).await;
        }
        let views = Views::open(journal.clone(), keep(dir.path(), 1)).await;
        let last = shown(&views, &journal).await;
        assert_eq!(last, fresh(&journal).await, "seed {seed}");
        waiting += last.open.len();
        done += last.metrics.outcomes.len();
    }
    assert!(read_on > 20 && waiting > 20 && done > 20, "{read_on} {waiting} {done}");
}

#[tokio::test]
async fn after_a_stop_nothing_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let journal: SharedJournal = MemoryJournal::new(4);
    let mut world = World::new(journal.clone(), 7);
    let views = Views::open(journal.clone(), Keep::new(dir.path())).await;
    assert_eq!(views.ready(), Ready::Yes, "there is nothing to read");
    world.live(200).await;
    // The stop takes in what the follower has not seen yet.
    views.stop().await;
    let again = Views::open(journal.clone(), Keep::new(dir.path())).await;
    // The single-threaded runtime has not run the follower yet.
    assert_eq!(again.ready(), Ready::Yes);
    assert_eq!(shown(&again, &journal).await, fresh(&journal).await);
}

/// Changes a file's version and makes its checksum right again.
fn of_version(bytes: &[u8], version: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    let sum = blake3::Hasher::new().update(&bytes[..24]).update(&bytes[56..]).finalize();
    bytes[24..56].copy_from_slice(sum.as_bytes());
    bytes
}

#[tokio::test]
async fn a_file_that_is_not_whole_or_not_ours_is_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let journal: SharedJournal = MemoryJournal::new(4);
    World::new(journal.clone(), 3).live(300).await;
    let views = Views::open(journal.clone(), Keep::new(dir.path())).await;
    let expected = shown(&views, &journal).await;
    views.stop().await;
    let paths = files(dir.path());
    assert_eq!(paths.len(), 4, "one per shard");
    let whole: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let total: u64 = journal.end().0.values().sum();
    let first = journal.end().0.values().next().copied().unwrap();

    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("empty".into(), vec![]),
        ("cut".into(), whole[0][..whole[0].len() - 1].to_vec()),
        ("its head alone".into(), whole[0][..30].to_vec()),
        ("longer".into(), [&whole[0][..], b"x"].concat()),
        ("of another shard".into(), whole[1].clone()),
        ("something else".into(), b"once upon a time there was a file of another kind".to_vec()),
        ("older".into(), of_version(&whole[0], 1)),
        ("newer".into(), of_version(&whole[0], 99)),
    ];
    assert_eq!(of_version(&whole[0], 2), whole[0], "the checksum is where this test thinks");
    let mut rng = Seeded(5);
    for _ in 0..100 {
        let mut bytes = whole[0].clone();
        let at = rng.up_to(bytes.len() as u64 - 1) as usize;
        bytes[at] ^= 1 << rng.up_to(7);
        cases.push((format!("a bit of byte {at} flipped"), bytes));
    }
    for (what, bytes) in cases {
        fs::write(&paths[0], bytes).unwrap();
        let views = Views::open(journal.clone(), Keep::new(dir.path())).await;
        // That share alone is read again.
        assert_eq!(views.ready(), Ready::Building { done: total - first, total }, "{what}");
        assert_eq!(shown(&views, &journal).await, expected, "{what}");
        // And what is written in its place is whole.
        views.stop().await;
        let views = Views::open(journal.clone(), Keep::new(dir.path())).await;
        assert_eq!(views.ready(), Ready::Yes, "{what}");
    }
    fs::remove_file(&paths[0]).unwrap();
    let views = Views::open(journal.clone(), Keep::new(dir.path())).await;
    assert_eq!(shown(&views, &journal).await, expected, "missing");
}

#[tokio::test]
async fn files_that_are_ahead_of_the_journal_are_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let long: SharedJournal = MemoryJournal::new(4);
    let mut world = World::new(long.clone(), 11);
    world.live(300).await;
    let views = Views::open(long.clone(), Keep::new(dir.path())).await;
    shown(&views, &long).await;
    views.stop().await;
    let files = files(dir.path());
    let kept: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();

    // The same history, and less of it: the last of it was lost.
    let behind: SharedJournal = MemoryJournal::new(4);
    let mut world = World::new(behind.clone(), 11);
    world.live(200).await;
    let views = Views::open(behind.clone(), Keep::new(dir.path())).await;
    assert_eq!(shown(&views, &behind).await, fresh(&behind).await);
    views.stop().await;

    // And then it went on otherwise, beyond where the files ended.
    world.rng = Seeded(99);
    while !behind.end().0.iter().all(|(shard, end)| *end > long.end().0[shard] + 20) {
        world.live(50).await;
    }
    files.iter().zip(kept).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let views = Views::open(behind.clone(), Keep::new(dir.path())).await;
    assert_eq!(shown(&views, &behind).await, fresh(&behind).await);
}

#[tokio::test]
async fn another_number_of_shards_is_another_journal() {
    let dir = tempfile::tempdir().unwrap();
    for shards in [4, 8, 3] {
        let journal: SharedJournal = MemoryJournal::new(shards);
        World::new(journal.clone(), 2).live(100).await;
        let views = Views::open(journal.clone(), Keep::new(dir.path())).await;
        assert_eq!(shown(&views, &journal).await, fresh(&journal).await);
        views.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_erasing_destroys_is_in_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions::new(dir.path().join("journal")).small();
    let local = LocalJournal::open(options).unwrap();
    let journal: SharedJournal = local.clone();
    let kept = dir.path().join("views");
    let views = Views::open(journal.clone(), keep(&kept, 1)).await;
    let text = "The safe is behind the painting";
    let mut run = Run::submit(&journal, Ask { text, ..Ask::default() }).await;
    run.finish().await;
    journal.erase(run.id.0).await.unwrap();
    let before = shown(&views, &journal).await;
    assert_eq!(before.list[0].intent, None);
    views.stop().await;
    let mut bytes = Vec::new();
    files(&kept).iter().for_each(|path| bytes.extend(fs::read(path).unwrap()));
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    // The needles are found where they are: a tenant's name is kept.
    assert!(has("acme"));
    for secret in [text, "Two disks failed.", "Say what went wrong", "log-errors"] {
        assert!(!has(secret), "{secret} is in a file");
    }
    let views = Views::open(journal.clone(), keep(&kept, 1)).await;
    assert_eq!(views.ready(), Ready::Yes);
    assert_eq!(shown(&views, &journal).await, before);
    local.close().await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_costs_time_alone() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("views");
    fs::write(&blocked, "a file where a directory should be").unwrap();
    let journal: SharedJournal = MemoryJournal::new(4);
    World::new(journal.clone(), 4).live(100).await;
    for _ in 0..2 {
        let views = Views::open(journal.clone(), keep(&blocked, 1)).await;
        assert_eq!(shown(&views, &journal).await, fresh(&journal).await);
        views.stop().await;
    }
}
