//! One answer of several: which one to take, and how sure to be of it.
//!
//! Answers that come to the same ([`Last`]) or say the same ([`agree`]) stand together. Each group
//! gets a chance of being right from who stands in it and how many; who answers well, and what it
//! is worth that others come to the same, is learned as outcomes are told. How sure to be of the
//! group taken is learned apart, with what can be seen in the answers themselves: sums that do not
//! come out, and how much of the question's figures they use.
//!
//! Left out: what the models are (the learner sees their names alone), and asking them.

use super::{
    agreement::agree,
    atoms::{What, atoms},
    last::Last,
    sums::sums,
};
use crate::belief::{Belief, Features, Prior};

/// Answers longer than this, in words, are compared by what they say.
const SHORT_WORDS: usize = 8;
/// Chances are kept so far from certainty before they are weighed again.
const EDGE: f64 = 0.01;
/// The logarithm of the length of a usual question, in characters.
const USUAL_LENGTH: f64 = 5.3;

/// What was learned of answerers so far.
#[derive(Debug, Clone, Default)]
pub struct Consensus {
    picking: Belief,
    trusting: Belief,
}

/// What was made of the answers to one question.
#[derive(Debug, Clone)]
pub struct Opinion {
    /// What the answer that was taken comes to; a long one as it stands.
    pub taken: String,
    /// How sure that is, in 0..=1.
    pub confidence: f64,
    /// Whose answers come to this.
    pub supporters: Vec<String>,
    groups: Vec<Group>,
    /// Which of the groups was taken.
    at: usize,
    trust: Features,
}

/// Answers that come to the same.
#[derive(Debug, Clone)]
struct Group {
    last: Last,
    text: String,
    /// Places in the list of answers.
    members: Vec<usize>,
    features: Features,
}

impl Consensus {
    /// Takes one of `answers`, each with the name of who gave it. None if all of them are empty.
    #[must_use]
    pub fn decide(&mut self, question: &str, answers: &[(&str, &str)]) -> Option<Opinion> {
        let mut groups = together(answers);
        for group in &mut groups {
            group.features = self.features(group, answers);
        }
        let chances: Vec<f64> = groups.iter().map(|g| self.picking.chance(&g.features)).collect();
        // The first of equals, so that the same answers always give the same opinion.
        let at = (0..groups.len()).rev().max_by(|a, b| chances[*a].total_cmp(&chances[*b]))?;
        // At most one of them is right.
        let chance = chances[at] / chances.iter().sum::<f64>().max(1.0);
        let trust = self.trust(question, answers, &groups[at], chance);
        let group = &groups[at];
        Some(Opinion {
            taken: match &group.last {
                Last::Words(words) if words.split(' ').count() > SHORT_WORDS => group.text.clone(),
                last => last.to_string(),
            },
            confidence: self.trusting.chance(&trust),
            supporters: group.members.iter().map(|m| answers[*m].0.to_owned()).collect(),
            at,
            trust,
            groups,
        })
    }

    /// Is told what was true, after the opinion was given; whether the opinion was right.
    pub fn learn(&mut self, opinion: &Opinion, truth: &str) -> bool {
        let truth = Last::read(truth);
        let right = |group: &Group| truth.as_ref().is_some_and(|truth| group.last.same(truth));
        let taken = right(&opinion.groups[opinion.at]);
        self.trusting.saw(&opinion.trust, taken);
        for group in &opinion.groups {
            self.picking.saw(&group.features, right(group));
        }
        taken
    }

    fn features(&mut self, group: &Group, answers: &[(&str, &str)]) -> Features {
        let belief = &mut self.picking;
        let base = belief.place("base", Prior { mean: -1.2, variance: 1.0 });
        let more = belief.place("more", Prior { mean: 1.0, variance: 0.5 });
        let mut features = vec![(base, 1.0), (more, count(group.members.len() - 1))];
        for member in &group.members {
            let name = format!("by {}", answers[*member].0);
            features.push((belief.place(&name, Prior { mean: 0.0, variance: 1.0 }), 1.0));
        }
        features
    }

