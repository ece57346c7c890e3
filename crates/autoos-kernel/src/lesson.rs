//! Lessons: which failures recur, and what is done about it the next time.
//!
//! | what recurs | in so many workflows | the remedy |
//! |---|---|---|
//! | doubt about an answer that a tool with an effect is fed by | 1 | answers of that kind are verified more strictly |
//! | doubt about any other kind of answer | 3 | the same |
//! | failures of one model at one kind of work | 3 | another model is preferred for it |
//! | failures of a tool | 3 | planners are told of it |
//!
//! A lesson is an event that can be listed and reverted; a reverted one is not learned again from
//! what it was learned from. One that is not confirmed while fifty workflows do work of its kind is
//! retired, by an event too: models and tools get better, and are asked again. The book holds no texts, so nothing of a workflow that is erased.
//! Left out: who reads the journal for failures, and who keeps the stream (the runtime).

use crate::{
    id::WorkflowId,
    ladder::{Exit, FailureClass, is_doubt},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use strum::{IntoStaticStr, VariantNames};

/// Workflows in which a failure must recur before it is a lesson.
pub const RECURS: usize = 3;
/// Workflows that do work of its kind without the failure before a lesson is retired.
pub const RETIRES: usize = 50;
/// Patterns that are kept in mind; the one not seen for longest gives way.
pub const PATTERNS_MAX: usize = 1_000;
/// Lessons that are kept; the oldest gives way.
pub const LESSONS_MAX: usize = 200;

/// A failure and its context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// Where it happened.
    pub workflow: WorkflowId,
    /// In which step.
    pub step: String,
    /// What kind of work that was.
    pub task: String,
    /// Who was asked, if a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What was called, if a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// How it ended.
    pub exit: Exit,
}

/// What recurs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Answers to this kind of work are doubted.
    Doubted {
        /// The kind.
        task: String,
    },
    /// A model fails at a kind of work.
    Model {
        /// The model.
        model: String,
        /// The kind.
        task: String,
    },
    /// A tool fails.
    Tool {
        /// The tool.
        tool: String,
    },
}

impl Pattern {
    /// The kind of work that it is about: what the steps that do it are called by.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Doubted { task } | Self::Model { task, .. } => task,
            Self::Tool { tool } => tool,
        }
    }
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Remedy {
    /// More is done to be sure of such answers.
    VerifyMore,
    /// Another model is preferred for such work.
    PreferOther,
    /// Planners are told to do without the tool where they can.
    AvoidTool,
}

/// A lesson.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// Its number in the book, from 1.
    pub number: u32,
    /// What recurs.
    pub pattern: Pattern,
    /// How it failed the last time.
    pub exit: Exit,
    /// What is done about it.
    pub remedy: Remedy,
    /// The workflows that taught it.
    pub from: BTreeSet<WorkflowId>,
    /// When it was learned.
    #[serde(default)]
    pub at: Timestamp,
    /// Workflows that did work of its kind without the failure since it was last seen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub passed: BTreeSet<WorkflowId>,
    /// Where it was seen last since it was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<WorkflowId>,
    /// Who reverted it, or why it was retired, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted: Option<(String, Timestamp)>,
}

impl Lesson {
    /// The lesson in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let exit = self.exit;
        let times = self.from.len();
        let seen = if times == 1 { "once".to_owned() } else { format!("in {times} workflows") };
        match &self.pattern {
            Pattern::Doubted { task } => {
                format!(
                    "answers of the kind {task} did not hold ({exit}, {seen}): they are verified one level more strictly"
                )
            }
            Pattern::Model { model, task } => {
                format!(
                    "{model} failed at {task} ({exit}, {seen}): another model is preferred for it"
                )
            }
            Pattern::Tool { tool } => {
                format!(
                    "the tool {tool} failed ({exit}, {seen}): plans do without it where they can"
                )
            }
        }
    }
}

/// An event of the book's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// Something failed.
    FailureNoted(FailureRecord),
    /// A pattern became a lesson.
    LessonLearned(Lesson),
    /// A workflow did work of a lesson's kind without the failure.
    WorkPassed {
        /// The lesson's number.
        number: u32,
        /// The workflow.
        workflow: WorkflowId,
    },
    /// A lesson is no longer in force: the failure was not seen for so many workflows.
    LessonRetired {
        /// Its number.
        number: u32,
        /// How many.
        workflows: usize,
    },
    /// Someone took it back.
    LessonReverted {
        /// Its number.
        number: u32,
        /// Who.
        by: String,
    },
}

