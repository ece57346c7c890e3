//! Texts that ride in events: sealed where they are recorded, opened where they are read.
//!
//! A reason or a failure's detail holds what a model, a tool or a person said, and events stay
//! for ever. So these texts are recorded under their owner's key, as bodies are, and are gone
//! with it; the chain is over the sealed bytes and verifies as before. Which parts of an event
//! are such texts is the kernel's to say ([`Recorded::texts_mut`]). A text without the mark was
//! recorded before there was sealing, and is read as it is. The same text comes out the same
//! within a workflow, and its length can be told: both are known to whoever holds the files.

use crate::{BodyKey, Error, Event, Journal, vault};
use autoos_kernel::{
    codec::Recorded,
    id::Prefix,
    {intent, workflow},
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD as BASE64};

/// What a sealed text begins with. A text from outside may begin so too: it is sealed like any
/// other, and opened once.
const MARK: &str = "\u{1}s1:";

/// What stands where a text was that went with its key.
pub const ERASED: &str = "(erased)";
/// What stands where a text was that its key does not open.
const UNREADABLE: &str = "(unreadable)";

/// Seals the texts of an event that is about to be recorded. Empty ones stay empty.
pub fn seal_texts<E: Recorded>(event: &mut E, key: &BodyKey) {
    event.texts_mut(&mut |text| {
        if !text.is_empty() {
            *text = format!("{MARK}{}", BASE64.encode(vault::seal_text(key, text)));
        }
    });
}

/// Opens the texts in events that were read; those of erased owners become [`ERASED`]. Events
/// without sealed texts stay as they are, byte for byte; the others are no longer what their
/// chain is over.
///
/// # Errors
/// When a key cannot be read.
pub async fn open_texts(journal: &dyn Journal, events: &mut [Event]) -> Result<(), Error> {
    let mut known: Option<(uuid::Uuid, Option<BodyKey>)> = None;
    for event in events.iter_mut().filter(|event| is_sealed(event)) {
        let owner = event.stream.uuid;
        if known.as_ref().is_none_or(|(of, _)| *of != owner) {
            let key = match journal.body_key(owner).await {
                Ok(key) => Some(key),
                Err(Error::Erased(_)) => None,
                Err(error) => return Err(error),
            };
            known = Some((owner, key));
        }
        let key = known.as_ref().and_then(|(_, key)| key.as_ref());
        match event.stream.prefix {
            Prefix::INTENT => open::<intent::Event>(event, key),
            _ => open::<workflow::Event>(event, key),
        }
    }
    Ok(())
}

fn is_sealed(event: &Event) -> bool {
    let mark = MARK.as_bytes();
    matches!(event.stream.prefix, Prefix::INTENT | Prefix::WORKFLOW)
        && event.body.windows(mark.len()).any(|part| part == mark)
}

fn open<E: Recorded>(event: &mut Event, key: Option<&BodyKey>) {
    // One that cannot be read is told of by whoever decodes it for its own sake.
    let Ok(Some(mut known)) = E::decode(&event.kind, &event.body) else { return };
    known.texts_mut(&mut |text| {
        if let Some(sealed) = text.strip_prefix(MARK) {
            *text = open_text(sealed, key);
        }
    });
    event.body = known.encode();
}

fn open_text(sealed: &str, key: Option<&BodyKey>) -> String {
    let Some(key) = key else { return ERASED.to_owned() };
    let sealed = BASE64.decode(sealed).ok();
    let text = sealed.and_then(|sealed| vault::open_text(key, &sealed));
    text.unwrap_or_else(|| UNREADABLE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Body, MemoryJournal, NewEvent, Standing, StreamWrite};
    use autoos_kernel::{
        id::{StreamId, WorkflowId},
        time::Timestamp,
        workflow::Event as Known,
    };
    use std::sync::Arc;
    use uuid::Uuid;

    fn stream() -> StreamId {
        WorkflowId(Uuid::from_u128(7)).stream()
    }

    fn skipped(reason: &str) -> Known {
        Known::StepSkipped { step: "a".into(), reason: reason.into() }
    }

    /// A journal with one event that was sealed, one from before sealing, and one without a text.
    async fn recorded(reason: &str) -> Arc<MemoryJournal> {
        let journal = MemoryJournal::new(4);
        let key = journal.body_key(stream().uuid).await.expect("given");
        let mut sealed = skipped(reason);
        seal_texts(&mut sealed, &key);
        let plain = Known::Paused { by: "ann".into() };
        let events = [&sealed, &skipped("as of old"), &plain];
        let events = events.map(|event| NewEvent {
            at: Timestamp(1),
            actor: "workflow".into(),
            cause: None,
            trace: None,
            kind: event.kind().to_owned(),
            body: event.encode(),
        });
        let write = StreamWrite {
            stream: stream(),
            expect: 0,
            events: events.to_vec(),
            standing: Standing::Running,
        };
        let bodies = vec![Body::new(&key, b"said".to_vec())];
        let batch = Batch { epoch: journal.epoch(stream().shard(4)), writes: vec![write], bodies };
        journal.append(batch).await.expect("appends");
        journal
    }

    async fn read(journal: &MemoryJournal) -> Vec<Known> {
        let mut events = journal.read(stream(), 0, 9).await.expect("reads");
        open_texts(journal, &mut events).await.expect("opens");
        let decoded = events.iter().map(|event| Known::decode(&event.kind, &event.body));
        decoded.map(|event| event.expect("reads").expect("is known")).collect()
    }

    #[tokio::test]
    async fn a_text_is_sealed_opened_and_goes_with_its_key() {
        for reason in ["the path /secret/plan.txt", "\u{1}s1:looks sealed", "ü\u{0}", "x"] {
            let journal = recorded(reason).await;
            let raw = journal.read(stream(), 0, 9).await.expect("reads");
            let mut bytes = raw[0].body.windows(reason.len());
            assert!(reason.len() < 2 || !bytes.any(|part| part == reason.as_bytes()));
            let rest = [skipped("as of old"), Known::Paused { by: "ann".into() }];
            let read_back = read(&journal).await;
            assert_eq!(read_back[0], skipped(reason));
            assert_eq!(read_back[1..], rest);
            journal.erase(stream().uuid).await.expect("erases");
            let read_back = read(&journal).await;
            assert_eq!(read_back[0], skipped(ERASED));
            assert_eq!(read_back[1..], rest);
            let after = journal.read(stream(), 0, 9).await.expect("its chain verifies");
            assert_eq!(after, raw);
        }
    }

    #[tokio::test]
    async fn an_empty_text_stays_empty_and_a_damaged_one_is_said_to_be_that() {
        let journal = recorded("").await;
        assert_eq!(read(&journal).await[0], skipped(""));
        let journal = recorded("a reason").await;
        let mut events = journal.read(stream(), 0, 1).await.expect("reads");
        for damage in ["\u{1}s1:", "\u{1}s1:AAAA", "\u{1}s1:not base64!"] {
            events[0].body = skipped(damage).encode();
            open_texts(&*journal, &mut events).await.expect("opens");
            let known = Known::decode(&events[0].kind, &events[0].body);
            assert_eq!(known, Ok(Some(skipped(UNREADABLE))));
        }
    }
}
