//! Drawings: as people see them, and as nobody can misuse them.

use autoos_kernel::{
    id::{AgentId, WorkflowId},
    ladder::Rung,
    time::Timestamp,
    words::{EffectClass, LlmRole, RiskLevel, WorkflowState},
    workflow::Purpose,
};
use autoos_views::{
    AttemptView, BudgetView, Calls, ClimbView, EscalationView, PlanView, ResolvedView, StepStatus,
    StepView, Tokens, WorkView, WorkflowView,
    picture::{Style, svg, text},
};
use uuid::Uuid;

const BEGAN: u64 = 1_767_225_600_000;

fn view(state: WorkflowState, steps: Vec<StepView>) -> WorkflowView {
    let id = WorkflowId(Uuid::from_u128(7));
    WorkflowView {
        id,
        intent_id: id.intent(),
        intent: Some("How many orders came in in March?".into()),
        erased: false,
        tenant: "default".into(),
        user: "ann".into(),
        contexts: vec![],
        state,
        risk: RiskLevel::High,
        created: Timestamp(BEGAN),
        updated: Timestamp(BEGAN + 9_000),
        ended: None,
        deadline: None,
        duration_ms: 9_000,
        budget: BudgetView {
            granted_microusd: 1_000_000,
            spent_microusd: 4_000,
            ..BudgetView::default()
        },
        plan: Some(PlanView {
            name: None,
            version: None,
            revision: 2,
            worst_case_microusd: 9,
            task_kind: None,
            result: "answer".into(),
        }),
        refused: vec![],
        steps,
        escalations: vec![],
        cancelled: None,
        result: None,
        failure: None,
        tokens: Tokens::default(),
        calls: Calls { model: 4, tool: 1 },
        seq: 9,
    }
}

fn tool(id: &str, needs: &[&str], state: StepStatus) -> StepView {
    let over = matches!(state, StepStatus::Completed | StepStatus::Failed);
    StepView {
        id: id.into(),
        title: None,
        work: WorkView::Tool { tool: "table.query".into(), effect: EffectClass::Pure },
        state,
        due: None,
        started: over.then_some(Timestamp(BEGAN)),
        ended: over.then_some(Timestamp(BEGAN + 25)),
        duration_ms: over.then_some(25),
        cost_microusd: 0,
        note: None,
        confidence: None,
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        attempts: vec![],
        climbs: vec![],
    }
}

fn ask(id: &str, needs: &[&str], state: StepStatus) -> StepView {
    let model = Some("steady/large".to_owned());
    StepView {
        work: WorkView::Ask { role: LlmRole::Executor, model },
        confidence: Some(0.99),
        cost_microusd: 4_000,
        ..tool(id, needs, state)
    }
}

fn attempt(n: u32, model: &str, from: u64, to: Option<u64>, exit: Option<&str>) -> AttemptView {
    AttemptView {
        attempt: n,
        agent: AgentId(Uuid::from_u128(9)),
        model: Some(model.into()),
        purpose: Purpose::Answer,
        started: Timestamp(BEGAN + from),
        ended: to.map(|to| Timestamp(BEGAN + to)),
        exit: exit.map(str::to_owned),
        detail: None,
        cost_microusd: 2_000,
        tokens: Tokens::default(),
    }
}

fn climb(at: u64, rung: Rung, exit: &str) -> ClimbView {
    let at = Timestamp(BEGAN + at);
    ClimbView { at, rung, exit: exit.into(), due: at }
}

/// What the demos show: failures, climbs, a review, a question, and what is yet to come.
fn troubled() -> WorkflowView {
    let mut answer = ask("answer", &["months", "regions"], StepStatus::Completed);
    answer.attempts = vec![
        attempt(1, "busy/large", 100, Some(900), Some("rate_limit")),
        attempt(2, "steady/large", 2_000, Some(3_000), None),
        AttemptView {
            purpose: Purpose::Review,
            ..attempt(3, "judge/large", 3_000, Some(3_400), None)
        },
    ];
    answer.climbs = vec![climb(900, Rung::Retry, "rate_limit")];
    answer.duration_ms = Some(3_300);
    let mut file = ask("file", &["answer"], StepStatus::Escalated);
    file.attempts = vec![attempt(1, "steady/large", 3_500, Some(4_000), Some("unsure"))];
    file.note = Some("below the threshold".into());
    file.confidence = None;
    let steps = vec![
        ask("planning", &[], StepStatus::Completed),
        tool("months", &[], StepStatus::Completed),
        tool("regions", &[], StepStatus::Completed),
        answer,
        file,
        tool("note", &["months"], StepStatus::Blocked),
    ];
    let mut view = view(WorkflowState::Escalated, steps);
    view.updated = Timestamp(BEGAN + 7_204_000);
    view.duration_ms = 7_204_000;
    view.escalations = vec![EscalationView {
        number: 1,
        step: "file".into(),
        exit: "unsure".into(),
        detail: "not sure enough".into(),
        asked: Timestamp(BEGAN + 4_000),
        due: Timestamp(BEGAN + 99_000_000),
        default: "abandon",
        answers: vec![],
        proposed: None,
        verification: None,
        open: true,
        resolved: None,
    }];
    view
}

fn columns(line: &str) -> usize {
    line.chars().count()
}

#[test]
fn a_plan_with_trouble() {
    let drawn = text(&troubled(), &Style { width: 80, ..Style::default() });
    assert_eq!(drawn, include_str!("drawings/troubled.txt"), "\n{drawn}");
    let drawn = text(&troubled(), &Style { width: 60, ascii: true, color: false });
    assert_eq!(drawn, include_str!("drawings/troubled_ascii.txt"), "\n{drawn}");
    assert!(drawn.is_ascii());
}

