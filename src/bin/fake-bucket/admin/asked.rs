//! What requests to the admin address ask for, in JSON, and what that is in Rust.

use std::{collections::BTreeMap, time::Duration};

use fake_bucket::{Action, At, Failure, Fault, Grants, Op, PartNumber, Select, Until};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// Reads a body: a JSON object, every member of which is known.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    // serde takes a list of values for an object, too.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err("the body has to be a JSON object".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Members of a body that nobody knows.
type Unknown = BTreeMap<String, Value>;

fn none_of(unknown: &Unknown) -> Result<(), String> {
    match unknown.keys().next() {
        Some(name) => Err(format!("nobody knows {name:?} here")),
        None => Ok(()),
    }
}

/// Which exchange to hold, and where.
#[derive(Deserialize)]
pub struct GateAsked {
    #[serde(flatten)]
    select: SelectAsked,
    at: Point,
    name: Option<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl GateAsked {
    /// The exchange, the point, and the gate's name.
    pub fn read(self) -> Result<(Select, At, Option<String>), String> {
        none_of(&self.unknown)?;
        let at = match self.at {
            Point::Admitted => At::Admitted,
            Point::Byte(byte) => At::Byte(byte),
            Point::BeforeApply => At::BeforeApply,
            Point::AfterApply => At::AfterApply,
            Point::BeforeReply => At::BeforeReply,
        };
        Ok((self.select.read()?, at, self.name))
    }
}

/// A point on the way of an exchange.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Point {
    Admitted,
    Byte(u64),
    BeforeApply,
    AfterApply,
    BeforeReply,
}

/// Which exchanges are meant.
#[derive(Deserialize)]
struct SelectAsked {
    operation: Option<String>,
    key: Option<String>,
    part_number: Option<u16>,
    principal: Option<String>,
    nth: Option<u64>,
}

impl SelectAsked {
    fn read(self) -> Result<Select, String> {
        let Self { operation, key, part_number, principal, nth } = self;
        let select = match operation {
            None => Select::any(),
            Some(name) => Op::named(&name).ok_or_else(|| format!("there is no operation {name}"))?.into(),
        };
        if part_number.is_some_and(|number| PartNumber::new(number).is_none()) {
            return Err(format!("part_number: they are 1 to {}", PartNumber::MAX));
        }
        if nth == Some(0) {
            return Err("nth: exchanges are counted from 1".to_owned());
        }
        let select = key.into_iter().fold(select, Select::key);
        let select = part_number.into_iter().fold(select, Select::number);
        let select = principal.into_iter().fold(select, Select::by);
        Ok(nth.into_iter().fold(select, Select::nth))
    }
}

/// Which exchanges go wrong, and how.
#[derive(Deserialize)]
pub struct FaultsAsked {
    #[serde(flatten)]
    select: SelectAsked,
    faults: Vec<FaultAsked>,
    #[serde(default)]
    repeat: Repeat,
    #[serde(flatten)]
    unknown: Unknown,
}

impl FaultsAsked {
    /// The exchanges, the faults, and whether these come back.
    pub fn read(self) -> Result<(Select, Vec<Fault>, Repeat), String> {
        none_of(&self.unknown)?;
        let faults: Vec<_> = self.faults.into_iter().map(FaultAsked::read).collect::<Result<_, _>>()?;
        match (faults.len(), self.repeat) {
            (0, _) => Err("faults: there is none".to_owned()),
            (2.., Repeat::Always) => Err("faults: only one of them can always happen".to_owned()),
            _ => Ok((self.select.read()?, faults, self.repeat)),
        }
    }
}

/// Whether faults come back.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Repeat {
    /// Each happens to one exchange.
    #[default]
    Once,
    /// It happens to every exchange that fits.
    Always,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FaultAsked {
    Refuse(FailureAsked),
    CutBefore,
    LoseReply,
    CutBody(u64),
    CutReply(u64),
    DelaySeconds(f64),
    Stall,
    LateError(FailureAsked),
    DropEffect,
    AbortLater(UntilAsked),
}

impl FaultAsked {
    fn read(self) -> Result<Fault, String> {
        Ok(match self {
            Self::Refuse(failure) => Fault::Refuse(failure.read()?),
            Self::CutBefore => Fault::CutBefore,
            Self::LoseReply => Fault::LoseReply,
            Self::CutBody(bytes) => Fault::CutBody(bytes),
            Self::CutReply(bytes) => Fault::CutReply(bytes),
            Self::DelaySeconds(by) => Fault::Delay(seconds("delay-seconds", by)?),
            Self::Stall => Fault::Stall,
            Self::LateError(failure) => Fault::LateError(failure.read()?),
            Self::DropEffect => Fault::DropEffect,
            Self::AbortLater(until) => Fault::AbortLater(match until {
                UntilAsked::Released => Until::Released,
                UntilAsked::Exchanges(arrivals) => Until::Exchanges(arrivals),
                UntilAsked::ClockSeconds(by) => Until::Clock(seconds("clock-seconds", by)?),
            }),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UntilAsked {
    Released,
    Exchanges(u64),
    ClockSeconds(f64),
}

/// An error of the provider's, by name or in words.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum FailureAsked {
    Named(String),
    Code { status: u16, code: String, message: String },
}

impl FailureAsked {
    /// The failure.
    pub fn read(self) -> Result<Failure, String> {
        match self {
            Self::Named(name) => Failure::named(&name).ok_or_else(|| format!("there is no failure {name}")),
            Self::Code { status, code, message } if (300..600).contains(&status) => {
                Ok(Failure::code(status, code, message))
            }
            Self::Code { status, .. } => Err(format!("{status} is not the status of an error")),
        }
    }
}

/// What the exchange at a gate is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalAsked {
    pub failure: FailureAsked,
}

/// How long to wait at a gate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    #[serde(default = "Wait::longest")]
    limit_seconds: f64,
}

impl Wait {
    /// Seconds a wait may take, and takes unless the request says otherwise.
    const LONGEST: f64 = 30.0;

    fn longest() -> f64 {
        Self::LONGEST
    }

    /// The limit of the wait.
    pub fn limit(&self) -> Result<Duration, String> {
        if self.limit_seconds > Self::LONGEST {
            return Err(format!("limit_seconds: {} is more than {}", self.limit_seconds, Self::LONGEST));
        }
        seconds("limit_seconds", self.limit_seconds)
    }
}

impl Default for Wait {
    fn default() -> Self {
        Self { limit_seconds: Self::LONGEST }
    }
}

/// Nothing at all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// How far to move the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    pub advance_seconds: f64,
}

/// An upload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfUpload {
    pub upload_id: String,
}

/// A bucket.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfBucket {
    pub bucket: String,
}

/// An access key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfKey {
    pub access_key_id: String,
}

/// A principal and what it may do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    pub principal: String,
    actions: Vec<String>,
}

impl Granted {
    /// What it may do.
    pub fn grants(&self) -> Result<Grants, String> {
        let action = |name: &String| {
            let found = Action::ALL.into_iter().find(|action| format!("{action:?}") == *name);
            found.ok_or_else(|| format!("there is no action {name}"))
        };
        self.actions.iter().map(action).collect()
    }
}

/// A principal that is to get temporary credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temporary {
    pub principal: String,
    pub lifetime_seconds: f64,
}

/// A number of seconds under this name.
pub fn seconds(name: &str, seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("{name}: {error}"))
}
