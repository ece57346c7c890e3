//! Pages of workflows and of questions, newest first.
//!
//! A page token names the last row that was seen, so pages neither repeat nor skip a row when new
//! ones come in between.

use super::{
    Entry, Index, Share,
    newest::{NEWEST, Newest, Place},
    share::Slot,
};
use crate::{
    Error, Owner,
    assemble::{self, Bodies},
    story::{Story, decode},
    view::{EscalationView, rfc3339, rfc3339_opt},
};
use autoos_journal::{self as journal, SharedJournal};
use autoos_kernel::{
    id::WorkflowId,
    intent,
    time::Timestamp,
    words::{RiskLevel, WorkflowState},
};
use serde::Serialize;
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

/// A filter in the numbers of one share.
struct Wanted<'a> {
    states: &'a [WorkflowState],
    /// None when any will do.
    tenant: Option<u32>,
    user: Option<u32>,
}

impl<'a> Wanted<'a> {
    /// None when the share has nothing of such a tenant or user.
    fn of(
        share: &Share,
        states: &'a [WorkflowState],
        tenant: Option<&str>,
        user: Option<&str>,
    ) -> Option<Self> {
        let number = |name: Option<&str>| match name {
            Some(name) => share.names.find(name).map(Some),
            None => Some(None),
        };
        Some(Self { states, tenant: number(tenant)?, user: number(user)? })
    }

    fn lets(&self, entry: &Entry) -> bool {
        self.tenant.is_none_or(|tenant| tenant == entry.tenant)
            && self.user.is_none_or(|user| user == entry.user)
            && (self.states.is_empty() || self.states.contains(&entry.state()))
    }
}

/// What one look at the index gave: rows, and the place to go on from while there is more.
struct Found<T> {
    rows: Vec<T>,
    next: Option<Place>,
}

impl<T> Found<T> {
    /// Takes what `row` makes of the newest places, until `limit` rows or a stride were looked at.
    fn take(
        places: impl Iterator<Item = (Place, usize, Slot)>,
        limit: usize,
        mut row: impl FnMut(Place, usize, Slot) -> Option<T>,
    ) -> Self {
        let mut found = Self { rows: Vec::new(), next: None };
        for (looked, (place, share, slot)) in places.enumerate() {
            if looked == STRIDE || found.rows.len() == limit {
                // The last one looked at came just before this one.
                return found;
            }
            found.next = Some(place);
            found.rows.extend(row(place, share, slot));
        }
        found.next = None;
        found
    }
}

impl Index {
    fn find(&self, filter: &Filter, before: Place, limit: usize) -> Found<Summary> {
        let shares = self.all();
        let (tenant, user) = (filter.tenant.as_deref(), filter.user.as_deref());
        let wanted: Vec<_> =
            shares.iter().map(|s| Wanted::of(s, &filter.states, tenant, user)).collect();
        let oldest = (filter.since.unwrap_or_default(), Uuid::nil());
        let orders = shares.iter().map(|share| share.newest_entries(oldest, (before.0, before.1)));
        Found::take(Newest::of(orders), limit, |_, share, slot| {
            let entry = &shares[share].entries[slot as usize];
            let wanted = wanted[share].as_ref()?;
            wanted.lets(entry).then(|| summary(entry, shares[share].names_of(entry)))
        })
    }

    fn find_asked(
        &self,
        filter: &EscalationFilter,
        before: Place,
        limit: usize,
    ) -> Found<(Place, Owner)> {
        let shares = self.all();
        let (tenant, user) = (filter.tenant.as_deref(), filter.user.as_deref());
        let wanted: Vec<_> = shares.iter().map(|s| Wanted::of(s, &[], tenant, user)).collect();
        let orders = shares.iter().map(|share| share.newest_asked(before));
        Found::take(Newest::of(orders), limit, |place, share, slot| {
            let entry = &shares[share].entries[slot as usize];
            let wanted = wanted[share].as_ref()?;
            let open = || !filter.open_only || entry.asks(place.2);
            (wanted.lets(entry) && open()).then(|| {
                let (tenant, user) = shares[share].names_of(entry);
                (place, Owner { tenant: tenant.to_owned(), user: user.to_owned() })
            })
        })
    }
}

impl Share {
    /// Its entries from `oldest` on and before `before`, newest first.
    fn newest_entries(
        &self,
        oldest: (Timestamp, Uuid),
        before: (Timestamp, Uuid),
    ) -> impl Iterator<Item = (Place, Slot)> {
        let end = self.order.partition_point(|slot| self.born(*slot) < before);
        let places = self.order[..end].iter().rev().map(|slot| (self.born(*slot), *slot));
        let recent = places.take_while(move |(born, _)| *born >= oldest);
        recent.map(|((at, id), slot)| ((at, id, 0), slot))
    }

    /// Its questions before `before`, newest first.
    fn newest_asked(&self, before: Place) -> impl Iterator<Item = (Place, Slot)> {
        let end = self.asked.partition_point(|asked| self.asked_at(*asked) < before);
        self.asked[..end].iter().rev().map(|asked| (self.asked_at(*asked), asked.slot))
    }
}

fn start(page_token: Option<&str>) -> Result<Place, Error> {
    page_token.filter(|t| !t.is_empty()).map_or(Ok(NEWEST), place)
}

/// A page of workflows.
pub(crate) async fn list(
    journal: &SharedJournal,
    index: &Index,
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
        let found = index.find(filter, before, limit - items.len());
        next = found.next;
        looked += found.rows.len();
        for mut row in found.rows {
            let text = intent_text(journal, row.id).await?;
            let has =
                |wanted: &String| text.as_ref().is_some_and(|t| t.to_lowercase().contains(wanted));
            if wanted.as_ref().is_none_or(has) {
                row.intent = text.map(shorten);
                items.push(row);
            }
        }
    }
    Ok((items, next.map(token)))
}

/// A row without what was asked.
fn summary(entry: &Entry, (tenant, user): (&str, &str)) -> Summary {
    Summary {
        id: WorkflowId(entry.id),
        intent: None,
        tenant: tenant.to_owned(),
        user: user.to_owned(),
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
    index: &Index,
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
        let found = index.find_asked(filter, before, limit - items.len());
        next = found.next;
        for (place, owner) in found.rows {
            let id = WorkflowId(place.1);
            let story = match Story::read(journal, id, u64::MAX).await {
                Ok(Some(story)) => story,
                Ok(None) | Err(Error::Journal(journal::Error::Archived(_))) => continue,
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
                    tenant: owner.tenant,
                    user: owner.user,
                    escalation,
                });
            }
        }
    }
    Ok((items, next.map(token)))
}

/// What was asked; none when it was erased or archived, or the stream cannot say.
async fn intent_text(journal: &SharedJournal, id: WorkflowId) -> Result<Option<String>, Error> {
    let first = match journal.read(id.intent().stream(), 0, 1).await {
        Err(journal::Error::Archived(_)) => return Ok(None),
        read => read?,
    };
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
