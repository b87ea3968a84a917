//! Assertions on a whole fake that a sweep's laws rest on.

use crate::{
    fake::Fake,
    snapshot::{ExchangeEnd, ExchangeRecord, UploadRecord},
    store::Op,
};

impl Fake {
    /// Asserts that no upload was used after its client had been told of its end: that no request for it arrived after the
    /// response to the complete or abort that ended it had left, except further aborts. Where that response was lost, the
    /// client may ask again, and [`Fake::assert_no_use_after_end`] asserts too much.
    ///
    /// # Panics
    /// If one was, with the requests that came and the timeline.
    #[track_caller]
    pub fn assert_no_use_after_known_end(&self) {
        let journal = self.journal();
        let used = |upload: &UploadRecord| {
            let late = used_after_known_end(upload, &journal);
            let late: Vec<_> = late.map(ExchangeRecord::summary).collect();
            (!late.is_empty()).then(|| format!("used after its end: {upload}\n      by {}", late.join(", ")))
        };
        self.judge(self.uploads().iter().filter_map(used).collect());
    }

    /// Asserts that no request asked for what the fake does not model.
    ///
    /// # Panics
    /// If one did, with the requests and the timeline.
    #[track_caller]
    pub fn assert_all_modelled(&self) {
        self.judge(self.unmodelled());
    }
}

/// The requests for an upload that arrived after the response that told of its end, except further aborts.
pub(crate) fn used_after_known_end<'j>(
    upload: &'j UploadRecord,
    journal: &'j [ExchangeRecord],
) -> impl Iterator<Item = &'j ExchangeRecord> {
    let ended_by = journal.iter().find(|exchange| upload.ended.is_some() && exchange.applied == upload.ended);
    let told = ended_by.filter(|exchange| matches!(exchange.end, Some(ExchangeEnd::Answered { .. })));
    let told = told.and_then(|exchange| exchange.ended);
    after_end(upload, journal).filter(move |exchange| told.is_some_and(|told| told < exchange.arrived))
}

/// The requests for an upload that arrived after its end, except further aborts.
pub(super) fn after_end<'j>(
    upload: &'j UploadRecord,
    journal: &'j [ExchangeRecord],
) -> impl Iterator<Item = &'j ExchangeRecord> {
    journal.iter().filter(|exchange| {
        exchange.upload_id.as_ref() == Some(&upload.upload_id)
            && upload.ended.is_some_and(|tick| exchange.arrived > tick)
            && exchange.operation != Some(Op::Abort)
    })
}
