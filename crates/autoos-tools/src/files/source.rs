//! What a reading tool is given: a file by `path`, or `text` in the call itself.

use super::{Files, Opened};
use crate::{Failure, ToolCall};
use std::io::{BufReader, Cursor, Read};

/// Big enough that reading costs few system calls, small enough to be nothing.
const BUFFER: usize = 256 * 1024;

/// An input that can be read once, from its beginning.
#[derive(Debug)]
pub enum Source {
    /// A file.
    File(Opened),
    /// Text that came with the call.
    Text(String),
}

impl Source {
    /// The input that a call names: `path`, or `text`.
    ///
    /// # Errors
    /// [`Failure::Invalid`] for both or neither; those of [`Files::open`].
    pub fn of(call: &ToolCall, files: &Files) -> Result<Self, Failure> {
        let argument = |name: &str| call.args.get(name).and_then(|value| value.as_str());
        match (argument("path"), argument("text")) {
            (Some(path), None) => Ok(Self::File(files.open(path, &call.granted)?)),
            (None, Some(text)) => Ok(Self::Text(text.to_owned())),
            (Some(_), Some(_)) => {
                Err(Failure::Invalid("both path and text are given; give one of them".to_owned()))
            }
            (None, None) => Err(Failure::Invalid(
                "nothing to read: give path for a file, or text for the text itself".to_owned(),
            )),
        }
    }

    /// The file's canonical path; none for inline text.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::File(opened) => Some(opened.path.display().to_string()),
            Self::Text(_) => None,
        }
    }

    /// Its size in bytes, of a file as it was opened.
    pub fn size(&self) -> u64 {
        match self {
            Self::File(opened) => opened.size,
            Self::Text(text) => text.len() as u64,
        }
    }

    /// Its bytes, buffered, never the whole file at once.
    pub fn reader(self) -> BufReader<Box<dyn Read + Send>> {
        let inner: Box<dyn Read + Send> = match self {
            Self::File(opened) => Box::new(opened.file),
            Self::Text(text) => Box::new(Cursor::new(text)),
        };
        BufReader::with_capacity(BUFFER, inner)
    }
}
