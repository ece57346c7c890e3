//! How a scripted answer is made and how it comes: whole, in pieces, late, or not at all.

use super::{example, script::Answer};
use crate::{
    Failure, FailureClass, LlmResponse, Price, Request, ToolCall, Usage,
    provider::{Line, vendor::ANSWER_MAX},
};
use std::time::{Duration, Instant};

/// An answer that is ready to come.
pub(super) struct Ready {
    how: Answer,
    text: String,
    usage: Usage,
    /// What the call is charged at.
    pub(super) cost_microusd: u64,
}

impl Ready {
    /// Makes the answer of a rule, and what it costs.
    pub(super) fn new(mut how: Answer, request: &Request, price: Price) -> Self {
        let text = match (how.text.take(), how.value.take()) {
            (Some(text), _) => text,
            (None, Some(value)) => value.to_string(),
            (None, None) if how.example => example::text(&request.task),
            (None, None) => String::new(),
        };
        let text = shaped(text, &how);
        let estimate = || Usage { input: 4 * 100, output: crate::prompt::tokens(&text) };
        let usage = how.usage.unwrap_or_else(estimate);
        let charged = if how.fail.is_some() { 0 } else { price.cost(usage) };
        let cost_microusd = how.cost_microusd.unwrap_or(charged);
        Self { how, text, usage, cost_microusd }
    }

    /// Lets it come.
    pub(super) async fn play(
        self,
        request: &Request,
        line: &Line,
        began: Instant,
    ) -> Result<LlmResponse, Failure> {
        if let Some(ms) = self.how.delay_ms {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        if self.how.hang {
            std::future::pending::<()>().await;
        }
        assert!(!self.how.panic, "the script says so");
        if let Some(class) = self.how.fail {
            let mut failure = Failure::new(&request.model, class, "the script says so");
            failure.retry_after_ms = self.how.retry_after_ms;
            failure.cost_microusd = Some(self.cost_microusd);
            return Err(failure);
        }
        let first_token_ms = self.pieces(request, line, began).await?;
        if self.text.len() > ANSWER_MAX {
            let detail = format!("the answer is longer than {ANSWER_MAX} bytes");
            let mut failure = Failure::new(&request.model, FailureClass::Malformed, detail);
            failure.cost_microusd = Some(self.cost_microusd);
            return Err(failure);
        }
        let tool_calls: Vec<ToolCall> = self.how.tool_calls;
        let response = LlmResponse {
            model: request.model.clone(),
            text: self.text,
            value: None,
            plan: None,
            tool_calls,
            usage: self.usage,
            cost_microusd: self.cost_microusd,
            latency_ms: millis(began),
            first_token_ms,
        };
        crate::answer::check(request, response)
    }

    /// Piece by piece, if it comes so; when the first came.
    async fn pieces(
        &self,
        request: &Request,
        line: &Line,
        began: Instant,
    ) -> Result<Option<u64>, Failure> {
        let how = &self.how;
        let mut first = None;
        let last = [how.hang_after, how.cut_after].into_iter().flatten().fold(how.pieces, u32::max);
        for piece in 0..=last {
            if how.hang_after == Some(piece) {
                std::future::pending::<()>().await;
            }
            if how.cut_after == Some(piece) {
                let detail = "the connection broke in the middle of the answer";
                return Err(Failure::new(&request.model, FailureClass::Network, detail));
            }
            if piece == last {
                break;
            }
            if how.piece_ms > 0 {
                tokio::time::sleep(Duration::from_millis(how.piece_ms)).await;
            }
            line.piece();
            first.get_or_insert_with(|| millis(began));
        }
        Ok(first)
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The text as the script wants it bent.
fn shaped(mut text: String, how: &Answer) -> String {
    if how.lie {
        text = lied(&text);
    }
    if let Some(keep) = how.keep {
        cut(&mut text, keep);
    }
    if let Some(bytes) = how.bytes {
        if text.is_empty() {
            text.push_str("word ");
        }
        text = text.repeat(bytes / text.len() + 1);
        cut(&mut text, bytes);
    }
    text
}

/// At most so many bytes, whole characters.
fn cut(text: &mut String, most: usize) {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
}

/// The same with another last figure: its first digit is one more, so that it reads as well.
fn lied(text: &str) -> String {
    let Some(end) = text.rfind(|c: char| c.is_ascii_digit()) else { return text.to_owned() };
    let figure = |c: char| !(c.is_ascii_digit() || c == '.' || c == ',');
    let begin = text[..end]
        .rfind(figure)
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let mut done = false;
    let changed = text[begin..].chars().map(|c| match c.to_digit(10) {
        Some(digit) if !done => {
            done = true;
            char::from_digit(digit % 9 + 1, 10).unwrap_or(c)
        }
        _ => c,
    });
    let changed: String = changed.collect();
    format!("{}{changed}", &text[..begin])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lie_changes_one_figure_and_nothing_else() {
        assert_eq!(lied("In May 12 of 1,204.50 EUR."), "In May 12 of 2,204.50 EUR.");
        assert_eq!(lied("{\"count\": 9}"), "{\"count\": 1}");
        assert_eq!(lied("ä3"), "ä4");
        assert_eq!(lied("no figures"), "no figures");
    }
}
