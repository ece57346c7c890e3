//! A vendor of the play: what it serves, for how much, and its script.

use autoos_fabric::{
    FabricConfig, FailureClass, Price, Quality,
    config::{ModelConfig, ProviderConfig, ProviderKind, Timeouts},
    provider::scripted::{Answer, Rule, Script},
};
use autoos_kernel::words::LlmRole;
use std::path::Path;

/// The model that every vendor serves.
const MODEL: &str = "large";
/// What it costs, in micro-dollars per million tokens.
const PRICE: Price = Price { input: 1_000_000, output: 5_000_000 };

/// A vendor.
#[derive(Debug, Clone)]
pub(super) struct Vendor {
    name: &'static str,
    roles: Vec<LlmRole>,
    quality: f64,
    first_token_ms: Option<u64>,
    script: Script,
}

impl Vendor {
    /// One that plays these roles; until it is told otherwise it gives the six-step example.
    pub(super) fn new(name: &'static str, roles: &[LlmRole]) -> Self {
        Self {
            name,
            roles: roles.to_vec(),
            quality: 0.9,
            first_token_ms: None,
            script: Script::default(),
        }
    }

    /// How good its answers are expected to be: who is better is asked first.
    pub(super) fn quality(mut self, quality: f64) -> Self {
        self.quality = quality;
        self
    }

    /// How long its first token may take.
    pub(super) fn patience(mut self, first_token_ms: u64) -> Self {
        self.first_token_ms = Some(first_token_ms);
        self
    }

    /// The first so many times it does this.
    pub(super) fn first(mut self, times: u64, answer: Answer) -> Self {
        self.script.rules.push(Rule { times: Some(times), answer, ..Rule::default() });
        self
    }

    /// From then on it does this.
    pub(super) fn then(mut self, answer: Answer) -> Self {
        self.script.rules.push(Rule { answer, ..Rule::default() });
        self
    }

    /// It does what this rule says.
    pub(super) fn rule(mut self, rule: Rule) -> Self {
        self.script.rules.push(rule);
        self
    }

    fn id(&self) -> String {
        format!("{}/{MODEL}", self.name)
    }

    fn provider(&self, dir: &Path) -> anyhow::Result<ProviderConfig> {
        let path = dir.join(format!("{}.json", self.name));
        std::fs::write(&path, serde_json::to_vec_pretty(&self.script)?)?;
        let mut model = ModelConfig::new(MODEL);
        model.price = Some(PRICE);
        model.quality = Some(Quality { general: self.quality, ..Quality::default() });
        let mut provider = ProviderConfig::new(ProviderKind::Scripted);
        provider.models = vec![model];
        provider.script = Some(path);
        if let Some(first_token_ms) = self.first_token_ms {
            provider.timeouts = Timeouts { first_token_ms, ..Timeouts::default() };
        }
        Ok(provider)
    }
}

/// A fabric of these vendors alone, their scripts in `dir`. Every role is listed, so that nobody
/// else is asked, whatever keys the environment holds.
pub(super) fn fabric(vendors: &[Vendor], dir: &Path) -> anyhow::Result<FabricConfig> {
    let mut config = FabricConfig::default();
    for vendor in vendors {
        config.providers.insert(vendor.name.to_owned(), vendor.provider(dir)?);
    }
    use LlmRole as R;
    for role in [R::Planner, R::Executor, R::Verifier, R::Synthesizer, R::Auditor] {
        let plays = |v: &&Vendor| v.roles.contains(&role);
        let mut ids: Vec<String> = vendors.iter().filter(plays).map(Vendor::id).collect();
        if ids.is_empty() {
            ids = vendors.iter().map(Vendor::id).collect();
        }
        config.roles.insert(role, ids);
    }
    Ok(config)
}

/// An answer that takes a while, as answers do.
pub(super) fn slowly(ms: u64, answer: Answer) -> Answer {
    Answer { delay_ms: Some(ms), ..answer }
}

/// A failure that is said after a while.
pub(super) fn fails(ms: u64, class: FailureClass) -> Answer {
    slowly(ms, Answer::fail(class))
}

/// A verdict in favour.
pub(super) fn approves(ms: u64, method: &str) -> Answer {
    slowly(
        ms,
        Answer::value(serde_json::json!({
            "supported": true, "confidence": 0.96, "problems": [], "method": method,
        })),
    )
}
