//! `logs.analyze`: the analyzer as a tool.
//!
//! Reads a file (or inline text) as a stream of lines. Left out: which files may be read, which the
//! `files` module decides.

use super::{Analyzer, Options, Severity};
use crate::files::{Deadline, Files, Lines, Source};
use crate::{Failure, Tool, ToolCall, ToolResult, args};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use serde_json::{Value, json};

/// Analyses logs.
#[derive(Debug)]
pub struct LogsAnalyze {
    spec: ToolSpec,
    files: Files,
}

/// The most groups and families that a call may ask for.
const TOP_MAX: u64 = 10_000;
/// Groups and families unless asked otherwise.
const TOP: u64 = 50;

impl LogsAnalyze {
    /// Analyses logs in `files`.
    pub fn new(files: Files) -> Self {
        Self { spec: spec(), files }
    }
}

fn spec() -> ToolSpec {
    let severities: Vec<&str> = Severity::ALL.iter().map(|s| s.name()).collect();
    ToolSpec {
        name: "logs.analyze".to_owned(),
        description: "Analyses a log of any format: detects its layout, groups its messages by template, and reports \
                      counts per severity, the distinct errors and warnings with counts, first and last occurrence, \
                      an example and a diagnosis each, and bursts."
            .to_owned(),
        arguments: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "minLength": 1, "description": "the log file"},
                "text": {"type": "string", "description": "the log itself, instead of path"},
                "assignments": {"type": "boolean",
                    "description": "also give the group of each input line; false unless given"},
                "top": {"type": "integer", "minimum": 1, "maximum": TOP_MAX,
                    "description": "most groups and error families to list; 50 unless given"},
                "min_severity": {"type": "string", "enum": severities,
                    "description": "list only groups at least this grave"},
                "since": {"type": "string",
                    "description": "skip records before this time, written as the log writes its times"},
                "until": {"type": "string",
                    "description": "skip records after this time, written as the log writes its times"},
            },
            "additionalProperties": false,
        }),
        trust: TrustLevel::Vetted,
        effect: EffectClass::Pure,
        reads: true,
        timeout_ms: 600_000,
    }
}

impl Tool for LogsAnalyze {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let deadline = Deadline::after(self.spec.timeout_ms);
        let options = options(call)?;
        let source = Source::of(call, &self.files)?;
        let name = source.name();
        let mut lines = Lines::new(source.reader(), options.max_line + 1, deadline);
        let mut analyzer = Analyzer::new(options);
        while let Some(line) = lines.read()? {
            analyzer.line(line.bytes);
        }
        let bytes_read = lines.offset();
        let mut output = serde_json::to_value(analyzer.finish()).map_err(|error| {
            Failure::Crashed(format!("the report cannot be written as JSON: {error}"))
        })?;
        output["path"] = json!(name);
        output["bytes"] = json!(bytes_read);
        Ok(ToolResult { output, bytes_read })
    }
}

fn options(call: &ToolCall) -> Result<Options, Failure> {
    let text = |name: &str| call.args.get(name).and_then(Value::as_str).map(str::to_owned);
    let time = |name: &str| match text(name) {
        Some(time) if !Analyzer::reads_time(&time) => Err(Failure::Invalid(format!(
            "{name}: {time:?} is no time that can be read; write it as the log does, for example 2024-05-01 10:00:00"
        ))),
        time => Ok(time),
    };
    let min_severity = match text("min_severity") {
        Some(name) => Some(Severity::of_word(&name).ok_or_else(|| {
            Failure::Invalid(format!(
                "min_severity: {name:?} is no severity; give one of trace to critical"
            ))
        })?),
        None => None,
    };
    Ok(Options {
        assignments: args::flag(call, "assignments").unwrap_or(false),
        top: args::count(call, "top").unwrap_or(TOP).min(TOP_MAX) as usize,
        min_severity,
        since: time("since")?,
        until: time("until")?,
        ..Options::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(args: Value) -> Result<ToolResult, Failure> {
        let directory = tempfile::tempdir().expect("a directory");
        let log = "2024-05-01 10:00:00 ERROR db: gone\r\n2024-05-02 10:00:00 INFO db: back\n\n";
        std::fs::write(directory.path().join("a.log"), log).expect("a file");
        let files = Files::new(&[directory.path().to_owned()], &[], None).expect("a root");
        let call = ToolCall {
            tool: "logs.analyze".into(),
            args,
            idempotency_key: None,
            deadline: None,
            granted: vec![],
            stop: crate::Stop::default(),
        };
        LogsAnalyze::new(files).call(&call)
    }

    #[test]
    fn a_file_is_read_and_reported() {
        let result = call(json!({"path": "a.log", "assignments": true})).expect("a report");
        assert_eq!(result.bytes_read, 71);
        let report = result.output;
        assert_eq!(report["lines"], 3);
        assert_eq!(report["errors"]["families"][0]["template"], "gone");
        assert_eq!(
            report["errors"]["families"][0]["first"],
            json!({"line": 1, "time": "2024-05-01 10:00:00"})
        );
        assert_eq!(report["assignments"], json!([1, 2, 2]));
        assert!(report["path"].as_str().is_some_and(|p| p.ends_with("a.log")));
    }

    #[test]
    fn a_time_window_and_a_severity_narrow_it() {
        let report = call(json!({"path": "a.log", "since": "2024-05-02", "min_severity": "error"}))
            .expect("a report")
            .output;
        assert_eq!((&report["records"], &report["skipped_records"]), (&json!(1), &json!(1)));
        assert_eq!(report["groups"], json!([]));
        assert_eq!(report["groups_total"], 1);
    }

    #[test]
    fn bad_arguments_say_what_to_do() {
        let failure = call(json!({"path": "a.log", "since": "yesterday"})).expect_err("no time");
        assert!(failure.to_string().contains("write it as the log does"), "{failure}");
        assert!(call(json!({})).is_err());
        assert!(call(json!({"text": "x failed"})).is_ok());
    }
}
