//! One mail handed to its server, and how sure it is what became of it.
//!
//! A server takes responsibility when it answers the final dot. Whatever ends before that dot is
//! written was certainly not sent; an answer says what it says; silence after the dot says nothing. Between text and dot there is a last look, which may still forbid the dot.

use super::{
    config::Checked,
    letter::Letter,
    wire::{Valve, Wire},
};
use crate::Failure;
use lettre::transport::smtp::{
    Error,
    authentication::{Credentials, Mechanism},
    client::AsyncSmtpConnection,
    commands::{Data, Mail, Rcpt},
    extension::ClientId,
};
use std::{cell::Cell, error::Error as _, time::Duration};

/// Longest part of a server's words that is kept, in characters.
const SAID_MAX: usize = 200;

/// What became of a mail.
#[derive(Debug)]
pub(super) enum End {
    /// The server took it, with these words.
    Sent(String),
    /// It did not, and never will.
    NotSent(Failure),
    /// The dot was written, and no answer came.
    Unclear(Failure),
}

/// Hands a mail over within `limit`. `last_look` is asked right before the final dot.
pub(super) async fn send(
    wire: impl Future<Output = std::io::Result<Wire>>,
    valve: &Valve,
    config: &Checked,
    letter: &Letter,
    last_look: impl FnOnce() -> Result<(), Failure>,
    limit: Duration,
) -> End {
    let forbidden = Cell::new(None);
    let last_look = || match last_look() {
        Ok(()) => valve.mark(),
        Err(failure) => {
            valve.shut();
            forbidden.set(Some(failure));
        }
    };
    let talk = async {
        let wire = wire.await.map_err(|error| {
            Failure::Unavailable(format!("the mail server cannot be used: {error}"))
        })?;
        talk(wire, config, letter, last_look).await
    };
    let end = match tokio::time::timeout(limit, talk).await {
        Ok(end) => end,
        Err(_) => {
            Err(Failure::Timeout(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)).into())
        }
    };
    if let Some(failure) = forbidden.into_inner() {
        return End::NotSent(failure);
    }
    match end {
        Ok(said) => End::Sent(said),
        Err(miss) if valve.passed() && !miss.answered => End::Unclear(miss.failure),
        Err(miss) => End::NotSent(miss.failure),
    }
}

/// Why a mail was not taken, and whether the server itself said so.
struct Miss {
    failure: Failure,
    answered: bool,
}

impl From<Failure> for Miss {
    fn from(failure: Failure) -> Self {
        Self { failure, answered: false }
    }
}

async fn talk(
    wire: Wire,
    config: &Checked,
    letter: &Letter,
    last_look: impl FnOnce(),
) -> Result<String, Miss> {
    let hello = ClientId::default();
    let connected = AsyncSmtpConnection::connect_with_transport(Box::new(wire), &hello).await;
    let mut server = connected.map_err(|error| miss("its greeting", &error))?;
    if let Some((user, password)) = &config.login {
        let credentials = Credentials::new(user.clone(), password.clone());
        let login = server.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
        login.map_err(|error| denied("the login", &error))?;
    }
    let from = server.command(Mail::new(Some(letter.from.clone()), Vec::new())).await;
    from.map_err(|error| miss("the sender", &error))?;
    for to in &letter.to {
        let taken = server.command(Rcpt::new(to.clone(), Vec::new())).await;
        taken.map_err(|error| miss(&format!("the recipient {to}"), &error))?;
    }
    let ready = server.command(Data).await.map_err(|error| miss("DATA", &error))?;
    if !ready.has_code(354) {
        return Err(Failure::Unavailable("the mail server did not ask for the mail".into()).into());
    }
    let parts = Parts { text: Some(&letter.bytes), last_look: Some(last_look) };
    let answer = server.message_iter(parts).await.map_err(|error| miss("the mail", &error))?;
    let code: u16 = answer.code().into();
    if !(200..300).contains(&code) {
        return Err(Failure::Crashed(format!("the mail server ended the mail with {code}")).into());
    }
    let said: Vec<&str> = answer.message().collect();
    // It has the mail; whether it hears the farewell is its own affair.
    let _ = tokio::time::timeout(Duration::from_millis(500), server.quit()).await;
    Ok(shown(&format!("{code} {}", said.join(" "))))
}

/// The text of a mail; when all of it is written, and only the dot is missing, looks once more.
struct Parts<'a, F> {
    text: Option<&'a [u8]>,
    last_look: Option<F>,
}

impl<'a, F: FnOnce()> Iterator for Parts<'a, F> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.text.take();
        if text.is_none()
            && let Some(last_look) = self.last_look.take()
        {
            last_look();
        }
        text
    }
}

/// A refusal for good is the call's fault, one for now is the server's, and so is a broken line.
fn miss(what: &str, error: &Error) -> Miss {
    let failure = match error.is_permanent() {
        true => Failure::Invalid(format!("the mail server refused {what}: {}", said(error))),
        false => Failure::Unavailable(format!("the mail server failed at {what}: {}", said(error))),
    };
    Miss { failure, answered: error.status().is_some() }
}

fn denied(what: &str, error: &Error) -> Miss {
    match error.is_permanent() || error.is_client() {
        true => Failure::Denied(format!(
            "the mail server refused {what} ({}); check username and password under [mail]",
            said(error)
        ))
        .into(),
        false => miss(what, error),
    }
}

/// What a server answered, or what broke. Its words are from outside: one line, and not a long one.
fn said(error: &Error) -> String {
    match (error.status(), error.source()) {
        (Some(code), Some(words)) => shown(&format!("{code} {words}")),
        (_, Some(cause)) => shown(&cause.to_string()),
        _ => shown(&error.to_string()),
    }
}

fn shown(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(SAID_MAX).collect()
}
