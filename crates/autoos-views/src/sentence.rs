//! What happened and why, in plain English: one sentence for each kind of event.

use crate::story::Story;
use autoos_kernel::{
    intent,
    ladder::Rung,
    plan::check::dollars,
    plan::outline::{Outline, StepKind},
    time::Timestamp,
    workflow::{Decision, Event, Purpose, Seed, Verdict},
};

/// Of an event of an intent's stream.
pub(crate) fn of_intent(event: &intent::Event) -> String {
    match event {
        intent::Event::Accepted(request) => {
            let with = match request.contexts.len() {
                0 => String::new(),
                n => format!(", with {}", count(n as u64, "context")),
            };
            format!(
                "the intent of {} (tenant {}) was accepted{with}: {} risk, up to {}",
                request.user,
                request.tenant,
                request.risk,
                dollars(request.budget_microusd)
            )
        }
        intent::Event::Ended { state } => {
            format!("its workflow ended as {state}: its accounts are settled next")
        }
        intent::Event::Settled { state } => format!("the intent was settled: {state}"),
    }
}

/// Of an event of a workflow's stream; `story` is how things stood before it.
pub(crate) fn of_workflow(event: &Event, at: Timestamp, story: &Story) -> String {
    match event {
        Event::Created(seed) => created(seed),
        Event::PlanAdopted { revision, outline, .. } => {
            format!("plan revision {revision} was adopted: {}", shape(outline))
        }
        Event::PlanRefused { problems } => {
            format!("the plan was refused and is made again: {}", problems.join("; "))
        }
        Event::StepEvaluated { step, verdict } => evaluated(step, verdict),
        Event::TimerSet { step, due } => format!("step {step} waits until {due}"),
        Event::TimerFired { step } => format!("the wait of step {step} is over"),
        Event::AttemptStarted { step, attempt, model, reserved, purpose, choice, .. } => {
            let mut work = started(story, step, model.as_deref(), *purpose);
            if let Some(choice) = choice {
                work.push_str(&format!(" ({})", choice.reason));
            }
            let money = match reserved {
                0 => String::new(),
                reserved => format!("; up to {} is reserved for it", dollars(*reserved)),
            };
            format!("attempt {attempt} at step {step} {work}{money}")
        }
        Event::AttemptCompleted { step, attempt, output, cost, tokens } => {
            let sure = output.confidence.map(|c| format!(", confidence {c:.2}"));
            format!(
                "attempt {attempt} at step {step} succeeded{}{}{}",
                after(story, step, at),
                sure.unwrap_or_default(),
                bill(*cost, *tokens)
            )
        }
        Event::ModelsAwaited { step, due, reason, .. } => {
            format!("no model can be asked for step {step} ({reason}): it is looked again at {due}")
        }
        Event::AttemptAnswered { step, attempt, output, cost, tokens } => {
            let sure = output.confidence.map(|c| format!(", confidence {c:.2} by itself"));
            format!(
                "attempt {attempt} at step {step} brought an answer{}{}, which others look at first{}",
                after(story, step, at),
                sure.unwrap_or_default(),
                bill(*cost, *tokens)
            )
        }
        Event::AnswerTaken { step, output, reason } => {
            let sure = output.confidence.map(|c| format!(" at confidence {c:.2}"));
            format!("the answer of step {step} counts{}: {reason}", sure.unwrap_or_default())
        }
        Event::AttemptFailed { step, attempt, exit, detail, cost, tokens, .. } => format!(
            "attempt {attempt} at step {step} failed{} ({exit}): {detail}{}",
            after(story, step, at),
            bill(*cost, *tokens)
        ),
        Event::AttemptInDoubt { step, attempt, exit } => format!(
            "nobody saw how attempt {attempt} at step {step} ended ({exit}); since its effect may have \
             taken place it is not repeated, and its tool is asked once its deadline has passed"
        ),
        Event::RungClimbed { step, rung, exit, due, without, tried } => {
            let wait_ms = due.since_ms(at);
            let climbed = climbed(step, *rung, &exit.to_string(), wait_ms, without.as_deref());
            if tried.is_empty() { climbed } else { format!("{climbed} (so far {tried})") }
        }
        Event::StepSkipped { step, reason } => format!("step {step} was left out: {reason}"),
        Event::StepFailed { step, exit } => {
            format!("step {step} was given up ({exit}): nothing is left to try")
        }
        Event::Escalated { escalation, step, exit, detail, due } => format!(
            "a human is asked about step {step} (question {escalation}, {exit}): {detail}; \
             without an answer by {due} the workflow is abandoned"
        ),
        Event::EscalationResolved { escalation, decision, by } => {
            resolved(story, *escalation, decision, by)
        }
        Event::Forked { parent, at, model, by } => {
            let with = model.as_ref().map(|m| format!(", asking {m} wherever it may be asked"));
            format!(
                "{by} let it go on from the first {} of {parent}{}",
                count(*at, "event"),
                with.unwrap_or_default()
            )
        }
        Event::Paused { by } => format!("{by} paused it: what runs ends, nothing starts"),
        Event::Resumed { by } => format!("{by} resumed it"),
        Event::CancelRequested { by, reason } => {
            format!("{by} cancelled it ({reason}): what is in flight is settled first")
        }
        Event::Completed { output } => match output.confidence {
            Some(sure) => format!("it completed with a result of confidence {sure:.2}"),
            None => "it completed with a result".to_owned(),
        },
        Event::Failed { reason } => format!("it failed: {reason}"),
        Event::Cancelled { reason } => format!("it ended as cancelled: {reason}"),
    }
}

