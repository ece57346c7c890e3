//! What a line of a script can say.
//!
//! ```text
//! at 90s                                  the clock; all times count from the start
//! step ID tool NAME CLASS [OPTIONS]       adds a step to the plan at hand
//! step ID ask ROLE MODEL:COST,… [OPTIONS]    OPTIONS: needs=a,b attempts=4 base=200ms timeout=60s
//! step ID wait 10s [OPTIONS]                          items=10 fallback=skip gated evaluated
//!                review=verified|other_vendor|quorum reviewers=MODEL:COST,… ceiling=0.84
//! out MODEL | back MODEL                  it cannot be asked now | it can be asked again
//! create plan=@NAME | planner=MODEL:COST,… [risk=high] [budget=1000000] [patience=1h]
//!        [deadline=300s] [attempts=4]
//! plan                                    forgets the steps so far: a new plan at hand
//! judged @NAME ok | judged @NAME refused PROBLEM
//! evaluated ID run | skip WHY | each N | impossible WHY
//! ended ID ATTEMPT done @NAME [confidence=0.9] [cost=10 | cost=unknown]
//! ended ID ATTEMPT failed EXIT [retry_after=5s] [doubtful=@NAME] [confidence=0.4] [cost=10]
//! ended ID ATTEMPT not_done
//! fork N MODEL WHO | recover | tick | pause WHO | resume WHO | cancel WHO WHY
//! resolve N approve|edit|retry|skip|abandon [@NAME] WHO | resolve N raise MICROUSD WHO
//! restart                                 folds the events from scratch, recovers, does all anew
//! ```

use autoos_kernel::{
    assurance::Assurance,
    ladder::Exit,
    plan::{
        FallbackStrategy,
        outline::{Ceiling, Outline, Review, StepKind, StepOutline},
    },
    time::Timestamp,
    workflow::{Command, Decision, End, Output, PLANNING, Seed, Verdict},
};
use autoos_tests::shape;
use std::str::FromStr;

/// A line, understood.
pub(crate) enum Line {
    At(u64),
    Step(StepOutline),
    Command(Command),
    Restart,
    Plan,
    Out(String),
    Back(String),
}

/// The words of a line: plain ones in order, and those of the form `key=value`.
struct Words<'a> {
    plain: Vec<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        let (named, plain): (Vec<_>, Vec<_>) =
            line.split_whitespace().partition(|word| word.contains('='));
        Self { plain, named: named.iter().filter_map(|word| word.split_once('=')).collect() }
    }

    fn at(&self, n: usize) -> Result<&'a str, String> {
        self.plain.get(n).copied().ok_or_else(|| format!("word {} is missing", n + 1))
    }

    fn rest(&self, from: usize) -> String {
        self.plain.get(from..).unwrap_or_default().join(" ")
    }

    fn has(&self, word: &str) -> bool {
        self.plain.contains(&word)
    }

    fn get<T: FromStr>(&self, key: &str) -> Result<Option<T>, String> {
        let found = self.named.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| number(value)).transpose()
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.named.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn ms(&self, key: &str) -> Result<Option<u64>, String> {
        self.text(key).map(duration).transpose()
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not understood"))
}

/// `5`, `5ms`, `5s`, `5m`, `5h`, in milliseconds.
fn duration(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        other => return Err(format!("{other:?} is no unit of time")),
    };
    Ok(number::<u64>(digits)? * unit)
}

/// The name of a body, as `@name`.
pub(crate) fn name(word: &str) -> Result<&str, String> {
    word.strip_prefix('@').ok_or_else(|| format!("{word:?} is no body, write @name"))
}

