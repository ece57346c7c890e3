//! Questions over tables: which condition, group, measure and order a clause means.
//!
//! Every word that carries meaning must find its place: a column, a value seen in the head, a
//! condition, a measure. A word that finds none, or two, makes the question one to ask back
//! about, since a query that leaves it out answers something else.

use super::{
    asked::{compile, compile_beside},
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
    /// Of each of these lists one is enough.
    pub(super) any: Vec<Vec<Condition>>,
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
    /// So many rows of each value of these columns.
    pub(super) per: Option<(Vec<String>, u64)>,
    /// Only who stands at this place of the order.
    pub(super) place: Option<u64>,
    /// What the measure changed by from one stretch of time to the next.
    pub(super) change: bool,
    /// Another table's columns beside these.
    pub(super) join: Option<Join>,
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
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measure {
    /// The tool's word: `count`, `sum`, `avg`, `min`, `max`, `median`, `percentile`, `range`,
    /// `share`, `count_distinct`.
    pub(super) what: &'static str,
    /// None counts rows.
    pub(super) column: Option<String>,
    /// Which percentile.
    pub(super) p: Option<u32>,
    /// Of a share: the part.
    pub(super) only: Vec<Condition>,
}

impl Measure {
    /// Of all rows.
    pub(super) fn new(what: &'static str, column: Option<String>) -> Self {
        Self { what, column, p: None, only: Vec::new() }
    }
}

/// Another table, by the column that both have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Join {
    /// The other context, by its place.
    pub(super) context: usize,
    /// The column of this table.
    pub(super) column: String,
    /// The same in the other.
    pub(super) key: String,
    /// What is wanted of the other.
    pub(super) columns: Vec<String>,
}

/// What orders the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// A measure, by its place.
    Measure(usize),
    /// A column of the rows.
    Column(String),
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = self.op.replace('_', " ");
        match (&self.value, self.value.get("n")) {
            (Value::Null, _) => write!(f, "{} {op}", self.column),
            (value, Some(n)) => {
                let unit = value["unit"].as_str().unwrap_or_default();
                write!(f, "{} {op} {n} {unit}", self.column)
            }
            (value, None) => write!(f, "{} {op} {value}", self.column),
        }
    }
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
                let what = m.p.map_or_else(|| m.what.to_owned(), |p| format!("{} {p}", m.what));
                m.column.as_ref().map_or_else(|| what.clone(), |c| format!("{what} of {c}"))
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
        let conditions: Vec<String> = self.conditions.iter().map(Condition::to_string).collect();
        let any = self.any.iter().flatten();
        let any: Vec<String> = any.map(Condition::to_string).collect();
        if !conditions.is_empty() || !any.is_empty() {
            let all: Vec<String> =
                conditions.into_iter().chain((!any.is_empty()).then(|| any.join(" or "))).collect();
            write!(f, " where {}", all.join(" and "))?;
        }
        if let Some(having) = self.having.first() {
            write!(f, " with {having}")?;
        }
        if self.change {
            f.write_str(" with its change")?;
        }
        if let Some(place) = self.place {
            write!(f, ", place {place}")?;
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
        // The table that is named may need another beside it.
        (1, []) if let Some(found) = beside(clause, pool[0], contexts) => Ok(Some(found)),
        (1, _) => read.swap_remove(0).1.map(|q| Some((q, Target::Context(pool[0])))),
        (_, []) if let Some(found) = joined(clause, &pool, contexts) => Ok(Some(found)),
        (_, []) => Err(read
            .swap_remove(0)
            .1
            .err()
            .unwrap_or_else(|| ambiguous_table(clause, &pool, contexts))),
        (_, several) => Err(ambiguous_table(clause, several, contexts)),
    }
}

