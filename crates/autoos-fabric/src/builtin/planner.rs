//! Makes a plan of what an intent was read as.
//!
//! One tool step for each goal and target, all parallel; a verifier over their outputs unless a
//! wrong answer costs no more than a second look; one synthesizer; and, last, the step that
//! writes the result where the intent says.

use super::{
    job::{Goal, Job, Reading, Window},
    question, reader,
    refs::Target,
    sniff::{self, Known, split_words},
    table_args,
    unable::Unable,
};
use crate::ContextInfo;
use autoos_kernel::{
    goal::{GoalGraph, GoalNode, ParsedIntent},
    plan::{FallbackStrategy, Limits, Plan, RetryConfig, Source, Work, WorkflowStep},
    tool::ToolSpec,
    words::{LlmRole, RiskLevel},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a reading takes for granted until the plan is written.
struct Draft<'a> {
    contexts: &'a [Known<'a>],
    tools: &'a [ToolSpec],
    risk: RiskLevel,
    steps: Vec<WorkflowStep>,
    goals: Vec<GoalNode>,
    /// Steps whose results only serve others.
    lookups: Vec<String>,
}

/// Plans `intent`, or says what is missing.
pub(super) fn plan(
    intent: &str,
    contexts: &[ContextInfo],
    risk: RiskLevel,
    tools: &[ToolSpec],
) -> Result<Plan, Unable> {
    let known: Vec<Known<'_>> = contexts.iter().map(sniff::look).collect();
    let reading = reader::read(intent, &known)?;
    let mut draft = Draft {
        contexts: &known,
        tools,
        risk,
        steps: Vec::new(),
        goals: Vec::new(),
        lookups: Vec::new(),
    };
    for goal in &reading.goals {
        draft.goal(goal)?;
    }
    let evidence: Vec<String> =
        draft.steps.iter().map(|s| s.id.clone()).filter(|id| !draft.lookups.contains(id)).collect();
    if risk > RiskLevel::Low {
        draft.steps.push(verify(&evidence));
    }
    draft.answer(&reading, &evidence);
    if let Some(path) = &reading.save {
        draft.save(path)?;
    }
    Ok(Plan {
        name: slug(&task_kind(&reading), 40),
        version: 1,
        intent: ParsedIntent {
            summary: one_line(intent),
            task_kind: task_kind(&reading),
            contexts: draft.names(&reading),
            risk: Some(risk),
        },
        goals: GoalGraph(draft.goals),
        steps: draft.steps,
        result: "answer".into(),
    })
}

/// The kind of work, by the first job asked for.
fn task_kind(reading: &Reading) -> String {
    let kinds: Vec<&str> = reading.goals.iter().map(|g| g.job.kind()).collect();
    match kinds.as_slice() {
        [] => "none".into(),
        [first, rest @ ..] if rest.iter().all(|k| k == first || *k == "logs.compare") => {
            (*first).into()
        }
        _ => "mixed".into(),
    }
}

