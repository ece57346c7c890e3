//! The world around one workflow: a clock, a queue of what will happen, the journal, the process
//! that owns the workflow and may die at any moment. What agents, tools and people do is in
//! [`outside`](super::outside).

use crate::{
    bug::Bug,
    journal::{Entry, Journal},
    oracle::Oracle,
    outside::{Moody, Outside},
    owner::Owner,
    plan::{self, chance},
};
use autoos_kernel::{
    id::WorkflowId,
    plan::outline::{Outline, StepOutline},
    rng::{Rng, Seeded},
    time::Timestamp,
    workflow::{Command, Event, Means, Rejected, StepState},
};
use autoos_tests::shape;
use std::collections::{BTreeMap, BTreeSet};

/// When the faults stop, and how long after that everything must be over.
const FAULTS_END_MS: u64 = 30_000;
const HEALED_MS: u64 = 120_000;
/// Happenings that a run may have; one that spins has more.
const HAPPENINGS_MAX: u64 = 20_000;

/// Something that happens at its time.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A command reaches the owner. One that is about an agent of a process that died is late.
    Say(Box<Command>),
    /// The disk has an append.
    Synced(u64),
    /// The owner learns that an append is kept up to this sequence.
    Acknowledged { epoch: u64, next: usize },
    /// The owner's timer.
    Wake { epoch: u64 },
    /// An agent sends its call to a tool with an effect.
    Send { agent: u64 },
    /// A human looks at the questions.
    Human,
    /// Someone wants the workflow to end, and says so until it is acknowledged.
    Cancel,
    /// The process dies.
    Crash,
    /// A new process takes over.
    Start,
    /// From now on nothing fails any more.
    Heal,
}

impl Happening {
    pub(crate) fn say(command: Command) -> Self {
        Self::Say(Box::new(command))
    }
}

/// What a run brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) trace: Vec<String>,
    pub(crate) kinds: BTreeMap<&'static str, u32>,
    pub(crate) faults: BTreeMap<&'static str, u32>,
}

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) rng: Seeded,
    pub(crate) bug: Option<Bug>,
    pub(crate) healed: bool,
    pub(crate) outline: Outline,
    pub(crate) outside: Outside,
    pub(crate) oracle: Oracle,
    pub(crate) faults: BTreeMap<&'static str, u32>,
    queue: BTreeMap<(Timestamp, u64), Happening>,
    serial: u64,
    journal: Journal,
    owner: Option<Owner>,
    epoch: u64,
    timers: BTreeSet<Timestamp>,
    /// The append that carries the cancellation, once it is decided.
    cancelled_at: Option<usize>,
    trace: Vec<String>,
}

/// Runs the world of a seed until its workflow has ended and nothing is left to happen.
///
/// # Errors
/// The invariant that was broken, and the end of the trace.
pub(crate) fn run(seed: u64, bug: Option<Bug>) -> Result<Report, String> {
    let mut world = World::new(seed, bug);
    let outcome = world.play();
    match outcome {
        Ok(()) => {
            let World { trace, oracle, faults, .. } = world;
            Ok(Report { trace, kinds: oracle.kinds, faults })
        }
        Err(broken) => {
            let from = world.trace.len().saturating_sub(25);
            Err(format!("{broken}\n  {}", world.trace[from..].join("\n  ")))
        }
    }
}

