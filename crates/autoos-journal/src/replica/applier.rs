//! The applier: the one thread that writes the event store.
//!
//! It takes what was recorded since it looked last as one layer, so that a stream that moved ten
//! times costs one write of its head; from time to time it makes the store durable and tells the
//! log in front, which may then let go of it.

use super::{
    core::{Core, lock},
    layer::Layer,
};
use crate::Error;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How often the applier looks after a full disk.
const PROBE: Duration = Duration::from_millis(200);

/// The log in front of a replica, as the applier tells it of the store.
pub(crate) trait Front: Send {
    /// A layer is in the store.
    fn applied(&mut self, layer: &Layer) -> Result<(), Error>;
    /// All frames up to `frame` are durable in the store. Answers whether there should be another
    /// checkpoint as soon as more is applied.
    fn durable(&mut self, frame: u64) -> Result<bool, Error>;
}

pub(crate) struct Applier<F> {
    core: Arc<Core>,
    front: F,
    checkpointed: Instant,
    /// Bytes applied since then.
    dirty: usize,
}

impl<F: Front> Applier<F> {
    pub(crate) fn new(core: Arc<Core>, front: F) -> Self {
        Self { core, front, checkpointed: Instant::now(), dirty: 0 }
    }

    /// Works until the writer has ended and all is applied and durable.
    pub(crate) fn run(mut self) {
        while let Some(stop) = self.wait() {
            if !self.step(stop) {
                return;
            }
            let idle = self.core.tail.read().active.is_empty();
            if stop && idle {
                return;
            }
        }
    }

    /// Waits until there is something to do; answers whether it is the last time, and none when
    /// there is nothing more to do for good.
    fn wait(&self) -> Option<bool> {
        let delay = Duration::from_millis(self.core.options.apply_delay_ms);
        let soon = self.core.options.tail_bytes / 4;
        let mut since: Option<Instant> = None;
        let mut signals = lock(&self.core.signals);
        loop {
            let waiting = self.core.tail.read().active.bytes;
            if signals.stop {
                return Some(true);
            }
            let due = since.is_some_and(|since| since.elapsed() >= delay);
            if signals.checkpoint || waiting > 0 && (signals.hurry || due || waiting >= soon) {
                return Some(false);
            }
            let idle = if self.dirty > 0 { Duration::from_secs(5) } else { PROBE * 50 };
            let timeout = match (waiting > 0, self.core.space.degraded().is_some()) {
                (_, true) => PROBE,
                (true, false) => {
                    let since = *since.get_or_insert_with(Instant::now);
                    delay.saturating_sub(since.elapsed()).max(Duration::from_millis(1))
                }
                (false, false) => idle,
            };
            let (next, timed_out) = self
                .core
                .changed
                .wait_timeout(signals, timeout)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            signals = next;
            if timed_out.timed_out() {
                self.core.space.recover();
                if waiting == 0 && self.dirty > 0 {
                    return Some(false);
                }
            }
        }
    }

    /// Applies what is there; answers false when the store can no longer be written.
    fn step(&mut self, stop: bool) -> bool {
        if self.core.space.is_low() {
            self.core.space.degrade("there is little left for the event store");
        }
        if self.core.space.is_low() {
            // The log has it all; the store follows when there is room again.
            if !stop {
                let signals = lock(&self.core.signals);
                drop(self.core.changed.wait_timeout(signals, PROBE));
            }
            return !stop;
        }
        // Taken before the layer is: who asks from now on means what comes after it.
        let asked = std::mem::take(&mut lock(&self.core.signals).checkpoint) || stop;
        match self.apply().and_then(|()| self.checkpoint(asked)) {
            Ok(()) => true,
            Err(error) => {
                self.core.suspect(&error);
                self.core.halt(format!(
                    "the event store cannot be written ({error}): start the node again, it is \
                     rebuilt from the log where that is needed"
                ));
                false
            }
        }
    }

    fn apply(&mut self) -> Result<(), Error> {
        let gate = lock(&self.core.gate);
        let (layer, ends) = {
            let mut layers = self.core.tail.write();
            if layers.active.is_empty() {
                // Not while holding the layers: others take these locks the other way round.
                drop(layers);
                self.core.signal(|signals| signals.hurry = false);
                return Ok(());
            }
            let layer = Arc::new(std::mem::take(&mut layers.active));
            // A layer of snapshots alone has no frame of its own.
            layers.active.frame = layer.frame;
            layers.applying = Some(layer.clone());
            (layer, layers.ends.clone())
        };
        self.core.signal(|signals| signals.hurry = false);
        self.core.store.apply(&layer, &ends)?;
        self.core.tail.write().applying = None;
        drop(gate);
        self.core.counters.layers.fetch_add(1, Relaxed);
        self.dirty += layer.bytes;
        self.core.signal(|signals| signals.applied = layer.frame);
        self.front.applied(&layer)
    }

    fn checkpoint(&mut self, asked: bool) -> Result<(), Error> {
        let options = &self.core.options;
        let applied = lock(&self.core.signals).applied;
        let old = self.checkpointed.elapsed() >= Duration::from_millis(options.checkpoint_ms);
        if !asked && self.dirty < options.checkpoint_bytes && !(old && self.dirty > 0) {
            return Ok(());
        }
        self.core.store.checkpoint()?;
        self.core.counters.checkpoints.fetch_add(1, Relaxed);
        self.dirty = 0;
        self.checkpointed = Instant::now();
        self.core.signal(|signals| signals.durable = applied);
        if self.front.durable(applied)? {
            self.core.signal(|signals| signals.checkpoint = true);
        }
        Ok(())
    }
}
