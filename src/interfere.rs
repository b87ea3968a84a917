//! FLOOR 5: making it go wrong, as a test says it: faults for the exchanges that fit.

use std::{collections::VecDeque, fmt, sync::Arc};

use crate::{
    exchange::{
        Core,
        fault::{Fault, FaultRule, Repeats},
        select::Select,
    },
    fake::{Fake, unfit},
};

impl Fake {
    /// Makes the next exchange that fits go wrong. Dropping what is returned withdraws the fault: keep it for as long as the
    /// fault is to stand, `let _fault = ..`.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use fake_bucket::{Failure, Fake, Fault, Op};
    ///
    /// let cos = Fake::cos().trusting().build();
    /// let list = || http::Request::get("/").header("host", cos.service_host()).body(Bytes::new()).unwrap();
    /// let busy = cos.fault(Op::ListBuckets, Fault::Refuse(Failure::ServiceUnavailable));
    /// assert_eq!(cos.answer(list()).status(), 503);
    /// assert_eq!(cos.answer(list()).status(), 200);
    /// assert_eq!(busy.fired(), 1);
    /// ```
    ///
    /// # Panics
    /// If the fake answers for a wiremock server, and the fault needs a connection or time: only [`Fault::Refuse`],
    /// [`Fault::LateError`], [`Fault::DropEffect`] and [`Fault::AbortLater`] do not.
    #[track_caller]
    pub fn fault(&self, select: impl Into<Select>, fault: Fault) -> InstalledFault {
        self.faults(select, [fault])
    }

    /// Makes the next exchanges that fit go wrong, each in its own way, in this order.
    ///
    /// # Panics
    /// As [`Fake::fault`] does.
    #[track_caller]
    pub fn faults(&self, select: impl Into<Select>, faults: impl IntoIterator<Item = Fault>) -> InstalledFault {
        self.install(select.into(), faults.into_iter().collect(), Repeats::Once)
    }

    /// Makes every exchange that fits go wrong.
    ///
    /// # Panics
    /// As [`Fake::fault`] does.
    #[track_caller]
    pub fn fault_always(&self, select: impl Into<Select>, fault: Fault) -> InstalledFault {
        self.install(select.into(), [fault].into(), Repeats::Forever)
    }

    #[track_caller]
    fn install(&self, select: Select, faults: VecDeque<Fault>, repeats: Repeats) -> InstalledFault {
        let unfitting = faults.iter().find(|fault| self.core.is_mocked() && !fault.is_a_reply());
        if let Some(fault) = unfitting {
            panic!("{fault:?} cannot happen: {}", unfit(self.provider()));
        }
        let since = self.core.journal.lock().position();
        InstalledFault { core: self.core.clone(), rule: self.core.faults.install(select, faults, repeats, since) }
    }
}

/// Faults that were installed. Dropped, they are withdrawn, and aborts they hold back happen.
#[must_use = "a fault is withdrawn when this is dropped: keep it, `let _fault = ..`, not `let _ = ..`"]
pub struct InstalledFault {
    core: Arc<Core>,
    rule: Arc<FaultRule>,
}

impl InstalledFault {
    /// Returns the number of what was installed, from 1. No other call on the same fake ever gets it, not even after a reset.
    pub fn number(&self) -> u64 {
        self.rule.number
    }

    /// How many exchanges have gone wrong so far.
    pub fn fired(&self) -> usize {
        self.rule.fired()
    }

    /// Lets the aborts happen that were answered and are still to come ([`Fault::AbortLater`]).
    ///
    /// ```
    /// # use bytes::Bytes;
    /// use fake_bucket::{Fake, Fault, Op, Until};
    ///
    /// let oss = Fake::oss().trusting().build();
    /// let ask = |method, query: &str| {
    ///     let request = http::Request::builder().method(method).uri(format!("/examplebucket/k{query}"));
    ///     oss.answer(request.header("host", "127.0.0.1").body(Bytes::new()).unwrap()).status()
    /// };
    /// let late = oss.fault(Op::Abort, Fault::AbortLater(Until::Released));
    /// ask("POST", "?uploads");
    /// let id = oss.upload("k").id().to_owned();
    /// assert_eq!(ask("DELETE", &format!("?uploadId={id}")), 204);
    /// oss.upload("k").assert_open();
    /// late.release();
    /// oss.upload("k").assert_aborted();
    /// ```
    pub fn release(&self) {
        self.core.happen_now(&self.rule);
    }
}

impl Drop for InstalledFault {
    fn drop(&mut self) {
        let _ = self.rule.watch.until.set(self.core.journal.lock().arrivals());
        self.rule.withdraw();
        self.release();
    }
}

/// `Refuse(NoSuchUpload) for UploadPart 2`.
impl fmt::Debug for InstalledFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FaultRule { what, watch, .. } = &*self.rule;
        write!(f, "{what} for {}", watch.select)
    }
}
