//! Money inside one workflow: what it was granted, what calls in flight may still cost, and what
//! was spent. `reserved + spent ≤ granted` at every position of the stream.

use serde::{Deserialize, Serialize};

/// Amounts in micro-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// What may be spent in all.
    pub granted: u64,
    /// Set aside for calls whose cost is not known yet.
    pub reserved: u64,
    /// Spent.
    pub spent: u64,
    /// What vendors charged beyond the reservation that their own limits should have held them
    /// to. Zero unless a vendor breaks its word; kept apart so that it cannot hide.
    pub excess: u64,
}

impl Budget {
    /// What is still free to reserve: what a vendor charged beyond its reservation is gone too.
    #[must_use]
    pub fn free(&self) -> u64 {
        let gone = self.reserved.saturating_add(self.spent).saturating_add(self.excess);
        self.granted.saturating_sub(gone)
    }

    /// Whether `amount` can be set aside.
    #[must_use]
    pub fn allows(&self, amount: u64) -> bool {
        amount <= self.free()
    }

    /// Sets `amount` aside.
    pub fn reserve(&mut self, amount: u64) {
        debug_assert!(self.allows(amount), "{amount} reserved of {self:?}");
        self.reserved = self.reserved.saturating_add(amount);
    }

    /// Ends a reservation of `reserved` that cost `cost`.
    pub fn settle(&mut self, reserved: u64, cost: u64) {
        self.reserved = self.reserved.saturating_sub(reserved);
        self.spent = self.spent.saturating_add(cost.min(reserved));
        self.excess = self.excess.saturating_add(cost.saturating_sub(reserved));
    }

    /// Whether the promise holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.reserved.checked_add(self.spent).is_some_and(|used| used <= self.granted)
    }
}
