//! Putting a fabric together: providers from configuration, models, roles, actors.

use super::{Fabric, Inner};
use crate::{
    Model,
    builtin::Builtin,
    config::{self, FabricConfig, ProviderConfig, ProviderKind},
    hedge::Hedge,
    learned::{LearnedError, owner::Owner},
    provider::{
        Provider,
        desk::{Bounds, Desk},
        scripted::{Script, Scripted},
        supervisor::{Slot, Supervisor},
        vendor::Vendor,
    },
    secret::Secret,
};
use autoos_journal::SharedJournal;
use autoos_kernel::words::LlmRole;
use ractor::Actor;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
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
    /// Begins with this configuration and the process's environment for its secrets.
    pub(super) fn new(config: FabricConfig) -> Self {
        let env = Box::new(|name: &str| std::env::var(name).ok());
        Self { config, env, extra: Vec::new(), journal: None }
    }

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
        let (owner, hedge) = (Mutex::new(owner), Hedge::new(&self.config.hedge));
        let inner = Inner { slots, models, by_id, roles, supervisor, hedge, learning, owner };
        Ok(Fabric(Arc::new(inner)))
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
