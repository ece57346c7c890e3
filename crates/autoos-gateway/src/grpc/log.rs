//! `autoos.v1.Log`.

use super::{OrStatus as _, Services, call};
use autoos_proto::v1::{GetLogLevelRequest, LogLevel, SetLogLevelRequest, log_server::Log};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Log for Services {
    async fn get_log_level(
        &self,
        request: Request<GetLogLevelRequest>,
    ) -> Result<Response<LogLevel>, Status> {
        let call = call(&request)?;
        let level = self.edge.log_level(&call, None).or_status(&call)?;
        Ok(Response::new(LogLevel { level }))
    }

    async fn set_log_level(
        &self,
        request: Request<SetLogLevelRequest>,
    ) -> Result<Response<LogLevel>, Status> {
        let call = call(&request)?;
        let level = self.edge.log_level(&call, Some(&request.get_ref().level)).or_status(&call)?;
        Ok(Response::new(LogLevel { level }))
    }
}
