//! `fs.search`: the lines of files that hold a text or match a regular expression.
//!
//! Files are read line by line and binary ones passed over; every match is counted, also those
//! past the bound of what is shown. The regular expressions have no backtracking, so that none of
//! them can take forever.

use super::list::Matches;
use crate::{
    Failure, Files, Tool, ToolCall, ToolResult, args,
    files::{Deadline, EntryKind, Lines, Source},
};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use regex::bytes::{Regex, RegexBuilder};
use serde_json::{Value, json};
use std::{collections::VecDeque, io::BufRead};

const RESULTS: u64 = 100;
const RESULTS_MAX: u64 = 1_000;
const CONTEXT_MAX: u64 = 10;
/// Longest part of a line that is looked at, and that is shown, in bytes.
const LINE: usize = 64 * 1024;
const SHOWN: usize = 1_000;
/// Most memory of a compiled expression, in bytes.
const EXPRESSION: usize = 4 * 1024 * 1024;

/// Searches files.
#[derive(Debug)]
pub struct FsSearch {
    spec: ToolSpec,
    files: Files,
}

impl FsSearch {
    /// Searches `files`.
    pub fn new(files: Files) -> Self {
        let spec = ToolSpec {
            name: "fs.search".to_owned(),
            description: "Finds the lines that hold a text or match a regular expression, in a \
                          file, in all files below a directory, or in text; with line numbers and \
                          lines around, and the number of all matches."
                .to_owned(),
            arguments: schema(),
            trust: TrustLevel::Vetted,
            effect: EffectClass::Pure,
            reads: true,
            timeout_ms: 300_000,
        };
        Self { spec, files }
    }
}

impl Tool for FsSearch {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let mut search = Search::new(call, Deadline::after(self.spec.timeout_ms))?;
        match (call.args.get("path").and_then(Value::as_str), call.args.get("text")) {
            (Some(path), None) => self.tree(path, call, &mut search)?,
            // It says what is missing, or that both are there.
            _ => search.input(None, Source::of(call, &self.files)?.reader())?,
        }
        let bytes_read = search.bytes;
        Ok(ToolResult { output: search.output(), bytes_read })
    }
}

impl FsSearch {
    fn tree(&self, path: &str, call: &ToolCall, search: &mut Search) -> Result<(), Failure> {
        let glob = call.args.get("glob").and_then(Value::as_str).map(Matches::new).transpose()?;
        let mut walk = self.files.walk(path, &call.granted)?;
        if !walk.is_directory() {
            let opened = self.files.open(path, &call.granted)?;
            let name = opened.path.display().to_string();
            return search.input(Some(&name), Source::File(opened).reader());
        }
        while let Some(entry) = walk.next() {
            search.deadline.check()?;
            let wanted = glob.as_ref().is_none_or(|glob| glob.hold(&entry));
            if entry.kind != EntryKind::File || !wanted {
                continue;
            }
            // What cannot be opened, or is gone by now, is said and does not end the search.
            match walk.open(&entry) {
                Ok(file) => {
                    let name = entry.path.display().to_string();
                    let reader = std::io::BufReader::with_capacity(256 * 1024, file);
                    search.input(Some(&name), reader)?;
                }
                Err(_) => search.unreadable += 1,
            }
        }
        search.incomplete = walk.incomplete();
        Ok(())
    }
}

/// A search under way.
struct Search {
    expression: Regex,
    context: usize,
    limit: u64,
    deadline: Deadline,
    results: Vec<Value>,
    files: Vec<Value>,
    matches: u64,
    lines: u64,
    bytes: u64,
    searched: u64,
    binary: u64,
    unreadable: u64,
    incomplete: bool,
}

impl Search {
    fn new(call: &ToolCall, deadline: Deadline) -> Result<Self, Failure> {
        let pattern = args::text(call, "pattern")?;
        let pattern = match args::flag(call, "regex").unwrap_or(false) {
            true => pattern.to_owned(),
            false => regex::escape(pattern),
        };
        let expression = RegexBuilder::new(&pattern)
            .case_insensitive(args::flag(call, "ignore_case").unwrap_or(true))
            .size_limit(EXPRESSION)
            .dfa_size_limit(EXPRESSION)
            .build()
            .map_err(|error| Failure::Invalid(format!("pattern: {error}")))?;
        let context = args::count(call, "context").unwrap_or(0).min(CONTEXT_MAX);
        Ok(Self {
            expression,
            context: usize::try_from(context).unwrap_or(0),
            limit: args::count(call, "max_results").unwrap_or(RESULTS),
            deadline,
            results: Vec::new(),
            files: Vec::new(),
            matches: 0,
            lines: 0,
            bytes: 0,
            searched: 0,
            binary: 0,
            unreadable: 0,
            incomplete: false,
        })
    }

