//! The models that are shipped: what a key in the environment switches on, and what they cost.
//!
//! Prices change; these are the vendors' list prices as of [`PRICES_AS_OF`], without discounts
//! for caches or batches, so that a cost is an upper bound. `price` in the configuration
//! overrides them, and a model that is not listed here needs one.

use crate::{Price, config::ProviderKind};

/// When the prices below were looked up.
pub const PRICES_AS_OF: &str = "2026-02";

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
}

/// Every shipped model; within a vendor, the strongest first.
pub const SHIPPED: &[Shipped] = &[
    anthropic("claude-sonnet-4-5", 3_000_000, 15_000_000, true),
    anthropic("claude-haiku-4-5", 1_000_000, 5_000_000, true),
    anthropic("claude-opus-4-5", 5_000_000, 25_000_000, false),
    openai("gpt-5", 400_000, 1_250_000, 10_000_000, Some("low"), true),
    openai("gpt-5-mini", 400_000, 250_000, 2_000_000, Some("low"), true),
    openai("gpt-5-nano", 400_000, 50_000, 400_000, Some("low"), false),
    openai("gpt-4.1", 1_000_000, 2_000_000, 8_000_000, None, false),
    openai("gpt-4.1-mini", 1_000_000, 400_000, 1_600_000, None, false),
    openai("gpt-4o-mini", 128_000, 150_000, 600_000, None, false),
    // Above 200,000 tokens of prompt the price doubles: the window ends there, so that it binds.
    // It cannot be kept from thinking; the others can, and answers are short.
    gemini("gemini-2.5-pro", 200_000, 1_250_000, 10_000_000, "low", true),
    gemini("gemini-2.5-flash", 1_000_000, 300_000, 2_500_000, "none", true),
    gemini("gemini-2.5-flash-lite", 1_000_000, 100_000, 400_000, "none", false),
];

/// The shipped model of that name.
#[must_use]
pub fn shipped(kind: ProviderKind, id: &str) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|m| m.kind == kind && m.id == id)
}

const fn anthropic(id: &'static str, input: u64, output: u64, default: bool) -> Shipped {
    let price = Price { input, output };
    let kind = ProviderKind::Anthropic;
    Shipped { kind, id, context_tokens: 200_000, price, reasoning: None, default }
}

const fn openai(
    id: &'static str,
    context_tokens: u32,
    input: u64,
    output: u64,
    reasoning: Option<&'static str>,
    default: bool,
) -> Shipped {
    let price = Price { input, output };
    Shipped { kind: ProviderKind::Openai, id, context_tokens, price, reasoning, default }
}

const fn gemini(
    id: &'static str,
    context_tokens: u32,
    input: u64,
    output: u64,
    reasoning: &'static str,
    default: bool,
) -> Shipped {
    let price = Price { input, output };
    let kind = ProviderKind::Gemini;
    Shipped { kind, id, context_tokens, price, reasoning: Some(reasoning), default }
}
