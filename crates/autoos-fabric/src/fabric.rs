//! The fabric as it runs: providers behind their actors, and models by role.
//!
//! Each ask is one call of one model; which one to try next is the recovery ladder's choice.
//! Long-lived tasks: one supervisor actor and one actor per provider, for as long as the last
//! clone of the [`Fabric`]; one task per call that runs.

use crate::{
    Failure, FailureClass, Judgement, Llm, LlmResponse, Model, ProviderStatus, Request, Routed,
    TaskKind, Wish,
    builtin::Builtin,
    config::{self, FabricConfig, ProviderConfig, ProviderKind},
    learned::{
        LearnedError, Record,
        owner::{Learning, Owner},
    },
    provider::{
        Provider,
        desk::{Bounds, Desk},
        health::ModelStatus,
        scripted::{Script, Scripted},
        supervisor::{Never, Slot, Supervisor},
        vendor::Vendor,
    },
    router::{self, Candidate, Gate},
    secret::Secret,
    verify::Calibration,
};
use autoos_journal::SharedJournal;
use autoos_kernel::{rng::Rng, words::LlmRole};
use futures::{FutureExt, future::BoxFuture};
use ractor::{Actor, ActorRef};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Roles that the built-in engine plays when nobody else can.
const BUILTIN_ROLES: [LlmRole; 3] = [LlmRole::Planner, LlmRole::Verifier, LlmRole::Synthesizer];

/// Why the fabric did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not work; it says what to change.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The actors could not be started.
    #[error("the providers' actors could not be started: {0}")]
    Actors(String),
    /// What was learned of models could not be read.
    #[error(transparent)]
    Learned(#[from] LearnedError),
}

/// The LLM fabric. Cheap to clone; the actors stop with the last clone.
#[derive(Clone)]
pub struct Fabric(Arc<Inner>);

struct Inner {
    /// By the provider's name, in the order of preference.
    slots: Vec<(String, Arc<Slot>)>,
    models: Vec<Model>,
    by_id: HashMap<String, usize>,
    roles: BTreeMap<LlmRole, Vec<Model>>,
    supervisor: ActorRef<Never>,
    learning: Arc<Learning>,
    /// Records what is learned; none without a journal, and after the stop.
    owner: Mutex<Option<Owner>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.supervisor.stop(None);
    }
}

/// Where secrets named `env:NAME` come from.
type Env = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Puts a fabric together.
pub struct Builder {
    config: FabricConfig,
    env: Box<Env>,
    extra: Vec<Extra>,
    journal: Option<SharedJournal>,
}

struct Extra {
    provider: Arc<dyn Provider>,
    models: Vec<Model>,
    roles: Vec<LlmRole>,
    bounds: Bounds,
}

impl Builder {
    /// Takes secrets named `env:NAME` from here instead of the process's environment.
    #[must_use]
    pub fn env(mut self, env: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.env = Box::new(env);
        self
    }

