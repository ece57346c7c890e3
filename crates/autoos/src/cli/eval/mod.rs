//! `eval`: the fabric's decisions on recorded data, offline: JSON lines in, JSON lines out.
//!
//! Each line is decided before its truth is looked at; the truth is then told as an outcome, from
//! which the lines after it may profit. Left out: models; nothing here asks one.

mod figures;
mod jobs;

use super::{COMPLETED, ERROR, Global, Output};
use crate::fail::Said;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use jobs::{Check, Consensus, Job, Route};
use serde_json::{Map, Value, json};
use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read as _, Write as _},
    path::PathBuf,
};

/// A line may be so long, in bytes.
const LONGEST: usize = 64 << 20;

/// Decisions on recorded data.
#[derive(Debug, Subcommand)]
pub(crate) enum Eval {
    /// Is each answer borne out by its context?
    ///
    /// A line: {"id", "context", "answer"}; "consistent" or "truth", true or false, where it is
    /// known. Out: {"id", "score", "unsupported"}; a score of 1 says supported, below 0.5 that
    /// something probably is not.
    #[command(after_help = CHECK)]
    Check(Lines),
    /// Which of several answers to take, and how sure to be of it
    ///
    /// A line: {"id", "question", "answers": {model: text}}; "truth" where it is known. Out:
    /// {"id", "final", "confidence", "supporters"}. Who answers well is learned line by line.
    Consensus(Lines),
    /// How much each prompt needs the strong model
    ///
    /// A line: {"id", "prompt"}; "correct": {"weak", "strong"} where it is known. Out: {"id",
    /// "score"}; above 0.5 the strong one is expected to do better. Learned line by line.
    Route(Lines),
}

const CHECK: &str = "\
Example:
  echo '{\"id\":1,\"context\":\"Sales were 42.\",\"answer\":\"Sales were 24.\"}' | autoos eval check -";

#[derive(Debug, Args)]
pub(crate) struct Lines {
    /// JSON lines; - reads standard input
    file: PathBuf,
    /// Write the figures here as JSON, besides telling them on standard error
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Eval {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self {
            Self::Check(lines) => lines.run(global, &mut Check::default()),
            Self::Consensus(lines) => lines.run(global, &mut Consensus::default()),
            Self::Route(lines) => lines.run(global, &mut Route::default()),
        }
    }
}

impl Lines {
    fn run(&self, global: &Global, job: &mut dyn Job) -> anyhow::Result<u8> {
        let mut from = self.open()?;
        let mut to = std::io::stdout().lock();
        let (mut number, mut bad) = (0_u64, 0_u64);
        while let Some(line) = next(&mut from).context("cannot read the lines")? {
            number += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let out = parse(&line).and_then(|value| job.line(&value)).unwrap_or_else(|why| {
                bad += 1;
                json!({ "line": number, "error": why })
            });
            match writeln!(to, "{out}").and_then(|()| to.flush()) {
                // Whoever closed the pipe wants no more.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(COMPLETED),
                written => written.context("cannot write to standard output")?,
            }
        }
        drop(to);
        let mut report = Map::new();
        report.insert("lines".into(), number.into());
        report.insert("bad_lines".into(), bad.into());
        report.extend(job.report().into_iter().map(|(name, figure)| (name.to_owned(), figure)));
        self.tell(global, &report)?;
        Ok(if bad > 0 { ERROR } else { COMPLETED })
    }

    fn open(&self) -> anyhow::Result<Box<dyn BufRead>> {
        if self.file.as_os_str() == "-" {
            return Ok(Box::new(std::io::stdin().lock()));
        }
        let file = File::open(&self.file).map_err(|error| {
            let advice = "give a file of JSON lines, or - for standard input";
            Said::new("not_found", format!("{}: {error}", self.file.display()), advice)
        })?;
        Ok(Box::new(BufReader::new(file)))
    }

    /// Tells the figures on standard error, and in a file where one is wanted.
    fn tell(&self, global: &Global, report: &Map<String, Value>) -> anyhow::Result<()> {
        let text = match global.output {
            Output::Json => json!(report).to_string(),
            Output::Text => {
                let lines = report.iter().map(|(name, figure)| figures::sentence(name, figure));
                lines.collect::<Vec<_>>().join("\n")
            }
        };
        // If nobody listens there, the file may be what counts.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
        if let Some(path) = &self.report {
            std::fs::write(path, format!("{:#}\n", json!(report)))
                .with_context(|| format!("cannot write the report to {}", path.display()))?;
        }
        Ok(())
    }
}

/// The next line, none at the end. Of one that is too long just enough is kept to tell.
fn next(from: &mut dyn BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut part = from.take(LONGEST as u64 + 1);
    if part.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let mut rest = Vec::new();
    while line.len() > LONGEST && !rest.ends_with(b"\n") {
        rest.clear();
        if from.take(LONGEST as u64).read_until(b'\n', &mut rest)? == 0 {
            break;
        }
    }
    Ok(Some(line))
}

fn parse(line: &[u8]) -> Result<Value, String> {
    if line.len() > LONGEST {
        return Err(format!("the line is longer than {LONGEST} bytes"));
    }
    serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))
}
