//! Real processes through their public interfaces: what a newcomer types, what a client sends, and
//! what is left after the process was killed.

mod bad_input;
mod collector;
mod demo;
mod erased_texts;
mod eval;
mod explain;
mod full_disk;
mod heal_chaos;
mod held;
mod json;
mod kept_lists;
mod kill;
mod lockout;
mod money;
mod newcomer;
mod overload;
mod seed;
mod support;
mod told;
mod traces;
mod watch;
mod weekly_report;
