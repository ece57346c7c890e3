//! The LLM fabric of AUTOOS: providers, models, the built-in engine and the verification of answers.
