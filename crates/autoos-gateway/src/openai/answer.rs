//! From a call to its answer: whole, or piece by piece.
//!
//! Until the first piece is sent a failure goes on to the next model that may be asked; after it
//! the stream ends with an error. The end of an answer is told once its record is durable.

use super::{cache::Key, refused::Refused, responses::Written, talk::Talk, verify::Checked};
use crate::edge::Edge;
use autoos_fabric::{
    Failure,
    chat::{Answered, Piece, Pieces},
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures::{future::BoxFuture, stream};
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Pieces that wait for a slow client; then the vendor is read no further.
const WAITING: usize = 32;

/// How answers are written.
pub(super) enum Shape {
    /// As they come.
    Chat,
    /// As OpenAI's responses.
    Response(Box<Written>),
}

impl Shape {
    fn whole(&self, answered: &Answered) -> Bytes {
        match self {
            Self::Chat => answered.body.clone(),
            Self::Response(written) => written.whole(answered).into(),
        }
    }

    fn piece(&mut self, piece: Piece) -> Bytes {
        match self {
            Self::Chat => piece,
            Self::Response(written) => written.piece(&piece).into(),
        }
    }

    fn last(&mut self, answered: &Answered, autoos: Option<Value>) -> String {
        match self {
            Self::Chat => {
                let autoos = autoos.map(|autoos| {
                    let chunk = json!({
                        "id": "autoos",
                        "object": "chat.completion.chunk",
                        "created": 0,
                        "model": answered.model,
                        "choices": [],
                        "autoos": autoos,
                    });
                    format!("data: {chunk}\n\n")
                });
                format!("{}data: [DONE]\n\n", autoos.unwrap_or_default())
            }
            Self::Response(written) => written.last(answered, autoos),
        }
    }

    fn error(&mut self, refused: &Refused) -> String {
        match self {
            Self::Chat => format!("data: {}\n\n", refused.body()),
            Self::Response(written) => written.error(refused),
        }
    }
}

/// A call and how its answer is written.
pub(super) struct Exchange {
    pub(super) edge: Edge,
    pub(super) talk: Talk,
    pub(super) shape: Shape,
    pub(super) key: Option<Key>,
}

impl Exchange {
    pub(super) async fn run(self) -> Result<Response, Refused> {
        let kept = self.key.as_ref().and_then(|key| self.edge.calls.cache.get(key));
        match kept {
            Some(kept) => self.kept(kept).await,
            None if self.talk.asked.stream => self.streamed().await,
            None => self.whole().await,
        }
    }

    /// Gives an answer that was kept.
    async fn kept(mut self, kept: Answered) -> Result<Response, Refused> {
        let mut headers = self.headers();
        headers.insert("autoos-cache", HeaderValue::from_static("hit"));
        let checked = self.talk.check(&kept).await;
        let autoos = self.told(&kept, checked, &mut headers);
        self.talk.kept(&kept).await?;
        if !self.talk.asked.stream {
            return Ok(json_response(spliced(self.shape.whole(&kept), autoos), headers));
        }
        let mut all = Vec::from(self.shape.piece(kept.events(self.talk.asked.include_usage)));
        all.extend_from_slice(self.shape.last(&kept, autoos).as_bytes());
        Ok(event_response(Body::from(all), headers))
    }

    async fn whole(mut self) -> Result<Response, Refused> {
        let mut last: Option<Failure> = None;
        let answered = loop {
            let asking = match self.talk.next(None).await {
                Ok(Some(asking)) => asking,
                Ok(None) => return Err(self.nobody(last, None).await),
                Err(refused) => return Err(self.nobody(last, Some(refused)).await),
            };
            match asking.await {
                Ok(answered) => break answered,
                Err(failure) => {
                    let again = self.talk.failed(&failure);
                    last = Some(failure);
                    if !again {
                        return Err(self.nobody(last, None).await);
                    }
                }
            }
        };
        let mut headers = self.headers();
        let checked = self.talk.check(&answered).await;
        let autoos = self.told(&answered, checked, &mut headers);
        self.talk.answered(&answered).await?;
        let body = spliced(self.shape.whole(&answered), autoos);
        self.keep(answered);
        Ok(json_response(body, headers))
    }

    /// Nobody is left to be asked.
    async fn nobody(mut self, last: Option<Failure>, refused: Option<Refused>) -> Refused {
        let Some(failure) = last else {
            self.talk.forget();
            return refused.unwrap_or_else(|| Refused::nobody("no model may be asked".into()));
        };
        let refusal = self.talk.refusal(&failure);
        match self.talk.lost(Some(failure.class)).await {
            Ok(()) => refusal,
            Err(not_recorded) => not_recorded,
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        self.talk.headers(&mut headers);
        if self.key.is_some() {
            headers.insert("autoos-cache", HeaderValue::from_static("miss"));
        }
        headers
    }

    /// What is told of an answer besides itself.
    fn told(
        &self,
        answered: &Answered,
        checked: Option<Checked>,
        headers: &mut HeaderMap,
    ) -> Option<Value> {
        let checked = checked?;
        let confidence = format!("{:.3}", checked.confidence);
        if let Ok(confidence) = HeaderValue::try_from(confidence) {
            headers.insert("autoos-confidence", confidence);
        }
        headers.insert("autoos-unsupported", HeaderValue::from(checked.unsupported));
        Some(json!({
            "call": self.talk.id(),
            "model": answered.model,
            "verification": checked.document,
        }))
    }

    fn keep(&self, answered: Answered) {
        if let Some(key) = self.key {
            self.edge.calls.cache.put(key, answered);
        }
    }

    async fn streamed(mut self) -> Result<Response, Refused> {
        let place = match self.edge.place_for_stream() {
            Ok(place) => place,
            Err(fault) => {
                self.talk.forget();
                return Err(fault.into());
            }
        };
        let mut last: Option<Failure> = None;
        loop {
            let (to, mut pieces) = mpsc::channel(WAITING);
            let mut answer = match self.talk.next(Some(Pieces::new(to))).await {
                Ok(Some(answer)) => answer,
                Ok(None) => return Err(self.nobody(last, None).await),
                Err(refused) => return Err(self.nobody(last, Some(refused)).await),
            };
            let ended = tokio::select! {
                biased;
                first = pieces.recv() => match first {
                    Some(first) => {
                        let headers = self.headers();
                        let first = Some(first);
                        let flow = Flow { exchange: self, answer: Some(answer), pieces, first, _place: place };
                        return Ok(event_response(flow.body(), headers));
                    }
                    None => answer.await,
                },
                ended = &mut answer => ended,
            };
            match ended {
                Ok(answered) => {
                    // An answer without a piece: there was nothing to say.
                    let headers = self.headers();
                    let end = self.finish(Ok(answered)).await;
                    return Ok(event_response(Body::from(end), headers));
                }
                Err(failure) => {
                    let again = self.talk.failed(&failure);
                    last = Some(failure);
                    if !again {
                        return Err(self.nobody(last, None).await);
                    }
                }
            }
        }
    }

    /// The end of a stream, once what came is recorded.
    async fn finish(&mut self, ended: Result<Answered, Failure>) -> String {
        let answered = match ended {
            Ok(answered) => answered,
            Err(failure) => {
                self.talk.failed(&failure);
                let refused = self.talk.refusal(&failure);
                // A stream that ends with an error says already that something is wrong.
                let _ = self.talk.lost(Some(failure.class)).await;
                return self.shape.error(&refused);
            }
        };
        let checked = self.talk.check(&answered).await;
        let autoos = self.told(&answered, checked, &mut HeaderMap::new());
        if let Err(refused) = self.talk.answered(&answered).await {
            return self.shape.error(&refused);
        }
        let last = self.shape.last(&answered, autoos);
        self.keep(answered);
        last
    }
}

/// A stream under way. Dropped before its end, it gives the call up.
struct Flow {
    exchange: Exchange,
    /// Taken when it has ended.
    answer: Option<BoxFuture<'static, Result<Answered, Failure>>>,
    pieces: mpsc::Receiver<Piece>,
    first: Option<Piece>,
    _place: OwnedSemaphorePermit,
}

impl Flow {
    fn body(self) -> Body {
        let bytes = stream::unfold(self, |flow| async move {
            let (bytes, flow) = flow.step().await?;
            Some((Ok::<_, Infallible>(bytes), flow))
        });
        Body::from_stream(bytes)
    }

    async fn step(mut self) -> Option<(Bytes, Self)> {
        if let Some(first) = self.first.take() {
            return Some((self.exchange.shape.piece(first), self));
        }
        let answer = self.answer.as_mut()?;
        let ended = tokio::select! {
            biased;
            piece = self.pieces.recv() => match piece {
                Some(piece) => return Some((self.exchange.shape.piece(piece), self)),
                None => answer.await,
            },
            ended = &mut *answer => ended,
        };
        self.answer = None;
        let mut all = Vec::new();
        while let Ok(piece) = self.pieces.try_recv() {
            all.extend_from_slice(&self.exchange.shape.piece(piece));
        }
        all.extend_from_slice(self.exchange.finish(ended).await.as_bytes());
        Some((all.into(), self))
    }
}

/// A JSON object with one more field.
fn spliced(body: Bytes, autoos: Option<Value>) -> Bytes {
    let Some(autoos) = autoos else { return body };
    let Some(end) = body.iter().rposition(|byte| *byte == b'}') else { return body };
    let mut longer = body[..end].to_vec();
    longer.extend_from_slice(format!(",\"autoos\":{autoos}}}").as_bytes());
    longer.into()
}

fn json_response(body: Bytes, headers: HeaderMap) -> Response {
    let mut response = (headers, body).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn event_response(body: Body, headers: HeaderMap) -> Response {
    let mut response = (headers, body).into_response();
    let headers = response.headers_mut();
    let events = HeaderValue::from_static("text/event-stream; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, events);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
