//! The built-in engine: what AUTOOS works with when no language model is configured.
//!
//! It is rules, not a language model, and says so. As a planner it reads intents in English and
//! plans tools for them; as a synthesizer it writes answers in which every figure, name and quote
//! stands in the tools' outputs; as a verifier it recomputes what can be recomputed. What no rule
//! covers it declines, naming what would be needed: it never invents. It costs nothing, needs no
//! network, and gives the same answer to the same question.
//!
//! Left out on purpose: languages other than English, joins of more than two tables, and anything
//! that needs judgement.

mod answer;
mod asked;
mod check;
mod clause;
mod columns;
mod compared;
mod conditions;
mod dates;
mod decides;
mod execute;
mod flags;
mod guard;
mod job;
mod jobs;
// Lists of words read better as blocks.
#[rustfmt::skip]
mod lexicon;
mod listing;
mod log_table;
mod measures;
mod of_groups;
mod orders;
mod planner;
mod question;
mod ranked;
mod ranking;
mod reader;
mod refs;
mod refuse;
mod relative;
mod requests;
mod signs;
mod sniff;
mod table_args;
mod targets;
mod unable;
mod values;
mod window;
mod words;

use crate::{
    Failure, FailureClass, LlmResponse, Model, Price, Request, Task, Usage,
    provider::{Line, Provider},
};
use futures::future::BoxFuture;
use serde_json::Value;
use std::time::Instant;
use unable::Unable;
pub(crate) use words::{distance, stem};

/// The id of the built-in engine's one model.
pub const MODEL_ID: &str = "builtin/rules";

/// The built-in engine as a provider.
#[derive(Debug, Clone, Copy, Default)]
pub struct Builtin;

impl Builtin {
    /// Its entry in the capability registry: free, and no language model.
    #[must_use]
    pub fn model() -> Model {
        Model {
            id: MODEL_ID.into(),
            vendor: "autoos".into(),
            provider: "builtin".into(),
            // It reads its inputs as data, not as tokens; this only keeps checks from cutting.
            context_tokens: 2_000_000,
            price: Price::default(),
            language_model: false,
            abilities: std::sync::Arc::new(crate::models::rules()),
        }
    }

    /// Answers a task: text, and the value of it where the task has one.
    ///
    /// # Errors
    /// Class `unable` for what needs a language model, with how to configure one.
    pub fn answer(task: &Task) -> Result<(String, Option<Value>), Failure> {
        match task {
            Task::Plan { intent, contexts, risk, tools, .. } => {
                let made = planner::plan(intent, contexts, *risk, tools);
                let made = made.and_then(|plan| {
                    guard::passed_over(intent, contexts, &plan).map_or(Ok(plan), Err)
                });
                let value = match made {
                    Ok(plan) => serde_json::to_value(plan)
                        .map_err(|e| failed(FailureClass::Crashed, e.to_string()))?,
                    Err(unable) => unable.to_value(),
                };
                Ok((value.to_string(), Some(value)))
            }
            Task::Synthesize { intent, instruction, inputs } => {
                let text = answer::write(intent, instruction, inputs).map_err(|u| declined(&u))?;
                Ok((text, None))
            }
            Task::Verify { inputs, .. } => {
                let verdict = check::verify(inputs);
                let value = serde_json::to_value(verdict)
                    .map_err(|e| failed(FailureClass::Crashed, e.to_string()))?;
                Ok((value.to_string(), Some(value)))
            }
            Task::Execute { instruction, inputs } => {
                let value = execute::work(instruction, inputs).map_err(|u| declined(&u))?;
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Ok((text, Some(value)))
            }
        }
    }
}

impl Provider for Builtin {
    fn name(&self) -> &str {
        "builtin"
    }

    fn ask(&self, request: Request, _: Line) -> BoxFuture<'static, Result<LlmResponse, Failure>> {
        Box::pin(async move {
            let started = Instant::now();
            let (text, value) = Self::answer(&request.task)?;
            Ok(LlmResponse {
                model: MODEL_ID.into(),
                text,
                value,
                plan: None,
                tool_calls: Vec::new(),
                usage: Usage::default(),
                cost_microusd: 0,
                latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                first_token_ms: None,
            })
        })
    }
}

fn declined(unable: &Unable) -> Failure {
    failed(FailureClass::Unable, unable.to_line())
}

fn failed(class: FailureClass, detail: String) -> Failure {
    Failure { model: MODEL_ID.into(), class, detail, retry_after_ms: None, cost_microusd: Some(0) }
}
