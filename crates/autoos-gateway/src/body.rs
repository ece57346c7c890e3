//! Bodies of requests: what they may weigh, alone and together, and how they become JSON.

use crate::fault::Fault;
use axum::{
    body::{Body, BodyDataStream, Bytes},
    http::{HeaderMap, header},
};
use futures::StreamExt as _;
use http_body::{Body as _, Frame, SizeHint};
use serde::de::DeserializeOwned;
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

/// The room that a request's body takes, given back when the request is over.
#[derive(Clone, Default)]
pub(crate) struct Room(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Room {
    fn take(&self, more: OwnedSemaphorePermit) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
    }
}

/// Where a body is put that nobody read to its end.
#[derive(Clone, Default)]
pub(crate) struct Leftover(Arc<Mutex<Option<Body>>>);

/// The most that is read of such a body, in bytes, and for how long.
const LEFTOVER_MAX: usize = 256 << 20;
const LEFTOVER_TIME: Duration = Duration::from_secs(5);

impl Leftover {
    pub(crate) fn of(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Some(body))))
    }

    /// Reads what is left and throws it away, beside the answer: over HTTP/1 a client that is
    /// still sending when the connection closes would see that instead of the answer.
    pub(crate) fn drain(&self) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(body) = left.filter(|body| !body.is_end_stream()) else { return };
        tokio::spawn(tokio::time::timeout(LEFTOVER_TIME, async move {
            let mut pieces = body.into_data_stream();
            let mut bytes = 0;
            while let Some(Ok(piece)) = pieces.next().await {
                bytes += piece.len();
                if bytes > LEFTOVER_MAX {
                    return;
                }
            }
        }));
    }
}

/// A body that takes room as it arrives and fails at once when there is none.
pub(crate) struct Metered {
    inner: Body,
    /// None for one that nobody keeps in memory.
    all: Option<Arc<Semaphore>>,
    room: Room,
    leftover: Leftover,
    bytes: usize,
    grpc: bool,
    /// Where it is kept as it passes, for a request that may have to be sent on.
    kept: Option<Kept>,
}

/// What has passed of a body; its pieces are shared and not copied.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<Bytes>>>);

impl Kept {
    /// The whole body, of at most `limit` bytes: what has passed, and what nobody has read yet.
    pub(crate) async fn whole(&self, leftover: &Leftover, limit: usize) -> Result<Bytes, Fault> {
        let mut whole = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let left = leftover.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(left) = left {
            whole.push(read(&HeaderMap::new(), left, limit).await?.into());
        }
        Ok(whole.concat().into())
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.inner);
        *self.leftover.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(left);
    }
}

impl Metered {
    pub(crate) fn new(inner: Body, all: Option<Arc<Semaphore>>, room: Room, grpc: bool) -> Self {
        Self { inner, all, room, leftover: Leftover::default(), bytes: 0, grpc, kept: None }
    }

    /// The same, kept as it passes.
    pub(crate) fn keep(mut self, kept: Option<Kept>) -> Self {
        self.kept = kept;
        self
    }

    /// Where it goes when it is dropped.
    pub(crate) fn leftover(&self) -> Leftover {
        self.leftover.clone()
    }

    fn weigh(&mut self, more: usize) -> Result<(), axum::Error> {
        let Some(all) = &self.all else { return Ok(()) };
        let before = self.bytes.div_ceil(1024);
        self.bytes += more;
        let kib = u32::try_from(self.bytes.div_ceil(1024) - before).unwrap_or(u32::MAX);
        if kib == 0 {
            return Ok(());
        }
        match all.clone().try_acquire_many_owned(kib) {
            Ok(permit) => {
                self.room.take(permit);
                Ok(())
            }
            // Each protocol finds its own error again: tonic a Status, JSON a NoRoom.
            Err(_) if self.grpc => Err(axum::Error::new(busy().status(""))),
            Err(_) => Err(axum::Error::new(NoRoom)),
        }
    }
}

