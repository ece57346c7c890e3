//! `fs.read`: a stretch of a file as text.
//!
//! Bounded in each call; a caller pages on with `next_offset`. Ends fall between characters.

use crate::{Failure, Files, Tool, ToolCall, ToolResult, args, files::fault};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use serde_json::json;
use std::io::{Read, Seek, SeekFrom};

const LIMIT: u64 = 64 * 1024;
const LIMIT_MAX: u64 = 1024 * 1024;

/// Reads a stretch of a file.
#[derive(Debug)]
pub struct FsRead {
    spec: ToolSpec,
    files: Files,
}

impl FsRead {
    /// Reads `files`.
    pub fn new(files: Files) -> Self {
        let spec = ToolSpec {
            name: "fs.read".to_owned(),
            description:
                "Reads a text file, or a stretch of it: up to `limit` bytes from `offset`. \
                          `next_offset` in the result is where to go on."
                    .to_owned(),
            arguments: json!({
                "type": "object",
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "offset": {"type": "integer", "minimum": 0,
                        "description": "bytes from the beginning; 0 unless given"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX,
                        "description": "most bytes to read; 65536 unless given"},
                    "lossy": {"type": "boolean",
                        "description": "replace what is not UTF-8 instead of refusing it; true unless given"},
                },
                "required": ["path"],
                "additionalProperties": false,
            }),
            trust: TrustLevel::Untrusted,
            effect: EffectClass::Pure,
            reads: true,
            timeout_ms: 30_000,
        };
        Self { spec, files }
    }
}

impl Tool for FsRead {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let mut opened = self.files.open(args::text(call, "path")?, &call.granted)?;
        let offset = args::count(call, "offset").unwrap_or(0);
        let limit = args::count(call, "limit").unwrap_or(LIMIT);
        let fault = |error: std::io::Error| fault::of(&opened.path, &error);

        let mut bytes = Vec::new();
        opened.file.seek(SeekFrom::Start(offset)).map_err(fault)?;
        (&mut opened.file).take(limit).read_to_end(&mut bytes).map_err(fault)?;
        let read = bytes.len() as u64;
        let at_end = offset + read >= opened.size;
        let (skipped, kept) = whole_characters(&bytes, offset == 0, at_end);
        let bytes = &bytes[skipped..skipped + kept];
        let text = String::from_utf8_lossy(bytes);
        let lossy = matches!(text, std::borrow::Cow::Owned(_));
        if lossy && !args::flag(call, "lossy").unwrap_or(true) {
            return Err(Failure::Invalid(format!(
                "{} is not UTF-8 text here; read it with \"lossy\": true",
                opened.path.display()
            )));
        }
        let begin = offset + skipped as u64;
        let end = begin + kept as u64;
        let output = json!({
            "path": opened.path.display().to_string(),
            "text": text,
            "offset": begin,
            "bytes": kept,
            "size": opened.size,
            "next_offset": if end < opened.size { Some(end) } else { None },
            "lossy": lossy,
        });
        Ok(ToolResult { output, bytes_read: read })
    }
}

/// How many bytes to skip and then to keep, so that no character is cut at either end.
///
/// Where the bytes are no UTF-8 at all, at most three are left out, and only if some are kept.
fn whole_characters(bytes: &[u8], at_begin: bool, at_end: bool) -> (usize, usize) {
    let continues = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    let skipped = match at_begin {
        true => 0,
        false => bytes.iter().take(3).take_while(continues).count(),
    };
    let rest = &bytes[skipped..];
    if at_end {
        return (skipped, rest.len());
    }
    let tail = rest.iter().rev().take(3).take_while(continues).count();
    let lead = rest.len().checked_sub(tail + 1).map(|at| rest[at]);
    let wanted = match lead {
        Some(byte) if byte >= 0b1111_0000 => 4,
        Some(byte) if byte >= 0b1110_0000 => 3,
        Some(byte) if byte >= 0b1100_0000 => 2,
        _ => 1,
    };
    match tail + 1 < wanted && rest.len() > tail + 1 {
        true => (skipped, rest.len() - tail - 1),
        false => (skipped, rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn read(content: &[u8], args: Value) -> Result<Value, Failure> {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("a.txt"), content).expect("a file");
        let files = Files::new(&[directory.path().to_owned()], &[], None).expect("a root");
        let mut args = args;
        args["path"] = json!("a.txt");
        let call = ToolCall {
            tool: "fs.read".into(),
            args,
            idempotency_key: None,
            deadline: None,
            granted: vec![],
            stop: crate::Stop::default(),
        };
        FsRead::new(files).call(&call).map(|result| result.output)
    }

    #[test]
    fn pages_through_a_file_without_cutting_characters() {
        let text = "aä€𝄞".repeat(50);
        for limit in 4..20 {
            let (mut offset, mut seen) = (0, String::new());
            loop {
                let page = read(text.as_bytes(), json!({"offset": offset, "limit": limit}))
                    .expect("a page");
                assert_eq!(page["lossy"], json!(false), "{page}");
                seen.push_str(page["text"].as_str().expect("text"));
                match page["next_offset"].as_u64() {
                    Some(next) => offset = next,
                    None => break,
                }
            }
            assert_eq!(seen, text);
        }
    }

    #[test]
    fn says_when_it_is_not_text() {
        let page = read(b"a\xffb", json!({})).expect("a page");
        assert_eq!((page["text"].as_str(), &page["lossy"]), (Some("a\u{fffd}b"), &json!(true)));
        let failure = read(b"a\xffb", json!({"lossy": false})).unwrap_err();
        assert!(failure.to_string().contains("lossy"), "{failure}");
    }

    #[test]
    fn reading_past_the_end_is_empty() {
        let page = read(b"abc", json!({"offset": 9})).expect("a page");
        assert_eq!((&page["text"], &page["next_offset"]), (&json!(""), &Value::Null));
    }
}
