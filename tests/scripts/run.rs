//! Runs a script and gives it back with what really came of it.

use crate::{
    parse::{self, Line},
    render::{self, Names},
};
use autoos_kernel::{
    codec::Recorded,
    plan::outline::Outline,
    rng::Seeded,
    route::{InOrder, Route, Router, Wish},
    time::Timestamp,
    workflow::{Command, Effect, Event, Means, Workflow},
};
use autoos_tests::shape;
use std::collections::BTreeSet;

/// Takes models in their order and leaves out those that a script says are out.
#[derive(Default)]
struct Doors {
    out: BTreeSet<String>,
}

impl Router for Doors {
    fn route(&self, wish: &Wish<'_>) -> Route {
        let open = wish.candidates.iter().copied().filter(|c| !self.out.contains(&c.model));
        let wish = Wish { candidates: open.collect(), ..wish.clone() };
        match InOrder.route(&wish) {
            Route::Wait { .. } => Route::Wait { ms: 5_000, reason: "all are out".into() },
            asked => asked,
        }
    }
}

struct Runner {
    workflow: Workflow,
    /// Every event so far, as recorded.
    stream: Vec<(Timestamp, Vec<u8>, &'static str)>,
    plan: Outline,
    now: Timestamp,
    rng: Seeded,
    router: Doors,
    begun: BTreeSet<Effect>,
    names: Names,
}

/// What a script brought.
pub(crate) struct Brought {
    /// The script with its expectations replaced by what its commands brought.
    pub(crate) text: String,
    /// Its events and final state, as a history is kept: `at kind hex` a line, then the state.
    pub(crate) history: String,
}

pub(crate) fn script(text: &str) -> Result<Brought, String> {
    let mut runner = Runner {
        workflow: Workflow::new(shape::workflow_id(1)),
        stream: Vec::new(),
        plan: Outline::default(),
        now: Timestamp(0),
        rng: Seeded(1),
        router: Doors::default(),
        begun: BTreeSet::new(),
        names: Names::default(),
    };
    let mut out = Vec::new();
    let mut commands = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((n, line)) = lines.next() {
        out.push(line.to_owned());
        if line == "---" {
            for (n, command) in commands.drain(..) {
                out.extend(runner.line(command).map_err(|e| format!("line {n}: {e}"))?);
            }
            out.push(render::state(&runner.workflow, runner.now));
            out.push(String::new());
            // What was expected, up to the empty line that ends the block.
            while lines.next().is_some_and(|(_, line)| !line.is_empty()) {}
        } else if !line.is_empty() && !line.starts_with('#') {
            commands.push((n + 1, line));
        }
    }
    if !commands.is_empty() {
        return Err("the last commands have no divider".to_owned());
    }
    let text = out.join("\n").trim_end().to_owned() + "\n";
    Ok(Brought { text, history: runner.history() })
}

impl Runner {
    fn line(&mut self, text: &str) -> Result<Vec<String>, String> {
        for word in text.split([' ', '=']) {
            if let Ok(name) = parse::name(word) {
                self.names.learn(name);
            }
        }
        match parse::line(text, &self.plan)? {
            Line::At(ms) => self.now = Timestamp(ms),
            Line::Step(step) => {
                self.plan.steps.push(step);
                self.plan = shape::outline(std::mem::take(&mut self.plan.steps));
            }
            Line::Plan => self.plan = Outline::default(),
            Line::Out(model) => {
                self.router.out.insert(model);
            }
            Line::Back(model) => {
                self.router.out.remove(&model);
            }
            Line::Command(command) => return Ok(self.decide(command)),
            Line::Restart => {
                self.workflow = self.folded();
                self.begun.clear();
                return Ok(self.decide(Command::Recover));
            }
        }
        Ok(Vec::new())
    }

    fn decide(&mut self, command: Command) -> Vec<String> {
        let before = self.workflow.clone();
        let mut out = Vec::new();
        let mut means = Means { rng: &mut self.rng, router: &self.router };
        match self.workflow.decide(command, self.now, &mut means) {
            Err(rejected) => {
                assert_eq!(before, self.workflow, "a rejected command left a trace");
                out.push(format!("rejected: {rejected}"));
            }
            Ok(events) => {
                for event in &events {
                    self.stream.push((self.now, event.encode(), event.kind()));
                    out.push(self.names.event(event));
                }
                assert_eq!(self.folded(), self.workflow, "the fold differs from the state");
            }
        }
        let outstanding = self.workflow.outstanding(self.now);
        out.extend(outstanding.difference(&self.begun).map(|e| self.names.effect(e)));
        self.begun = outstanding;
        out
    }

    fn history(&self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let line = |(at, bytes, kind): &(Timestamp, Vec<u8>, &str)| {
            format!("{} {kind} {}\n", at.0, hex(bytes))
        };
        let events: String = self.stream.iter().map(line).collect();
        let state = serde_json::to_string_pretty(&self.workflow).expect("a state is JSON");
        format!("{events}state\n{state}\n")
    }

    fn folded(&self) -> Workflow {
        let mut workflow = Workflow::new(self.workflow.id);
        for (at, bytes, kind) in &self.stream {
            let event = Event::decode(kind, bytes).expect("it reads back").expect("it is known");
            workflow.fold(&event, *at);
        }
        workflow
    }
}