    /// Searches one input to its end.
    fn input(&mut self, name: Option<&str>, mut reader: impl BufRead) -> Result<(), Failure> {
        let begin = reader.fill_buf().map_err(|error| {
            Failure::Unavailable(format!("{}: {error}", name.unwrap_or("the text")))
        })?;
        if begin.iter().take(8192).any(|byte| *byte == 0) {
            self.binary += 1;
            return Ok(());
        }
        self.searched += 1;
        let matched_before = self.matches;
        let mut around = Around::new(self.context);
        let mut lines = Lines::new(reader, LINE, self.deadline);
        while let Some(line) = lines.read()? {
            self.lines += 1;
            around.show_after(&mut self.results, line.bytes);
            if let Some(matched) = self.expression.find(line.bytes) {
                self.matches += 1;
                if (self.results.len() as u64) < self.limit {
                    let mut result = json!({
                        "path": name,
                        "line": line.number,
                        "offset": line.offset,
                        "text": shown(line.bytes, matched.start()),
                        "match": shown(matched.as_bytes(), 0),
                    });
                    around.show_before(&mut result, self.results.len());
                    self.results.push(result);
                }
            }
            around.pass(line.bytes);
        }
        self.bytes += lines.offset();
        let matched = self.matches - matched_before;
        if matched > 0 && self.files.len() < 1000 {
            self.files.push(json!({"path": name, "matches": matched}));
        }
        Ok(())
    }

    fn output(self) -> Value {
        json!({
            "results": self.results,
            "matches": self.matches,
            "files": self.files,
            "files_searched": self.searched,
            "lines_searched": self.lines,
            "binary_skipped": self.binary,
            "unreadable": self.unreadable,
            "truncated": self.matches > self.results.len() as u64 || self.incomplete,
        })
    }
}

/// The lines around a match.
struct Around {
    wanted: usize,
    before: VecDeque<String>,
    /// Results that still want lines after them: the place of each, and how many.
    open: Vec<(usize, usize)>,
}

impl Around {
    fn new(wanted: usize) -> Self {
        Self { wanted, before: VecDeque::new(), open: Vec::new() }
    }

    /// Gives a line to the results before it.
    fn show_after(&mut self, results: &mut [Value], line: &[u8]) {
        for (place, wanted) in &mut self.open {
            if let Some(after) = results[*place]["after"].as_array_mut() {
                after.push(Value::from(shown(line, 0)));
            }
            *wanted -= 1;
        }
        self.open.retain(|(_, wanted)| *wanted > 0);
    }

    /// Gives a result, which will stand at `place`, the lines before it.
    fn show_before(&mut self, result: &mut Value, place: usize) {
        if self.wanted > 0 {
            result["before"] = json!(self.before);
            result["after"] = json!([]);
            self.open.push((place, self.wanted));
        }
    }

    fn pass(&mut self, line: &[u8]) {
        if self.wanted == 0 {
            return;
        }
        if self.before.len() == self.wanted {
            self.before.pop_front();
        }
        self.before.push_back(shown(line, 0));
    }
}

