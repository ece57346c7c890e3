//! What a key in the environment switches on, and who plays which role when nobody said so.

use super::{FabricConfig, ModelConfig, ProviderConfig, ProviderKind};
use crate::{models::SHIPPED, secret::SecretRef};
use autoos_kernel::words::LlmRole;

/// The variables that switch a provider on: name of the provider, kind, key, other address.
const SWITCHES: &[(&str, ProviderKind, &str, &str)] = &[
    ("anthropic", ProviderKind::Anthropic, "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    ("openai", ProviderKind::Openai, "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    ("gemini", ProviderKind::Gemini, "GEMINI_API_KEY", "GEMINI_BASE_URL"),
    ("gemini", ProviderKind::Gemini, "GOOGLE_API_KEY", "GEMINI_BASE_URL"),
];

/// Whether the environment forbids to call out.
fn offline(env: &impl Fn(&str) -> Option<String>) -> bool {
    set(env, "AUTOOS_OFFLINE").is_some_and(|v| v != "0" && !v.eq_ignore_ascii_case("false"))
}

fn set(env: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
}

impl FabricConfig {
    /// What the environment switches on: `ANTHROPIC_API_KEY`, `OPENAI_API_KEY`, `GEMINI_API_KEY`
    /// or `GOOGLE_API_KEY`, each with the shipped default models (`…_BASE_URL` names another
    /// address), and `OLLAMA_HOST` together with `OLLAMA_MODEL`, since nobody but its owner knows
    /// which model was pulled. Nothing at all with `AUTOOS_OFFLINE=1`.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        Self::default().with_detected(env)
    }

    /// Adds what the environment switches on and this configuration does not name.
    #[must_use]
    pub fn with_detected(mut self, env: impl Fn(&str) -> Option<String>) -> Self {
        if offline(&env) {
            return self;
        }
        for (name, kind, key, address) in SWITCHES {
            if set(&env, key).is_none() || self.providers.contains_key(*name) {
                continue;
            }
            let mut provider = ProviderConfig::new(*kind);
            provider.api_key = Some(SecretRef::Env((*key).to_owned()));
            provider.base_url = set(&env, address);
            self.providers.insert((*name).to_owned(), provider);
        }
        if let (Some(host), Some(model)) = (set(&env, "OLLAMA_HOST"), set(&env, "OLLAMA_MODEL")) {
            self.providers.entry("ollama".into()).or_insert_with(|| ollama(&host, model));
        }
        self
    }
}

/// Ollama as its own variables describe it: a host, a port or a whole address.
fn ollama(host: &str, model: String) -> ProviderConfig {
    let mut address = if host.contains("://") { host.to_owned() } else { format!("http://{host}") };
    let after_scheme = address.find("://").map_or(0, |i| i + 3);
    if !address[after_scheme..].contains(':') {
        address.push_str(":11434");
    }
    // A server listens on any address, a client has to name one.
    let address = address.replace("//0.0.0.0:", "//127.0.0.1:");
    let mut provider = ProviderConfig::new(ProviderKind::OpenaiCompatible);
    provider.base_url = Some(format!("{}/v1", address.trim_end_matches('/')));
    provider.models = vec![ModelConfig::new(model)];
    provider
}

/// The shipped models that a provider of this kind serves by default.
pub(super) fn default_models(kind: ProviderKind) -> Vec<ModelConfig> {
    let shipped = SHIPPED.iter().filter(|m| m.kind == kind && m.default).map(|m| m.id);
    let scripted = (kind == ProviderKind::Scripted).then_some("default");
    shipped.chain(scripted).map(ModelConfig::new).collect()
}

/// The order in which models play a role when the configuration does not say.
///
/// `providers` are lists of model ids, the strongest first. Work that others build on goes to
/// the strongest of each provider and only then to the next; a step's work to each provider's
/// quickest. A verifier's list begins with the provider that comes second for the others, so
/// that a verdict is another vendor's, or at least another model's.
pub(super) fn default_order(role: LlmRole, providers: &[Vec<String>]) -> Vec<String> {
    let mut providers = providers.to_vec();
    match role {
        LlmRole::Planner | LlmRole::Synthesizer => {}
        LlmRole::Executor => providers.iter_mut().for_each(|models| models.reverse()),
        LlmRole::Verifier | LlmRole::Auditor => match providers.as_mut_slice() {
            [only] => only.reverse(),
            several => several.rotate_left(1.min(several.len())),
        },
    }
    let longest = providers.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|tier| providers.iter().filter_map(move |m| m.get(tier)))
        .cloned()
        .collect()
}
