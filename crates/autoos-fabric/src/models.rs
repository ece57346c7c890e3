//! The models that are shipped: what a key in the environment switches on, what they cost, and
//! how good they are expected to be.
//!
//! Prices and windows are what the vendors published as of [`AS_OF`], prices without discounts
//! for caches or batches, so that a cost is an upper bound. Quality is this project's coarse
//! guess by the place that a vendor gives a model in its own line, the same for every vendor; no
//! benchmark stands behind it, and outcomes correct it from the first judged answer on. The
//! configuration overrides everything here, and a model that is not listed needs a price.

use crate::{
    Price,
    config::ProviderKind,
    registry::{Abilities, Quality, TaskKind},
};

/// When the entries below were looked up.
pub const AS_OF: &str = "2026-02";

/// A vendor's strongest.
const FLAGSHIP: f64 = 0.92;
/// What a vendor recommends for most work.
const STRONG: f64 = 0.88;
/// Small and quick.
const QUICK: f64 = 0.78;
/// The smallest.
const TINY: f64 = 0.62;

/// A model that is known without configuration.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    /// Whose wire format it speaks.
    pub kind: ProviderKind,
    /// The vendor's name for it.
    pub id: &'static str,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: u32,
    /// Micro-dollars per million tokens.
    pub price: Price,
    /// How long it may think before it answers, where it thinks; the vendor's word for it.
    pub reasoning: Option<&'static str>,
    /// Whether a key in the environment switches it on; the strongest of a vendor comes first.
    pub default: bool,
    /// How good its answers are expected to be, in 0..=1.
    pub quality: f64,
}

impl Shipped {
    /// The same as an entry of the registry has it. All of them answer as data and call tools.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        let quality = Quality::of(self.quality);
        Abilities { quality, images: true, as_of: AS_OF.to_owned(), ..Abilities::default() }
    }
}

/// What the built-in engine can do: little, exactly, and it says so where it cannot.
pub(crate) fn rules() -> Abilities {
    let kinds = [(TaskKind::Plan, 0.45), (TaskKind::Verify, 0.3)];
    let quality = Quality { kinds: kinds.into(), ..Quality::of(0.4) };
    Abilities { tools: false, quality, as_of: AS_OF.to_owned(), ..Abilities::default() }
}

/// Every shipped model; within a vendor, the strongest first.
pub const SHIPPED: &[Shipped] = &[
    anthropic("claude-sonnet-4-5", 3_000_000, 15_000_000, true, STRONG),
    anthropic("claude-haiku-4-5", 1_000_000, 5_000_000, true, QUICK),
    anthropic("claude-opus-4-5", 5_000_000, 25_000_000, false, FLAGSHIP),
    openai("gpt-5", 400_000, 1_250_000, 10_000_000, Some("low"), true, FLAGSHIP),
    openai("gpt-5-mini", 400_000, 250_000, 2_000_000, Some("low"), true, QUICK),
    openai("gpt-5-nano", 400_000, 50_000, 400_000, Some("low"), false, TINY),
    openai("gpt-4.1", 1_000_000, 2_000_000, 8_000_000, None, false, STRONG),
    openai("gpt-4.1-mini", 1_000_000, 400_000, 1_600_000, None, false, QUICK),
    openai("gpt-4o-mini", 128_000, 150_000, 600_000, None, false, TINY),
    // Above 200,000 tokens of prompt the price doubles: the window ends there, so that it binds.
    // It cannot be kept from thinking; the others can, and answers are short.
    gemini("gemini-2.5-pro", 200_000, 1_250_000, 10_000_000, "low", true, FLAGSHIP),
    gemini("gemini-2.5-flash", 1_000_000, 300_000, 2_500_000, "none", true, QUICK),
    gemini("gemini-2.5-flash-lite", 1_000_000, 100_000, 400_000, "none", false, TINY),
];

/// The shipped model of that name.
#[must_use]
pub fn shipped(kind: ProviderKind, id: &str) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|m| m.kind == kind && m.id == id)
}

const fn anthropic(
    id: &'static str,
    input: u64,
    output: u64,
    default: bool,
    quality: f64,
) -> Shipped {
    let price = Price { input, output };
    let kind = ProviderKind::Anthropic;
    Shipped { kind, id, context_tokens: 200_000, price, reasoning: None, default, quality }
}

const fn openai(
    id: &'static str,
    context_tokens: u32,
    input: u64,
    output: u64,
    reasoning: Option<&'static str>,
    default: bool,
    quality: f64,
) -> Shipped {
    let price = Price { input, output };
    let kind = ProviderKind::Openai;
    Shipped { kind, id, context_tokens, price, reasoning, default, quality }
}

const fn gemini(
    id: &'static str,
    context_tokens: u32,
    input: u64,
    output: u64,
    reasoning: &'static str,
    default: bool,
    quality: f64,
) -> Shipped {
    let price = Price { input, output };
    let kind = ProviderKind::Gemini;
    Shipped { kind, id, context_tokens, price, reasoning: Some(reasoning), default, quality }
}
