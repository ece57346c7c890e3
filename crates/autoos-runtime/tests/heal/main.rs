//! The recovery ladder over the real fabric: scripted vendors that fail in every way there is, in a
//! runtime on the in-memory journal. What is printed is measured by the journal's own times.
//!
//! | module | what it shows |
//! |---|---|
//! | `rungs` | each rung, the reviews, lessons and forks, one story each |
//! | `matrix` | every fault of a model × every role |
//! | `learning` | what failures teach, beside a twin that learns nothing |
//!
//! Left out: real processes, which `tests/e2e` kills.

#[path = "../support/mod.rs"]
mod support;

mod learning;
mod matrix;
mod node;
mod rungs;
