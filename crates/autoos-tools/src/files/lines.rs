//! Lines of a stream, with a bound on each and on the time all of them may take.
//!
//! A line longer than the bound is cut and the rest of it skipped, so that a file without a single
//! line break costs no more memory than any other.

use super::fault;
use crate::Failure;
use std::{
    io::BufRead,
    path::Path,
    time::{Duration, Instant},
};

/// How many lines pass between two looks at the clock.
const PER_LOOK: u64 = 512;

/// When a call has to end. A tool that works through a stream looks at it now and then, so that
/// its thread comes free soon after the gateway gave up on it.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    timeout_ms: u64,
}

impl Deadline {
    /// `timeout_ms` from now.
    pub fn after(timeout_ms: u64) -> Self {
        Self { at: Instant::now() + Duration::from_millis(timeout_ms), timeout_ms }
    }

    /// # Errors
    /// [`Failure::Timeout`] once it has passed.
    pub fn check(&self) -> Result<(), Failure> {
        match Instant::now() < self.at {
            true => Ok(()),
            false => Err(Failure::Timeout(self.timeout_ms)),
        }
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

/// One line, without its end.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Counted from 1.
    pub number: u64,
    /// Where it begins, in bytes from the beginning of the stream.
    pub offset: u64,
    /// Its bytes, at most the bound.
    pub bytes: &'a [u8],
    /// Whether it was longer than the bound.
    pub cut: bool,
}

impl Line<'_> {
    /// Its text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.bytes)
    }
}

/// Reads lines.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    longest: usize,
    deadline: Deadline,
    buffer: Vec<u8>,
    number: u64,
    offset: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `reader`, each of at most `longest` bytes.
    pub fn new(reader: R, longest: usize, deadline: Deadline) -> Self {
        Self { reader, longest, deadline, buffer: Vec::new(), number: 0, offset: 0 }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line, or none at the end.
    ///
    /// # Errors
    /// [`Failure::Timeout`] past the deadline; [`Failure::Unavailable`] where reading fails.
    pub fn read(&mut self) -> Result<Option<Line<'_>>, Failure> {
        if self.number.is_multiple_of(PER_LOOK) {
            self.deadline.check()?;
        }
        self.buffer.clear();
        let offset = self.offset;
        let mut cut = false;
        let mut ended = false;
        while !ended {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(fault::of(Path::new("the input"), &error)),
            };
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = self.longest - self.buffer.len();
            cut |= part.len() > room;
            self.buffer.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            ended = end.is_some();
            self.reader.consume(used);
            self.offset += used as u64;
            if cut {
                // A line without an end may go on for gigabytes.
                self.deadline.check()?;
            }
        }
        if self.offset == offset {
            return Ok(None);
        }
        self.number += 1;
        if !cut && self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        let bytes = match self.number {
            1 => self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer),
            _ => &self.buffer,
        };
        Ok(Some(Line { number: self.number, offset, bytes, cut }))
    }
}
