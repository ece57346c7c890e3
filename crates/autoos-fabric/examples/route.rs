//! How long the router takes: fifty models, each with figures, at every risk.
//!
//! `cargo run --release -p autoos-fabric --example route`

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use autoos_fabric::{
    Abilities, FailureClass, Model, Price, Quality, TaskKind, Wish,
    learned::{Event, Learned, Outcome, Tally},
    router::{Candidate, Gate, route},
};
use autoos_kernel::{
    rng::Seeded,
    words::{LlmRole, RiskLevel},
};
use std::{sync::Arc, time::Instant};

const MODELS: u64 = 50;
const ROUNDS: u32 = 20_000;

fn model(n: u64) -> Model {
    let quality = Quality::of(0.4 + (n as f64) / 100.0);
    Model {
        id: format!("provider-{}/model-{n}", n % 7),
        vendor: format!("vendor-{}", n % 7),
        provider: format!("provider-{}", n % 7),
        context_tokens: 128_000,
        price: Price { input: n * 100_000, output: n * 400_000 },
        language_model: true,
        abilities: Arc::new(Abilities { quality, ..Abilities::default() }),
    }
}

fn main() {
    let models: Vec<Model> = (0..MODELS).map(model).collect();
    let mut learned = Learned::default();
    for (n, model) in models.iter().enumerate() {
        for kind in TaskKind::ALL {
            let mut tally = Tally::new(&model.id, kind);
            for call in 0..40 {
                tally.saw(&Outcome {
                    model: &model.id,
                    kind,
                    failure: (call % (n + 2) == 0).then_some(FailureClass::Server),
                    cost_microusd: 10,
                    first_ms: Some(100 + call as u64),
                    gap_ms: Some(10),
                    total_ms: 1_000 + call as u64 * 50,
                });
            }
            learned.fold(&Event::Observed { tallies: vec![tally] }, 0);
        }
    }
    let mut rng = Seeded(7);
    for risk in [RiskLevel::Low, RiskLevel::Medium, RiskLevel::High, RiskLevel::Critical] {
        let wish = Wish {
            prompt_tokens: 4_000,
            output_tokens: 1_000,
            remaining_microusd: 100_000,
            ..Wish::new(LlmRole::Executor, risk, true)
        };
        let began = Instant::now();
        let mut chosen = String::new();
        for round in 0..ROUNDS {
            let candidates: Vec<Candidate<'_>> = models
                .iter()
                .map(|model| Candidate { model, record: learned.of(&model.id), gate: Gate::Open })
                .collect();
            let now_ms = u64::from(round);
            if let Some(choice) = route(&wish, &candidates, now_ms, &mut rng).chosen() {
                chosen = choice.reason;
            }
        }
        let each = began.elapsed() / ROUNDS;
        println!(
            "{risk}: {:.1} µs each with {MODELS} models; {chosen}",
            each.as_nanos() as f64 / 1e3
        );
    }
}
