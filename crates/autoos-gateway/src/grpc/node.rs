//! `autoos.v1.Tools` and `Providers`: what the node has.

use super::{OrStatus as _, Services, call};
use crate::wire;
use autoos_proto::v1::{
    ListProvidersRequest, ListProvidersResponse, ListToolsRequest, ListToolsResponse,
    providers_server::Providers, tools_server::Tools,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Tools for Services {
    async fn list_tools(
        &self,
        request: Request<ListToolsRequest>,
    ) -> Result<Response<ListToolsResponse>, Status> {
        call(&request)?;
        let tools = self.edge.tools().iter().map(wire::tool).collect();
        Ok(Response::new(ListToolsResponse { tools }))
    }
}

#[tonic::async_trait]
impl Providers for Services {
    async fn list_providers(
        &self,
        request: Request<ListProvidersRequest>,
    ) -> Result<Response<ListProvidersResponse>, Status> {
        let call = call(&request)?;
        let providers: Result<_, _> = self.edge.providers().iter().map(wire::provider).collect();
        Ok(Response::new(ListProvidersResponse { providers: providers.or_status(&call)? }))
    }
}
