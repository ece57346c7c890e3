//! Evidence cut to what a prompt may have, and said to be cut.

use super::{Block, TooLong};
use crate::Request;

/// Tokens for the borders and the first line of a block.
const BORDER: u64 = 60;
/// A block is not cut to less than this unless it is shorter.
const LEAST: u64 = 40;

/// Tokens that a text has, estimated and rather too many than too few: four letters or spaces
/// make one, two other ASCII characters, and every character beyond ASCII counts as one.
#[must_use]
pub fn tokens(text: &str) -> u64 {
    let quarters: u64 = text.chars().map(quarters).sum();
    quarters.div_ceil(4)
}

fn quarters(c: char) -> u64 {
    match c {
        'a'..='z' | 'A'..='Z' | ' ' => 1,
        c if c.is_ascii() => 2,
        _ => 4,
    }
}

/// Shares out what the fixed parts of a prompt leave.
pub(super) struct Cutter {
    allowed: u32,
    used: u64,
    mark: String,
}

/// The blocks as they go into the prompt.
pub(super) struct Fitted {
    pub(super) text: String,
    pub(super) cut: Vec<String>,
}

impl Cutter {
    pub(super) fn new(request: &Request) -> Self {
        // The attempt's key is ours and random, so whoever wrote the evidence cannot know this;
        // the same attempt has the same mark, so that a prompt can be made again.
        let mark = blake3::hash(request.key.as_bytes()).to_hex()[..16].to_owned();
        Self { allowed: request.prompt_tokens, used: 0, mark }
    }

    /// Counts a part that is never cut.
    pub(super) fn fixed(&mut self, text: &str) {
        self.used += tokens(text);
    }

    /// Puts the blocks between borders, each as long as the rest of the prompt allows: short
    /// ones whole, and the others alike.
    pub(super) fn fit(&self, blocks: Vec<Block>) -> Result<Fitted, TooLong> {
        let borders: u64 = blocks.iter().map(|b| BORDER + tokens(&b.name) + tokens(&b.note)).sum();
        let sizes: Vec<u64> = blocks.iter().map(|b| tokens(&b.text)).collect();
        let least: u64 = sizes.iter().map(|size| LEAST.min(*size)).sum();
        let needed = self.used + borders + least;
        if needed > u64::from(self.allowed) {
            return Err(TooLong { needed, allowed: self.allowed });
        }
        let share = share(&sizes, u64::from(self.allowed) - self.used - borders);
        let mut fitted = Fitted { text: String::new(), cut: Vec::new() };
        for (block, size) in blocks.iter().zip(sizes) {
            let whole = size <= share;
            if !whole {
                fitted.cut.push(block.name.clone());
            }
            if !fitted.text.is_empty() {
                fitted.text.push_str("\n\n");
            }
            fitted.text.push_str(&self.bordered(block, (!whole).then_some(share)));
        }
        Ok(fitted)
    }

    fn bordered(&self, block: &Block, share: Option<u64>) -> String {
        // The name comes from plans and file names; it stays on its line.
        let name: String = block.name.chars().filter(|c| !c.is_control()).take(200).collect();
        let note: String = block.note.chars().filter(|c| !c.is_control()).collect();
        let mark = &self.mark;
        let (said, text) = match share {
            None => (String::new(), block.text.clone()),
            Some(share) => cut(&block.text, share),
        };
        // Guessed or learned, the mark means nothing inside a block.
        let text = text.replace(mark.as_str(), "[mark]");
        let space = if note.is_empty() { "" } else { " " };
        format!("<<<evidence {mark} {name:?}:{space}{note}{said}\n{text}\nevidence>>> {mark}")
    }
}

/// The most that every block may have so that all together stay within `room`.
fn share(sizes: &[u64], room: u64) -> u64 {
    if sizes.iter().sum::<u64>() <= room {
        return u64::MAX;
    }
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let mut left = room;
    for (index, size) in sorted.iter().enumerate() {
        let each = left / (sorted.len() - index) as u64;
        if *size > each {
            return each;
        }
        left -= size;
    }
    u64::MAX
}

/// The beginning and the end of a text, three to one, and the words that say so.
fn cut(text: &str, share: u64) -> (String, String) {
    let gap = "\n[…]\n";
    let room = share.saturating_sub(tokens(gap)).saturating_mul(4);
    let head = within(text.chars(), room / 4 * 3);
    let tail = within(text[head..].chars().rev(), room / 4);
    let end = text.len() - tail;
    let said = format!(" (cut: {} of {} bytes are left out of the middle)", end - head, text.len());
    (said, format!("{}{gap}{}", &text[..head], &text[end..]))
}

/// Bytes of the characters that come first and have so many quarters of tokens together.
fn within(chars: impl Iterator<Item = char>, mut room: u64) -> usize {
    let mut bytes = 0;
    for c in chars {
        let Some(left) = room.checked_sub(quarters(c)) else { break };
        room = left;
        bytes += c.len_utf8();
    }
    bytes
}