/// What one may ask of the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Take note of a failure.
    Note(FailureRecord),
    /// Take note of a step that brought what it should.
    Pass {
        /// In which workflow.
        workflow: WorkflowId,
        /// What kind of work it was.
        task: String,
    },
    /// Take a lesson back.
    Revert {
        /// Its number.
        number: u32,
        /// Who asks.
        by: String,
    },
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is no such lesson.
    #[error("there is no lesson {0}: `autoos lesson list` shows them")]
    Missing(u32),
    /// It was reverted before.
    #[error("lesson {number} was reverted by {by} already")]
    Reverted {
        /// Its number.
        number: u32,
        /// By whom.
        by: String,
    },
}

/// What was seen of a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    workflows: BTreeSet<WorkflowId>,
    last: Timestamp,
}

/// The fold of the book's stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// As pairs, since not every format has maps by such keys.
    seen: Vec<(Pattern, Seen)>,
    lessons: BTreeMap<u32, Lesson>,
    count: u32,
}

impl Book {
    /// Every lesson, the reverted ones included, by number.
    pub fn lessons(&self) -> impl Iterator<Item = &Lesson> {
        self.lessons.values()
    }

    /// The lessons in force.
    pub fn in_force(&self) -> impl Iterator<Item = &Lesson> {
        self.lessons().filter(|lesson| lesson.reverted.is_none())
    }

    /// The lesson by which answers of a kind are verified more strictly.
    #[must_use]
    pub fn verify_more(&self, task: &str) -> Option<&Lesson> {
        self.in_force().find(|l| matches!(&l.pattern, Pattern::Doubted { task: t } if t == task))
    }

    /// The lesson that speaks against a model for a kind of work.
    #[must_use]
    pub fn against(&self, model: &str, task: &str) -> Option<&Lesson> {
        self.in_force().find(|l| {
            matches!(&l.pattern, Pattern::Model { model: m, task: t } if m == model && t == task)
        })
    }

    /// Whether a workflow's success at a kind of work says something that the book does not know.
    #[must_use]
    pub fn asks(&self, task: &str, workflow: WorkflowId) -> bool {
        self.passing(task, workflow).next().is_some()
    }

    fn passing<'a>(
        &'a self,
        task: &'a str,
        workflow: WorkflowId,
    ) -> impl Iterator<Item = &'a Lesson> {
        self.in_force().filter(move |lesson| {
            let known = lesson.passed.contains(&workflow)
                || lesson.seen == Some(workflow)
                || lesson.from.contains(&workflow);
            lesson.pattern.kind() == task && !known
        })
    }

    /// What planners are told, a sentence each.
    #[must_use]
    pub fn for_planners(&self) -> Vec<String> {
        let told = |l: &&Lesson| l.remedy == Remedy::AvoidTool;
        self.in_force().filter(told).map(Lesson::sentence).collect()
    }

    /// Decides a command, folds what it decides, and gives the events to record.
    ///
    /// # Errors
    /// [`Rejected`], and then nothing has changed.
    pub fn decide(&mut self, command: Command, now: Timestamp) -> Result<Vec<Event>, Rejected> {
        let mut events = Vec::new();
        match command {
            Command::Note(record) if !teaches(record.exit) => drop(record),
            Command::Note(record) => {
                let patterns = patterns(&record);
                let exit = record.exit;
                self.push(Event::FailureNoted(record), now, &mut events);
                for (pattern, remedy, recurs) in patterns {
                    if let Some(lesson) = self.lesson(pattern, remedy, recurs, exit, now) {
                        self.push(Event::LessonLearned(lesson), now, &mut events);
                    }
                }
            }
            Command::Pass { workflow, task } => {
                let passed: Vec<(u32, usize)> = self
                    .passing(&task, workflow)
                    .map(|lesson| (lesson.number, lesson.passed.len() + 1))
                    .collect();
                for (number, workflows) in passed {
                    self.push(Event::WorkPassed { number, workflow }, now, &mut events);
                    if workflows >= RETIRES {
                        self.push(Event::LessonRetired { number, workflows }, now, &mut events);
                    }
                }
            }
            Command::Revert { number, by } => {
                let lesson = self.lessons.get(&number).ok_or(Rejected::Missing(number))?;
                if let Some((by, _)) = &lesson.reverted {
                    return Err(Rejected::Reverted { number, by: by.clone() });
                }
                self.push(Event::LessonReverted { number, by }, now, &mut events);
            }
        }
        Ok(events)
    }

    fn push(&mut self, event: Event, now: Timestamp, events: &mut Vec<Event>) {
        self.fold(&event, now);
        events.push(event);
    }

    /// The lesson that a pattern has become, if it has and is not in the book yet.
    fn lesson(
        &self,
        pattern: Pattern,
        remedy: Remedy,
        recurs: usize,
        exit: Exit,
        at: Timestamp,
    ) -> Option<Lesson> {
        let known = self.lessons().any(|l| l.pattern == pattern && l.reverted.is_none());
        let from = &self.seen.iter().find(|(p, _)| *p == pattern)?.1.workflows;
        if known || from.len() < recurs {
            return None;
        }
        let number = self.count + 1;
        let from = from.clone();
        let passed = BTreeSet::new();
        Some(Lesson { number, pattern, exit, remedy, from, at, passed, seen: None, reverted: None })
    }

    /// Folds one event that was decided at `at`.
    pub fn fold(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::FailureNoted(record) => {
                for (pattern, _, recurs) in patterns(record) {
                    for lesson in self.lessons.values_mut().filter(|l| l.pattern == pattern) {
                        lesson.passed.clear();
                        lesson.seen = Some(record.workflow);
                    }
                    self.note(pattern, record.workflow, recurs, at);
                }
            }
            Event::WorkPassed { number, workflow } => {
                if let Some(lesson) = self.lessons.get_mut(number) {
                    lesson.passed.insert(*workflow);
                }
            }
            Event::LessonRetired { number, workflows } => {
                self.end(*number, &format!("{workflows} workflows without the failure"), at);
            }
            Event::LessonLearned(lesson) => {
                self.count = self.count.max(lesson.number);
                self.lessons.insert(lesson.number, lesson.clone());
                while self.lessons.len() > LESSONS_MAX {
                    self.lessons.pop_first();
                }
            }
            Event::LessonReverted { number, by } => {
                self.end(*number, by, at);
            }
        }
    }

    /// A lesson is no longer in force.
    fn end(&mut self, number: u32, by: &str, at: Timestamp) {
        let Some(lesson) = self.lessons.get_mut(&number) else { return };
        lesson.reverted = Some((by.to_owned(), at));
        lesson.passed.clear();
        let pattern = lesson.pattern.clone();
        // It takes new failures to learn it again.
        self.seen.retain(|(p, _)| *p != pattern);
    }

    fn note(&mut self, pattern: Pattern, workflow: WorkflowId, most: usize, at: Timestamp) {
        if let Some((_, seen)) = self.seen.iter_mut().find(|(p, _)| *p == pattern) {
            seen.last = at;
            if seen.workflows.len() < most {
                seen.workflows.insert(workflow);
            }
            return;
        }
        let oldest = self.seen.iter().enumerate().min_by_key(|(_, (_, seen))| seen.last);
        if let Some((n, _)) = oldest.filter(|_| self.seen.len() >= PATTERNS_MAX) {
            self.seen.swap_remove(n);
        }
        self.seen.push((pattern, Seen { workflows: BTreeSet::from([workflow]), last: at }));
    }
}

