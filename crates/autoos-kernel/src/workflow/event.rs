//! What can become true of a workflow. The journal keeps these for ever: they are only added to.

use super::{
    Output, Purpose,
    command::{Decision, Verdict},
};
use crate::{
    body::BodyRef,
    id::{AgentId, WorkflowId},
    ladder::{Exit, Rung},
    plan::outline::{Outline, StepOutline},
    route::Choice,
    time::Timestamp,
    words::RiskLevel,
};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

/// What a workflow begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    /// What a wrong answer would cost.
    pub risk: RiskLevel,
    /// What it may spend, in micro-dollars.
    pub granted_microusd: u64,
    /// When it fails if it is not done.
    pub deadline: Option<Timestamp>,
    /// How long a human has to answer before the default is taken.
    pub patience_ms: u64,
    /// How its plan is made; none when it came with one.
    pub planner: Option<StepOutline>,
    /// The plan that it came with, checked.
    pub plan: Option<(BodyRef, Outline)>,
}

/// An event of a workflow's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// The intent accepted it.
    Created(Seed),
    /// The intent found the plan good; its steps are what runs.
    PlanAdopted {
        /// 1 for the first.
        revision: u32,
        /// The document.
        plan: BodyRef,
        /// Its shape.
        outline: Outline,
    },
    /// The intent found the plan wanting; it is planned again.
    PlanRefused {
        /// What is wrong.
        problems: Vec<String>,
    },
    /// A condition or a list was looked at.
    StepEvaluated {
        /// The step.
        step: String,
        /// What came of it.
        verdict: Verdict,
    },
    /// A timer was set.
    TimerSet {
        /// The step.
        step: String,
        /// Until when.
        due: Timestamp,
    },
    /// A timer ran out.
    TimerFired {
        /// The step.
        step: String,
    },
    /// An agent is to work an attempt; what it may cost is reserved.
    AttemptStarted {
        /// The step.
        step: String,
        /// Its number, from 1.
        attempt: u32,
        /// Who works it.
        agent: AgentId,
        /// Who is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// What it may cost, in micro-dollars.
        reserved: u64,
        /// When it counts as stalled.
        deadline: Timestamp,
        /// What for.
        #[serde(default, skip_serializing_if = "Purpose::is_answer")]
        purpose: Purpose,
        /// How the model was chosen, where there was a choice.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        choice: Option<Choice>,
    },
    /// None of the models that may be asked can be asked now; it is looked again later.
    ModelsAwaited {
        /// The step.
        step: String,
        /// When it is looked again.
        due: Timestamp,
        /// Why none can be asked.
        reason: String,
        /// Whether it begins again on the first rung then: all that could be tried was.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        anew: bool,
    },
    /// An attempt brought an answer that is looked at by others before anything is built on it.
    AttemptAnswered {
        /// The step.
        step: String,
        /// Its number.
        attempt: u32,
        /// The answer, with the confidence that it has so far.
        output: Output,
        /// What it cost, in micro-dollars.
        cost: u64,
        /// Tokens of prompts and answers.
        tokens: (u64, u64),
    },
    /// Nobody could be had to review an answer, and its risk bears that it counts as it is.
    AnswerTaken {
        /// The step.
        step: String,
        /// The answer, with the confidence that is left to it.
        output: Output,
        /// Why it was not reviewed.
        reason: String,
    },
    /// An attempt brought something.
    AttemptCompleted {
        /// The step.
        step: String,
        /// Its number.
        attempt: u32,
        /// What it brought.
        output: Output,
        /// What it cost, in micro-dollars.
        cost: u64,
        /// Tokens of prompts and answers.
        tokens: (u64, u64),
    },
    /// An attempt brought nothing that counts.
    AttemptFailed {
        /// The step.
        step: String,
        /// Its number.
        attempt: u32,
        /// Why.
        exit: Exit,
        /// What happened, in a line.
        detail: String,
        /// What it cost; the whole reservation where that is unknown.
        cost: u64,
        /// Tokens of prompts and answers, as far as known.
        tokens: (u64, u64),
        /// The answer that was not sure enough.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        doubtful: Option<Output>,
    },
    /// An attempt is over, and its effect may have taken place: the tool is asked after the
    /// deadline.
    AttemptInDoubt {
        /// The step.
        step: String,
        /// Its number.
        attempt: u32,
        /// How it ended without its effect being known.
        exit: Exit,
    },
    /// The ladder was climbed.
    RungClimbed {
        /// The step.
        step: String,
        /// To which rung.
        rung: Rung,
        /// What for.
        exit: Exit,
        /// When the next attempt starts.
        due: Timestamp,
        /// The model that is given up, where another is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        without: Option<String>,
        /// What was tried on the rungs below, in a line.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        tried: String,
    },
    /// A step was left out.
    StepSkipped {
        /// The step.
        step: String,
        /// Why.
        reason: String,
    },
    /// A step was given up.
    StepFailed {
        /// The step.
        step: String,
        /// Why.
        exit: Exit,
    },
    /// A human is asked.
    Escalated {
        /// The number of the question in this workflow.
        escalation: u32,
        /// The step.
        step: String,
        /// What ended its last attempt.
        exit: Exit,
        /// What happened and what is needed.
        detail: String,
        /// When the default is taken.
        due: Timestamp,
    },
    /// A human, or the default after the time was up, answered.
    EscalationResolved {
        /// The number of the question.
        escalation: u32,
        /// The answer.
        decision: Decision,
        /// Who gave it.
        by: String,
    },
    /// It goes on from a position of another workflow, whose events up to there come before this.
    Forked {
        /// That workflow.
        parent: WorkflowId,
        /// How many of its events were taken over.
        at: u64,
        /// The model that is asked from here on wherever it may be.
        model: Option<String>,
        /// Who asked for it.
        by: String,
    },
    /// No attempt starts until someone resumes.
    Paused {
        /// Who asked.
        by: String,
    },
    /// Attempts start again.
    Resumed {
        /// Who asked.
        by: String,
    },
    /// It is to end; what is in flight is settled first.
    CancelRequested {
        /// Who asked.
        by: String,
        /// Why.
        reason: String,
    },
    /// It ended with a result.
    Completed {
        /// The result.
        output: Output,
    },
    /// It ended without one.
    Failed {
        /// Why.
        reason: String,
    },
    /// It ended because someone cancelled it.
    Cancelled {
        /// Why.
        reason: String,
    },
}

