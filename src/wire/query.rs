//! The query of a request target: `name`, `name=` and `name=value`, joined by `&`.
//!
//! Whether a plus is a plus or a blank differs by service. Empty segments are skipped, since a vendor's own sample has one
//! (`?&uploadId=..`).

use super::encode::unescape;

/// The parameters of a query, decoded, in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, Option<String>)>);

/// What a plus in a query stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plus {
    /// Itself.
    Plus,
    /// A blank, as in `application/x-www-form-urlencoded`.
    Blank,
}

impl Query {
    /// Reads a raw query. None if an escape in it is broken or not UTF-8.
    pub fn parse(raw: &str, plus: Plus) -> Option<Self> {
        let unescape = |text: &str| match plus {
            Plus::Plus => unescape(text),
            Plus::Blank => unescape(&text.replace('+', " ")),
        };
        let segments = raw.split('&').filter(|segment| !segment.is_empty());
        let pairs = segments.map(|segment| match segment.split_once('=') {
            Some((name, value)) => Some((unescape(name)?, Some(unescape(value)?))),
            None => Some((unescape(segment)?, None)),
        });
        pairs.collect::<Option<Vec<_>>>().map(Self)
    }

    /// The first value under `name`; empty if the parameter has none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The first value under `name`, unless it is missing or empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether there is a parameter of that name.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All parameters, in the order they came; a missing value is empty.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send() {
        let query = Query::parse("&uploads&prefix=a%2Fb+c&delimiter=&uploads=x", Plus::Plus).unwrap();
        assert_eq!(query.get("uploads"), Some(""));
        assert_eq!(query.get("prefix"), Some("a/b+c"));
        assert_eq!(query.get("delimiter"), Some(""));
        assert_eq!(query.filled("delimiter"), None);
        assert!(!query.has("Uploads"));
        assert_eq!(query.pairs().count(), 4);
        assert_eq!(Query::parse("a=b+c%2B", Plus::Blank).unwrap().get("a"), Some("b c+"));
        assert_eq!(Query::parse("a=%", Plus::Plus), None);
    }
}
