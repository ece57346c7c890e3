//! `autoos.v1.Workflows`, `Audit` and `Escalations`: everything about one workflow.

use super::{Answers, OrStatus as _, Services, answers, call};
use crate::{call::Call, fault::Fault, wire};
use autoos_kernel::workflow::Command;
use autoos_proto::v1::{
    self, audit_server::Audit, escalations_server::Escalations, workflows_server::Workflows,
};
use autoos_views::{EscalationFilter, Filter};
use futures::stream;
use tonic::{Request, Response, Status};

impl Services {
    async fn change(
        &self,
        call: &Call,
        id: &str,
        command: Command,
    ) -> Result<Response<v1::ChangeWorkflowResponse>, Status> {
        let id = wire::workflow_id(id).or_status(call)?;
        let position = self.edge.command(call, id, command).await.or_status(call)?;
        Ok(Response::new(v1::ChangeWorkflowResponse { position: position.map(wire::position) }))
    }
}

#[tonic::async_trait]
impl Workflows for Services {
    type WatchWorkflowStream = Answers<v1::WorkflowChange>;

    async fn get_workflow(
        &self,
        request: Request<v1::GetWorkflowRequest>,
    ) -> Result<Response<v1::Workflow>, Status> {
        let call = call(&request)?;
        let request = request.into_inner();
        let id = wire::workflow_id(&request.workflow_id).or_status(&call)?;
        let view = self.edge.workflow(&call, id, request.at_seq).await.or_status(&call)?;
        Ok(Response::new(wire::workflow(view)))
    }

    async fn list_workflows(
        &self,
        request: Request<v1::ListWorkflowsRequest>,
    ) -> Result<Response<v1::ListWorkflowsResponse>, Status> {
        let call = call(&request)?;
        let request = request.into_inner();
        let states: Result<_, Fault> = request.states.into_iter().map(wire::from_state).collect();
        let filter = Filter {
            states: states.or_status(&call)?,
            user: wire::some(request.user),
            tenant: None,
            since: wire::timestamp("since", request.since).or_status(&call)?,
            text: wire::some(request.text),
        };
        let after = request.after.map(wire::from_position).transpose().or_status(&call)?;
        let (token, rows) = (wire::some(request.page_token), wire::rows(request.page_size));
        let page = self.edge.list(&call, filter, token.as_deref(), rows, after).await;
        let page = page.or_status(&call)?;
        Ok(Response::new(v1::ListWorkflowsResponse {
            workflows: page.items.into_iter().map(wire::summary).collect(),
            next_page_token: page.next.unwrap_or_default(),
            complete: page.complete,
        }))
    }

    async fn watch_workflow(
        &self,
        request: Request<v1::WatchWorkflowRequest>,
    ) -> Result<Response<Self::WatchWorkflowStream>, Status> {
        let call = call(&request)?;
        let request = request.into_inner();
        let id = wire::workflow_id(&request.workflow_id).or_status(&call)?;
        let changes = self.edge.watch(&call, id, request.from_seq).await.or_status(&call)?;
        Ok(Response::new(answers(changes, call, wire::change)))
    }

    async fn get_workflow_plan(
        &self,
        request: Request<v1::GetWorkflowPlanRequest>,
    ) -> Result<Response<v1::GetWorkflowPlanResponse>, Status> {
        let call = call(&request)?;
        let id = wire::workflow_id(&request.get_ref().workflow_id).or_status(&call)?;
        let plan = self.edge.document(&call, id).await.or_status(&call)?;
        let plan_json = wire::document(&plan).or_status(&call)?;
        Ok(Response::new(v1::GetWorkflowPlanResponse { plan_json }))
    }

    async fn explain_workflow(
        &self,
        request: Request<v1::ExplainWorkflowRequest>,
    ) -> Result<Response<v1::ExplainWorkflowResponse>, Status> {
        let call = call(&request)?;
        let request = request.into_inner();
        let id = wire::workflow_id(&request.workflow_id).or_status(&call)?;
        let claim = wire::some(request.claim);
        let why = self.edge.why(&call, id, claim.as_deref()).await.or_status(&call)?;
        let why_json = wire::document(&why).or_status(&call)?;
        Ok(Response::new(v1::ExplainWorkflowResponse { why_json }))
    }

    async fn fork_workflow(
        &self,
        request: Request<v1::ForkWorkflowRequest>,
    ) -> Result<Response<v1::ForkWorkflowResponse>, Status> {
        let call = call(&request)?;
        let v1::ForkWorkflowRequest { workflow_id, at, model } = request.into_inner();
        let id = wire::workflow_id(&workflow_id).or_status(&call)?;
        let forked = self.edge.fork(&call, id, at, wire::some(model)).await.or_status(&call)?;
        Ok(Response::new(v1::ForkWorkflowResponse {
            intent_id: forked.intent.to_string(),
            workflow_id: forked.workflow.to_string(),
            position: Some(wire::position(forked.position)),
        }))
    }

