//! Server-sent events as vendors send them: taken apart without being copied.

/// The longest event, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;

/// Bytes on their way to events.
#[derive(Default)]
pub(super) struct Events {
    /// What came, and is not a whole event yet.
    buffer: Vec<u8>,
}

/// An event is longer than any can be.
#[derive(Debug)]
pub(super) struct TooLong;

impl Events {
    /// Takes bytes in and shows every event that is whole by now: its data, and all its bytes with
    /// the empty line behind it.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), TooLong> {
        self.buffer.extend_from_slice(bytes);
        let mut begin = 0;
        while let Some(end) = end(&self.buffer[begin..]) {
            let event = &self.buffer[begin..begin + end];
            let data = data(event);
            each(&data, event);
            begin += end;
        }
        self.buffer.drain(..begin);
        if self.buffer.len() > LONGEST { Err(TooLong) } else { Ok(()) }
    }
}

/// Where the first event ends, behind its empty line.
fn end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|b| *b == b'\n') {
        let next = from + at + 1;
        match bytes.get(next..) {
            Some([b'\n', ..]) => return Some(next + 1),
            Some([b'\r', b'\n', ..]) => return Some(next + 2),
            _ => from = next,
        }
    }
    None
}

/// The data of an event; one line of it, as vendors send it, is not copied.
fn data(event: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let mut lines = event.split(|b| *b == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let data = line.strip_prefix(b"data:")?;
        Some(data.strip_prefix(b" ").unwrap_or(data))
    });
    let first = lines.next().unwrap_or_default();
    let rest: Vec<&[u8]> = lines.collect();
    if rest.is_empty() {
        return first.into();
    }
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join(&b'\n').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_wherever_the_bytes_are_cut() {
        let text = b"data: {\"a\":1}\n\n: ping\n\ndata:two\r\ndata: lines\r\n\r\ndata: [DONE]\n\n";
        for cut in 0..text.len() {
            let (mut events, mut seen, mut all) = (Events::default(), Vec::new(), Vec::new());
            for part in [&text[..cut], &text[cut..]] {
                let each = |data: &[u8], event: &[u8]| {
                    seen.push(String::from_utf8(data.to_vec()).unwrap());
                    all.extend_from_slice(event);
                };
                events.take(part, each).unwrap();
            }
            assert_eq!(seen, ["{\"a\":1}", "", "two\nlines", "[DONE]"], "cut at {cut}");
            assert_eq!(all, text);
        }
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut events = Events::default();
        let piece = vec![b'x'; LONGEST / 2 + 1];
        assert!(events.take(&piece, |_, _| {}).is_ok());
        assert!(events.take(&piece, |_, _| {}).is_err());
    }
}
