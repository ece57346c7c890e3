//! Reading logs of any kind: what they look like, which messages they hold, what went wrong.
//!
//! An [`Analyzer`] is fed line by line and keeps a bounded state whatever the log's size: a sample
//! of the first lines until it knows the layout, then one group per message template. The way of a
//! line: its head is taken off (`layout`, `structured`), continuation lines join their record
//! (`multiline`), the message is masked (`mask`, `piece`), counted into its group (`store`), and at
//! the end groups that differ only by a variable are merged (`refine`) and reported (`conclude`).
//! Pure: no IO, no clock. Left out: judging causes; reading of files (the [`LogsAnalyze`] tool).

mod conclude;
mod count;
mod layout;
mod level;
mod mask;
mod multiline;
mod piece;
mod refine;
mod report;
mod scan;
mod stamp;
mod store;
mod structured;
mod tool;
mod wording;

pub use level::Severity;
pub use report::{
    Burst, Families, Family, Format, Group, Place, Report, Span, ValueCount, Variable,
};
pub use tool::LogsAnalyze;

use conclude::{Clock, REASONS};
use count::cut;
use layout::Layout;
use mask::Masker;
use multiline::Shape;
use stamp::{Kind, Stamp};
use std::collections::BTreeMap;
use store::{Limits, Meta, Reason, Store};

/// When a stretch of time counts as a burst; stands in every report.
pub const BURST_RULE: &str = "a stretch of equal time slices (at most 200 over the log's span), each with at least 10 \
     records of the group, 5 times the group's mean per slice, and 4 standard deviations (square root of the mean) \
     above it";

/// What an analysis is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether the report is to hold the group of each line: 4 bytes of state per line.
    pub assignments: bool,
    /// Groups and families listed at most.
    pub top: usize,
    /// Groups less grave are not listed; they still count.
    pub min_severity: Option<Severity>,
    /// Records before this time are skipped; written as the log writes its times.
    pub since: Option<String>,
    /// Records after this time are skipped.
    pub until: Option<String>,
    /// Longer lines are cut; bytes.
    pub max_line: usize,
    /// Groups held at any moment: what bounds the state.
    pub max_groups: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            assignments: false,
            top: 50,
            min_severity: None,
            since: None,
            until: None,
            max_line: 16 * 1024,
            max_groups: 8192,
        }
    }
}

/// What the state of an [`Analyzer`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Groups held.
    pub groups: usize,
    /// Bytes held, estimated, without the assignments.
    pub bytes: usize,
}

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
    options: Options,
    window: Window,
    /// The first lines, until the layout is learned from them.
    sample: Vec<String>,
    sample_bytes: usize,
    learned: bool,
    layouts: Vec<Layout>,
    /// Which kinds of structured lines the sample holds.
    access: bool,
    logfmt: bool,
    /// Whether lines without a head are records of their own.
    loose: bool,
    masker: Masker,
    store: Store,
    pending: Pending,
    open: bool,
    assignments: Vec<u32>,
    totals: Totals,
    time: Timeline,
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

#[derive(Debug, Default)]
struct Totals {
    lines: u64,
    records: u64,
    skipped: u64,
    cut: u64,
    timed: u64,
    leveled: u64,
    forms: BTreeMap<&'static str, u64>,
    by_severity: [u64; 7],
    by_reason: [u64; 4],
}

/// Times in order, years and midnights made up where stamps lack them.
#[derive(Debug, Default)]
struct Timeline {
    kind: Option<Kind>,
    offset_min: i16,
    shift: i64,
    last: Option<i64>,
    span: Option<(i64, i64)>,
}

#[derive(Debug, Default)]
struct Window {
    since: Option<Stamp>,
    until: Option<Stamp>,
}

