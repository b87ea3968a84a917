//! FLOOR 5: what a test asserts: of one upload, of a whole fake. Each assertion is a judgement, which is a value, and a
//! thin wrapper that panics with it and with the timeline.

mod object;
mod whole;

use std::collections::BTreeSet;

pub use object::ObjectCheck;
#[cfg(feature = "server")]
pub(crate) use object::{differing, in_order};
use whole::after_end;
#[cfg(feature = "server")]
pub(crate) use whole::used_after_known_end;

use crate::{
    closest::{closest_to_fault, closest_to_gate},
    exchange::{fault::FaultRule, gate::GateState},
    fake::Fake,
    snapshot::{ExchangeRecord, UploadRecord, UploadStatus, in_flight, unmodelled, uploads_that_take_room},
    store::Op,
    timeline::{Timeline, counted, list},
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
        self.judge(self.complaints());
    }

    /// Verifies a fake that is being dropped. The panic's own location is no line of the test, so the message names where
    /// the fake was started.
    pub(crate) fn verify_dropped(&self) {
        let mut complaints = self.complaints();
        if !complaints.is_empty() {
            complaints.push(format!("verified because the {} was dropped;", self.origin()));
            complaints.push("`allow_open_uploads()` and `verify_on_drop(false)` opt out;".to_owned());
            complaints
                .push("the error of a test that returns one is lost to this panic: `Fake::run` shows both".to_owned());
        }
        self.judge(complaints);
    }

    /// Prints what a fake knows that is dropped while the test panics, unless its timeline was printed since anything
    /// happened: complaints, if verification on drop is wanted, and the timeline.
    pub(crate) fn explain_panic(&self) {
        self.explain("dropped while the test panicked");
    }

    /// Runs the body of a test that may return an error, then verifies the fake as dropping it does.
    ///
    /// A test function that returns an `Err` drops its fakes first, and a panic of such a drop hides the error. `run` prints
    /// the complaints and the timeline beside the error instead, and returns the error.
    ///
    /// ```
    /// use fake_bucket::Fake;
    ///
    /// # #[cfg(feature = "server")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), std::num::ParseIntError> {
    /// Fake::oss()
    ///     .start()
    ///     .run(async |oss| {
    ///         let _part_size: u64 = "8388608".parse()?; // .. `oss` is a `&Fake`: run an uploader against it ..
    ///         oss.assert_no_leaks();
    ///         Ok(())
    ///     })
    ///     .await
    /// # }
    /// # #[cfg(not(feature = "server"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// The error that `test` returns.
    ///
    /// # Panics
    /// If `test` returns no error and the fake does not verify.
    pub async fn run<T, E: std::fmt::Debug>(self, test: impl AsyncFnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        let result = test(&self).await;
        self.conclude(result)
    }

    /// Runs the body of a test as [`Fake::run`] does, for tests that are not async.
    ///
    /// # Errors
    /// The error that `test` returns.
    ///
    /// # Panics
    /// If `test` returns no error and the fake does not verify.
    pub fn run_blocking<T, E: std::fmt::Debug>(self, test: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        let result = test(&self);
        self.conclude(result)
    }

    fn conclude<T, E: std::fmt::Debug>(mut self, result: Result<T, E>) -> Result<T, E> {
        if let Err(error) = &result {
            self.explain(&format!("the test returned the error {error:?}"));
            self.skip_verification();
        }
        result
    }

    /// Prints complaints and timeline to the test's output, without a panic.
    fn explain(&self, why: &str) {
        let complaints = if self.verification().on_drop { self.complaints() } else { Vec::new() };
        let complaints: String = complaints.iter().map(|complaint| format!("  {complaint}\n")).collect();
        let timeline = match Timeline::is_printed(&self.core) {
            true => "its timeline stands above\n".to_owned(),
            false => Timeline::printed_by(&self.core).to_string(),
        };
        eprintln!("\n{}: {why}\n{complaints}{timeline}", self.origin());
    }

    /// Everything that [`Fake::verify`] fails for, in words; empty if it passes.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = self.left_behind(!self.verification().open_uploads_allowed);
        complaints.extend(self.unmodelled());
        complaints.extend(self.idle_gates());
        complaints.extend(self.idle_faults());
        complaints
    }

    /// Asserts that no upload was used after its end: that no request for it arrived afterwards, except further aborts.
    ///
    /// # Panics
    /// If one was, with the requests that came and the timeline.
    #[track_caller]
    pub fn assert_no_use_after_end(&self) {
        let journal = self.journal();
        let used = |upload: &UploadRecord| {
            let late = used_after_end(upload, &journal);
            (!late.is_empty()).then(|| format!("used after its end: {upload}\n      by {}", late.join(", ")))
        };
        self.judge(self.uploads().iter().filter_map(used).collect());
    }

    /// Everything that is left behind, in words; empty if nothing is. [`Fake::assert_no_leaks`] asserts that.
    pub fn leaks(&self) -> Vec<String> {
        self.left_behind(true)
    }

    fn left_behind(&self, open_uploads: bool) -> Vec<String> {
        let mut leaks = Vec::new();
        for upload in uploads_that_take_room(&self.core) {
            match &upload.state {
                UploadStatus::Open { .. } if open_uploads => leaks.push(format!("leak: {upload}")),
                UploadStatus::Aborted { lingering, .. } if !lingering.is_empty() => {
                    leaks.push(format!("leak: {upload}\n      a further abort would free what lingers"));
                }
                _ => {}
            }
        }
        leaks.extend(self.still_to_come());
        leaks.extend(in_flight(&self.core).iter().map(|exchange| match &exchange.held {
            Some(at) => format!("in flight: #{} {exchange}; a gate holds it at {at}", exchange.number),
            None => format!("in flight: #{} {exchange}; `quiesce()` waits until nothing is", exchange.number),
        }));
        leaks
    }

    fn still_to_come(&self) -> Vec<String> {
        let pending = self.core.aborts_to_come();
        let mut journal = if pending.is_empty() { Vec::new() } else { self.journal() };
        journal.retain(|exchange| pending.contains(&exchange.number));
        journal.iter().map(|abort| format!("still to come: {}, and not done yet", abort.summary())).collect()
    }

    fn unmodelled(&self) -> Vec<String> {
        let word = |exchange: &ExchangeRecord| {
            let what = exchange.note.as_deref().unwrap_or("a request");
            format!("not modelled: #{} asked for {what}, which this fake does not model", exchange.number)
        };
        unmodelled(&self.core).iter().map(word).collect()
    }

    fn idle_gates(&self) -> Vec<String> {
        let closest = |gate: &GateState| closest_to_gate(&self.core, gate);
        let idle = self.core.gates.idle();
        idle.iter().map(|gate| format!("idle gate: no exchange came to {gate}\n      {}", closest(gate))).collect()
    }

    fn idle_faults(&self) -> Vec<String> {
        let word = |rule: &FaultRule| {
            let FaultRule { what, watch, .. } = rule;
            let closest = closest_to_fault(&self.core, rule);
            format!("idle fault: {what} never happened to {}\n      {closest}", watch.select)
        };
        self.core.faults.idle().iter().map(|rule| word(rule)).collect()
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
        panic!("{}: {complaint}\n\n{}", self.provider().name(), Timeline::printed_by(&self.core))
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

    /// Asserts that it was not aborted: by nobody, neither a client nor a rule nor the test.
    #[track_caller]
    pub fn assert_not_aborted(self) -> Self {
        self.expect("not have been aborted", |record| !matches!(record.state, UploadStatus::Aborted { .. }))
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
        let found = self.lingering().contains(&number);
        self.expect(&format!("leave part {number} lingering"), |_| found)
    }

    /// Asserts that exactly these part numbers landed after the abort and linger.
    #[track_caller]
    pub fn assert_lingering_parts(self, numbers: &[u16]) -> Self {
        let found = self.lingering();
        self.expect_numbers("leave the parts", numbers, "lingering", &found)
    }

    /// The numbers of the parts that landed after the abort and linger.
    pub fn lingering(&self) -> Vec<u16> {
        match &self.record.state {
            UploadStatus::Aborted { lingering, .. } => lingering.iter().map(|part| part.number).collect(),
            _ => Vec::new(),
        }
    }

    /// Asserts that a request for part `number` was in flight when the upload ended, and failed.
    #[track_caller]
    pub fn assert_failed_in_flight(self, number: u16) -> Self {
        let found = self.failed_in_flight().contains(&number);
        self.expect(&format!("have failed part {number} in flight"), |_| found)
    }

    /// Asserts that requests for exactly these part numbers were in flight when the upload ended, and failed.
    #[track_caller]
    pub fn assert_parts_failed_in_flight(self, numbers: &[u16]) -> Self {
        let found = self.failed_in_flight();
        self.expect_numbers("have failed the parts", numbers, "in flight", &found)
    }

    /// The part numbers of requests that were in flight when the upload ended, and failed.
    pub fn failed_in_flight(&self) -> Vec<u16> {
        let Some(end) = self.record.ended else { return Vec::new() };
        let failed = |exchange: &ExchangeRecord| {
            exchange.ended.is_some() && exchange.applied.is_none() && exchange.was_in_flight_at(end)
        };
        let mut exchanges = self.exchanges();
        exchanges.retain(failed);
        let numbers: BTreeSet<_> = exchanges.iter().filter_map(|exchange| exchange.part_number).collect();
        numbers.into_iter().collect()
    }

    /// Asserts that `times` requests tried to abort it, successful or not.
    #[track_caller]
    pub fn assert_abort_requests(self, times: usize) -> Self {
        let aborts = self.aborts().len();
        let expected = format!("have seen {}, not {aborts}", counted(times, "abort request"));
        self.expect(&expected, |_| aborts == times)
    }

    /// Asserts that `times` of the requests to abort it had an effect: the first one that is let, and each further one that
    /// frees what lingers.
    #[track_caller]
    pub fn assert_aborts(self, times: usize) -> Self {
        let aborts = self.aborts().iter().filter(|abort| abort.applied.is_some()).count();
        let expected = format!("have been aborted {}, not {aborts}", counted(times, "time"));
        self.expect(&expected, |_| aborts == times)
    }

    fn aborts(&self) -> Vec<ExchangeRecord> {
        let mut exchanges = self.exchanges();
        exchanges.retain(|exchange| exchange.operation == Some(Op::Abort));
        exchanges
    }

    /// Asserts that it was completed if success was `reported`, and was not if failure was: that an uploader tells the
    /// truth.
    #[track_caller]
    pub fn assert_completed_iff(self, reported: bool) -> Self {
        self.expect_iff("have been completed", reported, |record| {
            matches!(record.state, UploadStatus::Completed { .. })
        })
    }

    /// Asserts that it was aborted if success was `reported`, and was not if failure was.
    #[track_caller]
    pub fn assert_aborted_iff(self, reported: bool) -> Self {
        self.expect_iff("have been aborted", reported, |record| matches!(record.state, UploadStatus::Aborted { .. }))
    }

    /// Asserts that it was completed, and that no part that had been stored was left out of the object.
    #[track_caller]
    pub fn assert_all_parts_used(self) -> Self {
        let checked = self.assert_completed();
        let UploadStatus::Completed { unused, .. } = &checked.record.state else { return checked };
        let (unused, none) = (list(unused), unused.is_empty());
        checked.expect(&format!("have used every part that was stored, but left {unused} unused"), |_| none)
    }

    /// Asserts that it was completed, and that exactly these part numbers had been stored and were left out of the object.
    #[track_caller]
    pub fn assert_unused_parts(self, numbers: &[u16]) -> Self {
        let checked = self.assert_completed();
        let found = checked.unused_parts();
        checked.expect_numbers("have left the parts", numbers, "unused", &found)
    }

    /// The numbers of the parts that had been stored and that the complete did not list.
    pub fn unused_parts(&self) -> Vec<u16> {
        match &self.record.state {
            UploadStatus::Completed { unused, .. } => unused.clone(),
            _ => Vec::new(),
        }
    }

    /// Asserts that it has ended, and that no request for it arrived afterwards, except further aborts.
    #[track_caller]
    pub fn assert_unused_after_end(self) -> Self {
        let checked = self.expect("have ended", |record| record.ended.is_some());
        let late = used_after_end(&checked.record, &checked.exchanges());
        checked.expect(&format!("not be used after its end, but {} came", late.join(", ")), |_| late.is_empty())
    }

    /// The exchanges that named it, in order of arrival.
    pub fn exchanges(&self) -> Vec<ExchangeRecord> {
        let mut journal = self.fake.journal();
        journal.retain(|exchange| exchange.upload_id.as_deref() == Some(self.id()));
        journal
    }

    #[track_caller]
    fn expect_iff(self, end: &str, reported: bool, came_about: impl FnOnce(&UploadRecord) -> bool) -> Self {
        let expected = match reported {
            true => format!("{end}, for success was reported"),
            false => format!("not {end}, for failure was reported"),
        };
        self.expect(&expected, |record| came_about(record) == reported)
    }

    #[track_caller]
    fn expect_numbers(self, what: &str, numbers: &[u16], how: &str, found: &[u16]) -> Self {
        let expected = format!("{what} {numbers:?} {how}, not {found:?}");
        self.expect(&expected, |_| found == numbers)
    }

    #[track_caller]
    fn expect(self, expected: &str, holds: impl FnOnce(&UploadRecord) -> bool) -> Self {
        if !holds(&self.record) {
            self.fake.fail(&format!("upload {:?} should {expected}\n  it is: {}", self.record.key, self.record));
        }
        self
    }
}

/// The requests for an upload that arrived after its end, except further aborts, in words.
fn used_after_end(upload: &UploadRecord, exchanges: &[ExchangeRecord]) -> Vec<String> {
    after_end(upload, exchanges).map(ExchangeRecord::summary).collect()
}
