//! Answers about tables: a sentence, and the rows that it rests on.

use super::{Part, count, figure, line, logs::ticked, several, string};
use crate::builtin::words;
use serde_json::{Value, json};
use std::fmt::Write as _;

const WIDTH: usize = 98;
/// Rows that are shown.
const SHOWN: usize = 30;

/// The answer from one query's output.
pub(super) fn section(part: &Part<'_>) -> String {
    let output = part.value;
    let columns: Vec<&str> =
        output["columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rows: Vec<&Vec<Value>> =
        output["rows"].as_array().into_iter().flatten().filter_map(Value::as_array).collect();
    let computed = |c: &&&str| measure(c).or_else(|| percentile(output, c)).is_some();
    let measured = columns.iter().filter(computed).count();
    let grouped = output.get("groups").is_some();
    let mut out = if grouped && measured == columns.len() {
        figures(part, &columns, &rows)
    } else if grouped {
        groups(part, &columns, &rows)
    } else if output.get("schema").is_some() {
        described(part, &columns)
    } else {
        listed(part, &columns, &rows)
    };
    if let Some(said) = relative(output) {
        let _ = write!(out, "\n\n{said}");
    }
    let narrowed = output.pointer("/asked/where").and_then(Value::as_array);
    let simple = |c: &&Value| c.get("op").is_some();
    if let Some(conditions) =
        narrowed.filter(|all| !all.is_empty() && all.iter().all(|c| simple(&c)))
    {
        let said: Vec<String> = conditions.iter().map(condition).collect();
        let _ = write!(out, "\n\nOnly rows where {}.", line(&said.join(" and "), 80));
    }
    for (note, n) in notes(output) {
        let _ = write!(out, "\n\n{} {note}", figure(&json!(n)));
    }
    out
}

/// What a measure's column is called in words.
fn measure(column: &str) -> Option<String> {
    match column {
        "count" => return Some("rows".into()),
        "share" => return Some("share of the rows in per cent".into()),
        _ => {}
    }
    if let Some(of) = column.strip_prefix("change_").and_then(measure) {
        return Some(format!("change of the {of}"));
    }
    if column.starts_with("percent_change_") {
        return Some("change in per cent".into());
    }
    if let Some(of) = column.strip_prefix("share_") {
        return Some(format!("share of the total `{of}` in per cent"));
    }
    [
        ("sum_", "total"),
        ("median_", "median"),
        ("range_", "difference between the highest and the lowest"),
        ("avg_", "average"),
        ("min_", "lowest"),
        ("max_", "highest"),
        ("distinct_", "number of different values of"),
        ("count_", "number of"),
    ]
    .iter()
    .find_map(|(prefix, word)| column.strip_prefix(prefix).map(|c| format!("{word} `{c}`")))
}

/// One row of measures over everything that matched.
fn figures(part: &Part<'_>, columns: &[&str], rows: &[&Vec<Value>]) -> String {
    let Some(row) = rows.first() else { return format!("No rows of {} matched.", part.label) };
    let matched = count(part.value, "/matched");
    let scanned = count(part.value, "/scanned");
    let of = if matched == scanned {
        format!(
            "all {} {} of {}",
            figure(&json!(scanned)),
            several(scanned, "row", "rows"),
            part.label
        )
    } else {
        format!(
            "the {} of {} rows of {} that match",
            figure(&json!(matched)),
            figure(&json!(scanned)),
            part.label
        )
    };
    if matched == 0 && columns != ["count"] {
        return format!("No rows of {} match, of {} in all.", part.label, figure(&json!(scanned)));
    }
    let cells: Vec<(&str, &Value)> = columns.iter().copied().zip(row.iter()).collect();
    if let [("count", n)] = cells.as_slice() {
        let rest = if matched == scanned {
            String::new()
        } else {
            format!(" match, of {} in all", figure(&json!(scanned)))
        };
        return format!(
            "{} {} of {}{rest}.",
            figure(n),
            several(n.as_u64().unwrap_or(0), "row", "rows"),
            part.label
        );
    }
    let told: Vec<String> = cells
        .iter()
        .filter(|(c, _)| *c != "count")
        .map(|(c, v)| {
            let what =
                measure(c).or_else(|| percentile(part.value, c)).unwrap_or_else(|| (*c).to_owned());
            let what = match parts_of(part.value, c) {
                Some(condition) => format!("{what} of which {condition}"),
                None => what,
            };
            if v.is_null() {
                format!("no {what} (no value to compute it from)")
            } else {
                format!("{what} {}", figure(v))
            }
        })
        .collect();
    let sentence = if told.len() > 3 {
        format!("- {}", told.join("\n- "))
    } else {
        format!("{}.", capital(&told.join(", ")))
    };
    format!("{sentence}\n\nComputed over {of}.")
}

/// One row for each group.
fn groups(part: &Part<'_>, columns: &[&str], rows: &[&Vec<Value>]) -> String {
    let total = count(part.value, "/groups");
    let computed = |c: &&str| measure(c).or_else(|| percentile(part.value, c)).is_some();
    let at = columns.iter().position(computed).unwrap_or(0);
    let keys = &columns[..at];
    let mut out = String::new();
    if rows.is_empty() {
        return format!("No rows of {} matched.", part.label);
    }
    if let (Some(row), Some(what)) = (
        rows.first(),
        columns.get(at).and_then(|c| measure(c).or_else(|| percentile(part.value, c))),
    ) {
        let named = |row: &Vec<Value>| -> String {
            let keys = row[..at].iter().zip(keys).map(|(v, key)| ticked(&cell(key, v)));
            keys.collect::<Vec<_>>().join(", ")
        };
        let what = match parts_of(part.value, columns[at]) {
            Some(condition) => format!("{what} of which {condition}"),
            None => what,
        };
        let low = part.value.pointer("/asked/sort/0/descending") == Some(&json!(false));
        let by_measure = part.value.pointer("/asked/sort/0/column").and_then(Value::as_str)
            == columns.get(at).copied();
        let first = rows.iter().take_while(|r| r[at] == row[at]).count();
        let tied = first > 1 && first == rows.len() && part.value["asked"].get("ties").is_some();
        let per = part.value["asked"].get("per").is_some();
        let ranked = by_measure && !per && (ranks(rows, at, low) || tied);
        let name: Vec<String> = rows.iter().take(first.max(1)).map(|r| named(r)).collect();
        let has = if tied { "have" } else { "has" };
        let nth = place(part.value);
        let which = match (low, columns[at] == "count") {
            (false, true) => "the most rows".to_owned(),
            (true, true) => "the fewest rows".to_owned(),
            (false, false) if what.starts_with("highest ") => format!("the {what}"),
            (true, false) if what.starts_with("lowest ") => format!("the {what}"),
            (false, false) => format!("the highest {what}"),
            (true, false) => format!("the lowest {what}"),
        };
        let which = match &nth {
            Some(nth) => which.replacen("the ", &format!("the {nth} "), 1),
            None => which,
        };
        let step = changed(part, columns, rows);
        if let Some(step) = step {
            out.push_str(&step);
        } else if ranked || nth.is_some() {
            let each = if tied { " each" } else { "" };
            let _ =
                write!(out, "{} {has} {which}: {}{each}.", name.join(" and "), figure(&row[at]));
        } else {
            let _ = write!(out, "{} by {}:", capital(&what), keys.join(" and "));
        }
        let fewer = rows.len() as u64;
        let narrowed = part.value["asked"].get("having").is_some();
        if total > fewer && narrowed && part.value["truncated"] != json!(true) {
            // The condition on groups left so many.
            let _ = write!(
                out,
                " {} {} the condition, of {} groups.",
                figure(&json!(fewer)),
                several(fewer, "row meets", "rows meet"),
                figure(&json!(total))
            );
        } else if total > fewer {
            let _ = write!(out, " {} groups were compared.", figure(&json!(total)));
        }
    }
    if rows.len() > 1 || columns.len() > at + 1 || out.ends_with(':') {
        let _ = write!(out, "\n\n{}", shown(columns, rows));
    }
    let _ = write!(
        out,
        "\n\nComputed over {} of {} rows of {}.",
        figure(&json!(count(part.value, "/matched"))),
        figure(&json!(count(part.value, "/scanned"))),
        part.label
    );
    out
}

/// Whether the rows fall (or rise) by the measure, the first strictly before the second.
fn ranks(rows: &[&Vec<Value>], at: usize, low: bool) -> bool {
    let values: Vec<Option<f64>> = rows.iter().map(|r| r.get(at).and_then(Value::as_f64)).collect();
    let ordered = values.windows(2).all(|w| match (w[0], w[1]) {
        (Some(a), Some(b)) => {
            if low {
                a <= b
            } else {
                a >= b
            }
        }
        (_, None) => true,
        (None, Some(_)) => false,
    });
    ordered
        && values.first().is_some_and(Option::is_some)
        && (values.len() < 2 || values[0] != values[1])
}

/// Rows as they are.
fn listed(part: &Part<'_>, columns: &[&str], rows: &[&Vec<Value>]) -> String {
    let matched = count(part.value, "/matched");
    if rows.is_empty() {
        return format!(
            "No rows of {} matched, of {} in all.",
            part.label,
            figure(&json!(count(part.value, "/scanned")))
        );
    }
    let sorted = part.value.pointer("/asked/sort/0").zip(place(part.value));
    if let Some((sort, nth)) = sorted {
        let first = if sort["descending"] == json!(true) { "largest" } else { "smallest" };
        let by = string(sort, "/column");
        let said = several(rows.len() as u64, "The row", "The rows");
        let cells = shown_or_listed(columns, rows);
        return format!(
            "{said} of {} with the {nth} {first} `{by}`, of {}:\n\n{cells}",
            part.label,
            figure(&json!(matched))
        );
    }
    let head = if let [row] = rows {
        return format!("One row of {}:\n\n{}", part.label, shown_or_listed(columns, &[row]));
    } else if matched == count(part.value, "/scanned") {
        format!("Rows of {}, of {} in all:", part.label, figure(&json!(matched)))
    } else {
        format!("{} rows of {} match:", figure(&json!(matched)), part.label)
    };
    let head = match part.value.pointer("/asked/sort/0") {
        Some(sort) if rows.len() as u64 != matched => {
            let first = if sort["descending"] == json!(true) { "largest" } else { "smallest" };
            let of = if part.value["asked"].get("per").is_some() { " in each group" } else { "" };
            format!(
                "The {} rows of {} with the {first} `{}`{of}, of {}:",
                rows.len(),
                part.label,
                string(sort, "/column"),
                figure(&json!(matched))
            )
        }
        _ => head,
    };
    format!("{head}\n\n{}", shown(columns, rows))
}

/// One row a line for each cell; several as a grid.
fn shown_or_listed(columns: &[&str], rows: &[&Vec<Value>]) -> String {
    let [row] = rows else { return shown(columns, rows) };
    let cells: Vec<String> =
        columns.iter().zip(row.iter()).map(|(c, v)| format!("{c}: {}", cell(c, v))).collect();
    format!("- {}", cells.join("\n- "))
}

/// The place that was asked for, in words.
fn place(output: &Value) -> Option<String> {
    const WORDS: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
    let place = output.pointer("/asked/place")?.as_u64()?;
    let at = usize::try_from(place).ok()?.checked_sub(1)?;
    Some(WORDS.get(at).map_or_else(|| format!("number {place}"), |word| (*word).to_owned()))
}

/// How a measure went from one stretch of time to another; none where there are more than two.
fn changed(part: &Part<'_>, columns: &[&str], rows: &[&Vec<Value>]) -> Option<String> {
    let of = part.value.pointer("/asked/change")?.as_str()?;
    let [before, now] = rows else { return None };
    let at = |name: &str| columns.iter().position(|c| *c == name);
    let (value, change) = (at(of)?, at(&format!("change_{of}"))?);
    let percent = &now[at(&format!("percent_change_{of}"))?];
    let by = match now[change].as_f64()? {
        d if d > 0.0 => format!("rose by {}", figure(&now[change])),
        d if d < 0.0 => format!("changed by {}", figure(&now[change])),
        _ => "did not change".to_owned(),
    };
    let share = match percent.as_f64() {
        Some(p) if p != 0.0 => format!(" ({} per cent)", figure(percent)),
        Some(_) => String::new(),
        None => " (of nothing there is no per cent)".to_owned(),
    };
    Some(format!(
        "{} {by}{share}: {} in {}, {} in {}.",
        capital(&measure(of)?),
        figure(&before[value]),
        plain(&before[0]),
        figure(&now[value]),
        plain(&now[0]),
    ))
}

/// What averages and ends of the data came to.
fn relative(output: &Value) -> Option<String> {
    let told = output.get("relative")?.as_array()?;
    let said: Vec<String> = told
        .iter()
        .map(|one| {
            let column = string(one, "/column");
            match string(one, "/op") {
                "within_last" => format!(
                    "The data ends at {}; what counts is `{column}` from {} on.",
                    plain(&one["of"]),
                    plain(&one["from"])
                ),
                _ if one["groups"] == json!(true) => {
                    let name = measure(column).unwrap_or_else(|| format!("`{column}`"));
                    format!("The average {name} of all groups is {}.", figure(&one["of"]))
                }
                _ => format!("The average `{column}` of all rows is {}.", figure(&one["of"])),
            }
        })
        .collect();
    Some(said.join(" "))
}

fn described(part: &Part<'_>, columns: &[&str]) -> String {
    format!(
        "{} has {} rows and the columns {}.",
        part.label,
        figure(&json!(count(part.value, "/matched"))),
        columns.join(", ")
    )
}

fn shown(columns: &[&str], rows: &[&Vec<Value>]) -> String {
    let header: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .take(SHOWN)
        .map(|r| columns.iter().zip(*r).map(|(c, v)| cell(c, v)).collect())
        .collect();
    let mut out = grid(&header, &cells, WIDTH);
    if rows.len() > SHOWN {
        out.push_str("\n… and more in the tool's output.");
    }
    out
}

/// A cell of a column: what tells rows apart and years are no amounts, and stay as they are.
fn cell(column: &str, value: &Value) -> String {
    let low = column.to_lowercase();
    let last = low.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let name = [
        "id", "no", "nr", "number", "key", "code", "zip", "postcode", "year", "port", "status",
        "index",
    ];
    match value {
        Value::Number(n) if name.contains(&last) => n.to_string(),
        _ => plain(value),
    }
}

/// What a percentile's column is called in words.
fn percentile(output: &Value, column: &str) -> Option<String> {
    let of = column.strip_prefix("percentile_")?;
    let asked = output.pointer("/asked/aggregate")?.as_array()?;
    let p = asked.iter().find(|one| one["column"] == json!(of))?.get("p")?;
    Some(format!("percentile {} of `{of}`", figure(p)))
}

/// The condition that makes a part of the whole, in words.
fn parts_of(output: &Value, column: &str) -> Option<String> {
    if !column.starts_with("share") {
        return None;
    }
    let asked = output.pointer("/asked/aggregate")?.as_array()?;
    let one = asked.iter().find(|one| one["op"] == json!("share"))?;
    let said: Vec<String> = one["where"].as_array()?.iter().map(condition).collect();
    Some(said.join(" and "))
}

/// A condition in words.
fn condition(condition: &Value) -> String {
    let op = match string(condition, "/op") {
        "eq" | "in" => "is",
        "ne" | "not_in" => "is not",
        "gt" => "is above",
        "gte" => "is at least",
        "lt" => "is below",
        "lte" => "is at most",
        "between" => "is between",
        "on_weekday" => "is a",
        "empty" => "is empty",
        "not_empty" => "is not empty",
        other => other,
    };
    let value = match &condition["value"] {
        Value::Null => String::new(),
        Value::Array(all) => {
            let joint = if string(condition, "/op") == "between" { " and " } else { " or " };
            format!(" {}", all.iter().map(plain).collect::<Vec<_>>().join(joint))
        }
        one => format!(" {}", plain(one)),
    };
    format!("`{}` {}{value}", string(condition, "/column"), op.replace('_', " "))
}

/// A cell: text on one line, figures as figures.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "–".into(),
        Value::String(text) => line(text, 60),
        other => figure(other),
    }
}

