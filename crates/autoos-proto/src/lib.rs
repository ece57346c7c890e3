//! The wire contract of AUTOOS: generated types and their conversions.
