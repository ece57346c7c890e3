//! Who is asked: what a client means by the name of a model.
//!
//! | name | means |
//! |---|---|
//! | `provider/model`, or `model` alone | that model; where several providers have it, one after the other |
//! | `autoos/auto` | the router chooses among those that do a step's work |
//! | `autoos/ROLE` | the router chooses among those that play the role |

use super::refused::Refused;
use autoos_fabric::{
    Model, Routed, SharedLlm, Wish,
    chat::{Asked, Path},
};
use autoos_kernel::{
    rng::Rng,
    words::{LlmRole, RiskLevel},
};
use axum::http::HeaderMap;

/// Names that the node itself answers to begin so.
pub(super) const OURS: &str = "autoos/";
/// The node chooses.
pub(super) const AUTO: &str = "autoos/auto";

/// Who may be asked for one call.
pub(super) enum Choice {
    /// These, in this order.
    Named(std::vec::IntoIter<Model>),
    /// Whoever the router chooses.
    Routed(Box<Wish>),
}

/// A model that is to be asked.
pub(super) struct Chosen {
    pub(super) model: Model,
    /// Why that one, where the client left it open.
    pub(super) reason: Option<String>,
}

pub(super) struct Random;

impl Rng for Random {
    fn next_u64(&mut self) -> u64 {
        let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
        random
    }
}

impl Choice {
    /// Who may be asked what a client asks.
    pub(super) fn of(
        llm: &SharedLlm,
        asked: &Asked,
        (prompt_tokens, output_tokens): (u32, u32),
    ) -> Result<Self, Refused> {
        let Some(role) = asked.model.strip_prefix(OURS) else {
            return Self::named(llm, asked);
        };
        let role = match role {
            "auto" => LlmRole::Executor,
            role => role.parse().map_err(|_| Refused::no_model(&asked.model))?,
        };
        if asked.path == Path::Embeddings {
            let sentence = "embeddings of different models do not compare: name the model";
            return Err(Refused::cannot("model", sentence.into()));
        }
        let mut wish = Wish::new(role, RiskLevel::Low, asked.wants_data());
        (wish.prompt_tokens, wish.output_tokens) = (prompt_tokens, output_tokens);
        wish.needs_tools = !asked.tools.is_empty();
        let models = llm.candidates(role).into_iter();
        let unfit = models.filter(|model| {
            let abilities = &model.abilities;
            !model.language_model || abilities.embeddings || (asked.images && !abilities.images)
        });
        wish.exclude = unfit.map(|model| model.id).collect();
        Ok(Self::Routed(Box::new(wish)))
    }

    fn named(llm: &SharedLlm, asked: &Asked) -> Result<Self, Refused> {
        let models = llm.named(&asked.model);
        if models.is_empty() {
            return Err(Refused::no_model(&asked.model));
        }
        let mut why = None;
        let able = models.into_iter().filter(|model| match unable(model, asked) {
            Some(refused) => {
                why.get_or_insert(refused);
                false
            }
            None => true,
        });
        let able: Vec<Model> = able.collect();
        match why {
            Some(why) if able.is_empty() => Err(why),
            _ => Ok(Self::Named(able.into_iter())),
        }
    }

    /// The dearest that may be asked, by what `cost` says of it in micro-dollars.
    pub(super) fn dearest(&self, llm: &SharedLlm, cost: impl Fn(&Model) -> u64) -> u64 {
        let dearest = match self {
            Self::Named(models) => models.as_slice().iter().map(cost).max(),
            Self::Routed(wish) => {
                let models = llm.candidates(wish.role);
                models.iter().filter(|m| !wish.exclude.contains(&m.id)).map(cost).max()
            }
        };
        dearest.unwrap_or(0)
    }

    /// The next to be asked, which may cost so much; none when nobody is left.
    pub(super) fn next(
        &mut self,
        llm: &SharedLlm,
        left_microusd: u64,
    ) -> Result<Option<Chosen>, Refused> {
        let wish = match self {
            Self::Named(models) => {
                let next = models.next();
                return Ok(next.map(|model| Chosen { model, reason: None }));
            }
            Self::Routed(wish) => wish,
        };
        wish.remaining_microusd = left_microusd;
        match llm.route(wish, &mut Random) {
            Routed::Chosen(choice) => {
                let model = llm.named(&choice.model).into_iter().find(|m| m.id == choice.model);
                wish.exclude.push(choice.model);
                Ok(model.map(|model| Chosen { model, reason: Some(choice.reason) }))
            }
            Routed::Later { in_ms, reason, .. } => Err(Refused::later(in_ms, reason)),
            Routed::Nobody { reason, .. } => Err(Refused::nobody(reason)),
        }
    }
}

/// Why a model cannot be asked this.
fn unable(model: &Model, asked: &Asked) -> Option<Refused> {
    let abilities = &model.abilities;
    let id = &model.id;
    let refuse = |param, what: &str| Some(Refused::cannot(param, format!("{id} {what}")));
    match asked.path {
        Path::Embeddings if !abilities.embeddings => refuse(
            "model",
            "makes no embeddings, as far as the configuration says: embeddings = true",
        ),
        Path::Chat if abilities.embeddings => refuse("model", "makes embeddings and nothing else"),
        Path::Chat if asked.images && !abilities.images => {
            refuse("messages", "reads no images, as far as the configuration says: images = true")
        }
        Path::Chat if !asked.tools.is_empty() && !abilities.tools => {
            refuse("tools", "calls no tools")
        }
        Path::Chat if asked.schema.is_some() && !abilities.structured => {
            refuse("response_format", "gives no structured answers")
        }
        _ => None,
    }
}

/// What a client says in headers of its own about one call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wishes {
    /// The answer need not wait until its record is durable.
    pub(super) relaxed: bool,
    /// An answer that was kept will do.
    pub(super) cache: bool,
    pub(super) verify: Option<Verify>,
}

/// How the answer is checked against what the client gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    /// By rule.
    Grounding,
    /// By rule and by a verifier, of another vendor where there is one.
    Verifier,
}

impl Wishes {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Refused> {
        let word = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let other = |name: &str, said: &str, known: &str| {
            Refused::wrong(None, format!("the header {name} is {said:.32?}, and must be {known}"))
        };
        let relaxed = match word("autoos-durability") {
            None | Some("synced") => false,
            Some("relaxed") => true,
            Some(said) => return Err(other("autoos-durability", said, "synced or relaxed")),
        };
        let cache = match word("autoos-cache") {
            None | Some("off") => false,
            Some("use") => true,
            Some(said) => return Err(other("autoos-cache", said, "use or off")),
        };
        let verify = match word("autoos-verify") {
            None | Some("off") => None,
            Some("grounding") => Some(Verify::Grounding),
            Some("verifier") => Some(Verify::Verifier),
            Some(said) => {
                return Err(other("autoos-verify", said, "grounding, verifier or off"));
            }
        };
        Ok(Self { relaxed, cache, verify })
    }
}
