//! Questions over tables: which condition, group, measure and order a clause means.
//!
//! Every word that carries meaning must find its place: a column, a value seen in the head, a
//! condition, a measure. A word that finds none, or two, makes the question one to ask back
//! about, since a query that leaves it out answers something else.

use super::{
    asked::compile,
    clause::Clause,
    columns, lexicon as lex, ranking,
    refs::{self, Target},
    sniff::{Form, Known},
    unable::Unable,
    words::Kind,
};
use serde_json::Value;
use std::fmt;

/// A question over one table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Query {
    /// All must hold.
    pub(super) conditions: Vec<Condition>,
    /// One group for each value, or each stretch of time, of these.
    pub(super) groups: Vec<Group>,
    /// What groups must meet; its columns are the measures' names.
    pub(super) having: Vec<Condition>,
    /// What is computed; none lists rows.
    pub(super) measures: Vec<Measure>,
    /// The measure or column that orders, and whether the largest comes first.
    pub(super) order: Option<(Key, bool)>,
    /// So many groups or rows.
    pub(super) limit: Option<u64>,
    /// Only what the table is: its columns and how many rows it has.
    pub(super) describes: bool,
    /// Columns of listed rows; none means all.
    pub(super) select: Vec<String>,
}

/// A condition on one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) column: String,
    /// The tool's word: `eq`, `gt`, `between` …
    pub(super) op: &'static str,
    pub(super) value: Value,
}

/// What rows are gathered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) column: String,
    /// `year`, `month`, `day` … of a date.
    pub(super) unit: Option<&'static str>,
}

/// Something computed over rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Measure {
    /// The tool's word: `count`, `sum`, `avg`, `min`, `max`, `median`, `count_distinct`.
    pub(super) what: &'static str,
    /// None counts rows.
    pub(super) column: Option<String>,
}

/// What orders the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// A measure, by its place.
    Measure(usize),
    /// A column of the rows.
    Column(String),
}

impl fmt::Display for Query {
    /// In words, for the plan's reader.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.describes {
            return f.write_str("columns");
        }
        let measures: Vec<String> = self
            .measures
            .iter()
            .map(|m| {
                m.column
                    .as_ref()
                    .map_or_else(|| m.what.to_owned(), |c| format!("{} of {c}", m.what))
            })
            .collect();
        f.write_str(if measures.is_empty() { "rows" } else { "" })?;
        f.write_str(&measures.join(", "))?;
        let groups: Vec<String> = self
            .groups
            .iter()
            .map(|g| g.unit.map_or_else(|| g.column.clone(), |u| format!("{u} of {}", g.column)))
            .collect();
        if !groups.is_empty() {
            write!(f, " by {}", groups.join(", "))?;
        }
        let conditions: Vec<String> =
            self.conditions.iter().map(|c| format!("{} {} {}", c.column, c.op, c.value)).collect();
        if !conditions.is_empty() {
            write!(f, " where {}", conditions.join(" and "))?;
        }
        if let Some(having) = self.having.first() {
            write!(f, " with {} {} {}", having.column, having.op, having.value)?;
        }
        if let Some((_, largest)) = &self.order {
            write!(f, ", {} first", if *largest { "largest" } else { "smallest" })?;
        }
        self.limit.map_or(Ok(()), |n| write!(f, ", {n} of them"))
    }
}

