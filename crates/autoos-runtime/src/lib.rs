//! The actors of AUTOOS: intents, workflows, agents and their one supervision policy.
