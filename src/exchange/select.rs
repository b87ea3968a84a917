//! Which exchanges a gate is about.

use super::journal::Live;
use crate::store::Op;

/// Chooses exchanges: an operation, and whatever else is asked of it.
///
/// ```
/// use fake_bucket::{Op, Select};
///
/// let second_part: Select = Op::UploadPart.number(2);
/// let of_the_video = Op::UploadPart.key("video.mp4").number(2);
/// let any_abort_by_writer = Select::from(Op::Abort).by("writer");
/// # let _ = (second_part, of_the_video, any_abort_by_writer);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Select {
    op: Option<Op>,
    key: Option<String>,
    number: Option<u16>,
    principal: Option<String>,
}

impl Select {
    /// Every exchange whose operation was understood.
    pub fn any() -> Self {
        Self::default()
    }

    /// Only with this key.
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Only with this part number.
    pub fn number(self, number: u16) -> Self {
        Self { number: Some(number), ..self }
    }

    /// Only by this principal, by name.
    pub fn by(self, principal: impl Into<String>) -> Self {
        Self { principal: Some(principal.into()), ..self }
    }

    pub(crate) fn matches(&self, live: &Live) -> bool {
        let facts = live.facts();
        let names =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| found == Some(wanted));
        facts.op.is_some_and(|op| self.op.is_none_or(|wanted| wanted == op))
            && names(&self.key, facts.key.as_ref().map(|key| key.as_str()))
            && names(&self.principal, facts.principal.as_ref().map(|principal| principal.name()))
            && self.number.is_none_or(|wanted| facts.number.is_some_and(|number| number.get() == wanted))
    }
}

impl From<Op> for Select {
    fn from(op: Op) -> Self {
        Self { op: Some(op), ..Self::default() }
    }
}

impl std::fmt::Display for Select {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.op.map_or("any operation", Op::name))?;
        if let Some(number) = self.number {
            write!(f, " {number}")?;
        }
        if let Some(key) = &self.key {
            write!(f, " of {key:?}")?;
        }
        match &self.principal {
            Some(principal) => write!(f, " by {principal}"),
            None => Ok(()),
        }
    }
}

/// The first words of a [`Select`].
impl Op {
    /// This operation, with this key.
    pub fn key(self, key: impl Into<String>) -> Select {
        Select::from(self).key(key)
    }

    /// This operation, with this part number.
    pub fn number(self, number: u16) -> Select {
        Select::from(self).number(number)
    }

    /// This operation, by this principal.
    pub fn by(self, principal: impl Into<String>) -> Select {
        Select::from(self).by(principal)
    }
}
