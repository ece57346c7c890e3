//! When a call is made a second time because the first takes unusually long.
//!
//! A model's call has no effect but its answer, so asking twice and taking what comes first costs
//! money and nothing else. It is done only past the time that nineteen of twenty calls of the
//! model need, only for a bounded share of all calls, and only where the caller has reserved what
//! both may cost. The loser is given up, and counts as what it may have cost. Left out: asking
//! another model, which is the recovery ladder's to decide.

use crate::{
    Failure, Model, Request,
    chat::Chat,
    learned::Record,
    prompt,
    provider::{Came, Work},
};
use serde::{Deserialize, Serialize};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// Calls that the usual time rests on at least.
const ENOUGH: u64 = 50;
/// The quantile that counts as usual.
const USUAL: f64 = 0.95;
/// Nothing is asked twice before this: what a busy machine may take by itself.
const SHORTEST: Duration = Duration::from_millis(50);
/// Second calls that may be saved up.
const SAVED: i64 = 10;
/// What one second call takes of what is saved up.
const ONE: i64 = 1_000;

/// How often calls may be made twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HedgeConfig {
    /// Of a thousand calls, so many at most; 0 makes none twice.
    pub per_mille: u16,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self { per_mille: 50 }
    }
}

/// Knows how many second calls are left.
#[derive(Debug)]
pub(crate) struct Hedge {
    per_mille: i64,
    saved: AtomicI64,
}

impl Hedge {
    pub(crate) fn new(config: &HedgeConfig) -> Self {
        Self { per_mille: i64::from(config.per_mille.min(1_000)), saved: AtomicI64::new(0) }
    }

    /// A call is made: how long it may take before it is made again; none when it never is.
    pub(crate) fn begin(&self, record: Option<&Record>, pieces: bool) -> Option<Duration> {
        if self.per_mille == 0 {
            return None;
        }
        // More than may be saved is cut when it is taken.
        self.saved.fetch_add(self.per_mille, Ordering::Relaxed);
        let record = record?;
        let times = if pieces { &record.first } else { &record.total };
        let usual = times.quantile(USUAL).filter(|_| times.count() >= ENOUGH)?;
        Some(Duration::from_secs_f64(usual.max(0.0) / 1e3).max(SHORTEST))
    }

