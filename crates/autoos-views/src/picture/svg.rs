//! What happened as a time line: a lane for each step, a bar for each attempt, and marks for the
//! rungs that were climbed, the reviews and the questions to humans.
//!
//! One file without scripts, links or fonts of its own. It reads on light and dark pages alike,
//! and every mark says in words what it is.

use super::{Mood, cut, money, rung, span, tame, timeline::Timeline, work};
use crate::{AttemptView, EscalationView, StepView, WorkflowView};
use autoos_kernel::{plan::check::dollars, workflow::Purpose};
use std::fmt::Write as _;

/// The picture's width, and where its lanes begin and end, in pixels.
const WIDTH: f64 = 980.0;
const LEFT: f64 = 236.0;
const RIGHT: f64 = 900.0;
const TOP: f64 = 96.0;
const LANE: f64 = 34.0;
const BAR: f64 = 16.0;
const MONEY: f64 = 56.0;
/// Lanes that are drawn at most.
const LANES: usize = 120;

const STYLE: &str = "\
text{font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;\
font-size:12px;fill:#1f2328}\
.page{fill:#ffffff;stroke:#d0d7de}.title{font-size:17px;font-weight:600}.id{font-weight:600}\
.soft{fill:#59636e}.small{font-size:10.5px}.end{text-anchor:end}.mid{text-anchor:middle}\
.lane{fill:#f6f8fa}.grid{stroke:#d0d7de;stroke-width:1}\
.ok{fill:#2da44e}.review{fill:#1b7c83}.busy{fill:#218bff}.soon{fill:#d4a72c}.bad{fill:#cf222e}\
.doubt{fill:#8250df}.gone{fill:#8c959f}.climb{fill:#9a6700}.ask{fill:url(#wait);stroke:#bc4c00}\
.hatch{stroke:#bc4c00}.idle{fill:url(#idle)}.rest{stroke:#d0d7de}\
.spent{fill:none;stroke:#0969da;stroke-width:1.5}.area{fill:#0969da;fill-opacity:.12}\
.t-ok{fill:#1a7f37}.t-bad{fill:#cf222e}.t-ask{fill:#bc4c00}.t-busy{fill:#0969da}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117;stroke:#30363d}\
.soft{fill:#9198a1}.lane{fill:#161b22}.grid,.rest{stroke:#30363d}.climb{fill:#d29922}\
.bad{fill:#f85149}.doubt{fill:#a371f7}.ask{stroke:#f0883e}.hatch{stroke:#f0883e}\
.spent{stroke:#58a6ff}.area{fill:#58a6ff}.t-ok{fill:#3fb950}.t-bad{fill:#f85149}\
.t-ask{fill:#f0883e}.t-busy{fill:#58a6ff}}";

/// Draws a workflow.
#[must_use]
pub fn svg(view: &WorkflowView) -> String {
    let lanes = view.steps.len().min(LANES);
    let more = view.steps.len() - lanes;
    let bottom = TOP + lanes as f64 * LANE + if more > 0 { 20.0 } else { 0.0 };
    let spends = view.budget.spent_microusd > 0;
    let money_end = bottom + if spends { MONEY + 18.0 } else { 0.0 };
    let height = money_end + 58.0;
    let mut picture =
        Picture { out: String::with_capacity(8_192), time: Timeline::of(view, LEFT, RIGHT - LEFT) };
    picture.begin(view, height);
    picture.head(view);
    for n in (0..lanes).step_by(2) {
        picture.shade(n);
    }
    picture.axis(bottom);
    picture.gaps(bottom);
    for (n, step) in in_time(view).into_iter().take(lanes).enumerate() {
        let asked = view.escalations.iter().filter(|asked| asked.step == step.id);
        picture.lane(view, step, asked, n);
    }
    if more > 0 {
        picture.text((38.0, bottom - 6.0), "soft small", &format!("… {more} more steps"));
    }
    if spends {
        picture.money(view, bottom + 18.0);
    }
    picture.legend(view, height - 16.0);
    picture.out.push_str("</svg>\n");
    picture.out
}

/// The steps in the order in which they began; those that did not are last.
fn in_time(view: &WorkflowView) -> Vec<&StepView> {
    let mut steps: Vec<&StepView> = view.steps.iter().collect();
    steps.sort_by_key(|step| step.started.map_or(u64::MAX, |started| started.0));
    steps
}

/// Text as it may stand in XML.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in tame(text).chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

struct Picture {
    out: String,
    time: Timeline,
}

impl Picture {
    /// Adds a piece that is XML already.
    fn add(&mut self, xml: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.out.write_fmt(xml);
        self.out.push('\n');
    }

