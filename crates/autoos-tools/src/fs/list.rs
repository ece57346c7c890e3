//! `fs.list`: which files there are.

use crate::{
    Failure, Files, Tool, ToolCall, ToolResult, args,
    files::{Deadline, Entry, EntryKind},
};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Value, json};

const LIMIT: u64 = 1_000;
const LIMIT_MAX: u64 = 10_000;

/// Lists directories.
#[derive(Debug)]
pub struct FsList {
    spec: ToolSpec,
    files: Files,
}

impl FsList {
    /// Lists what is in `files`.
    pub fn new(files: Files) -> Self {
        let spec = ToolSpec {
            name: "fs.list".to_owned(),
            description: "Lists the files of a directory, in the order of their names, also \
                          recursively and by a glob. Without a path it names the directories that \
                          are open."
                .to_owned(),
            arguments: json!({
                "type": "object",
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "glob": {"type": "string", "minLength": 1, "maxLength": 1000,
                        "description": "such as *.log; with a slash it is matched against the whole \
                            path below the directory, where ** spans directories"},
                    "recursive": {"type": "boolean",
                        "description": "also what is below; false unless given, true with ** in glob"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX,
                        "description": "most entries; 1000 unless given"},
                },
                "additionalProperties": false,
            }),
            trust: TrustLevel::Vetted,
            effect: EffectClass::Pure,
            reads: false,
            timeout_ms: 60_000,
        };
        Self { spec, files }
    }

    /// What may be listed at all.
    fn roots(&self, call: &ToolCall) -> Value {
        let roots = self.files.roots().map(
            |(path, writable)| json!({"path": path.display().to_string(), "writable": writable}),
        );
        let granted: Vec<String> =
            call.granted.iter().map(|path| path.display().to_string()).collect();
        json!({"roots": roots.collect::<Vec<_>>(), "granted": granted})
    }
}

impl Tool for FsList {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let Some(path) = call.args.get("path").and_then(Value::as_str) else {
            return Ok(ToolResult { output: self.roots(call), bytes_read: 0 });
        };
        let deadline = Deadline::after(self.spec.timeout_ms);
        let glob = call.args.get("glob").and_then(Value::as_str);
        let matches = glob.map(Matches::new).transpose()?;
        let limit = args::count(call, "limit").unwrap_or(LIMIT);
        let recursive = args::flag(call, "recursive")
            .unwrap_or_else(|| glob.is_some_and(|glob| glob.contains("**")));

        let mut walk = self.files.walk(path, &call.granted)?.recursive(recursive);
        let mut entries = Vec::new();
        let mut matched: u64 = 0;
        for entry in walk.by_ref() {
            deadline.check()?;
            if matches.as_ref().is_some_and(|matches| !matches.hold(&entry)) {
                continue;
            }
            matched += 1;
            if matched <= limit {
                entries.push(shown(&entry));
            }
        }
        let output = json!({
            "path": walk.top().display().to_string(),
            "entries": entries,
            "matched": matched,
            "truncated": matched > limit || walk.incomplete(),
        });
        Ok(ToolResult { output, bytes_read: 0 })
    }
}

fn shown(entry: &Entry) -> Value {
    let kind = match entry.kind {
        EntryKind::File => "file",
        EntryKind::Directory => "directory",
        EntryKind::Symlink => "symlink",
        EntryKind::Other => "other",
    };
    json!({
        "name": entry.relative.display().to_string(),
        "path": entry.path.display().to_string(),
        "kind": kind,
        "size": entry.size,
        "modified_s": entry.modified_s,
    })
}

/// A glob; one without a slash is about names alone.
#[derive(Debug)]
pub(super) struct Matches {
    matcher: GlobMatcher,
    whole: bool,
}

impl Matches {
    /// # Errors
    /// What is wrong with the glob.
    pub(super) fn new(glob: &str) -> Result<Self, Failure> {
        let built = GlobBuilder::new(glob).literal_separator(true).build();
        let matcher = built
            .map_err(|error| Failure::Invalid(format!("glob: {error}; write one such as *.log")))?
            .compile_matcher();
        Ok(Self { matcher, whole: glob.contains('/') })
    }

    pub(super) fn hold(&self, entry: &Entry) -> bool {
        match (self.whole, entry.relative.file_name()) {
            (false, Some(name)) => self.matcher.is_match(name),
            _ => self.matcher.is_match(&entry.relative),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(args: Value) -> Result<Value, Failure> {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        std::fs::create_dir_all(root.join("b/c")).expect("directories");
        for file in ["a.log", "z.txt", "b/b.log", "b/c/c.log"] {
            std::fs::write(root.join(file), file).expect("a file");
        }
        std::os::unix::fs::symlink("/etc", root.join("link")).expect("a link");
        let files = Files::new(&[root], &[], None).expect("a root");
        let call = ToolCall {
            tool: "fs.list".into(),
            args,
            idempotency_key: None,
            deadline: None,
            granted: vec![],
            stop: crate::Stop::default(),
        };
        FsList::new(files).call(&call).map(|result| result.output)
    }

    fn names(args: Value) -> Vec<String> {
        let output = list(args).expect("a list");
        let entries = output["entries"].as_array().expect("entries");
        entries.iter().filter_map(|entry| entry["name"].as_str()).map(str::to_owned).collect()
    }

    #[test]
    fn lists_in_order_and_follows_no_links() {
        assert_eq!(names(json!({"path": "."})), ["a.log", "b", "link", "z.txt"]);
        assert_eq!(
            names(json!({"path": ".", "recursive": true})),
            ["a.log", "b", "b/b.log", "b/c", "b/c/c.log", "link", "z.txt"]
        );
        assert_eq!(names(json!({"path": "b/b.log"})), ["b.log"]);
    }

    #[test]
    fn globs() {
        assert_eq!(names(json!({"path": ".", "glob": "*.log"})), ["a.log"]);
        let all = ["a.log", "b/b.log", "b/c/c.log"];
        assert_eq!(names(json!({"path": ".", "glob": "*.log", "recursive": true})), all);
        assert_eq!(names(json!({"path": ".", "glob": "**/*.log"})), all);
        assert_eq!(
            names(json!({"path": ".", "glob": "b/*", "recursive": true})),
            ["b/b.log", "b/c"]
        );
        assert!(list(json!({"path": ".", "glob": "[a"})).is_err());
    }

    #[test]
    fn says_what_was_left_out_and_what_is_open() {
        let output = list(json!({"path": ".", "recursive": true, "limit": 2})).expect("a list");
        assert_eq!((&output["matched"], &output["truncated"]), (&json!(7), &json!(true)));
        let path = output["path"].as_str().expect("a path");
        assert!(!path.ends_with('/'), "{path}");
        assert_eq!(list(json!({})).expect("roots")["roots"][0]["writable"], json!(false));
    }
}
