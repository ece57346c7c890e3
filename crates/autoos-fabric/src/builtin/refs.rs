//! Which contexts, files and addresses a clause speaks of.

use super::{
    clause::Clause,
    lexicon as lex,
    sniff::{Form, Known, split_words},
    unable::Unable,
    words::{self, Kind},
};

/// What a step works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A context, by its place among them.
    Context(usize),
    /// A file or folder below the roots, that the intent itself names.
    Path(String),
    /// An address.
    Url(String),
}

impl Target {
    /// What is known of it, when it is a context.
    pub(super) fn known<'a>(&self, contexts: &'a [Known<'a>]) -> Option<&'a Known<'a>> {
        match self {
            Self::Context(at) => contexts.get(*at),
            _ => None,
        }
    }

    /// Whether it can be read as a log, as far as its name or its head tell.
    pub(super) fn is_log(&self, contexts: &[Known<'_>]) -> bool {
        match self {
            Self::Context(at) => contexts.get(*at).is_some_and(Known::is_log),
            Self::Path(path) => {
                let low = path.to_lowercase();
                [".log", ".out", ".err", "syslog", "/messages"].iter().any(|e| low.ends_with(e))
            }
            Self::Url(_) => false,
        }
    }

    /// Whether it has lines that a log's reader can work on at all.
    pub(super) fn readable(&self, contexts: &[Known<'_>]) -> bool {
        match self {
            Self::Context(at) => contexts.get(*at).is_some_and(|k| k.form == Form::Text),
            Self::Path(_) => true,
            Self::Url(_) => false,
        }
    }
}

/// Words that name a kind rather than a thing.
const GENERIC: &[&str] = &[
    "log", "logs", "data", "file", "files", "csv", "tsv", "json", "jsonl", "ndjson", "context",
    "input", "text", "txt", "table", "rows", "my", "the", "all", "report", "list", "document",
    "doc", "a", "b", "c",
];

/// The contexts and paths that a clause names, in the order of the contexts.
pub(super) fn named(clause: &Clause, contexts: &[Known<'_>]) -> Vec<Target> {
    let mut out: Vec<Target> = Vec::new();
    for token in clause.of(|k| matches!(k, Kind::Path | Kind::Quoted)) {
        match by_path(contexts, &token.text) {
            Some(at) => add(&mut out, Target::Context(at)),
            None if token.kind == Kind::Path && path_like(&token.text) => {
                add(&mut out, Target::Path(token.text.clone()))
            }
            None => {}
        }
    }
    let many = clause.has(&["both", "all", "every", "each", "two", "these"]);
    for (at, known) in contexts.iter().enumerate() {
        if full_name(clause, &split_words(&known.info.name), many)
            || full_name(
                clause,
                &split_words(known.file_name().split('.').next().unwrap_or_default()),
                many,
            )
        {
            add(&mut out, Target::Context(at));
        }
    }
    if out.is_empty() {
        out = partial_names(clause, contexts);
    }
    if out.is_empty() { by_kind(clause, contexts) } else { out }
}

fn add(out: &mut Vec<Target>, target: Target) {
    if !out.contains(&target) {
        out.push(target);
    }
}

/// Whether all words of a name stand in the clause.
fn full_name(clause: &Clause, name: &[String], many: bool) -> bool {
    if name.is_empty() {
        return false;
    }
    let generic = name.iter().all(|w| GENERIC.contains(&w.as_str()));
    let says = |word: &String| {
        clause.tokens.iter().any(|t| {
            let same = if generic {
                t.low == *word
            } else {
                t.low == *word || t.stem == words::stem(word)
            };
            let possessive = t.low.strip_suffix("'s") == Some(word);
            // A name of one letter is only meant where the letter is not an article.
            (t.kind == Kind::Word || matches!(t.kind, Kind::Number(_) | Kind::Date))
                && (same || possessive)
                && (word.len() > 1 || t.text != "a")
        })
    };
    name.iter().all(says) && !(generic && many)
}

/// Contexts of which a telling word is said: "sales" for `sales_2024.csv`.
fn partial_names(clause: &Clause, contexts: &[Known<'_>]) -> Vec<Target> {
    let telling = |known: &Known<'_>| {
        known.names().iter().any(|w| {
            w.len() > 2
                && !GENERIC.contains(&w.as_str())
                && clause
                    .tokens
                    .iter()
                    .any(|t| t.kind == Kind::Word && (t.low == *w || t.stem == words::stem(w)))
        })
    };
    (0..contexts.len()).filter(|i| telling(&contexts[*i])).map(Target::Context).collect()
}

/// Contexts of a kind that the clause names: "both logs", "the spreadsheet".
fn by_kind(clause: &Clause, contexts: &[Known<'_>]) -> Vec<Target> {
    let all = |wanted: &dyn Fn(&Known<'_>) -> bool| -> Vec<Target> {
        (0..contexts.len()).filter(|i| wanted(&contexts[*i])).map(Target::Context).collect()
    };
    if clause.has(lex::LOG) {
        return all(&|k| k.is_log());
    }
    if clause.has(&["csv", "spreadsheet", "tsv", "table", "dataset"]) {
        return all(&|k| matches!(k.form, Form::Table(_)));
    }
    if clause.has(&["json", "jsonl", "ndjson"]) {
        return all(&|k| matches!(k.form, Form::Json | Form::JsonLines));
    }
    if clause.has(&[
        "note",
        "text",
        "document",
        "article",
        "paper",
        "essay",
        "transcript",
        "readme",
        "letter",
        "memo",
        "minutes",
        "book",
        "chapter",
        "doc",
        "page",
        "message",
        "markdown",
    ]) {
        let found = all(&|k| k.form == Form::Text);
        // "the text" may be a file whose kind could not be told.
        return found;
    }
    let whole_file = clause.has(&["file", "content", "attachment", "attached"]);
    if whole_file { all(&|k| k.form != Form::Setting) } else { Vec::new() }
}

/// The context that a path or file name means.
pub(super) fn by_path(contexts: &[Known<'_>], path: &str) -> Option<usize> {
    let name = path.trim_start_matches('@');
    let last = name.rsplit('/').next().unwrap_or(name);
    contexts.iter().position(|k| {
        k.info.label == name
            || k.info.name == name
            || k.file_name() == last && k.info.label.ends_with(name)
            || k.file_name() == last
    })
}

/// Whether a token could be a file here, rather than a host or a glob over endings.
fn path_like(text: &str) -> bool {
    !host_like(text) && !text.starts_with("*.")
}

/// Whether a token without a scheme is the name of a host.
pub(super) fn host_like(text: &str) -> bool {
    let host = text.split('/').next().unwrap_or(text);
    let Some((_, last)) = host.rsplit_once('.') else { return host == "localhost" };
    [
        "com", "org", "net", "io", "dev", "local", "edu", "gov", "ai", "de", "uk", "eu", "app",
        "cloud", "internal", "test", "example", "info",
    ]
    .contains(&last.to_lowercase().as_str())
        && !text.starts_with(['.', '/'])
}

/// The folder that a clause speaks of; the roots when it names none.
pub(super) fn folder(clause: &Clause) -> Target {
    folder_named(clause).unwrap_or(Target::Path(".".into()))
}

/// The folder or file after "in", "under" or "of".
pub(super) fn folder_named(clause: &Clause) -> Option<Target> {
    if let Some(path) = clause.of(|k| *k == Kind::Path).next() {
        return Some(Target::Path(path.text.clone()));
    }
    let tokens = &clause.tokens;
    tokens
        .windows(3)
        .find_map(|w| {
            let place = w[0].is(&["in", "under", "of", "inside", "within"]);
            let article = w[1].is(&["the"]) && !w[2].is(lex::FOLDER);
            let after = tokens.iter().position(|t| t.at == w[2].at).and_then(|i| tokens.get(i + 1));
            let folder = after.is_some_and(|t| t.is(&["folder", "directory", "dir"]));
            (place && article && folder).then(|| Target::Path(w[2].text.clone()))
        })
        .or_else(|| {
            tokens.windows(2).find_map(|w| {
                (w[0].is(&["folder", "directory", "dir"])
                    && w[1].kind == Kind::Word
                    && !w[1].is(lex::STOP))
                .then(|| Target::Path(w[1].text.clone()))
            })
        })
}

/// The addresses that contexts list, when their heads show them whole.
pub(super) fn urls_in(contexts: &[Known<'_>], named: &[Target]) -> Result<Vec<String>, Unable> {
    let mut urls = Vec::new();
    for (at, known) in contexts.iter().enumerate() {
        if !named.is_empty() && !named.contains(&Target::Context(at)) {
            continue;
        }
        let found: Vec<_> = words::tokens(&known.info.head)
            .into_iter()
            .filter(|t| t.kind == Kind::Url)
            .map(|t| t.text)
            .collect();
        if !found.is_empty() && (known.info.head.len() as u64) < known.info.bytes {
            return Err(Unable::new(
                format!(
                    "`{}` is longer than what a planner is shown of it, so not all of its addresses are known",
                    known.info.name
                ),
                ["the addresses in the intent, or in a shorter context"],
            ));
        }
        urls.extend(found);
    }
    if urls.is_empty() {
        return Err(Unable::new(
            "no address is named",
            ["the address, for example “check http://localhost:8000/health”"],
        ));
    }
    Ok(urls)
}

/// Something is asked of a thing that did not come.
pub(super) fn missing(what: &str, name: &str, example: &str) -> Unable {
    Unable::new(
        format!("the intent needs {what}, and none came with it"),
        [format!(
            "{what}: add `--context {name}=@{example}` to the command, or `\"context\": {{\"{name}\": \"…\"}}` to the API's request"
        )],
    )
}