pub(crate) fn line(text: &str, plan: &Outline) -> Result<Line, String> {
    let words = Words::of(text);
    let command = match words.at(0)? {
        "at" => return Ok(Line::At(duration(words.at(1)?)?)),
        "step" => return step(&words).map(Line::Step),
        "restart" => return Ok(Line::Restart),
        "plan" => return Ok(Line::Plan),
        "out" => return Ok(Line::Out(words.at(1)?.to_owned())),
        "back" => return Ok(Line::Back(words.at(1)?.to_owned())),
        "fork" => Command::Fork {
            parent: shape::workflow_id(2),
            at: number(words.at(1)?)?,
            model: Some(words.at(2)?.to_owned()),
            by: words.at(3)?.to_owned(),
        },
        "create" => Command::Create(seed(&words, plan)?),
        "judged" => Command::Judged {
            plan: shape::body(name(words.at(1)?)?),
            verdict: match words.at(2)? {
                "ok" => Ok(plan.clone()),
                _ => Err(vec![words.rest(3)]),
            },
        },
        "evaluated" => {
            let step = words.at(1)?.to_owned();
            Command::Evaluated { step, verdict: verdict(&words)? }
        }
        "ended" => ended(&words)?,
        "recover" => Command::Recover,
        "tick" => Command::Tick,
        "pause" => Command::Pause { by: words.at(1)?.to_owned() },
        "resume" => Command::Resume { by: words.at(1)?.to_owned() },
        "cancel" => Command::Cancel { by: words.at(1)?.to_owned(), reason: words.rest(2) },
        "resolve" => resolve(&words)?,
        other => return Err(format!("{other:?} is no command")),
    };
    Ok(Line::Command(command))
}

fn kind(words: &Words<'_>) -> Result<StepKind, String> {
    Ok(match words.at(2)? {
        "tool" => shape::tool(words.at(3)?, number(words.at(4)?)?),
        "ask" => shape::ask(number(words.at(3)?)?, &models(words.at(4)?)?),
        "wait" => StepKind::Wait { ms: duration(words.at(3)?)? },
        other => return Err(format!("{other:?} is no kind of step")),
    })
}

fn models(text: &str) -> Result<Vec<(&str, u64)>, String> {
    let model = |pair: &'_ str| -> Result<(usize, u64), String> {
        let (model, cost) = pair.split_once(':').ok_or("a model is MODEL:COST")?;
        Ok((model.len(), number(cost)?))
    };
    text.split(',').map(|pair| model(pair).map(|(len, cost)| (&pair[..len], cost))).collect()
}

fn step(words: &Words<'_>) -> Result<StepOutline, String> {
    let mut step = shape::step(words.at(1)?, kind(words)?);
    if let StepKind::Ask { review, .. } = &mut step.kind {
        *review = words.text("review").map(|word| reviewed(words, word)).transpose()?;
    }
    if let Some(needs) = words.text("needs") {
        step.needs = needs.split(',').map(str::to_owned).collect();
    }
    step.evaluated = words.has("evaluated");
    step.gated = words.has("gated");
    step.retry.attempts = words.get("attempts")?.unwrap_or(step.retry.attempts);
    if let Some(base) = words.ms("base")? {
        (step.retry.base_ms, step.retry.cap_ms) = (base, 10_000);
    }
    step.timeout_ms = words.ms("timeout")?.unwrap_or(step.timeout_ms);
    step.items = words.get("items")?.unwrap_or(step.items);
    step.fallback = match words.text("fallback") {
        None | Some("escalate") => FallbackStrategy::Escalate,
        Some("skip") => FallbackStrategy::Skip,
        Some("fail") => FallbackStrategy::Fail,
        Some(other) => return Err(format!("{other:?} is no fallback")),
    };
    Ok(step)
}

fn reviewed(words: &Words<'_>, assurance: &str) -> Result<Review, String> {
    let assurance = match assurance {
        "verified" => Assurance::Verified,
        "other_vendor" => Assurance::OtherVendor,
        "quorum" => Assurance::Quorum,
        other => return Err(format!("{other:?} is no assurance")),
    };
    let reviewers = models(words.text("reviewers").unwrap_or_default())?;
    let models = reviewers.iter().map(|(model, cost)| shape::candidate(model, *cost)).collect();
    let ceiling = words.get("ceiling")?;
    let ceiling =
        ceiling.map(|confidence| Ceiling { confidence, reason: "one vendor only".into() });
    Ok(Review { assurance, models, ceiling, lesson: None })
}

