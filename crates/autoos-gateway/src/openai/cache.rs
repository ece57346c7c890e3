//! Answers that are kept for whoever asks the same again.
//!
//! Only of calls at temperature 0, only for the tenant that paid for them, and only for clients
//! that say so; by a hash of all that makes an answer what it is. Kept in memory, bounded in bytes
//! and age, the oldest leave first.

use super::options::CacheOptions;
use autoos_fabric::chat::{Answered, Asked};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The hash of a question.
pub(super) type Key = [u8; 32];

/// What an entry takes besides its texts, in bytes.
const FRAME: usize = 512;

pub(super) struct Cache {
    options: CacheOptions,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<Key, (Instant, Answered)>,
    /// By age.
    order: VecDeque<(Instant, Key)>,
    bytes: usize,
}

impl Cache {
    pub(super) fn new(options: CacheOptions) -> Self {
        Self { options, kept: Mutex::default() }
    }

    /// What a question is kept by; none when its answer may differ the next time.
    pub(super) fn key(&self, tenant: &str, asked: &Asked) -> Option<Key> {
        if self.options.max_bytes == 0 || asked.temperature != Some(0.0) {
            return None;
        }
        let mut hasher = blake3::Hasher::new_derive_key("autoos answers v1");
        let mut put = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        put(tenant);
        put(&asked.model);
        for (name, value) in asked.essence() {
            put(name);
            put(value);
        }
        Some(*hasher.finalize().as_bytes())
    }

    pub(super) fn get(&self, key: &Key) -> Option<Answered> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answered) = kept.answers.get(key)?;
        (at.elapsed() < self.age()).then(|| answered.clone())
    }

    pub(super) fn put(&self, key: Key, answered: Answered) {
        let weight = weigh(&answered);
        if weight > self.options.max_bytes {
            return;
        }
        let now = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, before)) = kept.answers.insert(key, (now, answered)) {
            kept.bytes -= weigh(&before);
        }
        kept.bytes += weight;
        kept.order.push_back((now, key));
        while let Some((at, key)) = kept.order.front().copied() {
            if kept.bytes <= self.options.max_bytes && at.elapsed() < self.age() {
                break;
            }
            kept.order.pop_front();
            // One that was put again since has a later place in the order.
            if kept.answers.get(&key).is_some_and(|(put, _)| *put == at)
                && let Some((_, old)) = kept.answers.remove(&key)
            {
                kept.bytes -= weigh(&old);
            }
        }
    }

    fn age(&self) -> Duration {
        Duration::from_secs(self.options.max_age_s)
    }
}

fn weigh(answered: &Answered) -> usize {
    answered.body.len() + answered.text.len() + FRAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use autoos_fabric::Usage;
    use serde_json::json;

    fn asked(model: &str, temperature: f64, text: &str) -> Asked {
        let messages = json!([{"role": "user", "content": text}]);
        let value = json!({"model": model, "temperature": temperature, "messages": messages});
        Asked::of_value(&value).expect("reads")
    }

    fn answered(text: &str) -> Answered {
        Answered {
            model: "m".into(),
            text: text.into(),
            tool_calls: Vec::new(),
            finish: "stop".into(),
            usage: Usage::default(),
            cost_microusd: 7,
            latency_ms: 1,
            first_ms: None,
            body: Default::default(),
        }
    }

    fn cache(max_bytes: usize, max_age_s: u64) -> Cache {
        Cache::new(CacheOptions { max_bytes, max_age_s })
    }

    #[test]
    fn only_the_same_question_of_the_same_tenant_has_the_same_key() {
        let cache = cache(1 << 20, 60);
        let key = |tenant, model, text| cache.key(tenant, &asked(model, 0.0, text)).expect("kept");
        assert_eq!(key("a", "m", "hi"), key("a", "m", "hi"));
        assert_ne!(key("a", "m", "hi"), key("b", "m", "hi"));
        assert_ne!(key("a", "m", "hi"), key("a", "n", "hi"));
        assert_ne!(key("a", "m", "hi"), key("a", "m", "ho"));
        assert_eq!(cache.key("a", &asked("m", 0.1, "hi")), None);
    }

    #[test]
    fn the_oldest_leave_when_there_is_no_room() {
        let cache = cache(2 * FRAME + 10, 60);
        for n in 0..3 {
            cache.put([n; 32], answered("abc"));
        }
        assert_eq!(cache.get(&[0; 32]), None);
        assert!(cache.get(&[1; 32]).is_some() && cache.get(&[2; 32]).is_some());
        cache.put([1; 32], answered("again"));
        assert_eq!(cache.get(&[1; 32]).expect("kept").text, "again");
        cache.put([9; 32], answered(&"x".repeat(4 * FRAME)));
        assert_eq!(cache.get(&[9; 32]), None, "larger than all the room");
    }

    #[test]
    fn nothing_is_good_for_ever_and_by_default_nothing_is_kept() {
        let brief = cache(1 << 20, 0);
        brief.put([0; 32], answered("abc"));
        assert_eq!(brief.get(&[0; 32]), None);
        assert_eq!(Cache::new(CacheOptions::default()).key("a", &asked("m", 0.0, "hi")), None);
    }
}
