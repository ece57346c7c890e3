//! The rows of all shares in one order, newest first.

use super::share::Slot;
use autoos_kernel::time::Timestamp;
use std::collections::BinaryHeap;
use uuid::Uuid;

/// A row's place: when, whose, and which question of it.
pub(super) type Place = (Timestamp, Uuid, u32);

/// Before this lie all places.
pub(super) const NEWEST: Place = (Timestamp(u64::MAX), Uuid::max(), u32::MAX);

/// Merges one descending order per share.
pub(super) struct Newest<I> {
    orders: Vec<I>,
    /// The first of each order that has more: its place, its share, its slot.
    heads: BinaryHeap<(Place, usize, Slot)>,
}

impl<I: Iterator<Item = (Place, Slot)>> Newest<I> {
    pub(super) fn of(orders: impl Iterator<Item = I>) -> Self {
        let mut newest = Self { orders: orders.collect(), heads: BinaryHeap::new() };
        (0..newest.orders.len()).for_each(|share| newest.draw(share));
        newest
    }

    fn draw(&mut self, share: usize) {
        let next = self.orders[share].next();
        self.heads.extend(next.map(|(place, slot)| (place, share, slot)));
    }
}

impl<I: Iterator<Item = (Place, Slot)>> Iterator for Newest<I> {
    type Item = (Place, usize, Slot);

    fn next(&mut self) -> Option<Self::Item> {
        let newest = self.heads.pop()?;
        self.draw(newest.1);
        Some(newest)
    }
}
