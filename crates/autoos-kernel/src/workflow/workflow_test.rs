//! Properties of the workflow's machine, under anything that may happen to it: reports of every
//! kind, duplicates, late ones, crashes, pauses, cancellations and answers at random times.
//!
//! Stories are told in the plain-text scripts of the crate `autoos-tests`.

use super::generate::*;
use super::*;
use crate::{
    codec::Recorded,
    ladder::leaves_doubt,
    plan::outline::Outline,
    rng::Seeded,
    route::{Choice, Route, Router, Scored, Wish},
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Chooses at random, and now and then finds that nobody can be asked, as long as faults last.
#[derive(Clone, Copy)]
struct Moody {
    healed: bool,
}

impl Router for Moody {
    fn route(&self, wish: &Wish<'_>) -> Route {
        assert!(!wish.candidates.is_empty(), "nobody to choose from: {wish:?}");
        if !self.healed && wish.bits % 7 == 3 {
            return Route::Wait { ms: wish.bits % 3_000, reason: "all are out".into() };
        }
        let taken = wish.candidates[wish.bits as usize % wish.candidates.len()];
        let kept = wish.keep.unwrap_or(&taken.model).to_owned();
        let scores = vec![Scored { model: kept.clone(), score: 0.5, note: String::new() }];
        let choice = Choice { reason: "it was its turn".into(), scores, explored: false };
        Route::Ask { model: kept, choice: Some(choice) }
    }
}

/// A workflow, all that was recorded of it, and what must be remembered to judge it.
struct World {
    workflow: Workflow,
    /// Folded event by event beside it.
    shadow: Workflow,
    outline: Outline,
    stream: Vec<(Timestamp, &'static str, Vec<u8>)>,
    said: Vec<Command>,
    now: Timestamp,
    rng: Seeded,
    router: Moody,
    /// Steps whose effect may have taken place.
    doubted: BTreeSet<String>,
    /// Attempts that began and are not settled.
    open: BTreeSet<(String, u32)>,
}

impl World {
    fn new(seed: Seed, outline: Outline, random: u64) -> Self {
        let id = WorkflowId(uuid::Uuid::from_u128(1));
        let mut world = Self {
            workflow: Workflow::new(id),
            shadow: Workflow::new(id),
            outline,
            stream: Vec::new(),
            said: Vec::new(),
            now: Timestamp(0),
            rng: Seeded(random),
            router: Moody { healed: false },
            doubted: BTreeSet::new(),
            open: BTreeSet::new(),
        };
        world.say(Command::Create(seed));
        world
    }

    fn say(&mut self, command: Command) {
        let before = self.workflow.clone();
        self.said.push(command.clone());
        let mut means = Means { rng: &mut self.rng, router: &self.router };
        match self.workflow.decide(command.clone(), self.now, &mut means) {
            Err(_) => assert_eq!(before, self.workflow, "a rejected command left a trace"),
            Ok(events) => {
                self.permit(&command, &before);
                let told = matches!(command, Command::Ended { end: End::NotDone, .. });
                for event in &events {
                    self.record(event);
                    assert!(told || !self.gives_up_blindly(event), "given up blindly: {event:?}");
                }
                assert_eq!(self.shadow, self.workflow, "the fold differs from the state");
            }
        }
        if self.workflow.created.is_some() {
            self.look();
        }
    }

    /// What lets an effect be tried again: the tool said that it did not take place, or a human
    /// wants it.
    fn permit(&mut self, command: &Command, before: &Workflow) {
        match command {
            Command::Ended { step, end: End::NotDone, .. } => {
                self.doubted.remove(step);
            }
            Command::Resolve {
                escalation, decision: Decision::Retry | Decision::Raise(_), ..
            } => {
                self.doubted.remove(&before.escalations[escalation].step);
            }
            _ => {}
        }
    }

    fn record(&mut self, event: &Event) {
        let bytes = event.encode();
        let read =
            Event::decode(event.kind(), &bytes).expect("it reads back").expect("it is known");
        assert_eq!(read, *event);
        let before = self.shadow.clone();
        self.shadow.fold(&read, self.now);
        self.stream.push((self.now, event.kind(), bytes));

        let states = (before.state().into(), self.shadow.state().into());
        assert_legal(&WORKFLOW_TABLE, states.0, states.1, event);
        for (id, step) in &self.shadow.steps {
            let Some(was) = before.steps.get(id) else { continue };
            assert_legal(&STEP_TABLE, name(&was.state), name(&step.state), event);
            let reopened = was.state.is_over() && !step.state.is_over();
            let anew = is_planning(id) || was.state == StepState::Dropped;
            assert!(!reopened || anew, "{id} was over: {event:?}");
        }
        assert!(self.shadow.budget.holds(), "{:?} after {event:?}", self.shadow.budget);
        self.settle(event);
    }

    /// Whether an event ends an attempt whose effect may have taken place, without its tool having
    /// been asked.
    fn gives_up_blindly(&self, event: &Event) -> bool {
        let Event::AttemptFailed { step, exit, .. } = event else { return false };
        let effectful = self.shadow.steps[step].outline.is_effectful();
        effectful && leaves_doubt(*exit) && !self.doubted.contains(step)
    }

    /// Attempts begin once, end once, and not at all after someone cancelled.
    fn settle(&mut self, event: &Event) {
        match event {
            Event::AttemptStarted { step, attempt, .. } => {
                assert!(self.shadow.cancelled.is_none(), "{step} began after a cancellation");
                assert!(!self.doubted.contains(step), "{step} began though it was in doubt");
                assert!(self.open.insert((step.clone(), *attempt)), "{step}/{attempt} twice");
            }
            Event::AttemptCompleted { step, attempt, .. }
            | Event::AttemptAnswered { step, attempt, .. }
            | Event::AttemptFailed { step, attempt, .. } => {
                assert!(self.open.remove(&(step.clone(), *attempt)), "{step}/{attempt} not open");
            }
            Event::AttemptInDoubt { step, .. } => {
                self.doubted.insert(step.clone());
            }
            Event::Completed { .. } | Event::Failed { .. } | Event::Cancelled { .. } => {
                assert!(self.open.is_empty(), "{:?} are left in flight", self.open);
            }
            _ => {}
        }
    }

    /// What must be true between any two commands.
    fn look(&self) {
        let outstanding = self.workflow.outstanding(self.now);
        for effect in &outstanding {
            if let Effect::StartAgent { step, .. } = effect {
                assert!(!self.doubted.contains(step), "{step} is to begin though it is in doubt");
                assert!(self.workflow.cancelled.is_none(), "{step} is to begin though cancelled");
            }
        }
        for (id, step) in &self.workflow.steps {
            assert!(
                step.items.is_none_or(|n| n <= step.outline.items),
                "{id} has {:?}",
                step.items
            );
        }
        assert!(is_alive(&self.workflow, self.now), "it waits for nothing: {:?}", self.workflow);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Done { pick, end, cost, verdict, refused } => {
                let outstanding = self.workflow.outstanding(self.now);
                let Some(effect) = nth(outstanding, pick) else { return };
                let refusal = || Err(vec!["something is wrong".to_owned()]);
                let judged = if refused { refusal() } else { Ok(self.outline.clone()) };
                self.say(report(effect, end, cost, verdict, judged));
            }
            Happening::Wait(ms) => self.now = self.now.plus_ms(ms),
            Happening::Tick => self.tick(),
            Happening::Recover => self.say(Command::Recover),
            Happening::Pause => self.say(Command::Pause { by: "ann".into() }),
            Happening::Resume => self.say(Command::Resume { by: "ann".into() }),
            Happening::Cancel => {
                self.say(Command::Cancel { by: "ann".into(), reason: "enough".into() });
            }
            Happening::Resolve { pick, decision } => {
                let numbers: BTreeSet<u32> = self.workflow.escalations.keys().copied().collect();
                let Some(escalation) = nth(numbers, pick) else { return };
                self.say(Command::Resolve { escalation, decision, by: "ann".into() });
            }
            Happening::Again { pick } => {
                let command = self.said[pick % self.said.len()].clone();
                self.say(command);
            }
        }
    }

    /// After a tick nothing is due any more: a timer set to the next wake never spins.
    fn tick(&mut self) {
        self.say(Command::Tick);
        let still = self.workflow.wake(self.now).filter(|wake| *wake <= self.now);
        let mut means = Means { rng: &mut self.rng, router: &self.router };
        let once_more = self.workflow.clone().decide(Command::Tick, self.now, &mut means);
        // An escalation of this very tick may have no patience at all.
        assert!(still.is_none() || once_more.is_ok_and(|e| !e.is_empty()), "it spins: {still:?}");
    }

    /// From now on everything succeeds and everybody answers.
    fn heal(&mut self) -> u32 {
        self.router.healed = true;
        self.say(Command::Recover);
        self.say(Command::Resume { by: "ann".into() });
        for round in 0..200 {
            if self.workflow.end.is_some() {
                return round;
            }
            let sure = Output { body: body(5), confidence: Some(1.0), evidence: None };
            for effect in self.workflow.outstanding(self.now) {
                let (end, verdict) = (End::Done(sure.clone()), Verdict::Each(2));
                self.say(report(effect, end, None, verdict, Ok(self.outline.clone())));
            }
            let asked = self.workflow.escalations.iter().filter(|(_, e)| e.resolved.is_none());
            let asked: Vec<u32> = asked.map(|(number, _)| *number).collect();
            for escalation in asked {
                let decision = Decision::Edit(body(6));
                self.say(Command::Resolve { escalation, decision, by: "ann".into() });
            }
            if let Some(wake) = self.workflow.wake(self.now) {
                self.now = self.now.max(wake);
            }
            self.tick();
        }
        panic!("it never ends: {:?}", self.workflow);
    }

    fn folded(&self, from: Workflow, skip: usize) -> Workflow {
        self.stream.iter().skip(skip).fold(from, |mut workflow, (at, kind, bytes)| {
            let event = Event::decode(kind, bytes).expect("it reads back").expect("it is known");
            workflow.fold(&event, *at);
            workflow
        })
    }

    /// A snapshot anywhere plus the rest is the fold of all.
    fn assert_snapshots(&self) {
        let all = self.folded(Workflow::new(self.workflow.id), 0);
        assert_eq!(all, self.workflow);
        let mut partial = Workflow::new(self.workflow.id);
        for (position, (at, kind, bytes)) in self.stream.iter().enumerate() {
            let packed = rmp_serde::to_vec_named(&partial).expect("it packs");
            let snapshot: Workflow = rmp_serde::from_slice(&packed).expect("it unpacks");
            assert_eq!(snapshot, partial, "at {position}");
            assert_eq!(self.folded(snapshot, position), all, "from {position}");
            let event = Event::decode(kind, bytes).expect("it reads back").expect("it is known");
            partial.fold(&event, *at);
        }
    }
}

fn nth<T>(set: BTreeSet<T>, pick: usize) -> Option<T> {
    let len = set.len();
    (len > 0).then(|| set.into_iter().nth(pick % len)).flatten()
}

/// 400 cases, or as many as `PROPTEST_CASES` asks for. A failing case is shown whole, and small.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Nothing that happens breaks a rule, and once the faults stop it comes to an end.
    #[test]
    fn whatever_happens_it_keeps_its_rules_and_ends(
        (seed, outline) in beginnings(),
        random in any::<u64>(),
        happenings in prop::collection::vec(happenings(), 0..80),
    ) {
        let mut world = World::new(seed, outline, random);
        for happening in happenings {
            world.happen(happening);
        }
        world.heal();
        world.assert_snapshots();
    }

    /// The same commands at the same times with the same choices give the same events.
    #[test]
    fn it_decides_the_same_twice(
        (seed, outline) in beginnings(),
        random in any::<u64>(),
        happenings in prop::collection::vec(happenings(), 0..60),
    ) {
        let run = || {
            let mut world = World::new(seed.clone(), outline.clone(), random);
            happenings.iter().for_each(|h| world.happen(h.clone()));
            world.stream
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn kinds_of_newer_versions_are_skipped_and_damage_is_told() {
    assert_eq!(Event::decode("step_dreamt", &[0xc1, 0xff]), Ok(None));
    let event = Event::Paused { by: "ann".into() };
    let bytes = event.encode();
    assert_eq!(Event::decode("paused", &bytes), Ok(Some(event)));
    for cut in 0..bytes.len() {
        assert!(Event::decode("paused", &bytes[..cut]).is_err(), "{cut} bytes are no event");
    }
}

#[test]
fn a_table_without_a_transition_is_noticed() {
    let caught = std::panic::catch_unwind(|| {
        assert_legal(&STEP_TABLE, "skipped", "running", &"a mistake");
    });
    assert!(caught.is_err());
}
