//! A reader that gives up on a row without end, and on time that ran out.
//!
//! One quote too many makes the rest of a file a single cell; the parsers would gather it in
//! memory.

use crate::{Failure, files::Deadline};
use std::{
    cell::Cell,
    io::{self, BufRead, Read},
    rc::Rc,
};

/// Longest row in bytes, give or take a buffer.
const ROW: u64 = 16 * 1024 * 1024;

/// What a parser tells the reader below it, and the other way round.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    total: Rc<Cell<u64>>,
    row_began: Rc<Cell<u64>>,
}

impl Progress {
    /// A row came to its end.
    pub(super) fn row(&self) {
        self.row_began.set(self.total.get());
    }

    /// Bytes read so far.
    pub(super) fn total(&self) -> u64 {
        self.total.get()
    }
}

/// Reads within bounds.
pub(super) struct Bounded<R> {
    inner: R,
    deadline: Deadline,
    pub(super) progress: Progress,
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(inner: R, deadline: Deadline) -> Self {
        Self { inner, deadline, progress: Progress::default() }
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.deadline.check().map_err(io::Error::other)?;
        if self.progress.total() - self.progress.row_began.get() > ROW {
            return Err(io::Error::other(Failure::Invalid(format!(
                "a row is longer than {ROW} bytes; is a quotation mark missing, or is the format \
                 another one?"
            ))));
        }
        let read = self.inner.read(buffer)?;
        self.progress.total.set(self.progress.total() + read as u64);
        Ok(read)
    }
}

/// The failure inside an error of [`Bounded`], or one that says what reading said.
pub(super) fn failure(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()) {
        Some(failure) => failure.clone(),
        None => Failure::Unavailable(format!("the input could not be read: {error}")),
    }
}
