//! FLOOR 5: waiting without polling: for a state, for quiet, at a gate. Every wait has a limit and fails with the timeline.

use std::{
    fmt,
    ops::Deref,
    panic::Location,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::{
    closest::closest_to_gate,
    exchange::{
        Core,
        failure::Failure,
        gate::{At, GateState, Stop, Way},
        select::Select,
    },
    fake::{Fake, unfit},
    sharing::{AtomicBool, Event, Listener},
    snapshot::{ExchangeRecord, Snapshot},
    timeline::Timeline,
};

/// How long a wait may take unless a test says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

impl Fake {
    /// Waits in the calling thread until `holds`, for 30 seconds at most. Do not block an executor's only thread with it:
    /// [`Fake::wait_until`] is its async twin.
    ///
    /// # Panics
    /// If the limit passes, with the timeline. At once, if the calling thread is the only thread of a current-thread tokio
    /// runtime and there is something to wait for.
    #[track_caller]
    pub fn wait_until_blocking(&self, holds: impl Fn(&Snapshot) -> bool) {
        let holds = || holds(&self.snapshot()).then_some(());
        if holds().is_none() {
            refuse_to_block("wait_until_blocking", "wait_until");
        }
        if !block(&self.core.changed, LIMIT, holds) {
            self.fail(&format!("what was waited for did not happen within {LIMIT:?}"));
        }
    }

    /// Waits in the calling thread until nothing is in flight, for 30 seconds at most.
    ///
    /// # Panics
    /// If the limit passes, with the timeline. At once, if the calling thread is the only thread of a current-thread tokio
    /// runtime and something is in flight.
    #[track_caller]
    pub fn quiesce_blocking(&self) {
        if !self.core.journal.lock().is_quiet() {
            refuse_to_block("quiesce_blocking", "quiesce");
        }
        if !self.settle(LIMIT) {
            self.fail(&format!("something was still in flight after {LIMIT:?}"));
        }
    }

    /// Puts up a gate: the first exchange that fits is held at that point until the test lets it go on. Several gates may
    /// stand at once; of those that fit, an exchange passes one after the other.
    ///
    /// ```no_run
    /// # async fn test(oss: fake_bucket::Fake) {
    /// use fake_bucket::{At, Op};
    ///
    /// let gate = oss.hold(Op::UploadPart.number(2), At::Byte(64 * 1024));
    /// // .. start an upload ..
    /// let held = gate.reached().await;
    /// assert_eq!(held.part_number, Some(2));
    /// // .. abort the upload: part 2 is in flight ..
    /// held.release();
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the fake answers for a wiremock server, which cannot hold anything.
    #[track_caller]
    pub fn hold(&self, select: impl Into<Select>, at: At) -> Gate {
        assert!(!self.core.is_mocked(), "no gate can stand: {}", unfit(self.provider()));
        let since = self.core.journal.lock().position();
        let gate = self.core.gates.install(select.into(), at, since);
        Gate { core: self.core.clone(), gate, limit: LIMIT, taken: AtomicBool::new(false) }
    }

    /// Waits until nothing is in flight. Returns whether that came about.
    pub(crate) fn settle(&self, limit: Duration) -> bool {
        block(&self.core.changed, limit, || self.core.journal.lock().is_quiet().then_some(()))
    }
}

/// A gate that was put up. Dropped before it held anything, it comes down; an exchange that was taken from it stays held
/// for as long as its [`Held`] lives.
///
/// A gate holds the fake, not the network: while an exchange is held at [`At::Byte`], the operating system goes on receiving what
/// the client sends, up to the size of its buffers. A client that is killed meanwhile may therefore have sent its whole request:
/// released, such an exchange is carried out, and ends as [`ExchangeEnd::Undelivered`](crate::ExchangeEnd::Undelivered). To have
/// the request lost with its client, end it with [`Held::cut`].
#[must_use = "a gate that is dropped comes down at once: keep it, `let gate = ..`"]
pub struct Gate {
    core: Arc<Core>,
    gate: Arc<GateState>,
    limit: Duration,
    taken: AtomicBool,
}

impl Gate {
    /// Returns the number of the gate, from 1. No other gate of the same fake ever has it, not even after a reset.
    pub fn number(&self) -> u64 {
        self.gate.number
    }

    /// Waits no longer than this for an exchange to come, instead of 30 seconds.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Calls it by this name in every message.
    ///
    /// # Panics
    /// If it has a name.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        if let Err(name) = self.gate.name.set(name.into()) {
            panic!("the gate {} cannot be called {name:?} as well", self.gate);
        }
        self
    }

    /// Waits in the calling thread until the gate holds an exchange, for as long as its limit. Returns `None` if the limit
    /// passes.
    ///
    /// # Panics
    /// At once, if the calling thread is the only thread of a current-thread tokio runtime and nothing is held yet.
    #[track_caller]
    pub fn reached_in_time_blocking(&self) -> Option<Held> {
        if self.settled().is_none() {
            refuse_to_block("reached_blocking", "reached");
        }
        block(self.gate.moved(), self.limit, || self.settled());
        self.held()
    }

    /// Waits in the calling thread until the gate holds an exchange, for as long as its limit.
    ///
    /// # Panics
    /// If the limit passes, with the timeline. At once, if the calling thread is the only thread of a current-thread tokio
    /// runtime and nothing is held yet: the client could not run while the thread is blocked.
    #[track_caller]
    pub fn reached_blocking(&self) -> Held {
        let waited_at = Location::caller();
        self.reached_in_time_blocking().unwrap_or_else(|| self.give_up(waited_at))
    }

    /// Waits until the gate holds an exchange, on any executor and without a limit.
    #[cfg(feature = "conformance")]
    pub(crate) async fn closed(&self) -> Held {
        loop {
            let moved = self.gate.moved().listen();
            if let Some(held) = self.held() {
                return held;
            }
            moved.await;
        }
    }

    /// The exchange it holds, if it holds one now.
    pub fn held(&self) -> Option<Held> {
        let live = self.gate.held()?;
        self.taken.store(true, Relaxed);
        Some(Held { record: ExchangeRecord::of_live(&live), gate: self.gate.clone() })
    }

    /// Names the exchange that came closest to what the gate waits for, and why the gate did not hold it:
    /// `closest: #4 UploadPart 3 video.mp4 by owner: part number is 3, not 2`.
    pub fn closest(&self) -> String {
        closest_to_gate(&self.core, &self.gate)
    }

    /// Whether there is nothing (more) to wait for.
    fn settled(&self) -> Option<()> {
        (self.gate.is_over() || self.gate.held().is_some()).then_some(())
    }

    fn give_up(&self, waited_at: &Location<'_>) -> ! {
        let (gate, timeline) = (&self.gate, Timeline::printed_by(&self.core));
        if gate.is_over() {
            panic!("the gate {gate} has let go what it held (waited at {waited_at})\n\n{timeline}")
        }
        let (limit, closest) = (self.limit, closest_to_gate(&self.core, gate));
        panic!(
            "no exchange came to the gate {gate} within {limit:?} (waited at {waited_at})\n  {closest}\n\n{timeline}"
        )
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if !self.taken.load(Relaxed) {
            let _ = self.gate.watch.until.set(self.core.journal.lock().arrivals());
            self.core.gates.abandon(&self.gate);
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", self.gate)
    }
}

