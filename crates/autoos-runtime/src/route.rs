//! The kernel's router over the fabric's: asked while a command is decided, so it must not wait.

use autoos_fabric::{Llm, Routed, TaskKind, Wish, router::Scored as Looked};
use autoos_kernel::{
    rng::Seeded,
    route::{self, Choice, Route, Router, Scored},
};

/// How long it is waited, in milliseconds, before nobody is asked for again.
const NOBODY_MS: u64 = 5_000;
/// A call as prices are compared by; what the call may really cost is the budget's to look at.
const PROMPT_TOKENS: u32 = 2_000;
const OUTPUT_TOKENS: u32 = 500;
/// Candidates of which an event keeps how they did.
const SCORES_MAX: usize = 8;

/// The fabric's choice, as the workflow's machine asks for it.
pub(crate) struct Fabrics<'a>(pub(crate) &'a dyn Llm);

impl Router for Fabrics<'_> {
    fn route(&self, wish: &route::Wish<'_>) -> Route {
        let allowed = |model: &str| wish.candidates.iter().any(|c| c.model == model);
        // What a lesson speaks against is asked when nobody else can be.
        let taught =
            |model: &str| wish.candidates.iter().any(|c| c.model == model && c.lesson.is_some());
        let exclude = |with_taught: bool| {
            self.0.exclude(wish.role, &|id| !allowed(id) || (with_taught && taught(id)))
        };
        let kept = wish.keep.filter(|model| allowed(model));
        let mut asked = Wish {
            remaining_microusd: wish.remaining_microusd,
            prompt_tokens: PROMPT_TOKENS,
            output_tokens: OUTPUT_TOKENS,
            // Any model may be asked for data: a schema goes into the prompt where it must.
            kind: TaskKind::of(wish.role, wish.data),
            ..Wish::new(wish.role, wish.risk, false)
        };
        let mut rng = Seeded(wish.bits);
        if let Some(model) = kept {
            asked.exclude = self.0.exclude(wish.role, &|id| id != model);
            if let Routed::Chosen(_) = self.0.route(&asked, &mut rng) {
                return Route::Ask { model: model.to_owned(), choice: None };
            }
        }
        asked.exclude = exclude(true);
        let mut routed = self.0.route(&asked, &mut rng);
        if !matches!(routed, Routed::Chosen(_))
            && wish.candidates.iter().any(|c| c.lesson.is_some())
        {
            asked.exclude = exclude(false);
            routed = self.0.route(&asked, &mut rng);
        }
        match routed {
            Routed::Chosen(chosen) => {
                let choice = Choice {
                    reason: chosen.reason,
                    scores: scores(chosen.scores, &allowed),
                    explored: chosen.explored,
                };
                let among = wish.candidates.len() > 1;
                Route::Ask { model: chosen.model, choice: among.then_some(choice) }
            }
            Routed::Later { in_ms, reason, .. } => Route::Wait { ms: in_ms, reason },
            // Nobody fits what is left of the grant, say: whoever is first is asked to reserve,
            // and the budget says no.
            Routed::Nobody { reason, .. } => match wish.candidates.first() {
                Some(first) => Route::Ask { model: first.model.clone(), choice: None },
                None => Route::Wait { ms: NOBODY_MS, reason },
            },
        }
    }
}

/// How the candidates of a wish did, the best first.
fn scores(looked: Vec<Looked>, allowed: &dyn Fn(&str) -> bool) -> Vec<Scored> {
    let mut scores: Vec<Scored> = looked
        .into_iter()
        .filter(|s| allowed(&s.model))
        .map(|s| Scored {
            model: s.model,
            score: (f64::from(s.score) * 1_000.0).round() / 1_000.0,
            note: s.out.map(|out| out.to_string()).unwrap_or_default(),
        })
        .collect();
    scores.sort_by(|a, b| b.score.total_cmp(&a.score));
    scores.truncate(SCORES_MAX);
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use autoos_kernel::{
        plan::outline::Candidate,
        words::{LlmRole, RiskLevel},
    };
    use futures::future::BoxFuture;

    /// Two models, of which the first is preferred.
    struct Two;

    impl Llm for Two {
        fn ask(
            &self,
            _: autoos_fabric::Request,
        ) -> BoxFuture<'static, Result<autoos_fabric::LlmResponse, autoos_fabric::Failure>>
        {
            unreachable!("nobody is asked here")
        }

        fn candidates(&self, _: LlmRole) -> Vec<autoos_fabric::Model> {
            self.models()
        }

        fn models(&self) -> Vec<autoos_fabric::Model> {
            let model = |id: &str| autoos_fabric::Model {
                id: id.to_owned(),
                vendor: id[..1].to_owned(),
                provider: id[..1].to_owned(),
                context_tokens: 100_000,
                price: autoos_fabric::Price::default(),
                language_model: true,
                abilities: Default::default(),
            };
            ["a/1", "b/1"].map(model).to_vec()
        }
    }

    fn asked(candidates: &[Candidate], keep: Option<&str>) -> Option<String> {
        let wish = route::Wish {
            role: LlmRole::Executor,
            task: "executor",
            data: false,
            risk: RiskLevel::Medium,
            remaining_microusd: 1_000_000,
            candidates: candidates.iter().collect(),
            keep,
            bits: 1,
        };
        match Fabrics(&Two).route(&wish) {
            Route::Ask { model, .. } => Some(model),
            Route::Wait { .. } => None,
        }
    }

    fn candidate(model: &str, lesson: Option<u32>) -> Candidate {
        Candidate { model: model.into(), lesson, ..Candidate::default() }
    }

    #[test]
    fn only_candidates_are_asked_and_what_lessons_speak_against_last() {
        let (a, b) = (candidate("a/1", None), candidate("b/1", None));
        assert_eq!(asked(&[a.clone(), b.clone()], None).as_deref(), Some("a/1"));
        assert_eq!(asked(std::slice::from_ref(&b), None).as_deref(), Some("b/1"));
        assert_eq!(asked(&[a.clone(), b.clone()], Some("b/1")).as_deref(), Some("b/1"));
        let taught = candidate("a/1", Some(1));
        assert_eq!(asked(&[taught.clone(), b], None).as_deref(), Some("b/1"));
        assert_eq!(asked(&[taught], None).as_deref(), Some("a/1"));
    }
}
