//! How calls of clients are tuned.

use serde::{Deserialize, Serialize};

/// Limits and times of calls that come in OpenAI's format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenaiOptions {
    /// What this node is called in the streams of calls; no other node of the cluster has the name.
    pub node: String,
    /// A call may take so long, in milliseconds.
    pub timeout_ms: u64,
    /// What an answer is reserved for where the client sets no limit, in tokens. The vendor is told
    /// of it where an account limits what may be spent, and nowhere else.
    pub output_tokens: u32,
    /// Calls that are under way or not recorded yet; more are refused.
    pub max_calls: usize,
    /// What was asked and answered is erased after so many hours; 0 keeps it for ever.
    pub keep_hours: u64,
    /// Kept answers to calls at temperature 0, for clients that ask for them with
    /// `autoos-cache: use`.
    pub cache: CacheOptions,
}

impl Default for OpenaiOptions {
    fn default() -> Self {
        Self {
            node: "local".into(),
            timeout_ms: 600_000,
            output_tokens: 4_096,
            max_calls: 8_192,
            keep_hours: 30 * 24,
            cache: CacheOptions::default(),
        }
    }
}

/// How many answers are kept, in memory, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheOptions {
    /// Bytes of all of them; 0, as by default, keeps none.
    pub max_bytes: usize,
    /// An answer is good for so many seconds.
    pub max_age_s: u64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { max_bytes: 0, max_age_s: 3_600 }
    }
}
