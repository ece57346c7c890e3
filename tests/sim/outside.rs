//! What lies outside the owner: agents, the tools that they call, the judge of plans, and people.
//! They fail, stall, answer twice, answer late, are unsure, and outlive the process that began them.

use crate::{
    bug::Bug,
    plan::{chance, one_of},
    world::{Happening, World},
};
use autoos_kernel::{
    ladder::{Exit, FailureClass},
    plan::outline::StepOutline,
    rng::{Rng, Seeded},
    route::{Route, Router, Wish},
    time::Timestamp,
    workflow::{Command, Decision, Effect, End, Output, PLANNING, Verdict, is_planning},
};
use autoos_tests::shape;
use std::collections::BTreeMap;

/// An agent on its way to a call with an effect.
struct Sender {
    step: String,
    attempt: u32,
    deadline: Timestamp,
    /// Its process is gone, and it goes on all the same.
    orphan: bool,
    fate: Fate,
}

/// What becomes of a call with an effect.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// It takes place, and the answer comes back.
    Done,
    /// It takes place, and the answer is lost.
    AnswerLost,
    /// It takes place, and nothing is heard of the agent again.
    Silent,
    /// The tool refuses.
    Refused(FailureClass),
    /// It never gets there, and the agent cannot tell.
    Lost,
}

#[derive(Default)]
pub(crate) struct Outside {
    senders: BTreeMap<u64, Sender>,
    agents: u64,
    refusals: u32,
}

impl Outside {
    /// The process died: most of its agents with it. Some were on another machine and go on.
    pub(crate) fn orphan(&mut self, rng: &mut Seeded) {
        self.senders.retain(|_, _| chance(rng, 50));
        self.senders.values_mut().for_each(|sender| sender.orphan = true);
    }
}

/// Chooses a model at random, and while faults last now and then finds all of them out.
pub(crate) struct Moody {
    pub(crate) healed: bool,
}

impl Router for Moody {
    fn route(&self, wish: &Wish<'_>) -> Route {
        if !self.healed && wish.bits % 9 == 4 {
            return Route::Wait { ms: wish.bits % 2_000, reason: "all are out".into() };
        }
        let taken = wish.candidates[wish.bits as usize % wish.candidates.len()];
        let model = wish.keep.unwrap_or(&taken.model).to_owned();
        Route::Ask { model, choice: None }
    }
}

fn output(name: &str, confidence: Option<f64>) -> Output {
    Output { body: shape::body(name), confidence, evidence: None }
}

fn failed(exit: Exit) -> End {
    End::Failed { exit, detail: "it failed".into(), retry_after_ms: None, doubtful: None }
}

impl World {
    /// The owner begins something.
    pub(crate) fn begin(&mut self, effect: Effect) -> Result<(), String> {
        self.note(format!("begin {effect:?}"));
        let delay = 1 + self.rng.up_to(50);
        match effect {
            Effect::StartAgent { step, attempt } => {
                self.oracle.agent_begins(&step, attempt)?;
                let Some((outline, deadline, reserved)) = self.attempt(&step) else {
                    return Err(format!("I4: {step}/{attempt} is to begin and does not run"));
                };
                if outline.is_effectful() {
                    self.prepare(step, attempt, deadline);
                } else {
                    self.work(step, attempt, &outline, deadline, reserved);
                }
            }
            Effect::Inquire { step, attempt } => self.inquire(step, attempt),
            Effect::Judge { plan, .. } => {
                let refuse = !self.healed && self.outside.refusals < 2 && chance(&mut self.rng, 30);
                let verdict = if refuse {
                    self.outside.refusals += 1;
                    Err(vec!["step s0: something is wrong".to_owned()])
                } else {
                    Ok(self.outline.clone())
                };
                self.later(delay, Happening::say(Command::Judged { plan, verdict }));
            }
            Effect::Evaluate { step } => {
                let verdict = match self.rng.up_to(9) {
                    0..=3 => Verdict::Run,
                    4..=5 => Verdict::Skip { reason: "it does not hold".into() },
                    6 if !self.healed => Verdict::Impossible { reason: "no list".into() },
                    _ => Verdict::Each(self.rng.up_to(3) as u32),
                };
                self.later(delay, Happening::say(Command::Evaluated { step, verdict }));
            }
            Effect::Finish => {}
        }
        Ok(())
    }

    fn report(&mut self, delay: u64, step: &str, attempt: u32, end: End, cost: Option<u64>) {
        let step = step.to_owned();
        let tokens = (10, 20);
        self.later(delay, Happening::say(Command::Ended { step, attempt, end, cost, tokens }));
    }

    /// Work without an effect outside.
    fn work(
        &mut self,
        step: String,
        attempt: u32,
        outline: &StepOutline,
        deadline: Timestamp,
        reserved: u64,
    ) {
        let name = if is_planning(&step) { "plan" } else { "answer" };
        let delay = 1 + self.rng.up_to(400);
        let cost = Some(self.rng.up_to(reserved));
        let sure = || End::Done(output(name, Some(1.0)));
        if self.healed {
            return self.report(delay, &step, attempt, sure(), cost);
        }
        match self.rng.up_to(99) {
            0..=54 => self.report(delay, &step, attempt, sure(), cost),
            55..=64 if outline.gated || outline.review().is_some() => {
                self.fault("unsure");
                let confidence = one_of(&mut self.rng, &[0.1, 0.55, f64::NAN, -3.0]);
                let end = End::Done(output(name, Some(confidence)));
                self.report(delay, &step, attempt, end, cost);
            }
            55..=79 => {
                self.fault("failure");
                let exit = self.some_failure();
                let cost = if chance(&mut self.rng, 20) { None } else { cost };
                self.report(delay, &step, attempt, failed(exit), cost);
            }
            80..=86 => self.fault("stall"),
            87..=92 => {
                self.fault("late");
                let late = deadline.since_ms(self.now) + self.rng.up_to(500);
                self.report(late, &step, attempt, sure(), cost);
            }
            _ => {
                self.fault("twice");
                self.report(delay, &step, attempt, sure(), cost);
                let again = delay + self.rng.up_to(300);
                self.report(again, &step, attempt, sure(), cost);
            }
        }
    }