    /// Keeps what is learned of models in this journal; without one it is forgotten with the
    /// fabric.
    #[must_use]
    pub fn journal(mut self, journal: SharedJournal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Adds a provider that no configuration can describe. Its models come last for the roles.
    #[must_use]
    pub fn provider(
        mut self,
        provider: Arc<dyn Provider>,
        models: Vec<Model>,
        roles: &[LlmRole],
        (max_in_flight, max_queued): (u32, u32),
    ) -> Self {
        let roles = roles.to_vec();
        let bounds = Bounds { max_in_flight, max_queued, timeouts: None };
        self.extra.push(Extra { provider, models, roles, bounds });
        self
    }

    /// Starts the actors. Needs a tokio runtime; calls nobody.
    ///
    /// # Errors
    /// A configuration that cannot work, a secret that is not there, a journal that cannot be
    /// read.
    pub async fn start(self) -> Result<Fabric, StartError> {
        let (owner, learning) = match self.journal {
            Some(journal) => {
                let (owner, learning) = Owner::start(journal).await?;
                (Some(owner), learning)
            }
            None => (None, Arc::default()),
        };
        let config::Resolved { providers, mut models, mut roles } = config::resolve(&self.config)?;
        let mut slots = Vec::new();
        for (name, provider) in &providers {
            let bounds = Bounds {
                max_in_flight: provider.max_in_flight.unwrap_or(1),
                max_queued: provider.max_queued.unwrap_or(0),
                timeouts: Some(provider.timeouts),
            };
            let provider = build(name, provider, &models, &self.env)?;
            let desk = Desk::new(provider, bounds, Arc::clone(&learning));
            slots.push((name.clone(), Arc::new(Slot::new(desk))));
        }
        for extra in self.extra.into_iter().chain([builtin()]) {
            let name = extra.provider.name().to_owned();
            for role in &extra.roles {
                let listed = roles.entry(*role).or_default();
                let new = extra.models.iter().map(|m| &m.id).filter(|id| !listed.contains(id));
                let new: Vec<String> = new.cloned().collect();
                listed.extend(new);
            }
            models.extend(extra.models);
            let desk = Desk::new(extra.provider, extra.bounds, Arc::clone(&learning));
            slots.push((name, Arc::new(Slot::new(desk))));
        }
        let started = Actor::spawn(None, Supervisor, slots.iter().map(|s| s.1.clone()).collect());
        let (supervisor, _) = started.await.map_err(|e| StartError::Actors(e.to_string()))?;

        let place = |m: &Model| slots.iter().position(|(name, _)| *name == m.provider);
        let by_id = models.iter().filter_map(|m| Some((m.id.clone(), place(m)?))).collect();
        let find = |id: &String| models.iter().find(|m| m.id == *id).cloned();
        let roles =
            roles.iter().map(|(r, ids)| (*r, ids.iter().filter_map(find).collect())).collect();
        let owner = Mutex::new(owner);
        Ok(Fabric(Arc::new(Inner { slots, models, by_id, roles, supervisor, learning, owner })))
    }
}

/// The built-in engine, which is always there and always last.
fn builtin() -> Extra {
    Extra {
        provider: Arc::new(Builtin),
        models: vec![Builtin::model()],
        roles: BUILTIN_ROLES.to_vec(),
        bounds: Bounds { max_in_flight: 64, max_queued: 8_192, timeouts: None },
    }
}

/// The provider that a configuration describes.
fn build(
    name: &str,
    provider: &ProviderConfig,
    models: &[Model],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Arc<dyn Provider>, config::Error> {
    let refuse = |problem| config::Error::new(name, problem);
    let secret = |which: &str, at: &crate::secret::SecretRef| {
        at.resolve(env).map_err(|problem| refuse(format!("{which}: {problem}")))
    };
    let key: Option<Secret> =
        provider.api_key.as_ref().map(|k| secret("api_key", k)).transpose()?;
    let header = |(name, at): (&String, _)| Ok((name.clone(), secret(name, at)?));
    let headers: BTreeMap<String, Secret> =
        provider.headers.iter().map(header).collect::<Result<_, config::Error>>()?;
    let prices = models
        .iter()
        .filter(|m| m.provider == name)
        .map(|m| (m.id.clone(), m.price))
        .collect::<HashMap<_, _>>();
    match provider.kind {
        ProviderKind::Scripted => {
            let script = match &provider.script {
                Some(path) => Script::read(path).map_err(refuse)?,
                None => Script::default(),
            };
            let scripted = Scripted::new(name, script).with_prices(prices);
            let scripted = match &provider.ledger {
                Some(path) => scripted.with_ledger(path).map_err(refuse)?,
                None => scripted,
            };
            Ok(Arc::new(scripted))
        }
        ProviderKind::Anthropic
        | ProviderKind::Openai
        | ProviderKind::Gemini
        | ProviderKind::OpenaiCompatible => {
            Ok(Arc::new(Vendor::new(name, provider, key, headers).map_err(refuse)?))
        }
    }
}

impl Fabric {
    /// Begins a fabric with this configuration and the process's environment for its secrets.
    #[must_use]
    pub fn builder(config: FabricConfig) -> Builder {
        let env = Box::new(|name: &str| std::env::var(name).ok());
        Builder { config, env, extra: Vec::new(), journal: None }
    }

    /// Starts a fabric with this configuration.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn start(config: FabricConfig) -> Result<Self, StartError> {
        Self::builder(config).start().await
    }

    /// A fabric in which one scripted provider plays every role, as `scripted/default`, and the
    /// provider itself, to look into its ledger.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn scripted(script: Script) -> Result<(Self, Arc<Scripted>), StartError> {
        let scripted = Arc::new(Scripted::new("scripted", script).with_memory());
        let model = Model {
            id: "scripted/default".into(),
            vendor: "scripted".into(),
            provider: "scripted".into(),
            context_tokens: 1_000_000,
            price: crate::Price::default(),
            language_model: true,
            abilities: Default::default(),
        };
        let roles = [
            LlmRole::Planner,
            LlmRole::Executor,
            LlmRole::Verifier,
            LlmRole::Auditor,
            LlmRole::Synthesizer,
        ];
        let fabric = Self::builder(FabricConfig::default())
            .provider(scripted.clone(), vec![model], &roles, (1_024, 8_192))
            .start()
            .await?;
        Ok((fabric, scripted))
    }

