//! Scenarios of bodies: stored once, under their owner's key, and erased for good.

use super::{append, batch, key, kinds, pair, write};
use crate::{Body, BodyKey, Error, Key, SharedJournal, Standing, StreamWrite};
use autoos_kernel::id::StreamId;

async fn put(journal: &SharedJournal, stream: StreamId, seq: u64, bodies: Vec<Body>) {
    let mut full = batch(journal, vec![write(stream, seq, &["said"], Standing::Running)]);
    full.bodies = bodies;
    journal.append(full).await.expect("appends");
}

pub(super) async fn stored_once(journal: SharedJournal) {
    let (_, stream) = pair(1);
    let key = key(&journal, stream).await;
    assert_eq!(journal.body_key(stream.uuid).await.expect("given"), key, "the key stays");
    let body = Body::new(&key, b"a secret".to_vec());
    assert_eq!(journal.body(stream.uuid, body.body).await.expect("reads"), None);
    put(&journal, stream, 0, vec![body.clone()]).await;
    put(&journal, stream, 1, vec![body.clone(), body.clone()]).await;
    let read = journal.body(stream.uuid, body.body).await.expect("reads");
    assert_eq!(read.as_deref(), Some(&b"a secret"[..]));
    let other = super::key(&journal, pair(2).1).await;
    assert_ne!(other.refer(b"a secret"), body.body, "another owner names it otherwise");
    assert_eq!(journal.body(other.owner, body.body).await.expect("reads"), None);
}

pub(super) async fn need_their_key(journal: SharedJournal) {
    let (_, stream) = pair(1);
    let key = key(&journal, stream).await;
    put(&journal, stream, 0, vec![Body::new(&key, b"first".to_vec())]).await;
    let foreign = BodyKey { owner: stream.uuid, secret: Key([7; 32]) };
    let mut misnamed = Body::new(&key, b"second".to_vec());
    misnamed.bytes = b"changed".to_vec();
    for body in [Body::new(&foreign, b"second".to_vec()), misnamed] {
        let mut full: crate::Batch =
            batch(&journal, vec![write(stream, 1, &["said"], Standing::Running)]);
        full.bodies = vec![body];
        let refused = journal.append(full).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    let head = journal.head(stream).await.expect("reads").expect("has events");
    assert_eq!(head.next, 1);
}

pub(super) async fn sizes(journal: SharedJournal) {
    let (_, stream) = pair(1);
    let key = key(&journal, stream).await;
    let sizes = [0, 1, 6_000, 6_144, 6_145, 70_000, 3_000_000];
    let bodies: Vec<Body> = sizes
        .iter()
        .map(|size| Body::new(&key, (0..*size).map(|n: u32| (n * 7) as u8).collect()))
        .collect();
    put(&journal, stream, 0, bodies.clone()).await;
    for body in bodies {
        let read = journal.body(stream.uuid, body.body).await.expect("reads");
        assert!(read.as_ref() == Some(&body.bytes), "{} bytes read back", body.bytes.len());
    }
}

pub(super) async fn erased(journal: SharedJournal) {
    let (intent, workflow) = pair(1);
    let owner = workflow.uuid;
    let key = key(&journal, workflow).await;
    let body = Body::new(&key, b"a secret".to_vec());
    put(&journal, workflow, 0, vec![body.clone()]).await;
    journal.erase(owner).await.expect("erases");
    journal.erase(owner).await.expect("repeats");
    assert_is_erased(journal.body(owner, body.body).await);
    assert_is_erased(journal.body_key(owner).await);
    let write: StreamWrite = write(intent, 0, &["said"], Standing::Running);
    let mut late = batch(&journal, vec![write]);
    late.bodies = vec![body];
    assert_is_erased(journal.append(late).await);
    append(&journal, workflow, 1, &["erased"]).await;
    let events = journal.read(workflow, 0, 10).await.expect("reads");
    assert_eq!(kinds(&events), ["said", "erased"], "events stay and their chain verifies");
}

fn assert_is_erased<T: std::fmt::Debug>(answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::Erased(_))), "{answer:?}");
}
