//! Arguments of a call by name, once they fit the schema.

use crate::{Failure, ToolCall};

/// A text that must be there.
pub(crate) fn text<'a>(call: &'a ToolCall, name: &str) -> Result<&'a str, Failure> {
    call.args
        .get(name)
        .and_then(|value| value.as_str())
        .ok_or_else(|| Failure::Invalid(format!("{name}: expected text")))
}

/// A count that may be there.
pub(crate) fn count(call: &ToolCall, name: &str) -> Option<u64> {
    call.args.get(name).and_then(|value| value.as_u64())
}

/// A flag that may be there.
pub(crate) fn flag(call: &ToolCall, name: &str) -> Option<bool> {
    call.args.get(name).and_then(|value| value.as_bool())
}
