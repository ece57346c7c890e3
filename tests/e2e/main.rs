//! Real processes through their public interfaces: what a newcomer types, what a client sends, and
//! what is left after the process was killed.

mod bad_input;
mod kill;
mod newcomer;
mod seed;
mod support;
