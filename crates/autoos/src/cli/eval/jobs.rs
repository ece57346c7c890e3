//! What is decided about a line, and what is made of its truth.

use super::figures::{calibration, interval, ranked, recovered, share};
use autoos_fabric::{
    router::Difficulty,
    verify::{self, Evidence, Last, ground},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A decision on each line, and figures at the end.
pub(super) trait Job {
    /// Decides one line, then learns its truth if it has one. The error says what is wrong with it.
    fn line(&mut self, line: &Value) -> Result<Value, String>;

    /// How good the decisions were, as far as truth was given.
    fn report(&self) -> Vec<(&'static str, Value)>;
}

/// A score and whether it should have been high.
type Judged = (f64, bool);

/// Are answers borne out by their context?
#[derive(Default)]
pub(super) struct Check {
    judged: Vec<Judged>,
}

impl Job for Check {
    fn line(&mut self, line: &Value) -> Result<Value, String> {
        let context = line.get("context").ok_or("\"context\" is missing")?;
        let answer = text(line, "answer")?;
        let truth = line.get("consistent").or_else(|| line.get("truth"));
        let truth = truth.map(|t| t.as_bool().ok_or("the truth of an answer is true or false"));
        let truth = truth.transpose()?;
        let evidence = [Evidence { name: "context".into(), value: context.clone() }];
        let grounding = ground(answer, &evidence);
        // Where there is nothing to compare, nothing speaks for it or against it.
        let score = grounding.support.unwrap_or(0.5);
        self.judged.extend(truth.map(|truth| (score, truth)));
        let unsupported = grounding.unsupported().map(|claim| {
            json!({
                "text": claim.text, "start": claim.start, "end": claim.end, "kind": claim.kind,
                "why": claim.how, "nearest": claim.nearest,
            })
        });
        let unsupported: Vec<Value> = unsupported.collect();
        Ok(json!({ "id": id(line), "score": score, "unsupported": unsupported }))
    }

    fn report(&self) -> Vec<(&'static str, Value)> {
        if self.judged.is_empty() {
            return Vec::new();
        }
        let balanced = |judged: &[Judged]| {
            let of = |truth: bool| {
                let those = judged.iter().filter(|(_, t)| *t == truth);
                share(those.map(|(score, _)| (*score >= 0.5) == truth))
            };
            Some((of(true)? + of(false)?) / 2.0)
        };
        vec![
            ("judged", self.judged.len().into()),
            ("balanced_accuracy", interval(&self.judged, balanced)),
            ("auroc", interval(&self.judged, ranked)),
        ]
    }
}

/// Which of several answers?
#[derive(Default)]
pub(super) struct Consensus {
    learned: verify::Consensus,
    judged: Vec<Judged>,
    /// How often each answerer was right, of how many.
    singles: BTreeMap<String, (usize, usize)>,
}

impl Job for Consensus {
    fn line(&mut self, line: &Value) -> Result<Value, String> {
        let answers = line.get("answers").and_then(Value::as_object);
        let answers = answers.ok_or("\"answers\" is missing: an object of models and texts")?;
        let answers =
            answers.iter().map(|(model, answer)| Some((model.as_str(), answer.as_str()?)));
        let answers: Vec<(&str, &str)> =
            answers.collect::<Option<_>>().ok_or("an answer is a text")?;
        let truth = match line.get("truth") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) => return Err("\"truth\" is a text or a number".to_owned()),
        };
        let question = line.get("question").and_then(Value::as_str).unwrap_or_default();
        let opinion = self.learned.decide(question, &answers);
        if let Some(truth) = &truth {
            let right = opinion.as_ref().is_some_and(|o| self.learned.learn(o, truth));
            self.judged.push((opinion.as_ref().map_or(0.0, |o| o.confidence), right));
            self.count_singles(&answers, truth);
        }
        Ok(match opinion {
            None => json!({ "id": id(line), "final": null, "confidence": 0.0, "supporters": [] }),
            Some(opinion) => json!({
                "id": id(line), "final": opinion.taken, "confidence": opinion.confidence,
                "supporters": opinion.supporters,
            }),
        })
    }

    fn report(&self) -> Vec<(&'static str, Value)> {
        if self.judged.is_empty() {
            return Vec::new();
        }
        let accuracy = |judged: &[Judged]| share(judged.iter().map(|(_, right)| *right));
        #[expect(clippy::cast_precision_loss, reason = "lines are far fewer than 2^52")]
        let singles = self.singles.values().map(|(right, of)| *right as f64 / (*of).max(1) as f64);
        vec![
            ("judged", self.judged.len().into()),
            ("accuracy", interval(&self.judged, accuracy)),
            ("accuracy_of_the_best_answerer", singles.fold(0.0, f64::max).into()),
            ("auroc", interval(&self.judged, ranked)),
            ("calibration_error", interval(&self.judged, calibration)),
        ]
    }
}

impl Consensus {
    fn count_singles(&mut self, answers: &[(&str, &str)], truth: &str) {
        let Some(truth) = Last::read(truth) else { return };
        for (model, text) in answers {
            let (right, of) = self.singles.entry((*model).to_owned()).or_default();
            *right += usize::from(Last::read(text).is_some_and(|last| last.same(&truth)));
            *of += 1;
        }
    }
}

/// The weak model or the strong one?
#[derive(Default)]
pub(super) struct Route {
    learned: Difficulty,
    judged: Vec<Routed>,
}

/// A prompt whose truth is known.
#[derive(Clone, Copy)]
struct Routed {
    score: f64,
    length: f64,
    /// Strong right less weak right.
    gain: f64,
}

impl Job for Route {
    fn line(&mut self, line: &Value) -> Result<Value, String> {
        let text = text(line, "prompt")?;
        let truth = line.get("correct").filter(|correct| !correct.is_null());
        let truth = truth.map(|correct| {
            let of = |model: &str| correct.get(model).and_then(Value::as_bool);
            of("weak")
                .zip(of("strong"))
                .ok_or("\"correct\" wants \"weak\" and \"strong\", true or false")
        });
        let truth = truth.transpose()?;
        let prompt = self.learned.read(text);
        let score = self.learned.score(&prompt);
        if let Some((weak, strong)) = truth {
            self.learned.learn(&prompt, weak, strong);
            let gain = f64::from(u8::from(strong)) - f64::from(u8::from(weak));
            #[expect(clippy::cast_precision_loss, reason = "prompts are far shorter than 2^52")]
            let length = text.len() as f64;
            self.judged.push(Routed { score, length, gain });
        }
        Ok(json!({ "id": id(line), "score": score }))
    }

    fn report(&self) -> Vec<(&'static str, Value)> {
        if self.judged.is_empty() {
            return Vec::new();
        }
        let by = |score: fn(&Routed) -> f64| {
            move |judged: &[Routed]| recovered(judged.iter().map(|r| (score(r), r.gain)).collect())
        };
        vec![
            ("judged", self.judged.len().into()),
            ("gap_recovered", interval(&self.judged, by(|r| r.score))),
            ("gap_recovered_by_length", interval(&self.judged, by(|r| r.length))),
        ]
    }
}

/// The line's id, as it came.
fn id(line: &Value) -> Value {
    line.get("id").cloned().unwrap_or(Value::Null)
}

fn text<'a>(line: &'a Value, name: &str) -> Result<&'a str, String> {
    let text = line.get(name).and_then(Value::as_str);
    text.ok_or_else(|| format!("\"{name}\" is missing, or no text"))
}
