//! Pages of workflows and of questions, newest first.
//!
//! A page token names the last row that was seen, so pages neither repeat nor skip a row when new
//! ones come in between.

use super::{Entry, Index};
use crate::{
    Error,
    assemble::{self, Bodies},
    story::{Story, decode},
    view::{EscalationView, rfc3339, rfc3339_opt},
};
use autoos_journal::SharedJournal;
use autoos_kernel::{
    id::WorkflowId,
    intent,
    time::Timestamp,
    words::{RiskLevel, WorkflowState},
};
use serde::Serialize;
use std::sync::{PoisonError, RwLock};
use uuid::Uuid;

/// Rows on a page at most.
const LIMIT_MAX: usize = 500;
/// Rows looked at under one lock of the index, which its writer waits for.
const STRIDE: usize = 4_096;
/// Characters of an intent's text in a list.
const TEXT_MAX: usize = 200;
/// Texts read for one page of a search; the page is then short, and its token goes on from there.
const SEARCH_MAX: usize = 2_000;

/// Which workflows to list; the default lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those in one of these states; empty means any.
    pub states: Vec<WorkflowState>,
    /// Those of this user.
    pub user: Option<String>,
    /// Those of this tenant.
    pub tenant: Option<String>,
    /// Those accepted then or later.
    pub since: Option<Timestamp>,
    /// Those whose intent's text contains this, upper and lower case alike. It reads the texts of
    /// all that the other conditions let through, so it is slow beside them.
    pub text: Option<String>,
}

/// A workflow in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its id.
    pub id: WorkflowId,
    /// The beginning of what was asked; none when it was erased.
    pub intent: Option<String>,
    /// Whose key it came with.
    pub tenant: String,
    /// For whom.
    pub user: String,
    /// Where it stands.
    pub state: WorkflowState,
    /// What a wrong answer would cost.
    pub risk: RiskLevel,
    /// When it was accepted.
    #[serde(serialize_with = "rfc3339")]
    pub created: Timestamp,
    /// When its last event was decided.
    #[serde(serialize_with = "rfc3339")]
    pub updated: Timestamp,
    /// When it ended.
    #[serde(serialize_with = "rfc3339_opt")]
    pub ended: Option<Timestamp>,
    /// Steps that are over; the elements of lists and the planning step count.
    pub steps_over: u32,
    /// Steps that are known.
    pub steps: u32,
    /// Questions to a human that are open.
    pub open_escalations: u32,
    /// What was spent.
    pub cost_microusd: u64,
}

/// Which questions to list; the default lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EscalationFilter {
    /// Only those that wait for an answer.
    pub open_only: bool,
    /// Those of this tenant.
    pub tenant: Option<String>,
    /// Those of this user.
    pub user: Option<String>,
}

/// A question in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EscalationItem {
    /// The workflow that waits.
    pub workflow: WorkflowId,
    /// The beginning of what it was asked; none when it was erased.
    pub intent: Option<String>,
    /// Whose key it came with.
    pub tenant: String,
    /// For whom.
    pub user: String,
    /// The question.
    #[serde(flatten)]
    pub escalation: EscalationView,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// The rows, newest first. A page may be short, and even empty, and still not be the last.
    pub items: Vec<T>,
    /// What to give for the next page; none on the last.
    pub next: Option<String>,
    /// Whether the list covers all there is: false while the index is built after a start.
    pub complete: bool,
}

/// A row's place: when, whose, and which question of it.
type Place = (Timestamp, Uuid, u32);

fn token((at, uuid, number): Place) -> String {
    format!("{:016x}{}{number:08x}", at.0, uuid.simple())
}

fn place(token: &str) -> Result<Place, Error> {
    let parts = || {
        let at = u64::from_str_radix(token.get(..16)?, 16).ok()?;
        let uuid = Uuid::try_parse(token.get(16..48)?).ok()?;
        let number = u32::from_str_radix(token.get(48..56)?, 16).ok()?;
        (token.len() == 56).then_some((Timestamp(at), uuid, number))
    };
    parts().ok_or(Error::BadToken)
}

const NEWEST: Place = (Timestamp(u64::MAX), Uuid::max(), u32::MAX);

impl Filter {
    fn lets(&self, entry: &Entry) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|w| w == name);
        is(&self.tenant, &entry.tenant)
            && is(&self.user, &entry.user)
            && (self.states.is_empty() || self.states.contains(&entry.state()))
    }
}

/// What one look at the index gave: rows, and the place to go on from while there is more.
struct Found<T> {
    rows: Vec<(Place, T)>,
    next: Option<Place>,
}

impl Index {
    fn find(&self, filter: &Filter, before: Place, limit: usize) -> Found<Entry> {
        let mut found = Found { rows: Vec::new(), next: None };
        let oldest = (filter.since.unwrap_or_default(), Uuid::nil());
        let before = (before.0, before.1);
        if oldest >= before {
            return found;
        }
        for (looked, (at, uuid)) in self.order.range(oldest..before).rev().enumerate() {
            if looked == STRIDE || found.rows.len() == limit {
                // The last one looked at came just before this one.
                return found;
            }
            let place = (*at, *uuid, 0);
            found.next = Some(place);
            if let Some(entry) = self.entries.get(uuid).filter(|e| filter.lets(e)) {
                found.rows.push((place, entry.clone()));
            }
        }
        found.next = None;
        found
    }

