//! The way of a line: learning the layout, cutting the head off, joining continuation lines, and
//! counting the record into its group.
//!
//! Left out: each of these steps themselves, and the report (`ending`).

use super::count::cut;
use super::layout::{self, Layout};
use super::mask::Masker;
use super::multiline::{self, Shape};
use super::stamp::{self, Kind, Stamp};
use super::store::{Limits, Meta, Reason, Store};
use super::timeline::{Timeline, Window};
use super::{Footprint, Options, Severity, scan, structured, wording};
use std::collections::BTreeMap;

/// Analyses a log line by line.
///
/// ```
/// use autoos_tools::logs::{Analyzer, Options};
/// let mut analyzer = Analyzer::new(Options::default());
/// analyzer.line("2024-05-01 10:00:00 ERROR db: connection to 10.0.0.7 refused");
/// analyzer.line("2024-05-01 10:00:09 ERROR db: connection to 10.0.0.9 refused");
/// let report = analyzer.finish();
/// assert_eq!(report.errors.families[0].template, "connection to <*> refused");
/// assert_eq!(report.errors.families[0].count, 2);
/// ```
#[derive(Debug)]
pub struct Analyzer {
    pub(super) options: Options,
    window: Window,
    /// The first lines, until the layout is learned from them.
    sample: Vec<String>,
    sample_bytes: usize,
    pub(super) learned: bool,
    pub(super) layouts: Vec<Layout>,
    /// Which kinds of structured lines the sample holds.
    access: bool,
    logfmt: bool,
    /// Whether lines without a head are records of their own.
    loose: bool,
    masker: Masker,
    pub(super) store: Store,
    pending: Pending,
    open: bool,
    pub(super) assignments: Vec<u32>,
    pub(super) totals: Totals,
    pub(super) time: Timeline,
}

/// The record that may still go on.
#[derive(Debug, Default)]
struct Pending {
    line: u64,
    lines: u64,
    raw: String,
    content: String,
    time: String,
    ms: Option<i64>,
    severity: Option<(Severity, Reason)>,
    source: String,
    exception: Option<String>,
    traceback: bool,
    /// The parts of an HTTP request: client, method and path within `raw`, status.
    request: Option<([(usize, usize); 3], u16)>,
}

/// What is counted over all records.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) lines: u64,
    pub(super) records: u64,
    pub(super) skipped: u64,
    pub(super) cut: u64,
    pub(super) timed: u64,
    pub(super) leveled: u64,
    pub(super) forms: BTreeMap<&'static str, u64>,
    pub(super) by_severity: [u64; 7],
    pub(super) by_reason: [u64; 4],
}

const SAMPLE_LINES: usize = 2000;
const SAMPLE_BYTES: usize = 512 * 1024;
/// No group: stands in the assignments for lines that were skipped.
pub(super) const NO_GROUP: u32 = u32::MAX;
/// Bytes of a message that are looked at.
const MAX_MESSAGE: usize = 4096;

impl Analyzer {
    /// An analyzer that has seen nothing yet.
    pub fn new(options: Options) -> Self {
        let max_groups = options.max_groups.max(64);
        let read =
            |text: &Option<String>| text.as_deref().and_then(|t| stamp::at(t.trim().as_bytes()));
        let window = Window { since: read(&options.since), until: read(&options.until) };
        Self {
            window,
            options,
            sample: Vec::new(),
            sample_bytes: 0,
            learned: false,
            layouts: Vec::new(),
            access: false,
            logfmt: false,
            loose: false,
            masker: Masker::default(),
            store: Store::new(Limits { groups: max_groups, values: max_groups * 24 }),
            pending: Pending::default(),
            open: false,
            assignments: Vec::new(),
            totals: Totals::default(),
            time: Timeline::default(),
        }
    }

    /// Whether `text` can be read as a time for [`Options::since`] and [`Options::until`].
    pub fn reads_time(text: &str) -> bool {
        stamp::at(text.trim().as_bytes()).is_some()
    }