/// An exchange that a gate holds. It derefs to what was known of the exchange when it was held; dropped, it lets the
/// exchange go on. An exchange whose client has gone meanwhile goes on as any other: if the operating system has received all of
/// its body it is carried out, and ends as [`ExchangeEnd::Undelivered`](crate::ExchangeEnd::Undelivered); otherwise it ends as
/// [`ExchangeEnd::Abandoned`](crate::ExchangeEnd::Abandoned).
#[must_use = "a held exchange goes on when this is dropped: keep it, or `release()` it"]
pub struct Held {
    record: ExchangeRecord,
    gate: Arc<GateState>,
}

impl Held {
    /// Lets the exchange go on.
    pub fn release(self) {}

    /// Makes the exchange fail with an error of the provider's. Held before it was applied ([`At::Admitted`], [`At::Byte`],
    /// [`At::BeforeApply`]), it changes nothing. Held afterwards, what it asked for has been done (or refused) and stays so:
    /// only the reply is another one.
    ///
    /// ```no_run
    /// # fn test(oss: fake_bucket::Fake) {
    /// use fake_bucket::{At, Failure, Op};
    ///
    /// let completed = oss.hold(Op::Complete, At::AfterApply);
    /// // .. start an upload ..
    /// completed.reached_blocking().refuse(Failure::InternalError);
    /// // .. the object is there, and the client has heard 500 ..
    /// # }
    /// ```
    pub fn refuse(self, failure: Failure) {
        self.gate.open(Way::Stop(Stop::Refuse(failure)));
    }