    fn some_failure(&mut self) -> Exit {
        use FailureClass as C;
        let exits = [
            Exit::Failed(C::RateLimit),
            Exit::Failed(C::Auth),
            Exit::Failed(C::Server),
            Exit::Failed(C::Timeout),
            Exit::Failed(C::Network),
            Exit::Failed(C::Malformed),
            Exit::Failed(C::Unable),
            Exit::Failed(C::Invalid),
            Exit::Panicked,
            Exit::Vetoed,
        ];
        one_of(&mut self.rng, &exits)
    }

    /// An agent prepares a call with an effect; it is sent a little later.
    fn prepare(&mut self, step: String, attempt: u32, deadline: Timestamp) {
        let fate = match self.rng.up_to(99) {
            _ if self.healed => Fate::Done,
            0..=49 => Fate::Done,
            50..=64 => Fate::AnswerLost,
            65..=72 => Fate::Silent,
            73..=76 => Fate::Refused(FailureClass::RateLimit),
            77..=80 => Fate::Refused(FailureClass::Denied),
            _ => Fate::Lost,
        };
        if fate != Fate::Done {
            self.fault("effect");
        }
        // Some take so long to begin with that their deadline passes.
        let slow = !self.healed && chance(&mut self.rng, 20);
        let longest = if slow { 6_000 } else { 300 };
        let delay = 1 + self.rng.up_to(longest);
        self.outside.agents += 1;
        let agent = self.outside.agents;
        let sender = Sender { step, attempt, deadline, orphan: false, fate };
        self.outside.senders.insert(agent, sender);
        self.later(delay, Happening::Send { agent });
        // Around a call with an effect a crash is at its worst.
        if chance(&mut self.rng, 15) {
            let at = self.rng.up_to(delay.min(400) + 50);
            self.later(at, Happening::Crash);
        }
    }

    /// The last look, and the call itself. Nothing lies between them here; a freeze there is the
    /// hole that remains in any real system.
    pub(crate) fn send(&mut self, agent: u64) -> Result<(), String> {
        let Some(sender) = self.outside.senders.remove(&agent) else { return Ok(()) };
        let Sender { step, attempt, deadline, orphan, fate } = sender;
        let in_time = self.now < deadline || self.bug == Some(Bug::SendTooLate);
        let wanted = orphan || self.is_wanted(&step, attempt);
        if !in_time || !wanted {
            self.fault("not sent");
            self.report(1, &step, attempt, End::NotDone, Some(0));
            return Ok(());
        }
        self.note(format!("send {step}/{attempt}: {fate:?}"));
        if matches!(fate, Fate::Done | Fate::AnswerLost | Fate::Silent) {
            self.oracle.effect(&step, self.now, deadline, orphan)?;
        }
        let end = match fate {
            Fate::Done => End::Done(output("sent", None)),
            Fate::Refused(class) => failed(Exit::Failed(class)),
            Fate::AnswerLost | Fate::Lost => {
                let unclear = [
                    Exit::Failed(FailureClass::Timeout),
                    Exit::Failed(FailureClass::Network),
                    Exit::EffectUnknown,
                    Exit::Panicked,
                ];
                failed(one_of(&mut self.rng, &unclear))
            }
            Fate::Silent => return Ok(()),
        };
        // An orphan finds nobody to tell.
        if !orphan {
            let delay = 1 + self.rng.up_to(100);
            self.report(delay, &step, attempt, end, Some(0));
        }
        Ok(())
    }

    /// The tool is asked whether the effect took place.
    fn inquire(&mut self, step: String, attempt: u32) {
        self.fault("inquiry");
        let took_place = self.oracle.effects_of(&step) > 0;
        let truth = if took_place { End::Done(output("sent", None)) } else { End::NotDone };
        let end = match self.rng.up_to(9) {
            _ if self.healed => truth,
            0..=5 => truth,
            6..=7 if self.bug == Some(Bug::RetryOnUnknown) => End::NotDone,
            6..=7 => failed(Exit::EffectUnknown),
            // The question itself is refused.
            _ => failed(Exit::Failed(FailureClass::RateLimit)),
        };
        let delay = 1 + self.rng.up_to(100);
        self.report(delay, &step, attempt, end, Some(0));
    }

    /// Someone is told that a human is wanted.
    pub(crate) fn await_human(&mut self) {
        let slow = if self.healed { 500 } else { 15_000 };
        let delay = 1 + self.rng.up_to(slow);
        self.later(delay, Happening::Human);
    }

    /// A human answers what is open.
    pub(crate) fn human(&mut self) -> Result<(), String> {
        for (escalation, step, doubtful) in self.questions() {
            let plan =
                || Decision::Edit(shape::body(if is_planning(&step) { "plan" } else { "own" }));
            let decision = match self.rng.up_to(9) {
                _ if self.healed => plan(),
                0..=2 => Decision::Retry,
                3 => Decision::Raise(300),
                4..=5 if doubtful => Decision::Approve,
                6..=7 if step != PLANNING => Decision::Skip,
                8 if chance(&mut self.rng, 20) => Decision::Abandon,
                _ => plan(),
            };
            self.say(Command::Resolve { escalation, decision, by: "ann".into() })?;
        }
        Ok(())
    }
}
