//! `doctor`: looks this machine and the data directory over. Each line says how one thing is and,
//! where it is not well, what to do about it.
//!
//! A node that runs holds its data directory: it is asked then, and what only its owner can check
//! is left to a stop. Left out: what providers answer, since asking them may cost money.

use super::{COMPLETED, ERROR, Global, Output};
use crate::{config::Config, door::Door, fail::Said, node::Address, show};
use autoos_journal::{LocalJournal, LocalOptions};
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

/// Free bytes below which a disk is about to be full.
const FREE_WARN: u64 = 1 << 30;
/// Free bytes below which the journal stops taking appends.
const FREE_ERROR: u64 = 64 << 20;
/// A sync that takes longer than this slows every decision down.
const SYNC_SLOW: Duration = Duration::from_millis(25);
/// How far the clock may lie before what was written already.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// Looks this machine and the data directory over.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing is wrong (warnings included), 1 something is.")]
pub(crate) struct Doctor {
    /// Where a node is to listen
    #[arg(long, env = "AUTOOS_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    listen: std::net::SocketAddr,
}

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warn,
    Error,
}

/// One line.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    level: Level,
    /// How it is.
    what: String,
    /// What to do about it; nothing where all is well.
    #[serde(skip_serializing_if = "String::is_empty")]
    what_to_do: String,
}

impl Check {
    fn ok(name: &'static str, what: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, what: what.into(), what_to_do: String::new() }
    }

    fn warn(name: &'static str, what: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { name, level: Level::Warn, what: what.into(), what_to_do: to_do.into() }
    }

    fn error(name: &'static str, what: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { name, level: Level::Error, what: what.into(), what_to_do: to_do.into() }
    }
}

impl Doctor {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let dir = config.data_dir(global.data_dir.as_deref())?;
        let node = Door::running(global, config).await?;
        let health = match &node {
            Some(node) => Some(node.get("/health").await),
            None => None,
        };
        let mut checks = vec![version(health.as_ref())];
        checks.push(data_dir(&dir));
        if dir.is_dir() {
            checks.push(room(&dir));
            checks.push(sync(&dir));
            checks.push(clock(&dir));
        }
        checks.push(journal(&dir, health.as_ref()).await);
        checks.extend(providers(config));
        checks.push(port(self.listen, &dir, node.is_some()));
        let bad = checks.iter().any(|check| check.level == Level::Error);
        match global.output {
            Output::Json => {
                show::json(&json!({ "ok": !bad, "data_dir": dir, "checks": checks }));
            }
            Output::Text => checks.iter().for_each(print),
        }
        Ok(if bad { ERROR } else { COMPLETED })
    }
}

fn print(check: &Check) {
    let level = match check.level {
        Level::Ok => "ok",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    show::line(&format!("{level:<5}  {:<14} {}", check.name, show::tame(&check.what)));
    if !check.what_to_do.is_empty() {
        show::line(&format!("       {:<14} {}", "", check.what_to_do));
    }
}

type Health<'a> = Option<&'a anyhow::Result<Value>>;

fn version(health: Health<'_>) -> Check {
    let own = env!("CARGO_PKG_VERSION");
    let there = health.and_then(|health| health.as_ref().ok()).map(|h| show::text(h, "version"));
    match there {
        Some(other) if other != own => Check::warn(
            "version",
            format!("this is autoos {own}, and the node that runs is {other}"),
            "restart the node with this version, or use that one's command",
        ),
        _ => Check::ok("version", format!("autoos {own}")),
    }
}

fn data_dir(dir: &Path) -> Check {
    let shown = dir.display();
    let found = match std::fs::metadata(dir) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            let to_do = "name a folder with --data-dir";
            return Check::error("data directory", format!("{shown} is no folder"), to_do);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let what = format!("{shown} is not there yet; the first command makes it");
            return Check::ok("data directory", what);
        }
        Err(error) => {
            let to_do = "let this user have it, or name another with --data-dir";
            return Check::error("data directory", format!("{shown}: {error}"), to_do);
        }
    };
    if others_may_read(&found) {
        return Check::warn(
            "data directory",
            format!("{shown} may be read by other users of this machine"),
            format!("chmod 700 {shown}: it holds the keys of all texts"),
        );
    }
    Check::ok("data directory", shown.to_string())
}

#[cfg(unix)]
fn others_may_read(found: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &std::fs::Metadata) -> bool {
    false
}

fn room(dir: &Path) -> Check {
    let free = match rustix::fs::statvfs(dir) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            return Check::warn("disk", format!("free room is unknown: {error}"), "look at df");
        }
    };
    let what = format!("{} MiB free", free >> 20);
    if free < FREE_ERROR {
        Check::error("disk", what, "make room: the journal takes nothing more soon, or already")
    } else if free < FREE_WARN {
        Check::warn("disk", what, "make room before the journal stops taking appends")
    } else {
        Check::ok("disk", what)
    }
}

