//! A program as a tool, as an operator configures it, and what is checked of it at the start.

use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where programs are looked for when the node itself has no PATH.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Time for ending a program and what it started, in milliseconds.
const MARGIN_MS: u64 = 5_000;

/// A program as a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessConfig {
    /// The tool's name, `area.verb`.
    pub name: String,
    /// One or two sentences for whoever plans.
    pub description: String,
    /// The program, by its path or as it is found in PATH, and its fixed arguments. No shell reads
    /// them.
    pub command: Vec<String>,
    /// The JSON schema of a call's arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    /// A file that holds the schema instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments_file: Option<PathBuf>,
    /// What a second call would do; the worst is assumed unless given.
    #[serde(default = "effectful")]
    pub effect: EffectClass,
    /// How far what it returns is believed.
    #[serde(default = "untrusted")]
    pub trust: TrustLevel,
    /// Whether it reads what it is given: `path` for a file, `text` for inline text.
    #[serde(default)]
    pub reads: bool,
    /// How long one call may take, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// How long it may write nothing before it counts as hung; as long as it takes unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<u64>,
    /// How many run at once.
    #[serde(default = "parallel")]
    pub parallel: usize,
    /// Largest document that it may answer with, in bytes.
    #[serde(default = "max_output_bytes")]
    pub max_output_bytes: usize,
    /// The environment variables that are handed on to it, by name.
    #[serde(default)]
    pub env: Vec<String>,
    /// Where it runs; the root directory unless given.
    #[serde(default = "directory")]
    pub directory: PathBuf,
    /// Of an effectful one: the command that tells by key what became of a call.
    #[serde(default)]
    pub outcome: Vec<String>,
}

fn effectful() -> EffectClass {
    EffectClass::Effectful
}

fn untrusted() -> TrustLevel {
    TrustLevel::Untrusted
}

fn timeout_ms() -> u64 {
    60_000
}

fn parallel() -> usize {
    4
}

fn max_output_bytes() -> usize {
    16 * 1024 * 1024
}

fn directory() -> PathBuf {
    PathBuf::from("/")
}

/// A program and its fixed arguments, found.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) args: Vec<String>,
}

/// What a configuration comes to.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) spec: ToolSpec,
    pub(super) program: Program,
    pub(super) outcome: Option<Program>,
    /// The whole environment that it gets, but for what belongs to one call.
    pub(super) env: Vec<(String, String)>,
}

impl ProcessConfig {
    /// A tool of this name and command, and the rest as it is unless given.
    pub fn new<T: Into<String>>(
        name: impl Into<String>,
        command: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            command: command.into_iter().map(Into::into).collect(),
            arguments: None,
            arguments_file: None,
            effect: effectful(),
            trust: untrusted(),
            reads: false,
            timeout_ms: timeout_ms(),
            silence_ms: None,
            parallel: parallel(),
            max_output_bytes: max_output_bytes(),
            env: Vec::new(),
            directory: directory(),
            outcome: Vec::new(),
        }
    }

    /// # Errors
    /// Says which field is wrong and what belongs there.
    pub(super) fn check(&self, env: impl Fn(&str) -> Option<String>) -> Result<Checked, String> {
        name(&self.name)?;
        if self.trust == TrustLevel::Trusted {
            return Err("trust: a program is at most \"vetted\"".to_owned());
        }
        for (field, value) in
            [("timeout_ms", Some(self.timeout_ms)), ("silence_ms", self.silence_ms)]
        {
            if value.is_some_and(|ms| !(1..=86_400_000).contains(&ms)) {
                return Err(format!("{field}: give 1 to 86400000, a day"));
            }
        }
        if self.parallel == 0 || self.max_output_bytes == 0 {
            return Err("parallel, max_output_bytes: give at least 1".to_owned());
        }
        if !self.directory.is_dir() || !self.directory.is_absolute() {
            return Err(format!(
                "directory: {} is no directory, or not given from the root",
                self.directory.display()
            ));
        }
        let path = env("PATH").unwrap_or_else(|| PATH.to_owned());
        let program = find(&self.command, &path).map_err(|why| format!("command: {why}"))?;
        let outcome = match (self.outcome.is_empty(), self.effect) {
            (true, _) => None,
            (false, EffectClass::Effectful) => {
                Some(find(&self.outcome, &path).map_err(|why| format!("outcome: {why}"))?)
            }
            (false, _) => {
                return Err("outcome: only an effectful tool is asked what became of a call".into());
            }
        };
        let mut handed = vec![("PATH".to_owned(), path)];
        for name in self.env.iter().filter(|name| *name != "PATH") {
            let value = env(name).ok_or_else(|| {
                format!("env: the environment has no {name}: set it or remove it")
            })?;
            handed.push((name.clone(), value));
        }
        let spec = ToolSpec {
            name: self.name.clone(),
            description: self.description.clone(),
            arguments: self.schema()?,
            trust: self.trust,
            effect: self.effect,
            reads: self.reads,
            timeout_ms: self.timeout_ms + MARGIN_MS,
        };
        Ok(Checked { spec, program, outcome, env: handed })
    }

    fn schema(&self) -> Result<Value, String> {
        match (&self.arguments, &self.arguments_file) {
            (Some(_), Some(_)) => {
                Err("arguments, arguments_file: both are given; give one of them".to_owned())
            }
            (Some(schema), None) => Ok(schema.clone()),
            (None, Some(path)) => {
                let unusable = |why: &dyn std::fmt::Display| {
                    format!("arguments_file: {}: {why}", path.display())
                };
                let text = fs::read(path).map_err(|error| unusable(&error))?;
                serde_json::from_slice(&text).map_err(|error| unusable(&error))
            }
            (None, None) => Ok(json!({"type": "object"})),
        }
    }
}

fn name(name: &str) -> Result<(), String> {
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    match name.len() <= 64 && name.contains('.') && name.split('.').all(word) {
        true => Ok(()),
        false => Err(format!(
            "name: {name:?} is not of the form area.verb, in small letters, digits and _"
        )),
    }
}

fn find(command: &[String], path: &str) -> Result<Program, String> {
    let Some((first, args)) = command.split_first().filter(|(first, _)| !first.is_empty()) else {
        return Err("it is empty; name a program".to_owned());
    };
    if command.iter().any(|part| part.contains('\0')) {
        return Err("it holds a NUL character; remove it".to_owned());
    }
    let found = match first.contains('/') {
        true => vec![PathBuf::from(first)],
        false => path.split(':').map(|folder| Path::new(folder).join(first)).collect(),
    };
    let runs = |path: &PathBuf| {
        let file = fs::metadata(path);
        path.is_absolute()
            && file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    match found.into_iter().find(runs) {
        Some(path) => Ok(Program { path, args: args.to_vec() }),
        None => Err(format!(
            "{first} is no program that this node can run; give its path from the root, or a name \
             that is found in PATH"
        )),
    }
}
