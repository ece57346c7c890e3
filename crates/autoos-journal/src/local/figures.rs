//! The local journal's metrics. Its files are looked at when they are asked for, never before.

use super::{
    LocalJournal, ROOM_KIB,
    open::{LOG, STORE},
};
use crate::Journal as _;
use autoos_meter::Family;
use std::path::Path;

impl LocalJournal {
    /// What it counts of itself, and how its disk is. Reads directories: not for a thread that
    /// others wait for.
    #[must_use]
    pub fn figures(&self) -> Vec<Family> {
        let mut all = self.of_appends();
        all.extend(self.of_disk());
        all
    }

    fn of_appends(&self) -> Vec<Family> {
        let stats = self.stats();
        let waiting = ROOM_KIB as usize - self.room.available_permits().min(ROOM_KIB as usize);
        vec![
            Family::gauge("autoos_journal_degraded", "1 while the journal takes no appends.")
                .of(self.degraded().is_some()),
            Family::counter("autoos_journal_appends_total", "Appends recorded.").of(stats.batches),
            Family::counter("autoos_journal_refused_total", "Requests refused.").of(stats.refused),
            Family::histogram(
                "autoos_journal_append_seconds",
                "From the call of an append to its answer: encoding, queue, sync.",
            )
            .of(stats.append),
            Family::histogram(
                "autoos_journal_sync_seconds",
                "Writing a frame to the log and syncing it, once for all appends in it.",
            )
            .of(stats.sync),
            Family::histogram("autoos_journal_batch_appends", "Appends that shared a sync.")
                .of(stats.frame_appends),
            Family::counter("autoos_journal_written_bytes_total", "Bytes written to the log.")
                .of(stats.bytes),
            Family::gauge(
                "autoos_journal_queue_bytes",
                "Appends that wait for the log, in whole KiB each.",
            )
            .of(waiting * 1024),
            Family::counter(
                "autoos_journal_checkpoints_total",
                "Times the event store was made durable.",
            )
            .of(stats.checkpoints),
        ]
    }

    fn of_disk(&self) -> Vec<Family> {
        let report = &self.report;
        let options = &self.core.options;
        let mut all = vec![
            Family::gauge("autoos_journal_open_seconds", "What the last opening took.")
                .of(report.took_ms as f64 / 1e3),
            Family::gauge(
                "autoos_journal_replayed_frames",
                "Frames of the log that the last opening carried into the event store.",
            )
            .of(report.replayed_frames),
            Family::gauge("autoos_journal_log_bytes", "Size of the log.")
                .of(size(&options.dir.join(LOG))),
            Family::gauge("autoos_journal_store_bytes", "Size of the event store.")
                .of(size(&options.dir.join(STORE))),
            Family::gauge(
                "autoos_journal_reserve_bytes",
                "Below so much free disk the journal takes no appends.",
            )
            .of(options.reserve_bytes),
        ];
        if let Ok(free) = options.disk.available(&options.dir) {
            let help = "Free on the journal's disk.";
            all.push(Family::gauge("autoos_journal_disk_free_bytes", help).of(free));
        }
        all
    }
}

/// What the files of a directory take; what cannot be read, or goes away meanwhile, counts nothing.
fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(of).sum()
}
