//! What a program writes: signs of progress, one document, complaints.

use serde_json::Value;

/// Longest line that may be a sign of progress, in bytes.
const PROGRESS_MAX: usize = 64 * 1024;
/// As much of the complaints as is kept while it runs, and as much as is told.
const TAIL: usize = 8 * 1024;
const TOLD: usize = 400;

/// Standard output, up to a bound.
#[derive(Debug)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    /// The document has begun: from here on nothing is a sign of progress.
    begun: bool,
    most: usize,
}

impl Answer {
    pub(super) fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), begun: false, most }
    }

    /// Takes what was read; false when it is more than may be.
    pub(super) fn take(&mut self, read: &[u8]) -> bool {
        self.bytes.extend_from_slice(read);
        let mut at = 0;
        while !self.begun {
            let rest = &self.bytes[at..];
            match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) if rest[..end].trim_ascii().is_empty() || is_progress(&rest[..end]) => {
                    at += end + 1;
                }
                Some(_) => self.begun = true,
                None => {
                    // No sign of progress is that long, so that nothing is looked at for ever.
                    self.begun = rest.len() > PROGRESS_MAX;
                    break;
                }
            }
        }
        self.bytes.drain(..at);
        self.bytes.len() <= self.most
    }

    /// The document.
    ///
    /// # Errors
    /// Says why there is none.
    pub(super) fn document(&self) -> Result<Value, String> {
        let text = self.bytes.trim_ascii();
        if text.is_empty() || (!self.begun && is_progress(text)) {
            return Err("it wrote no document".to_owned());
        }
        serde_json::from_slice(text)
            .map_err(|error| format!("what it wrote is not one JSON document: {error}"))
    }
}

/// `{"progress": …}`, and nothing else in it.
fn is_progress(line: &[u8]) -> bool {
    match serde_json::from_slice(line) {
        Ok(Value::Object(fields)) => fields.len() == 1 && fields.contains_key("progress"),
        _ => false,
    }
}

/// The end of what it wrote to standard error.
#[derive(Debug, Default)]
pub(super) struct Complaint(Vec<u8>);

impl Complaint {
    pub(super) fn take(&mut self, read: &[u8]) {
        self.0.extend_from_slice(&read[read.len().saturating_sub(TAIL)..]);
        let over = self.0.len().saturating_sub(TAIL);
        self.0.drain(..over);
    }

    /// Its last words on one line, without the values that are `secret`.
    pub(super) fn told(&self, secret: &[(String, String)]) -> String {
        let mut text = String::from_utf8_lossy(&self.0).into_owned();
        for (name, value) in secret.iter().filter(|(_, value)| value.len() >= 4) {
            text = text.replace(value.as_str(), &format!("[{name}]"));
        }
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let words: Vec<&str> = plain.split_whitespace().collect();
        let line = words.join(" ");
        let over = line.chars().count().saturating_sub(TOLD);
        match over {
            0 => line,
            over => format!("…{}", line.chars().skip(over).collect::<String>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn heard(pieces: &[&str]) -> Result<Value, String> {
        let mut answer = Answer::new(1000);
        for piece in pieces {
            assert!(answer.take(piece.as_bytes()));
        }
        answer.document()
    }

    #[test]
    fn progress_comes_before_the_document() {
        assert_eq!(heard(&["{\"a\": 1}"]), Ok(json!({"a": 1})));
        assert_eq!(
            heard(&["{\"progress\": 1}\n{\"prog", "ress\": 2}\n\n{\"a\"", ": 1}\n"]),
            Ok(json!({"a": 1}))
        );
        assert_eq!(
            heard(&["{\n  \"progress\": 1,\n \"a\": 2\n}\n"]),
            Ok(json!({"progress": 1, "a": 2}))
        );
        assert_eq!(heard(&["[1]\n{\"progress\": 1}\n"]).ok(), None, "after the document");
        for none in ["", "\n \n", "{\"progress\": 1}", "{\"progress\": 1}\n"] {
            assert_eq!(heard(&[none]), Err("it wrote no document".to_owned()), "{none:?}");
        }
        for wrong in ["hello", "{\"a\": 1} {\"b\": 2}", "{\"a\": ", "{\"a\": 1}\nbye\n"] {
            assert!(heard(&[wrong]).is_err(), "{wrong:?}");
        }
        let deep = "[".repeat(900);
        assert!(heard(&[&deep]).is_err(), "too deep");
        assert!(!Answer::new(10).take(b"12345678901"));
    }

    #[test]
    fn complaints_are_short_and_keep_no_secret() {
        let mut complaint = Complaint::default();
        for _ in 0..10_000 {
            complaint.take(b"some words that go on and on\n");
        }
        complaint.take(b"the key hunter2 is\x1b[31m wrong\n");
        let told = complaint.told(&[("KEY".to_owned(), "hunter2".to_owned())]);
        assert!(told.ends_with("the key [KEY] is [31m wrong"), "{told}");
        assert!(told.chars().count() <= TOLD + 1 && complaint.0.len() <= TAIL);
    }
}
