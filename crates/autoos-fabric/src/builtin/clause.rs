//! Cuts an intent into clauses, one for each thing that is asked.
//!
//! A clause ends at a sentence's end, and at `and`, `then` or a comma when what follows begins
//! like a request of its own: with a verb of a job or a question word.

use super::{
    lexicon as lex,
    words::{Kind, Token},
};

/// A run of tokens that asks for one thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    /// Its tokens; separators are gone.
    pub(super) tokens: Vec<Token>,
    /// As it was written.
    pub(super) text: String,
    /// The index of its first token that is neither politeness nor a separator.
    pub(super) head: usize,
}

impl Clause {
    fn new(intent: &str, tokens: &[Token]) -> Option<Self> {
        let first = tokens.iter().position(|t| t.kind != Kind::Mark)?;
        let last = tokens.iter().rposition(|t| t.kind != Kind::Mark)?;
        let tokens = tokens[first..=last].to_vec();
        let text = intent.get(tokens[0].at..tokens[tokens.len() - 1].end).unwrap_or_default();
        let head = head_of(&tokens);
        Some(Self { text: text.to_owned(), tokens, head })
    }

    /// The word that says what is to be done, when there is one.
    pub(super) fn verb(&self) -> Option<&Token> {
        self.tokens.get(self.head)
    }

    /// Whether any token is one of these words.
    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.tokens.iter().any(|t| t.is(words))
    }

    /// Whether these words stand next to each other.
    pub(super) fn phrase(&self, words: &[&str]) -> bool {
        self.tokens.windows(words.len()).any(|w| w.iter().zip(words).all(|(t, w)| t.is(&[w])))
    }

    /// Tokens of one kind.
    pub(super) fn of(&self, wanted: fn(&Kind) -> bool) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(move |t| wanted(&t.kind))
    }

    /// Without the tokens at these places, and read anew.
    pub(super) fn without(&self, gone: std::ops::Range<usize>) -> Option<Self> {
        let kept: Vec<_> = self
            .tokens
            .iter()
            .enumerate()
            .filter(|(i, _)| !gone.contains(i))
            .map(|(_, t)| t.clone())
            .collect();
        let mut rest = Self::new("", &kept)?;
        rest.text = kept.iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join(" ");
        Some(rest)
    }
}

/// Skips what is said out of politeness; stops at the first word that means something.
fn head_of(tokens: &[Token]) -> usize {
    let polite = |t: &Token| {
        t.kind == Kind::Mark || t.kind == Kind::Word && lex::POLITE.contains(&t.low.as_str())
    };
    let mut at = tokens.iter().position(|t| !polite(t)).unwrap_or(tokens.len());
    // "take a look at", "have a look": the words that follow say what is asked.
    while tokens.get(at).is_some_and(|t| t.is(&["have", "had"]))
        && tokens.get(at + 2).is_some_and(|t| t.is(&["look"]))
    {
        at += 2;
    }
    at
}

/// Cuts `intent`, whose tokens these are.
pub(super) fn cut(intent: &str, tokens: &[Token]) -> Vec<Clause> {
    let mut out = Vec::new();
    let mut start = 0;
    for at in 0..tokens.len() {
        if at >= start && ends_clause(tokens, start, at) {
            out.extend(Clause::new(intent, &tokens[start..at]));
            start = at;
        }
    }
    out.extend(Clause::new(intent, &tokens[start..]));
    join_bare_verbs(intent, out)
}

/// Whether the token at `at` separates what began at `start` from what follows.
fn ends_clause(tokens: &[Token], start: usize, at: usize) -> bool {
    let token = &tokens[at];
    if at == start {
        return false;
    }
    let mark = token.kind == Kind::Mark;
    if mark && [".", "?", "!", ";", "\n"].contains(&token.text.as_str()) {
        return true;
    }
    if token.kind == Kind::Word
        && token.low == "then"
        && !tokens[at - 1].is(&["if", "and", "more", "less"])
    {
        return tokens.len() > at + 1;
    }
    let joins = mark && [",", "&", "—", "–"].contains(&token.text.as_str())
        || token.kind == Kind::Word && ["and", "plus", "but"].contains(&token.low.as_str());
    joins && begins_request(tokens, at + 1)
}

