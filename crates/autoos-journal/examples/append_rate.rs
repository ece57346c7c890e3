//! How fast the local journal is on this machine: durable appends at several depths, replay, and
//! opening with a long history. Prints JSON lines. Run it in release, on the disk in question:
//!
//! `cargo run --release -p autoos-journal --example append_rate -- [DIR] [EVENTS] [WAITING]`
//!
//! The history stays in DIR; run again on it, only opening and reading are measured.

use autoos_journal::{
    Batch, LocalJournal, LocalOptions, NewEvent, SharedJournal, Standing, StreamWrite,
};
use autoos_kernel::{
    id::{StreamId, WorkflowId},
    time::Timestamp,
};
use futures::stream::{self, StreamExt};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use uuid::Uuid;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("append-rate"), PathBuf::from);
    let events: u64 = args.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let waiting: u64 = args.next().map_or(Ok(100_000), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    fs::create_dir_all(&dir)?;
    runtime.block_on(async {
        if dir.join("history").exists() {
            return reopen(&dir.join("history"), waiting).await;
        }
        fdatasync(&dir)?;
        empty(&dir.join("empty")).await?;
        for in_flight in [1, 16, 256, 4096] {
            appends(&dir.join(format!("appends-{in_flight}")), in_flight).await?;
        }
        history(&dir.join("history"), events, waiting).await
    })
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever reads may have seen enough.
    let _ = writeln!(out, "{line}");
}

