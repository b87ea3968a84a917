//! FLOOR 5: making it go wrong, as a test says it: faults for the exchanges that fit.

use std::sync::Arc;

use crate::{
    exchange::{
        fault::{Fault, FaultRule, Repeats},
        select::Select,
    },
    fake::Fake,
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
    pub fn fault(&self, select: impl Into<Select>, fault: Fault) -> InstalledFault {
        self.faults(select, [fault])
    }

    /// Makes the next exchanges that fit go wrong, each in its own way, in this order.
    pub fn faults(&self, select: impl Into<Select>, faults: impl IntoIterator<Item = Fault>) -> InstalledFault {
        let faults = faults.into_iter().collect();
        InstalledFault(self.core.faults.install(select.into(), faults, Repeats::Once))
    }

    /// Makes every exchange that fits go wrong.
    pub fn fault_always(&self, select: impl Into<Select>, fault: Fault) -> InstalledFault {
        InstalledFault(self.core.faults.install(select.into(), [fault].into(), Repeats::Forever))
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