const SAMPLE_LINES: usize = 2000;
const SAMPLE_BYTES: usize = 512 * 1024;
/// No group: stands in the assignments for lines that were skipped.
const NO_GROUP: u32 = u32::MAX;
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

    fn learn(&mut self) {
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
            Shape::Plain => !headed && (!self.loose || multiline::exception(line).is_some()),
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
    fn flush(&mut self) {
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
                let part = |i: usize| pending.raw.get(parts[i].0..parts[i].1).unwrap_or("");
                self.masker.request(&pending.raw, part(0), part(1), part(2), *status);
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

    /// Ends the log and reports.
    pub fn finish(mut self) -> Report {
        if !self.learned {
            self.learn();
        }
        self.flush();
        let ids = self.store.compact(false);
        let groups = std::mem::take(&mut self.store.groups);
        let clock = self.time.kind.zip(self.time.span).map(|(kind, span)| Clock {
            kind,
            offset_min: self.time.offset_min,
            span,
        });
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by_key(|i| (std::cmp::Reverse(groups[*i].count), groups[*i].first.line));
        let mut rank = vec![0u32; groups.len()];
        let mut listed: Vec<(&store::Group, Group)> = Vec::with_capacity(groups.len());
        for (at, i) in order.into_iter().enumerate() {
            rank[i] = at as u32 + 1;
            listed.push((&groups[i], conclude::group(at as u32 + 1, &groups[i], clock)));
        }
        let top = self.options.top.max(1);
        let errors = conclude::families(&listed, true, top);
        let warnings = conclude::families(&listed, false, top);
        let assignments = self.options.assignments.then(|| {
            let id = |id: u32| (id != NO_GROUP).then(|| rank[ids[id as usize] as usize]);
            self.assignments.iter().map(|i| id(*i)).collect()
        });
        let least = self.options.min_severity;
        let groups_total = listed.len() as u64;
        Report {
            lines: self.totals.lines,
            records: self.totals.records,
            skipped_records: self.totals.skipped,
            cut_lines: self.totals.cut,
            format: self.format(),
            span: clock.map(|c| Span {
                first: c.show(c.span.0),
                last: c.show(c.span.1),
                seconds: (c.span.1 - c.span.0) as f64 / 1000.0,
            }),
            severities: Severity::ALL
                .iter()
                .map(|s| (s.name(), self.totals.by_severity[*s as usize]))
                .collect(),
            severity_reasons: REASONS
                .iter()
                .zip(self.totals.by_reason)
                .map(|(r, n)| (*r, n))
                .collect(),
            groups_total,
            groups: listed
                .into_iter()
                .map(|(_, g)| g)
                .filter(|g| least.is_none_or(|l| g.severity >= l))
                .take(top)
                .collect(),
            errors,
            warnings,
            burst_rule: BURST_RULE,
            assignments,
        }
    }

    fn format(&self) -> Format {
        let text = self.totals.forms.get("text").is_some_and(|n| *n > 0);
        let layouts = if text { self.layouts.as_slice() } else { &[] };
        Format {
            forms: self.totals.forms.clone(),
            timestamp: self.time.kind.map(Kind::name),
            layouts: layouts.iter().map(Layout::describe).collect(),
            level_part: layouts.first().and_then(Layout::level_position),
            timed_records: self.totals.timed,
            leveled_records: self.totals.leveled,
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

impl Timeline {
    /// A stamp's place in time, in ms.
    fn place(&mut self, stamp: Stamp) -> i64 {
        const DAY: i64 = 86_400_000;
        if self.kind.is_none() {
            self.kind = Some(stamp.kind);
            self.offset_min = stamp.offset_min;
        }
        // Where stamps lack the year or the day, a long way back means that a new one began.
        let period = match stamp.kind {
            kind if kind.yearless() => 366 * DAY,
            Kind::Clock => DAY,
            _ => 0,
        };
        let mut ms = stamp.ms + if period > 0 { self.shift } else { 0 };
        if period > 0 && self.last.is_some_and(|last| ms < last - period / 2) {
            self.shift += period;
            ms += period;
        }
        self.last = Some(ms);
        self.span = Some(self.span.map_or((ms, ms), |(a, b)| (a.min(ms), b.max(ms))));
        ms
    }
}

impl Window {
    fn leaves_out(&self, ms: Option<i64>) -> bool {
        let Some(ms) = ms else { return false };
        self.since.is_some_and(|s| ms < s.ms) || self.until.is_some_and(|u| ms > u.ms)
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
