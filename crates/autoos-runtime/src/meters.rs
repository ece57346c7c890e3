//! What the runtime counts of itself since it started, and how it stands, for `/metrics`.
//!
//! Left out: whatever follows from the journal (workflows, attempts, climbs, spending); that is
//! the views' to fold, and survives restarts.

use crate::{
    accounts::AccountView,
    agent::{Product, Report},
    runtime::Runtime,
};
use autoos_kernel::ladder::Exit;
use autoos_meter::{Family, Meter, Meters, Tally};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Bounds of detection, in seconds; five is what is promised.
const DETECTION_S: [f64; 10] = [0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 30.0];
/// Bounds of a tool's call, in seconds.
const TOOL_S: [f64; 10] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 120.0];
/// Bounds of confidences.
const CONFIDENCE: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// From this part of its limit on, an account is near it.
const NEAR: f64 = 0.9;
/// How long a scrape waits for actors that do not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The counts; actors share them.
pub(crate) struct Counts {
    detection: Meters<&'static str>,
    restarts: AtomicU64,
    confidence: Meter,
    claims: Tally<&'static str>,
    tools: Tally<(String, String)>,
    tool_s: Meters<String>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            detection: Meters::new(&DETECTION_S),
            restarts: AtomicU64::default(),
            confidence: Meter::new(&CONFIDENCE),
            claims: Tally::default(),
            tools: Tally::default(),
            tool_s: Meters::new(&TOOL_S),
        }
    }
}

impl Counts {
    /// An agent was lost, so long after the last sign of life of its work.
    pub(crate) fn lost(&self, exit: Exit, after: Duration) {
        let cause = if exit == Exit::Panicked { "panic" } else { "stall" };
        self.detection.of(cause).took(after);
    }

    /// A workflow died and is folded anew.
    pub(crate) fn restarted(&self) {
        self.restarts.fetch_add(1, Relaxed);
    }

    /// A tool of this name was called. Plans name only tools that are there.
    pub(crate) fn called(&self, tool: &str, report: &Report, took: Duration) {
        let end = match &report.end {
            Ok(_) => "ok".to_owned(),
            Err(miss) => miss.exit.to_string(),
        };
        self.tools.add((tool.to_owned(), end), 1);
        self.tool_s.of(tool.to_owned()).took(took);
    }

    /// An answer was held against its evidence.
    pub(crate) fn assessed(&self, report: &Report) {
        let product: Option<&Product> = match &report.end {
            Ok(product) => Some(product),
            Err(miss) => miss.doubtful.as_deref(),
        };
        let Some(trust) = product.and_then(|product| product.trust.as_ref()) else { return };
        self.confidence.add(trust.confidence);
        let document = &trust.document;
        let number = |name: &str| document[name].as_u64().unwrap_or(0);
        let unsupported = document["unsupported"].as_array().map_or(0, Vec::len) as u64;
        let checked = number("checked");
        self.claims.add("supported", checked.saturating_sub(unsupported));
        self.claims.add("unsupported", unsupported);
        self.claims.add("unchecked", number("claims").saturating_sub(checked));
    }
}

