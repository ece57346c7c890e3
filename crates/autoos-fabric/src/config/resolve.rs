//! A configuration made whole: defaults filled in, everything checked, nothing started.

use super::{Error, FabricConfig, ModelConfig, ProviderConfig, ProviderKind, detect};
use crate::{
    Abilities, Model, Price, Quality, builtin,
    models::{self, shipped},
    secret::SecretRef,
};
use autoos_kernel::words::LlmRole;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Every role, so that each has an order of models.
const ROLES: [LlmRole; 5] = [
    LlmRole::Planner,
    LlmRole::Executor,
    LlmRole::Verifier,
    LlmRole::Auditor,
    LlmRole::Synthesizer,
];

/// What [`resolve`] makes of a configuration.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// Providers with every default filled in, in the order of preference.
    pub(crate) providers: Vec<(String, ProviderConfig)>,
    /// Every model, in the order of preference.
    pub(crate) models: Vec<Model>,
    /// Ids of models for each role.
    pub(crate) roles: BTreeMap<LlmRole, Vec<String>>,
}

/// Fills in and checks.
pub(crate) fn resolve(config: &FabricConfig) -> Result<Resolved, Error> {
    let mut providers: Vec<(String, ProviderConfig)> = Vec::new();
    for (name, provider) in &config.providers {
        check(name, provider)?;
        providers.push((name.clone(), complete(name, provider)?));
    }
    // Vendors in a fixed order, servers of one's own after them.
    providers.sort_by(|(a, pa), (b, pb)| (pa.kind, a).cmp(&(pb.kind, b)));

    let models: Vec<Model> = providers.iter().flat_map(|(n, p)| models(n, p)).collect();
    let by_provider: Vec<Vec<String>> = providers
        .iter()
        .map(|(n, _)| {
            let theirs = models.iter().filter(|m| m.provider == *n && !m.abilities.embeddings);
            theirs.map(|m| m.id.clone()).collect()
        })
        .collect();
    let mut roles = BTreeMap::new();
    for role in ROLES {
        let ids = match config.roles.get(&role) {
            Some(listed) => listed.clone(),
            None => detect::default_order(role, &by_provider),
        };
        let known: HashSet<&str> = models.iter().map(|m| m.id.as_str()).collect();
        if let Some(unknown) =
            ids.iter().find(|id| !known.contains(id.as_str()) && *id != builtin::MODEL_ID)
        {
            let known = models.iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
            let problem =
                format!("{role} names {unknown}, which no provider serves; there are: {known}");
            return Err(Error::new("roles", problem));
        }
        roles.insert(role, ids);
    }
    Ok(Resolved { providers, models, roles })
}

/// Refuses what cannot work, before a default hides it.
fn check(name: &str, provider: &ProviderConfig) -> Result<(), Error> {
    let refuse = |problem: &str| Err(Error::new(name, problem));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return refuse("a provider's name has letters, digits, `-`, `_` and `.` only");
    }
    if name == "builtin" {
        return refuse("this name belongs to the built-in engine; choose another");
    }
    if let Some(SecretRef::Plain(_)) = provider.api_key {
        return refuse("api_key says where the key is, `env:NAME` or `file:PATH`, and not the key");
    }
    if let Some(url) = &provider.base_url
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        return refuse("base_url begins with http:// or https://");
    }
    let scripted = provider.kind == ProviderKind::Scripted;
    if !scripted && (provider.script.is_some() || provider.ledger.is_some()) {
        return refuse("script and ledger are for kind = \"scripted\" alone");
    }
    match provider.kind {
        ProviderKind::OpenaiCompatible if provider.base_url.is_none() => {
            refuse("base_url is missing, for example http://localhost:11434/v1")
        }
        ProviderKind::OpenaiCompatible if provider.models.is_empty() => {
            refuse("models is empty: list what the server serves, as [[…models]] id = \"…\"")
        }
        ProviderKind::Openai | ProviderKind::Anthropic | ProviderKind::Gemini
            if provider.api_key.is_none() =>
        {
            refuse("api_key is missing: say where the key is, `env:NAME` or `file:PATH`")
        }
        _ => bounds(name, provider),
    }
}

