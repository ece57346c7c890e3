//! Verifies outputs by recomputing what can be recomputed from them.
//!
//! Counts of parts against their total, the order of times and lines, averages against sums,
//! listed rows against how many there are, texts against the evidence beside them. The verdict
//! says how many such checks were made and claims no others.
//!
//! The confidence follows one rule: 0.2 when a check fails; 0.5 when there was nothing to check;
//! otherwise 0.9, and 0.95 once ten checks held.

use super::answer::{Shape, count, shape, string};
use crate::{
    Verdict,
    verify::{Evidence, Status, ground},
};
use serde_json::{Map, Value};

/// Checks made and what failed.
#[derive(Default)]
struct Tally {
    made: usize,
    problems: Vec<String>,
    kinds: Vec<&'static str>,
    unchecked: Vec<String>,
}

impl Tally {
    fn check(&mut self, kind: &'static str, holds: bool, problem: impl FnOnce() -> String) {
        self.made += 1;
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
        if !holds {
            self.problems.push(problem());
        }
    }
}

/// The verdict on these outputs.
pub(super) fn verify(inputs: &Map<String, Value>) -> Verdict {
    let mut tally = Tally::default();
    for (name, value) in inputs {
        match shape(value) {
            Some(Shape::Log) => log(name, value, &mut tally),
            Some(Shape::Table) => table(name, value, &mut tally),
            Some(Shape::Summary) => summary(name, value, &mut tally),
            Some(Shape::Matches) => matches(name, value, &mut tally),
            Some(Shape::Listing) => listing(name, value, &mut tally),
            Some(Shape::Response) => response(name, value, &mut tally),
            Some(Shape::Written) => written(name, value, inputs, &mut tally),
            _ => match value.as_str().filter(|_| inputs.len() > 1) {
                Some(text) => grounded(name, text, inputs, &mut tally),
                None => tally.unchecked.push(name.clone()),
            },
        }
    }
    verdict(tally)
}

fn verdict(tally: Tally) -> Verdict {
    let Tally { made, problems, kinds, unchecked } = tally;
    let confidence = match (made, problems.is_empty()) {
        (_, false) => 0.2,
        (0, true) => 0.5,
        (1..=9, true) => 0.9,
        (_, true) => 0.95,
    };
    let mut method = if made == 0 {
        "nothing in these outputs could be recomputed".to_owned()
    } else {
        format!("recomputed by rule, without a model: {} ({made} checks)", kinds.join(", "))
    };
    if !unchecked.is_empty() {
        method.push_str(&format!("; not checked: {}", unchecked.join(", ")));
    }
    Verdict { supported: problems.is_empty(), confidence, problems, method }
}

