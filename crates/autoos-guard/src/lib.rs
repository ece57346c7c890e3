//! Who may do what: API keys, and keeping secrets out of what people read.
//!
//! [`Keys`] holds the API keys of a node: made, listed, revoked and checked. [`redact`] masks
//! what looks like a key in a text, [`Redacted`] in everything that goes through a writer.
//! Left out: what a key may do beyond naming its tenant, and serving loopback alone while no key
//! exists, which is the edge's to enforce by [`Keys::is_open`].

mod error;
mod keys;
mod pepper;
mod redact;
mod secret;

pub use error::{Denied, Error};
pub use keys::{Caller, DEFAULT_TENANT, Event, KeyInfo, Keys};
pub use redact::{Redacted, redact};
pub use secret::Secret;
