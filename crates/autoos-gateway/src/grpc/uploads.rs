//! `autoos.v1.Uploads`.

use super::{OrStatus as _, Services, call};
use crate::fault::Fault;
use autoos_proto::v1::{
    UploadRequest, UploadResponse, upload_request::Part, uploads_server::Uploads,
};
use futures::StreamExt as _;
use std::time::Duration;
use tonic::{Request, Response, Status, Streaming};

#[tonic::async_trait]
impl Uploads for Services {
    async fn upload(
        &self,
        request: Request<Streaming<UploadRequest>>,
    ) -> Result<Response<UploadResponse>, Status> {
        let call = call(&request)?;
        let mut pieces = request.into_inner();
        let ms = self.edge.options.upload_idle_ms;
        let first = tokio::time::timeout(Duration::from_millis(ms), pieces.message()).await;
        let first = first.map_err(|_| Fault::Timeout { ms }).or_status(&call)??;
        let Some(Part::Name(name)) = first.and_then(|first| first.part) else {
            let fault = Fault::Invalid("the first message of an upload is its name".into());
            return Err(fault.status(&call.request_id));
        };
        let chunks = pieces.map(|piece| match piece {
            Ok(UploadRequest { part: Some(Part::Chunk(chunk)) }) => Ok(chunk),
            Ok(_) => Err(Fault::Invalid("after its name an upload is chunks".into())),
            Err(status) => Err(Fault::Invalid(format!("the upload broke off: {status}"))),
        });
        let id = self.edge.runtime.fresh_id();
        let uploaded = self.edge.uploads.take(&call.caller.tenant, id, &name, chunks).await;
        let uploaded = uploaded.or_status(&call)?;
        Ok(Response::new(UploadResponse {
            upload: uploaded.upload,
            name: uploaded.name,
            bytes: uploaded.bytes,
        }))
    }
}
