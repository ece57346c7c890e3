//! 200 random damages to any file of a journal: each is repaired from the other copy or refused
//! with what to do, or it hit bytes that nobody needs. Never a panic, never a silent loss.

use autoos_journal::{
    Body, Error, Journal, LocalJournal, LocalOptions, SharedJournal, Standing,
    conformance::{batch, pair, write},
};
use autoos_kernel::body::BodyRef;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::{
    fs,
    path::{Path, PathBuf},
};

const STREAMS: u128 = 20;
const EVENTS: u64 = 12;
const CASES: u64 = 200;

fn options(dir: &Path) -> LocalOptions {
    let mut options = LocalOptions::new(dir).small();
    options.segment_bytes = 8 << 10;
    options.keep_log_bytes = 1 << 30;
    options
}

/// A journal with events and bodies; half of the time it is closed in order, else its files are
/// copied while it is open, as a kill would leave them.
async fn make(dir: &Path, seed: u64) -> BodyRef {
    let in_order = seed.is_multiple_of(2);
    let work = if in_order { dir.to_owned() } else { dir.join("work") };
    let local = LocalJournal::open(options(&work)).expect("opens");
    let journal: SharedJournal = local.clone();
    let mut body = None;
    for seq in 0..EVENTS {
        for n in 0..STREAMS {
            let stream = pair(n).1;
            let text = format!("{n}/{seq}");
            let mut full = batch(&journal, vec![write(stream, seq, &[&text], Standing::Running)]);
            if n == 0 {
                let key = journal.body_key(stream.uuid).await.expect("given");
                full.bodies = vec![Body::new(&key, vec![7; 9000])];
                body = Some(full.bodies[0].body);
            }
            journal.append(full).await.expect("appends");
        }
        if seq == EVENTS / 2 {
            local.checkpoint().expect("is durable");
        }
    }
    if in_order {
        local.close().await;
    } else {
        copy(&work, dir);
    }
    drop((journal, local));
    if !in_order {
        fs::remove_dir_all(&work).expect("is removed");
    }
    body.expect("was stored")
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("lists") {
        let entry = entry.expect("lists");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("is known").is_dir() {
            fs::create_dir_all(&target).expect("is made");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("is copied");
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = vec![];
    for entry in fs::read_dir(dir).expect("lists") {
        let path = entry.expect("lists").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}

/// Damages one file; tells what was done.
fn damage(dir: &Path, rng: &mut StdRng) -> String {
    let wanted = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        !matches!(name, "lock" | "ballast" | "install.key")
            && fs::metadata(path).is_ok_and(|m| m.len() > 0)
    };
    let mut all = files(dir);
    all.retain(wanted);
    // The log and the store's one file as often as all the small files together.
    let kind = rng.random_range(0..4);
    let chosen: Vec<&PathBuf> = all
        .iter()
        .filter(|path| match kind {
            0 | 1 => path.extension().is_some_and(|ext| ext == "log"),
            2 => path.ends_with("store/db"),
            _ => true,
        })
        .collect();
    let path = *chosen.choose(rng).expect("has files");
    let mut bytes = fs::read(path).expect("reads");
    let what = match rng.random_range(0..3) {
        0 => {
            let bit = rng.random_range(0..bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            format!("bit {bit} of {}", path.display())
        }
        1 => {
            let at = rng.random_range(0..bytes.len()) / 512 * 512;
            let end = (at + 512).min(bytes.len());
            bytes[at..end].fill(0);
            format!("zeros at {at} of {}", path.display())
        }
        _ => {
            let len = rng.random_range(0..bytes.len());
            bytes.truncate(len);
            format!("cut {} at {len}", path.display())
        }
    };
    fs::write(path, bytes).expect("writes");
    what
}

/// Reads all there should be; an error if some of it is told to be damaged, a panic if it is
/// silently wrong.
async fn read_all(journal: &LocalJournal, body: BodyRef, case: &str) -> Result<(), Error> {
    for n in 0..STREAMS {
        let events = journal.read(pair(n).1, 0, usize::MAX).await?;
        let kinds: Vec<String> = events.into_iter().map(|event| event.kind).collect();
        let expected: Vec<String> = (0..EVENTS).map(|seq| format!("{n}/{seq}")).collect();
        assert_eq!(kinds, expected, "{case}: stream {n} changed in silence");
    }
    let mut total = 0;
    for shard in journal.end().0.into_keys() {
        total += journal.scan(shard, 0, usize::MAX).await?.len();
    }
    assert_eq!(total as u64, STREAMS as u64 * EVENTS, "{case}: a scan changed in silence");
    let read = journal.body(pair(0).1.uuid, body).await?;
    assert!(read == Some(vec![7; 9000]), "{case}: a body changed in silence");
    let running = journal.running().await?;
    assert_eq!(running.len() as u128, STREAMS, "{case}: who runs changed in silence");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_never_silent() {
    let (mut repaired, mut refused, mut harmless) = (0, 0, 0);
    let pristine: Vec<_> =
        [0, 1].map(|seed| (seed, tempfile::tempdir().expect("a directory"))).into();
    let mut bodies = vec![];
    for (seed, dir) in &pristine {
        bodies.push(make(dir.path(), *seed).await);
    }
    for seed in 0..CASES {
        let mut rng = StdRng::seed_from_u64(seed);
        let (which, source) = &pristine[(seed % 2) as usize];
        let dir = tempfile::tempdir().expect("a directory");
        copy(source.path(), dir.path());
        let case = format!("case {seed}: {}", damage(dir.path(), &mut rng));
        let body = bodies[*which as usize];
        match LocalJournal::open(options(dir.path())) {
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("restore") || text.contains("start"), "{case}: {text}");
                refused += 1;
            }
            Ok(journal) => {
                match read_all(&journal, body, &case).await {
                    Ok(()) if journal.recovery().is_clean() => harmless += 1,
                    Ok(()) => repaired += 1,
                    Err(error) => panic!("{case}: opened, then {error}"),
                }
                // And it goes on.
                let shared: SharedJournal = journal.clone();
                let next = vec![write(pair(0).1, EVENTS, &["on"], Standing::Running)];
                shared.append(batch(&shared, next)).await.unwrap_or_else(|e| panic!("{case}: {e}"));
            }
        }
    }
    eprintln!("{repaired} repaired, {refused} refused, {harmless} without consequence");
    assert!(repaired > CASES / 4, "the other copy is there and is used");
}

/// A store that is damaged behind a log that was purged, or is gone, cannot be rebuilt: that is
/// said, with what to do, and everything stays where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_without_its_log_is_refused_and_left_as_it_is() {
    let source = tempfile::tempdir().expect("a directory");
    let purging = |dir: &Path| LocalOptions { keep_log_bytes: 0, ..options(dir) };
    let local = LocalJournal::open(purging(source.path())).expect("opens");
    let journal: SharedJournal = local.clone();
    for seq in 0..EVENTS {
        for n in 0..STREAMS {
            let stream = pair(n).1;
            let text = "x".repeat(300);
            let write = vec![write(stream, seq, &[&text], Standing::Running)];
            journal.append(batch(&journal, write)).await.expect("appends");
        }
        local.checkpoint().expect("is durable");
    }
    local.close().await;
    assert!(local.stats().purged_segments > 0, "the log reaches back to the beginning");
    drop((journal, local));
    for without_log in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        copy(source.path(), dir.path());
        let db = dir.path().join("store").join("db");
        let mut bytes = fs::read(&db).expect("reads");
        let third = bytes.len() / 3;
        bytes[third..2 * third].fill(0x55);
        fs::write(&db, &bytes).expect("writes");
        if without_log {
            files(&dir.path().join("log")).iter().for_each(|f| fs::remove_file(f).expect("goes"));
        }
        for _ in 0..2 {
            let error = LocalJournal::open(purging(dir.path())).err().expect("is refused");
            let text = error.to_string();
            assert!(matches!(error, Error::Corrupt(_)), "{text}");
            assert!(text.contains("autoos backup restore"), "{text}");
            assert!(db.exists(), "{text}: the store was moved");
            assert!(!dir.path().join("store.damaged-1").exists(), "{text}");
        }
    }
}
