//! Figures that only the wiring can see, for `/metrics`: the journal's own counters.

use autoos_gateway::{Kind, Sample, Samples};
use autoos_journal::{Journal as _, LocalJournal};
use std::sync::Arc;

/// The journal's figures, read when asked.
pub(crate) fn of_journal(journal: &Arc<LocalJournal>) -> Samples {
    let journal = journal.clone();
    Arc::new(move || {
        let stats = journal.stats();
        let counter = |name, help, value: u64| Sample {
            name,
            help,
            kind: Kind::Counter,
            labels: Vec::new(),
            value: value as f64,
        };
        vec![
            counter("autoos_journal_events_total", "Events recorded.", stats.events),
            counter("autoos_journal_appends_total", "Batches recorded.", stats.batches),
            counter(
                "autoos_journal_syncs_total",
                "Frames written to the log, one sync each.",
                stats.frames,
            ),
            counter("autoos_journal_written_bytes_total", "Bytes written to the log.", stats.bytes),
            counter("autoos_journal_refused_total", "Appends refused.", stats.refused),
            counter(
                "autoos_journal_checkpoints_total",
                "Times the event store was made durable.",
                stats.checkpoints,
            ),
            Sample {
                name: "autoos_journal_sync_seconds_total",
                help: "Time spent on writing and syncing frames.",
                kind: Kind::Counter,
                labels: Vec::new(),
                value: stats.sync_us as f64 / 1e6,
            },
            Sample {
                name: "autoos_journal_degraded",
                help: "1 while the journal takes no appends.",
                kind: Kind::Gauge,
                labels: Vec::new(),
                value: f64::from(u8::from(journal.degraded().is_some())),
            },
        ]
    })
}