    /// How every provider is doing, in the order of preference.
    #[must_use]
    pub fn status(&self) -> Vec<ProviderStatus> {
        let of = |(name, slot): &(String, Arc<Slot>)| {
            let mut status = slot.desk.status();
            let models = self.0.models.iter().filter(|m| m.provider == *name);
            status.name.clone_from(name);
            status.vendor = models.clone().next().map(|m| m.vendor.clone()).unwrap_or_default();
            status.models = models.map(|m| m.id.clone()).collect();
            status.learned = self.0.learning.read(|learned| {
                let known = |id: &String| Some(ModelStatus::of(id, learned.of(id)?));
                status.models.iter().filter_map(known).collect()
            });
            status
        };
        self.0.slots.iter().map(of).collect()
    }

    /// What calls taught about a model; none before its first.
    #[must_use]
    pub fn learned(&self, model: &str) -> Option<Record> {
        self.0.learning.read(|learned| learned.of(model).cloned())
    }

    /// Records what was learned last. Calls can go on; what they teach is not recorded any more.
    pub async fn stop(&self) {
        let owner = self.0.owner.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(owner) = owner {
            owner.stop().await;
        }
    }

    #[cfg(test)]
    pub(crate) fn slot(&self, model: &str) -> Option<&Arc<Slot>> {
        self.0.by_id.get(model).map(|at| &self.0.slots[*at].1)
    }
}

impl Llm for Fabric {
    fn ask(&self, request: Request) -> BoxFuture<'static, Result<LlmResponse, Failure>> {
        let slot = self.0.by_id.get(&request.model).map(|at| Arc::clone(&self.0.slots[*at].1));
        // Holds the actors for as long as someone waits for them.
        let fabric = self.clone();
        async move {
            let answer = ask(slot, request).await;
            drop(fabric);
            answer
        }
        .boxed()
    }

    fn candidates(&self, role: LlmRole) -> Vec<Model> {
        self.0.roles.get(&role).cloned().unwrap_or_default()
    }

    fn models(&self) -> Vec<Model> {
        self.0.models.clone()
    }

    fn route(&self, wish: &Wish, rng: &mut dyn Rng) -> Routed {
        let inner = &self.0;
        let models = inner.roles.get(&wish.role).map(Vec::as_slice).unwrap_or_default();
        inner.learning.read(|learned| {
            let candidate = |model| Candidate {
                model,
                record: learned.of(&model.id),
                gate: inner.gate(&model.id),
            };
            let candidates: Vec<_> = models.iter().map(candidate).collect();
            router::route(wish, &candidates, now_ms(), rng)
        })
    }

    fn calibration(&self, model: &str, kind: TaskKind) -> Calibration {
        let of = |record: &Record| Some(record.kinds.get(&kind)?.calibration.clone());
        self.0.learning.read(|learned| learned.of(model).and_then(of)).unwrap_or_default()
    }

    fn judged(&self, judgement: &Judgement) {
        if self.0.by_id.contains_key(&judgement.model) {
            self.0.learning.judged(judgement);
        }
    }
}

impl Inner {
    /// Whether the provider of a model takes calls now.
    fn gate(&self, model: &str) -> Gate {
        self.by_id.get(model).map_or_else(Gate::default, |at| self.slots[*at].1.gate())
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

async fn ask(slot: Option<Arc<Slot>>, request: Request) -> Result<LlmResponse, Failure> {
    let model = request.model.clone();
    let Some(slot) = slot else {
        let mut failure = Failure::new(&model, FailureClass::BadRequest, "no provider serves it");
        failure.cost_microusd = Some(0);
        return Err(failure);
    };
    let timeout_ms = request.timeout_ms;
    let (call, answer) = slot.desk.admit(request)?;
    let ticket = call.ticket();
    let down = || Failure::new(&model, FailureClass::Crashed, "its provider's actor is down");
    if !slot.send(call) {
        return Err(Failure { cost_microusd: Some(0), ..down() });
    }
    match tokio::time::timeout(Duration::from_millis(timeout_ms), answer).await {
        Ok(Ok(settled)) => settled,
        Ok(Err(_)) => Err(down()),
        Err(_) => {
            let detail = format!("no answer within {timeout_ms} ms");
            let failure = Failure::new(&model, FailureClass::Timeout, detail);
            ticket.late(&failure);
            Err(failure)
        }
    }
}

#[cfg(test)]
#[path = "fabric_test.rs"]
mod tests;
