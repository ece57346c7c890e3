//! How machines' events are written down: MessagePack with named fields, and the kind beside it.
//!
//! Formats are forever. A field that is added has a default; a kind that is unknown, because a
//! newer version wrote it, is kept in the journal and skipped by folds.

use serde::{Serialize, de::DeserializeOwned};
use strum::VariantNames;

/// An event that a stream can hold: an enum whose variants are the kinds.
pub trait Recorded: Serialize + DeserializeOwned + VariantNames {
    /// The kind, in snake case.
    fn kind(&self) -> &'static str;

    /// The bytes that the journal keeps.
    fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("events hold only what MessagePack can say")
    }

    /// Reads an event back; none when the kind is unknown to this version.
    ///
    /// # Errors
    /// When the kind is known and the bytes are not of it: the stream is damaged, or it was
    /// written by a version that broke the rule above.
    fn decode(kind: &str, bytes: &[u8]) -> Result<Option<Self>, String> {
        if !Self::VARIANTS.contains(&kind) {
            return Ok(None);
        }
        rmp_serde::from_slice(bytes).map(Some).map_err(|error| format!("{kind}: {error}"))
    }

    /// Visits every text in it that erasing its owner must take away; none unless it says so.
    fn texts_mut(&mut self, _: &mut dyn FnMut(&mut String)) {}
}

impl Recorded for crate::workflow::Event {
    fn kind(&self) -> &'static str {
        self.into()
    }

    fn texts_mut(&mut self, f: &mut dyn FnMut(&mut String)) {
        Self::texts_mut(self, f);
    }
}

impl Recorded for crate::intent::Event {
    fn kind(&self) -> &'static str {
        self.into()
    }

    fn texts_mut(&mut self, f: &mut dyn FnMut(&mut String)) {
        Self::texts_mut(self, f);
    }
}

impl Recorded for crate::call::Event {
    fn kind(&self) -> &'static str {
        self.into()
    }
}

impl Recorded for crate::lesson::Event {
    fn kind(&self) -> &'static str {
        self.into()
    }
}

impl Recorded for crate::account::Event {
    fn kind(&self) -> &'static str {
        self.into()
    }
}

impl Recorded for crate::account::Register {
    fn kind(&self) -> &'static str {
        self.into()
    }
}
