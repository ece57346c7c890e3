//! What can be asked of a table, and checked before a row is read.

use super::{
    date::Unit,
    filter::{AnyOf, AskedAny},
    join::{Join, On},
    rows::Reading,
};
use crate::Failure;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// Rows of a result unless asked otherwise.
const LIMIT: usize = 100;
pub(super) const LIMIT_MAX: usize = 10_000;

/// A question to a table.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) reading: Reading,
    pub(crate) select: Vec<String>,
    pub(crate) filters: Vec<AnyOf>,
    pub(crate) groups: Vec<GroupBy>,
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) having: Vec<AnyOf>,
    pub(crate) sort: Vec<SortBy>,
    pub(crate) limit: usize,
    /// The first rows of each group of rows.
    pub(crate) per: Per,
    /// Rows that sort like the last one kept are kept too.
    pub(crate) ties: bool,
    /// Only what stands at this place of the order; what sorts alike shares one.
    pub(crate) place: Option<usize>,
    /// The measure whose change from row to row is told.
    pub(crate) change: Option<String>,
    /// Another table's columns beside these.
    pub(crate) join: Option<Join>,
    /// What was asked, for whoever reads the result: conditions, groups, computations, order.
    pub(crate) asked: Value,
    /// Without a question: how many rows to look at; all of them unless given.
    pub(crate) sample_rows: Option<u64>,
    /// Nothing is asked but what the table is.
    pub(crate) describes: bool,
}

/// A column whose values make groups, rounded down where it holds dates and a unit is given.
#[derive(Debug, Clone)]
pub(crate) struct GroupBy {
    pub(crate) column: String,
    pub(crate) unit: Option<Unit>,
    pub(crate) name: String,
}

/// So many rows of each group, in the order of the result.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Per {
    pub(crate) by: Vec<String>,
    pub(crate) rows: Option<usize>,
}

impl Per {
    /// Drops what comes after the first rows of its group; `alike` rows share a place.
    pub(super) fn keep<T>(
        &self,
        rows: &mut Vec<T>,
        group: impl Fn(&T) -> &Vec<String>,
        alike: impl Fn(&T, &T) -> bool,
    ) {
        let Some(most) = self.rows else { return };
        let mut groups: HashMap<Vec<String>, Vec<T>> = HashMap::new();
        let mut order: Vec<Vec<String>> = Vec::new();
        for row in rows.drain(..) {
            let key = group(&row).clone();
            let kept = groups.entry(key.clone()).or_insert_with(|| {
                order.push(key);
                Vec::new()
            });
            if kept.len() < most || kept.last().is_some_and(|last| alike(last, &row)) {
                kept.push(row);
            }
        }
        rows.extend(order.iter().filter_map(|key| groups.remove(key)).flatten());
    }
}

/// What is computed of each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AggregateOp {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Distinct,
    Median,
    Percentile,
    /// The largest less the smallest.
    Range,
    /// Per cent of the whole.
    Share,
}