fn seed(words: &Words<'_>, plan: &Outline) -> Result<Seed, String> {
    let planner = match words.text("planner") {
        Some(text) => {
            let kind = shape::ask(autoos_kernel::words::LlmRole::Planner, &models(text)?);
            let mut planner = shape::step(PLANNING, kind);
            planner.retry.attempts = words.get("attempts")?.unwrap_or(planner.retry.attempts);
            Some(planner)
        }
        None => None,
    };
    let plan = words.text("plan").map(|word| Ok::<_, String>((name(word)?, plan.clone())));
    Ok(Seed {
        risk: words.get("risk")?.unwrap_or_default(),
        granted_microusd: words.get("budget")?.unwrap_or(1_000_000),
        deadline: words.ms("deadline")?.map(Timestamp),
        patience_ms: words.ms("patience")?.unwrap_or(3_600_000),
        planner,
        plan: plan.transpose()?.map(|(name, outline)| (shape::body(name), outline)),
    })
}

fn verdict(words: &Words<'_>) -> Result<Verdict, String> {
    Ok(match words.at(2)? {
        "run" => Verdict::Run,
        "skip" => Verdict::Skip { reason: words.rest(3) },
        "each" => Verdict::Each(number(words.at(3)?)?),
        "impossible" => Verdict::Impossible { reason: words.rest(3) },
        other => return Err(format!("{other:?} is no verdict")),
    })
}

fn output(words: &Words<'_>, word: &str) -> Result<Output, String> {
    let body = shape::body(name(word)?);
    Ok(Output { body, confidence: words.get("confidence")?, evidence: None })
}

fn ended(words: &Words<'_>) -> Result<Command, String> {
    let end = match words.at(3)? {
        "done" => End::Done(output(words, words.at(4)?)?),
        "not_done" => End::NotDone,
        "failed" => End::Failed {
            exit: exit(words.at(4)?)?,
            detail: format!("it said {}", words.at(4)?),
            retry_after_ms: words.ms("retry_after")?,
            doubtful: words.text("doubtful").map(|word| output(words, word)).transpose()?,
        },
        other => return Err(format!("{other:?} is no end")),
    };
    let cost = match words.text("cost") {
        Some("unknown") => None,
        _ => Some(words.get("cost")?.unwrap_or(0)),
    };
    let (step, attempt) = (words.at(1)?.to_owned(), number(words.at(2)?)?);
    Ok(Command::Ended { step, attempt, end, cost, tokens: (0, 0) })
}

fn exit(word: &str) -> Result<Exit, String> {
    Ok(match word {
        "panicked" => Exit::Panicked,
        "stalled" => Exit::Stalled,
        "unsure" => Exit::Unsure,
        "vetoed" => Exit::Vetoed,
        "contested" => Exit::Contested,
        "overspent" => Exit::Overspent,
        "host_lost" => Exit::HostLost,
        "effect_unknown" => Exit::EffectUnknown,
        "cancelled" => Exit::Cancelled,
        class => Exit::Failed(number(class)?),
    })
}

fn resolve(words: &Words<'_>) -> Result<Command, String> {
    let (decision, by) = match words.at(2)? {
        "approve" => (Decision::Approve, 3),
        "edit" => (Decision::Edit(shape::body(name(words.at(3)?)?)), 4),
        "retry" => (Decision::Retry, 3),
        "skip" => (Decision::Skip, 3),
        "abandon" => (Decision::Abandon, 3),
        "raise" => (Decision::Raise(number(words.at(3)?)?), 4),
        other => return Err(format!("{other:?} is no decision")),
    };
    let escalation = number(words.at(1)?)?;
    Ok(Command::Resolve { escalation, decision, by: words.at(by)?.to_owned() })
}
