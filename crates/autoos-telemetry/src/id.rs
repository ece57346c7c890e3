//! Ids of the spans that the journal tells of: the same for the same events, on whatever node and
//! in whatever year they are read.

/// The trace of a workflow whose client brought none: its UUID.
#[must_use]
pub fn trace(recorded: Option<u128>, uuid: u128) -> u128 {
    recorded.unwrap_or(uuid)
}

/// The span of an intent.
#[must_use]
pub fn intent(uuid: u128) -> u64 {
    of(uuid, "intent", "", 0)
}

/// The span of a workflow.
#[must_use]
pub fn workflow(uuid: u128) -> u64 {
    of(uuid, "workflow", "", 0)
}

/// The span of a step.
#[must_use]
pub fn step(uuid: u128, step: &str) -> u64 {
    of(uuid, "step", step, 0)
}

/// The span of an attempt of a step.
#[must_use]
pub fn attempt(uuid: u128, step: &str, attempt: u32) -> u64 {
    of(uuid, "attempt", step, u64::from(attempt))
}

/// The span of a climb of the ladder, by the sequence of its event.
#[must_use]
pub fn climb(uuid: u128, seq: u64) -> u64 {
    of(uuid, "climb", "", seq)
}

/// The span of a question to a human.
#[must_use]
pub fn escalation(uuid: u128, number: u32) -> u64 {
    of(uuid, "escalation", "", u64::from(number))
}

fn of(uuid: u128, what: &str, name: &str, number: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"autoos span v1");
    hasher.update(&uuid.to_be_bytes());
    hasher.update(what.as_bytes());
    hasher.update(&[0]);
    hasher.update(name.as_bytes());
    hasher.update(&[0]);
    hasher.update(&number.to_be_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    // Zero is no id.
    u64::from_be_bytes(first).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_what_they_are_and_differ() {
        // Exported spans of years ago and of today meet in one trace: these never change.
        assert_eq!(attempt(7, "draft", 1), attempt(7, "draft", 1));
        let ids = [
            intent(7),
            workflow(7),
            workflow(8),
            step(7, "draft"),
            attempt(7, "draft", 1),
            attempt(7, "draft", 2),
            climb(7, 1),
            escalation(7, 1),
        ];
        let unlike: std::collections::BTreeSet<u64> = ids.into_iter().collect();
        assert_eq!(unlike.len(), ids.len());
    }
}
