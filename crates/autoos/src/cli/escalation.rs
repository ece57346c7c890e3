//! `escalation`: questions that wait for a human, and answers to them.

use super::{
    COMPLETED, Global, Output,
    workflow::{events, print, watch},
};
use crate::{
    config::Config,
    door::{Door, with_query},
    fail::Said,
    show,
};
use anyhow::Context as _;
use autoos_kernel::id::WorkflowId;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

/// Questions that wait for a human.
#[derive(Debug, Subcommand)]
pub(crate) enum Escalation {
    /// List questions, the newest first
    List {
        /// Those that were answered as well
        #[arg(long)]
        all: bool,
        /// Only those of this user
        #[arg(long)]
        user: Option<String>,
        /// At most so many, 1 to 500
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// The page that the list before named
        #[arg(long, value_name = "TOKEN")]
        page: Option<String>,
    },
    /// Show the questions of a workflow: what failed, what was tried, what can be answered
    Show {
        /// The workflow's id
        id: WorkflowId,
    },
    /// Answer a question
    Resolve(Resolve),
}

const EXAMPLES: &str = "\
Examples:
  autoos escalation resolve wf-0198… retry
  autoos escalation resolve wf-0198… edit --file plan.toml
  autoos escalation resolve wf-0198… raise --budget 2.00
  echo '{\"total\": 42}' | autoos escalation resolve wf-0198… edit --file - --number 2";

/// Answers a question.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Resolve {
    /// The workflow's id
    id: WorkflowId,
    /// The answer
    answer: Answer,
    /// The question's number, where several are open
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    number: Option<u32>,
    /// With edit: the output to take instead, JSON or text; of the planning step, a plan
    #[arg(long, conflicts_with = "file")]
    value: Option<String>,
    /// With edit: a file that holds it, JSON, TOML (by its ending) or text; - is standard input
    #[arg(long)]
    file: Option<PathBuf>,
    /// With raise: how many dollars more it may spend
    #[arg(long, value_name = "USD")]
    budget: Option<f64>,
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
    /// Let it spend more, with --budget, and try again from the start of the ladder
    Raise,
    /// Go on without the step
    Skip,
    /// Give the workflow up
    Abandon,
}

impl Escalation {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        // Before anything starts: a file that cannot be read needs no node.
        let edit = match &self {
            Self::Resolve(resolve) => {
                resolve.check_budget()?;
                resolve.edit()?
            }
            _ => None,
        };
        let door = Door::open(global, config).await?;
        let code = self.with(&door, edit, global.output).await;
        door.close().await;
        code
    }

    async fn with(self, door: &Door, edit: Option<Edit>, output: Output) -> anyhow::Result<u8> {
        match self {
            Self::List { all, user, limit, page } => {
                let query = [
                    ("all", all.then(|| "true".to_owned())),
                    ("user_id", user),
                    ("limit", Some(limit.to_string())),
                    ("page_token", page),
                ];
                door.whole().await?;
                let found = door.get(&with_query("/api/v1/escalations", &query)).await?;
                print(&found, output, show::escalations);
                Ok(COMPLETED)
            }
            Self::Show { id } => {
                let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
                match output {
                    Output::Json => {
                        show::json(&view.get("escalations").cloned().unwrap_or_default());
                    }
                    Output::Text => history(&view),
                }
                Ok(COMPLETED)
            }
            Self::Resolve(resolve) => resolve.with(door, edit, output).await,
        }
    }
}

/// Every question that was asked: those that were answered in a line, the open ones whole.
fn history(view: &Value) {
    let asked = show::rows(view, "escalations");
    if asked.is_empty() {
        show::line(&format!("{} has asked nobody", show::text(view, "id")));
    }
    for question in asked {
        if let Some(resolved) = question.get("resolved").filter(|r| !r.is_null()) {
            show::line(&show::brief(question));
            show::line(&format!(
                "  answered {} by {} at {}",
                show::text(resolved, "decision"),
                show::text(resolved, "by"),
                show::text(resolved, "at"),
            ));
        }
    }
    show::questions(view);
}

/// What stands in for a step's output, as it was typed.
enum Edit {
    Json(Value),
    /// Text that is no JSON.
    Text(String),
}

impl Resolve {
    async fn with(self, door: &Door, edit: Option<Edit>, output: Output) -> anyhow::Result<u8> {
        let id = self.id;
        let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
        let question = self.question(&view)?;
        let mut body = json!({ "answer": self.answer_name() });
        if let Some(budget) = self.budget {
            body["budget_usd"] = json!(budget);
        }
        if let Some(edit) = edit {
            body["value"] = edit.value(&show::text(question, "step"))?;
        }
        let from = events(door, &id).await?;
        let number = show::number(question, "number");
        door.post(&format!("/api/v1/escalations/{id}/{number}/resolve"), &body).await?;
        watch(door, &id, from, output).await
    }

