//! Time as the store knows it: a number it is told, and the clock by which a test moves that number.
//!
//! Nothing here reads the wall clock; whoever asks brings the wall's time along.

use std::time::Duration;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the Unix epoch; saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This much later; saturates.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Milliseconds between the two, whichever is earlier; saturates.
    pub fn distance_millis(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }
}

/// The clock a test moves. It runs with the wall, or stands still but for a tick per reading.
#[derive(Clone, Debug)]
pub struct Clock {
    pace: Pace,
    /// Milliseconds ahead of the wall.
    ahead: i64,
}

#[derive(Clone, Debug)]
enum Pace {
    Wall,
    /// From this moment on, one millisecond a reading.
    Ticking(Timestamp),
    /// This moment, until the clock is moved.
    Still(Timestamp),
}

impl Clock {
    /// Runs with the wall clock.
    pub fn wall() -> Self {
        Self { pace: Pace::Wall, ahead: 0 }
    }

    /// Starts at `start` and advances by one millisecond per reading, so that runs repeat.
    pub fn ticking(start: Timestamp) -> Self {
        Self { pace: Pace::Ticking(start), ahead: 0 }
    }

    /// Stands still at this moment, for signatures too.
    pub fn still(at: Timestamp) -> Self {
        Self { pace: Pace::Still(at), ahead: 0 }
    }

    /// The same clock, but it reads `start` when the wall reads `wall`.
    #[must_use]
    pub fn starting_at(self, start: Timestamp, wall: Timestamp) -> Self {
        let pace = match self.pace {
            Pace::Wall => Pace::Wall,
            Pace::Ticking(_) => Pace::Ticking(start),
            Pace::Still(_) => Pace::Still(start),
        };
        Self { pace, ahead: start.as_millis().saturating_sub(wall.as_millis()) }
    }

    /// The store's time for one exchange.
    pub fn read(&mut self, wall: Timestamp) -> Timestamp {
        match &mut self.pace {
            Pace::Wall | Pace::Still(_) => self.judge(wall),
            Pace::Ticking(now) => {
                *now = now.plus(Duration::from_millis(1));
                *now
            }
        }
    }

    /// The time signatures are judged by: the wall's, moved as the test moved it. Clients sign with the wall's time even
    /// where the store's own time stands still.
    pub fn judge(&self, wall: Timestamp) -> Timestamp {
        match self.pace {
            Pace::Still(now) => now,
            Pace::Wall | Pace::Ticking(_) => Timestamp(wall.0.saturating_add(self.ahead)),
        }
    }

    /// Moves the clock forward.
    pub fn advance(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        if let Pace::Ticking(now) | Pace::Still(now) = &mut self.pace {
            *now = now.plus(by);
        }
    }
}