/// The part of a line that is shown: its beginning, or around `at` where it is long.
fn shown(bytes: &[u8], at: usize) -> String {
    if bytes.len() <= SHOWN {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let from = at.saturating_sub(SHOWN / 4);
    let to = (from + SHOWN).min(bytes.len());
    let text = String::from_utf8_lossy(&bytes[from..to]);
    let text = text.trim_matches('\u{fffd}');
    format!("{}{text}{}", if from > 0 { "…" } else { "" }, if to < bytes.len() { "…" } else { "" })
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1, "description": "a file or a directory"},
            "text": {"type": "string", "description": "the text itself, instead of path"},
            "pattern": {"type": "string", "minLength": 1, "maxLength": 10_000},
            "regex": {"type": "boolean",
                "description": "whether pattern is a regular expression; false unless given"},
            "ignore_case": {"type": "boolean", "description": "true unless given"},
            "glob": {"type": "string", "minLength": 1, "maxLength": 1000,
                "description": "which files below a directory, such as *.log; all unless given"},
            "context": {"type": "integer", "minimum": 0, "maximum": CONTEXT_MAX,
                "description": "lines before and after each match; 0 unless given"},
            "max_results": {"type": "integer", "minimum": 1, "maximum": RESULTS_MAX,
                "description": "most matches to show; all are counted; 100 unless given"},
        },
        "required": ["pattern"],
        "anyOf": [{"required": ["path"]}, {"required": ["text"]}],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(args: Value) -> Result<Value, Failure> {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        std::fs::create_dir(root.join("sub")).expect("a directory");
        std::fs::write(root.join("a.log"), "one\nTwo error\r\nthree\nfour error\nfive").expect("a");
        std::fs::write(root.join("sub/b.txt"), "an error.\n").expect("a file");
        std::fs::write(root.join("sub/c.bin"), b"error\0error\n").expect("a file");
        std::fs::write(
            root.join("long"),
            format!("{}needle{}", "a".repeat(5000), "b".repeat(5000)),
        )
        .expect("a file");
        std::os::unix::fs::symlink("/etc/passwd", root.join("link")).expect("a link");
        let files = Files::new(&[root], &[], None).expect("a root");
        let call = ToolCall {
            tool: "fs.search".into(),
            args,
            idempotency_key: None,
            deadline: None,
            granted: vec![],
            stop: crate::Stop::default(),
        };
        FsSearch::new(files).call(&call).map(|result| result.output)
    }

    #[test]
    fn finds_lines_with_their_surroundings() {
        let args = json!({"path": "a.log", "pattern": "ERROR", "context": 1});
        let output = search(args).expect("results");
        assert_eq!(output["matches"], json!(2));
        let first = &output["results"][0];
        assert_eq!((&first["line"], &first["text"]), (&json!(2), &json!("Two error")));
        assert_eq!((&first["before"], &first["after"]), (&json!(["one"]), &json!(["three"])));
        assert_eq!(first["offset"], json!(4));
        assert_eq!(output["results"][1]["after"], json!(["five"]));
        let exact = json!({"path": "a.log", "pattern": "ERROR", "ignore_case": false});
        assert_eq!(search(exact).expect("results")["matches"], json!(0));
    }

    #[test]
    fn searches_trees_and_passes_over_binaries_and_links() {
        let output = search(json!({"path": ".", "pattern": "error"})).expect("results");
        assert_eq!((&output["matches"], &output["binary_skipped"]), (&json!(3), &json!(1)));
        assert_eq!(output["files_searched"], json!(3), "the link is none of them");
        let output = search(json!({"path": ".", "pattern": "error", "glob": "*.txt"}));
        assert_eq!(output.expect("results")["matches"], json!(1));
    }

    #[test]
    fn text_means_itself_and_expressions_what_they_say() {
        let text = "a.c\nabc\n";
        let plain = search(json!({"text": text, "pattern": "a.c"})).expect("results");
        assert_eq!(plain["matches"], json!(1));
        let args = json!({"text": text, "pattern": "^a.c$", "regex": true});
        assert_eq!(search(args).expect("results")["matches"], json!(2));
        assert!(search(json!({"text": "x", "pattern": "(", "regex": true})).is_err());
        let huge = json!({"text": "x", "pattern": "(((a{100}){100}){100}){100}", "regex": true});
        assert!(matches!(search(huge), Err(Failure::Invalid(_))));
    }

    #[test]
    fn counts_past_what_it_shows() {
        let text = "x\n".repeat(500);
        let args = json!({"text": text, "pattern": "x", "max_results": 3});
        let output = search(args).expect("results");
        assert_eq!(output["results"].as_array().map(Vec::len), Some(3));
        assert_eq!((&output["matches"], &output["truncated"]), (&json!(500), &json!(true)));
    }

    #[test]
    fn shows_the_match_in_a_long_line() {
        let output = search(json!({"path": "long", "pattern": "needle"})).expect("results");
        let text = output["results"][0]["text"].as_str().expect("text");
        assert!(text.contains("needle") && text.len() < 1100, "{text}");
    }
}
