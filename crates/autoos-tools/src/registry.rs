//! placeholder
/// Tools by name.
pub struct Registry;
