//! FLOOR 5: what a test asserts: of one upload, of a whole fake. Each assertion is a judgement, which is a value, and a
//! thin wrapper that panics with it and with the timeline.

use crate::{
    fake::Fake,
    snapshot::{ExchangeRecord, UploadRecord, UploadStatus},
    store::Op,
    timeline::counted,
};

/// One upload of a fake, to be asserted on. The assertions chain.
pub struct UploadCheck<'a> {
    fake: &'a Fake,
    record: UploadRecord,
}

impl Fake {
    /// The upload initiated last under `key` in the first bucket.
    ///
    /// # Panics
    /// If there never was one.
    #[track_caller]
    pub fn upload(&self, key: &str) -> UploadCheck<'_> {
        self.upload_in(self.bucket(), key)
    }

    /// The upload initiated last under `key` in this bucket.
    ///
    /// # Panics
    /// If there never was one.
    #[track_caller]
    pub fn upload_in(&self, bucket: &str, key: &str) -> UploadCheck<'_> {
        let uploads = self.uploads();
        let found = uploads.into_iter().rfind(|upload| upload.key == key && upload.bucket == bucket);
        match found {
            Some(record) => UploadCheck { fake: self, record },
            None => self.fail(&format!("no upload was ever initiated under {key:?}")),
        }
    }

    /// Asserts that nothing is left behind: no upload is open, no part lingers, nothing is in flight.
    ///
    /// # Panics
    /// If something is, with a list of it and the timeline.
    #[track_caller]
    pub fn assert_no_leaks(&self) {
        self.judge(self.leaks());
    }

    /// Asserts what dropping the fake asserts: no leak, no request that it could not model, no gate that never held
    /// anything, no fault that never spoiled anything.
    ///
    /// # Panics
    /// If one of these does not hold, with the timeline.
    #[track_caller]
    pub fn verify(&self) {
        let mut complaints = self.left_behind(!self.verification().open_uploads_allowed);
        complaints.extend(self.unmodelled());
        complaints.extend(self.idle_gates());
        complaints.extend(self.idle_faults());
        self.judge(complaints);
    }

    /// Everything that is left behind, in words; empty if nothing is. [`Fake::assert_no_leaks`] asserts that.
    pub fn leaks(&self) -> Vec<String> {
        self.left_behind(true)
    }

    fn left_behind(&self, open_uploads: bool) -> Vec<String> {
        let snapshot = self.snapshot();
        let mut leaks = Vec::new();
        for upload in &snapshot.uploads {
            match &upload.state {
                UploadStatus::Open { .. } if open_uploads => leaks.push(format!("leak: {upload}")),
                UploadStatus::Aborted { lingering, .. } if !lingering.is_empty() => {
                    leaks.push(format!("leak: {upload}\n      a further abort would free what lingers"));
                }
                _ => {}
            }
        }
        leaks.extend(
            snapshot.in_flight.iter().map(|exchange| {
                format!("in flight: #{} {exchange}; `quiesce()` waits until nothing is", exchange.number)
            }),
        );
        leaks
    }

    fn unmodelled(&self) -> Vec<String> {
        let unmodelled =
            |exchange: &&ExchangeRecord| matches!(exchange.end, Some(crate::snapshot::ExchangeEnd::Unmodelled { .. }));
        let journal = self.journal();
        let word = |exchange: &ExchangeRecord| {
            let what = exchange.note.as_deref().unwrap_or("a request");
            format!("not modelled: #{} asked for {what}, which this fake does not model", exchange.number)
        };
        journal.iter().filter(unmodelled).map(word).collect()
    }

    fn idle_gates(&self) -> Vec<String> {
        let idle = self.core.gates.idle();
        idle.iter().map(|gate| format!("idle gate: no exchange came to {} at {:?}", gate.select, gate.at)).collect()
    }

    fn idle_faults(&self) -> Vec<String> {
        let idle = self.core.faults.idle();
        idle.iter().map(|rule| format!("idle fault: nothing went wrong with {}, for none came", rule.select)).collect()
    }

    #[track_caller]
    fn judge(&self, complaints: Vec<String>) {
        if !complaints.is_empty() {
            self.fail(&complaints.join("\n  "));
        }
    }

    /// Panics with a complaint and the timeline.
    #[track_caller]
    pub(crate) fn fail(&self, complaint: &str) -> ! {
        panic!("{}: {complaint}\n\n{}", self.provider().name(), self.timeline())
    }
}

impl UploadCheck<'_> {
    /// What is known of it.
    pub fn record(&self) -> &UploadRecord {
        &self.record
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.record.upload_id
    }

    /// Asserts that it is open.
    #[track_caller]
    pub fn assert_open(self) -> Self {
        self.expect("be open", |record| record.is_open())
    }

    /// Asserts that it was aborted.
    #[track_caller]
    pub fn assert_aborted(self) -> Self {
        self.expect("have been aborted", |record| matches!(record.state, UploadStatus::Aborted { .. }))
    }

    /// Asserts that it was completed.
    #[track_caller]
    pub fn assert_completed(self) -> Self {
        self.expect("have been completed", |record| matches!(record.state, UploadStatus::Completed { .. }))
    }

    /// Asserts that exactly these part numbers take up room: stored in an open upload, or lingering after an abort.
    #[track_caller]
    pub fn assert_parts(self, numbers: &[u16]) -> Self {
        self.expect(&format!("hold the parts {numbers:?}"), |record| {
            record.parts().iter().map(|part| part.number).eq(numbers.iter().copied())
        })
    }

    /// Asserts that part `number` landed after the abort and lingers.
    #[track_caller]
    pub fn assert_lingering(self, number: u16) -> Self {
        self.expect(&format!("leave part {number} lingering"), |record| {
            let lingers = matches!(record.state, UploadStatus::Aborted { .. });
            lingers && record.parts().iter().any(|part| part.number == number)
        })
    }

    /// Asserts that a request for part `number` was in flight when the upload ended, and failed.
    #[track_caller]
    pub fn assert_failed_in_flight(self, number: u16) -> Self {
        let journal = self.exchanges();
        let failed = |exchange: &&ExchangeRecord| {
            exchange.part_number == Some(number)
                && exchange.ended.is_some()
                && exchange.applied.is_none()
                && self.record.ended.is_some_and(|tick| exchange.was_in_flight_at(tick))
        };
        let found = journal.iter().any(|exchange| failed(&exchange));
        self.expect(&format!("have failed part {number} in flight"), |_| found)
    }

    /// Asserts that `times` requests tried to abort it, successful or not.
    #[track_caller]
    pub fn assert_abort_requests(self, times: usize) -> Self {
        let aborts = self.exchanges().iter().filter(|exchange| exchange.operation == Some(Op::Abort)).count();
        let expected = format!("have seen {}, not {aborts}", counted(times, "abort request"));
        self.expect(&expected, |_| aborts == times)
    }

    /// The exchanges that named it, in order of arrival.
    pub fn exchanges(&self) -> Vec<ExchangeRecord> {
        let mut journal = self.fake.journal();
        journal.retain(|exchange| exchange.upload_id.as_deref() == Some(self.id()));
        journal
    }

    #[track_caller]
    fn expect(self, expected: &str, holds: impl FnOnce(&UploadRecord) -> bool) -> Self {
        if !holds(&self.record) {
            self.fake.fail(&format!("upload {:?} should {expected}\n  it is: {}", self.record.key, self.record));
        }
        self
    }
}
