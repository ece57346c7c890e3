//! The tools of AUTOOS: registry, built-in tools and their gateway.
