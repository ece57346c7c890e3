//! What runs and ran: `workflow`.

use super::{COMPLETED, Global, Output, run::follow};
use crate::{
    config::Config,
    door::{Door, with_query},
    fail::Said,
    show,
};
use anyhow::Context as _;
use autoos_kernel::id::WorkflowId;
use axum::http::Method;
use clap::{Args, Subcommand};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum Workflow {
    /// List workflows, the newest first
    List(List),
    /// Show where a workflow stands and what it brought
    #[command(alias = "get")]
    Show {
        /// Its id
        id: WorkflowId,
        /// As of its event with this number
        #[arg(long, value_name = "N")]
        at: Option<u64>,
        /// Draw what happened as a time line, to this file
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        /// Draw with ASCII alone
        #[arg(long)]
        ascii: bool,
    },
    /// Follow a workflow until it ends or waits for a human
    Watch {
        /// Its id
        id: WorkflowId,
    },
    /// Go on from an earlier event, with another model perhaps, and show what came out differently
    Fork(super::fork::Fork),
    /// Show two workflows side by side
    Diff(super::fork::Diff),
    /// Let nothing start until it is resumed
    Pause {
        /// Its id
        id: WorkflowId,
    },
    /// Let it go on, and follow it
    Resume {
        /// Its id
        id: WorkflowId,
    },
    /// End it; what is in flight is settled first
    Cancel {
        /// Its id
        id: WorkflowId,
        /// Why
        #[arg(long, default_value = "cancelled at the command line")]
        reason: String,
    },
    /// Cancel it and destroy its texts; its audit trail stays and still verifies
    Delete {
        /// Its id
        id: WorkflowId,
    },
}

/// Lists workflows.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  autoos workflow list --state running,escalated --since 2h")]
pub(crate) struct List {
    /// Only those in one of these states, comma-separated: planning, running, paused, escalated,
    /// cancelling, completed, failed, cancelled
    #[arg(long, value_name = "STATES")]
    state: Option<String>,
    /// Only those of this user
    #[arg(long)]
    user: Option<String>,
    /// Only those accepted since then: 2026-01-31T08:15:00Z, or 90s, 15m, 2h, 3d ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those whose intent contains this
    #[arg(long)]
    text: Option<String>,
    /// At most so many, 1 to 500
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// The page that the list before named
    #[arg(long, value_name = "TOKEN")]
    page: Option<String>,
}

impl List {
    async fn run(self, door: &Door, output: Output) -> anyhow::Result<u8> {
        let since = self.since.as_deref().map(since).transpose()?;
        let query = [
            ("state", self.state),
            ("user_id", self.user),
            ("since", since),
            ("text", self.text),
            ("limit", Some(self.limit.to_string())),
            ("page_token", self.page),
        ];
        door.whole().await?;
        let page = door.get(&with_query("/api/v1/workflows", &query)).await?;
        print(&page, output, show::workflows);
        Ok(COMPLETED)
    }
}

/// A time as it was typed, as the node takes it.
fn since(typed: &str) -> anyhow::Result<String> {
    let seconds = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    for (unit, seconds) in seconds {
        let Some(count) = typed.strip_suffix(unit).and_then(|count| count.parse::<u64>().ok())
        else {
            continue;
        };
        let ms = count.checked_mul(seconds * 1_000);
        let now = autoos_runtime::Clock::now(&autoos_runtime::SystemClock);
        return match ms.and_then(|ms| now.0.checked_sub(ms)) {
            Some(then) => Ok(autoos_kernel::time::Timestamp(then).to_string()),
            None => Err(Said::new(
                "usage",
                format!("--since {typed} lies before 1970"),
                "name a shorter time, or leave --since out",
            )
            .into()),
        };
    }
    // A point in time: the node says what is wrong with one.
    Ok(typed.to_owned())
}

