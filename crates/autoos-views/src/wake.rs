//! Who waits for news of which workflow. The follower wakes, watchers wait.

use crate::Error;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;
use uuid::Uuid;

/// All that wait.
#[derive(Debug, Default)]
pub(crate) struct Wakers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<Uuid, watch::Sender<()>>,
    /// Nobody wakes any more.
    closed: bool,
}

/// One watcher's place among those that wait; given back when dropped.
pub(crate) struct Waker {
    id: Uuid,
    news: watch::Receiver<()>,
    all: Arc<Wakers>,
}

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one that waits for news of `id`.
    pub(crate) fn register(self: &Arc<Self>, id: Uuid) -> Result<Waker, Error> {
        let mut state = self.lock();
        if state.closed {
            return Err(Error::Stopped);
        }
        let news = state.waiting.entry(id).or_insert_with(|| watch::Sender::new(())).subscribe();
        Ok(Waker { id, news, all: self.clone() })
    }

    /// Tells those that wait for `id` to look.
    pub(crate) fn wake(&self, id: Uuid) {
        if let Some(waiting) = self.lock().waiting.get(&id) {
            waiting.send_replace(());
        }
    }

    /// Ends every wait: nobody will wake any more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
    }
}

impl Waker {
    /// What was recorded up to now is no news.
    pub(crate) fn mark_seen(&mut self) {
        self.news.borrow_and_update();
    }

    /// Waits for news.
    pub(crate) async fn wait(&mut self) -> Result<(), Error> {
        self.news.changed().await.map_err(|_| Error::Stopped)
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        let mut state = self.all.lock();
        // This receiver is still counted.
        if state.waiting.get(&self.id).is_some_and(|waiting| waiting.receiver_count() <= 1) {
            state.waiting.remove(&self.id);
        }
    }
}
