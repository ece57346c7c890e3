//! A provider that answers from a script, in this process: for tests, benchmarks and demos.
//!
//! Deterministic: the first rule that matches a request answers it, and nothing is random. It
//! keeps a ledger of the calls it got, in memory and, where asked to, in a file that survives a
//! kill. Left out: wire formats, which the vendors' tests serve over HTTP.

mod example;
mod script;

pub use example::six_steps;
pub use script::{Answer, Rule, Script};

use super::Provider;
use crate::{Failure, FailureClass, LlmResponse, Price, Request, Task, Usage};
use autoos_kernel::words::LlmRole;
use futures::{FutureExt, future::BoxFuture};
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
    time::{Duration, Instant},
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
}

impl Scripted {
    /// A provider of that name with this script.
    #[must_use]
    pub fn new(name: &str, script: Script) -> Self {
        let looks = script.rules.iter().any(|r| r.attempt.is_some());
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
    fn record(&self, request: &Request) -> Result<(), Failure> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.file.is_none() && self.memory.is_none() {
            return Ok(());
        }
        let entry =
            Entry { key: request.key.clone(), model: request.model.clone(), role: request.role };
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
    fn answer(&self, request: &Request) -> Answer {
        let text = words(&request.task);
        let attempt = self.attempt(text, request.role);
        for (rule, used) in self.script.rules.iter().zip(&self.used) {
            if !rule.matches(request, text, attempt) {
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

    fn ask(&self, request: Request) -> BoxFuture<'static, Result<LlmResponse, Failure>> {
        let inner = Arc::clone(&self.0);
        async move {
            let began = Instant::now();
            inner.record(&request)?;
            let answer = inner.answer(&request);
            if let Some(ms) = answer.delay_ms {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            if answer.hang {
                std::future::pending::<()>().await;
            }
            assert!(!answer.panic, "the script says so");
            let price = inner.prices.get(&request.model).copied().unwrap_or_default();
            settle(&request, answer, price, began)
        }
        .boxed()
    }
}

fn settle(
    request: &Request,
    answer: Answer,
    price: Price,
    began: Instant,
) -> Result<LlmResponse, Failure> {
    if let Some(class) = answer.fail {
        let mut failure = Failure::new(&request.model, class, "the script says so");
        failure.retry_after_ms = answer.retry_after_ms;
        failure.cost_microusd = Some(answer.cost_microusd.unwrap_or(0));
        return Err(failure);
    }
    let text = match (answer.text, answer.value) {
        (Some(text), _) => text,
        (None, Some(value)) => value.to_string(),
        (None, None) => String::new(),
    };
    let usage = answer
        .usage
        .unwrap_or_else(|| Usage { input: 4 * 100, output: crate::prompt::tokens(&text) });
    let cost_microusd = answer.cost_microusd.unwrap_or_else(|| price.cost(usage));
    let latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let response = LlmResponse {
        model: request.model.clone(),
        text,
        value: None,
        tool_calls: answer.tool_calls,
        usage,
        cost_microusd,
        latency_ms,
        first_token_ms: None,
    };
    crate::answer::check(request, response)
}