/// What a 4 KiB append and its sync take without any journal.
fn fdatasync(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let path = dir.join("sync");
    let mut file = File::create(&path)?;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..500 {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort();
    let us = |part: usize| times[part].as_micros();
    say(&format!(r#"{{"fdatasync_us":{{"p50":{},"p99":{}}}}}"#, us(250), us(495)));
    fs::remove_file(path)?;
    Ok(())
}

fn stream(n: u64) -> StreamId {
    let uuid = uuid::Builder::from_custom_bytes(u128::from(n).to_be_bytes()).into_uuid();
    WorkflowId(Uuid::from_u128(uuid.as_u128())).stream()
}

fn event() -> NewEvent {
    NewEvent {
        at: Timestamp(1_767_225_600_000),
        actor: "workflow".into(),
        cause: None,
        trace: None,
        kind: "step_completed".into(),
        body: vec![7; 160],
    }
}

fn batch(journal: &SharedJournal, n: u64, seq: u64, count: u64, standing: Standing) -> Batch {
    let stream = stream(n);
    let events = (0..count).map(|_| event()).collect();
    let write = StreamWrite { stream, expect: seq, events, standing };
    let epoch = journal.epoch(stream.shard(journal.shards()));
    Batch { epoch, writes: vec![write], bodies: vec![] }
}

/// Making a journal and writing to it, and opening it again.
async fn empty(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    for what in ["first", "second"] {
        let began = Instant::now();
        let local = LocalJournal::open(LocalOptions::new(dir))?;
        let journal: SharedJournal = local.clone();
        let n = u64::from(what == "second");
        journal.append(batch(&journal, n, 0, 1, Standing::Running)).await?;
        say(&format!(r#"{{"empty_{what}_open_ms":{}}}"#, began.elapsed().as_millis()));
        local.close().await;
    }
    fs::remove_dir_all(dir)?;
    Ok(())
}

async fn appends(dir: &Path, in_flight: usize) -> Result<(), Box<dyn std::error::Error>> {
    let local = LocalJournal::open(LocalOptions::new(dir))?;
    let journal: SharedJournal = local.clone();
    let (began, cpu) = (Instant::now(), cpu_ms());
    let time = Duration::from_secs(3);
    let tasks: Vec<_> = (0..in_flight as u64)
        .map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut done = 0;
                while began.elapsed() < time {
                    // A new stream every ten events, as workflows come and go.
                    let (id, seq) = (n + done / 10 * 1_000_000, done % 10);
                    let standing = if seq == 9 { Standing::Closed } else { Standing::Running };
                    journal.append(batch(&journal, id, seq, 1, standing)).await?;
                    done += 1;
                }
                Ok::<u64, autoos_journal::Error>(done)
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    let (took, stats) = (began.elapsed(), local.stats());
    say(&format!(
        r#"{{"in_flight":{in_flight},"appends_per_s":{:.0},"appends_per_sync":{:.1},"sync_us_p50_below":{:.0},"cpu_us_per_append":{:.1}}}"#,
        done as f64 / took.as_secs_f64(),
        done as f64 / stats.frames as f64,
        stats.sync_quantile_us(0.5),
        (cpu_ms() - cpu) as f64 * 1000.0 / done as f64,
    ));
    local.close().await;
    drop((journal, local));
    fs::remove_dir_all(dir)?;
    Ok(())
}

/// A long history: `waiting` streams that wait, the rest of the events in closed ones.
async fn history(dir: &Path, events: u64, waiting: u64) -> Result<(), Box<dyn std::error::Error>> {
    let local = LocalJournal::open(LocalOptions::new(dir))?;
    let journal: SharedJournal = local.clone();
    let per_stream = 20;
    let began = Instant::now();
    let closed = events.saturating_sub(waiting * 2) / per_stream;
    let wake = |n| Standing::Waiting { wake: Some(Timestamp(1_900_000_000_000 + n)) };
    let all = (0..waiting)
        .map(|n| (n, 2, wake(n)))
        .chain((waiting..waiting + closed).map(|n| (n, per_stream, Standing::Closed)));
    let mut written = stream::iter(all.map(|(n, count, standing)| {
        let journal = journal.clone();
        async move {
            // Four appends per stream, as attempts come back.
            let each = count.div_ceil(4);
            let mut seq = 0;
            while seq < count {
                let more = each.min(count - seq);
                let now = if seq + more == count { standing } else { Standing::Running };
                journal.append(batch(&journal, n, seq, more, now)).await?;
                seq += more;
            }
            Ok::<u64, autoos_journal::Error>(count)
        }
    }))
    .buffer_unordered(1024);
    let mut total = 0;
    while let Some(count) = written.next().await {
        total += count?;
    }
    drop(written);
    let took = began.elapsed();
    say(&format!(
        r#"{{"history_events":{total},"written_per_s":{:.0},"rss_mib":{}}}"#,
        total as f64 / took.as_secs_f64(),
        rss_mib()
    ));
    local.close().await;
    drop((journal, local));
    say(&format!(r#"{{"on_disk_mib":{}}}"#, size(dir)? >> 20));
    reopen(dir, waiting).await
}

async fn reopen(dir: &Path, waiting: u64) -> Result<(), Box<dyn std::error::Error>> {
    let began = Instant::now();
    let local = LocalJournal::open(LocalOptions::new(dir))?;
    let journal: SharedJournal = local.clone();
    let running = journal.running().await?.len();
    let due = journal.due(Timestamp(u64::MAX), 1000).await?.len();
    let seq = journal.head(stream(u64::MAX)).await?.map_or(0, |head| head.next);
    journal.append(batch(&journal, u64::MAX, seq, 1, Standing::Waiting { wake: None })).await?;
    let opened = began.elapsed().as_millis();
    say(&format!(
        r#"{{"open_ms":{opened},"running":{running},"due":{due},"waiting":{waiting},"rss_mib":{}}}"#,
        rss_mib()
    ));
    let (began, mut read) = (Instant::now(), 0u64);
    for (shard, end) in journal.end().0 {
        let mut at = 0;
        while at < end && began.elapsed() < Duration::from_secs(10) {
            let page = journal.scan(shard, at, 4096).await?;
            read += page.len() as u64;
            at = page.last().map_or(end, |(position, _)| position.offset + 1);
        }
    }
    let rate = read as f64 / began.elapsed().as_secs_f64();
    say(&format!(r#"{{"replayed":{read},"replay_per_s":{rate:.0},"rss_mib":{}}}"#, rss_mib()));
    let journal = Arc::clone(&journal);
    let (began, mut read) = (Instant::now(), 0u64);
    for n in waiting..waiting + 20_000 {
        read += journal.read(stream(n), 0, usize::MAX).await?.len() as u64;
    }
    let rate = read as f64 / began.elapsed().as_secs_f64();
    say(&format!(r#"{{"streams_read_events_per_s":{rate:.0},"rss_mib":{}}}"#, rss_mib()));
    Ok(())
}

fn size(dir: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            size(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}

/// Memory in use by this process, where the system tells (Linux).
fn rss_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// CPU time of this process in milliseconds, where the system tells (Linux, 100 ticks/s).
fn cpu_ms() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 10
}
