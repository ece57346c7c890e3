//! `autoos.v1.Lessons`.

use super::{OrStatus as _, Services, call};
use crate::wire;
use autoos_proto::v1::{
    ListLessonsRequest, ListLessonsResponse, RevertLessonRequest, RevertLessonResponse,
    lessons_server::Lessons,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Lessons for Services {
    async fn list_lessons(
        &self,
        request: Request<ListLessonsRequest>,
    ) -> Result<Response<ListLessonsResponse>, Status> {
        let call = call(&request)?;
        let lessons = self.edge.lessons_of(&call);
        let times = self.edge.runtime.lessons();
        let lessons = lessons.into_iter().zip(&times);
        let lessons = lessons.map(|(seen, whole)| wire::lesson(seen, whole.from.len())).collect();
        Ok(Response::new(ListLessonsResponse { lessons }))
    }

    async fn revert_lesson(
        &self,
        request: Request<RevertLessonRequest>,
    ) -> Result<Response<RevertLessonResponse>, Status> {
        let call = call(&request)?;
        self.edge.revert_lesson(&call, request.get_ref().number).await.or_status(&call)?;
        Ok(Response::new(RevertLessonResponse {}))
    }
}