/// What the tool says about its reading.
fn notes(output: &Value) -> Vec<(&'static str, u64)> {
    let skipped =
        output["skipped"].as_array().into_iter().flatten().map(|s| count(s, "/cells")).sum::<u64>();
    [
        ("rows had too many or too few cells.", count(output, "/malformed")),
        ("rows have no partner in the other table.", count(output, "/without_partner")),
        ("cells were not figures and were left out.", skipped),
    ]
    .into_iter()
    .filter(|(_, n)| *n > 0)
    .collect()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// A table of at most `width` characters; wide cells are cut.
pub(super) fn grid(header: &[String], rows: &[Vec<String>], width: usize) -> String {
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (at, cell) in row.iter().enumerate().take(widths.len()) {
            widths[at] = widths[at].max(cell.chars().count());
        }
    }
    while widths.iter().sum::<usize>() + 3 * widths.len() + 1 > width {
        let Some(widest) = widths.iter_mut().max() else { break };
        if *widest <= 8 {
            break;
        }
        *widest -= 1;
    }
    let cell = |text: &str, width: usize| {
        let text = line(text, width);
        let pad = width.saturating_sub(text.chars().count());
        let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            && words::number(&text).is_some();
        if number {
            format!("{}{text}", " ".repeat(pad))
        } else {
            format!("{text}{}", " ".repeat(pad))
        }
    };
    let row = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(c, w)| cell(c, *w)).collect();
        format!("| {} |", cells.join(" | "))
    };
    let rule =
        format!("|{}|", widths.iter().map(|w| "-".repeat(w + 2)).collect::<Vec<_>>().join("|"));
    let mut lines = vec![row(header), rule];
    lines.extend(rows.iter().map(|r| row(r)));
    lines.join("\n")
}