fn log(name: &str, report: &Value, tally: &mut Tally) {
    let records = count(report, "/records");
    let severities: u64 = report["severities"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, n)| n.as_u64())
        .sum();
    tally.check("severities add up to the records", severities == records, || {
        format!("{name}: the severities add up to {severities}, and there are {records} records")
    });
    for (field, grave) in [("errors", &["error", "critical"][..]), ("warnings", &["warning"][..])] {
        let total = count(report, &format!("/{field}/total"));
        let by_severity: u64 =
            grave.iter().map(|s| count(report, &format!("/severities/{s}"))).sum();
        if report.pointer(&format!("/severities/{}", grave[0])).is_some() {
            tally.check("errors and warnings agree with the severities", total == by_severity, || {
                format!("{name}: {total} {field} are reported, and {by_severity} records have that severity")
            });
        }
        let families: Vec<&Value> = report
            .pointer(&format!("/{field}/families"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .collect();
        let sum: u64 = families.iter().map(|f| count(f, "/count")).sum();
        let all = count(report, &format!("/{field}/distinct")) == families.len() as u64;
        tally.check(
            "kinds add up to their total",
            if all { sum == total } else { sum <= total },
            || format!("{name}: the kinds of {field} add up to {sum}, and {total} are reported"),
        );
        for family in families {
            places(name, family, tally);
        }
    }
    let groups: Vec<&Value> = report["groups"].as_array().into_iter().flatten().collect();
    let sum: u64 = groups.iter().map(|g| count(g, "/count")).sum();
    let all = count(report, "/groups_total") == groups.len() as u64;
    tally.check(
        "groups add up to the records",
        if all { sum == records } else { sum <= records },
        || format!("{name}: the groups add up to {sum}, and there are {records} records"),
    );
}

/// The first comes before the last, and one record has one place.
fn places(name: &str, family: &Value, tally: &mut Tally) {
    let (first, last) = (count(family, "/first/line"), count(family, "/last/line"));
    let n = count(family, "/count");
    let fits = first <= last && (n > 1 || first == last) && n > 0;
    tally.check("firsts come before lasts", fits, || {
        format!(
            "{name}: “{}” occurs {n} times from line {first} to line {last}",
            string(family, "/template")
        )
    });
}

fn table(name: &str, output: &Value, tally: &mut Tally) {
    let (matched, scanned) = (count(output, "/matched"), count(output, "/scanned"));
    tally.check("no more rows match than there are", matched <= scanned, || {
        format!("{name}: {matched} rows match of {scanned}")
    });
    let columns: Vec<&str> =
        output["columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rows: Vec<&Vec<Value>> =
        output["rows"].as_array().into_iter().flatten().filter_map(Value::as_array).collect();
    tally.check("every row has all columns", rows.iter().all(|r| r.len() == columns.len()), || {
        format!("{name}: a row has not as many cells as there are columns")
    });
    let at = |wanted: &str| columns.iter().position(|c| *c == wanted);
    let Some(groups) = output["groups"].as_u64() else {
        let most = if output.get("schema").is_some() { scanned } else { matched };
        tally.check("listed rows are no more than match", rows.len() as u64 <= most, || {
            format!("{name}: {} rows are listed and {matched} match", rows.len())
        });
        return;
    };
    if let Some(at) = at("count").filter(|_| groups == rows.len() as u64) {
        let sum: u64 = rows.iter().filter_map(|r| r.get(at)?.as_u64()).sum();
        tally.check("groups add up to what matched", sum == matched, || {
            format!("{name}: the groups add up to {sum} rows, and {matched} match")
        });
    }
    for column in columns.iter().filter_map(|c| c.strip_prefix("avg_")) {
        let value =
            |row: &Vec<Value>, prefix: &str| row.get(at(&format!("{prefix}{column}"))?)?.as_f64();
        for row in &rows {
            if let (Some(low), Some(mean), Some(high)) =
                (value(row, "min_"), value(row, "avg_"), value(row, "max_"))
            {
                let slack = 1e-9 * high.abs().max(low.abs()).max(1.0);
                tally.check(
                    "averages lie between lowest and highest",
                    low <= mean + slack && mean <= high + slack,
                    || format!("{name}: the average {mean} of {column} is outside {low} to {high}"),
                );
            }
        }
    }
}

fn summary(name: &str, output: &Value, tally: &mut Tally) {
    let sentences: Vec<&str> = output["sentences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|s| s.get("text")?.as_str())
        .collect();
    if sentences.is_empty() {
        return;
    }
    let all = count(output, "/total_sentences");
    tally.check("no more sentences than the text has", sentences.len() as u64 <= all, || {
        format!("{name}: {} sentences out of {all}", sentences.len())
    });
    let joined = string(output, "/summary");
    if !joined.is_empty() {
        let whole = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let joined = whole(joined);
        tally.check(
            "the summary is made of the sentences",
            sentences.iter().all(|s| joined.contains(&whole(s))),
            || format!("{name}: the summary does not hold all of its sentences"),
        );
    }
}

fn matches(name: &str, output: &Value, tally: &mut Tally) {
    let shown = output["results"].as_array().map_or(0, Vec::len) as u64;
    let all = output["matches"].as_u64().unwrap_or(shown);
    tally.check("shown matches are no more than all", shown <= all, || {
        format!("{name}: {shown} matches are shown of {all}")
    });
    let lines = output["lines_searched"].as_u64().unwrap_or(all);
    tally.check("no more lines match than were read", all <= lines, || {
        format!("{name}: {all} lines match of {lines}")
    });
    let files: Vec<u64> = output["files"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|f| f["matches"].as_u64())
        .collect();
    if !files.is_empty() {
        let sum: u64 = files.iter().sum();
        tally.check("files add up to all matches", sum <= all, || {
            format!("{name}: the files hold {sum} matches, and there are {all}")
        });
    }
}

fn listing(name: &str, output: &Value, tally: &mut Tally) {
    let shown = output["entries"].as_array().map_or(0, Vec::len) as u64;
    let all = output["matched"].as_u64().unwrap_or(shown);
    tally.check("listed entries are no more than there are", shown <= all, || {
        format!("{name}: {shown} entries are listed of {all}")
    });
}

fn response(name: &str, output: &Value, tally: &mut Tally) {
    let checks: Vec<bool> = output["checks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|c| c["passed"].as_bool())
        .collect();
    if let (false, Some(passed)) = (checks.is_empty(), output["passed"].as_bool()) {
        tally.check(
            "a check passes only when all its parts do",
            passed == checks.iter().all(|c| *c),
            || {
                format!(
                    "{name}: it is said to have {}, against its checks",
                    if passed { "passed" } else { "failed" }
                )
            },
        );
    }
}

/// What was written is as long as the text beside it.
fn written(name: &str, output: &Value, inputs: &Map<String, Value>, tally: &mut Tally) {
    let texts: Vec<&str> = inputs.values().filter_map(Value::as_str).collect();
    let bytes = count(output, "/bytes_written");
    match texts.as_slice() {
        [text] => tally.check(
            "what was written is as long as the text",
            bytes == text.len() as u64,
            || format!("{name}: {bytes} bytes were written, and the text has {}", text.len()),
        ),
        _ => tally.unchecked.push(name.to_owned()),
    }
}

/// A text against the other inputs, where those are outputs to hold it against.
fn grounded(name: &str, text: &str, inputs: &Map<String, Value>, tally: &mut Tally) {
    let evidence: Vec<Evidence> = inputs
        .iter()
        .filter(|(other, value)| {
            *other != name
                && !value.is_string()
                && shape(value) != Some(Shape::Written)
                && shape(value) != Some(Shape::Verdict)
        })
        .map(|(name, value)| Evidence { name: name.clone(), value: value.clone() })
        .collect();
    if evidence.is_empty() {
        tally.unchecked.push(name.to_owned());
        return;
    }
    for claim in ground(text, &evidence).claims {
        match claim.status {
            Status::Unchecked => {}
            status => tally.check(
                "figures, names and quotes stand in the evidence",
                status == Status::Supported,
                || format!("{name}: {}", claim.sentence()),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn on(name: &str, value: Value) -> Verdict {
        verify(&Map::from_iter([(name.to_owned(), value)]))
    }

    fn report() -> Value {
        json!({
            "records": 10, "groups_total": 2,
            "severities": {"info": 7, "warning": 0, "error": 3, "critical": 0},
            "errors": {"total": 3, "distinct": 1, "families": [{"template": "x <*>", "count": 3,
                "first": {"line": 2}, "last": {"line": 9}}]},
            "warnings": {"total": 0, "distinct": 0, "families": []},
            "groups": [{"count": 7}, {"count": 3}],
        })
    }

    #[test]
    fn a_sound_report_holds() {
        let verdict = on("log", report());
        assert!(verdict.supported && verdict.confidence >= 0.9, "{verdict:?}");
        assert!(verdict.method.contains("checks"), "{verdict:?}");
    }

    #[test]
    fn each_disturbed_figure_is_found() {
        for (pointer, value) in [
            ("/severities/info", json!(8)),
            ("/errors/total", json!(4)),
            ("/errors/families/0/count", json!(2)),
            ("/errors/families/0/first/line", json!(10)),
            ("/groups/0/count", json!(6)),
            ("/records", json!(11)),
        ] {
            let mut broken = report();
            *broken.pointer_mut(pointer).expect("it is there") = value;
            let verdict = on("log", broken);
            assert!(!verdict.supported && verdict.confidence < 0.5, "{pointer}: {verdict:?}");
        }
    }

    #[test]
    fn tables_and_what_cannot_be_checked() {
        let table = json!({"columns": ["region", "count"], "rows": [["a", 2], ["b", 3]], "groups": 2, "matched": 5, "scanned": 9});
        assert!(on("t", table.clone()).supported);
        let mut broken = table;
        broken["matched"] = json!(6);
        assert!(!on("t", broken).supported);
        let nothing = on("x", json!({"a": 1}));
        assert!(
            nothing.supported && nothing.confidence <= 0.5 && nothing.method.contains("nothing"),
            "{nothing:?}"
        );
    }

    #[test]
    fn texts_are_held_against_what_stands_beside_them() {
        let mut inputs = Map::from_iter([
            ("log".to_owned(), report()),
            ("text".to_owned(), json!("There are 3 errors in 10 records.")),
        ]);
        assert!(verify(&inputs).supported);
        inputs["text"] = json!("There are 5 errors in 10 records.");
        assert!(!verify(&inputs).supported);
    }
}