fn created(seed: &Seed) -> String {
    let money = dollars(seed.granted_microusd);
    let plan = match (&seed.plan, &seed.planner) {
        (Some((_, outline)), _) => format!("it came with a plan: {}", shape(outline)),
        (None, Some(_)) => "a plan is made first".to_owned(),
        (None, None) => "it has no plan".to_owned(),
    };
    format!("the workflow was created with {money} to spend; {plan}")
}

fn shape(outline: &Outline) -> String {
    format!(
        "{}, at worst {}",
        count(outline.steps.len() as u64, "step"),
        dollars(outline.worst_case_microusd)
    )
}

fn evaluated(step: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Run => format!("the condition of step {step} holds: it runs"),
        Verdict::Skip { reason } => format!("step {step} is left out: {reason}"),
        Verdict::Each(items) => {
            format!("step {step} runs once for each of {}", count(u64::from(*items), "element"))
        }
        Verdict::Impossible { reason } => format!("step {step} cannot be evaluated: {reason}"),
    }
}

fn started(story: &Story, step: &str, model: Option<&str>, purpose: Purpose) -> String {
    if let Some(model) = model {
        match purpose {
            Purpose::Second => return format!("asks {model} for an independent second answer"),
            Purpose::Review => return format!("asks {model} to judge the answer"),
            Purpose::Answer => {}
        }
    }
    let kind = story.workflow.steps.get(step).map(|s| &s.outline.kind);
    match (kind, model) {
        (Some(StepKind::Tool { name, .. }), _) => format!("calls {name}"),
        (Some(StepKind::Ask { role, .. }), Some(model)) => format!("asks {model} as {role}"),
        (_, Some(model)) => format!("asks {model}"),
        (_, None) => "began".to_owned(),
    }
}

fn climbed(step: &str, rung: Rung, exit: &str, wait_ms: u64, without: Option<&str>) -> String {
    let what = match rung {
        Rung::Retry if wait_ms > 0 => format!("the same agent tries again in {}", ms(wait_ms)),
        Rung::Retry => "the same agent tries again".to_owned(),
        Rung::ReplaceAgent => "a fresh agent takes over".to_owned(),
        Rung::SwapLlm => match without {
            Some(model) => format!("another model is asked instead of {model}"),
            None => "another model is asked instead".to_owned(),
        },
        Rung::MutateStrategy => "another plan is made around it".to_owned(),
        Rung::Escalate => "a human is asked".to_owned(),
    };
    format!("because of {exit}, for step {step} {what}")
}

fn resolved(story: &Story, number: u32, decision: &Decision, by: &str) -> String {
    let step = story.workflow.escalations.get(&number).map_or("?", |e| e.step.as_str());
    let what = match decision {
        Decision::Approve => format!("the doubtful answer of step {step} stands"),
        Decision::Edit(_) => format!("step {step} gets the answer that was given instead"),
        Decision::Retry => format!("step {step} is tried again from the first rung"),
        Decision::Raise(more) => {
            format!("{} more may be spent, and step {step} is tried again", dollars(*more))
        }
        Decision::Skip => format!("it goes on without step {step}"),
        Decision::Abandon => "the workflow is given up".to_owned(),
    };
    match by {
        "timeout" => format!("nobody answered question {number} in time: {what}"),
        by => format!("{by} answered question {number} with {}: {what}", decision.name()),
    }
}

/// How long the running attempt of a step has taken.
fn after(story: &Story, step: &str, at: Timestamp) -> String {
    match story.workflow.steps.get(step).map(|s| &s.state) {
        Some(autoos_kernel::workflow::StepState::Running(run)) => {
            format!(" after {}", ms(at.since_ms(run.since)))
        }
        _ => String::new(),
    }
}

fn bill(cost: u64, (input, output): (u64, u64)) -> String {
    let money = match cost {
        0 => String::new(),
        cost => format!(", for {}", dollars(cost)),
    };
    match input.saturating_add(output) {
        0 => money,
        _ => format!("{money}, {input} tokens in and {output} out"),
    }
}

fn ms(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
    }
}

fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