/// What an `fdatasync` of a 4 KiB append takes: what every decision waits for.
fn sync(dir: &Path) -> Check {
    let times = || -> std::io::Result<Vec<Duration>> {
        let mut file = tempfile::tempfile_in(dir)?;
        let mut times = Vec::new();
        for _ in 0..21 {
            file.write_all(&[7; 4096])?;
            let start = Instant::now();
            file.sync_data()?;
            times.push(start.elapsed());
        }
        times.sort();
        Ok(times)
    };
    let times = match times() {
        Ok(times) => times,
        Err(error) => {
            let to_do = "let this user write there, and look at the disk";
            return Check::error("sync", format!("cannot write and sync: {error}"), to_do);
        }
    };
    let (half, most) = (times[times.len() / 2], times[times.len() - 1]);
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let what = format!("a 4 KiB append is durable after {:.2} ms (most {:.2})", ms(half), ms(most));
    if half > SYNC_SLOW {
        Check::warn("sync", what, "put the data directory on a faster disk: every decision waits")
    } else {
        Check::ok("sync", what)
    }
}

/// Whether the clock lies before what was written already.
fn clock(dir: &Path) -> Check {
    let newest = newest(&dir.join("journal"));
    let now = SystemTime::now();
    let ahead = newest.and_then(|newest| newest.duration_since(now).ok()).unwrap_or_default();
    if ahead > CLOCK_SLACK {
        return Check::error(
            "clock",
            format!("it lies {} s before what was written already", ahead.as_secs()),
            "set the clock: deadlines and timers go by it",
        );
    }
    let at = autoos_runtime::Clock::now(&autoos_runtime::SystemClock);
    Check::ok("clock", at.to_string())
}

fn newest(dir: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(dir).ok()?.filter_map(Result::ok);
    entries.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
}

/// Opens the journal and checks every chain, or asks the node that holds it.
async fn journal(dir: &Path, health: Health<'_>) -> Check {
    match health {
        Some(Ok(health)) => return of_node(health),
        Some(Err(error)) => {
            let said = Said::of(error);
            return Check::error("journal", said.sentence, said.what_to_do);
        }
        None => {}
    }
    let place: PathBuf = dir.join("journal");
    if !place.is_dir() {
        return Check::ok("journal", "none yet");
    }
    let journal = match LocalJournal::open(LocalOptions::new(place)) {
        Ok(journal) => journal,
        Err(error) => {
            let said = Said::of(&error.into());
            return Check::error("journal", said.sentence, said.what_to_do);
        }
    };
    let opening = journal.recovery().clone();
    let verified = journal.verify_streams().await;
    journal.close().await;
    match verified {
        Ok(events) if opening.is_clean() => {
            Check::ok("journal", format!("{events} events, every chain holds"))
        }
        Ok(events) => Check::warn(
            "journal",
            format!("{events} events, every chain holds; at its opening: {opening:?}"),
            "nothing that was acknowledged is lost; look at the disk if this happens again",
        ),
        Err(error) => {
            let said = Said::of(&error.into());
            Check::error("journal", said.sentence, said.what_to_do)
        }
    }
}

fn of_node(health: &Value) -> Check {
    let open = show::number(health, "open_workflows");
    match show::text(health, "status").as_str() {
        "ok" => Check::ok(
            "journal",
            format!(
                "a node holds it and is well, {open} workflows open; chains are checked once it is stopped"
            ),
        ),
        status => {
            let reason = health.pointer("/journal/reason").and_then(Value::as_str);
            Check::error(
                "journal",
                format!("the node that holds it is {status}: {}", reason.unwrap_or("no reason")),
                "do what the reason asks for; reading still works",
            )
        }
    }
}

/// Whether each provider has what it needs to be asked.
fn providers(config: &Config) -> Vec<Check> {
    let env = |name: &str| std::env::var(name).ok();
    let fabric = config.fabric.clone().with_detected(env);
    let mut checks = Vec::new();
    for (name, provider) in &fabric.providers {
        let key = provider.api_key.as_ref().map(|key| key.resolve(&env));
        checks.push(match key {
            None => Check::ok("provider", format!("{name}: needs no key")),
            Some(Ok(_)) => Check::ok("provider", format!("{name}: its key is there")),
            Some(Err(why)) => Check::error(
                "provider",
                format!("{name}: {why}"),
                format!("give it its key, or take providers.{name} out of the configuration"),
            ),
        });
    }
    if checks.is_empty() {
        checks.push(Check::ok(
            "provider",
            "no language model; the built-in rules plan and answer. ANTHROPIC_API_KEY, \
             OPENAI_API_KEY or GEMINI_API_KEY switches one on",
        ));
    }
    checks
}

/// Whether a node could listen there.
fn port(listen: std::net::SocketAddr, dir: &Path, running: bool) -> Check {
    match std::net::TcpListener::bind(listen) {
        Ok(_) => Check::ok("port", format!("{listen} is free")),
        Err(error) => {
            let own = Address::read(dir).filter(|_| running).map(|address| address.url);
            if own.as_deref() == Some(&*format!("http://{listen}")) {
                return Check::ok("port", format!("the node on this data directory has {listen}"));
            }
            Check::warn(
                "port",
                format!("{listen}: {error}"),
                "serve elsewhere: autoos serve --listen 127.0.0.1:8001",
            )
        }
    }
}
