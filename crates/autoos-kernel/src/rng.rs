//! Random choices as an argument: the runtime brings the operating system's, tests a seed.

/// A source of random choices.
pub trait Rng {
    /// Any 64 bits.
    fn next_u64(&mut self) -> u64;

    /// A number in `0..=bound`, as even as 64 bits allow.
    fn up_to(&mut self, bound: u64) -> u64 {
        match bound.checked_add(1) {
            Some(n) => self.next_u64() % n,
            None => self.next_u64(),
        }
    }

    /// The random part of a version 7 UUID.
    fn uuid_bits(&mut self) -> [u8; 10] {
        let mut bits = [0; 10];
        bits[..8].copy_from_slice(&self.next_u64().to_le_bytes());
        bits[8..].copy_from_slice(&self.next_u64().to_le_bytes()[..2]);
        bits
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, seeded, equal on every machine. For tests and
/// simulations; nothing secret comes from it.
#[derive(Debug, Clone)]
pub struct Seeded(pub u64);

impl Rng for Seeded {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
