//! What the tests of this crate share: short ways to say outlines, bodies and ids.
//!
//! Left out: anything that decides; expectations stay with their tests.

pub mod shape;
