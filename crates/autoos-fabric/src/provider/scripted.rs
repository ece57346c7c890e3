//! A provider that answers from a script, in this process: for tests, benchmarks and demos.
//!
//! Deterministic: the first rule that matches a request answers it, and nothing is random. It
//! keeps a ledger of the calls it got, in memory and, where asked to, in a file that survives a
//! kill. Left out: wire formats, which the vendors' tests serve over HTTP.

mod example;
mod play;
mod script;

pub use example::six_steps;
pub use script::{Answer, Rule, Script};

use super::{Line, Provider};
use crate::{Failure, FailureClass, LlmResponse, Price, Request, Task};
use autoos_kernel::words::LlmRole;
use futures::{FutureExt, future::BoxFuture};
use play::Ready;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// The provider.
pub struct Scripted(Arc<Inner>);

struct Inner {
    name: String,
    script: Script,
    prices: HashMap<String, Price>,
    calls: AtomicU64,
    /// For each rule, how often it answered.
    used: Vec<AtomicU64>,
    /// For each task text, how often it was asked; kept only when a rule looks at it.
    attempts: Option<Mutex<HashMap<u64, u64>>>,
    memory: Option<Mutex<Vec<Entry>>>,
    file: Option<Mutex<File>>,
}

/// A call as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key of the attempt.
    pub key: String,
    /// The model that was asked.
    pub model: String,
    /// In which role.
    pub role: LlmRole,
    /// What it is charged at, in micro-dollars, whether or not its answer is seen.
    #[serde(default)]
    pub cost_microusd: u64,
}

impl Scripted {
    /// A provider of that name with this script.
    #[must_use]
    pub fn new(name: &str, script: Script) -> Self {
        let looks = script.rules.iter().any(Rule::counts_attempts);
        Self(Arc::new(Inner {
            name: name.to_owned(),
            used: script.rules.iter().map(|_| AtomicU64::new(0)).collect(),
            script,
            prices: HashMap::new(),
            calls: AtomicU64::new(0),
            attempts: looks.then(Mutex::default),
            memory: None,
            file: None,
        }))
    }

    fn inner(&mut self) -> &mut Inner {
        Arc::get_mut(&mut self.0).expect("nothing else holds a provider that is being built")
    }

    /// Gives its models these prices, by id; without, they cost nothing.
    #[must_use]
    pub fn with_prices(mut self, prices: HashMap<String, Price>) -> Self {
        self.inner().prices = prices;
        self
    }

    /// Keeps every call in memory, for [`ledger`](Self::ledger).
    #[must_use]
    pub fn with_memory(mut self) -> Self {
        self.inner().memory = Some(Mutex::default());
        self
    }

    /// Appends a line of JSON, an [`Entry`], to this file for each call before it is answered.
    /// A line is one write, so that lines of a killed process are whole.
    ///
    /// # Errors
    /// What to do when the file cannot be opened.
    pub fn with_ledger(mut self, path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|e| format!("ledger {}: {e}", path.display()))?;
        self.inner().file = Some(Mutex::new(file));
        Ok(self)
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Every call so far, if they are kept in memory.
    #[must_use]
    pub fn ledger(&self) -> Vec<Entry> {
        let memory = self.0.memory.as_ref();
        memory.map(|m| m.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }
}

impl Inner {
    /// Writes a call down, first in the file.
    fn record(&self, request: &Request, cost_microusd: u64) -> Result<(), Failure> {
        if self.file.is_none() && self.memory.is_none() {
            return Ok(());
        }
        let (key, model, role) = (request.key.clone(), request.model.clone(), request.role);
        let entry = Entry { key, model, role, cost_microusd };
        if let Some(file) = &self.file {
            let mut line = serde_json::to_vec(&entry).expect("an entry is plain text");
            line.push(b'\n');
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(&line).map_err(|e| {
                let detail = format!("the ledger cannot be written: {e}");
                Failure::new(&request.model, FailureClass::Server, detail)
            })?;
        }
        if let Some(memory) = &self.memory {
            memory.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        }
        Ok(())
    }

    /// How often this task was asked by now, this time included; 0 when no rule wants to know.
    fn attempt(&self, text: &str, role: LlmRole) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let Some(attempts) = &self.attempts else { return 0 };
        let mut hasher = DefaultHasher::new();
        (text, role).hash(&mut hasher);
        let mut attempts = attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = attempts.entry(hasher.finish()).or_default();
        *count += 1;
        *count
    }

    /// The answer of the first rule that matches and is not used up.
    fn answer(&self, request: &Request, call: u64) -> Answer {
        let text = words(&request.task);
        let attempt = self.attempt(text, request.role);
        for (rule, used) in self.script.rules.iter().zip(&self.used) {
            if !rule.matches(request, text, attempt, call) {
                continue;
            }
            let Some(times) = rule.times else { return rule.answer.clone() };
            let claim = |n: u64| (n < times).then_some(n + 1);
            if used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).is_ok() {
                return rule.answer.clone();
            }
        }
        example::answer(&request.task)
    }
}

/// The text of a task that rules look at.
fn words(task: &Task) -> &str {
    match task {
        Task::Plan { intent, .. } => intent,
        Task::Execute { instruction, .. }
        | Task::Verify { instruction, .. }
        | Task::Synthesize { instruction, .. } => instruction,
    }
}

impl Provider for Scripted {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn ask(
        &self,
        request: Request,
        line: Line,
    ) -> BoxFuture<'static, Result<LlmResponse, Failure>> {
        let inner = Arc::clone(&self.0);
        async move {
            let began = Instant::now();
            let call = inner.calls.fetch_add(1, Ordering::Relaxed) + 1;
            let price = inner.prices.get(&request.model).copied().unwrap_or_default();
            let ready = Ready::new(inner.answer(&request, call), &request, price);
            inner.record(&request, ready.cost_microusd)?;
            ready.play(&request, &line, began).await
        }
        .boxed()
    }
}
