//! `text.summarize`: the sentences of a text that say the most, as they stand in it.
//!
//! Nothing is rephrased: each sentence comes with its place in the text, where it can be checked.
//! Left out: understanding. Of a text larger than the bound the beginning is read, and that is said.

mod rank;
mod sentences;

use crate::{
    Failure, Files, Tool, ToolCall, ToolResult, args,
    files::{Deadline, Source},
};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use serde_json::{Value, json};
use std::io::Read;

/// As much of a text is read, in bytes.
const TEXT: u64 = 4 * 1024 * 1024;
/// As many sentences are weighed.
const SENTENCES: usize = 20_000;
const MOST: u64 = 5;
const MOST_MAX: u64 = 100;
const KEYWORDS: u64 = 10;

/// Summarises texts.
#[derive(Debug)]
pub struct TextSummarize {
    spec: ToolSpec,
    files: Files,
}

impl TextSummarize {
    /// Summarises `files`, or text in the call.
    pub fn new(files: Files) -> Self {
        let spec = ToolSpec {
            name: "text.summarize".to_owned(),
            description: "Picks the sentences that say the most out of a text, in their order and \
                          word for word, each with its byte offset; and its keywords with their \
                          counts."
                .to_owned(),
            arguments: json!({
                "type": "object",
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "text": {"type": "string", "description": "the text itself, instead of path"},
                    "max_sentences": {"type": "integer", "minimum": 1, "maximum": MOST_MAX,
                        "description": "5 unless given"},
                    "max_keywords": {"type": "integer", "minimum": 0, "maximum": 100,
                        "description": "10 unless given"},
                },
                "anyOf": [{"required": ["path"]}, {"required": ["text"]}],
                "additionalProperties": false,
            }),
            trust: TrustLevel::Vetted,
            effect: EffectClass::Pure,
            reads: true,
            timeout_ms: 60_000,
        };
        Self { spec, files }
    }
}

impl Tool for TextSummarize {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let deadline = Deadline::after(self.spec.timeout_ms);
        let source = Source::of(call, &self.files)?;
        let (name, size) = (source.name(), source.size());
        let mut bytes = Vec::new();
        source.reader().take(TEXT).read_to_end(&mut bytes).map_err(|error| {
            Failure::Unavailable(format!("the text could not be read: {error}"))
        })?;
        if bytes.contains(&0) {
            return Err(Failure::Invalid("this is no text: it holds NUL bytes".to_owned()));
        }
        let read = bytes.len() as u64;
        if size > read {
            // The bound may have cut a character; what is whole stays as it is.
            let cut = bytes.utf8_chunks().last().is_some_and(|last| !last.invalid().is_empty());
            let tail = bytes.utf8_chunks().last().map_or(0, |last| last.invalid().len());
            bytes.truncate(bytes.len() - if cut && tail < 4 { tail } else { 0 });
        }
        let text = String::from_utf8_lossy(&bytes);
        let lossy = matches!(text, std::borrow::Cow::Owned(_));
        deadline.check()?;
        let mut output = summary(&text, call);
        output["path"] = json!(name);
        output["size"] = json!(size);
        output["bytes_read"] = json!(read);
        output["truncated"] = json!(size > read || output["truncated"] == json!(true));
        output["lossy"] = json!(lossy);
        Ok(ToolResult { output, bytes_read: read })
    }
}

