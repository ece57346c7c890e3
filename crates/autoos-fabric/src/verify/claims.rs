//! What an answer claims: its figures, names and quotes, each with the words that it stands among.
//!
//! Reads plain text and the markdown that answers are written in. A claim knows its *scope*: the
//! words of its clause, or of the list item or table row that it belongs to, by which the record
//! that it speaks of is found.

use super::{
    ClaimKind,
    atoms::{Atom, What, atoms},
    prose::{clauses, is_one_of, lines, marker, quotes, sentences},
};
use std::ops::Range;

/// A claim before it is judged.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: ClaimKind,
    /// Where it stands in the answer.
    pub(super) range: Range<usize>,
    /// What it is, for figures.
    pub(super) what: Option<What>,
    /// The sentence, row or line that it belongs to.
    pub(super) sentence: usize,
    /// Whether it counts only when found: a capital at the beginning of a sentence.
    pub(super) tentative: bool,
}

/// A sentence, a row or a line.
#[derive(Debug, Clone)]
pub(super) struct Sentence {
    pub(super) range: Range<usize>,
    /// The first line of the list item that it continues.
    pub(super) item: Option<Range<usize>>,
    /// Clauses of it.
    pub(super) clauses: Vec<Range<usize>>,
    /// Where its atoms are among those of the answer; a row has none there.
    pub(super) atoms: Range<usize>,
    pub(super) table: bool,
    pub(super) heading: bool,
}

/// The sentences of an answer and its claims, both in the answer's order.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) sentences: Vec<Sentence>,
    pub(super) drafts: Vec<Draft>,
    /// What the sentences are made of, without what stands in rows.
    pub(super) atoms: Vec<Atom>,
}

/// Words that begin sentences and name nothing.
#[rustfmt::skip] // A list of words reads better as a block.
const OPENERS: &[&str] = &[
    "the", "a", "an", "this", "that", "these", "those", "there", "here", "it", "its", "they",
    "their", "he", "she", "we", "you", "i", "in", "on", "at", "of", "for", "from", "to", "with",
    "without", "by", "as", "if", "when", "while", "where", "which", "who", "what", "how", "why",
    "and", "or", "but", "so", "no", "not", "none", "all", "any", "both", "each", "every", "some",
    "most", "many", "few", "more", "less", "several", "one", "other", "others", "overall",
    "total", "between", "after", "before", "during", "since", "until", "over", "under", "among",
    "also", "however", "then", "thus", "therefore", "together", "only", "first", "last", "second",
    "third", "once", "example", "note", "result", "answer", "summary", "according", "because",
    "although", "neither", "either", "nothing", "everything", "nobody", "everyone", "compared",
    "finally", "yes", "ok", "please", "let", "see", "our", "your", "my", "his", "her", "rows",
    "errors", "warnings",
];

/// What people and services do: a capital before one of these is a name, even where it opens a
/// sentence.
#[rustfmt::skip] // A list of words reads better as a block.
const DEEDS: &[&str] = &[
    "has", "had", "logged", "reported", "leads", "led", "sold", "sells", "wrote", "writes",
    "said", "says", "told", "asked", "presented", "proposed", "announced", "agreed", "decided",
    "explained", "noted", "claimed", "argued", "found", "ordered", "bought", "paid", "earned",
    "scored", "won", "joined", "sent", "received", "signed", "built", "created", "works",
    "worked", "lives", "lived", "owns", "owned", "manages", "managed", "called", "replied",
    "suggested", "confirmed", "approved", "rejected", "founded", "published", "discovered",
    "visited", "attended", "promised", "wants", "wanted", "thinks",
];

/// Letters that everybody writes in capitals.
#[rustfmt::skip] // A list of words reads better as a block.
const ACRONYMS: &[&str] = &[
    "csv", "json", "http", "https", "api", "url", "ip", "id", "ok", "utc", "pm", "am", "tcp",
    "udp", "html", "xml", "cpu", "sql", "usd", "eur", "gbp", "chf", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "i", "a",
];

