//! The last look at a plan: does it leave out something that the intent says?
//!
//! The rules read what they know and pass over the rest. What they pass over must not change the
//! meaning: a negation, an "or" between columns, a stretch of time, a status code, a whole part
//! about a table. An answer beside the question is worse than none, so such a plan is declined.
//! Left out: understanding these; that is a language model's.

use super::unable::{MODEL, Unable};
use crate::ContextInfo;
use autoos_kernel::plan::{Plan, Source, Work, WorkflowStep};
use regex::Regex;
use serde_json::Value;
use std::{collections::BTreeSet, sync::LazyLock};

/// Words that turn a meaning round.
static NEGATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(not|don't|doesn't|didn't|isn't|aren't|never|except|excluding|ignore|ignoring|other than|apart from)\b")
        .expect("a constant")
});

/// What narrows a question about a log, and the report on a log does not narrow by.
static NARROWED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b((last|past|previous) (\d+ )?(second|minute|hour|day|week|month)s?|(per|each|every) (second|minute|hour|day)|hourly|(distinct|unique|different) (client|ip|user|host|address)\w*|(return(ed|s)?|status|code|answered|with) [1-5]\d\d|[1-5]\d\d(s|'s)|who|warnings? only|only (the )?warnings?)\b")
        .expect("a constant")
});

/// Figures for each of something, which the report on a log does not give.
static BROKEN_DOWN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(how many|count|number of)\b.{0,40}\b(per|by|(for|in|on|from|of) (each|every)) (service|component|host|module|level|severity|source|user)\b|\b(per|each|every) (host|user|machine|server)\b|\bwhich (host|user|machine|server)\b.{0,30}\b(most|fewest|least)\b")
        .expect("a constant")
});

/// Answers of a server that are counted: "404s", "500's".
static CODES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\b[1-5]\d\d'?s\b").expect("a constant"));

/// Why a plan does not do what the intent says; none when nothing was passed over.
pub(super) fn passed_over(intent: &str, contexts: &[ContextInfo], plan: &Plan) -> Option<Unable> {
    let decline = |what: String| Some(Unable::new(what, [MODEL]));
    let tools: Vec<(&str, Value)> = plan.steps.iter().filter_map(tool).collect();
    let only = |name: &str| !tools.is_empty() && tools.iter().all(|(tool, _)| *tool == name);
    // The reader of questions over tables places every word, or declines.
    let tables = only("table.query");
    if let Some(word) = NEGATION.find(intent)
        && !tables
        && !tools.iter().any(|(_, args)| negative(args))
    {
        return decline(format!(
            "the rules of the built-in engine cannot tell what “{}” leaves out here",
            word.as_str()
        ));
    }
    if only("logs.analyze")
        && let Some(words) = NARROWED.find(intent)
    {
        return decline(format!(
            "the report on a log cannot be narrowed to “{}” by the rules of the built-in engine",
            words.as_str()
        ));
    }
    if only("logs.analyze")
        && let Some(words) = BROKEN_DOWN.find(intent)
    {
        return decline(format!(
            "the report on a log cannot be broken down as “{}” says by the rules of the built-in engine",
            words.as_str()
        ));
    }
    if !tables
        && !only("logs.analyze")
        && let Some(code) = CODES.find(intent)
    {
        return decline(format!(
            "the rules of the built-in engine cannot tell what “{}” narrows here",
            code.as_str()
        ));
    }
    if !tables
        && intent.to_lowercase().contains(" or ")
        && tools.iter().any(|(_, args)| columns(args) > 1)
    {
        return decline(
            "the rules of the built-in engine join conditions on several columns with “and” only"
                .to_owned(),
        );
    }
    let unread = contexts.iter().find(|c| !reads(plan, &c.name) && speaks_of(intent, c));
    unread.and_then(|context| {
        decline(format!(
            "the intent speaks of columns of {}, and no step of the plan that the rules could \
             make reads it",
            context.name
        ))
    })
}

fn tool(step: &WorkflowStep) -> Option<(&str, Value)> {
    match &step.work {
        // Saving a result is no part of the question.
        Work::Tool { name, args, .. } if name != "fs.write" => {
            Some((name, Value::Object(args.clone())))
        }
        _ => None,
    }
}

fn conditions(args: &Value) -> impl Iterator<Item = &Value> {
    ["where", "having"].into_iter().filter_map(|key| args.get(key)?.as_array()).flatten()
}

/// Whether some condition of a query is a negative one, so that the negation was read.
fn negative(args: &Value) -> bool {
    let ops = ["ne", "not_in", "not_contains", "not_empty", "empty"];
    conditions(args).any(|c| c["op"].as_str().is_some_and(|op| ops.contains(&op)))
}

/// How many columns the conditions of a query are about.
fn columns(args: &Value) -> usize {
    conditions(args).filter_map(|c| c["column"].as_str()).collect::<BTreeSet<_>>().len()
}

fn reads(plan: &Plan, context: &str) -> bool {
    plan.steps.iter().any(|step| {
        let reads = match &step.work {
            Work::Tool { reads, .. } => reads.as_ref(),
            _ => None,
        };
        let named = |source: &Source| matches!(source, Source::Context(name) if name == context);
        step.inputs.values().chain(reads).any(named)
    })
}

/// Whether an intent uses two or more words of a table's first line.
fn speaks_of(intent: &str, context: &ContextInfo) -> bool {
    let Some(first) = context.head.lines().next().filter(|line| line.contains([',', '\t', ';']))
    else {
        return false;
    };
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase);
        words.map(|w| w.trim_end_matches('s').to_owned()).filter(|w| w.len() > 3).collect()
    };
    words(first).intersection(&words(intent)).count() > 1
}
