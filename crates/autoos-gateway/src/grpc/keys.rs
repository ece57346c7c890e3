//! `autoos.v1.Keys`.

use super::{OrStatus as _, Services, call};
use crate::wire;
use autoos_proto::v1::{
    CreateKeyRequest, CreateKeyResponse, ListKeysRequest, ListKeysResponse, RevokeKeyRequest,
    RevokeKeyResponse, keys_server::Keys,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Keys for Services {
    async fn create_key(
        &self,
        request: Request<CreateKeyRequest>,
    ) -> Result<Response<CreateKeyResponse>, Status> {
        let call = call(&request)?;
        let CreateKeyRequest { name, tenant } = request.into_inner();
        let tenant = wire::some(tenant);
        let made = self.edge.auth.create(&call.caller, &name, tenant.as_deref()).await;
        let (key, secret) = made.or_status(&call)?;
        let secret = secret.expose().to_owned();
        Ok(Response::new(CreateKeyResponse { secret, key: Some(wire::key(&key)) }))
    }

    async fn list_keys(
        &self,
        request: Request<ListKeysRequest>,
    ) -> Result<Response<ListKeysResponse>, Status> {
        let call = call(&request)?;
        let keys = self.edge.auth.list(&call.caller).iter().map(wire::key).collect();
        Ok(Response::new(ListKeysResponse { keys }))
    }

    async fn revoke_key(
        &self,
        request: Request<RevokeKeyRequest>,
    ) -> Result<Response<RevokeKeyResponse>, Status> {
        let call = call(&request)?;
        self.edge.auth.revoke(&call.caller, &request.get_ref().id).await.or_status(&call)?;
        Ok(Response::new(RevokeKeyResponse {}))
    }
}