impl Runtime {
    /// What it counts of itself, and how it stands.
    pub async fn figures(&self) -> Vec<Family> {
        let counts = self.counts();
        let mut all = vec![
            Family::gauge("autoos_open_places", "Workflows that may be open at once.")
                .of(self.places().1),
            Family::gauge("autoos_open_places_free", "Workflows that could be opened now.")
                .of(self.places().0),
            Family::counter(
                "autoos_actor_restarts_total",
                "Actors that died and were started anew, by what they were.",
            )
            .with([("actor", "workflow")], counts.restarts.load(Relaxed)),
            Family::histogram(
                "autoos_detection_seconds",
                "From a worker's last sign of life to its fault being known, by fault.",
            )
            .by("fault", counts.detection.read()),
            Family::histogram(
                "autoos_answer_confidence_ratio",
                "How sure answers were, each time that they were held against their evidence.",
            )
            .of(counts.confidence.read()),
            Family::counter(
                "autoos_claims_total",
                "Claims of answers that were looked at, by what the evidence says of them.",
            )
            .by("verdict", counts.claims.read()),
        ];
        let calls = Family::counter("autoos_tool_calls_total", "Calls of tools, by end.");
        all.push(counts.tools.read().iter().fold(calls, |calls, ((tool, end), count)| {
            calls.with([("tool", tool), ("end", end)], *count)
        }));
        let name = "autoos_tool_call_duration_seconds";
        let took = Family::histogram(name, "What calls of tools took.");
        all.push(took.by("tool", counts.tool_s.read()));
        all.extend(self.of_shards().await);
        all.extend(of_accounts(&self.accounts(None)));
        let lessons = self.lessons();
        let reverted = lessons.iter().filter(|lesson| lesson.reverted.is_some()).count();
        let lessons = [("in_force", lessons.len() - reverted), ("reverted", reverted)];
        all.push(
            Family::gauge("autoos_lessons", "Lessons that were learned.").by("state", lessons),
        );
        all
    }

    /// What the shards say, and how long they took: a question waits in their mailboxes behind
    /// whatever is there. Families of which a stuck shard keeps the figure have none.
    async fn of_shards(&self) -> [Family; 3] {
        let began = Instant::now();
        let open = tokio::time::timeout(PATIENCE, self.open()).await.ok();
        let waited = began.elapsed();
        let quarantined = tokio::time::timeout(PATIENCE, self.quarantined()).await.ok();
        let open_family = Family::gauge("autoos_workflows_open", "Workflows that are in memory.");
        let quarantine = Family::gauge(
            "autoos_workflows_quarantined",
            "Workflows that died again and again and were left alone.",
        );
        let wait = Family::gauge(
            "autoos_mailbox_wait_seconds",
            "How long a question of this scrape took through the mailboxes of all shards.",
        );
        [
            open.into_iter().fold(open_family, Family::of),
            quarantined.into_iter().fold(quarantine, |family, all| family.of(all.len())),
            wait.of(waited.as_secs_f64()),
        ]
    }
}

fn of_accounts(accounts: &[AccountView]) -> Vec<Family> {
    let of = |user: bool| accounts.iter().filter(move |a| a.owner.user.is_some() == user);
    let usd = |figure: fn(&AccountView) -> u64, user| {
        of(user).map(figure).fold(0, u64::saturating_add) as f64 / 1e6
    };
    let by = |family: Family, figure: fn(&AccountView) -> u64| {
        family.by("owner", [("tenant", usd(figure, false)), ("user", usd(figure, true))])
    };
    let near = |user| of(user).filter(|account| is_near(account)).count();
    let gauge = Family::gauge;
    vec![
        gauge("autoos_accounts", "Accounts, by whose they are.")
            .by("owner", [("tenant", of(false).count()), ("user", of(true).count())]),
        gauge("autoos_accounts_near_limit", "Accounts with nine tenths of their limit in use.")
            .by("owner", [("tenant", near(false)), ("user", near(true))]),
        by(
            gauge("autoos_accounts_limit_usd", "What accounts may spend in their periods."),
            |account| account.figures.limit.map_or(0, |limit| limit.microusd),
        ),
        by(
            gauge("autoos_accounts_granted_usd", "Granted to workflows that have not ended."),
            |account| account.figures.granted_microusd,
        ),
        by(gauge("autoos_accounts_spent_usd", "Spent in the current periods."), |account| {
            account.figures.spent_microusd
        }),
    ]
}

fn is_near(account: &AccountView) -> bool {
    let figures = &account.figures;
    let used = figures.spent_microusd.saturating_add(figures.granted_microusd);
    figures.limit.is_some_and(|limit| used as f64 >= limit.microusd as f64 * NEAR)
}
