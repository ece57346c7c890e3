//! `table.query`: counting, filtering and adding up tables, and saying what a table is.
//!
//! CSV, TSV, JSON and JSON lines are read as streams, so that a table of any size takes the memory
//! of its groups alone. Left out: expressions beyond what the arguments can say.

mod aggregate;
mod cell;
mod date;
mod describe;
mod filter;
mod group;
mod join;
mod number;
mod query;
mod relative;
mod rows;
mod schema;
mod select;

pub use describe::{ColumnSummary, Description, describe};
pub use rows::Format;

use crate::{
    Failure, Files, Tool, ToolCall, ToolResult,
    files::{Deadline, Source},
};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use group::Group;
use query::Query;
use rows::Scan;
use select::{Rows, Select};
use serde_json::{Value, json};

/// Queries a table.
#[derive(Debug)]
pub struct TableQuery {
    spec: ToolSpec,
    files: Files,
}

impl TableQuery {
    /// Queries tables in `files`.
    pub fn new(files: Files) -> Self {
        let spec = ToolSpec {
            name: "table.query".to_owned(),
            description: "Filters, joins, groups, aggregates and sorts a table in CSV, TSV, JSON or \
                          JSON lines, or the records of a log, and returns {columns, rows, matched, scanned}. Without a query it \
                          describes the table: columns, types, example values, number of rows."
                .to_owned(),
            arguments: schema::arguments(),
            trust: TrustLevel::Vetted,
            effect: EffectClass::Pure,
            reads: true,
            timeout_ms: 300_000,
        };
        Self { spec, files }
    }
}

impl Tool for TableQuery {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let deadline = Deadline::after(self.spec.timeout_ms);
        let (args, told) = relative::resolve(call.args.clone(), |args| {
            let first = Query::read(&args)?;
            Ok(answer(Source::of(call, &self.files)?, &first, deadline)?.0)
        })?;
        let query = Query::read(&args)?;
        let source = Source::of(call, &self.files)?;
        let name = source.name();
        let (mut output, bytes_read) = answer(source, &query, deadline)?;
        output["path"] = json!(name);
        if !told.is_empty() {
            output["relative"] = json!(told);
        }
        Ok(ToolResult { output, bytes_read })
    }
}

fn answer(source: Source, query: &Query, deadline: Deadline) -> Result<(Value, u64), Failure> {
    if query.describes {
        let described = describe::read(source, &query.reading, query.sample_rows, deadline)?;
        return Ok((described_as_data(&described), described.bytes_read));
    }
    if query.is_grouped() {
        let (group, scan, alone) = scanned(source, query, deadline, Group::new(query))?;
        let (rows, groups, skipped) = group.finish(&scan.columns)?;
        let mut output = result(rows, &scan, query, alone);
        output["groups"] = json!(groups);
        output["skipped"] = Value::Array(skipped);
        return Ok((output, scan.bytes));
    }
    let (select, scan, alone) = scanned(source, query, deadline, Select::new(query))?;
    let rows = select.finish(&scan.columns)?;
    Ok((result(rows, &scan, query, alone), scan.bytes))
}

/// Shows the rows to `sink`, joined when the query joins; how many found no partner.
fn scanned<S: rows::Sink>(
    source: Source,
    query: &Query,
    deadline: Deadline,
    mut sink: S,
) -> Result<(S, Scan, Option<u64>), Failure> {
    let Some(join) = &query.join else {
        let scan = rows::scan(source, &query.reading, deadline, &mut sink)?;
        return Ok((sink, scan, None));
    };
    let mut joined = join::Joined::new(join, sink)?;
    let mut scan = rows::scan(source, &query.reading, deadline, &mut joined)?;
    scan.columns = joined.columns;
    Ok((joined.sink, scan, Some(joined.alone)))
}

fn result(rows: Rows, scan: &Scan, query: &Query, alone: Option<u64>) -> Value {
    let mut output = json!({
        "format": scan.format,
        "columns": rows.columns,
        "rows": rows.rows,
        "matched": rows.matched,
        "scanned": scan.rows,
        "truncated": rows.truncated,
        "malformed": scan.malformed,
        "first_malformed_row": scan.first_malformed,
        "asked": query.asked,
    });
    if !rows.relative.is_empty() {
        output["relative"] = Value::Array(rows.relative);
    }
    if let Some(alone) = alone {
        output["without_partner"] = json!(alone);
    }
    output
}

fn described_as_data(described: &Description) -> Value {
    let names: Vec<&str> = described.columns.iter().map(|column| column.name.as_str()).collect();
    json!({
        "format": described.format,
        "columns": names,
        "schema": described.columns,
        "rows": [],
        "matched": described.rows,
        "scanned": described.rows,
        "complete": described.complete,
        "malformed": described.malformed,
    })
}

#[cfg(test)]
mod tests;
