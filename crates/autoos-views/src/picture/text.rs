//! The plan for a terminal: layers from the top to the bottom, a line for each step, and below it
//! what went wrong and what was done about it.

use super::{Mood, cut, layers::layers, money, rung, span, tame, work};
use crate::{AttemptView, StepStatus, StepView, WorkflowView};
use autoos_kernel::{plan::check::dollars, workflow::Purpose};
use unicode_width::UnicodeWidthStr as _;

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns, 40 to 400.
    pub width: usize,
    /// With ASCII alone.
    pub ascii: bool,
    /// With colours for a terminal.
    pub color: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 100, ascii: false, color: false }
    }
}

/// Elements of one list that are drawn one by one; of more, only what is remarkable.
const ELEMENTS: usize = 12;

/// Draws a workflow.
#[must_use]
pub fn text(view: &WorkflowView, style: &Style) -> String {
    let style = Style { width: style.width.clamp(40, 400), ..*style };
    let mut page = Page { style, columns: Columns::of(view, &style), out: String::new() };
    page.head(view);
    let layers = layers(&view.steps);
    for (n, layer) in layers.iter().enumerate() {
        let before = n.checked_sub(1).map(|n| layers[n].as_slice());
        page.layer(layer, before, n + 1 == layers.len());
    }
    page.questions(view);
    if style.ascii {
        // What people wrote may hold more.
        return page.out.chars().map(|char| if char.is_ascii() { char } else { '?' }).collect();
    }
    page.out
}

/// Where the columns of a step's line are.
struct Columns {
    id: usize,
    work: usize,
    /// Whether there is room for confidence.
    sure: bool,
}

/// Widths of the figures: tries, time, money, confidence.
const TRIES: usize = 3;
const TIME: usize = 10;
const MONEY: usize = 11;
const SURE: usize = 5;
/// What stands before the id: the rail and the state.
const RAIL: usize = 5;

impl Columns {
    fn of(view: &WorkflowView, style: &Style) -> Self {
        let longest = view.steps.iter().map(|step| tame(&step.id).width()).max().unwrap_or(0);
        let sure = style.width >= 72;
        let figures = TRIES + TIME + MONEY + if sure { SURE } else { 0 };
        let left = style.width.saturating_sub(RAIL + figures + 1);
        let id = longest.clamp(6, 28).min(left * 3 / 5);
        Self { id, work: left.saturating_sub(id + 1), sure }
    }
}

