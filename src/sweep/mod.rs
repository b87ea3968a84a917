//! FLOOR 5: the sweep: every fault at every request of a user's uploader, each on a fresh fake, judged by laws.
//!
//! The uploader runs once with nothing going wrong, which tells its requests. Then it runs once for each request and
//! trouble. Requests of a kind that only show up once something went wrong (the abort above all) are swept in turn, with
//! what brought them about still in place.

mod bounds;
mod code;
mod laws;
mod report;
mod scene;
mod trouble;

use std::{
    collections::{BTreeSet, VecDeque},
    panic::Location,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

pub use laws::Law;
pub use report::{Cell, Report, Verdict};
use scene::{Request, Scenario};
pub use trouble::Trouble;

use crate::{
    dialect::Provider,
    exchange::fault::Fault,
    fake::{Fake, FakeBuilder},
    store::Op,
};
use bounds::bounded;
use code::{Replay, Way};
use laws::{Clean, Ending};

/// Seconds a run may take unless a test says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// How many times the requests of the clean run an uploader may send when something goes wrong.
const PATIENCE: u64 = 5;

/// Tries every fault at every request of an uploader.
///
/// ```no_run
/// # async fn upload(endpoint: String) -> Result<(), std::io::Error> { Ok(()) }
/// # async fn test() {
/// use fake_bucket::{Fake, Sweep};
///
/// let report = Sweep::new(|| Fake::oss().min_part_size(1)).run(async |oss| upload(oss.endpoint()).await).await;
/// report.assert_lawful();
/// # }
/// ```
pub struct Sweep {
    fresh: Box<dyn Fn() -> FakeBuilder>,
    troubles: Vec<Trouble>,
    spared: Vec<(Op, Fault)>,
    limit: Duration,
    max_requests: Option<u64>,
    with_metadata: bool,
}

impl Sweep {
    /// A sweep on fakes that are built like this, each for one run. They are not verified when dropped: the laws are.
    pub fn new(fresh: impl Fn() -> FakeBuilder + 'static) -> Self {
        Self {
            fresh: Box::new(fresh),
            troubles: Trouble::usual(),
            spared: Vec::new(),
            limit: LIMIT,
            max_requests: None,
            with_metadata: true,
        }
    }

    /// Tries these instead of the usual troubles.
    pub fn troubles(mut self, troubles: impl IntoIterator<Item = Trouble>) -> Self {
        self.troubles = troubles.into_iter().collect();
        self
    }

    /// Tries this, too.
    pub fn trouble(mut self, trouble: Trouble) -> Self {
        self.troubles.push(trouble);
        self
    }

    /// Does not try this fault at this operation. A reply to an initiate that is lost, for one, leaves an upload behind
    /// that an uploader finds only by listing.
    pub fn spare(mut self, op: Op, fault: Fault) -> Self {
        self.spared.push((op, fault));
        self
    }

    /// Lets one run take this long, instead of 30 seconds. A run that takes longer breaks [`Law::Ends`].
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Lets one run send this many requests, instead of five times as many as the clean run and ten more.
    pub fn max_requests(mut self, requests: u64) -> Self {
        self.max_requests = Some(requests);
        self
    }

    /// Compares the bytes of objects only, and not their metadata, tags, storage class and access control list: for an
    /// uploader that says something else each time, the hour for example.
    pub fn ignore_metadata(mut self) -> Self {
        self.with_metadata = false;
        self
    }

    /// Sweeps an uploader. It is given a fake each time, and says whether it took the upload for done; it should use the
    /// same keys, bytes and metadata each time, and lower its own pauses between tries.
    ///
    /// # Panics
    /// If it fails when nothing goes wrong, with the timeline.
    #[track_caller]
    pub fn run<E: std::fmt::Debug>(
        &self,
        uploader: impl AsyncFn(&Fake) -> Result<(), E>,
    ) -> impl Future<Output = Report> {
        let swept_at = Location::caller();
        let attempt = async move |fake: &Fake, max_requests| {
            let ran = bounded(fake, self.limit, max_requests, uploader(fake)).await;
            let ending = ran.map_or_else(|ending| ending, Ending::reported);
            fake.settled(self.limit).await;
            ending
        };
        self.sweep(swept_at, Way::Async, attempt)
    }

    /// Sweeps an uploader that blocks. No limit can be set to it: one that never ends stops the sweep.
    ///
    /// # Panics
    /// If it fails when nothing goes wrong, with the timeline.
    #[track_caller]
    pub fn run_blocking<E: std::fmt::Debug>(&self, uploader: impl Fn(&Fake) -> Result<(), E>) -> Report {
        let swept = pin!(self.sweep(Location::caller(), Way::Blocking, async |fake, _| {
            let ending = Ending::reported(uploader(fake));
            fake.settle(self.limit);
            ending
        }));
        match swept.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(report) => report,
            Poll::Pending => unreachable!("an uploader that blocks awaits nothing"),
        }
    }

    async fn sweep(&self, swept_at: &Location<'_>, way: Way, attempt: impl AsyncFn(&Fake, u64) -> Ending) -> Report {
        let fake = self.fake();
        let ending = attempt(&fake, self.max_requests.unwrap_or(u64::MAX)).await;
        let clean = Clean::of(&fake, &ending, self.with_metadata, swept_at);
        let max_requests = self.max_requests.unwrap_or(PATIENCE * clean.requests.len() as u64 + 10);
        let replay = self.replay(fake.provider(), way, max_requests);
        let mut report = Report::new(replay, clean.objects.clone());
        report.add_clean(laws::judge(&fake, &clean, &Ending::Done, max_requests), &fake);

        let mut seen: BTreeSet<_> = clean.requests.iter().map(|request| request.op).collect();
        let mut waiting: VecDeque<_> = clean.requests.iter().cloned().map(Scenario::first).collect();
        while let Some(scenario) = waiting.pop_front() {
            for trouble in self.troubles.iter().filter(|trouble| self.tries(trouble, &scenario.request)) {
                let fake = self.fake();
                let installed = scenario.install(&fake, trouble);
                let ending = attempt(&fake, max_requests).await;
                if !installed.last_fired() {
                    report.add(scenario.clone(), trouble.clone(), Verdict::NotReached);
                    continue;
                }
                let broken = laws::judge(&fake, &clean, &ending, max_requests);
                report.add(scenario.clone(), trouble.clone(), Verdict::of(broken, &ending, &fake));
                let news = Request::all(&fake.journal()).into_iter().filter(|request| seen.insert(request.op));
                waiting.extend(news.map(|request| scenario.then(trouble.clone(), request)));
            }
        }
        report
    }

    fn tries(&self, trouble: &Trouble, request: &Request) -> bool {
        trouble.suits(request) && !self.spared.iter().any(|(op, fault)| *op == request.op && *fault == trouble.fault)
    }

    /// A fake for one run.
    fn fake(&self) -> Fake {
        self.builder().start()
    }

    fn builder(&self) -> FakeBuilder {
        (self.fresh)().verify_on_drop(false)
    }

    fn replay(&self, provider: Provider, way: Way, max_requests: u64) -> Replay {
        Replay { provider, fake: self.builder().code(), limit: self.limit, max_requests, way }
    }
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweep").field("troubles", &self.troubles).field("limit", &self.limit).finish_non_exhaustive()
    }
}