    async fn compare_workflows(
        &self,
        request: Request<v1::CompareWorkflowsRequest>,
    ) -> Result<Response<v1::CompareWorkflowsResponse>, Status> {
        let call = call(&request)?;
        let request = request.into_inner();
        let left = wire::workflow_id(&request.left_id).or_status(&call)?;
        let right = wire::workflow_id(&request.right_id).or_status(&call)?;
        let found = self.edge.compare(&call, left, right).await.or_status(&call)?;
        let comparison_json = wire::document(&found).or_status(&call)?;
        Ok(Response::new(v1::CompareWorkflowsResponse { comparison_json }))
    }

    async fn cancel_workflow(
        &self,
        request: Request<v1::CancelWorkflowRequest>,
    ) -> Result<Response<v1::ChangeWorkflowResponse>, Status> {
        let call = call(&request)?;
        let request = request.into_inner();
        let reason = wire::some(request.reason).unwrap_or_else(|| "someone asked for it".into());
        let command = Command::Cancel { by: call.caller.name.clone(), reason };
        self.change(&call, &request.workflow_id, command).await
    }

    async fn pause_workflow(
        &self,
        request: Request<v1::PauseWorkflowRequest>,
    ) -> Result<Response<v1::ChangeWorkflowResponse>, Status> {
        let call = call(&request)?;
        let command = Command::Pause { by: call.caller.name.clone() };
        self.change(&call, &request.get_ref().workflow_id, command).await
    }

    async fn resume_workflow(
        &self,
        request: Request<v1::ResumeWorkflowRequest>,
    ) -> Result<Response<v1::ChangeWorkflowResponse>, Status> {
        let call = call(&request)?;
        let command = Command::Resume { by: call.caller.name.clone() };
        self.change(&call, &request.get_ref().workflow_id, command).await
    }

    async fn erase_workflow(
        &self,
        request: Request<v1::EraseWorkflowRequest>,
    ) -> Result<Response<v1::EraseWorkflowResponse>, Status> {
        let call = call(&request)?;
        let id = wire::workflow_id(&request.get_ref().workflow_id).or_status(&call)?;
        self.edge.erase(&call, id).await.or_status(&call)?;
        Ok(Response::new(v1::EraseWorkflowResponse {}))
    }
}

#[tonic::async_trait]
impl Audit for Services {
    type ReadAuditStream = Answers<v1::AuditEntry>;

    async fn read_audit(
        &self,
        request: Request<v1::ReadAuditRequest>,
    ) -> Result<Response<Self::ReadAuditStream>, Status> {
        let call = call(&request)?;
        let id = wire::workflow_id(&request.get_ref().workflow_id).or_status(&call)?;
        let entries = self.edge.audit(&call, id).await.or_status(&call)?;
        let entries = stream::iter(entries.into_iter().map(Ok));
        Ok(Response::new(answers(entries, call, wire::decision)))
    }

    async fn verify_audit(
        &self,
        request: Request<v1::VerifyAuditRequest>,
    ) -> Result<Response<v1::VerifyAuditResponse>, Status> {
        let call = call(&request)?;
        let id = wire::workflow_id(&request.get_ref().workflow_id).or_status(&call)?;
        let found = self.edge.verify(&call, id).await.or_status(&call)?;
        Ok(Response::new(v1::VerifyAuditResponse {
            events: found.events,
            intent_chain: found.intent_chain,
            workflow_chain: found.workflow_chain,
        }))
    }
}

#[tonic::async_trait]
impl Escalations for Services {
    async fn list_escalations(
        &self,
        request: Request<v1::ListEscalationsRequest>,
    ) -> Result<Response<v1::ListEscalationsResponse>, Status> {
        let call = call(&request)?;
        let request = request.into_inner();
        let filter = EscalationFilter {
            open_only: !request.include_resolved,
            tenant: None,
            user: wire::some(request.user),
        };
        let (token, rows) = (wire::some(request.page_token), wire::rows(request.page_size));
        let page = self.edge.escalations(&call, filter, token.as_deref(), rows).await;
        let page = page.or_status(&call)?;
        Ok(Response::new(v1::ListEscalationsResponse {
            escalations: page.items.into_iter().map(wire::item).collect(),
            next_page_token: page.next.unwrap_or_default(),
            complete: page.complete,
        }))
    }

    async fn resolve_escalation(
        &self,
        request: Request<v1::ResolveEscalationRequest>,
    ) -> Result<Response<v1::ResolveEscalationResponse>, Status> {
        let call = call(&request)?;
        let request = request.into_inner();
        let id = wire::workflow_id(&request.workflow_id).or_status(&call)?;
        let answer = wire::answer(request.answer).or_status(&call)?;
        let by = wire::some(request.by);
        let position = self.edge.resolve(&call, id, request.number, answer, by).await;
        let position = position.or_status(&call)?.map(wire::position);
        Ok(Response::new(v1::ResolveEscalationResponse { position }))
    }
}