    fn text(&mut self, (x, y): (f64, f64), class: &str, text: &str) {
        let text = escaped(text);
        self.add(format_args!(r#"<text x="{x:.1}" y="{y:.1}" class="{class}">{text}</text>"#));
    }

    /// A rectangle that says what it is.
    fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str, says: &str) {
        let says = escaped(says);
        self.add(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="3" class="{class}"><title>{says}</title></rect>"#
        ));
    }

    fn begin(&mut self, view: &WorkflowView, height: f64) {
        let asked = view.intent.as_deref().unwrap_or("a workflow");
        let title = escaped(&cut(&tame(asked), 120, "…"));
        let steps = view.steps.iter().map(|step| format!("{} {}", step.id, step.state));
        let says = format!(
            "Time line of workflow {}, which is {} after {}. Its steps: {}.",
            view.id,
            view.state,
            span(view.duration_ms),
            steps.take(LANES).collect::<Vec<_>>().join(", ")
        );
        let says = escaped(&says);
        self.add(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title desc">
<title id="title">{title}</title>
<desc id="desc">{says}</desc>
<style>{STYLE}</style>
<defs><pattern id="wait" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6" stroke-width="2"/></pattern>
<pattern id="idle" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="rest" x1="0" y1="0" x2="0" y2="8" stroke-width="3"/></pattern></defs>
<rect class="page" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>"#,
            WIDTH - 1.0,
            height - 1.0
        ));
    }

    fn head(&mut self, view: &WorkflowView) {
        let asked = match (&view.intent, view.erased) {
            (Some(intent), _) => tame(intent),
            (None, true) => "(erased)".to_owned(),
            (None, false) => String::new(),
        };
        self.text((20.0, 32.0), "title", &cut(&asked, 92, "…"));
        let state = view.state.to_string();
        let class = match state.as_str() {
            "completed" => "id end t-ok",
            "failed" => "id end t-bad",
            "escalated" => "id end t-ask",
            _ => "id end t-busy",
        };
        self.text((WIDTH - 20.0, 32.0), class, &state);
        let mut facts = vec![view.id.to_string(), span(view.duration_ms)];
        facts.push(format!(
            "{} of {}",
            dollars(view.budget.spent_microusd),
            dollars(view.budget.granted_microusd)
        ));
        facts.push(format!("{} model and {} tool calls", view.calls.model, view.calls.tool));
        facts.push(format!("{} risk", view.risk));
        self.text((20.0, 53.0), "soft", &facts.join(" · "));
        self.text((RIGHT + 62.0, TOP - 10.0), "soft small end", "cost");
    }

    /// What is drawn shorter than it was.
    fn gaps(&mut self, bottom: f64) {
        for stretch in self.time.stretches.clone().into_iter().filter(|stretch| stretch.short) {
            let long = span(stretch.to_ms - stretch.from_ms);
            let says = format!("nothing ran for {long}");
            let (x, width) = (stretch.x + 2.0, stretch.width - 4.0);
            self.bar((x, TOP - 4.0), (width, bottom - TOP + 4.0), "idle", &says);
            let middle = stretch.x + stretch.width / 2.0;
            self.text((middle, TOP - 10.0), "soft small mid", &long);
        }
    }

    fn shade(&mut self, n: usize) {
        let (y, width) = (TOP + n as f64 * LANE, WIDTH - 24.0);
        self.add(format_args!(
            r#"<rect x="12" y="{y:.1}" width="{width}" height="{LANE}" rx="4" class="lane" fill-opacity=".6"/>"#
        ));
    }

    fn lane<'a>(
        &mut self,
        view: &WorkflowView,
        step: &StepView,
        asked: impl Iterator<Item = &'a EscalationView>,
        n: usize,
    ) {
        let middle = TOP + (n as f64 + 0.5) * LANE;
        let (what, model) = work(step);
        let what = model.map_or(what.clone(), |model| format!("{what} · {model}"));
        let class = match Mood::of(step.state) {
            Mood::Done => "t-ok",
            Mood::Failed => "t-bad",
            Mood::Asks => "t-ask",
            Mood::Busy => "t-busy",
            Mood::Idle | Mood::Left => "soft",
        };
        let sign = match Mood::of(step.state) {
            Mood::Done => "✓",
            Mood::Failed => "✗",
            Mood::Asks => "?",
            Mood::Busy => "▶",
            Mood::Idle => "○",
            Mood::Left => "–",
        };
        self.text((20.0, middle + 4.0), class, sign);
        self.text((38.0, middle - 2.0), "id", &cut(&tame(&step.id), 26, "…"));
        self.text((38.0, middle + 11.0), "soft small", &cut(&tame(&what), 33, "…"));
        let now = view.ended.unwrap_or(view.updated).0;
        for asked in asked {
            self.question(asked, now, middle);
        }
        for attempt in &step.attempts {
            self.attempt(attempt, now, middle);
        }
        for climb in &step.climbs {
            let x = self.time.x(climb.at.0);
            let says = escaped(&format!("{} after {}", rung(climb.rung), climb.exit));
            let (top, left, right) = (middle - BAR / 2.0 - 5.0, x - 4.0, x + 4.0);
            let foot = top + 7.0;
            self.add(format_args!(
                r#"<path class="climb" d="M{left:.1} {foot:.1}L{x:.1} {top:.1}L{right:.1} {foot:.1}Z"><title>{says}</title></path>"#
            ));
        }
        self.text((RIGHT + 62.0, middle + 4.0), "soft small end", &money(step.cost_microusd));
    }

    fn attempt(&mut self, attempt: &AttemptView, now: u64, middle: f64) {
        let ended = attempt.ended.map_or(now, |ended| ended.0);
        let x = self.time.x(attempt.started.0);
        let width = (self.time.x(ended) - x).max(4.0);
        let what = match attempt.purpose {
            Purpose::Answer => "attempt",
            Purpose::Second => "second answer, attempt",
            Purpose::Review => "review, attempt",
        };
        let by = attempt.model.as_deref().map(|model| format!(" by {model}")).unwrap_or_default();
        let end = match (&attempt.exit, attempt.ended) {
            (Some(exit), _) => {
                let detail = attempt.detail.as_deref().map(tame).unwrap_or_default();
                format!("{exit}: {}", cut(&detail, 200, "…"))
            }
            (None, Some(_)) => "succeeded".to_owned(),
            (None, None) => "runs".to_owned(),
        };
        let long = span(ended.saturating_sub(attempt.started.0));
        let cost = money(attempt.cost_microusd);
        let cost = if cost.is_empty() { cost } else { format!(", {cost}") };
        let says = format!("{what} {}{by}: {end}, {long}{cost}", attempt.attempt);
        let height = if attempt.purpose == Purpose::Answer { BAR } else { BAR * 0.6 };
        self.bar((x, middle - height / 2.0), (width, height), class_of(attempt), &says);
    }

    fn question(&mut self, asked: &EscalationView, now: u64, middle: f64) {
        let until = asked.resolved.as_ref().map_or(now, |resolved| resolved.at.0);
        let x = self.time.x(asked.asked.0);
        let width = (self.time.x(until) - x).max(6.0);
        let long = span(until.saturating_sub(asked.asked.0));
        let end = match &asked.resolved {
            Some(resolved) => format!("{} by {}", resolved.decision, resolved.by),
            None if asked.open => "open".to_owned(),
            None => "not answered".to_owned(),
        };
        let says = format!("a human is asked ({}), {long}: {end}", asked.exit);
        self.bar((x, middle - BAR / 2.0 + 2.0), (width, BAR - 4.0), "ask", &says);
    }

    fn axis(&mut self, bottom: f64) {
        for stretch in self.time.stretches.clone().into_iter().filter(|stretch| !stretch.short) {
            let step = pleasant((stretch.to_ms - stretch.from_ms) as f64 / (stretch.width / 90.0));
            let mut at = stretch.from_ms.next_multiple_of(step);
            while at <= stretch.to_ms {
                let part = (at - stretch.from_ms) as f64;
                let long = (stretch.to_ms - stretch.from_ms).max(1) as f64;
                let x = stretch.x + stretch.width * part / long;
                let top = TOP - 4.0;
                self.add(format_args!(
                    r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{top:.1}" y2="{bottom:.1}" stroke-opacity=".55"/>"#
                ));
                // The first of a later stretch is too near to the gap's own words.
                if stretch.from_ms == 0 || part > 0.0 {
                    self.text((x, TOP - 10.0), "soft small mid", &moment(at, step));
                }
                at += step;
            }
        }
    }

    /// What was spent, as it grew.
    fn money(&mut self, view: &WorkflowView, top: f64) {
        let mut charges: Vec<(u64, u64)> = view
            .steps
            .iter()
            .flat_map(|step| &step.attempts)
            .filter_map(|attempt| Some((attempt.ended?.0, attempt.cost_microusd)))
            .filter(|(_, cost)| *cost > 0)
            .collect();
        charges.sort_unstable();
        let total: u64 = charges.iter().map(|(_, cost)| cost).sum();
        if total == 0 {
            return;
        }
        let foot = top + MONEY - 8.0;
        let y = |spent: u64| foot - (MONEY - 18.0) * spent as f64 / total as f64;
        let mut path = format!("M{LEFT:.1} {foot:.1}");
        let mut spent = 0;
        for (at, cost) in charges {
            let x = self.time.x(at);
            let _ = write!(path, "L{x:.1} {:.1}", y(spent));
            spent += cost;
            let _ = write!(path, "L{x:.1} {:.1}", y(spent));
        }
        let _ = write!(path, "L{RIGHT:.1} {:.1}", y(spent));
        let says = escaped(&format!("{} was spent", dollars(total)));
        self.add(format_args!(
            r#"<path class="area" d="{path}L{RIGHT:.1} {foot:.1}Z"/><path class="spent" d="{path}"><title>{says}</title></path>"#
        ));
        self.add(format_args!(
            r#"<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{foot:.1}" y2="{foot:.1}"/>"#
        ));
        self.text((38.0, foot - 14.0), "id", "spent");
        let of = dollars(view.budget.granted_microusd);
        self.text((38.0, foot - 1.0), "soft small", &format!("of {of} granted"));
        self.text((RIGHT + 62.0, y(total) + 4.0), "small end", &dollars(total));
    }

    /// What the colours mean, of those that are there.
    fn legend(&mut self, view: &WorkflowView, y: f64) {
        let words = [
            ("ok", "answered"),
            ("review", "second look"),
            ("busy", "running"),
            ("soon", "failed in passing"),
            ("doubt", "not sure enough"),
            ("bad", "failed"),
            ("gone", "cancelled or lost"),
        ];
        let attempts: Vec<&str> =
            view.steps.iter().flat_map(|step| &step.attempts).map(class_of).collect();
        let mut x = 38.0;
        for (class, word) in words.into_iter().filter(|(class, _)| attempts.contains(class)) {
            self.bar((x, y - 9.0), (14.0, 10.0), class, word);
            self.text((x + 20.0, y), "soft small", word);
            x += 34.0 + 6.2 * word.len() as f64;
        }
        if view.steps.iter().any(|step| !step.climbs.is_empty()) {
            let (left, middle, right, top) = (x, x + 4.0, x + 8.0, y - 8.0);
            self.add(format_args!(
                r#"<path class="climb" d="M{left:.1} {y:.1}L{middle:.1} {top:.1}L{right:.1} {y:.1}Z"/>"#
            ));
            self.text((x + 14.0, y), "soft small", "a rung climbed");
            x += 112.0;
        }
        if !view.escalations.is_empty() {
            self.bar((x, y - 9.0), (14.0, 10.0), "ask", "a human is asked");
            self.text((x + 20.0, y), "soft small", "a human is asked");
            x += 132.0;
        }
        if self.time.stretches.iter().any(|stretch| stretch.short) {
            self.bar((x, y - 9.0), (14.0, 10.0), "idle", "drawn shorter than it was");
            self.text((x + 20.0, y), "soft small", "drawn shorter than it was");
        }
    }
}

