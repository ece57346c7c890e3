//! What the tests of the tools share.
#![allow(dead_code)] // Each test binary uses some of it.

use autoos_tools::{Stop, ToolCall};
use serde_json::Value;

/// A call without key and grants.
pub(crate) fn call(tool: &str, args: Value) -> ToolCall {
    ToolCall {
        tool: tool.to_owned(),
        args,
        idempotency_key: None,
        deadline: None,
        granted: Vec::new(),
        stop: Stop::default(),
    }
}

/// A call with a key.
pub(crate) fn keyed(tool: &str, args: Value, key: &str) -> ToolCall {
    ToolCall { idempotency_key: Some(key.to_owned()), ..call(tool, args) }
}