struct Page {
    style: Style,
    columns: Columns,
    out: String,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.style.color && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn mark(&self) -> &'static str {
        if self.style.ascii { "..." } else { "…" }
    }

    fn cut(&self, text: &str, columns: usize) -> String {
        cut(text, columns, self.mark())
    }

    fn head(&mut self, view: &WorkflowView) {
        let dot = if self.style.ascii { "-" } else { "·" };
        let state = view.state.to_string();
        let code = match state.as_str() {
            "completed" => "1;32",
            "failed" => "1;31",
            "escalated" => "1;33",
            _ => "1;36",
        };
        let id = view.id.to_string();
        self.line(&format!("{}  {}", self.paint("1", &id), self.paint(code, &state)));
        let asked = match &view.intent {
            Some(intent) => tame(intent),
            None if view.erased => "(erased)".to_owned(),
            None => String::new(),
        };
        if !asked.is_empty() {
            let asked = self.cut(&asked, self.style.width);
            self.line(&asked);
        }
        let mut facts = vec![span(view.duration_ms)];
        let budget = view.budget;
        facts.push(format!(
            "{} of {} spent",
            dollars(budget.spent_microusd),
            dollars(budget.granted_microusd)
        ));
        facts.push(format!("{} model and {} tool calls", view.calls.model, view.calls.tool));
        facts.push(format!("{} risk", view.risk));
        if let Some(plan) = &view.plan {
            facts.push(format!("plan revision {}", plan.revision));
        }
        let facts = self.cut(&facts.join(&format!(" {dot} ")), self.style.width);
        self.line(&self.dim(&facts));
        self.line("");
    }

    fn layer(&mut self, layer: &[&StepView], before: Option<&[&StepView]>, last: bool) {
        if before.is_some() {
            let rail = if self.style.ascii { "|" } else { "│" };
            self.line(&self.dim(rail));
        }
        let (drawn, left) = remarkable(layer);
        let count = drawn.len();
        for (n, step) in drawn.into_iter().enumerate() {
            let over = last && n + 1 == count && left.is_empty();
            self.step(step, before, over);
        }
        if !left.is_empty() {
            let rail = self.rail(last);
            let text = format!("{} {} more elements, completed", self.mark(), left.len());
            self.line(&format!("{}{}", self.dim(rail), self.dim(&text)));
        }
    }

    /// The rail before a step; nothing comes below the last.
    fn rail(&self, over: bool) -> &'static str {
        match (self.style.ascii, over) {
            (false, false) => "├─ ",
            (false, true) => "╰─ ",
            (true, false) => "|- ",
            (true, true) => "`- ",
        }
    }

    fn step(&mut self, step: &StepView, before: Option<&[&StepView]>, over: bool) {
        let (glyph, code) = self.glyph(step.state);
        let columns = &self.columns;
        let id = self.cut(&tame(&step.id), columns.id);
        let id = format!("{id}{}", " ".repeat(columns.id - id.width()));
        let (what, model) = work(step);
        let mut what = tame(&what);
        if let Some(model) = model {
            what = format!("{what} {}", tame(model));
        }
        let what = self.cut(&what, columns.work);
        let pad = " ".repeat(columns.work - what.width());
        let tries = match step.attempts.len() {
            0 | 1 => String::new(),
            n if self.style.ascii => format!("x{n}"),
            n => format!("×{n}"),
        };
        let time = step.duration_ms.map(span).unwrap_or_default();
        let cost = money(step.cost_microusd);
        let mut figures = format!("{tries:>TRIES$}{time:>TIME$}{cost:>MONEY$}");
        if columns.sure {
            let sure = step.confidence.map(|sure| format!("{sure:.2}")).unwrap_or_default();
            figures.push_str(&format!("{sure:>SURE$}"));
        }
        let mood = Mood::of(step.state);
        let id = if mood == Mood::Left { self.dim(&id) } else { self.paint("1", &id) };
        let line = format!(
            "{}{} {id} {}{pad} {figures}",
            self.dim(self.rail(over)),
            self.paint(code, glyph),
            self.dim(&what)
        );
        self.line(&line);
        for note in self.notes(step, before) {
            let rail = match (over, self.style.ascii) {
                (true, _) => " ",
                (false, true) => "|",
                (false, false) => "│",
            };
            let room = self.style.width - RAIL;
            for part in wrap(&note, room) {
                self.line(&format!("{}    {}", self.dim(rail), self.dim(&part)));
            }
        }
    }

    fn glyph(&self, state: StepStatus) -> (&'static str, &'static str) {
        let (glyph, ascii, code) = match Mood::of(state) {
            Mood::Done => ("✓", "+", "32"),
            Mood::Busy => ("▶", ">", "36"),
            Mood::Idle => ("○", "o", "0"),
            Mood::Asks => ("?", "?", "33"),
            Mood::Failed => ("✗", "x", "31"),
            Mood::Left => ("–", "-", "2"),
        };
        (if self.style.ascii { ascii } else { glyph }, code)
    }

    /// What the line of a step does not say: what it needs where that is not the layer above, how
    /// it stands, and the way up the ladder.
    fn notes(&self, step: &StepView, before: Option<&[&StepView]>) -> Vec<String> {
        let mut notes = Vec::new();
        let arrow = if self.style.ascii { "<-" } else { "←" };
        let needs: Vec<&str> = step.needs.iter().map(String::as_str).collect();
        let above = before.map(|layer| layer.iter().map(|step| step.id.as_str()));
        let whole = above
            .is_some_and(|above| above.filter(|id| !id.contains('.')).eq(needs.iter().copied()));
        if !needs.is_empty() && !whole {
            notes.push(format!("{arrow} {}", tame(&needs.join(", "))));
        }
        let way = self.way(step);
        if !way.is_empty() {
            notes.push(way);
        }
        let said = !matches!(step.state, StepStatus::Completed | StepStatus::Blocked);
        if said {
            let state = step.state.to_string().replace('_', " ");
            let note = step.note.as_deref().map(tame).filter(|note| !note.is_empty());
            let note = note.map(|note| format!(": {}", self.cut(&note, self.style.width * 2)));
            notes.push(format!("{state}{}", note.unwrap_or_default()));
        }
        notes
    }

    /// Attempts and climbs in their order.
    fn way(&self, step: &StepView) -> String {
        let troubled = !step.climbs.is_empty()
            || step.attempts.len() > 1
            || step.attempts.iter().any(|attempt| attempt.exit.is_some());
        if !troubled {
            return String::new();
        }
        let mut way: Vec<(u64, u8, String)> = Vec::new();
        for attempt in &step.attempts {
            way.push((attempt.started.0, 1, tried(attempt)));
        }
        for climb in &step.climbs {
            way.push((climb.at.0, 0, format!("^{}", rung(climb.rung))));
        }
        // What was climbed to comes before the attempt that it led to.
        way.sort_by_key(|(at, order, _)| (*at, *order));
        let (arrow, up) = if self.style.ascii { (" > ", "^ ") } else { (" → ", "⇡ ") };
        let words = way.into_iter().map(|(_, _, word)| word.replacen('^', up, 1));
        words.collect::<Vec<_>>().join(arrow)
    }

    fn questions(&mut self, view: &WorkflowView) {
        for asked in &view.escalations {
            let said = match &asked.resolved {
                Some(resolved) => format!(
                    "answered {} by {} after {}",
                    resolved.decision,
                    tame(&resolved.by),
                    span(resolved.at.since_ms(asked.asked))
                ),
                None if asked.open => format!("open until {}, then {}", asked.due, asked.default),
                None => "not answered".to_owned(),
            };
            let text = format!("question {} about {}: {said}", asked.number, tame(&asked.step));
            self.line("");
            let text = self.cut(&text, self.style.width - 2);
            let mark = self.paint("33", "?");
            self.line(&format!("{mark} {text}"));
        }
    }
}

