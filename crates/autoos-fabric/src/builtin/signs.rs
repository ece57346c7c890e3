//! Signs of a job in a clause: what it searches for, that it lists a folder, that it only names
//! what later clauses are about.

use super::{clause::Clause, lexicon as lex, words::Kind};

/// Reads, opens or looks at something and asks nothing more.
pub(super) fn prepares(clause: &Clause) -> bool {
    clause.verb().is_some_and(|v| v.is(lex::PREPARE))
        && !clause.has(lex::TROUBLE)
        && !clause.has(&["how", "many", "total", "average", "sum", "count", "top"])
        && clause.of(|k| *k == Kind::Quoted).next().is_none()
}

/// What a clause wants found as it stands: between quotes, or after the words for it.
pub(super) fn search_for(clause: &Clause) -> Option<String> {
    let searches = clause.verb().is_some_and(|v| v.is(lex::SEARCH))
        || clause.has(lex::CONTAIN)
        || clause.has(&["grep", "search"]);
    if let Some(quoted) = clause.of(|k| *k == Kind::Quoted).next() {
        return (searches || clause.has(lex::QUESTION) || clause.has(lex::COUNT))
            .then(|| quoted.text.clone());
    }
    let tokens = &clause.tokens;
    let starts = tokens.iter().enumerate().find_map(|(at, t)| {
        let next = tokens.get(at + 1);
        let then = |w: &[&str]| next.is_some_and(|n| n.is(w));
        if t.is(&["grep"]) && at == clause.head {
            return Some(if then(&["for"]) { at + 2 } else { at + 1 });
        }
        if t.is(&["search", "look", "hunt", "scan"]) && then(&["for"]) {
            return Some(at + 2);
        }
        if t.is(&["for"]) && tokens[..at].iter().any(|b| b.is(&["search", "grep"])) {
            return Some(at + 1);
        }
        if t.is(&["occurrence", "mention", "instance", "reference"]) && then(&["of", "to"]) {
            return Some(at + 2);
        }
        let contains =
            ["contain", "containing", "mention", "mentioning", "include", "contains", "mentions"];
        (t.kind == Kind::Word && t.is(&contains) && next.is_some()).then_some(at + 1)
    })?;
    let skip = [
        "the",
        "a",
        "an",
        "all",
        "any",
        "every",
        "word",
        "phrase",
        "string",
        "keyword",
        "text",
        "term",
        "name",
        "lines",
        "line",
        "files",
        "file",
        "with",
        "containing",
        "that",
        "mention",
        "contain",
        "occurrences",
        "mentions",
        "of",
    ];
    let stop =
        ["in", "within", "inside", "across", "under", "from", "through", "and", "throughout"];
    let from = (starts..tokens.len()).find(|i| !tokens[*i].is(&skip))?;
    let upto = (from..tokens.len())
        .find(|i| tokens[*i].kind == Kind::Mark || tokens[*i].is(&stop))
        .unwrap_or(tokens.len());
    let first = tokens.get(from)?;
    let last = tokens.get(upto.checked_sub(1)?)?;
    let trouble = (from..upto).all(|i| tokens[i].is(lex::TROUBLE) || tokens[i].is(lex::STOP));
    (upto > from && first.at < last.end && !trouble)
        .then(|| tokens[from..upto].iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join(" "))
}

pub(super) fn lists(clause: &Clause) -> bool {
    let folder = clause.has(lex::FOLDER);
    let asks = clause.verb().is_some_and(|v| v.is(&["list", "show", "enumerate", "ls", "display"]))
        || clause.has(&["what", "which"]) && clause.has(&["are", "is", "in"]);
    (folder && asks && !clause.has(lex::CONTAIN) || clause.verb().is_some_and(|v| v.low == "ls"))
        && !clause.has(lex::TROUBLE)
        && !clause.has(lex::LOG)
}

pub(super) fn with_scheme(text: &str) -> String {
    if text.starts_with("http://") || text.starts_with("https://") {
        return text.to_owned();
    }
    let local = text.starts_with("localhost") || text.starts_with(|c: char| c.is_ascii_digit());
    format!("{}://{text}", if local { "http" } else { "https" })
}

pub(super) fn count_of(n: usize) -> String {
    match n {
        0 => "none".to_owned(),
        1 => "one".to_owned(),
        n => n.to_string(),
    }
}