impl Event {
    /// Every text in it that came from outside: from models, tools, vendors and people. The
    /// journal keeps these sealed, so that they go with the workflow's key. What stays is
    /// structure (ids of steps, names of models and tools) and who did what.
    pub fn texts_mut(&mut self, f: &mut dyn FnMut(&mut String)) {
        match self {
            Self::PlanRefused { problems } => problems.iter_mut().for_each(f),
            Self::StepEvaluated {
                verdict: Verdict::Skip { reason: text } | Verdict::Impossible { reason: text },
                ..
            }
            | Self::ModelsAwaited { reason: text, .. }
            | Self::AnswerTaken { reason: text, .. }
            | Self::AttemptFailed { detail: text, .. }
            | Self::RungClimbed { tried: text, .. }
            | Self::StepSkipped { reason: text, .. }
            | Self::Escalated { detail: text, .. }
            | Self::CancelRequested { reason: text, .. }
            | Self::Failed { reason: text }
            | Self::Cancelled { reason: text } => f(text),
            // Named one by one: whoever adds a kind has to say whether it holds a text.
            Self::Created(_)
            | Self::PlanAdopted { .. }
            | Self::StepEvaluated { verdict: Verdict::Run | Verdict::Each(_), .. }
            | Self::TimerSet { .. }
            | Self::TimerFired { .. }
            | Self::AttemptStarted { .. }
            | Self::AttemptAnswered { .. }
            | Self::AttemptCompleted { .. }
            | Self::AttemptInDoubt { .. }
            | Self::StepFailed { .. }
            | Self::EscalationResolved { .. }
            | Self::Forked { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::Completed { .. } => {}
        }
    }

    /// Every body that it names, to be given another name: a fork keeps its own copies.
    pub fn bodies_mut(&mut self) -> Vec<&mut BodyRef> {
        fn of(output: &mut Output) -> Vec<&mut BodyRef> {
            std::iter::once(&mut output.body).chain(output.evidence.as_mut()).collect()
        }
        match self {
            Self::Created(seed) => seed.plan.as_mut().map(|(body, _)| body).into_iter().collect(),
            Self::PlanAdopted { plan, .. } => vec![plan],
            Self::AttemptCompleted { output, .. }
            | Self::AttemptAnswered { output, .. }
            | Self::AnswerTaken { output, .. }
            | Self::Completed { output } => of(output),
            Self::AttemptFailed { doubtful, .. } => doubtful.as_mut().map(of).unwrap_or_default(),
            Self::EscalationResolved { decision: Decision::Edit(body), .. } => vec![body],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Recorded as _;

    #[test]
    fn every_text_is_visited() {
        const SAID: &str = "quokka";
        let (step, text) = (|| "a".to_owned(), || SAID.to_owned());
        let output = || Output {
            body: BodyRef { hash: [1; 32], len: 6 },
            confidence: Some(0.5),
            evidence: None,
        };
        let (exit, due, verdict) = (Exit::Unsure, Timestamp(1), |verdict| Event::StepEvaluated {
            step: "a".into(),
            verdict,
        });
        let events = [
            Event::PlanRefused { problems: vec![text(), text()] },
            verdict(Verdict::Skip { reason: text() }),
            verdict(Verdict::Impossible { reason: text() }),
            Event::ModelsAwaited { step: step(), due, reason: text(), anew: false },
            Event::AnswerTaken { step: step(), output: output(), reason: text() },
            Event::AttemptFailed {
                step: step(),
                attempt: 1,
                exit,
                detail: text(),
                cost: 0,
                tokens: (0, 0),
                doubtful: Some(output()),
            },
            Event::RungClimbed {
                step: step(),
                rung: Rung::Retry,
                exit,
                due,
                without: None,
                tried: text(),
            },
            Event::StepSkipped { step: step(), reason: text() },
            Event::Escalated { escalation: 1, step: step(), exit, detail: text(), due },
            Event::CancelRequested { by: step(), reason: text() },
            Event::Failed { reason: text() },
            Event::Cancelled { reason: text() },
        ];
        let says =
            |event: &Event| event.encode().windows(SAID.len()).any(|part| part == SAID.as_bytes());
        for event in events {
            assert!(says(&event), "{event:?}");
            let mut silent = event.clone();
            silent.texts_mut(&mut |text| *text = "(gone)".to_owned());
            assert!(!says(&silent), "{silent:?}");
            silent.texts_mut(&mut |text| *text = SAID.to_owned());
            assert_eq!(silent, event, "nothing but its texts was visited");
        }
    }
}