/// Reads `answer`.
pub(super) fn read(answer: &str) -> Reading {
    let mut reading = Reading::default();
    let mut item: Option<Range<usize>> = None;
    let mut header = true;
    let lines: Vec<Range<usize>> = lines(answer);
    for (at, line) in lines.iter().enumerate() {
        let text = &answer[line.clone()];
        let trimmed = text.trim_start();
        let indent = text.len() - trimmed.len();
        if trimmed.trim_end().is_empty() {
            header = true;
            continue;
        }
        if trimmed.starts_with('|') {
            let rule = |t: &str| t.trim().chars().all(|c| "|-: ".contains(c));
            let is_header =
                header && lines.get(at + 1).is_some_and(|next| rule(&answer[next.clone()]));
            header = false;
            if !is_header && !rule(text) {
                row(answer, line.clone(), &mut reading);
            }
            continue;
        }
        header = true;
        let marker = marker(trimmed);
        let heading = trimmed.starts_with('#');
        let body = line.start
            + indent
            + if heading { trimmed.len() - trimmed.trim_start_matches('#').len() } else { marker };
        if marker > 0 {
            item = Some(body..line.end);
        } else if indent < 2 {
            item = None;
        }
        let continued = item.clone().filter(|_| marker == 0);
        prose(answer, body..line.end, continued, heading, &mut reading);
    }
    reading.drafts.sort_by_key(|d| (d.range.start, d.range.end));
    reading
}

/// A row of a table: each cell is a claim as a whole.
fn row(answer: &str, line: Range<usize>, reading: &mut Reading) {
    let sentence = reading.sentences.len();
    reading.sentences.push(Sentence {
        range: line.clone(),
        item: None,
        clauses: vec![line.clone()],
        atoms: 0..0,
        table: true,
        heading: false,
    });
    let mut start = line.start;
    for cell in answer[line].split('|') {
        let trimmed = cell.trim().trim_matches(['`', '*', '"']);
        let from =
            start + (cell.len() - cell.trim_start().trim_start_matches(['`', '*', '"']).len());
        start += cell.len() + 1;
        if trimmed.is_empty() || !trimmed.chars().any(char::is_alphanumeric) {
            continue;
        }
        let range = from..from + trimmed.len();
        let found = atoms(trimmed, false);
        let figures = found
            .iter()
            .all(|a| matches!(a.what, What::Figure { .. } | What::Date { .. } | What::Time { .. }));
        if figures && !found.is_empty() {
            for atom in found {
                let range = from + atom.start..from + atom.end;
                reading.drafts.push(Draft {
                    kind: ClaimKind::Figure,
                    range,
                    what: Some(atom.what),
                    sentence,
                    tentative: false,
                });
            }
        } else {
            reading.drafts.push(Draft {
                kind: ClaimKind::Name,
                range,
                what: None,
                sentence,
                tentative: false,
            });
        }
    }
}

/// Sentences of running text.
fn prose(
    answer: &str,
    range: Range<usize>,
    item: Option<Range<usize>>,
    heading: bool,
    reading: &mut Reading,
) {
    let quotes = quotes(answer, range.clone());
    let mut every: Vec<Atom> = atoms(&answer[range.clone()], false);
    for atom in &mut every {
        atom.start += range.start;
        atom.end += range.start;
    }
    let before_line = reading.atoms.len();
    let mut free: Vec<&Atom> = Vec::new();
    for span in sentences(answer, range, &quotes) {
        let inside = |r: &Range<usize>| r.start >= span.start && r.end <= span.end;
        // Atoms stand in order, each behind the one before.
        let from = every.partition_point(|a| a.end <= span.start);
        let upto = every.partition_point(|a| a.start < span.end);
        let all = &every[from..upto.max(from)];
        let sentence = reading.sentences.len();
        let before = reading.drafts.len();
        for quote in quotes.iter().filter(|q| inside(q)) {
            let draft = Draft {
                kind: ClaimKind::Quote,
                range: quote.clone(),
                what: None,
                sentence,
                tentative: false,
            };
            reading.drafts.push(draft);
        }
        free.clear();
        free.extend(all.iter().filter(|a| {
            inside(&(a.start..a.end)) && !quotes.iter().any(|q| a.start < q.end && q.start < a.end)
        }));
        claims_of(answer, &free, sentence, reading);
        let words = free.iter().filter(|a| a.what == What::Word).count();
        if reading.drafts.len() == before && words >= 3 && !heading {
            reading.drafts.push(Draft {
                kind: ClaimKind::Statement,
                range: span.clone(),
                what: None,
                sentence,
                tentative: false,
            });
        }
        let clauses = clauses(answer, &span, all, &quotes);
        reading.sentences.push(Sentence {
            range: span,
            item: item.clone(),
            clauses,
            atoms: before_line + from..before_line + upto.max(from),
            table: false,
            heading,
        });
    }
    reading.atoms.append(&mut every);
}

