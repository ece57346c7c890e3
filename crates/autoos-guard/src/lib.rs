//! Who may do what in AUTOOS: API keys.