    fn trust(
        &mut self,
        question: &str,
        answers: &[(&str, &str)],
        group: &Group,
        chance: f64,
    ) -> Features {
        let asked = figures(question);
        let texts = || group.members.iter().map(|member| answers[*member].1);
        let of = count(group.members.len());
        let wrong = count(texts().filter(|text| sums(text).wrong > 0).count()) / of;
        let used = |text: &str| {
            let has = figures(text);
            count(asked.iter().filter(|f| has.contains(f)).count()) / count(asked.len().max(1))
        };
        let used = texts().map(used).sum::<f64>() / of;
        let broken = matches!(group.last, Last::Figure(value) if value.fract() != 0.0);
        let length = count(question.chars().count().max(1)).ln() - USUAL_LENGTH;
        let chance = chance.clamp(EDGE, 1.0 - EDGE);
        let odds = (chance / (1.0 - chance)).ln();
        let some = Prior { mean: 0.0, variance: 0.3 };
        [
            ("base", Prior { mean: 0.0, variance: 0.5 }, 1.0),
            ("odds", Prior { mean: 1.0, variance: 0.25 }, odds),
            ("wrong sums", some, wrong),
            ("figures used", some, used),
            ("no whole number", some, f64::from(u8::from(broken))),
            ("long question", some, length),
        ]
        .map(|(name, prior, x)| (self.trusting.place(name, prior), x))
        .to_vec()
    }
}

/// Puts answers together that come to the same, in the order in which they came.
fn together(answers: &[(&str, &str)]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (member, (_, text)) in answers.iter().enumerate() {
        let Some(last) = Last::read(text) else { continue };
        let long = |last: &Last| matches!(last, Last::Words(words) if words.split(' ').count() > SHORT_WORDS);
        let same = groups.iter_mut().find(|group| {
            group.last.same(&last)
                || long(&last) && long(&group.last) && agree(&[&group.text, text]).stands()
        });
        match same {
            Some(group) => group.members.push(member),
            None => groups.push(Group {
                last,
                text: (*text).to_owned(),
                members: vec![member],
                features: Features::new(),
            }),
        }
    }
    groups
}

/// The figures of a text, each once.
fn figures(text: &str) -> Vec<f64> {
    let mut found: Vec<f64> = Vec::new();
    for atom in atoms(text, true) {
        if let What::Figure { value, .. } = atom.what
            && !found.contains(&value)
        {
            found.push(value);
        }
    }
    found
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_is_taken_before_anything_is_known() {
        let opinion = Consensus::default()
            .decide("How many?", &[("a", "A: 3"), ("b", "It is 4."), ("c", "#### 4")])
            .expect("an opinion");
        assert_eq!(opinion.taken, "4");
        assert_eq!(opinion.supporters, ["b", "c"]);
        assert!(opinion.confidence > 0.2 && opinion.confidence < 0.9, "{}", opinion.confidence);
    }

    #[test]
    fn who_is_always_right_is_believed_against_two_who_never_are() {
        let mut consensus = Consensus::default();
        let answers =
            |n: usize| [format!("A: {n}"), format!("A: {}", n + 1), format!("A: {}", n + 1)];
        for n in 0..30 {
            let [a, b, c] = answers(n);
            let opinion = consensus.decide("?", &[("a", &a), ("b", &b), ("c", &c)]).expect("one");
            consensus.learn(&opinion, &n.to_string());
        }
        let [a, b, c] = answers(99);
        let opinion = consensus.decide("?", &[("a", &a), ("b", &b), ("c", &c)]).expect("one");
        assert_eq!((opinion.taken.as_str(), opinion.supporters.len()), ("99", 1));
        assert!(opinion.confidence > 0.6, "{}", opinion.confidence);
    }

    #[test]
    fn long_answers_stand_together_when_they_say_the_same() {
        let council = "The council rejected the plan on Friday because it was much too dear.";
        let again = "Because the plan was much too dear, the council rejected it on Friday.";
        let other = "It rained all night in Oslo, and the match was called off long before noon.";
        let opinion = Consensus::default()
            .decide("What happened?", &[("a", other), ("b", council), ("c", again)])
            .expect("an opinion");
        assert_eq!((opinion.supporters.len(), opinion.taken.as_str()), (2, council));
    }

    #[test]
    fn nobody_who_says_anything_gives_no_opinion() {
        assert!(Consensus::default().decide("?", &[("a", ""), ("b", " ")]).is_none());
        assert!(Consensus::default().decide("?", &[]).is_none());
    }
}