fn claims_of(answer: &str, atoms: &[&Atom], sentence: usize, reading: &mut Reading) {
    let mut at = 0;
    while at < atoms.len() {
        let atom = atoms[at];
        let text = &answer[atom.start..atom.end];
        let range = atom.start..atom.end;
        match &atom.what {
            What::Figure { .. } | What::Date { .. } | What::Time { .. } => {
                let what = Some(atom.what.clone());
                reading.drafts.push(Draft {
                    kind: ClaimKind::Figure,
                    range,
                    what,
                    sentence,
                    tentative: false,
                });
            }
            What::Name => {
                let slashed = text.matches('/').count() == 1
                    && !text.starts_with('/')
                    && !text.contains(['.', '_', '@'])
                    && !text.bytes().any(|b| b.is_ascii_digit());
                reading.drafts.push(Draft {
                    kind: ClaimKind::Name,
                    range,
                    what: None,
                    sentence,
                    tentative: slashed,
                });
            }
            What::Word if capital(text) => {
                let upto = name_end(answer, atoms, at);
                name(answer, &atoms[at..upto], at, atoms.get(upto).copied(), sentence, reading);
                at = upto;
                continue;
            }
            What::Word => {}
        }
        at += 1;
    }
}

fn capital(text: &str) -> bool {
    text.chars().next().is_some_and(char::is_uppercase)
}

/// Where a run of capitalised words ends.
fn name_end(answer: &str, atoms: &[&Atom], at: usize) -> usize {
    let mut upto = at + 1;
    while let Some(next) = atoms.get(upto) {
        let between = &answer[atoms[upto - 1].end..next.start];
        let name = next.what == What::Word && capital(&answer[next.start..next.end]);
        if !name || between != " " {
            break;
        }
        upto += 1;
    }
    upto
}

/// A run of capitalised words, as a claim where it is one.
fn name(
    answer: &str,
    run: &[&Atom],
    at: usize,
    next: Option<&Atom>,
    sentence: usize,
    reading: &mut Reading,
) {
    let text = |a: &Atom| &answer[a.start..a.end];
    let begin = run[0].start;
    let lead = &answer[..begin];
    let opens =
        at == 0 || lead.trim_end().ends_with([':', '(', '"', '“', '|', '*', '#', '-', '>', '.']);
    let mut run = run;
    while let Some(first) =
        run.first().filter(|a| opens && is_one_of(text(a), OPENERS) || is_one_of(text(a), ACRONYMS))
    {
        let _ = first;
        run = &run[1..];
    }
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
    let range = first.start..last.end;
    let shouted = run.len() == 1
        && answer[range.clone()].chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase)
        && range.len() > 1;
    let subject = next.is_some_and(|n| is_one_of(text(n), DEEDS));
    // "Computed over 5 rows": a capital that opens a sentence says little by itself.
    let tentative = opens && first.start == begin && run.len() == 1 && !shouted && !subject;
    reading.drafts.push(Draft { kind: ClaimKind::Name, range, what: None, sentence, tentative });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: &str, kind: ClaimKind) -> Vec<String> {
        read(answer)
            .drafts
            .into_iter()
            .filter(|d| d.kind == kind)
            .map(|d| answer[d.range].to_owned())
            .collect()
    }

    #[test]
    fn figures_names_and_quotes() {
        let answer = "## Errors in web\n\n1. ERROR × 57: refused\n   First 2024-05-01 10:00:05 (line 3), from sshd.\n   Example: `a 9 b`\nAlice Cooper said “hello there” to Bob at /var/log/x on 10.0.0.7.";
        assert_eq!(of(answer, ClaimKind::Figure), ["57", "2024-05-01", "10:00:05", "3"]);
        assert_eq!(of(answer, ClaimKind::Quote), ["a 9 b", "hello there"]);
        let names = of(answer, ClaimKind::Name);
        for name in ["ERROR", "Alice Cooper", "Bob", "/var/log/x", "10.0.0.7"] {
            assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
        }
    }

    #[test]
    fn tables_and_statements() {
        let answer =
            "| region | n |\n|---|--:|\n| New York | 1,234 |\n\nThat is a very sad outcome.";
        assert_eq!(of(answer, ClaimKind::Name), ["New York"]);
        assert_eq!(of(answer, ClaimKind::Figure), ["1,234"]);
        assert_eq!(of(answer, ClaimKind::Statement), ["That is a very sad outcome."]);
    }

    #[test]
    fn clauses_part_what_is_set_against_each_other() {
        let answer = "web had more: 57 errors, against 12 in db";
        let reading = read(answer);
        let clauses: Vec<&str> =
            reading.sentences[0].clauses.iter().map(|c| &answer[c.clone()]).collect();
        assert_eq!(clauses, ["web had more: 57 errors", ", ", "against 12 in db"]);
    }
}
