//! Programs as tools: one call is one process.
//!
//! A program gets a call's arguments as one JSON document on standard input, and answers with one
//! JSON document on standard output. Before it, lines of the form `{"progress": …}` may say that
//! it is at work. No shell is involved, and of the environment it sees PATH, what the operator
//! named, and what belongs to the call:
//!
//! | variable | holds |
//! |---|---|
//! | `AUTOOS_TOOL` | the tool's name |
//! | `AUTOOS_KEY` | the idempotency key of an effectful call |
//! | `AUTOOS_DEADLINE_MS` | when it will be killed, in milliseconds since 1970: it must change nothing after that |
//!
//! | it ends | which means |
//! |---|---|
//! | with 0 and a document | done |
//! | with 64 or 65 | the arguments are of no use; it changed nothing |
//! | with 69 or 75 | what it needs is out of reach; it changed nothing, and may be called again |
//! | with 77 | it may not; it changed nothing |
//! | otherwise, or with 0 and no document | it crashed |
//! | not, until its time is over | it hung, and is killed with all that it started |
//!
//! An effectful call is noted before it begins, so that a key is good for one run. What became of
//! one whose end was not seen tells the `outcome` command, where there is one: it gets the same
//! arguments and key, and answers `{"outcome": "done" | "not_done" | "unknown", "result": …}`.

mod config;
mod output;
mod run;

pub use config::ProcessConfig;

use crate::{
    Failure, Outcome, Tool, ToolCall, ToolResult,
    ledger::{self, Ledger},
};
use autoos_kernel::{tool::ToolSpec, words::EffectClass};
use config::{Checked, Program};
use run::{End, Job, Ran};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{runtime::Handle, sync::Semaphore, time::Instant};

/// Longest time that the outcome command may take.
const OUTCOME: Duration = Duration::from_secs(10);
/// Largest answer of the outcome command besides its result, in bytes.
const OUTCOME_MORE: usize = 1024;

/// A program as a tool.
#[derive(Debug)]
pub struct Process {
    config: ProcessConfig,
    checked: Checked,
    permits: Semaphore,
    /// Of an effectful one: the keys of calls that have begun.
    ledger: Option<Ledger<Record>>,
}

/// A call that has begun.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    v: u32,
    key: String,
    args: String,
}

impl ledger::Record for Record {
    fn key(&self) -> &str {
        &self.key
    }

    fn version(&self) -> u32 {
        self.v
    }
}

impl Process {
    /// The program as configured; an effectful one keeps its ledger in `data_dir`.
    ///
    /// # Errors
    /// Says which field of the configuration is wrong, or why the ledger cannot be made.
    pub fn new(config: ProcessConfig, data_dir: Option<&Path>) -> Result<Self, String> {
        let checked = config.check(|name| std::env::var(name).ok())?;
        let ledger = match (config.effect, data_dir) {
            (EffectClass::Effectful, Some(path)) => {
                let path = path.join("tools").join(&config.name);
                Some(Ledger::open(path).map_err(|e| format!("its ledger cannot be made: {e}"))?)
            }
            (EffectClass::Effectful, None) => {
                return Err("an effectful tool keeps a ledger and needs a data directory".into());
            }
            _ => None,
        };
        let permits = Semaphore::new(config.parallel);
        Ok(Self { config, checked, permits, ledger })
    }

    fn run(
        &self,
        program: &Program,
        call: &ToolCall,
        limit: Duration,
        most: usize,
    ) -> Result<Ran, Failure> {
        let name = &self.config.name;
        let runtime = Handle::try_current().map_err(|_| {
            Failure::Unavailable(format!("{name} needs to be called on a tokio runtime"))
        })?;
        let until = Instant::now() + limit;
        let mut env = self.checked.env.clone();
        env.push(("AUTOOS_TOOL".to_owned(), name.clone()));
        if let Some(key) = &call.idempotency_key {
            env.push(("AUTOOS_KEY".to_owned(), key.replace('\0', " ")));
        }
        let killed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + limit;
        let killed =
            call.deadline.map_or(killed.as_millis(), |at| killed.as_millis().min(at.0.into()));
        env.push(("AUTOOS_DEADLINE_MS".to_owned(), killed.to_string()));
        let job = Job {
            program,
            env,
            directory: &self.config.directory,
            input: call.args.to_string().into_bytes(),
            until,
            silence: self.config.silence_ms.map(Duration::from_millis),
            most,
        };
        runtime
            .block_on(run::run(job))
            .map_err(|error| Failure::Unavailable(format!("{name} could not be started: {error}")))
    }

    /// Waits for a turn; what is left of the time limit then.
    fn turn(&self) -> Result<(tokio::sync::SemaphorePermit<'_>, Duration), Failure> {
        let began = std::time::Instant::now();
        let limit = Duration::from_millis(self.config.timeout_ms);
        let busy = || {
            Failure::Unavailable(format!(
                "{} runs {} times already, and none ended in time; try again later",
                self.config.name, self.config.parallel
            ))
        };
        let runtime = Handle::try_current().map_err(|_| busy())?;
        let waiting = async { tokio::time::timeout(limit, self.permits.acquire()).await };
        let permit = runtime.block_on(waiting).map_err(|_| busy())?.map_err(|_| busy())?;
        Ok((permit, limit.saturating_sub(began.elapsed())))
    }