    /// Ends the connection of the exchange without a reply. Held before it was applied, it changes nothing: bytes of its body
    /// that the operating system has received beyond [`At::Byte`] are discarded. Held afterwards, what it asked for has been
    /// done (or refused) and stays so: only the reply is lost.
    pub fn cut(self) {
        self.gate.open(Way::Stop(Stop::Cut));
    }
}

impl Deref for Held {
    type Target = ExchangeRecord;

    fn deref(&self) -> &ExchangeRecord {
        &self.record
    }
}

/// `Held(#3 UploadPart 2 video.mp4: in flight, held at BeforeApply)`.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({})", self.record.summary())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gate.open(Way::On);
    }
}

/// Panics if the calling thread is the only thread of a current-thread tokio runtime: blocked, it could not run the client
/// whose request is waited for. Threads that tokio keeps for blocking work may block.
#[track_caller]
fn refuse_to_block(blocking: &str, awaited: &str) {
    #[cfg(feature = "runtime")]
    {
        use tokio::runtime::{Handle, RuntimeFlavor};
        let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        let is_worker = std::thread::current().name().is_some_and(|name| name.starts_with("tokio-"));
        assert!(
            is_worker || !matches!(flavor, Ok(RuntimeFlavor::CurrentThread)),
            "`{blocking}` would block the only thread of this tokio runtime, and with it every client that runs on it: use \
             `{awaited}().await`, or `#[tokio::test(flavor = \"multi_thread\")]`"
        );
    }
    let _ = (blocking, awaited);
}

/// Waits in the calling thread until `look` finds something; false if the limit passes first.
fn block(event: &Event, limit: Duration, look: impl Fn() -> Option<()>) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        let listener = event.listen();
        if look().is_some() {
            return true;
        }
        if listener.wait_deadline(deadline).is_none() {
            return look().is_some();
        }
    }
}

/// The async twins. They work on any executor, and their limit is real time even where a test's clock is paused.
#[cfg(feature = "runtime")]
mod on_any_executor {
    use super::*;
    use crate::door::background::sleep;

    impl Fake {
        /// Waits until `holds`, for 30 seconds at most.
        ///
        /// # Panics
        /// If the limit passes, with the timeline.
        #[track_caller]
        pub fn wait_until(&self, holds: impl Fn(&Snapshot) -> bool) -> impl Future<Output = ()> {
            let waited_at = Location::caller();
            async move {
                if !wait(&self.core.changed, LIMIT, || holds(&self.snapshot()).then_some(())).await {
                    self.fail(&format!("what was waited for at {waited_at} did not happen within {LIMIT:?}"));
                }
            }
        }

        /// Waits until nothing is in flight, for 30 seconds at most.
        ///
        /// # Panics
        /// If the limit passes, with the timeline.
        #[track_caller]
        pub fn quiesce(&self) -> impl Future<Output = ()> {
            let waited_at = Location::caller();
            async move {
                if !self.settled(LIMIT).await {
                    self.fail(&format!("something was still in flight after {LIMIT:?} (waited at {waited_at})"));
                }
            }
        }
    }

    impl Fake {
        /// Waits until nothing is in flight. Returns whether that came about.
        pub(crate) async fn settled(&self, limit: Duration) -> bool {
            wait(&self.core.changed, limit, || self.core.journal.lock().is_quiet().then_some(())).await
        }

        /// Waits until more exchanges than this have arrived.
        pub(crate) async fn more_exchanges_than(&self, count: u64) {
            loop {
                let changed = self.core.changed.listen();
                if self.core.journal.lock().arrivals() > count {
                    return;
                }
                changed.await;
            }
        }
    }

    impl Gate {
        /// Waits until the gate holds an exchange, for as long as its limit. None if the limit passes.
        pub async fn reached_in_time(&self) -> Option<Held> {
            wait(self.gate.moved(), self.limit, || self.settled()).await;
            self.held()
        }

        /// Waits until the gate holds an exchange, for as long as its limit.
        ///
        /// # Panics
        /// If the limit passes, with the timeline.
        #[track_caller]
        pub fn reached(&self) -> impl Future<Output = Held> + '_ {
            let waited_at = Location::caller();
            async move {
                match self.reached_in_time().await {
                    Some(held) => held,
                    None => self.give_up(waited_at),
                }
            }
        }
    }

    /// Waits until `look` finds something; false if the limit passes first.
    async fn wait(event: &Event, limit: Duration, look: impl Fn() -> Option<()>) -> bool {
        let mut over = std::pin::pin!(sleep(limit));
        loop {
            let listener = event.listen();
            if look().is_some() {
                return true;
            }
            tokio::select! {
                () = listener => {}
                () = &mut over => return look().is_some(),
            }
        }
    }
}
