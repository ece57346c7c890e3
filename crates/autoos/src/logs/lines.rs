//! One line for each event: JSON for programs, or as people read it.
//!
//! A line has the time, the level, who said it and what, and the fields of the event and of the
//! spans around it, the innermost winning. Every value is escaped, so that nothing that came from
//! outside makes a second line or speaks to a terminal.

use super::{
    escape,
    fields::{Fields, Shown},
};
use autoos_kernel::time::Timestamp;
use std::{
    io::Write,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};
use tracing::{
    Event, Level, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::LookupSpan,
};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For programs.
    Json,
    /// For people; in colour on a terminal.
    Text {
        /// Whether levels are coloured.
        colour: bool,
    },
}

/// Writes the lines.
pub(super) struct Lines<W> {
    form: Form,
    out: Mutex<W>,
}

impl<W> Lines<W> {
    pub(super) fn new(form: Form, out: W) -> Self {
        Self { form, out: Mutex::new(out) }
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + Send + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::of(span.metadata().target());
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::of(metadata.target());
        event.record(&mut fields);
        let mut all = std::mem::take(&mut fields.all);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                for (name, shown) in &outer.all {
                    if !all.iter().any(|(known, _)| known == name) {
                        all.push((name, shown.clone()));
                    }
                }
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)).to_string();
        let line = Line {
            time: &time,
            level: *metadata.level(),
            target: metadata.target(),
            message: fields.message.as_deref().unwrap_or_default(),
            fields: &all,
        };
        let written = match self.form {
            Form::Json => line.json(),
            Form::Text { colour } => line.text(colour),
        };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Nowhere is left to say that the log cannot be written.
        let _ = out.write_all(written.as_bytes()).and_then(|()| out.flush());
    }
}

struct Line<'a> {
    time: &'a str,
    level: Level,
    target: &'a str,
    message: &'a str,
    fields: &'a [(&'static str, Shown)],
}

/// What a line has of its own; a field of such a name is none of ours to shadow.
const OWN: [&str; 4] = ["time", "level", "target", "message"];

impl Line<'_> {
    fn json(&self) -> String {
        let mut to = String::with_capacity(256);
        let own = [self.time, self.level.as_str(), self.target, self.message];
        for (n, (name, value)) in OWN.iter().zip(own).enumerate() {
            to.push_str(if n == 0 { "{\"" } else { ",\"" });
            to.push_str(name);
            to.push_str("\":");
            escape::json(value, &mut to);
        }
        for (name, shown) in self.fields.iter().filter(|(name, _)| !OWN.contains(name)) {
            to.push(',');
            escape::json(name, &mut to);
            to.push(':');
            match shown {
                Shown::Text(text) | Shown::Hidden(text) => escape::json(text, &mut to),
                Shown::Number(number) => to.push_str(&number.to_string()),
                Shown::Bool(is) => to.push_str(if *is { "true" } else { "false" }),
            }
        }
        to.push_str("}\n");
        to
    }

    fn text(&self, colour: bool) -> String {
        let paint = match self.level {
            Level::ERROR => "31",
            Level::WARN => "33",
            Level::INFO => "32",
            _ => "2",
        };
        let (on, off) =
            if colour { (format!("\u{1b}[{paint}m"), "\u{1b}[0m") } else { (String::new(), "") };
        let mut to = format!("{} {on}{:>5}{off} ", self.time, self.level.as_str());
        escape::text(self.target, &mut to);
        to.push_str(": ");
        escape::text(self.message, &mut to);
        for (name, shown) in self.fields {
            to.push(' ');
            escape::text(name, &mut to);
            to.push('=');
            match shown {
                Shown::Text(text) if is_word(text) => escape::text(text, &mut to),
                // With quotes, so that it cannot pass for another field.
                Shown::Text(text) => escape::json(text, &mut to),
                Shown::Hidden(text) => to.push_str(text),
                Shown::Number(number) => to.push_str(&number.to_string()),
                Shown::Bool(is) => to.push_str(if *is { "true" } else { "false" }),
            }
        }
        to.push('\n');
        to
    }
}

/// Whether text stands without quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', '"', '=', '\\']) && !text.starts_with('<')
}