#[test]
fn forty_steps_read_well() {
    let mut steps = vec![ask("planning", &[], StepStatus::Completed)];
    steps.push(tool("parts", &[], StepStatus::Expanded));
    for n in 0..30 {
        let state = if n == 21 { StepStatus::Failed } else { StepStatus::Completed };
        steps.push(ask(&format!("parts.{n}"), &[], state));
    }
    for n in 0..8 {
        steps.push(ask(&format!("judge_{n}"), &["parts"], StepStatus::Blocked));
    }
    steps.push(ask("answer", &["judge_0", "judge_7"], StepStatus::Blocked));
    let drawn = text(&view(WorkflowState::Running, steps), &Style::default());
    assert_eq!(drawn, include_str!("drawings/forty_steps.txt"), "\n{drawn}");
    assert!(drawn.lines().count() <= 40, "{}", drawn.lines().count());
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [0, 40, 60, 71, 72, 100, 200, 9_999] {
        for ascii in [false, true] {
            let drawn = text(&troubled(), &Style { width, ascii, color: false });
            let widest = drawn.lines().map(columns).max().unwrap_or(0);
            assert!(widest <= width.clamp(40, 400).max(62), "{width}: {widest}\n{drawn}");
        }
    }
}

#[test]
fn colours_are_for_terminals() {
    let plain = text(&troubled(), &Style::default());
    let painted = text(&troubled(), &Style { color: true, ..Style::default() });
    assert!(!plain.contains('\x1b'));
    assert!(painted.contains("\x1b[32m✓"));
    let mut bare = String::new();
    let mut rest = painted.as_str();
    while let Some(at) = rest.find('\x1b') {
        bare.push_str(&rest[..at]);
        let end = rest[at..].find('m').expect("a colour ends");
        rest = &rest[at + end + 1..];
    }
    bare.push_str(rest);
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&bare), trimmed(&plain));
}

#[test]
fn the_svg_is_well_formed_and_says_what_it_shows() {
    let drawn = svg(&troubled());
    let document = roxmltree::Document::parse(&drawn).expect("is XML");
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    let said: Vec<_> = document.descendants().filter(|node| node.has_tag_name("title")).collect();
    let says = |what: &str| said.iter().any(|title| title.text().is_some_and(|t| t.contains(what)));
    for what in [
        "attempt 1 by busy/large: rate_limit",
        "review, attempt 3 by judge/large: succeeded",
        "retry after rate_limit",
        "a human is asked (unsure), 2 h 00 m: open",
        "nothing ran for",
        "$0.008 was spent",
    ] {
        assert!(says(what), "{what}\n{drawn}");
    }
    let desc = document.descendants().find(|node| node.has_tag_name("desc"));
    let desc = desc.and_then(|desc| desc.text()).expect("is described");
    assert!(desc.contains("which is escalated") && desc.contains("answer completed"), "{desc}");
    // Everything lies on the page.
    let width: f64 = root.attribute("width").and_then(|w| w.parse().ok()).expect("a width");
    for node in document.descendants().filter(|node| node.has_tag_name("rect")) {
        let of = |name| node.attribute(name).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
        assert!(of("x") >= 0.0 && of("x") + of("width") <= width, "{node:?}");
    }
}

#[test]
fn nothing_that_someone_wrote_becomes_markup() {
    let hostile = "</text><script>alert(1)</script>&\"'\u{0}\u{1b}[31m\u{202e}\u{ffff}]]>";
    let mut view = troubled();
    view.intent = Some(hostile.into());
    for step in &mut view.steps {
        step.id = format!("{}{hostile}", step.id);
        step.note = Some(hostile.into());
        step.work = WorkView::Tool { tool: hostile.into(), effect: EffectClass::Pure };
        for attempt in &mut step.attempts {
            attempt.model = Some(hostile.into());
            attempt.exit = Some(hostile.into());
            attempt.detail = Some(hostile.into());
        }
        for climb in &mut step.climbs {
            climb.exit = hostile.into();
        }
    }
    view.escalations[0].step = view.steps[4].id.clone();
    view.escalations[0].exit = hostile.into();
    view.escalations[0].resolved = Some(ResolvedView {
        decision: "approve",
        by: hostile.into(),
        at: Timestamp(BEGAN + 5_000),
    });
    let drawn = svg(&view);
    let document = roxmltree::Document::parse(&drawn).expect("is XML still");
    let known =
        ["svg", "title", "desc", "style", "defs", "pattern", "line", "rect", "text", "path"];
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert!(known.contains(&node.tag_name().name()), "{node:?}");
        assert!(node.attributes().all(|attribute| !attribute.name().starts_with("on")));
    }
    assert!(drawn.contains("&lt;script&gt;"));
    for ascii in [false, true] {
        let drawn = text(&view, &Style { ascii, ..Style::default() });
        let steers = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!drawn.contains(steers), "{drawn:?}");
    }
}

#[test]
fn odd_views_are_drawn() {
    for steps in [vec![], vec![tool("a", &["a", "nowhere"], StepStatus::Ready)]] {
        let mut view = view(WorkflowState::Planning, steps);
        (view.intent, view.erased, view.plan) = (None, true, None);
        (view.updated, view.duration_ms) = (view.created, 0);
        view.budget = BudgetView::default();
        assert!(text(&view, &Style::default()).contains("(erased)"));
        roxmltree::Document::parse(&svg(&view)).expect("is XML");
    }
}