/// A question of one table with a column of another.
fn beside(clause: &Clause, at: usize, contexts: &[Known<'_>]) -> Option<(Query, Target)> {
    let all: Vec<usize> =
        (0..contexts.len()).filter(|i| contexts[*i].is_table() && !contexts[*i].log_like).collect();
    joined(clause, &all, contexts).filter(|(_, target)| *target == Target::Context(at))
}

/// A question of columns of two tables, one of which has each value of a column that both have
/// once: read as if it were one table.
fn joined(clause: &Clause, pool: &[usize], contexts: &[Known<'_>]) -> Option<(Query, Target)> {
    let mut found = Vec::new();
    for (base, other) in pool.iter().flat_map(|a| pool.iter().map(move |b| (*a, *b))) {
        if base == other {
            continue;
        }
        let (left, right) = (&contexts[base], &contexts[other]);
        let shared: Vec<_> = left
            .columns
            .iter()
            .filter_map(|c| {
                let key = right.columns.iter().find(|k| same_key(c, k, right))?;
                let known = c.values.iter().filter(|v| key.values.contains(v)).count();
                (!key.repeats && c.repeats && known * 2 >= c.values.len().min(key.values.len()))
                    .then_some((c, key))
            })
            .collect();
        let [(column, key)] = shared.as_slice() else { continue };
        let mut both = left.clone();
        let added: Vec<_> = right
            .columns
            .iter()
            .filter(|c| c.name != key.name && !left.columns.iter().any(|l| l.name == c.name))
            .cloned()
            // Beside each row of the other table a value stands often.
            .map(|c| super::sniff::Column { repeats: true, ..c })
            .collect();
        both.columns.extend(added.iter().cloned());
        let Ok(mut query) = compile_beside(clause, &both, Some(&column.name)) else { continue };
        let used = added.iter().map(|c| c.name.clone()).filter(|name| speaks_of(&query, name));
        let columns: Vec<String> = used.collect();
        if columns.is_empty() {
            continue;
        }
        query.join = Some(Join {
            context: other,
            column: column.name.clone(),
            key: key.name.clone(),
            columns,
        });
        found.push((query, Target::Context(base)));
    }
    if found.len() == 1 { found.pop() } else { None }
}

/// `customer` and `customer`, `customer_id` and the `id` of `customers`.
fn same_key(column: &super::sniff::Column, key: &super::sniff::Column, of: &Known<'_>) -> bool {
    let words = |name: &str| -> Vec<String> {
        super::sniff::split_words(name).iter().map(|w| super::words::stem(w)).collect()
    };
    let (mine, theirs) = (words(&column.name), words(&key.name));
    let table: Vec<String> = of.names().iter().map(|n| super::words::stem(n)).collect();
    let of_table = |long: &[String], short: &[String]| {
        long.len() == short.len() + 1 && long[1..] == *short && table.contains(&long[0])
    };
    mine == theirs
        || of_table(&mine, &theirs)
        || mine.len() == 1 && table.contains(&mine[0]) && theirs == ["id"]
}

/// Whether a query uses a column.
fn speaks_of(query: &Query, column: &str) -> bool {
    let conditions = query.conditions.iter().chain(query.any.iter().flatten());
    let parts = query.measures.iter().flat_map(|m| &m.only);
    conditions.chain(parts).any(|c| c.column == column)
        || query.groups.iter().any(|g| g.column == column)
        || query.measures.iter().any(|m| m.column.as_deref() == Some(column))
        || query.select.iter().any(|s| s == column)
        || query.per.iter().any(|(by, _)| by.iter().any(|b| b == column))
        || matches!(&query.order, Some((Key::Column(key), _)) if key == column)
}

fn ambiguous_table(clause: &Clause, tables: &[usize], contexts: &[Known<'_>]) -> Unable {
    let names: Vec<String> =
        tables.iter().map(|at| format!("`{}`", contexts[*at].info.name)).collect();
    Unable::new(
        format!("“{}” could be asked of {}", clause.text, names.join(" or ")),
        [
            "the table's name in the question; tables are joined where the question speaks of columns of both, and one column is in both",
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
        || clause.of(|k| *k == Kind::Sign).next().is_some()
        || super::conditions::compares(&clause.tokens);
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
    let mut measures = vec![Measure::new("count", None)];
    for column in columns::measurable(known).into_iter().take(4) {
        for what in ["sum", "avg", "min", "max"] {
            measures.push(Measure::new(what, Some(column.name.clone())));
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
        Form::Log => Some("log"),
        _ => None,
    }
}
