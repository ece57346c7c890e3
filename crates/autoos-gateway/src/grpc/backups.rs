//! `autoos.v1.Backups`.

use super::{OrStatus as _, Services, call};
use autoos_proto::v1::{CreateBackupRequest, CreateBackupResponse, backups_server::Backups};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Backups for Services {
    async fn create_backup(
        &self,
        request: Request<CreateBackupRequest>,
    ) -> Result<Response<CreateBackupResponse>, Status> {
        let call = call(&request)?;
        let made = self.edge.backup(&call, &request.get_ref().target).await.or_status(&call)?;
        let crate::Backup { target, events, bytes } = made;
        Ok(Response::new(CreateBackupResponse { target, events, bytes }))
    }
}
