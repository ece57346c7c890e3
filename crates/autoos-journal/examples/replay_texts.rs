//! How fast histories are read, decoded and folded on this machine: with texts recorded plain (as
//! before there was sealing), sealed, and sealed by one read per workflow. Prints JSON lines. Run
//! it in release:
//!
//! `cargo run --release -p autoos-journal --example replay_texts -- [WORKFLOWS]`

use autoos_journal::{
    Batch, Body, LocalJournal, LocalOptions, NewEvent, SharedJournal, Standing, StreamWrite,
    open_texts, seal_texts,
};
use autoos_kernel::{
    body::BodyRef,
    codec::Recorded,
    id::{AgentId, StreamId, WorkflowId},
    ladder::{Exit, Rung},
    time::Timestamp,
    workflow::{Event, Output, Purpose, Workflow},
};
use std::{collections::HashMap, io::Write, path::Path, time::Instant};
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

/// Steps of a workflow, each with a start and an end; one in ten failed and was tried again.
const STEPS: usize = 10;

fn main() -> Result<(), Failure> {
    let workflows: u64 = std::env::args().nth(1).map_or(Ok(20_000), |text| text.parse())?;
    let dir = std::env::temp_dir().join(format!("replay-texts-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let told = runtime.block_on(async {
        for sealed in [false, true] {
            let dir = dir.join(if sealed { "sealed" } else { "plain" });
            write(&dir, workflows, sealed).await?;
            for round in 1..=3 {
                for (how, opened) in [("scan as recorded", false), ("scan opened", true)] {
                    let (journal, began) = (open(&dir)?, Instant::now());
                    say(sealed, how, round, scanned(&journal, opened).await?, began);
                }
            }
            let (journal, began) = (open(&dir)?, Instant::now());
            say(sealed, "read by workflow", 1, read(&journal, workflows).await?, began);
        }
        Ok(())
    });
    std::fs::remove_dir_all(&dir)?;
    told
}

fn say(sealed: bool, how: &str, round: u32, events: u64, began: Instant) {
    let rate = events as f64 / began.elapsed().as_secs_f64();
    // Whoever reads may have seen enough.
    let _ = writeln!(
        std::io::stdout(),
        r#"{{"sealed":{sealed},"how":"{how}","round":{round},"events":{events},"events_per_s":{rate:.0}}}"#
    );
}

fn open(dir: &Path) -> Result<SharedJournal, Failure> {
    Ok(LocalJournal::open(LocalOptions::new(dir))?)
}

fn stream(n: u64) -> StreamId {
    // Spread over the shards, as real ids are.
    WorkflowId(Uuid::from_u128(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced)))
        .stream()
}

fn history(n: u64) -> Vec<Event> {
    let mut events = Vec::new();
    let output = || Output {
        body: BodyRef { hash: [n as u8; 32], len: 300 },
        confidence: Some(0.9),
        evidence: None,
    };
    for at in 0..STEPS {
        let step = format!("step-{at}");
        let start = |attempt| Event::AttemptStarted {
            step: step.clone(),
            attempt,
            agent: AgentId(Uuid::from_u128(7)),
            model: Some("scripted/default".into()),
            reserved: 1_000,
            deadline: Timestamp(60_000),
            purpose: Purpose::default(),
            choice: None,
        };
        events.push(start(1));
        let failed = at == 5;
        if failed {
            let detail = "the tool says: /srv/data/report.csv cannot be read".into();
            let exit = Exit::Panicked;
            events.push(Event::AttemptFailed {
                step: step.clone(),
                attempt: 1,
                exit,
                detail,
                cost: 10,
                tokens: (10, 10),
                doubtful: None,
            });
            events.push(Event::RungClimbed {
                step: step.clone(),
                rung: Rung::Retry,
                exit,
                due: Timestamp(100),
                without: None,
                tried: String::new(),
            });
            events.push(start(2));
        }
        events.push(Event::AttemptCompleted {
            step: step.clone(),
            attempt: 1 + u32::from(failed),
            output: output(),
            cost: 10,
            tokens: (10, 10),
        });
    }
    events.push(Event::Completed { output: output() });
    events
}

async fn write(dir: &Path, workflows: u64, sealed: bool) -> Result<(), Failure> {
    let journal = open(dir)?;
    let mut appends = Vec::new();
    for n in 0..workflows {
        let stream = stream(n);
        let key = journal.body_key(stream.uuid).await?;
        let record = |mut event: Event| {
            if sealed {
                seal_texts(&mut event, &key);
            }
            NewEvent {
                at: Timestamp(n),
                actor: "workflow".into(),
                cause: None,
                trace: None,
                kind: event.kind().to_owned(),
                body: event.encode(),
            }
        };
        let events = history(n).into_iter().map(record).collect();
        let write = StreamWrite { stream, expect: 0, events, standing: Standing::Closed };
        let epoch = journal.epoch(stream.shard(journal.shards()));
        let bodies = vec![Body::new(&key, b"what was asked".to_vec())];
        appends.push(journal.append(Batch { epoch, writes: vec![write], bodies }));
        if appends.len() == 256 {
            futures::future::try_join_all(appends.drain(..)).await?;
        }
    }
    futures::future::try_join_all(appends).await?;
    Ok(())
}

fn fold(workflow: &mut Workflow, event: &autoos_journal::Event) -> Result<(), Failure> {
    if let Some(known) = Event::decode(&event.kind, &event.body)? {
        workflow.fold(&known, event.at);
    }
    Ok(())
}

async fn scanned(journal: &SharedJournal, opened: bool) -> Result<u64, Failure> {
    let mut count = 0;
    for (shard, end) in journal.end().0 {
        let (mut at, mut workflows) = (0, HashMap::new());
        while at < end {
            let page = journal.scan(shard, at, 4_096).await?;
            at = page.last().map_or(end, |(position, _)| position.offset + 1);
            let mut events: Vec<_> = page.into_iter().map(|(_, event)| event).collect();
            if opened {
                open_texts(&**journal, &mut events).await?;
            }
            for event in &events {
                let id = WorkflowId(event.stream.uuid);
                let workflow = workflows.entry(id).or_insert_with(|| Workflow::new(id));
                fold(workflow, event)?;
                if workflow.end.is_some() {
                    workflows.remove(&id);
                }
            }
            count += events.len() as u64;
        }
    }
    Ok(count)
}

async fn read(journal: &SharedJournal, workflows: u64) -> Result<u64, Failure> {
    let mut count = 0;
    for n in 0..workflows {
        let mut events = journal.read(stream(n), 0, 1_000).await?;
        open_texts(&**journal, &mut events).await?;
        let mut workflow = Workflow::new(WorkflowId(stream(n).uuid));
        for event in &events {
            fold(&mut workflow, event)?;
        }
        count += events.len() as u64;
    }
    Ok(count)
}
