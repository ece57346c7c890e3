//! What tests of other rooms need too: servers that tools talk to, scripted.

mod smtp;

pub use smtp::{Act, Fault, Login, Received, SmtpOptions, SmtpServer, Stage, TlsMode};
