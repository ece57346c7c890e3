//! The oracle: looks at what became durable and at what the tools really did, with books of its
//! own, and says which promise was broken. It shares no code with the machine that it judges.

use autoos_kernel::{
    ladder::Exit,
    time::Timestamp,
    workflow::{Decision, Event, is_planning},
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Oracle {
    granted: u64,
    spent: u64,
    /// What attempts in flight have reserved, by step and attempt.
    open: BTreeMap<(String, u32), u64>,
    /// The last attempt of each step.
    last: BTreeMap<String, u32>,
    /// Steps with an effect that nobody has accounted for.
    doubted: BTreeSet<String>,
    /// Steps whose result is durable.
    done: BTreeSet<String>,
    /// Who is asked about what.
    asked: BTreeMap<u32, String>,
    /// How often a human let an effect of unknown outcome be tried again.
    permits: BTreeMap<String, usize>,
    cancelled: bool,
    cancel_told: bool,
    ended: Option<String>,
    /// What the tools did: the key of each effect, once for each time that it took place.
    effects: BTreeMap<String, usize>,
    /// Kinds of events seen, for the coverage gate.
    pub(crate) kinds: BTreeMap<&'static str, u32>,
}

impl Oracle {
    /// An event became durable.
    pub(crate) fn recorded(&mut self, kind: &'static str, event: &Event) -> Result<(), String> {
        *self.kinds.entry(kind).or_default() += 1;
        if let Some(end) = &self.ended {
            return Err(format!("I4: {kind} after {end}"));
        }
        match event {
            Event::Created(seed) => self.granted = seed.granted_microusd,
            Event::AttemptStarted { step, attempt, reserved, .. } => {
                self.begun(step, *attempt, *reserved)?;
            }
            Event::AttemptCompleted { step, attempt, cost, .. } => {
                self.doubted.remove(step);
                self.done.insert(step.clone());
                self.settled(step, *attempt, *cost)?;
            }
            Event::AttemptAnswered { step, attempt, cost, .. } => {
                self.settled(step, *attempt, *cost)?;
            }
            Event::AnswerTaken { step, .. } => {
                self.done.insert(step.clone());
            }
            Event::AttemptFailed { step, attempt, exit, cost, .. } => {
                // Any other exit of an attempt in doubt means that its tool said: not done.
                if *exit != Exit::EffectUnknown {
                    self.doubted.remove(step);
                }
                self.settled(step, *attempt, *cost)?;
            }
            Event::AttemptInDoubt { step, .. } => {
                self.doubted.insert(step.clone());
            }
            Event::PlanRefused { .. } => self.done.retain(|step| !is_planning(step)),
            Event::Escalated { escalation, step, .. } => {
                self.asked.insert(*escalation, step.clone());
            }
            Event::EscalationResolved { escalation, decision, .. } => {
                let step = self.asked.remove(escalation).ok_or("I4: an answer to nothing")?;
                if let Decision::Raise(more) = decision {
                    self.granted += more;
                }
                if matches!(decision, Decision::Retry | Decision::Raise(_))
                    && self.doubted.remove(&step)
                {
                    *self.permits.entry(step).or_default() += 1;
                }
            }
            Event::CancelRequested { .. } => self.cancelled = true,
            Event::Completed { .. } | Event::Failed { .. } | Event::Cancelled { .. } => {
                if !self.open.is_empty() {
                    return Err(format!("I4: {kind} while {:?} are open", self.open));
                }
                self.ended = Some(kind.to_owned());
            }
            _ => {}
        }
        self.solvent()
    }

    fn begun(&mut self, step: &str, attempt: u32, reserved: u64) -> Result<(), String> {
        if self.cancelled {
            return Err(format!("I12: {step}/{attempt} began after the cancellation"));
        }
        if self.doubted.contains(step) {
            return Err(format!("I3: {step}/{attempt} began though its effect is in doubt"));
        }
        let last = self.last.insert(step.to_owned(), attempt).unwrap_or(0);
        if attempt != last + 1 {
            return Err(format!("I4: attempt {attempt} of {step} follows attempt {last}"));
        }
        self.open.insert((step.to_owned(), attempt), reserved);
        Ok(())
    }

    fn settled(&mut self, step: &str, attempt: u32, cost: u64) -> Result<(), String> {
        let reserved = self.open.remove(&(step.to_owned(), attempt));
        let reserved = reserved.ok_or(format!("I4: {step}/{attempt} was settled twice"))?;
        self.spent += cost.min(reserved);
        Ok(())
    }

    fn solvent(&self) -> Result<(), String> {
        let (granted, spent) = (self.granted, self.spent);
        let reserved: u64 = self.open.values().sum();
        if reserved + spent > granted {
            return Err(format!("I8: {reserved} reserved and {spent} spent of {granted}"));
        }
        Ok(())
    }

    /// Whoever cancelled was told that it is so.
    pub(crate) fn cancel_acknowledged(&mut self) {
        self.cancel_told = true;
    }

    /// An agent begins work.
    pub(crate) fn agent_begins(&self, step: &str, attempt: u32) -> Result<(), String> {
        if self.cancel_told {
            return Err(format!("I12: {step}/{attempt} is worked after an acknowledged cancel"));
        }
        if self.done.contains(step) {
            return Err(format!("I3: {step} is worked again though its result is durable"));
        }
        Ok(())
    }

    /// A tool did something that cannot be undone.
    pub(crate) fn effect(
        &mut self,
        step: &str,
        now: Timestamp,
        deadline: Timestamp,
        orphan: bool,
    ) -> Result<(), String> {
        if now >= deadline {
            return Err(format!("I3: the effect of {step} was sent after its deadline"));
        }
        // One whose process was cut off cannot have heard of the cancellation.
        if self.cancel_told && !orphan {
            return Err(format!("I12: the effect of {step} was sent after an acknowledged cancel"));
        }
        let times = self.effects.entry(step.to_owned()).or_default();
        *times += 1;
        let permitted = 1 + self.permits.get(step).copied().unwrap_or(0);
        if *times > permitted {
            return Err(format!("I3: the effect of {step} took place {times} times"));
        }
        Ok(())
    }

    /// How often the tool did what this step asks for.
    pub(crate) fn effects_of(&self, step: &str) -> usize {
        self.effects.get(step).copied().unwrap_or(0)
    }

    /// The end that is durable, if there is one.
    pub(crate) fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }
}
