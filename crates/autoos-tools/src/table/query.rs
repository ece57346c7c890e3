//! What can be asked of a table, and checked before a row is read.

use super::{
    date::Unit,
    filter::{Asked, Filter},
    rows::Reading,
};
use crate::Failure;
use serde::Deserialize;
use serde_json::{Value, json};

/// Rows of a result unless asked otherwise.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 10_000;

/// A question to a table.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) reading: Reading,
    pub(crate) select: Vec<String>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) groups: Vec<GroupBy>,
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) having: Vec<Filter>,
    pub(crate) sort: Vec<SortBy>,
    pub(crate) limit: usize,
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
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    /// None only of a count of rows.
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
    filters: Vec<Asked>,
    group_by: Vec<Value>,
    aggregate: Vec<AskedAggregate>,
    having: Vec<Asked>,
    sort: Vec<SortBy>,
    limit: Option<usize>,
    sample_rows: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct AskedAggregate {
    op: AggregateOp,
    column: Option<String>,
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
            && asked.limit.is_none();
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
                name: None,
            });
        }
        Ok(Self {
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

fn filters(asked: Vec<Asked>) -> Result<Vec<Filter>, Failure> {
    asked.into_iter().map(Filter::new).collect()
}

fn group(asked: &Value) -> Result<GroupBy, Failure> {
    if let Some(column) = asked.as_str() {
        return Ok(GroupBy { column: column.to_owned(), unit: None, name: column.to_owned() });
    }
    let column = asked.get("column").and_then(Value::as_str).unwrap_or_default().to_owned();
    let unit = match asked.get("unit").and_then(Value::as_str) {
        Some("year") => Some(Unit::Year),
        Some("month") => Some(Unit::Month),
        Some("day") => Some(Unit::Day),
        Some("hour") => Some(Unit::Hour),
        Some(other) => return Err(Failure::Invalid(format!("there is no unit {other:?}"))),
        None => None,
    };
    let name = asked.get("as").and_then(Value::as_str).unwrap_or(&column).to_owned();
    Ok(GroupBy { column, unit, name })
}

fn aggregate(asked: AskedAggregate) -> Result<Aggregate, Failure> {
    let AskedAggregate { op, column, name } = asked;
    let verb = match op {
        AggregateOp::Count => "count",
        AggregateOp::Sum => "sum",
        AggregateOp::Avg => "avg",
        AggregateOp::Min => "min",
        AggregateOp::Max => "max",
        AggregateOp::Distinct => "distinct",
    };
    if column.is_none() && op != AggregateOp::Count {
        return Err(Failure::Invalid(format!("aggregate {verb}: name the column")));
    }
    let name = name.unwrap_or_else(|| match &column {
        Some(column) => format!("{verb}_{column}"),
        None => verb.to_owned(),
    });
    Ok(Aggregate { op, column, name })
}

/// The schema of the arguments.
pub(crate) fn schema() -> Value {
    let condition = json!({
        "type": "object",
        "properties": {
            "column": {"type": "string"},
            "op": {"enum": ["eq", "ne", "lt", "lte", "gt", "gte", "between", "in", "not_in",
                "contains", "not_contains", "starts_with", "ends_with", "empty", "not_empty"]},
            "value": {"description": "a number, a date such as 2024-01-31 or 2024-01, or text; \
                two of them for between (both included), a list for in and not_in"},
            "case_sensitive": {"type": "boolean", "description": "of text; false unless given"},
        },
        "required": ["column", "op"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1},
            "text": {"type": "string", "description": "the table itself, instead of path"},
            "format": {"enum": ["csv", "tsv", "json", "jsonl"],
                "description": "found out unless given"},
            "delimiter": {"type": "string", "minLength": 1, "maxLength": 1,
                "description": "of CSV; found out unless given"},
            "header": {"type": "boolean",
                "description": "whether the first row of CSV or TSV names the columns; true unless \
                    given, else they are column_1, column_2 …"},
            "select": {"type": "array", "items": {"type": "string"},
                "description": "columns of the result; all unless given"},
            "where": {"type": "array", "items": condition.clone(),
                "description": "conditions that all hold"},
            "group_by": {"type": "array", "maxItems": 8, "items": {"anyOf": [
                {"type": "string"},
                {"type": "object", "properties": {
                    "column": {"type": "string"},
                    "unit": {"enum": ["year", "month", "day", "hour"]},
                    "as": {"type": "string"},
                }, "required": ["column"], "additionalProperties": false},
            ]}},
            "aggregate": {"type": "array", "maxItems": 32, "items": {
                "type": "object",
                "properties": {
                    "op": {"enum": ["count", "sum", "avg", "min", "max", "distinct"]},
                    "column": {"type": "string"},
                    "as": {"type": "string",
                        "description": "its name in the result; op_column unless given, count \
                            for a count of rows"},
                },
                "required": ["op"],
                "additionalProperties": false,
            }},
            "having": {"type": "array", "items": condition,
                "description": "conditions on the columns of the grouped result"},
            "sort": {"type": "array", "maxItems": 8, "items": {
                "type": "object",
                "properties": {
                    "column": {"type": "string"},
                    "descending": {"type": "boolean"},
                },
                "required": ["column"],
                "additionalProperties": false,
            }},
            "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX,
                "description": "most rows of the result; 100 unless given"},
            "sample_rows": {"type": "integer", "minimum": 1,
                "description": "without a query: look at so many rows only"},
        },
        "anyOf": [{"required": ["path"]}, {"required": ["text"]}],
        "additionalProperties": false,
    })
}