    fn work(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let (_permit, limit) = self.turn()?;
        let Some(ledger) = &self.ledger else {
            let ran = self.run(&self.checked.program, call, limit, self.config.max_output_bytes)?;
            return self.ended(&ran);
        };
        let key = ledger::key(call)?;
        ledger::in_time(call)?;
        let args = ledger::fingerprint(&call.args);
        ledger.put(&Record { v: 1, key: key.to_owned(), args })?;
        let end = ledger::in_time(call)
            .and_then(|()| {
                self.run(&self.checked.program, call, limit, self.config.max_output_bytes)
            })
            .and_then(|ran| self.ended(&ran));
        // These ends say that nothing was changed, so the key is as good as new.
        if let Err(Failure::Invalid(_) | Failure::Denied(_) | Failure::Unavailable(_)) = end {
            ledger.remove(key)?;
        }
        end
    }

    fn ended(&self, ran: &Ran) -> Result<ToolResult, Failure> {
        let name = &self.config.name;
        let told = ran.complaint.told(&self.checked.env[1..]);
        let told = if told.is_empty() { told } else { format!(": {told}") };
        let said = |what: &str| format!("{name} {what}{told}");
        match ran.end {
            End::Code(0) => match ran.answer.document() {
                Ok(output) => Ok(ToolResult { output, bytes_read: 0 }),
                Err(why) => Err(Failure::Crashed(said(&format!("ended well, but {why}")))),
            },
            End::Code(code @ (64 | 65)) => {
                Err(Failure::Invalid(said(&format!("refused the arguments (exit code {code})"))))
            }
            End::Code(code @ (69 | 75)) => {
                Err(Failure::Unavailable(said(&format!("cannot work now (exit code {code})"))))
            }
            End::Code(77) => Err(Failure::Denied(said("may not do this (exit code 77)"))),
            End::Code(code) => Err(Failure::Crashed(said(&format!("ended with exit code {code}")))),
            End::Signal(signal) => {
                Err(Failure::Crashed(said(&format!("was ended by signal {signal}"))))
            }
            End::Late => Err(Failure::Timeout(self.config.timeout_ms)),
            End::Silent => Err(Failure::Crashed(said(&format!(
                "wrote nothing for {} ms and was killed",
                self.config.silence_ms.unwrap_or_default()
            )))),
            End::TooLarge => Err(Failure::Crashed(said(&format!(
                "wrote more than {} bytes and was killed",
                self.config.max_output_bytes
            )))),
        }
    }

    /// Asks the program itself what became of a call that has begun.
    fn asked(&self, call: &ToolCall) -> Outcome {
        let Some(program) = &self.checked.outcome else { return Outcome::Unknown };
        let limit = OUTCOME.min(Duration::from_millis(self.config.timeout_ms));
        let most = self.config.max_output_bytes.saturating_add(OUTCOME_MORE);
        let document = match self.run(program, call, limit, most) {
            Ok(ran) if ran.end == End::Code(0) => ran.answer.document().unwrap_or(Value::Null),
            _ => return Outcome::Unknown,
        };
        match document.get("outcome").and_then(Value::as_str) {
            Some("done") => {
                let output = document.get("result").cloned().unwrap_or(Value::Null);
                Outcome::Done(ToolResult { output, bytes_read: 0 })
            }
            Some("not_done") => Outcome::NotDone,
            _ => Outcome::Unknown,
        }
    }
}

impl Tool for Process {
    fn spec(&self) -> &ToolSpec {
        &self.checked.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let Some(ledger) = &self.ledger else { return self.work(call) };
        match ledger.get(ledger::key(call)?)? {
            None => self.work(call),
            Some(record) if record.args != ledger::fingerprint(&call.args) => {
                Err(Failure::Invalid(
                    "this idempotency key was used for another call; use a new one".to_owned(),
                ))
            }
            Some(_) => match self.asked(call) {
                Outcome::Done(result) => Ok(result),
                Outcome::NotDone => self.work(call),
                Outcome::Unknown => Err(Failure::Crashed(format!(
                    "{} was called with this key before, and what became of it cannot be told; \
                     look for its effect, and call with a new key if need be",
                    self.config.name
                ))),
            },
        }
    }

    fn outcome(&self, call: &ToolCall) -> Outcome {
        let key = call.idempotency_key.as_deref().unwrap_or_default();
        let Some(ledger) = &self.ledger else { return Outcome::Unknown };
        match ledger.get(key) {
            Ok(None) => Outcome::NotDone,
            Ok(Some(record)) if record.args == ledger::fingerprint(&call.args) => self.asked(call),
            _ => Outcome::Unknown,
        }
    }
}
