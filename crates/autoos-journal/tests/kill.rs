//! kill -9 of a real process in the middle of appending: no acknowledged event is lost.
//!
//! The test starts itself anew as the victim, told by an environment variable; the victim prints
//! each acknowledgement, and what it printed must be there afterwards.

use autoos_journal::{
    Journal, LocalJournal, LocalOptions, SharedJournal, Standing,
    conformance::{batch, pair, write},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const VICTIM: &str = "AUTOOS_JOURNAL_VICTIM_DIR";
const STREAMS: u128 = 12;
const ROUNDS: u64 = 20;

fn options(dir: &Path) -> LocalOptions {
    let mut options = LocalOptions::new(dir).small();
    // Checkpoints, purges and new segments happen all the time.
    options.segment_bytes = 16 << 10;
    options.keep_log_bytes = 64 << 10;
    options.checkpoint_bytes = 16 << 10;
    options
}

/// Tells the test a line.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("is read");
}

/// What the victim does: appends to all streams for ever, telling what was acknowledged.
async fn append_for_ever(dir: &Path) {
    let journal: SharedJournal = LocalJournal::open(options(dir)).expect("opens");
    tell("\nopen");
    let streams = (0..STREAMS).map(|n| {
        let journal = journal.clone();
        async move {
            let head = journal.head(pair(n).1).await.expect("reads");
            for seq in head.map_or(0, |head| head.next).. {
                let text = format!("{n}/{seq}");
                let writes = vec![write(pair(n).1, seq, &[&text], Standing::Running)];
                journal.append(batch(&journal, writes)).await.expect("appends");
                tell(&format!("ack {n} {seq}"));
            }
        }
    });
    futures::future::join_all(streams).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nothing_acknowledged() {
    if let Some(dir) = std::env::var_os(VICTIM) {
        append_for_ever(Path::new(&dir)).await;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut acked = [0u64; STREAMS as usize];
    let mut rng = StdRng::seed_from_u64(9);
    for round in 0..ROUNDS {
        run_and_kill(dir.path(), Duration::from_millis(rng.random_range(0..250)), &mut acked);
        let local = LocalJournal::open(options(dir.path())).expect("opens");
        assert_eq!(local.recovery().repairs, Vec::<String>::new(), "round {round}");
        for (n, acked) in acked.iter_mut().enumerate() {
            let events = local.read(pair(n as u128).1, 0, usize::MAX).await.expect("reads");
            assert!(events.len() as u64 >= *acked, "round {round}: stream {n} lost events");
            for (event, seq) in events.iter().zip(0..) {
                assert_eq!(event.kind, format!("{n}/{seq}"));
            }
            *acked = events.len() as u64;
        }
    }
    let total: u64 = acked.iter().sum();
    eprintln!("{total} events over {ROUNDS} kills");
    assert!(total > 1000, "only {total} events were appended");
}

/// Runs the victim for some time after it opened, kills it, and notes what it acknowledged.
fn run_and_kill(dir: &Path, after: Duration, acked: &mut [u64]) {
    let mut victim = Command::new(std::env::current_exe().expect("has a path"))
        .args(["--exact", "a_kill_loses_nothing_acknowledged", "--nocapture"])
        .env(VICTIM, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(victim.stdout.take().expect("is piped")).lines();
    while lines.next().expect("it opens").expect("reads") != "open" {}
    let began = Instant::now();
    let mut killed = false;
    for line in lines {
        if !killed && began.elapsed() >= after {
            victim.kill().expect("is killed");
            killed = true;
        }
        // The last line may be cut by the kill: then it was not told in full.
        let line = line.expect("reads");
        let parts: Vec<&str> = line.split(' ').collect();
        if let ["ack", n, seq] = parts[..]
            && let (Ok(n), Ok(seq)) = (n.parse::<usize>(), seq.parse::<u64>())
        {
            acked[n] = acked[n].max(seq + 1);
        }
    }
    victim.wait().expect("has ended");
    assert!(killed, "it ended by itself");
}
