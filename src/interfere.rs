//! FLOOR 5: making it go wrong, as a test says it: faults for the exchanges that fit.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    exchange::{
        fault::{Fault, FaultRule, Repeats},
        select::Select,
    },
    fake::{Fake, unfit},
};

impl Fake {
    /// Makes the next exchange that fits go wrong. Dropping what is returned withdraws the fault.
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
    /// [`Fault::LateError`] and [`Fault::DropEffect`] do not.
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
        InstalledFault(self.core.faults.install(select, faults, repeats))
    }
}

/// Faults that were installed. Dropped, they are withdrawn.
#[must_use = "a fault is withdrawn when this is dropped"]
#[derive(Debug)]
pub struct InstalledFault(Arc<FaultRule>);

impl InstalledFault {
    /// How many exchanges have gone wrong so far.
    pub fn fired(&self) -> usize {
        self.0.fired()
    }
}

impl Drop for InstalledFault {
    fn drop(&mut self) {
        self.0.withdraw();
    }
}