impl Draft<'_> {
    fn goal(&mut self, goal: &Goal) -> Result<(), Unable> {
        let id = format!("g{}", self.goals.len() + 1);
        let after = match goal.job {
            // Set side by side once both were looked at; the synthesizer does that.
            Job::Compare => {
                self.compared(goal)?;
                self.goals.iter().map(|g| g.id.clone()).collect()
            }
            _ => Vec::new(),
        };
        self.goals.push(GoalNode { id: id.clone(), statement: one_line(&goal.statement), after });
        if goal.job != Job::Compare {
            for target in &goal.targets {
                let joined = self.joined(&goal.job, &id)?;
                let mut step = self.tool_step(&goal.job, target, Some(id.clone()))?;
                step.inputs.extend(joined);
                self.steps.push(step);
            }
        }
        Ok(())
    }

    /// The logs to compare that no goal before had looked at get their steps here.
    fn compared(&mut self, goal: &Goal) -> Result<(), Unable> {
        for target in &goal.targets {
            let title = self.title(&Job::Logs(Window::default()), target);
            if !self.steps.iter().any(|s| s.title == title) {
                let step = self.tool_step(&Job::Logs(Window::default()), target, None)?;
                self.steps.push(step);
            }
        }
        Ok(())
    }

    fn tool_step(
        &self,
        job: &Job,
        target: &Target,
        goal: Option<String>,
    ) -> Result<WorkflowStep, Unable> {
        let name = job.tool();
        let spec = self.spec(name)?;
        if let (Job::Read, Some(known)) = (job, target.known(self.contexts))
            && !known.info.file
        {
            return Err(Unable::new(
                format!("`{}` came inline, so there is no file to read", known.info.name),
                ["something to do with it: sum it up, search in it, count its rows"],
            ));
        }
        let mut args = self.args(job, target)?;
        let reads = match target {
            Target::Context(at) => {
                let known = &self.contexts[*at];
                if spec.reads { Some(Source::Context(known.info.name.clone())) } else { None }
            }
            Target::Path(path) => {
                args.insert("path".into(), json!(path));
                None
            }
            Target::Url(url) => {
                args.insert("url".into(), json!(url));
                None
            }
        };
        Ok(WorkflowStep {
            id: self.free_id(&format!("{}-{}", verb_of(job), self.name_of(target))),
            title: self.title(job, target),
            goal,
            work: Work::Tool { name: name.into(), args, reads },
            critical: self.risk >= RiskLevel::High,
            limits: Limits {
                timeout_ms: spec.timeout_ms.clamp(1_000, 3_600_000),
                ..Limits::default()
            },
            ..blank()
        })
    }

    /// The step that brings the other table of a join, and where its result goes.
    fn joined(&mut self, job: &Job, goal: &str) -> Result<Option<(String, Source)>, Unable> {
        let Job::Table(query) = job else { return Ok(None) };
        let Some(join) = &query.join else { return Ok(None) };
        let mut select = vec![join.key.clone()];
        select.extend(join.columns.iter().cloned());
        let rows = question::Query { select, limit: Some(10_000), ..Default::default() };
        let step = self.tool_step(
            &Job::Table(Box::new(rows)),
            &Target::Context(join.context),
            Some(goal.into()),
        )?;
        let id = step.id.clone();
        self.steps.push(step);
        self.lookups.push(id.clone());
        Ok(Some(("join".into(), Source::Step { id, at: String::new() })))
    }

    fn args(&self, job: &Job, target: &Target) -> Result<Map<String, Value>, Unable> {
        let args = match job {
            Job::Table(query) => {
                let known = target.known(self.contexts);
                return table_args::args(query, known);
            }
            Job::Search { pattern } => json!({"pattern": pattern}),
            Job::Summarize { sentences: Some(n) } => json!({"max_sentences": n}),
            Job::Logs(window) => window.args(),
            Job::Compare | Job::Summarize { .. } | Job::List | Job::Read | Job::Probe => json!({}),
        };
        Ok(args.as_object().cloned().unwrap_or_default())
    }

    fn spec(&self, name: &str) -> Result<&ToolSpec, Unable> {
        self.tools.iter().find(|t| t.name == name).ok_or_else(|| {
            Unable::new(
                format!("this needs the tool {name}, which this node does not have"),
                [format!(
                    "a node whose registry has {name}; `autoos tool list` shows what there is"
                )],
            )
        })
    }

    fn answer(&mut self, reading: &Reading, evidence: &[String]) {
        let compare = self.goals.iter().find(|g| {
            reading
                .goals
                .iter()
                .any(|r| r.job == Job::Compare && one_line(&r.statement) == g.statement)
        });
        let goal = compare.map(|g| g.id.clone());
        // What the verifier says enters what the answer is worth.
        let verdict = (self.risk > RiskLevel::Low).then(|| "verify".to_owned());
        let read: Vec<String> = evidence.iter().cloned().chain(verdict).collect();
        let asked: Vec<String> = self
            .steps
            .iter()
            .filter_map(|s| {
                let goal = self.goals.iter().find(|g| Some(&g.id) == s.goal.as_ref())?;
                Some(format!("- {}: {}", s.id, goal.statement))
            })
            .collect();
        let asked = asked.join("\n");
        self.steps.push(WorkflowStep {
            id: "answer".into(),
            title: "Write the answer from the tools' outputs".into(),
            goal,
            work: Work::Ask {
                role: LlmRole::Synthesizer,
                instruction: format!(
                    "Answer what was asked from these outputs alone. Every figure, name and quote must stand in them.\n{asked}"
                ),
                schema: None,
            },
            inputs: inputs(&read),
            ..blank()
        });
    }

    fn save(&mut self, path: &str) -> Result<(), Unable> {
        let spec = self.spec("fs.write")?;
        let limits =
            Limits { timeout_ms: spec.timeout_ms.clamp(1_000, 3_600_000), ..Limits::default() };
        let body = content_argument(spec);
        let id = format!("g{}", self.goals.len() + 1);
        let critical = self.risk >= RiskLevel::Critical;
        let after = self.goals.iter().map(|g| g.id.clone()).collect();
        self.goals.push(GoalNode {
            id: id.clone(),
            statement: format!("the result stands in {path}"),
            after,
        });
        self.steps.push(WorkflowStep {
            id: "save".into(),
            title: format!("Write the answer to {path}"),
            goal: Some(id),
            work: Work::Tool {
                name: "fs.write".into(),
                args: json!({"path": path}).as_object().cloned().unwrap_or_default(),
                reads: None,
            },
            inputs: BTreeMap::from([(
                body,
                Source::Step { id: "answer".into(), at: String::new() },
            )]),
            critical,
            limits,
            ..blank()
        });
        if critical {
            let mut check = verify(&["answer".into(), "save".into()]);
            check.id = "verify-save".into();
            check.title = "Check that what was written is the answer".into();
            self.steps.push(check);
        }
        Ok(())
    }

    fn names(&self, reading: &Reading) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for target in reading.goals.iter().flat_map(|g| &g.targets) {
            if let Some(known) = target.known(self.contexts).filter(|k| !out.contains(&k.info.name))
            {
                out.push(known.info.name.clone());
            }
        }
        out
    }

    fn name_of(&self, target: &Target) -> String {
        match target {
            Target::Context(at) => slug(&self.contexts[*at].info.name, 40),
            Target::Path(path) if path == "." => "here".into(),
            Target::Path(path) => {
                slug(path.rsplit('/').find(|p| !p.is_empty()).unwrap_or(path), 40)
            }
            Target::Url(url) => slug(url.split("://").nth(1).unwrap_or(url), 40),
        }
    }

    fn title(&self, job: &Job, target: &Target) -> String {
        let what = match target {
            Target::Context(at) => self.contexts[*at].info.name.clone(),
            Target::Path(path) | Target::Url(path) => path.clone(),
        };
        match job {
            Job::Logs(_) | Job::Compare => format!("Analyse the log {what}"),
            Job::Table(query) => format!("Query {what}: {query}"),
            Job::Summarize { .. } => format!("Take the telling sentences out of {what}"),
            Job::Search { pattern } => format!("Search {what} for {pattern:?}"),
            Job::List => format!("List {what}"),
            Job::Read => format!("Read {what}"),
            Job::Probe => format!("Ask {what}"),
        }
    }

    /// An id that no step has yet; the name decides, a number tells namesakes apart.
    fn free_id(&self, wanted: &str) -> String {
        let taken = |id: &str| {
            self.steps.iter().any(|s| s.id == id)
                || ["answer", "save", "verify", "plan"].contains(&id)
        };
        let numbered = (2..).map(|n| format!("{wanted}-{n}"));
        std::iter::once(wanted.to_owned())
            .chain(numbered)
            .find(|id| !taken(id))
            .expect("numbers do not end")
    }
}

