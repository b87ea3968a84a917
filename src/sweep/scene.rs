//! Which request a run is about, and what else goes wrong in it.

use std::{collections::BTreeMap, fmt};

use super::Trouble;
use crate::{exchange::select::Select, fake::Fake, interfere::InstalledFault, snapshot::ExchangeRecord, store::Op};

/// A request of the uploader's, known by what it is about: runs of an uploader that sends several at once differ in
/// order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub op: Op,
    pub key: Option<String>,
    pub number: Option<u16>,
    /// Which of several such requests, from 1.
    pub nth: u64,
    /// Bytes of its body.
    pub received: u64,
    pub names_upload: bool,
}

impl Request {
    /// Those of a run whose operation was understood.
    pub fn all(journal: &[ExchangeRecord]) -> Vec<Self> {
        let mut alike: BTreeMap<_, u64> = BTreeMap::new();
        let known = journal.iter().filter_map(|exchange| Some((exchange.operation?, exchange)));
        known
            .map(|(op, exchange)| {
                let (key, number) = (exchange.key.clone(), exchange.part_number);
                let nth = alike.entry((op, key.clone(), number)).or_default();
                *nth += 1;
                let names_upload = exchange.upload_id.is_some() && op != Op::Initiate;
                Self { op, key, number, nth: *nth, received: exchange.received, names_upload }
            })
            .collect()
    }

    fn select(&self, lasting: bool) -> Select {
        let select = self.key.iter().fold(Select::from(self.op), |select, key| select.key(key));
        let select = self.number.iter().fold(select, |select, number| select.number(*number));
        // A lasting trouble meets the retries, too, which come after.
        if lasting || self.nth == 1 { select } else { select.nth(self.nth) }
    }

    fn install(&self, fake: &Fake, trouble: &Trouble) -> InstalledFault {
        let (select, fault) = (self.select(trouble.lasting), trouble.fault.clone());
        if trouble.lasting { fake.fault_always(select, fault) } else { fake.fault(select, fault) }
    }

    /// How a test would say it.
    pub fn code(&self, lasting: bool) -> String {
        let key = self.key.iter().map(|key| format!(".key({key:?})"));
        let number = self.number.iter().map(|number| format!(".number({number})"));
        let nth = (!lasting && self.nth > 1).then(|| format!(".nth({})", self.nth));
        format!("Op::{}{}", self.op.name(), key.chain(number).chain(nth).collect::<String>())
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.name())?;
        if let Some(number) = self.number {
            write!(f, " {number}")?;
        }
        if let Some(key) = &self.key {
            write!(f, " {key}")?;
        }
        if self.nth > 1 { write!(f, ", time {}", self.nth) } else { Ok(()) }
    }
}

/// A request to be spoiled, and what was made to go wrong before, so that the uploader sends it at all.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub before: Vec<(Request, Trouble)>,
    pub request: Request,
}

/// The faults of one run.
pub struct Installed(Vec<InstalledFault>);

impl Scenario {
    /// Nothing went wrong before.
    pub fn first(request: Request) -> Self {
        Self { before: Vec::new(), request }
    }

    /// The same with one more thing gone wrong, which made the uploader send `request`.
    pub fn then(&self, trouble: Trouble, request: Request) -> Self {
        let mut before = self.before.clone();
        before.push((self.request.clone(), trouble));
        Self { before, request }
    }

    /// Makes it go wrong on a fake.
    pub fn install(&self, fake: &Fake, trouble: &Trouble) -> Installed {
        let before = self.before.iter().map(|(request, trouble)| request.install(fake, trouble));
        Installed(before.chain([self.request.install(fake, trouble)]).collect())
    }
}

impl Installed {
    /// Whether the request that the run is about came, and was spoiled.
    pub fn last_fired(&self) -> bool {
        self.0.last().is_some_and(|fault| fault.fired() > 0)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)?;
        self.before.iter().try_for_each(|(request, trouble)| write!(f, ", after {request}: {trouble}"))
    }
}
