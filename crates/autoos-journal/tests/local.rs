//! The local journal passes the conformance suite, on its own and with a checkpoint at every
//! turn, and keeps everything across restarts.

use autoos_journal::{
    Body, Cursor, Error, Journal, LocalJournal, LocalOptions, Position, SharedJournal, Snapshot,
    Standing,
    conformance::{self, batch, pair, write},
};
use autoos_kernel::{id::StreamId, time::Timestamp};
use std::{path::Path, sync::Arc};

fn open(dir: &Path) -> Arc<LocalJournal> {
    LocalJournal::open(LocalOptions::new(dir).small()).expect("opens")
}

fn shared(journal: &Arc<LocalJournal>) -> SharedJournal {
    journal.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let dirs = std::sync::Mutex::new(vec![]);
    for shards in [1, 16] {
        conformance::all(|| async {
            let dir = tempfile::tempdir().expect("a directory");
            let options = LocalOptions { shards, ..LocalOptions::new(dir.path()).small() };
            dirs.lock().expect("one thread").push(dir);
            LocalJournal::open(options).expect("opens") as SharedJournal
        })
        .await;
    }
}