/// The argument of `fs.write` that takes the text.
fn content_argument(spec: &ToolSpec) -> String {
    let has =
        |name: &&str| spec.arguments.pointer("/properties").is_some_and(|p| p.get(*name).is_some());
    ["content", "text", "body", "data"].iter().find(|n| has(n)).unwrap_or(&"content").to_string()
}

fn verify(evidence: &[String]) -> WorkflowStep {
    WorkflowStep {
        id: "verify".into(),
        title: "Cross-check the outputs".into(),
        work: Work::Ask {
            role: LlmRole::Verifier,
            instruction: "Check the tools' outputs against themselves and each other: sums, order of times, counts of rows. Say what could not be checked.".into(),
            schema: None,
        },
        inputs: inputs(evidence),
        ..blank()
    }
}

fn inputs(ids: &[String]) -> BTreeMap<String, Source> {
    ids.iter().map(|id| (id.clone(), Source::Step { id: id.clone(), at: String::new() })).collect()
}

fn blank() -> WorkflowStep {
    WorkflowStep {
        id: String::new(),
        title: String::new(),
        goal: None,
        work: Work::Wait { ms: 1 },
        inputs: BTreeMap::new(),
        after: Vec::new(),
        when: None,
        each: None,
        critical: false,
        retry: RetryConfig::default(),
        fallback: FallbackStrategy::default(),
        limits: Limits::default(),
    }
}

fn verb_of(job: &Job) -> &'static str {
    match job {
        Job::Logs(_) | Job::Compare => "analyze",
        Job::Table(_) => "query",
        Job::Summarize { .. } => "summarize",
        Job::Search { .. } => "search",
        Job::List => "list",
        Job::Read => "read",
        Job::Probe => "get",
    }
}

/// Letters, digits and dashes, at most so many.
fn slug(text: &str, most: usize) -> String {
    let words = split_words(text).join("-");
    let ascii: String =
        words.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(most).collect();
    let trimmed = ascii.trim_matches('-');
    if trimmed.is_empty() { "input".into() } else { trimmed.into() }
}

/// One line of at most 200 characters.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 200 { line } else { line.chars().take(199).chain(['…']).collect() }
}