fn busy() -> Fault {
    Fault::Busy { what: "memory for requests" }
}

/// There is no memory for more bodies.
#[derive(Debug, thiserror::Error)]
#[error("no memory for more requests")]
struct NoRoom;

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let next = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &next
            && let Some(data) = frame.data_ref()
        {
            let weight = data.len();
            let piece = self.kept.is_some().then(|| data.clone());
            if let Err(error) = self.weigh(weight) {
                return Poll::Ready(Some(Err(error)));
            }
            if let (Some(kept), Some(piece)) = (&self.kept, piece) {
                kept.0.lock().unwrap_or_else(PoisonError::into_inner).push(piece);
            }
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The pieces of a body as they come.
pub(crate) fn pieces(body: Body) -> futures::stream::Map<BodyDataStream, Piece> {
    body.into_data_stream().map(|piece| piece.map_err(broken))
}

type Piece = fn(Result<Bytes, axum::Error>) -> Result<Bytes, Fault>;

fn broken(error: axum::Error) -> Fault {
    let error = error.into_inner();
    // A body that was wrapped again on its way down is wrapped in another axum error.
    let error = match error.downcast::<axum::Error>() {
        Ok(inner) => inner.into_inner(),
        Err(error) => error,
    };
    if error.is::<NoRoom>() || error.is::<Status>() {
        return busy();
    }
    Fault::Invalid(format!("the body broke off: {error}"))
}

/// A body that is read into memory may pause for so long.
const IDLE: Duration = Duration::from_secs(15);

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, Fault> {
    let too_large = || Fault::TooLarge { limit: limit as u64 };
    let said = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if said.is_some_and(|said: u64| said > limit as u64) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(said.map_or(0, |n| usize::try_from(n).unwrap_or(0)));
    let mut body = pieces(body);
    let silent = |_| Fault::SlowBody { ms: u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX) };
    while let Some(piece) = tokio::time::timeout(IDLE, body.next()).await.map_err(silent)? {
        let piece = piece?;
        if bytes.len() + piece.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Reads a body as JSON of a known shape. What is wrong with it is said with line and column.
pub(crate) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<T, Fault> {
    check_kind(headers)?;
    let bytes = read(headers, body, limit).await?;
    parse(&bytes)
}

/// Whether a body says that it is JSON in UTF-8.
pub(crate) fn check_kind(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(content) = headers.get(header::CONTENT_TYPE) else {
        return Err(Fault::MediaType("has no Content-Type".into()));
    };
    let content = content.to_str().unwrap_or("?").to_ascii_lowercase();
    let mut parts = content.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let json = kind == "application/json" || kind.ends_with("+json");
    let mut charsets = parts.filter_map(|part| part.strip_prefix("charset="));
    if json && charsets.all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8")) {
        return Ok(());
    }
    Err(Fault::MediaType(format!("is {:?}", content.chars().take(64).collect::<String>())))
}

/// JSON of a known shape; at most 127 levels deep, since the parser goes no deeper.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Fault::Invalid("the body is empty, and a JSON object is wanted".into()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Fault::Invalid(format!("the body is not UTF-8: byte {at} does not belong"))
    })?;
    // Some editors begin files with a mark that readers may pass over (RFC 8259, section 8.1).
    let text = text.trim_start_matches('\u{feff}');
    // A list would pass for a structure, field by field.
    let first = text.trim_start().chars().next();
    if let Some(other) = first.filter(|first| *first != '{') {
        let what = if other == '[' { "a list" } else { "no object" };
        return Err(Fault::Invalid(format!("the body is {what}, and a JSON object is wanted")));
    }
    serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        if said.starts_with("recursion limit exceeded") {
            return Fault::Invalid(format!("the body is nested too deeply: {said}"));
        }
        Fault::Invalid(format!("the body: {said}"))
    })
}
