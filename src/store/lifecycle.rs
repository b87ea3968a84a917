//! Age rules: uploads that have been open for too long are aborted by the service itself. Time passes only when the test
//! moves the clock, and that is when the rules run.

use bytes::Bytes;

use super::Timestamp;

/// The lifecycle configuration of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Its rules.
    pub rules: Vec<AgeRule>,
    /// The document it was read from, to be shown again.
    pub document: Bytes,
}

/// One rule, as far as it is about open uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgeRule {
    /// The keys it is about start so.
    pub prefix: String,
    /// Whether it is in force.
    pub status: RuleStatus,
    /// When an upload is too old; none if the rule is about other things.
    pub abort: Option<Age>,
}

/// Whether a rule is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleStatus {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
}

/// When an upload is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// So many whole days after it was initiated.
    Days(u32),
    /// If it was initiated before this time.
    Before(Timestamp),
}

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

impl Lifecycle {
    /// Whether an upload is too old.
    pub fn ends(&self, key: &str, initiated: Timestamp, now: Timestamp) -> bool {
        let in_force = |rule: &&AgeRule| rule.status == RuleStatus::Enabled && key.starts_with(&rule.prefix);
        self.rules.iter().filter(in_force).filter_map(|rule| rule.abort).any(|age| match age {
            Age::Days(days) => now.as_millis() - initiated.as_millis() >= i64::from(days) * DAY_MILLIS,
            Age::Before(date) => initiated < date && now >= date,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_beginning() {
        let rule = AgeRule { prefix: "big/".into(), status: RuleStatus::Enabled, abort: Some(Age::Days(3)) };
        let lifecycle = Lifecycle { rules: vec![rule.clone()], document: Bytes::new() };
        let start = Timestamp::from_secs(1_000_000);
        let later = |secs: i64| Timestamp::from_secs(1_000_000 + secs);
        assert!(!lifecycle.ends("big/a", start, later(3 * 86_400 - 1)));
        assert!(lifecycle.ends("big/a", start, later(3 * 86_400)));
        assert!(!lifecycle.ends("small/a", start, later(9 * 86_400)));
        let disabled = Lifecycle { rules: vec![AgeRule { status: RuleStatus::Disabled, ..rule }], ..lifecycle };
        assert!(!disabled.ends("big/a", start, later(9 * 86_400)));
    }
}
