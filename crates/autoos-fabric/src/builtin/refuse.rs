//! What the reader of intents declines: other languages, work for a language model, and work for
//! which AUTOOS has no tool; each by name, with what it would need.

use super::{
    clause::Clause,
    lexicon as lex,
    sniff::Known,
    unable::{MODEL, Unable},
    words::{Kind, Token},
};

pub(super) fn refuse_other_languages(tokens: &[Token]) -> Result<(), Unable> {
    let count = |words: &[&str]| tokens.iter().filter(|t| words.contains(&t.low.as_str())).count();
    let letters = |t: &&Token| {
        t.kind == Kind::Word && t.text.chars().any(|c| c.is_alphabetic() && c as u32 > 0x24f)
    };
    if count(lex::FOREIGN) > count(lex::STOP).max(1)
        || tokens.iter().filter(letters).count() * 2 > tokens.len()
    {
        return Err(Unable::new(
            "the intent is not in English, and the rules of the built-in engine know English alone",
            ["the intent in English", MODEL],
        ));
    }
    Ok(())
}

/// Declines what needs a language model, or hands that AUTOOS does not have.
pub(super) fn refuse(clause: &Clause, contexts: &[Known<'_>]) -> Result<(), Unable> {
    let Some(verb) = clause.verb() else { return Ok(()) };
    let said = super::unable::gist(&clause.text);
    let whole = |words: &[&str]| verb.kind == Kind::Word && words.contains(&verb.low.as_str());
    let model = |what: &str| {
        Err(Unable::new(
            format!(
                "“{said}” is {what}, and the built-in engine is rules, not a language model: it counts, finds and quotes, and invents nothing"
            ),
            [MODEL],
        ))
    };
    let into_language = clause.tokens.windows(2).any(|w| {
        w[0].is(&["in", "into", "to"])
            && [
                "german",
                "french",
                "spanish",
                "italian",
                "english",
                "japanese",
                "chinese",
                "portuguese",
                "dutch",
                "russian",
                "polish",
                "latin",
                "korean",
                "arabic",
            ]
            .contains(&w[1].low.as_str())
    });
    if into_language
        || clause.has(&["translate", "translation"]) && !contexts.iter().any(Known::is_table)
    {
        return model("translating");
    }
    if clause.verb().is_some_and(|v| v.is(lex::MAKE))
        && clause.tokens.iter().take(clause.head + 6).any(|t| t.is(lex::CREATIONS))
    {
        return model("writing something new");
    }
    let opinion = clause.phrase(&["you", "think"])
        || clause.phrase(&["your", "opinion"])
        || clause.phrase(&["should"])
        || clause.phrase(&["your", "view"])
        || clause.phrase(&["best", "way"]);
    if opinion {
        return model("asking for an opinion or advice");
    }
    let future = clause
        .tokens
        .windows(2)
        .any(|w| w[0].low == "will" && !w[1].is(&["you", "please"]) && clause.has(lex::QUESTION));
    if future {
        return model("predicting");
    }
    for (words, what) in lex::MODEL_WORK {
        let cause = *what == "explaining causes"
            && (clause.has(&["why"]) || clause.phrase(&["root", "cause"]));
        if whole(words) || cause {
            return model(what);
        }
    }
    for (words, need) in lex::CHANGES {
        let noun = clause.tokens.get(clause.head + 1).is_some_and(|t| t.is(&["of", "per"]));
        if whole(words) && !noun {
            return Err(Unable::new(format!("nothing here can do “{said}”"), [*need]));
        }
    }
    Ok(())
}

pub(super) fn not_understood(clause: &Clause, contexts: &[Known<'_>]) -> Unable {
    let jobs = "the built-in engine analyses logs, answers counting, filtering and aggregation questions over CSV, TSV, JSON and JSON lines, takes the telling sentences out of texts, searches, lists and reads files, checks HTTP endpoints, and writes a result to a file";
    let came = if contexts.is_empty() {
        "nothing came with the intent".to_owned()
    } else {
        let names: Vec<_> = contexts.iter().map(|k| format!("`{}`", k.info.name)).collect();
        format!("what came with the intent is {}", names.join(", "))
    };
    Unable::new(
        format!(
            "no rule here understands “{}” ({came}); {jobs}",
            super::unable::gist(&clause.text)
        ),
        [
            "one of these jobs, said in other words, with its material as a context: `--context NAME=@FILE`",
            MODEL,
        ],
    )
}