/// The colour of an attempt.
fn class_of(attempt: &AttemptView) -> &'static str {
    match (attempt.exit.as_deref(), attempt.ended) {
        (None, None) => "busy",
        (None, Some(_)) if attempt.purpose == Purpose::Answer => "ok",
        (None, Some(_)) => "review",
        (Some("unsure" | "vetoed" | "effect_unknown"), _) => "doubt",
        (Some("cancelled" | "host_lost"), _) => "gone",
        (Some("rate_limit" | "server" | "timeout" | "network" | "unavailable" | "stalled"), _) => {
            "soon"
        }
        (Some(_), _) => "bad",
    }
}

/// A length of time that people count in, at least so long, in milliseconds.
fn pleasant(ms: f64) -> u64 {
    const LENGTHS: [u64; 24] = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000,
        120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 86_400_000,
    ];
    let least = ms.max(1.0) as u64;
    let found = LENGTHS.into_iter().find(|length| *length >= least);
    // Years, one day.
    found.unwrap_or_else(|| least.next_multiple_of(86_400_000))
}

/// A moment from the start on, as fine as the steps of the axis.
fn moment(ms: u64, step: u64) -> String {
    match (ms, step) {
        (0, _) => "0".to_owned(),
        (_, ..=999) if ms < 1_000 => format!("{ms} ms"),
        (_, ..=999) => format!("{:.1} s", ms as f64 / 1e3),
        (..60_000, _) => format!("{} s", ms / 1_000),
        _ => span(ms),
    }
}
