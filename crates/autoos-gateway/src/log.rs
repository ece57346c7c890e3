//! How much the node logs, read and changed while it runs. For the operator.

use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_guard::DEFAULT_TENANT;
use std::sync::Arc;

/// Puts another filter in force, where one is given, and says which is; an error says what is wrong
/// with it.
pub type LogLevel = Arc<dyn Fn(Option<&str>) -> Result<String, String> + Send + Sync>;

/// A filter has at most so many bytes.
const LONGEST: usize = 1_024;

impl Edge {
    /// The filter in force, after putting this one in force where there is one.
    pub(crate) fn log_level(&self, call: &Call, wanted: Option<&str>) -> Result<String, Fault> {
        if call.caller.tenant != DEFAULT_TENANT {
            return Err(Fault::Forbidden(format!(
                "the log is the operator's, and this key is of {}",
                call.caller.tenant
            )));
        }
        let level = self.log_level.as_ref().ok_or(Fault::Unsupported("does not log"))?;
        if wanted.is_some_and(|wanted| wanted.trim().is_empty() || wanted.len() > LONGEST) {
            return Err(Fault::Invalid(format!(
                "level must be a level, info for example, or module=level, comma-separated, of at \
                 most {LONGEST} bytes"
            )));
        }
        level(wanted).map_err(|why| Fault::Invalid(format!("level is no filter: {why}")))
    }
}