impl World {
    fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut rng = Seeded(seed.wrapping_mul(0x9e37_79b9).wrapping_add(11));
        let outline = plan::outline(&mut rng);
        let mut world = Self {
            now: Timestamp(0),
            rng,
            bug,
            healed: false,
            outline,
            outside: Outside::default(),
            oracle: Oracle::default(),
            faults: BTreeMap::new(),
            queue: BTreeMap::new(),
            serial: 0,
            journal: Journal::default(),
            owner: None,
            epoch: 0,
            timers: BTreeSet::new(),
            cancelled_at: None,
            trace: Vec::new(),
        };
        world.later(0, Happening::Start);
        world.later(FAULTS_END_MS, Happening::Heal);
        for _ in 0..world.rng.up_to(6) {
            let at = world.rng.up_to(FAULTS_END_MS);
            world.later(at, Happening::Crash);
        }
        if chance(&mut world.rng, 25) {
            let at = world.rng.up_to(10_000);
            world.later(at, Happening::Cancel);
        }
        for _ in 0..world.rng.up_to(2) {
            let at = world.rng.up_to(8_000);
            world.later(at, Happening::say(Command::Pause { by: "ann".into() }));
            let at = at + world.rng.up_to(4_000);
            world.later(at, Happening::say(Command::Resume { by: "ann".into() }));
        }
        world
    }

    /// Has something happen in so many milliseconds.
    pub(crate) fn later(&mut self, ms: u64, happening: Happening) {
        self.serial += 1;
        self.queue.insert((self.now.plus_ms(ms), self.serial), happening);
    }

    pub(crate) fn note(&mut self, line: String) {
        self.trace.push(format!("{:>7} {line}", self.now.0));
    }

    pub(crate) fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    fn id() -> WorkflowId {
        shape::workflow_id(1)
    }

    fn play(&mut self) -> Result<(), String> {
        for _ in 0..HAPPENINGS_MAX {
            let Some(((at, _), happening)) = self.queue.pop_first() else {
                return self.at_rest();
            };
            self.now = self.now.max(at);
            self.happen(happening)?;
            self.journal.check()?;
            let late = FAULTS_END_MS + HEALED_MS;
            if self.now.0 > late && self.oracle.ended().is_none() {
                return Err(format!("I6: not over {HEALED_MS} ms after the last fault"));
            }
        }
        Err(format!("I6: more than {HAPPENINGS_MAX} happenings: something spins"))
    }

    /// Nothing will happen any more.
    fn at_rest(&self) -> Result<(), String> {
        if self.oracle.ended().is_none() {
            let state = self.owner.as_ref().map(|owner| &owner.ahead);
            return Err(format!("I6: nothing will happen, and it has not ended: {state:?}"));
        }
        self.assert_folds()
    }

    /// I4: the events folded twice give one state, and it is the owner's.
    fn assert_folds(&self) -> Result<(), String> {
        let folded = self.journal.fold(Self::id())?;
        if folded != self.journal.fold(Self::id())? {
            return Err("I4: two folds of the same events differ".to_owned());
        }
        match &self.owner {
            Some(owner) if self.bug.is_none() && owner.recorded != folded => {
                Err("I4: the owner's state is not the fold of what is durable".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Say(command) => self.say(*command).map(|_| ()),
            Happening::Synced(number) => {
                let entries = self.journal.sync(number);
                self.observe(&entries)
            }
            Happening::Acknowledged { epoch, next } => self.acknowledged(epoch, next),
            Happening::Wake { epoch } if epoch == self.epoch && self.owner.is_some() => {
                self.timers.retain(|at| *at > self.now);
                self.say(Command::Tick).map(|_| ())
            }
            Happening::Wake { .. } => Ok(()),
            Happening::Send { agent } => self.send(agent),
            Happening::Human => self.human(),
            Happening::Cancel => self.cancel(),
            Happening::Crash => self.crash(),
            Happening::Start => self.start(),
            Happening::Heal => {
                self.healed = true;
                self.note("no more faults".into());
                self.later(0, Happening::Start);
                self.later(1, Happening::say(Command::Resume { by: "ann".into() }));
                self.later(2, Happening::Human);
                Ok(())
            }
        }
    }

    /// The owner decides a command; true when it was taken.
    pub(crate) fn say(&mut self, command: Command) -> Result<bool, String> {
        let Some(owner) = &mut self.owner else { return Ok(false) };
        let line = format!("{command:?}");
        let router = Moody { healed: self.healed };
        let mut means = Means { rng: &mut self.rng, router: &router };
        match owner.decide(command, self.now, &mut means) {
            Ok(0) => {}
            Ok(decided) => self.note(format!("{decided} events by {line}")),
            Err(Rejected::Stale(_) | Rejected::Ended(_) | Rejected::Impossible(_)) => {
                self.note(format!("rejected {line}"));
                return Ok(false);
            }
            Err(rejected) => return Err(format!("{rejected}: {line}")),
        }
        self.submit();
        self.act()?;
        Ok(true)
    }

    fn submit(&mut self) {
        let Some(owner) = &mut self.owner else { return };
        let epoch = owner.epoch;
        let Some(events) = owner.submit() else { return };
        let number = self.journal.append(epoch, events);
        let next = self.journal.submitted();
        let sync = 1 + self.rng.up_to(20);
        let back = if self.bug == Some(Bug::AckBeforeSync) { 0 } else { sync + self.rng.up_to(3) };
        self.later(sync, Happening::Synced(number));
        self.later(back, Happening::Acknowledged { epoch, next });
    }

    fn acknowledged(&mut self, epoch: u64, next: usize) -> Result<(), String> {
        if epoch != self.epoch || self.owner.is_none() {
            return Ok(());
        }
        self.journal.acknowledge(next);
        if self.cancelled_at.is_some_and(|at| at <= next) {
            self.oracle.cancel_acknowledged();
        }
        if let Some(owner) = &mut self.owner {
            owner.acknowledged();
        }
        if self.bug.is_none() {
            self.assert_folds()?;
        }
        self.submit();
        self.act()
    }

    /// Begins what is to be begun, and sets the timer.
    fn act(&mut self) -> Result<(), String> {
        let Some(owner) = &mut self.owner else { return Ok(()) };
        let effects = owner.begin(self.now);
        let wake = owner.wake(self.now);
        for effect in effects {
            self.begin(effect)?;
        }
        if let Some(wake) = wake.filter(|wake| self.timers.insert(*wake)) {
            let epoch = self.epoch;
            self.later(wake.since_ms(self.now), Happening::Wake { epoch });
        }
        Ok(())
    }

    fn observe(&mut self, entries: &[Entry]) -> Result<(), String> {
        for entry in entries {
            let event = entry.event()?;
            self.note(format!("durable {}", entry.kind));
            self.oracle.recorded(entry.kind, &event)?;
            if matches!(event, Event::Escalated { .. }) {
                self.await_human();
            }
        }
        Ok(())
    }

    fn cancel(&mut self) -> Result<(), String> {
        if self.oracle.ended().is_some() {
            return Ok(());
        }
        self.fault("cancel");
        if self.bug == Some(Bug::IgnoreCancel) {
            self.oracle.cancel_acknowledged();
            return Ok(());
        }
        let command = Command::Cancel { by: "ann".into(), reason: "enough".into() };
        if self.say(command)? {
            // It is acknowledged with all that is decided up to now.
            self.cancelled_at = Some(self.journal.submitted() + self.pending());
        }
        // Whoever asked asks again until the answer is there; twice does no harm.
        self.later(400, Happening::Cancel);
        Ok(())
    }

    fn pending(&self) -> usize {
        self.owner.as_ref().map_or(0, Owner::waiting)
    }

    fn crash(&mut self) -> Result<(), String> {
        if self.healed || self.owner.take().is_none() {
            return Ok(());
        }
        self.fault("crash");
        let reached = chance(&mut self.rng, 50);
        self.note(format!("crash; what was in flight reached the disk: {reached}"));
        let entries = self.journal.crash(reached);
        self.observe(&entries)?;
        self.cancelled_at = None;
        self.timers.clear();
        self.outside.orphan(&mut self.rng);
        let down = 20 + self.rng.up_to(2_000);
        self.later(down, Happening::Start);
        Ok(())
    }

    fn start(&mut self) -> Result<(), String> {
        if self.owner.is_some() {
            return Ok(());
        }
        self.epoch += 1;
        let folded = self.journal.fold(Self::id())?;
        let created = folded.created.is_some();
        self.note(format!("epoch {}", self.epoch));
        self.owner = Some(Owner::new(self.epoch, folded, self.bug));
        if created {
            self.say(Command::Recover)?;
        } else {
            let seed = plan::seed(&mut self.rng, &self.outline);
            self.say(Command::Create(seed))?;
        }
        self.act()
    }

    /// The questions that are open, with whether there is an answer to approve.
    pub(crate) fn questions(&self) -> Vec<(u32, String, bool)> {
        let Some(owner) = &self.owner else { return Vec::new() };
        let open = owner.recorded.escalations.iter().filter(|(_, e)| e.resolved.is_none());
        open.map(|(number, e)| {
            let doubtful = owner.recorded.steps.get(&e.step).is_some_and(|s| s.doubtful.is_some());
            (*number, e.step.clone(), doubtful)
        })
        .collect()
    }

    /// Whether an attempt still runs and nobody wants the workflow to end, as far as its own
    /// process knows.
    pub(crate) fn is_wanted(&self, step: &str, attempt: u32) -> bool {
        let Some(owner) = &self.owner else { return false };
        let runs = owner.ahead.steps.get(step).is_some_and(|s| match &s.state {
            StepState::Running(run) => run.attempt == attempt,
            _ => false,
        });
        runs && !owner.ahead.is_winding_down()
    }

    /// The shape, deadline and reservation of an attempt that is to begin.
    pub(crate) fn attempt(&self, step: &str) -> Option<(StepOutline, Timestamp, u64)> {
        let step = self.owner.as_ref()?.ahead.steps.get(step)?;
        match &step.state {
            StepState::Running(run) => Some((step.outline.clone(), run.deadline, run.reserved)),
            _ => None,
        }
    }
}
