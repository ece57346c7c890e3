//! What runs and ran: `workflow`, `audit`, `escalation`, `cost`.

use super::{COMPLETED, Global, Output, run::follow};
use crate::{config::Config, door::Door, show};
use axum::http::Method;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// Workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum Workflow {
    /// List workflows, the newest first
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Show where a workflow stands and what it brought
    #[command(alias = "get")]
    Show {
        /// Its id
        id: String,
        /// As of its event with this number
        #[arg(long, value_name = "N")]
        at: Option<u64>,
    },
    /// Follow a workflow until it ends or waits for a human
    Watch {
        /// Its id
        id: String,
    },
    /// Let nothing start until it is resumed
    Pause {
        /// Its id
        id: String,
    },
    /// Let it go on, and follow it
    Resume {
        /// Its id
        id: String,
    },
    /// End it; what is in flight is settled first
    Cancel {
        /// Its id
        id: String,
        /// Why
        #[arg(long, default_value = "cancelled at the command line")]
        reason: String,
    },
    /// Cancel it and destroy its texts; its audit trail stays and still verifies
    Delete {
        /// Its id
        id: String,
    },
}

/// The audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Every event of a workflow, in a sentence each
    Show {
        /// The workflow's id
        id: String,
    },
    /// Check the hash chain of a workflow's streams
    Verify {
        /// The workflow's id
        id: String,
    },
    /// Every event of a workflow as JSON lines
    Export {
        /// The workflow's id
        id: String,
    },
}

/// Questions that wait for a human.
#[derive(Debug, Subcommand)]
pub(crate) enum Escalation {
    /// List open questions
    List,
    /// Show the questions of a workflow
    Show {
        /// The workflow's id
        id: String,
    },
    /// Answer a question
    Resolve {
        /// The workflow's id
        id: String,
        /// The answer
        answer: Answer,
        /// The question's number
        #[arg(long, default_value_t = 1)]
        number: u32,
        /// With edit: the output to take instead, JSON or text
        #[arg(long, required_if_eq("answer", "edit"))]
        value: Option<String>,
    },
}

/// An answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Answer {
    /// Take the answer that was not sure enough
    Approve,
    /// Take another output instead
    Edit,
    /// Try again from the start of the ladder
    Retry,
    /// Go on without the step
    Skip,
    /// Give the workflow up
    Abandon,
}

/// What was spent.
#[derive(Debug, Args)]
pub(crate) struct Cost {
    /// By tenant, user, model or day
    #[arg(long, default_value = "model")]
    by: String,
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
            Self::List { state, limit } => {
                let state = state.map(|s| format!("&state={s}")).unwrap_or_default();
                door.whole().await?;
                let page = door.get(&format!("/api/v1/workflows?limit={limit}{state}")).await?;
                print(&page, output, show::workflows);
                Ok(COMPLETED)
            }
            Self::Show { id, at } => {
                let at = at.map(|n| format!("?at={n}")).unwrap_or_default();
                let view = door.get(&format!("/api/v1/workflows/{id}{at}")).await?;
                print(&view, output, |view| {
                    show::workflow(view);
                    show::result(view);
                });
                Ok(COMPLETED)
            }
            Self::Watch { id } => watch(door, &id, 0, output).await,
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

/// How many events a workflow has: where what follows from a command begins.
async fn events(door: &Door, id: &str) -> anyhow::Result<u64> {
    Ok(show::number(&door.get(&format!("/api/v1/workflows/{id}")).await?, "seq"))
}

async fn watch(door: &Door, id: &str, from: u64, output: Output) -> anyhow::Result<u8> {
    let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
    let mut progress = show::Progress::new(output, &show::text(&view, "intent"), id);
    if from > 0 || !show::is_settled(&view) {
        follow(door, id, from, &mut progress).await?;
    }
    let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
    print(&view, output, show::result);
    Ok(show::exit_code(&view))
}

impl Audit {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        let code = self.with(&door, global.output).await;
        door.close().await;
        code
    }

    async fn with(self, door: &Door, output: Output) -> anyhow::Result<u8> {
        match self {
            Self::Show { id } => {
                let audit = door.get(&format!("/api/v1/workflows/{id}/audit")).await?;
                print(&audit, output, show::audit);
            }
            Self::Export { id } => {
                let audit = door.get(&format!("/api/v1/workflows/{id}/audit")).await?;
                for entry in crate::door::list(&audit, "entries")? {
                    show::line(&entry.to_string());
                }
            }
            Self::Verify { id } => {
                let path = format!("/api/v1/workflows/{id}/audit/verify");
                let verified = door.get(&path).await?;
                print(&verified, output, |verified| show::verified(&id, verified));
            }
        }
        Ok(COMPLETED)
    }
}

impl Escalation {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        let code = self.with(&door, global.output).await;
        door.close().await;
        code
    }

    async fn with(self, door: &Door, output: Output) -> anyhow::Result<u8> {
        match self {
            Self::List => {
                door.whole().await?;
                let open = door.get("/api/v1/escalations").await?;
                print(&open, output, show::escalations);
                Ok(COMPLETED)
            }
            Self::Show { id } => {
                let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
                let asked = view.get("escalations").cloned().unwrap_or_default();
                print(&asked, output, |asked| show::questions(&id, asked));
                Ok(COMPLETED)
            }
            Self::Resolve { id, answer, number, value } => {
                let mut body = json!({ "answer": answer_name(answer) });
                if let Some(value) = value {
                    body["value"] = serde_json::from_str(&value).unwrap_or(Value::String(value));
                }
                let from = events(door, &id).await?;
                door.post(&format!("/api/v1/escalations/{id}/{number}/resolve"), &body).await?;
                watch(door, &id, from, output).await
            }
        }
    }
}

fn answer_name(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approve",
        Answer::Edit => "edit",
        Answer::Retry => "retry",
        Answer::Skip => "skip",
        Answer::Abandon => "abandon",
    }
}

impl Cost {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        door.whole().await?;
        let spent = door.get(&format!("/api/v1/costs?by={}", self.by)).await;
        door.close().await;
        print(&spent?, global.output, show::cost);
        Ok(COMPLETED)
    }
}

/// For programs as it is, for people as `text` has it.
pub(super) fn print(value: &Value, output: Output, text: impl FnOnce(&Value)) {
    match output {
        Output::Json => show::json(value),
        Output::Text => text(value),
    }
}