fn bounds(name: &str, provider: &ProviderConfig) -> Result<(), Error> {
    let times = provider.timeouts;
    if [times.connect_ms, times.first_token_ms, times.chunk_ms].contains(&0) {
        return Err(Error::new(name, "a timeout of 0 lets no call through; leave it out"));
    }
    if provider.max_in_flight == Some(0) {
        return Err(Error::new(
            name,
            "max_in_flight = 0 lets no call through; remove the provider",
        ));
    }
    Ok(())
}

/// The provider with every default that does not depend on the environment.
fn complete(name: &str, provider: &ProviderConfig) -> Result<ProviderConfig, Error> {
    let mut whole = provider.clone();
    let scripted = whole.kind == ProviderKind::Scripted;
    whole.vendor.get_or_insert_with(|| match whole.kind {
        ProviderKind::Anthropic => "anthropic".into(),
        ProviderKind::Openai => "openai".into(),
        ProviderKind::Gemini => "google".into(),
        ProviderKind::OpenaiCompatible | ProviderKind::Scripted => name.to_owned(),
    });
    whole.max_in_flight.get_or_insert(if scripted { 1_024 } else { 32 });
    whole.max_queued.get_or_insert(if scripted { 8_192 } else { 256 });
    if whole.models.is_empty() {
        whole.models = detect::default_models(whole.kind);
    }
    let mut seen = HashSet::new();
    for model in &mut whole.models {
        if model.id.is_empty() || !seen.insert(model.id.clone()) {
            return Err(Error::new(name, format!("model {:?} is named twice or empty", model.id)));
        }
        fill(name, whole.kind, model)?;
    }
    Ok(whole)
}

fn fill(name: &str, kind: ProviderKind, model: &mut ModelConfig) -> Result<(), Error> {
    let known = shipped(kind, &model.id);
    model.context_tokens.get_or_insert(known.map_or(32_768, |m| m.context_tokens));
    if model.price.is_none() {
        model.price = match (known, kind) {
            (Some(known), _) => Some(known.price),
            (None, ProviderKind::OpenaiCompatible | ProviderKind::Scripted) => {
                Some(Price::default())
            }
            (None, _) => {
                let problem = format!(
                    "model {:?} has no shipped price: add price = {{ input = …, output = … }} in \
                     micro-dollars per million tokens",
                    model.id
                );
                return Err(Error::new(name, problem));
            }
        };
    }
    if let Some(wrong) = model.quality.as_ref().and_then(Quality::wrong) {
        let problem = format!("model {:?}: a quality of {wrong} is not within 0 and 1", model.id);
        return Err(Error::new(name, problem));
    }
    if model.quality.is_none()
        && let Some(known) = known
    {
        model.quality = Some(known.abilities().quality);
        model.as_of.get_or_insert(models::AS_OF.to_owned());
    }
    if model.reasoning.is_none() {
        model.reasoning = known.and_then(|m| m.reasoning).map(str::to_owned);
    }
    model
        .json_schema
        .get_or_insert(!matches!(kind, ProviderKind::OpenaiCompatible | ProviderKind::Scripted));
    Ok(())
}

fn models(name: &str, provider: &ProviderConfig) -> Vec<Model> {
    let vendor = provider.vendor.as_deref().unwrap_or(name);
    provider
        .models
        .iter()
        .map(|model| Model {
            id: format!("{name}/{}", model.id),
            vendor: vendor.to_owned(),
            provider: name.to_owned(),
            context_tokens: model.context_tokens.unwrap_or(0),
            price: model.price.unwrap_or_default(),
            language_model: true,
            abilities: Arc::new(Abilities {
                structured: model.structured.unwrap_or(true),
                tools: model.tools.unwrap_or(true),
                images: model.images.unwrap_or_else(|| {
                    shipped(provider.kind, &model.id).is_some_and(|m| m.abilities().images)
                }),
                embeddings: model.embeddings.unwrap_or(false),
                quality: model.quality.clone().unwrap_or_default(),
                as_of: model.as_of.clone().unwrap_or_default(),
            }),
        })
        .collect()
}