impl Workflow {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        let code = self.with(&door, global.output).await;
        door.close().await;
        code
    }

    async fn with(self, door: &Door, output: Output) -> anyhow::Result<u8> {
        match self {
            Self::List(list) => list.run(door, output).await,
            Self::Show { id, at, svg: Some(path), .. } => {
                let at = [("at", at.map(|n| n.to_string()))];
                let place = format!("/api/v1/workflows/{id}/picture.svg");
                let picture = door.text(&with_query(&place, &at)).await?;
                std::fs::write(&path, picture)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                let made = json!({ "file": path });
                print(&made, output, |_| show::line(&format!("drawn in {}", path.display())));
                Ok(COMPLETED)
            }
            Self::Show { id, at, ascii, .. } => {
                let at = ("at", at.map(|n| n.to_string()));
                let place = format!("/api/v1/workflows/{id}");
                let view = door.get(&with_query(&place, std::slice::from_ref(&at))).await?;
                if output == Output::Json {
                    show::json(&view);
                    return Ok(COMPLETED);
                }
                let query = with_query(&format!("{place}/picture.txt"), &drawing(at, ascii));
                show::line(door.text(&query).await?.trim_end());
                show::result(&view);
                Ok(COMPLETED)
            }
            Self::Watch { id } if output == Output::Json => stream(door, &id).await,
            Self::Watch { id } => watch(door, &id, 0, output).await,
            Self::Fork(fork) => fork.with(door, output).await,
            Self::Diff(diff) => diff.with(door, output).await,
            Self::Pause { id } => {
                let answer =
                    door.post(&format!("/api/v1/workflows/{id}/pause"), &json!({})).await?;
                print(&answer, output, |_| show::line(&format!("{id} is paused")));
                Ok(COMPLETED)
            }
            Self::Resume { id } => {
                let from = events(door, &id).await?;
                door.post(&format!("/api/v1/workflows/{id}/resume"), &json!({})).await?;
                watch(door, &id, from, output).await
            }
            Self::Cancel { id, reason } => {
                let body = json!({ "reason": reason });
                let answer = door.post(&format!("/api/v1/workflows/{id}/cancel"), &body).await?;
                print(&answer, output, |_| show::line(&format!("{id} is being cancelled")));
                Ok(COMPLETED)
            }
            Self::Delete { id } => {
                let path = format!("/api/v1/workflows/{id}?erase=true");
                let answer = door.ask(Method::DELETE, &path, None).await?;
                print(&answer, output, |_| {
                    show::line(&format!("{id} is erased; its audit trail stays"))
                });
                Ok(COMPLETED)
            }
        }
    }
}

/// How this terminal wants its drawing.
fn drawing(at: (&'static str, Option<String>), ascii: bool) -> [(&'static str, Option<String>); 4] {
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let dumb = said("TERM").is_some_and(|term| term == "dumb");
    let color = is_terminal && !dumb && said("NO_COLOR").is_none();
    // The locale as POSIX has it: the first of these that is set decides.
    let locale = said("LC_ALL").or_else(|| said("LC_CTYPE")).or_else(|| said("LANG"));
    let plain =
        locale.is_some_and(|locale| !locale.to_uppercase().replace('-', "").contains("UTF8"));
    let width = if is_terminal { columns().map(|columns| columns.to_string()) } else { None };
    let yes = |wanted: bool| wanted.then(|| "true".to_owned());
    let ascii = yes(ascii || dumb || (is_terminal && plain));
    [at, ("width", width), ("ascii", ascii), ("color", yes(color))]
}

/// How many columns this terminal has.
fn columns() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

/// How many events a workflow has: where what follows from a command begins.
pub(super) async fn events(door: &Door, id: &WorkflowId) -> anyhow::Result<u64> {
    Ok(show::number(&door.get(&format!("/api/v1/workflows/{id}")).await?, "seq"))
}

/// Its changes as JSON lines, until it ends or waits for a human.
async fn stream(door: &Door, id: &WorkflowId) -> anyhow::Result<u8> {
    let known = events(door, id).await?;
    let mut changes = door.watch(&id.to_string(), 0).await?;
    while let Some(change) = changes.next().await {
        let change = change?;
        show::line(&change.to_string());
        if show::waits_for_human(&change, known) {
            break;
        }
    }
    Ok(show::exit_code(&door.get(&format!("/api/v1/workflows/{id}")).await?))
}

/// Follows it from sequence `from` on, then prints what it brought.
pub(super) async fn watch(
    door: &Door,
    id: &WorkflowId,
    from: u64,
    output: Output,
) -> anyhow::Result<u8> {
    let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
    let mut progress = show::Progress::new(output, &show::text(&view, "intent"), &id.to_string());
    if from > 0 || !show::is_settled(&view) {
        let known = from.max(show::number(&view, "seq"));
        follow(door, &id.to_string(), (from, known), &mut progress).await?;
    }
    let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
    print(&view, output, show::result);
    Ok(show::exit_code(&view))
}

/// For programs as it is, for people as `text` has it.
pub(super) fn print(value: &Value, output: Output, text: impl FnOnce(&Value)) {
    match output {
        Output::Json => show::json(value),
        Output::Text => text(value),
    }
}
