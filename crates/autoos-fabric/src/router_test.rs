//! The choice of a model, rule by rule.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    Abilities, FailureClass, Price, Quality,
    learned::{Learned, Outcome, Tally},
};
use autoos_kernel::rng::Seeded;
use std::sync::Arc;

/// A source that never says that it is time to explore.
struct Steady;

impl Rng for Steady {
    fn next_u64(&mut self) -> u64 {
        999
    }
}

fn model(vendor: &str, name: &str, quality: f64, microusd_per_token: u64) -> Model {
    let price = microusd_per_token * 1_000_000;
    Model {
        id: format!("{vendor}/{name}"),
        vendor: vendor.into(),
        provider: vendor.into(),
        context_tokens: 10_000,
        price: Price { input: price, output: price },
        language_model: true,
        abilities: Arc::new(Abilities { quality: Quality::of(quality), ..Abilities::default() }),
    }
}

fn wish(risk: RiskLevel) -> Wish {
    Wish { prompt_tokens: 3_000, output_tokens: 500, ..Wish::new(LlmRole::Executor, risk, false) }
}

fn open(models: &[Model]) -> Vec<Candidate<'_>> {
    models.iter().map(|model| Candidate { model, record: None, gate: Gate::Open }).collect()
}

fn chosen(wish: &Wish, models: &[Model]) -> String {
    route(wish, &open(models), 0, &mut Steady).chosen().unwrap().model
}

fn three() -> Vec<Model> {
    vec![model("a", "strong", 0.92, 9), model("a", "quick", 0.78, 1), model("b", "tiny", 0.6, 0)]
}

#[test]
fn cheap_for_routine_and_strong_for_critical() {
    let models = three();
    assert_eq!(chosen(&wish(RiskLevel::Low), &models), "a/quick");
    assert_eq!(chosen(&wish(RiskLevel::High), &models), "a/strong");
    assert_eq!(chosen(&wish(RiskLevel::Critical), &models), "a/strong");
}

#[test]
fn what_cannot_do_it_is_out_and_says_why() {
    let mut models = three();
    models[0].abilities = Arc::new(Abilities { tools: false, ..Abilities::default() });
    models[1].context_tokens = 3_499;
    let mut w = Wish { needs_tools: true, ..wish(RiskLevel::High) };
    let choice = route(&w, &open(&models), 0, &mut Steady).chosen().unwrap();
    let outs: Vec<_> = choice.scores.iter().map(|s| s.out).collect();
    assert_eq!(outs, [Some(Out::Tools), Some(Out::Window), None]);
    assert_eq!((choice.model.as_str(), choice.reserve_microusd), ("b/tiny", 0));
    w.exclude.push("b/tiny".into());
    let Routed::Nobody { reason, .. } = route(&w, &open(&models), 0, &mut Steady) else {
        panic!("somebody was chosen")
    };
    assert!(reason.contains("a/strong: it calls no tools; a/quick: its window"), "{reason}");
    let none = route(&w, &[], 0, &mut Steady);
    assert!(matches!(none, Routed::Nobody { reason, .. } if reason.contains("configure")));
}

#[test]
fn the_worst_case_fits_what_is_left() {
    let models = three();
    let poor = |left| Wish { remaining_microusd: left, ..wish(RiskLevel::Critical) };
    assert_eq!(chosen(&poor(9 * 3_500), &models), "a/strong");
    assert_eq!(chosen(&poor(9 * 3_500 - 1), &models), "a/quick");
    assert_eq!(chosen(&poor(0), &models), "b/tiny");
}

#[test]
fn shut_providers_are_waited_for_only_when_nobody_else_will_do() {
    let models = three();
    let mut candidates = open(&models);
    candidates[0].gate = Gate::Shut { for_ms: 700 };
    let w = wish(RiskLevel::Critical);
    assert_eq!(route(&w, &candidates, 0, &mut Steady).chosen().unwrap().model, "a/quick");
    candidates[1].gate = Gate::Shut { for_ms: 300 };
    candidates[2].gate = Gate::Shut { for_ms: 900 };
    let Routed::Later { in_ms, .. } = route(&w, &candidates, 0, &mut Steady) else {
        panic!("nobody was waited for")
    };
    assert_eq!(in_ms, 300);
}