    /// Takes the next line, with or without its line end; what is not UTF-8 is replaced.
    pub fn line(&mut self, line: impl AsRef<[u8]>) {
        let bytes = line.as_ref();
        let long = bytes.len() > self.options.max_line;
        self.totals.cut += u64::from(long);
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(self.options.max_line)]);
        let text = text.trim_end_matches(['\n', '\r']);
        if self.learned {
            return self.take(text);
        }
        self.sample_bytes += text.len();
        self.sample.push(text.to_owned());
        if self.sample.len() >= SAMPLE_LINES || self.sample_bytes >= SAMPLE_BYTES {
            self.learn();
        }
    }

    /// What the state takes by now.
    pub fn footprint(&self) -> Footprint {
        let bytes = self.store.bytes() + self.sample_bytes + self.pending.raw.capacity() * 2;
        Footprint { groups: self.store.groups.len(), bytes }
    }

    pub(super) fn learn(&mut self) {
        self.learned = true;
        let sample = std::mem::take(&mut self.sample);
        self.sample_bytes = 0;
        let lines: Vec<&str> = sample.iter().map(String::as_str).collect();
        let common = |hits: usize| hits > 0 && hits * 10 >= lines.len();
        self.access = common(lines.iter().filter(|l| structured::access(l).is_some()).count());
        self.logfmt = common(lines.iter().filter(|l| structured::logfmt(l).is_some()).count());
        let texts: Vec<&str> = lines
            .iter()
            .map(|l| structured::priority(l).map_or(*l, |(_, rest)| rest))
            .filter(|l| !l.starts_with('{'))
            .filter(|l| !(self.access && structured::access(l).is_some()))
            .filter(|l| !(self.logfmt && structured::logfmt(l).is_some()))
            .collect();
        self.layouts = layout::learn(&texts);
        let stray = texts
            .iter()
            .filter(|l| multiline::shape(l) == Shape::Plain && multiline::exception(l).is_none())
            .filter(|l| self.layouts.iter().all(|layout| layout.read(l).is_none()))
            .count();
        self.loose = stray * 4 > lines.len();
        for line in &lines {
            self.take(line);
        }
    }

    /// Works one line by the layouts learned.
    fn take(&mut self, line: &str) {
        self.totals.lines += 1;
        if line.starts_with('{')
            && let Some(fields) = structured::json(line)
        {
            return self.begin_fields(line, fields, "json");
        }
        if self.access
            && let Some(access) = structured::access(line)
        {
            return self.begin_access(line, &access);
        }
        if self.logfmt
            && let Some(fields) = structured::logfmt(line)
        {
            return self.begin_fields(line, fields, "logfmt");
        }
        let (priority, text) = match structured::priority(line) {
            Some((severity, rest)) => (Some(severity), rest),
            None => (None, line),
        };
        if priority.is_some()
            && let Some(head) = structured::rfc5424(text)
        {
            return self.begin_text(line, head, priority, "syslog");
        }
        let layouts = std::mem::take(&mut self.layouts);
        let head = layouts.iter().find_map(|layout| layout.read(text));
        self.layouts = layouts;
        let stamped = head.is_some_and(|h| h.stamp.is_some()) || priority.is_some();
        if !stamped && self.continues(text, head.is_some()) {
            return self.go_on(text);
        }
        let head = head.unwrap_or(layout::Head { content: text.trim(), ..layout::Head::default() });
        self.begin_text(line, head, priority, "text");
    }

    /// Whether a line without a time belongs to the open record. `headed`: a layout without times
    /// fits it.
    fn continues(&self, line: &str, headed: bool) -> bool {
        if !self.open {
            return false;
        }
        match multiline::shape(line) {
            Shape::Frame => true,
            Shape::Indented => {
                !headed || self.pending.traceback || self.pending.exception.is_some()
            }
            Shape::Plain if self.pending.traceback && multiline::exception(line).is_some() => true,
            Shape::Plain if headed => false,
            Shape::Plain if multiline::exception(line).is_some() => true,
            Shape::Plain => !self.loose && !multiline::begin_alike(&self.pending.raw, line),
        }
    }

    fn go_on(&mut self, line: &str) {
        let pending = &mut self.pending;
        pending.lines += 1;
        if multiline::opens_traceback(line) {
            pending.traceback = true;
        }
        let Some(class) = multiline::exception(line) else { return };
        if pending.traceback {
            // A traceback ends with its error; where it is the message itself, that error is.
            pending.traceback = false;
            if multiline::opens_traceback(&pending.content) {
                pending.content.clear();
                pending.content.push_str(cut(line.trim(), MAX_MESSAGE));
                pending.severity = pending.severity.or(Some((Severity::Error, Reason::Words)));
                return;
            }
        }
        if pending.exception.is_none() && !pending.content.contains(multiline::short_name(class)) {
            pending.exception = Some(multiline::short_name(class).to_owned());
        }
    }

    fn begin_text(
        &mut self,
        line: &str,
        head: layout::Head<'_>,
        priority: Option<Severity>,
        form: &'static str,
    ) {
        let ms = self.begin(line, form, head.stamp, head.stamp_text);
        let pending = &mut self.pending;
        pending.ms = ms;
        pending.severity = head.severity.or(priority).map(|s| (s, Reason::Level));
        pending.source.push_str(head.source.or(head.host).unwrap_or(""));
        pending.content.push_str(cut(head.content, MAX_MESSAGE));
        pending.traceback = multiline::opens_traceback(head.content);
    }

    fn begin_fields(&mut self, line: &str, fields: structured::Fields, form: &'static str) {
        let ms = self.begin(line, form, fields.stamp, &fields.stamp_text);
        let pending = &mut self.pending;
        pending.ms = ms;
        let reason = if fields.by_status { Reason::Status } else { Reason::Level };
        pending.severity = fields.severity.map(|s| (s, reason));
        pending.source.push_str(fields.source.as_deref().unwrap_or(""));
        pending.content.push_str(cut(&fields.content, MAX_MESSAGE));
    }

    fn begin_access(&mut self, line: &str, access: &structured::Access<'_>) {
        let ms = self.begin(line, "access", Some(access.stamp), access.stamp_text);
        let range = |part: &str| {
            let at = part.as_ptr() as usize - line.as_ptr() as usize;
            (at, at + part.len())
        };
        let pending = &mut self.pending;
        pending.ms = ms;
        pending.severity = Some((Severity::of_status(access.status), Reason::Status));
        pending.request =
            Some(([range(access.client), range(access.method), range(access.path)], access.status));
    }

    /// Ends the open record and opens the next; returns its time.
    fn begin(
        &mut self,
        line: &str,
        form: &'static str,
        stamp: Option<Stamp>,
        stamp_text: &str,
    ) -> Option<i64> {
        self.flush();
        *self.totals.forms.entry(form).or_default() += 1;
        self.open = true;
        let pending = &mut self.pending;
        pending.line = self.totals.lines;
        pending.lines = 1;
        for text in [&mut pending.raw, &mut pending.content, &mut pending.time, &mut pending.source]
        {
            text.clear();
        }
        pending.raw.push_str(line);
        pending.exception = None;
        pending.traceback = false;
        pending.request = None;
        match stamp {
            Some(stamp) if stamp.kind == Kind::Epoch => {
                pending.time.push_str(&stamp::format(stamp.kind, stamp.ms, 0));
            }
            _ => pending.time.push_str(stamp_text),
        }
        stamp.map(|s| self.time.place(s))
    }

    /// Counts the open record into its group.
    pub(super) fn flush(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        if self.window.leaves_out(self.pending.ms) {
            self.totals.skipped += 1;
            return self.assign(NO_GROUP);
        }
        self.totals.records += 1;
        let pending = std::mem::take(&mut self.pending);
        let content = match &pending.request {
            Some((parts, status)) => {
                self.masker.request(&pending.raw, parts, *status);
                &pending.raw
            }
            None => {
                self.masker.mask(&pending.content);
                if let Some(exception) = &pending.exception {
                    self.masker.literal_word(exception);
                }
                &pending.content
            }
        };
        let known = self.store.find(&self.masker.key);
        let (severity, reason) = self.judge(&pending, content, known);
        let id = match known {
            Some(id) => id,
            None => {
                if self.store.full() {
                    let ids = self.store.compact(true);
                    for id in self.assignments.iter_mut().filter(|id| **id != NO_GROUP) {
                        *id = ids[*id as usize];
                    }
                }
                // Merging may just have made the group that this record belongs to.
                let wording = wording::severity(content);
                self.store
                    .find(&self.masker.key)
                    .unwrap_or_else(|| self.store.insert(&self.masker, content, wording))
            }
        };
        let meta = Meta {
            line: pending.line,
            time: &pending.time,
            ms: pending.ms,
            severity,
            reason,
            source: (!pending.source.is_empty()).then_some(pending.source.as_str()),
            raw: &pending.raw,
        };
        self.store.add(id, &self.masker, content, &meta);
        self.totals.count(severity, reason, pending.ms.is_some());
        self.pending = pending;
        self.assign(id);
    }

    /// The severity of a record: its level, else its status, else its wording.
    fn judge(&self, pending: &Pending, content: &str, known: Option<u32>) -> (Severity, Reason) {
        if let Some(found) = pending.severity {
            return found;
        }
        if let Some(severity) = leading_level(content) {
            return (severity, Reason::Level);
        }
        let (worst, by_number) = match known {
            Some(id) => self.store.groups[id as usize].wording,
            None => (None, true),
        };
        let worst = if by_number { wording::severity(content).0 } else { worst };
        match worst.max(pending.exception.as_ref().map(|_| Severity::Error)) {
            Some(severity) => (severity, Reason::Words),
            None => (Severity::Info, Reason::Default),
        }
    }

    fn assign(&mut self, id: u32) {
        if self.options.assignments {
            self.assignments.extend(std::iter::repeat_n(id, self.pending.lines as usize));
        }
    }
}

impl Totals {
    fn count(&mut self, severity: Severity, reason: Reason, timed: bool) {
        self.by_severity[severity as usize] += 1;
        self.by_reason[reason as usize] += 1;
        self.timed += u64::from(timed);
        self.leveled += u64::from(reason == Reason::Level);
    }
}

/// The level that a message opens with: `error: x`, `WARNING x`.
fn leading_level(content: &str) -> Option<Severity> {
    let (severity, len) = scan::level(content)?;
    let bytes = content.as_bytes();
    let marked = matches!(bytes.get(len), Some(b':')) || bytes[0] == b'[';
    let loud = len >= 4 && bytes[..len].iter().all(u8::is_ascii_uppercase);
    (marked || loud).then_some(severity)
}
