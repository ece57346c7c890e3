//! The AUTOOS binary.
fn main() {}