#[test]
fn a_second_opinion_is_another_vendors_where_there_is_one() {
    let models = three();
    let mut w = Wish { other_vendor_than: vec!["a".into()], ..wish(RiskLevel::Critical) };
    let choice = route(&w, &open(&models), 0, &mut Steady).chosen().unwrap();
    assert_eq!((choice.model.as_str(), choice.other_vendor), ("b/tiny", true));
    w.exclude.push("b/tiny".into());
    let choice = route(&w, &open(&models), 0, &mut Steady).chosen().unwrap();
    assert_eq!((choice.model.as_str(), choice.other_vendor), ("a/strong", false));
    assert!(choice.reason.contains("no other vendor's"), "{}", choice.reason);
}

#[test]
fn failures_and_wrong_answers_move_the_choice() {
    let models = vec![model("a", "m", 0.8, 1), model("b", "m", 0.7, 1)];
    let w = wish(RiskLevel::High);
    let after = |failure: Option<FailureClass>, wrong: usize| {
        let mut learned = Learned::default();
        let mut tally = Tally::new("a/m", w.kind);
        for _ in 0..6 {
            tally.saw(&Outcome {
                model: "a/m",
                kind: w.kind,
                failure,
                cost_microusd: 0,
                first_ms: None,
                gap_ms: None,
                total_ms: 100,
            });
        }
        for _ in 0..wrong {
            let model = "a/m".to_owned();
            let judgement = crate::Judgement { model, kind: w.kind, confidence: 0.9, right: false };
            tally.judged(&judgement);
        }
        learned.take(&tally, 0);
        let mut candidates = open(&models);
        candidates[0].record = learned.of("a/m");
        route(&w, &candidates, 0, &mut Steady).chosen().unwrap().model
    };
    assert_eq!(after(None, 0), "a/m");
    assert_eq!(after(Some(FailureClass::Server), 0), "b/m");
    assert_eq!(after(Some(FailureClass::RateLimit), 0), "a/m", "a limit is no weakness");
    assert_eq!(after(None, 3), "b/m");
}

#[test]
fn exploring_is_rare_bounded_and_never_done_at_high_risk() {
    let mut models = three();
    models.push(model("c", "awful", 0.1, 0));
    let mut rng = Seeded(11);
    for (risk, most) in [(RiskLevel::Low, 650), (RiskLevel::High, 0), (RiskLevel::Critical, 0)] {
        let w = wish(risk);
        let best = chosen(&w, &models);
        let mut explored = 0;
        for _ in 0..10_000 {
            let choice = route(&w, &open(&models), 0, &mut rng).chosen().unwrap();
            assert_eq!(choice.explored, choice.model != best);
            assert_ne!(choice.model, "c/awful");
            explored += u32::from(choice.explored);
        }
        assert!(explored <= most && (most == 0 || explored > 350), "{risk}: {explored}");
    }
}

#[test]
fn the_same_input_gives_the_same_choice_and_it_reads_back() {
    let models = three();
    let w = wish(RiskLevel::Medium);
    let run = || route(&w, &open(&models), 5, &mut Seeded(3));
    assert_eq!(run(), run());
    let choice = run().chosen().unwrap();
    let bytes = rmp_serde::to_vec_named(&choice).unwrap();
    assert_eq!(rmp_serde::from_slice::<Choice>(&bytes).unwrap(), choice);
    assert!(bytes.len() < 400, "{}", bytes.len());
}

#[test]
fn without_figures_the_first_that_may_be_asked_is_chosen() {
    let models = three();
    let mut w = wish(RiskLevel::Low);
    assert_eq!(first(&w, &models).chosen().unwrap().model, "a/strong");
    w.exclude.push("a/strong".into());
    assert_eq!(first(&w, &models).chosen().unwrap().model, "a/quick");
    w.other_vendor_than.push("a".into());
    assert_eq!(first(&w, &models).chosen().unwrap().model, "b/tiny");
}