fn summary(text: &str, call: &ToolCall) -> Value {
    let count = |name, usual| {
        usize::try_from(args::count(call, name).unwrap_or(usual)).unwrap_or(usize::MAX)
    };
    let mut found = sentences::split(text);
    let truncated = found.len() > SENTENCES;
    let all = found.len();
    found.truncate(SENTENCES);
    let ranking = rank::rank(text, &found);
    let chosen = rank::choose(&ranking.sentences, count("max_sentences", MOST));
    let shown = chosen.iter().map(|at| {
        let one = &ranking.sentences[*at];
        json!({
            "text": &text[one.sentence.start..one.sentence.end],
            "offset": one.sentence.start,
            "length": one.sentence.end - one.sentence.start,
            "index": at,
            "score": (one.score * 1e4).round() / 1e4,
        })
    });
    let shown: Vec<Value> = shown.collect();
    let joined: Vec<&str> = shown.iter().filter_map(|one| one["text"].as_str()).collect();
    let keywords = ranking.keywords.iter().take(count("max_keywords", KEYWORDS)).map(|keyword| {
        json!({"word": keyword.word, "count": keyword.count, "sentences": keyword.sentences})
    });
    json!({
        "summary": joined.join(" "),
        "sentences": shown,
        "keywords": keywords.collect::<Vec<_>>(),
        "total_sentences": all,
        "truncated": truncated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STORY: &str = "The payment service failed on Monday morning. Customers could not pay for \
        their orders. The weather was nice. Engineers found that the payment service had lost its \
        database connection.\n\nA coffee machine was repaired. The database connection of the \
        payment service was lost because a certificate had expired. Somebody laughed.\n\nThe payment \
        service works again since the certificate was renewed.\n";

    fn summarize(mut args: Value, text: &str) -> Result<Value, Failure> {
        args["text"] = json!(text);
        let files = Files::new(&[], &[], None).expect("no files");
        let call = ToolCall {
            tool: "text.summarize".into(),
            args,
            idempotency_key: None,
            deadline: None,
            granted: vec![],
            stop: crate::Stop::default(),
        };
        TextSummarize::new(files).call(&call).map(|result| result.output)
    }

    #[test]
    fn picks_what_the_text_is_about_and_quotes_it() {
        let output = summarize(json!({"max_sentences": 3}), STORY).expect("a summary");
        let summary = output["summary"].as_str().expect("text");
        for aside in ["weather", "coffee", "laughed"] {
            assert!(!summary.contains(aside), "{summary}");
        }
        assert!(summary.contains("payment service"), "{summary}");
        for sentence in output["sentences"].as_array().expect("sentences") {
            let at =
                usize::try_from(sentence["offset"].as_u64().expect("an offset")).expect("fits");
            assert!(STORY[at..].starts_with(sentence["text"].as_str().expect("text")));
        }
        assert_eq!(output["total_sentences"], json!(8));
        assert_eq!(output["keywords"][0], json!({"word": "payment", "count": 4, "sentences": 4}));
    }

    #[test]
    fn does_not_say_the_same_twice() {
        let text = "The disk of server one is full and needs attention. ".repeat(5)
            + "The network of server two drops packets every night.";
        let output = summarize(json!({"max_sentences": 2}), &text).expect("a summary");
        let summary = output["summary"].as_str().expect("text");
        assert!(summary.contains("disk") && summary.contains("network"), "{summary}");
    }

    #[test]
    fn little_and_no_text() {
        let output = summarize(json!({}), "Only one sentence here").expect("a summary");
        assert_eq!(output["summary"], json!("Only one sentence here"));
        assert_eq!(summarize(json!({}), "").expect("nothing")["sentences"], json!([]));
        assert!(summarize(json!({}), "a\0b").is_err());
    }

    #[test]
    fn says_when_the_text_was_too_long() {
        let text = format!("{}ä", "All is well with the system today. ".repeat(130_000));
        let output = summarize(json!({}), &text).expect("a summary");
        assert_eq!((&output["truncated"], &output["lossy"]), (&json!(true), &json!(false)));
    }

    proptest! {
        #[test]
        fn any_text_is_quoted_in_order(text in "[A-Za-z.!? \n\"äß。-]{0,400}") {
            let output = summarize(json!({"max_sentences": 4}), &text).expect("a summary");
            let mut last = 0;
            for sentence in output["sentences"].as_array().expect("sentences") {
                let at = usize::try_from(sentence["offset"].as_u64().expect("offset")).expect("fits");
                prop_assert!(at >= last);
                last = at + 1;
                prop_assert!(text[at..].starts_with(sentence["text"].as_str().expect("text")));
            }
        }
    }
}
