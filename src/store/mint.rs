//! Numbers for ids: a counter, scrambled by a seed. The same seed gives the same ids in the same order.

/// Tells the sequence that the fate of late parts is drawn from apart from the other sequences of a seed.
const LATE_PARTS: u64 = 0x6c61_7465_7061_7274;

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

    /// The next number of the sequence. The last of its four words is higher than that of the one before: the providers
    /// whose ids begin with a time list the uploads of a key in the order of initiation, and here many share a millisecond.
    pub fn next(&mut self) -> Entropy {
        self.counter += 1;
        let Entropy([first, second, third, fourth]) = Entropy::of(self.seed, self.counter);
        let begin = scramble(self.seed) >> 33;
        let rising = (begin + self.counter) << 32 | fourth & u64::from(u32::MAX);
        Entropy([first, second, third, rising])
    }
}

impl Mint {
    /// Tosses a coin for a part in flight, by the number of its ticket. The same seed and number give the same side.
    pub fn flips(&self, ticket: u64) -> bool {
        Entropy::of(self.seed ^ LATE_PARTS, ticket).0[0] & 1 == 1
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_rises_from_wherever_the_seed_begins() {
        for seed in [0, 1, 7, u64::MAX] {
            let mut mint = Mint::new(seed);
            let words: Vec<u64> = (0..1000).map(|_| mint.next().0[3]).collect();
            assert!(words.is_sorted_by(|before, after| before < after), "seed {seed}");
        }
        assert_ne!(Mint::new(1).next(), Mint::new(2).next());
    }
}
