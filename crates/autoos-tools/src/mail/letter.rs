//! A mail as it goes over the wire, made from the arguments of a call.
//!
//! Everything that a client wrote ends up encoded: bodies as quoted-printable, attachments as
//! base64, headers by the library; what holds a line break where none belongs is refused. So no
//! text can begin a header, a part or a command of its own.

use super::config::{Checked, mailbox};
use crate::{Failure, Files, ToolCall, args};
use lettre::{
    Address, Message,
    message::{
        Attachment, Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType},
    },
};
use serde_json::Value;
use std::io::Read;

/// A mail that is ready to be sent.
pub(super) struct Letter {
    pub(super) from: Address,
    pub(super) to: Vec<Address>,
    pub(super) bytes: Vec<u8>,
    pub(super) read: u64,
}

/// The Message-ID under which a key's mail goes out: whoever gets a mail twice can tell.
pub fn message_id(key: &str, domain: &str) -> String {
    format!("<{}@{domain}>", &blake3::hash(key.as_bytes()).to_hex()[..40])
}

/// # Errors
/// [`Failure::Denied`] for a recipient who is not allowed or a file that may not be read,
/// [`Failure::Invalid`] for the rest.
pub(super) fn compose(
    call: &ToolCall,
    config: &Checked,
    files: &Files,
    id: &str,
    max_bytes: u64,
) -> Result<Letter, Failure> {
    let subject = args::text(call, "subject")?;
    if subject.chars().any(char::is_control) {
        return Err(Failure::Invalid(
            "subject: it holds a control character or a line break; write one line".to_owned(),
        ));
    }
    let mut builder = Message::builder()
        .from(config.from.clone())
        .subject(subject)
        .message_id(Some(id.to_owned()))
        .date_now();
    let mut to: Vec<Address> = Vec::new();
    for name in ["to", "cc", "bcc"] {
        for mailbox in recipients(call, name, config)? {
            if !to.contains(&mailbox.email) {
                to.push(mailbox.email.clone());
            }
            builder = match name {
                "to" => builder.to(mailbox),
                "cc" => builder.cc(mailbox),
                // Not in any header: those who get the mail do not see them.
                _ => builder,
            };
        }
    }
    let (parts, read) = attachments(call, files, max_bytes)?;
    let text = single(ContentType::TEXT_PLAIN, args::text(call, "text")?)?;
    let html = call.args.get("html").and_then(Value::as_str);
    let html = html.map(|html| single(ContentType::TEXT_HTML, html)).transpose()?;
    let message = match (html, parts.is_empty()) {
        (None, true) => builder.singlepart(text),
        (None, false) => builder.multipart(mixed(MultiPart::mixed().singlepart(text), parts)),
        (Some(html), true) => builder.multipart(both(text, html)),
        (Some(html), false) => {
            builder.multipart(mixed(MultiPart::mixed().multipart(both(text, html)), parts))
        }
    };
    let message =
        message.map_err(|why| Failure::Invalid(format!("the mail cannot be made: {why}")))?;
    let bytes = message.formatted();
    if bytes.len() as u64 > max_bytes {
        return Err(too_large(max_bytes));
    }
    Ok(Letter { from: config.from.email.clone(), to, bytes, read })
}

fn recipients(call: &ToolCall, name: &str, config: &Checked) -> Result<Vec<Mailbox>, Failure> {
    let given = call.args.get(name).and_then(Value::as_array);
    let given = given.into_iter().flatten().filter_map(Value::as_str);
    given.map(|text| recipient(name, text, config)).collect()
}

fn recipient(name: &str, text: &str, config: &Checked) -> Result<Mailbox, Failure> {
    let mailbox = mailbox(text).map_err(|why| Failure::Invalid(format!("{name}: {why}")))?;
    if config.allow.iter().any(|allowed| allowed.holds(&mailbox)) {
        return Ok(mailbox);
    }
    Err(Failure::Denied(format!(
        "{} is not among those whom this node may write to; an operator can allow it with \
         allow = [\"@{}\"] under [mail] in the configuration",
        mailbox.email,
        mailbox.email.domain()
    )))
}

fn single(kind: ContentType, text: &str) -> Result<SinglePart, Failure> {
    let body = Body::new_with_encoding(text.to_owned(), ContentTransferEncoding::QuotedPrintable);
    let body = body.map_err(|_| Failure::Invalid("the text cannot be encoded".to_owned()))?;
    Ok(SinglePart::builder().header(kind).body(body))
}

fn both(text: SinglePart, html: SinglePart) -> MultiPart {
    MultiPart::alternative().singlepart(text).singlepart(html)
}

fn mixed(start: MultiPart, parts: Vec<SinglePart>) -> MultiPart {
    parts.into_iter().fold(start, MultiPart::singlepart)
}

/// The attached files, and how many bytes of them were read.
fn attachments(
    call: &ToolCall,
    files: &Files,
    max_bytes: u64,
) -> Result<(Vec<SinglePart>, u64), Failure> {
    let given = call.args.get("attachments").and_then(Value::as_array);
    let mut parts = Vec::new();
    let mut read = 0;
    for given in given.into_iter().flatten() {
        let path = given.get("path").and_then(Value::as_str).unwrap_or_default();
        let opened = files.open(path, &call.granted)?;
        let name = match given.get("name").and_then(Value::as_str) {
            Some(name) => name.to_owned(),
            None => opened.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        if name.is_empty() || name.contains(['/', '\\']) || name.chars().any(char::is_control) {
            return Err(Failure::Invalid(format!("attachments: {name:?} is no name of a file")));
        }
        let mut content = Vec::new();
        let mut bounded = opened.file.take(max_bytes.saturating_sub(read) + 1);
        bounded.read_to_end(&mut content).map_err(|error| {
            Failure::Unavailable(format!("{} could not be read: {error}", opened.path.display()))
        })?;
        read += content.len() as u64;
        if read > max_bytes {
            return Err(too_large(max_bytes));
        }
        let kind = ContentType::parse(kind(&name)).unwrap_or(ContentType::TEXT_PLAIN);
        let body = Body::new_with_encoding(content, ContentTransferEncoding::Base64);
        let body = body.map_err(|_| Failure::Invalid(format!("{name} cannot be encoded")))?;
        parts.push(Attachment::new(name).body(body, kind));
    }
    Ok((parts, read))
}

fn too_large(max_bytes: u64) -> Failure {
    Failure::Invalid(format!(
        "the mail is larger than {max_bytes} bytes; send less, or say where the rest is to be found"
    ))
}

/// What a mail program may open a file with; everything else is bytes.
fn kind(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("txt" | "log" | "md") => "text/plain; charset=utf-8",
        Some("csv") => "text/csv; charset=utf-8",
        Some("json") => "application/json",
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("zip") => "application/zip",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}
