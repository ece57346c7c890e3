//! `mail.send`: a mail handed to a server once for each idempotency key.
//!
//! | step | after a crash here, `outcome` finds | and says |
//! |---|---|---|
//! | the mail is written to the server, but for the final dot | no record | not sent |
//! | the deadline is looked at; the ledger says *sending* | that | unknown |
//! | the final dot is written | the same | unknown |
//! | the server takes the mail, and the ledger says *sent* | that | sent |
//! | the server refuses the mail, and the record goes | no record | not sent |
//!
//! A mail goes to all its recipients or to none. Its Message-ID is made from the key, so that
//! whoever gets a mail twice after all can tell. Left out: addresses beyond ASCII, signatures
//! (DKIM is the server's), and mail that is not wanted back: bounces go to the sender's box.

mod config;
mod dialog;
mod letter;
mod wire;

pub use config::{MailConfig, SecretRef, Tls};
pub use letter::message_id;

use crate::{
    Failure, Files, Outcome, Tool, ToolCall, ToolResult,
    ledger::{self, Ledger},
};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use config::Checked;
use dialog::End;
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{path::Path, sync::Arc, time::Duration};
use wire::Valve;

/// Time for what comes after the server's answer, in milliseconds.
const MARGIN_MS: u64 = 5_000;

/// What has just happened; for tests that stop here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// All but the final dot is written, and nothing is recorded.
    Written,
    /// The ledger says that the dot may have been written.
    Prepared,
    /// The server has taken the mail.
    Taken,
    /// The ledger says so.
    Recorded,
}

/// Sends mail.
pub struct MailSend {
    spec: ToolSpec,
    config: MailConfig,
    checked: Checked,
    trust: Option<Arc<ClientConfig>>,
    files: Files,
    ledger: Ledger<Record>,
    probe: Box<dyn Fn(Step) + Send + Sync>,
}

impl std::fmt::Debug for MailSend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailSend").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What is known of one key. No texts and no addresses, since nothing erases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    v: u32,
    key: String,
    args: String,
    message_id: String,
    recipients: usize,
    bytes: usize,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// The final dot may have been written.
    Sending,
    /// The server took it, with these words.
    Sent { reply: String },
}

impl ledger::Record for Record {
    fn key(&self) -> &str {
        &self.key
    }

    fn version(&self) -> u32 {
        self.v
    }
}

impl MailSend {
    /// Sends as configured, attaches what may be read of `files`, and keeps its ledger in
    /// `data_dir`.
    ///
    /// # Errors
    /// Says which field of the configuration is wrong, or why the ledger cannot be made.
    pub fn new(config: MailConfig, files: Files, data_dir: &Path) -> Result<Self, String> {
        let checked = config.check()?;
        let trust = wire::trust(&config)?;
        let ledger = Ledger::open(data_dir.join("tools").join("mail.send"))
            .map_err(|error| format!("its ledger cannot be made: {error}"))?;
        let spec = spec(config.timeout_ms + MARGIN_MS);
        Ok(Self { spec, config, checked, trust, files, ledger, probe: Box::new(|_| {}) })
    }

    /// Calls `probe` after each step, which a test can then make the last one.
    pub fn with_probe(mut self, probe: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.probe = Box::new(probe);
        self
    }