/// Whether the tokens from `at` on begin like a request of their own.
fn begins_request(tokens: &[Token], mut at: usize) -> bool {
    let skip = [
        "and",
        "then",
        "also",
        "please",
        "finally",
        "to",
        "next",
        "afterwards",
        "now",
        "just",
        "after",
        "that",
    ];
    while tokens
        .get(at)
        .is_some_and(|t| t.kind == Kind::Mark && t.text == "," || skip.contains(&t.low.as_str()))
    {
        at += 1;
    }
    let Some(token) = tokens.get(at) else { return false };
    // A column may be called `count` or `order`: "… and count is above 3" goes on.
    let goes_on = tokens.get(at + 1).is_none_or(|next| {
        next.kind == Kind::Sign
            || next.is(&[
                "is", "are", "was", "were", "above", "below", "between", "equals", "over", "under",
                "by",
            ])
    });
    let verbs = [
        lex::ANALYZE,
        lex::FIND,
        lex::COUNT,
        lex::SUMMARIZE,
        lex::SEARCH,
        lex::READ,
        lex::SAVE,
        lex::MAKE,
    ];
    let asks = [
        "how", "what", "what's", "which", "who", "when", "where", "whether", "why", "is", "are",
        "compare", "contrast",
    ];
    // "… and is in Rome" goes on; "… and is there a warning" asks.
    if ["is", "are"].contains(&token.low.as_str()) {
        return tokens.get(at + 1).is_some_and(|t| {
            t.is(&["the", "there", "it", "they", "this", "that", "any", "these", "those"])
        });
    }
    if asks.contains(&token.low.as_str()) {
        // "and which" after a list of things is a question; "in which" is not, and cannot come here.
        return true;
    }
    let change = lex::CHANGES
        .iter()
        .chain(lex::MODEL_WORK)
        .any(|(words, _)| words.contains(&token.low.as_str()));
    let probe = ["ping", "probe", "curl", "test", "call"].contains(&token.low.as_str());
    let bare = |words: &[&str]| token.kind == Kind::Word && words.contains(&token.low.as_str());
    (verbs.iter().any(|words| bare(words)) || change || probe)
        && !goes_on
        && !noun_like(token, tokens.get(at + 1))
}

/// Words that are verbs and nouns: in a list ("total, average and number of …", "key points") the
/// noun is meant.
fn noun_like(token: &Token, next: Option<&Token>) -> bool {
    let follows = |words: &[&str]| next.is_some_and(|n| n.is(words));
    match token.low.as_str() {
        "number" | "analysis" | "diagnosis" | "key" | "overview" | "code" | "text" | "message"
        | "alert" | "order" | "record" | "name" | "state" | "point" | "group" | "process"
        | "output" | "highlights" | "report" | "issue" | "change" | "update" | "post"
        | "format" | "mail" | "email" | "transfer" | "file" | "reason" | "answer" | "work"
        | "result" | "start" | "stop" => {
            follows(&["of", "per", "and", "or", "in", "from", "for"])
                || next.is_none_or(|n| n.kind == Kind::Mark)
        }
        _ => false,
    }
}

/// "Find and report the errors": a verb alone belongs to what follows.
fn join_bare_verbs(intent: &str, clauses: Vec<Clause>) -> Vec<Clause> {
    let mut out: Vec<Clause> = Vec::new();
    for clause in clauses {
        match out.last() {
            Some(last) if bare(last) || !out.is_empty() && only_counts(&clause) => {
                let mut tokens = out.pop().expect("there is a last one").tokens;
                tokens.extend(clause.tokens);
                out.extend(Clause::new(intent, &tokens));
            }
            _ => out.push(clause),
        }
    }
    out
}

/// "…: how many?": asks about what was just said.
fn only_counts(clause: &Clause) -> bool {
    let words = ["how", "many", "are", "there", "them", "count", "of", "in", "total", "that", "is"];
    clause.tokens.iter().all(|t| words.contains(&t.low.as_str()) || t.kind == Kind::Mark)
        && (clause.phrase(&["how", "many"]) || clause.has(&["count"]) && clause.has(&["them"]))
}

fn bare(clause: &Clause) -> bool {
    let verbs =
        [lex::ANALYZE, lex::FIND, lex::COUNT, lex::SUMMARIZE, lex::SEARCH, lex::READ, lex::COMPARE];
    clause.tokens.len() == clause.head + 1
        && clause.verb().is_some_and(|v| verbs.iter().any(|words| v.is(words)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::words;

    fn cuts(intent: &str) -> Vec<String> {
        cut(intent, &words::tokens(intent)).into_iter().map(|c| c.text).collect()
    }

    #[test]
    fn one_clause_for_each_request() {
        assert_eq!(
            cuts("find the errors in both logs and say which service had more"),
            ["find the errors in both logs", "and say which service had more"]
        );
        assert_eq!(
            cuts("Summarise the notes, and count the orders above 100 in sales.csv."),
            ["Summarise the notes", "and count the orders above 100 in sales.csv"]
        );
        assert_eq!(cuts("Find and report errors and warnings").len(), 1);
        assert_eq!(cuts("how many rows have status failed and count is above 3").len(), 1);
        assert_eq!(cuts("orders between 10 and 20, by city").len(), 1);
        assert_eq!(cuts("What is the total? What is the average?").len(), 2);
        assert_eq!(cuts("read a.csv, then count the rows").len(), 2);
    }
}