    /// Takes one of the second calls that are left.
    pub(crate) fn take(&self) -> bool {
        let take = |saved: i64| {
            let saved = saved.min(SAVED * ONE);
            (saved >= ONE).then_some(saved - ONE)
        };
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

/// A call that may be made again.
pub(crate) enum Again {
    /// It may not.
    Never,
    /// A task, which may cost so much at most with its second call, in micro-dollars.
    Ask { request: Box<Request>, price: crate::Price },
    /// A conversation.
    Chat { chat: Box<Chat>, price: crate::Price },
}

impl Again {
    /// A call of this model as it can be made again.
    pub(crate) fn of(work: &Work, model: Option<&Model>) -> Self {
        let Some(price) = model.map(|model| model.price) else { return Self::Never };
        match work {
            Work::Ask(request) => Self::Ask { request: request.clone(), price },
            Work::Chat(chat) => {
                let pieces = chat.pieces.as_ref().map(crate::chat::Pieces::second);
                Self::Chat { chat: Box::new(Chat { pieces, ..(**chat).clone() }), price }
            }
        }
    }

    /// The second call and what each of the two may cost at most in micro-dollars, if that fits
    /// what was reserved for the first one, or beside it.
    fn second(self) -> Option<(Work, u64, Option<Box<Chat>>)> {
        match self {
            Self::Never => None,
            Self::Ask { mut request, price } => {
                let rendered = prompt::render(&request).ok()?;
                let texts = rendered.messages.iter().chain([&rendered.system]);
                let input = texts.map(|text| prompt::tokens(text)).sum();
                let (most, output) =
                    (u64::from(request.prompt_tokens), request.output_tokens.into());
                let worst = price.cost(crate::Usage { input, output });
                let reserved = price.cost(crate::Usage { input: most, output });
                request.key.push_str("/again");
                let fits = worst.saturating_mul(2) <= reserved;
                fits.then_some((Work::Ask(request), worst, None))
            }
            Self::Chat { mut chat, price } => {
                let (input, output) = (chat.prompt_tokens.into(), chat.output_tokens.into());
                let worst = price.cost(crate::Usage { input, output });
                let begun = chat.pieces.as_ref().is_some_and(crate::chat::Pieces::begun);
                let kept = chat.clone();
                chat.key.push_str("/again");
                let fits = !begun && worst <= chat.spare_microusd;
                fits.then_some((Work::Chat(chat), worst, Some(kept)))
            }
        }
    }

    /// Waits for the first call, and past its usual time for a second one as well: the first answer
    /// of the two, with what the other may have cost.
    pub(crate) async fn or_second<F, S>(
        self,
        first: F,
        usual: Duration,
        hedge: &Hedge,
        ask: impl FnOnce(Work) -> S,
    ) -> Result<Came, Failure>
    where
        F: Future<Output = Result<Came, Failure>>,
        S: Future<Output = Result<Came, Failure>>,
    {
        let mut first = Box::pin(first);
        if let Ok(came) = tokio::time::timeout(usual, &mut first).await {
            return came;
        }
        let second = match hedge.take() {
            true => self.second(),
            false => None,
        };
        let Some((second, worst, chat)) = second else { return first.await };
        tracing::debug!(model = second.model(), "asked a second time");
        if let Some(chat) = &chat {
            chat.seen.hedged(worst);
        }
        let mut second = Box::pin(ask(second));
        let whose = async {
            match chat.as_ref().and_then(|chat| chat.pieces.as_ref()) {
                Some(pieces) => pieces.whose().await,
                None => std::future::pending().await,
            }
        };
        let (ended, other) = tokio::select! {
            biased;
            came = &mut first => (came, Ok(second)),
            came = &mut second => (came, Err(first)),
            who = whose => match who {
                1 => {
                    drop(second);
                    return also(first.await, worst);
                }
                _ => {
                    drop(first);
                    return also(second.await, worst);
                }
            },
        };
        match ended {
            // What the other had come to by now is not known: its most counts.
            Ok(came) => also(Ok(came), worst),
            Err(failure) => {
                let lost = failure.cost_microusd.unwrap_or(worst);
                let came = match other {
                    Ok(second) => second.await,
                    Err(first) => first.await,
                };
                also(came, lost)
            }
        }
    }
}

fn also(mut came: Result<Came, Failure>, microusd: u64) -> Result<Came, Failure> {
    match &mut came {
        Ok(came) => came.also_paid(microusd),
        Err(failure) => {
            failure.cost_microusd = failure.cost_microusd.map(|cost| cost.saturating_add(microusd));
        }
    }
    came
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        TaskKind,
        learned::{Learned, Outcome, Tally},
    };

    fn known(calls: usize) -> Learned {
        let mut learned = Learned::default();
        for n in 0..calls {
            let mut one = Tally::new("m", TaskKind::Analyze);
            one.saw(&Outcome {
                model: "m",
                kind: TaskKind::Analyze,
                failure: None,
                cost_microusd: 0,
                first_ms: Some(100),
                gap_ms: None,
                total_ms: if n % 10 == 0 { 2_000 } else { 1_000 },
            });
            learned.take(&one, 0);
        }
        learned
    }

    #[test]
    fn the_usual_time_is_learned_and_differs_for_streams() {
        let hedge = Hedge::new(&HedgeConfig::default());
        assert_eq!(hedge.begin(None, false), None);
        assert_eq!(hedge.begin(known(49).of("m"), false), None, "too few");
        let whole = hedge.begin(known(60).of("m"), false).expect("known");
        let first = hedge.begin(known(60).of("m"), true).expect("known");
        assert!((1_800..2_300).contains(&whole.as_millis()), "{whole:?}");
        assert!((80..130).contains(&first.as_millis()), "{first:?}");
    }

    #[test]
    fn second_calls_are_a_share_of_all() {
        let hedge = Hedge::new(&HedgeConfig::default());
        let record = known(60);
        let mut second = 0;
        for _ in 0..1_000 {
            hedge.begin(record.of("m"), false);
            second += u32::from(hedge.take());
        }
        assert_eq!(second, 50);
        for _ in 0..10_000 {
            hedge.begin(record.of("m"), false);
        }
        assert_eq!((0..100).filter(|_| hedge.take()).count(), 10, "not saved up without end");
        let off = Hedge::new(&HedgeConfig { per_mille: 0 });
        assert!(off.begin(record.of("m"), false).is_none() && !off.take());
    }
}
