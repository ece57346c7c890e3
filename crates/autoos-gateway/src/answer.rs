//! Answers to questions, judged before they are taken.
//!
//! The first answer counts, so one that could only bring the next question is refused and changes
//! nothing: an answer to a question that is not open, and a plan that would not be adopted.

use crate::{call::Call, edge::Edge, fault::Fault, json};
use autoos_journal::Position;
use autoos_kernel::{id::WorkflowId, plan::Plan, workflow::PLANNING};
use autoos_runtime::{Answer, NewContent, NewContext, Refusal, Submission};
use autoos_views::WorkflowView;
use serde_json::Value;

impl Edge {
    /// Answers a question of a workflow.
    pub(crate) async fn resolve(
        &self,
        call: &Call,
        id: WorkflowId,
        number: u32,
        answer: Answer,
        by: Option<String>,
    ) -> Result<Option<Position>, Fault> {
        let view = self.workflow(call, id, None).await?;
        let Some(question) = view.escalations.iter().find(|asked| asked.number == number) else {
            let open = view.escalations.iter().filter(|asked| asked.open);
            let open: Vec<String> = open.map(|asked| asked.number.to_string()).collect();
            let open = match open.is_empty() {
                true => "none is open".to_owned(),
                false => format!("open: {}", open.join(", ")),
            };
            return Err(Fault::Missing(format!("{id} has no question {number}; {open}")));
        };
        if let Answer::Edit(value) = &answer
            && question.open
            && question.step == PLANNING
        {
            self.check_plan(call, &view, value).await?;
        }
        let by = by.unwrap_or_else(|| call.caller.name.clone());
        Ok(self.runtime.resolve(id, number, answer, by).await?)
    }

    /// Whether a plan would be adopted by this workflow as it stands. Nothing is recorded.
    async fn check_plan(
        &self,
        call: &Call,
        view: &WorkflowView,
        value: &Value,
    ) -> Result<(), Fault> {
        let plan: Plan = json::plan("the edited plan", &value.to_string())?;
        let budget = &view.budget;
        let taken = budget.spent_microusd.saturating_add(budget.reserved_microusd);
        // Plans know contexts by their names; what is in them was taken on long ago.
        let contexts = view.contexts.iter().map(|context| NewContext {
            name: context.name.clone(),
            label: context.label.clone(),
            content: NewContent::Text(String::new()),
        });
        let judged = Submission {
            tenant: view.tenant.clone(),
            user: view.user.clone(),
            text: "a plan by hand".to_owned(),
            contexts: contexts.collect(),
            risk: view.risk,
            budget_microusd: Some(budget.granted_microusd.saturating_sub(taken)),
            deadline: None,
            idempotency_key: None,
            plan: Some(plan),
            trace: call.trace,
        };
        match self.runtime.plan(&judged).await {
            Ok(_) => Ok(()),
            Err(Refusal::Invalid(problems)) => {
                let said = problems.into_iter().map(|problem| format!("the plan: {problem}"));
                Err(Refusal::Invalid(said.collect()).into())
            }
            Err(other) => Err(other.into()),
        }
    }
}
