//! Errors as they are printed: a code that programs match on, a sentence, and what to do.
//!
//! What a node refused brings all three along. What goes wrong on this side gets them here, by
//! what is at the bottom of it. With `--output json` an error is one JSON document in one line of
//! standard error, the last one there.

use crate::cli::Output;
use serde_json::{Value, json};

/// An error that says what to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// What programs match on.
    pub(crate) code: String,
    /// What happened.
    pub(crate) sentence: String,
    /// What to do about it.
    pub(crate) what_to_do: String,
    /// Each thing that is wrong, where there can be several.
    pub(crate) problems: Vec<String>,
    /// What the node's log knows the request by.
    pub(crate) request_id: Option<String>,
}

impl std::error::Error for Said {}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl Said {
    pub(crate) fn new(
        code: &str,
        sentence: impl Into<String>,
        what_to_do: impl Into<String>,
    ) -> Self {
        Self {
            code: code.to_owned(),
            sentence: sentence.into(),
            what_to_do: what_to_do.into(),
            problems: Vec::new(),
            request_id: None,
        }
    }

    /// What a node says of what it did not do (RFC 9457).
    pub(crate) fn of_problem(status: u16, problem: &Value) -> Self {
        let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
        let sentence = text("detail").or(text("title"));
        let problems = problem.get("problems").and_then(Value::as_array);
        Self {
            code: text("code").unwrap_or_else(|| format!("http_{status}")),
            sentence: sentence.unwrap_or_else(|| format!("the node answered {status}")),
            what_to_do: text("what_to_do")
                .unwrap_or_else(|| "check that it is a node of autoos that listens there".into()),
            problems: problems
                .into_iter()
                .flatten()
                .filter_map(|problem| problem.as_str().map(str::to_owned))
                .collect(),
            request_id: text("request_id"),
        }
    }

    /// Whatever went wrong, with what can be told from it.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if let Some(said) = error.chain().find_map(|cause| cause.downcast_ref::<Self>()) {
            return Self { sentence: sentence(error), ..said.clone() };
        }
        let (code, what_to_do) = error.chain().find_map(advice).unwrap_or((
            "failed",
            "repeat it with --log info, which says more of what happened before",
        ));
        Self::new(code, sentence(error), what_to_do)
    }

    /// Prints it to standard error; whoever closed that wants to hear no more.
    pub(crate) fn print(&self, output: Output) {
        use std::io::Write as _;
        let text = match output {
            Output::Json => json!({ "error": self.document() }).to_string(),
            Output::Text => self.lines().join("\n"),
        };
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("error: {}", crate::show::tame(&self.sentence))];
        // A sentence that was made of them says them already.
        let more = self.problems.iter().filter(|problem| !self.sentence.contains(*problem));
        lines.extend(more.map(|problem| format!("  - {}", crate::show::tame(problem))));
        lines.push(format!("  {}", crate::show::tame(&self.what_to_do)));
        lines
    }

    fn document(&self) -> Value {
        let Self { code, sentence, what_to_do, problems, request_id } = self;
        let mut document = json!({ "code": code, "sentence": sentence, "what_to_do": what_to_do });
        if !problems.is_empty() {
            document["problems"] = json!(problems);
        }
        if let Some(id) = request_id {
            document["request_id"] = json!(id);
        }
        document
    }
}

/// The longest sentence, in characters: parsers show the line that they stopped in, whole.
const SENTENCE_MAX: usize = 2_000;

fn sentence(error: &anyhow::Error) -> String {
    let said = format!("{error:#}");
    match said.char_indices().nth(SENTENCE_MAX) {
        Some((cut, _)) => format!("{}…", &said[..cut]),
        None => said.trim_end().to_owned(),
    }
}

/// A code and what to do, by the kind of one cause.
fn advice(cause: &(dyn std::error::Error + 'static)) -> Option<(&'static str, &'static str)> {
    if let Some(error) = cause.downcast_ref::<std::io::Error>() {
        return Some(of_io(error.kind()));
    }
    if let Some(error) = cause.downcast_ref::<autoos_journal::Error>() {
        return Some(of_journal(error));
    }
    if let Some(autoos_gateway::Error::OpenToAll(_)) = cause.downcast_ref() {
        return Some(("open_to_all", "make a key with autoos key create, or listen on 127.0.0.1"));
    }
    if cause.is::<toml::de::Error>() || cause.is::<serde_json::Error>() {
        return Some(("malformed", "correct the text at the place that is named"));
    }
    if cause.is::<reqwest::Error>() {
        return Some(("unreachable", "check that the node runs and --node names its address"));
    }
    None
}

fn of_io(kind: std::io::ErrorKind) -> (&'static str, &'static str) {
    use std::io::ErrorKind as K;
    match kind {
        K::NotFound => ("not_found", "check the path: nothing is there"),
        K::PermissionDenied => ("forbidden", "let this user have that path, or name another"),
        K::AddrInUse => ("address_in_use", "stop who listens there, or choose another --listen"),
        K::AddrNotAvailable => ("no_address", "choose an address of this machine for --listen"),
        K::InvalidData => ("malformed", "give a file of UTF-8 text"),
        K::IsADirectory => ("not_a_file", "name a file, not a folder"),
        K::AlreadyExists | K::NotADirectory => {
            ("exists", "name a folder, one that is not there yet or is empty")
        }
        K::StorageFull => ("no_room", "make room on that disk, and repeat it"),
        _ => ("io", "check the path and its disk"),
    }
}

fn of_journal(error: &autoos_journal::Error) -> (&'static str, &'static str) {
    use autoos_journal::Error as E;
    match error {
        E::Invalid(_) => ("invalid", "correct what the sentence names"),
        E::TooNew(_) => ("too_new", "use the version of autoos that it names"),
        E::Corrupt(_) => ("corrupt", "restore a backup: autoos backup restore DIR NEW"),
        E::ReadOnly(_) => ("read_only", "make room on the disk of the data directory"),
        E::Io(_) | E::Halted(_) => ("io", "check the disk of the data directory: autoos doctor"),
        _ => ("journal", "read how things stand and decide again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn every_error_has_a_code_and_an_advice() {
        let problem =
            json!({"code": "invalid", "detail": "no", "what_to_do": "do", "problems": ["a"]});
        let refused = anyhow::Error::from(Said::of_problem(400, &problem)).context("in f");
        let said = Said::of(&refused);
        assert_eq!((said.code.as_str(), said.sentence.as_str()), ("invalid", "in f: no"));
        assert_eq!((said.what_to_do.as_str(), said.problems.len()), ("do", 1));

        let missing = std::fs::read("/no/such/file").context("cannot read").expect_err("missing");
        assert_eq!(Said::of(&missing).code, "not_found");
        let other = Said::of(&anyhow::anyhow!("x"));
        assert_eq!(other.code, "failed");
        assert!(!other.what_to_do.is_empty());
        assert_eq!(Said::of_problem(502, &Value::Null).code, "http_502");
    }
}