    fn send(&self, call: &ToolCall, key: &str, args: String) -> Result<ToolResult, Failure> {
        let message_id = message_id(key, self.checked.from.email.domain());
        let limit = self.config.max_bytes;
        let letter = letter::compose(call, &self.checked, &self.files, &message_id, limit)?;
        let mut record = Record {
            v: 1,
            key: key.to_owned(),
            args,
            message_id,
            recipients: letter.to.len(),
            bytes: letter.bytes.len(),
            state: State::Sending,
        };
        let last_look = || {
            (self.probe)(Step::Written);
            ledger::in_time(call)?;
            self.ledger.put(&record)?;
            (self.probe)(Step::Prepared);
            // The disk may have taken its time.
            ledger::in_time(call)
        };
        ledger::in_time(call)?;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            Failure::Unavailable("mail.send needs to be called on a tokio runtime".to_owned())
        })?;
        let valve = Valve::default();
        let wire = wire::connect(&self.config, self.trust.as_ref(), valve.clone());
        let limit = Duration::from_millis(self.config.timeout_ms);
        let sending = dialog::send(wire, &valve, &self.checked, &letter, last_look, limit);
        match runtime.block_on(sending) {
            End::Sent(reply) => {
                (self.probe)(Step::Taken);
                record.state = State::Sent { reply };
                if let Err(error) = self.ledger.put(&record) {
                    // Sent it is, whatever the ledger thinks of it.
                    tracing::warn!(%error, "a mail was sent, and that could not be recorded");
                }
                (self.probe)(Step::Recorded);
                Ok(ToolResult { bytes_read: letter.read, ..result(&record) })
            }
            End::NotSent(failure) => {
                self.forget(key);
                Err(failure)
            }
            End::Unclear(failure) => Err(unclear(&record.message_id, &failure)),
        }
    }

    /// The mail was not sent, so the key is as good as new.
    fn forget(&self, key: &str) {
        if let Ok(Some(_)) = self.ledger.get(key)
            && let Err(error) = self.ledger.remove(key)
        {
            tracing::warn!(%error, "a mail was not sent, and that could not be recorded");
        }
    }
}

impl Tool for MailSend {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let key = ledger::key(call)?;
        let args = ledger::fingerprint(&call.args);
        match self.ledger.get(key)? {
            None => self.send(call, key, args),
            Some(record) if record.args != args => Err(Failure::Invalid(
                "this idempotency key was used for another mail; use a new one".to_owned(),
            )),
            Some(record) if record.state == State::Sending => {
                Err(unclear(&record.message_id, &"it was cut short"))
            }
            Some(record) => Ok(result(&record)),
        }
    }

    fn outcome(&self, call: &ToolCall) -> Outcome {
        let key = call.idempotency_key.as_deref().unwrap_or_default();
        match self.ledger.get(key) {
            Ok(None) => Outcome::NotDone,
            Ok(Some(record)) if record.args != ledger::fingerprint(&call.args) => Outcome::Unknown,
            Ok(Some(record)) if record.state == State::Sending => Outcome::Unknown,
            Ok(Some(record)) => Outcome::Done(result(&record)),
            Err(_) => Outcome::Unknown,
        }
    }
}

/// Not a failure like others: whoever gets it asks for the outcome, which is unknown.
fn unclear(message_id: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::Crashed(format!(
        "the mail was handed over and the server's answer was not seen ({why}); whether it was \
         sent cannot be told: look for {message_id}, and send with a new key if need be"
    ))
}

fn result(record: &Record) -> ToolResult {
    let reply = match &record.state {
        State::Sent { reply } => Some(reply),
        State::Sending => None,
    };
    let output = json!({
        "sent": reply.is_some(),
        "message_id": record.message_id,
        "recipients": record.recipients,
        "bytes": record.bytes,
        "reply": reply,
    });
    ToolResult { output, bytes_read: 0 }
}

fn spec(timeout_ms: u64) -> ToolSpec {
    let people = |description: &str| {
        json!({"type": "array", "maxItems": 50, "description": description,
            "items": {"type": "string", "minLength": 3, "maxLength": 320}})
    };
    let mut to = people("addresses: ann@example.com, or Ann <ann@example.com>");
    to["minItems"] = json!(1);
    ToolSpec {
        name: "mail.send".to_owned(),
        description: "Sends a mail to recipients that the operator allowed, at most once for each \
                      idempotency key."
            .to_owned(),
        arguments: json!({
            "type": "object",
            "properties": {
                "to": to,
                "cc": people("who also gets it, seen by all"),
                "bcc": people("who also gets it, seen by nobody"),
                "subject": {"type": "string", "minLength": 1, "maxLength": 500},
                "text": {"type": "string", "minLength": 1},
                "html": {"type": "string", "minLength": 1, "description": "the text as HTML"},
                "attachments": {"type": "array", "maxItems": 20,
                    "items": {
                        "type": "object",
                        "properties": {
                            "path": {"type": "string", "minLength": 1},
                            "name": {"type": "string", "minLength": 1, "maxLength": 200},
                        },
                        "required": ["path"],
                        "additionalProperties": false,
                    }},
            },
            "required": ["to", "subject", "text"],
            "additionalProperties": false,
        }),
        trust: TrustLevel::Vetted,
        effect: EffectClass::Effectful,
        reads: false,
        timeout_ms,
    }
}