/// What came of an attempt, in a word or two.
fn tried(attempt: &AttemptView) -> String {
    let what = match attempt.purpose {
        Purpose::Answer => "",
        Purpose::Second => "second answer ",
        Purpose::Review => "review ",
    };
    let end = match (&attempt.exit, attempt.ended) {
        (Some(exit), _) => tame(&exit.replace('_', " ")),
        (None, Some(_)) => "ok".to_owned(),
        (None, None) => "running".to_owned(),
    };
    let model = attempt.model.as_deref().map(|model| format!(" ({})", tame(model)));
    format!("{what}{end}{}", model.unwrap_or_default())
}

/// The steps of a layer that are drawn, and the elements of long lists that are not.
fn remarkable<'a>(layer: &[&'a StepView]) -> (Vec<&'a StepView>, Vec<&'a StepView>) {
    let element = |step: &&StepView| step.id.contains('.') && step.state == StepStatus::Completed;
    let plain = |step: &&StepView| element(step) && step.climbs.is_empty();
    let many = layer.iter().filter(|step| plain(step)).count() > ELEMENTS;
    let mut kept = 0;
    layer.iter().partition(|step| {
        kept += usize::from(plain(step));
        !many || !plain(step) || kept <= ELEMENTS / 2
    })
}

/// Words in lines of at most so many columns.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            line.push_str(&cut(word, columns, "~"));
        } else if line.width() + 1 + word.width() <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(cut(word, columns, "~"));
        }
    }
    lines
}
