//! What an answer must say, and how it is held against that.

#![allow(dead_code, unreachable_pub)] // Each test file uses a part.

/// What is true, and so must be said.
#[derive(Debug)]
pub enum Want {
    /// The opening says all of these numbers and words, and no line of the answer lists more.
    Opening(Vec<f64>, Vec<String>),
    /// Each pair on a line of its own; in this order when it is asked for.
    Pairs { pairs: Vec<(String, f64)>, ordered: bool },
    /// These words come up, those do not.
    Words { has: Vec<String>, lacks: Vec<String> },
    /// No rule can know this: anything but declining is wrong.
    Decline,
}

pub struct Question {
    pub ask: String,
    pub want: Want,
}

pub fn figure(ask: &str, number: f64) -> Question {
    Question { ask: ask.into(), want: Want::Opening(vec![number], Vec::new()) }
}

pub fn says(ask: &str, words: &[&str], numbers: &[f64]) -> Question {
    let words = words.iter().map(|w| (*w).to_owned()).collect();
    Question { ask: ask.into(), want: Want::Opening(numbers.to_vec(), words) }
}

pub fn pairs(ask: &str, pairs: Vec<(String, f64)>) -> Question {
    Question { ask: ask.into(), want: Want::Pairs { pairs, ordered: false } }
}

pub fn ranked(ask: &str, pairs: Vec<(String, f64)>) -> Question {
    Question { ask: ask.into(), want: Want::Pairs { pairs, ordered: true } }
}

pub fn lists(ask: &str, has: Vec<&str>, lacks: Vec<&str>) -> Question {
    let own = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
    Question { ask: ask.into(), want: Want::Words { has: own(has), lacks: own(lacks) } }
}

pub fn declines(ask: &str) -> Question {
    Question { ask: ask.into(), want: Want::Decline }
}

/// Why an answer does not say what is true.
pub fn fault(want: &Want, answer: &str) -> Option<String> {
    match want {
        Want::Decline => Some("nothing could be known of this".into()),
        Want::Opening(wanted, words) => {
            let opening: Vec<&str> =
                answer.lines().filter(|l| !l.starts_with("Computed over")).collect();
            let opening = opening.join("\n");
            // What is said, without what is only listed.
            let short = opening.lines().count() <= 14;
            let said: Vec<&str> =
                opening.lines().filter(|l| short || !l.starts_with('|')).take(16).collect();
            let line = &said.join("\n");
            let found = numbers(line);
            let number = wanted.iter().find(|n| !found.iter().any(|f| close(*f, **n)));
            let word = words.iter().find(|w| !has_word(line, w));
            number.map(|n| format!("no {n}")).or(word.map(|w| format!("no {w}")))
        }
        Want::Pairs { pairs, ordered } => {
            let lines: Vec<&str> = answer.lines().collect();
            let mut from = 0;
            for (key, number) in pairs {
                let at = lines.iter().enumerate().skip(if *ordered { from } else { 0 }).find(
                    |(_, line)| {
                        has_word(line, key) && numbers(line).iter().any(|n| close(*n, *number))
                    },
                );
                match at {
                    Some((at, _)) => from = at + usize::from(lines[at].starts_with('|')),
                    None => return Some(format!("no {key} with {number} (in order: {ordered})")),
                }
            }
            None
        }
        Want::Words { has, lacks } => {
            let missing = has.iter().find(|w| !has_word(answer, w));
            let extra = lacks.iter().find(|w| has_word(answer, w));
            missing.map(|w| format!("no {w}")).or(extra.map(|w| format!("{w} is too much")))
        }
    }
}

/// Two figures are the same to the places that answers give.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 0.0051_f64.max(b.abs() * 1e-6)
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// The numbers of a text, whose thousands may be marked with commas.
fn numbers(text: &str) -> Vec<f64> {
    let mut all = Vec::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        let inside = matches!(c, '.' | ',') && !word.is_empty();
        if c.is_ascii_digit() || inside || c == '-' && word.is_empty() {
            word.push(c);
        } else {
            let plain = word.trim_end_matches(['.', ',']).replace(',', "");
            all.extend(plain.parse::<f64>().ok());
            word.clear();
            if c == '-' {
                word.push(c);
            }
        }
    }
    all
}
