//! The fabric as it runs: providers behind their actors, and models by role.
//!
//! Each ask is one call of one model; which one to try next is the recovery ladder's choice, and
//! whom to ask at all the router's.
//! Long-lived tasks: one supervisor actor and one actor per provider, for as long as the last
//! clone of the [`Fabric`]; one task per call that runs; with a journal, the owner of the stream
//! of learned figures, until [`Fabric::stop`].

mod builder;

pub use builder::{Builder, StartError};

use crate::{
    FabricConfig, Failure, FailureClass, Judgement, Llm, LlmResponse, Model, ProviderStatus,
    Request, Routed, TaskKind, Wish,
    chat::{Answered, Chat},
    figures::Calls,
    hedge::{Again, Hedge},
    learned::{
        Learned, Record,
        owner::{Learning, Owner},
    },
    provider::{
        Came, Work,
        health::ModelStatus,
        scripted::{Script, Scripted},
        supervisor::{Never, Slot},
    },
    router::{self, Candidate, Gate},
    verify::Calibration,
};
use autoos_kernel::{rng::Rng, words::LlmRole};
use futures::{FutureExt, future::BoxFuture};
use ractor::ActorRef;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

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
    hedge: Hedge,
    learning: Arc<Learning>,
    /// Records what is learned; none without a journal, and after the stop.
    owner: Mutex<Option<Owner>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.supervisor.stop(None);
    }
}

impl Fabric {
    /// Begins a fabric with this configuration and the process's environment for its secrets.
    #[must_use]
    pub fn builder(config: FabricConfig) -> Builder {
        Builder::new(config)
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

    /// What the calls of each provider came to, in the order of [`Self::status`].
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Calls> {
        self.0.slots.iter().map(|(_, slot)| &slot.desk.calls)
    }

    #[cfg(test)]
    pub(crate) fn slot(&self, model: &str) -> Option<&Arc<Slot>> {
        self.0.by_id.get(model).map(|at| &self.0.slots[*at].1)
    }
}

impl Llm for Fabric {
    fn ask(&self, request: Request) -> BoxFuture<'static, Result<LlmResponse, Failure>> {
        let fabric = self.clone();
        async move {
            let model = request.model.clone();
            match fabric.work(Work::Ask(Box::new(request))).await? {
                Came::Answer(response) => Ok(*response),
                Came::Chat(_) => Err(Failure::new(&model, FailureClass::Crashed, MIXED)),
            }
        }
        .boxed()
    }

    fn chat(&self, chat: Chat) -> BoxFuture<'static, Result<Answered, Failure>> {
        let fabric = self.clone();
        async move {
            let model = chat.model.clone();
            match fabric.work(Work::Chat(Box::new(chat))).await? {
                Came::Chat(answered) => Ok(*answered),
                Came::Answer(_) => Err(Failure::new(&model, FailureClass::Crashed, MIXED)),
            }
        }
        .boxed()
    }

    fn candidates(&self, role: LlmRole) -> Vec<Model> {
        self.0.roles.get(&role).cloned().unwrap_or_default()
    }

    fn exclude(&self, role: LlmRole, out: &dyn Fn(&str) -> bool) -> Vec<String> {
        let ids = self.0.roles.get(&role).into_iter().flatten().map(|m| &m.id);
        ids.filter(|id| out(id)).cloned().collect()
    }

    fn models(&self) -> Vec<Model> {
        self.0.models.clone()
    }

    fn named(&self, name: &str) -> Vec<Model> {
        self.0.models.iter().filter(|model| model.is_called(name)).cloned().collect()
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

    fn retry_now(&self) {
        self.0.slots.iter().for_each(|slot| slot.1.retry_now());
    }

    fn judged(&self, judgement: &Judgement) {
        if self.0.by_id.contains_key(&judgement.model) {
            self.0.learning.judged(judgement);
        }
    }
}

impl Fabric {
    /// Has work done by the provider of its model, and once more if that takes unusually long and
    /// may cost what it costs. Holds the actors for as long as someone waits for them.
    async fn work(&self, work: Work) -> Result<Came, Failure> {
        let Some(at) = self.0.by_id.get(work.model()) else {
            let detail = "no provider serves it";
            let mut failure = Failure::new(work.model(), FailureClass::BadRequest, detail);
            failure.cost_microusd = Some(0);
            return Err(failure);
        };
        let slot = &self.0.slots[*at].1;
        let usual = slot.desk.provider.remote().then(|| {
            let pieces = work.shows_pieces() && matches!(work, Work::Chat(_));
            let known = |learned: &Learned| self.0.hedge.begin(learned.of(work.model()), pieces);
            self.0.learning.read(known)
        });
        let Some(usual) = usual.flatten() else { return once(slot.clone(), work).await };
        let again = Again::of(&work, self.0.models.iter().find(|m| m.id == work.model()));
        let first = once(slot.clone(), work);
        again.or_second(first, usual, &self.0.hedge, |second| once(slot.clone(), second)).await
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

/// A provider that gave an answer of another kind than it was asked for.
const MIXED: &str = "its provider answered something else than it was asked";

/// Has work done, once.
async fn once(slot: Arc<Slot>, work: Work) -> Result<Came, Failure> {
    let (model, timeout_ms) = (work.model().to_owned(), work.timeout_ms());
    let (call, answer) = slot.desk.admit(work)?;
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