impl AggregateOp {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Distinct => "distinct",
            Self::Median => "median",
            Self::Percentile => "percentile",
            Self::Range => "range",
            Self::Share => "share",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    /// Only of rows that meet these.
    pub(crate) filters: Vec<AnyOf>,
    /// Which percentile, from 0 to 100.
    pub(crate) p: f64,
    /// None only of a count of rows and its share.
    pub(crate) column: Option<String>,
    pub(crate) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SortBy {
    pub(crate) column: String,
    #[serde(default)]
    pub(crate) descending: bool,
}

/// The arguments as they come in; the schema has checked their shape.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    #[serde(flatten)]
    reading: Reading,
    select: Vec<String>,
    #[serde(rename = "where")]
    filters: Vec<AskedAny>,
    group_by: Vec<Value>,
    aggregate: Vec<AskedAggregate>,
    having: Vec<AskedAny>,
    sort: Vec<SortBy>,
    limit: Option<usize>,
    per: Per,
    ties: bool,
    place: Option<usize>,
    change: Option<String>,
    join: Option<Join>,
    on: Option<On>,
    sample_rows: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct AskedAggregate {
    op: AggregateOp,
    column: Option<String>,
    #[serde(rename = "where", default)]
    filters: Vec<AskedAny>,
    p: Option<f64>,
    #[serde(rename = "as")]
    name: Option<String>,
}

impl Query {
    /// # Errors
    /// Parts that do not go together.
    pub(crate) fn read(args: &Value) -> Result<Self, Failure> {
        let mut asked: Arguments = serde_json::from_value(args.clone())
            .map_err(|error| Failure::Invalid(format!("the query cannot be read: {error}")))?;
        let grouped = !asked.group_by.is_empty() || !asked.aggregate.is_empty();
        let describes = !grouped
            && asked.select.is_empty()
            && asked.filters.is_empty()
            && asked.sort.is_empty()
            && asked.limit.is_none()
            && asked.per.rows.is_none()
            && asked.join.is_none();
        if grouped && !asked.select.is_empty() {
            return Err(Failure::Invalid(
                "select goes with plain rows; with group_by and aggregate the columns of the \
                 result are theirs"
                    .to_owned(),
            ));
        }
        if !grouped && !asked.having.is_empty() {
            return Err(Failure::Invalid(
                "having goes with group_by; conditions on plain rows stand in where".to_owned(),
            ));
        }
        if grouped && asked.aggregate.is_empty() {
            asked.aggregate.push(AskedAggregate {
                op: AggregateOp::Count,
                column: None,
                filters: Vec::new(),
                p: None,
                name: None,
            });
        }
        if asked.per.rows == Some(0) || asked.per.rows.is_some() && asked.per.by.is_empty() {
            return Err(Failure::Invalid(
                "per: name the columns in `by`, and 1 row or more".to_owned(),
            ));
        }
        if asked.place.is_some() && (asked.sort.is_empty() || asked.per.rows.is_some()) {
            return Err(Failure::Invalid(
                "place goes with sort, which says of what order, and not with per".to_owned(),
            ));
        }
        if asked.change.is_some() && (!grouped || asked.sort.is_empty()) {
            return Err(Failure::Invalid(
                "change goes with group_by and sort: it is from one row to the next".to_owned(),
            ));
        }
        let join = match (asked.join.take(), asked.on.take()) {
            (Some(join), Some(on)) => Some(join.ready(on)?),
            (None, None) => None,
            _ => {
                return Err(Failure::Invalid(
                    "join and on go together: the other table, and the columns that are the same"
                        .to_owned(),
                ));
            }
        };
        Ok(Self {
            asked: echo(args),
            per: asked.per,
            ties: asked.ties,
            place: asked.place,
            change: asked.change,
            join,
            reading: asked.reading,
            select: asked.select,
            filters: filters(asked.filters)?,
            groups: asked.group_by.iter().map(group).collect::<Result<_, _>>()?,
            aggregates: asked.aggregate.into_iter().map(aggregate).collect::<Result<_, _>>()?,
            having: filters(asked.having)?,
            sort: asked.sort,
            limit: asked.limit.unwrap_or(LIMIT).min(LIMIT_MAX),
            sample_rows: asked.sample_rows,
            describes,
        })
    }

    /// Whether the result is computed from groups; else it is rows as they are.
    pub(crate) fn is_grouped(&self) -> bool {
        !self.aggregates.is_empty()
    }
}

/// The question without the table.
fn echo(args: &Value) -> Value {
    let parts = [
        "where",
        "group_by",
        "aggregate",
        "having",
        "sort",
        "limit",
        "per",
        "ties",
        "place",
        "change",
        "on",
    ];
    let said = parts.iter().filter_map(|part| Some(((*part).to_owned(), args.get(*part)?.clone())));
    Value::Object(said.collect())
}

fn filters(asked: Vec<AskedAny>) -> Result<Vec<AnyOf>, Failure> {
    asked.into_iter().map(AnyOf::new).collect()
}

fn group(asked: &Value) -> Result<GroupBy, Failure> {
    if let Some(column) = asked.as_str() {
        return Ok(GroupBy { column: column.to_owned(), unit: None, name: column.to_owned() });
    }
    let column = asked.get("column").and_then(Value::as_str).unwrap_or_default().to_owned();
    let unit = match asked.get("unit").and_then(Value::as_str) {
        Some(unit) => Some(
            Unit::of(unit).ok_or_else(|| Failure::Invalid(format!("there is no unit {unit:?}")))?,
        ),
        None => None,
    };
    let name = asked.get("as").and_then(Value::as_str).unwrap_or(&column).to_owned();
    Ok(GroupBy { column, unit, name })
}

fn aggregate(asked: AskedAggregate) -> Result<Aggregate, Failure> {
    let AskedAggregate { op, column, filters: asked, p, name } = asked;
    let verb = op.name();
    if column.is_none() && !matches!(op, AggregateOp::Count | AggregateOp::Share) {
        return Err(Failure::Invalid(format!("aggregate {verb}: name the column")));
    }
    if p.is_some() != (op == AggregateOp::Percentile) {
        return Err(Failure::Invalid(
            "p goes with percentile, and a percentile needs it: a number from 0 to 100".to_owned(),
        ));
    }
    let name = name.unwrap_or_else(|| match &column {
        Some(column) => format!("{verb}_{column}"),
        None => verb.to_owned(),
    });
    Ok(Aggregate { op, column, filters: filters(asked)?, p: p.unwrap_or(50.0), name })
}