    /// The question that is meant: the one with the number, or the only open one.
    fn question<'a>(&self, view: &'a Value) -> Result<&'a Value, Said> {
        let id = self.id;
        let asked = show::rows(view, "escalations");
        if let Some(number) = self.number {
            let found = asked.iter().find(|q| show::number(q, "number") == u64::from(number));
            return found.ok_or_else(|| {
                let said = format!("{id} has no question {number}");
                Said::new("not_found", said, format!("list them: autoos escalation show {id}"))
            });
        }
        let open: Vec<&Value> = asked.iter().filter(|q| q["open"] == Value::Bool(true)).collect();
        match open.as_slice() {
            [one] => Ok(one),
            [] => Err(Said::new(
                "nothing_asked",
                format!("no question of {id} is open; it is {}", show::text(view, "state")),
                format!("read how it stands: autoos workflow show {id}"),
            )),
            several => Err(Said {
                problems: several.iter().map(|question| show::brief(question)).collect(),
                ..Said::new(
                    "several_asked",
                    format!("{} questions of {id} are open", several.len()),
                    format!(
                        "say which: autoos escalation resolve {id} {} --number {}",
                        self.answer_name(),
                        show::text(several[0], "number")
                    ),
                )
            }),
        }
    }

    fn answer_name(&self) -> &'static str {
        match self.answer {
            Answer::Approve => "approve",
            Answer::Edit => "edit",
            Answer::Retry => "retry",
            Answer::Raise => "raise",
            Answer::Skip => "skip",
            Answer::Abandon => "abandon",
        }
    }

    /// Money goes with raise, and raise with money.
    fn check_budget(&self) -> Result<(), Said> {
        let advice = "write raise --budget USD, for example raise --budget 2.00";
        let said = match (self.answer, self.budget) {
            (Answer::Raise, Some(usd)) if usd.is_finite() && usd > 0.0 => return Ok(()),
            (Answer::Raise, Some(usd)) => format!("--budget {usd} grants nothing"),
            (Answer::Raise, None) => "raise needs how much more may be spent".to_owned(),
            (_, Some(_)) => format!("{} takes no budget; raise does", self.answer_name()),
            (_, None) => return Ok(()),
        };
        Err(Said::new("usage", said, advice))
    }

    /// What was typed to stand in for the output.
    fn edit(&self) -> anyhow::Result<Option<Edit>> {
        let given = self.value.is_some() || self.file.is_some();
        if (self.answer == Answer::Edit) != given {
            let said = match given {
                true => format!("{} takes no output; edit does", self.answer_name()),
                false => "edit needs the output that is to be taken".to_owned(),
            };
            let advice = "write edit --value VALUE, edit --file FILE, or edit --file - for \
                          standard input";
            return Err(Said::new("usage", said, advice).into());
        }
        let (text, toml) = match (&self.value, &self.file) {
            (Some(value), _) => (value.clone(), false),
            (None, Some(path)) if path == Path::new("-") => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input")?;
                (text, false)
            }
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                (text, path.extension().is_some_and(|ending| ending == "toml"))
            }
            (None, None) => return Ok(None),
        };
        if toml {
            let value = toml::from_str(&text).context("the TOML file")?;
            return Ok(Some(Edit::Json(value)));
        }
        Ok(Some(serde_json::from_str(&text).map_or_else(|_| Edit::Text(text), Edit::Json)))
    }
}

impl Edit {
    /// What is sent for a step: of the planning step a plan, which may be written in TOML.
    fn value(self, step: &str) -> anyhow::Result<Value> {
        match self {
            Self::Json(value) => Ok(value),
            Self::Text(text) if step == autoos_kernel::workflow::PLANNING => {
                toml::from_str(&text).context("the plan is neither JSON nor TOML")
            }
            Self::Text(text) => Ok(Value::String(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(number: Option<u32>) -> Resolve {
        let id = WorkflowId(uuid::Uuid::from_u128(7));
        Resolve { id, answer: Answer::Retry, number, value: None, file: None, budget: None }
    }

    fn asked(open: &[bool]) -> Value {
        let questions = open.iter().zip(1..);
        let questions = questions.map(|(open, number)| json!({"number": number, "open": open}));
        json!({ "escalations": questions.collect::<Vec<_>>(), "state": "escalated" })
    }

    #[test]
    fn the_only_open_question_is_meant_and_of_several_one_is_named() {
        let number = |question: &Value| show::number(question, "number");
        let view = asked(&[false, true, false]);
        assert_eq!(resolve(None).question(&view).map(number), Ok(2));
        assert_eq!(resolve(Some(1)).question(&view).map(number), Ok(1));
        assert_eq!(resolve(Some(4)).question(&view).expect_err("none").code, "not_found");
        let several = asked(&[true, false, true]);
        let said = resolve(None).question(&several).expect_err("several");
        assert_eq!((said.code.as_str(), said.problems.len()), ("several_asked", 2));
        assert!(said.what_to_do.contains("retry --number 1"), "{}", said.what_to_do);
        let none = asked(&[false]);
        assert_eq!(resolve(None).question(&none).expect_err("none").code, "nothing_asked");
    }
}
