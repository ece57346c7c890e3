//! Why a workflow came out as it did, what came out differently in another, forks, and the lessons
//! that the node has learned.

use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_guard::DEFAULT_TENANT;
use autoos_kernel::{id::WorkflowId, lesson::Lesson};
use autoos_runtime::{Refusal, Submitted};
use autoos_views::{Comparison, Why};
use serde_json::{Value, json};

impl Edge {
    /// The account of a workflow; with `claim` only the claims that are meant by it.
    pub(crate) async fn why(
        &self,
        call: &Call,
        id: WorkflowId,
        claim: Option<&str>,
    ) -> Result<Why, Fault> {
        self.own(call, id).await?;
        let why = self.views.why(id, &self.lessons_of(call)).await?;
        let mut why = why.ok_or(Refusal::Missing(id))?;
        let Some(claim) = claim.filter(|claim| !claim.trim().is_empty()) else { return Ok(why) };
        let found: Vec<_> = why.claims_like(claim).into_iter().cloned().collect();
        if found.is_empty() {
            return Err(Fault::Missing(format!(
                "no claim of the result is like {claim:.64?}; it makes {} that can be told apart",
                why.claims.len()
            )));
        }
        why.claims = found;
        Ok(why)
    }

    /// The spans of a workflow as its journal tells of them, as OTLP/JSON.
    pub(crate) async fn trace(&self, call: &Call, id: WorkflowId) -> Result<Value, Fault> {
        self.own(call, id).await?;
        let mut spans = self.views.spans(id).await?.ok_or(Refusal::Missing(id))?;
        let (closed, open) = (spans.closed(), spans.unfinished());
        let all: Vec<_> = closed.into_iter().chain(open).collect();
        Ok(autoos_telemetry::otlp_json(&all, env!("CARGO_PKG_VERSION")))
    }

    /// Two workflows of the caller side by side.
    pub(crate) async fn compare(
        &self,
        call: &Call,
        left: WorkflowId,
        right: WorkflowId,
    ) -> Result<Comparison, Fault> {
        self.own(call, left).await?;
        self.own(call, right).await?;
        Ok(self.views.compare(left, right).await?)
    }

    /// Lets another workflow go on from the first `at` events of one.
    pub(crate) async fn fork(
        &self,
        call: &Call,
        id: WorkflowId,
        at: u64,
        model: Option<String>,
    ) -> Result<Submitted, Fault> {
        self.own(call, id).await?;
        Ok(self.runtime.fork(id, at, model, call.caller.name.clone()).await?)
    }

    /// Every lesson as the caller may see it: which workflows taught it is the operator's to know.
    pub(crate) fn lessons_of(&self, call: &Call) -> Vec<Lesson> {
        self.runtime
            .lessons()
            .into_iter()
            .map(|lesson| match call.caller.tenant == DEFAULT_TENANT {
                true => lesson,
                false => Lesson {
                    from: Default::default(),
                    reverted: lesson.reverted.map(|(_, at)| ("the operator".into(), at)),
                    ..lesson
                },
            })
            .collect()
    }

    /// The lessons as documents.
    pub(crate) fn lessons(&self, call: &Call) -> Vec<Value> {
        let all = self.runtime.lessons();
        let seen = self.lessons_of(call);
        all.iter().zip(&seen).map(|(whole, seen)| document(whole, seen)).collect()
    }

    /// Takes a lesson back, for all tenants: so only the operator may.
    pub(crate) async fn revert_lesson(&self, call: &Call, number: u32) -> Result<(), Fault> {
        if call.caller.tenant != DEFAULT_TENANT {
            return Err(Fault::Forbidden(format!(
                "a lesson counts for all tenants, and this key is of {}",
                call.caller.tenant
            )));
        }
        let known = self.runtime.lessons();
        let Some(lesson) = known.iter().find(|lesson| lesson.number == number) else {
            return Err(Fault::Missing(format!(
                "there is no lesson {number}: `autoos lesson list` shows them"
            )));
        };
        if let Some((by, _)) = &lesson.reverted {
            return Err(Fault::Conflict(format!("lesson {number} was reverted by {by} already")));
        }
        Ok(self.runtime.revert_lesson(number, call.caller.name.clone()).await?)
    }
}

/// A lesson for people and programs; `seen` is what of it the caller may see.
fn document(whole: &Lesson, seen: &Lesson) -> Value {
    json!({
        "number": whole.number,
        "sentence": whole.sentence(),
        "pattern": whole.pattern,
        "exit": whole.exit.to_string(),
        "remedy": whole.remedy,
        "times": whole.from.len(),
        "from": seen.from,
        "learned": whole.at.to_string(),
        "reverted": seen.reverted.as_ref().map(|(by, at)| json!({"by": by, "at": at.to_string()})),
    })
}
