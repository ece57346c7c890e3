//! What the audit says, for people.

use super::{line, number, text};
use autoos_audit::{Problem, Verdict};
use autoos_kernel::time::Timestamp;
use serde_json::Value;

/// The decisions of a workflow, each with what it rests on.
pub(crate) fn audit(audit: &Value) {
    for entry in super::rows(audit, "entries") {
        let stream = text(entry, "stream");
        line(&format!(
            "{}  {} {:>3}  {:<20} {} [{}]",
            text(entry, "at"),
            stream.get(..2).unwrap_or(""),
            number(entry, "seq"),
            text(entry, "kind"),
            super::tame(&text(entry, "what")),
            super::tame(&text(entry, "actor")),
        ));
        let inputs = super::rows(entry, "inputs");
        let short = |input: &Value| {
            let hash = text(input, "hash");
            format!("{} {}", super::tame(&text(input, "what")), hash.get(..12).unwrap_or(&hash))
        };
        if !inputs.is_empty() {
            let inputs: Vec<String> = inputs.iter().map(short).collect();
            line(&format!("{:>32}rests on {}", "", inputs.join(", ")));
        }
    }
}

/// Whether a workflow's chains hold.
pub(crate) fn verified(id: &str, verified: &Value) {
    let found = verified.get("found").cloned().unwrap_or_default();
    if verified.get("ok") == Some(&Value::Bool(true)) {
        line(&format!("{id}: {} events, the hash chain holds", number(&found, "events")));
        line(&format!("  intent    {}", text(&found, "intent_chain")));
        line(&format!("  workflow  {}", text(&found, "workflow_chain")));
    } else {
        line(&format!("{id}: the hash chain is broken: {verified}"));
    }
}

/// The public key, and the newest checkpoint.
pub(crate) fn audit_key(status: &Value) {
    line(&format!("key         {}", text(status, "key")));
    match status.get("checkpoint").and_then(|signed| signed.get("checkpoint")) {
        Some(newest) => {
            let at = Timestamp(number(newest, "at_ms"));
            line(&format!("checkpoint  {} of {at}", number(newest, "number")));
            line(&format!("hash        {}", text(status, "hash")));
        }
        None => line("checkpoint  none yet: there was nothing to sign"),
    }
    if let Some(problem) = status.get("problem").and_then(Value::as_str) {
        line(&format!("problem     {problem}"));
    }
}

/// What a verification found.
pub(crate) fn verdict(found: &Verdict, what: &str) {
    if found.ok {
        line(&format!(
            "{what}: {} events of {} streams are as they were written",
            found.events, found.streams
        ));
    } else {
        let count = found.problems.len() as u64 + found.more_problems;
        line(&format!("{what}: not as it was written, {count} problems"));
        for problem in &found.problems {
            line(&format!("  {}", place(problem)));
        }
        if found.more_problems > 0 {
            line(&format!("  and {} more", found.more_problems));
        }
    }
    if let Some(newest) = &found.newest {
        let at = Timestamp(newest.at_ms);
        line(&format!("  checkpoint {} of {at} covers {} events", newest.number, found.covered));
        line(&format!("  hash       {}", newest.hash));
    }
    if let Some(key) = &found.key {
        let held = if found.key_given {
            "as was asked for"
        } else {
            "hold that against the key that you kept (--key): whoever has another can sign as well"
        };
        line(&format!("  signed by  {key}, {held}"));
    }
    if found.witnesses > 0 {
        line(&format!("  held against {} checkpoints that were kept elsewhere", found.witnesses));
    }
}

fn place(problem: &Problem) -> String {
    let mut place = format!("line {}", problem.line);
    if let Some(stream) = &problem.stream {
        place.push_str(&format!(", {stream}"));
    }
    if let Some(seq) = problem.seq {
        place.push_str(&format!(" event {seq}"));
    }
    if let Some(shard) = problem.shard {
        place.push_str(&format!(", shard {shard}"));
    }
    if let Some(offset) = problem.offset {
        place.push_str(&format!(" offset {offset}"));
    }
    format!("{place}: {}", super::tame(&problem.what))
}