/// The question of a clause and the table that it is asked of; none when it is no such question.
pub(super) fn ask(
    clause: &Clause,
    named: &[Target],
    about: &[Target],
    contexts: &[Known<'_>],
) -> Result<Option<(Query, Target)>, Unable> {
    if !sounds_like_one(clause, contexts) {
        return Ok(None);
    }
    let tables = |targets: &[Target]| -> Vec<usize> {
        targets
            .iter()
            .filter_map(|t| match t {
                Target::Context(at) if contexts.get(*at).is_some_and(Known::is_table) => Some(*at),
                _ => None,
            })
            .collect()
    };
    if let Some(Target::Path(path)) = named.iter().find(|t| matches!(t, Target::Path(_))) {
        let need = format!(
            "`--context table=@{path}`, so that its columns are seen before the question is read"
        );
        return Err(Unable::new(format!("{path} did not come with the intent"), [need]));
    }
    let pool = [
        tables(named),
        tables(about),
        (0..contexts.len()).filter(|i| contexts[*i].is_table()).collect(),
    ]
    .into_iter()
    .find(|p| !p.is_empty())
    .unwrap_or_default();
    let mut read: Vec<(usize, Result<Query, Unable>)> =
        pool.iter().map(|at| (*at, compile(clause, &contexts[*at]))).collect();
    let understood: Vec<usize> =
        read.iter().filter(|(_, q)| q.is_ok()).map(|(at, _)| *at).collect();
    match (read.len(), understood.as_slice()) {
        (0, _) => Err(refs::missing(
            "a table (CSV, TSV, JSON or JSON lines) to ask",
            "table",
            "table.csv",
        )),
        (_, [at]) => {
            let query = read.swap_remove(pool.iter().position(|p| p == at).unwrap_or_default()).1?;
            Ok(Some((query, Target::Context(*at))))
        }
        (1, _) => read.swap_remove(0).1.map(|q| Some((q, Target::Context(pool[0])))),
        (_, []) => Err(read
            .swap_remove(0)
            .1
            .err()
            .unwrap_or_else(|| ambiguous_table(clause, &pool, contexts))),
        (_, several) => Err(ambiguous_table(clause, several, contexts)),
    }
}

fn ambiguous_table(clause: &Clause, tables: &[usize], contexts: &[Known<'_>]) -> Unable {
    let names: Vec<String> =
        tables.iter().map(|at| format!("`{}`", contexts[*at].info.name)).collect();
    Unable::new(
        format!("“{}” could be asked of {}", clause.text, names.join(" or ")),
        [
            "the table's name in the question; questions that join tables are not among the jobs of the built-in engine",
        ],
    )
}

/// Words of a question over rows, or a name of a column.
fn sounds_like_one(clause: &Clause, contexts: &[Known<'_>]) -> bool {
    let asks = clause.has(&["how"]) && clause.has(&["many", "much"])
        || clause.has(lex::COUNT)
        || clause.has(lex::TABLE)
        || clause.has(ranking::LARGEST)
        || clause.has(ranking::SMALLEST)
        || clause.has(&[
            "top", "bottom", "max", "min", "avg", "per", "rows", "records", "biggest", "percent",
            "share",
        ])
        || clause.of(|k| *k == Kind::Sign).next().is_some();
    let any_table = contexts.iter().any(Known::is_table);
    let shows = clause.has(lex::FIND) || clause.has(lex::QUESTION) || clause.has(lex::READ);
    // "Revenue in May" names a column in another word.
    let hits = || {
        contexts.iter().any(|k| {
            !columns::mentions(&clause.tokens, k).is_empty()
                || k.is_table() && clause.tokens.iter().any(|t| columns::synonym(t, k).is_some())
        })
    };
    asks && (any_table || !contexts.iter().any(Known::is_log))
        || any_table && (shows || clause.verb().is_some()) && hits()
}

/// All that one can say of a table without a question: rows, and sums of what can be summed.
pub(super) fn profile(known: &Known<'_>) -> Query {
    let mut measures = vec![Measure { what: "count", column: None }];
    for column in columns::measurable(known).into_iter().take(4) {
        for what in ["sum", "avg", "min", "max"] {
            measures.push(Measure { what, column: Some(column.name.clone()) });
        }
    }
    Query { measures, ..Query::default() }
}

/// Whether the table can be queried as what it is.
pub(super) fn format_of(known: &Known<'_>) -> Option<&'static str> {
    match known.form {
        Form::Table('\t') => Some("tsv"),
        Form::Table(_) => Some("csv"),
        Form::Json => Some("json"),
        Form::JsonLines => Some("jsonl"),
        _ => None,
    }
}
