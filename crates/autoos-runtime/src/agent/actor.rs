//! The agent's actor: starts the one call of its attempt and reports what came of it.

use super::{
    Assignment, Job, Product, ask, review, tool,
    watch::{self, Stamp},
};
use crate::{
    supervise::Bound,
    workflow::{self, Order},
};
use autoos_journal::Body;
use autoos_kernel::{
    id::WorkflowId,
    ladder::{Exit, FailureClass},
    plan::Work,
    workflow::{Command, End, Output},
};
use autoos_telemetry::{Within, id};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use tracing::Instrument as _;

/// Messages to an agent.
pub(crate) enum Message {
    /// From its own task: how the call ended.
    Over(Box<Report>),
}

/// How a call ended.
pub(crate) struct Report {
    pub(crate) end: Result<Product, Miss>,
    /// What it cost; none when that is unknown.
    pub(crate) cost: Option<u64>,
    pub(crate) tokens: (u64, u64),
}

impl Report {
    /// The agent did not live to say what came of its call.
    fn lost(exit: Exit, detail: &str) -> Self {
        let miss = Miss { exit, detail: detail.to_owned(), retry_after_ms: None, doubtful: None };
        Self { end: Err(miss), cost: None, tokens: (0, 0) }
    }
}

/// Why a call brought nothing that counts.
pub(crate) struct Miss {
    pub(crate) exit: Exit,
    pub(crate) detail: String,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) doubtful: Option<Box<Product>>,
}

impl Miss {
    pub(crate) fn failed(class: FailureClass, detail: impl Into<String>) -> Self {
        let exit = Exit::Failed(class);
        Self { exit, detail: detail.into(), retry_after_ms: None, doubtful: None }
    }
}

/// The actor.
pub(crate) struct Agent;

/// Its state.
pub(crate) struct State {
    assignment: Arc<Assignment>,
    workflow: ActorRef<workflow::Message>,
    /// Its work, which ends with it.
    _call: Bound,
}

impl Actor for Agent {
    type Msg = Message;
    type State = State;
    type Arguments = (Assignment, ActorRef<workflow::Message>);

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (assignment, workflow): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let span = tracing::info_span!(
            "attempt",
            workflow = %WorkflowId(assignment.brief.uuid),
            step = assignment.step,
            attempt = assignment.attempt,
            agent = %assignment.agent,
        );
        let (step, attempt) = (&assignment.step, assignment.attempt);
        let place = assignment.brief.place(|uuid| id::attempt(uuid, step, attempt));
        let assignment = Arc::new(assignment);
        let stamp = Stamp::default();
        let work = Within::new(place, work(assignment.clone()).instrument(span));
        let job = tokio::spawn(stamp.clone().on(work));
        let call = Bound(job.abort_handle());
        let (counts, moved) = (assignment.counts.clone(), stamp.clone());
        let lost = move |exit, detail| {
            counts.lost(exit, moved.since());
            Report::lost(exit, detail)
        };
        tokio::spawn(async move {
            let report = match watch::end(job, stamp).await {
                Some(Ok(report)) => report,
                Some(Err(error)) if error.is_panic() => lost(Exit::Panicked, "the agent panicked"),
                // Stopped by its workflow, which knows.
                Some(Err(_)) => return,
                None => lost(Exit::Stalled, "the agent kept its thread for over 3 s"),
            };
            // An agent that is gone has nobody left to tell.
            let _ = myself.send_message(Message::Over(Box::new(report)));
        });
        Ok(State { assignment, workflow, _call: call })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        Message::Over(report): Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let order = order(&state.assignment, *report);
        // A workflow that is gone will find the attempt without an end when it comes back.
        let _ = state.workflow.send_message(workflow::Message::Order(Box::new(order)));
        myself.stop(None);
        Ok(())
    }
}

async fn work(assignment: Arc<Assignment>) -> Report {
    let report = report(&assignment).await;
    assignment.counts.assessed(&report);
    report
}

async fn report(assignment: &Assignment) -> Report {
    match &assignment.job {
        Job::Plan { .. } => ask::plan(assignment).await,
        Job::Step { written, .. } if matches!(written.work, Work::Tool { .. }) => {
            tool::work(assignment).await
        }
        Job::Step { reviewed: Some(reviewed), .. } if reviewed.judge => {
            review::work(assignment, reviewed).await
        }
        Job::Step { .. } => ask::work(assignment).await,
    }
}

/// The report as a command to the workflow, with the bodies that it refers to.
fn order(assignment: &Assignment, report: Report) -> Order {
    let mut bodies = Vec::new();
    let mut keep = |value: &serde_json::Value| {
        let body = Body::new(&assignment.brief.key, value.to_string().into_bytes());
        let name = body.body;
        bodies.push(body);
        name
    };
    let mut output = |product: Product| {
        let body = keep(&product.value);
        let confidence = product.trust.as_ref().map(|t| t.confidence);
        let evidence = product.trust.map(|t| keep(&t.document));
        (Output { body, confidence, evidence }, product.value)
    };
    let (mut value, mut plan) = (None, None);
    let end = match report.end {
        Ok(mut product) => {
            plan = product.plan.take();
            let (output, plain) = output(product);
            value = Some(Arc::new(plain));
            End::Done(output)
        }
        Err(miss) => {
            let doubtful = miss.doubtful.map(|product| {
                let (output, plain) = output(*product);
                value = Some(Arc::new(plain));
                output
            });
            let detail = clip(&miss.detail);
            End::Failed { exit: miss.exit, detail, retry_after_ms: miss.retry_after_ms, doubtful }
        }
    };
    let (step, attempt) = (assignment.step.clone(), assignment.attempt);
    Order {
        command: Command::Ended {
            step: step.clone(),
            attempt,
            end,
            cost: report.cost,
            tokens: report.tokens,
        },
        by: assignment.agent.to_string(),
        bodies,
        value: value.map(|value| (step, value)),
        plan,
        reply: None,
    }
}

/// Details ride in events, which have no room for essays.
fn clip(detail: &str) -> String {
    const MAX: usize = 600;
    let line = detail.replace(['\n', '\r'], " ");
    match line.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