    fn find_asked(&self, filter: &EscalationFilter, before: Place, limit: usize) -> Found<Entry> {
        let mut found = Found { rows: Vec::new(), next: None };
        let owner = Filter {
            tenant: filter.tenant.clone(),
            user: filter.user.clone(),
            ..Filter::default()
        };
        for (looked, (place, open)) in self.asked.range(..before).rev().enumerate() {
            if looked == STRIDE || found.rows.len() == limit {
                return found;
            }
            found.next = Some(*place);
            let entry = self.entries.get(&place.1).filter(|e| owner.lets(e));
            if let Some(entry) = entry.filter(|_| *open || !filter.open_only) {
                found.rows.push((*place, entry.clone()));
            }
        }
        found.next = None;
        found
    }
}

fn start(page_token: Option<&str>) -> Result<Place, Error> {
    page_token.filter(|t| !t.is_empty()).map_or(Ok(NEWEST), place)
}

/// A page of workflows.
pub(crate) async fn list(
    journal: &SharedJournal,
    index: &RwLock<Index>,
    filter: &Filter,
    page_token: Option<&str>,
    limit: usize,
) -> Result<(Vec<Summary>, Option<String>), Error> {
    let limit = limit.clamp(1, LIMIT_MAX);
    let wanted = filter.text.as_ref().map(|text| text.to_lowercase());
    let mut items = Vec::new();
    let mut next = Some(start(page_token)?);
    let mut looked = 0;
    while let Some(before) = next
        && items.len() < limit
        && looked < SEARCH_MAX
    {
        let found = {
            let index = index.read().unwrap_or_else(PoisonError::into_inner);
            index.find(filter, before, limit - items.len())
        };
        next = found.next;
        looked += found.rows.len();
        for (place, entry) in found.rows {
            let id = WorkflowId(place.1);
            let text = intent_text(journal, id).await?;
            let has =
                |wanted: &String| text.as_ref().is_some_and(|t| t.to_lowercase().contains(wanted));
            if wanted.as_ref().is_none_or(has) {
                items.push(summary(id, &entry, text));
            }
        }
    }
    Ok((items, next.map(token)))
}

fn summary(id: WorkflowId, entry: &Entry, text: Option<String>) -> Summary {
    Summary {
        id,
        intent: text.map(shorten),
        tenant: entry.tenant.to_string(),
        user: entry.user.to_string(),
        state: entry.state(),
        risk: entry.risk,
        created: entry.created,
        updated: entry.updated,
        ended: entry.ended(),
        steps_over: entry.over,
        steps: entry.steps,
        open_escalations: entry.open_questions(),
        cost_microusd: entry.cost,
    }
}

/// A page of questions.
pub(crate) async fn escalations(
    journal: &SharedJournal,
    index: &RwLock<Index>,
    filter: &EscalationFilter,
    page_token: Option<&str>,
    limit: usize,
) -> Result<(Vec<EscalationItem>, Option<String>), Error> {
    let limit = limit.clamp(1, LIMIT_MAX);
    let mut items = Vec::new();
    let mut next = Some(start(page_token)?);
    while let Some(before) = next
        && items.len() < limit
    {
        let found = {
            let index = index.read().unwrap_or_else(PoisonError::into_inner);
            index.find_asked(filter, before, limit - items.len())
        };
        next = found.next;
        for (place, entry) in found.rows {
            let id = WorkflowId(place.1);
            let story = match Story::read(journal, id, u64::MAX).await {
                Ok(Some(story)) => story,
                Ok(None) => continue,
                Err(error @ Error::Damaged { .. }) => {
                    tracing::warn!(%error, "left out of the list of escalations");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some(asked) = story.workflow.escalations.get(&place.2) else { continue };
            let bodies = Bodies { journal, owner: id.0 };
            let escalation = assemble::escalation(&bodies, &story, place.2, asked).await?;
            // The stream may know more than the index by now.
            if escalation.open || !filter.open_only {
                items.push(EscalationItem {
                    workflow: id,
                    intent: intent_text(journal, id).await?.map(shorten),
                    tenant: entry.tenant.to_string(),
                    user: entry.user.to_string(),
                    escalation,
                });
            }
        }
    }
    Ok((items, next.map(token)))
}

/// What was asked; none when it was erased, or the stream cannot say.
async fn intent_text(journal: &SharedJournal, id: WorkflowId) -> Result<Option<String>, Error> {
    let first = journal.read(id.intent().stream(), 0, 1).await?;
    // A row that cannot be read must not take the list down.
    let accepted = first.first().and_then(|event| decode::<intent::Event>(event).ok().flatten());
    match accepted {
        Some(intent::Event::Accepted(request)) => {
            Ok(Bodies { journal, owner: id.0 }.text(request.text).await?.0)
        }
        _ => Ok(None),
    }
}

fn shorten(text: String) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
