//! `autoos.v1.Intents`.

use super::{OrStatus as _, Services, call};
use crate::wire;
use autoos_proto::v1::{
    PlanIntentRequest, PlanIntentResponse, SubmitIntentRequest, SubmitIntentResponse,
    intents_server::Intents,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Intents for Services {
    async fn submit_intent(
        &self,
        request: Request<SubmitIntentRequest>,
    ) -> Result<Response<SubmitIntentResponse>, Status> {
        let call = call(&request)?;
        let SubmitIntentRequest { intent, idempotency_key } = request.into_inner();
        let ask = wire::ask(intent, idempotency_key).or_status(&call)?;
        let submitted = self.edge.submit(&call, ask).await.or_status(&call)?;
        Ok(Response::new(SubmitIntentResponse {
            intent_id: submitted.intent.to_string(),
            workflow_id: submitted.workflow.to_string(),
            position: Some(wire::position(submitted.position)),
            existed: submitted.existed,
        }))
    }

    async fn plan_intent(
        &self,
        request: Request<PlanIntentRequest>,
    ) -> Result<Response<PlanIntentResponse>, Status> {
        let call = call(&request)?;
        let ask = wire::ask(request.into_inner().intent, String::new()).or_status(&call)?;
        let (plan, outline) = self.edge.plan(&call, ask).await.or_status(&call)?;
        Ok(Response::new(PlanIntentResponse {
            plan_json: wire::document(&plan).or_status(&call)?,
            worst_case_microusd: outline.worst_case_microusd,
        }))
    }
}
