//! The schema of the arguments of `table.query`, with what each means.

use super::{date::Unit, query::LIMIT_MAX};
use serde_json::{Value, json};

/// The schema of the arguments.
pub(crate) fn arguments() -> Value {
    let condition = json!({
        "type": "object",
        "properties": {
            "column": {"type": "string"},
            "op": {"enum": ["eq", "ne", "lt", "lte", "gt", "gte", "between", "in", "not_in",
                "contains", "not_contains", "starts_with", "ends_with", "on_weekday", "empty", "not_empty",
                "above_average", "below_average", "within_last"]},
            "value": {"description": "a number, a date such as 2024-01-31 or 2024-01, or text; \
                two of them for between (both included), a list for in and not_in, names of days such as Saturday for on_weekday; \
                {\"n\": 1, \"unit\": \"hour\"} for within_last, counted back from the last moment of \
                the column; none for above_average and below_average, which are of the rows that \
                meet the other conditions, and in having of the groups"},
            "case_sensitive": {"type": "boolean", "description": "of text; false unless given"},
        },
        "required": ["column", "op"],
        "additionalProperties": false,
    });
    let condition = json!({"anyOf": [condition, {
        "type": "object",
        "properties": {"any": {"type": "array", "minItems": 1, "items": condition,
            "description": "conditions of which one is enough"}},
        "required": ["any"],
        "additionalProperties": false,
    }]});
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1},
            "text": {"type": "string", "description": "the table itself, instead of path"},
            "format": {"enum": ["csv", "tsv", "json", "jsonl", "log"],
                "description": "found out unless given; log reads records of a log: time, clock, \
                    level, source, message, or of an access log: time, clock, ip, method, path, \
                    status, bytes"},
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
                    "unit": {"enum": Unit::NAMES},
                    "as": {"type": "string"},
                }, "required": ["column"], "additionalProperties": false},
            ]}},
            "aggregate": {"type": "array", "maxItems": 32, "items": {
                "type": "object",
                "properties": {
                    "op": {"enum": ["count", "sum", "avg", "min", "max", "distinct", "median",
                        "percentile", "range", "share"],
                        "description": "share is per cent: of the group, when it has conditions \
                            of its own, else of all groups; of the column's sum or of the rows"},
                    "where": {"type": "array", "items": condition.clone(),
                        "description": "only of rows that meet these too"},
                    "p": {"type": "number", "minimum": 0, "maximum": 100,
                        "description": "which percentile"},
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
            "per": {"type": "object", "properties": {
                "by": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "rows": {"type": "integer", "minimum": 1},
            }, "required": ["by", "rows"], "additionalProperties": false,
                "description": "so many rows of each value of `by`, in the order of sort"},
            "ties": {"type": "boolean",
                "description": "keep also what sorts like the last row kept; false unless given"},
            "place": {"type": "integer", "minimum": 1, "maximum": 1000,
                "description": "only what stands at this place in the order of sort, so 2 is the \
                    second; what sorts alike shares a place"},
            "change": {"type": "string",
                "description": "a column of the grouped result: beside it stand change_ and \
                    percent_change_, against the row before in the order of sort"},
            "join": {"type": "object", "properties": {
                "columns": {"type": "array", "items": {"type": "string"}},
                "rows": {"type": "array", "items": {"type": "array"}},
            }, "required": ["columns", "rows"],
                "description": "a result of table.query, whose columns stand beside each row \
                    where `on` says that they belong together"},
            "on": {"type": "object", "properties": {
                "column": {"type": "string", "description": "of this table"},
                "key": {"type": "string", "description": "of the joined one; each value once"},
            }, "required": ["column", "key"], "additionalProperties": false},
            "sample_rows": {"type": "integer", "minimum": 1,
                "description": "without a query: look at so many rows only"},
        },
        "anyOf": [{"required": ["path"]}, {"required": ["text"]}],
        "additionalProperties": false,
    })
}