/// Whether a failure says something about whoever failed. A lost host, a cancellation, an exhausted
/// budget and a limit on calls do not.
fn teaches(exit: Exit) -> bool {
    match exit {
        Exit::Failed(class) => class != FailureClass::RateLimit,
        Exit::Panicked
        | Exit::Stalled
        | Exit::Unsure
        | Exit::Vetoed
        | Exit::Contested
        | Exit::EffectUnknown => true,
        Exit::Overspent | Exit::HostLost | Exit::Cancelled => false,
    }
}

/// Whether a failure says that the model is unfit for the work. That a vendor is out of reach is its
/// breaker's to know, for as long as it lasts.
fn is_models_fault(exit: Exit) -> bool {
    use FailureClass as C;
    is_doubt(exit)
        || exit == Exit::Contested
        || matches!(exit, Exit::Failed(C::Malformed | C::Unable | C::BadRequest))
}

/// Whether a failure says that the tool is unfit, rather than that it was asked for what cannot be.
fn is_tools_fault(exit: Exit) -> bool {
    use FailureClass as C;
    matches!(
        exit,
        Exit::Failed(C::Unavailable | C::Crashed | C::Timeout)
            | Exit::Panicked
            | Exit::Stalled
            | Exit::EffectUnknown
    )
}

/// The patterns that a failure is an instance of, what would be done about each, and in how many
/// workflows it must recur.
fn patterns(record: &FailureRecord) -> Vec<(Pattern, Remedy, usize)> {
    let mut found = Vec::new();
    let task = record.task.clone();
    if is_doubt(record.exit) {
        // `executor:mail.send` feeds a tool with an effect: once is enough.
        let recurs = if task.contains(':') { 1 } else { RECURS };
        found.push((Pattern::Doubted { task: task.clone() }, Remedy::VerifyMore, recurs));
    }
    if let Some(model) = record.model.clone().filter(|_| is_models_fault(record.exit)) {
        found.push((Pattern::Model { model, task }, Remedy::PreferOther, RECURS));
    }
    if let Some(tool) = record.tool.clone().filter(|_| is_tools_fault(record.exit)) {
        found.push((Pattern::Tool { tool }, Remedy::AvoidTool, RECURS));
    }
    found
}

#[cfg(test)]
#[path = "lesson_test.rs"]
mod tests;
