//! Numbers for ids: a counter, scrambled by a seed. The same seed gives the same ids in the same order.

/// 256 bits for an id, no two alike within one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entropy(pub [u64; 4]);

/// Where ids come from.
#[derive(Clone, Debug)]
pub struct Mint {
    seed: u64,
    counter: u64,
}

impl Mint {
    /// Starts the sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }

    /// The next number of the sequence.
    pub fn next(&mut self) -> Entropy {
        self.counter += 1;
        Entropy::of(self.seed, self.counter)
    }
}

impl Entropy {
    /// The number at `position` of the sequence of `seed`.
    pub fn of(seed: u64, position: u64) -> Self {
        let first = scramble(seed ^ scramble(position));
        Self([first, scramble(first ^ 1), scramble(first ^ 2), scramble(first ^ 3)])
    }
}

/// SplitMix64's finalizer: a bijection on 64 bits, so distinct positions stay distinct.
fn scramble(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
