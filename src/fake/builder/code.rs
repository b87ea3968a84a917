//! A builder as a test would write it.

use std::time::Duration;

use super::FakeBuilder;
use crate::{
    exchange::{ProofAsked, Retention},
    store::{Action, FramedBodies, Grants, Timestamp},
};

impl FakeBuilder {
    /// The expression that builds such a fake, `Fake::oss().trusting().seed(1)`. Secrets are left out.
    pub(crate) fn code(&self) -> String {
        let provider = self.provider.name();
        let calls = self.calls();
        let lines = calls.iter().any(|call| call.contains("//")) || calls.iter().map(String::len).sum::<usize>() > 70;
        let between = if lines { "\n        " } else { "" };
        calls.iter().fold(format!("Fake::{provider}()"), |code, call| format!("{code}{between}{call}"))
    }

    /// The calls that change what a builder of the provider starts with.
    fn calls(&self) -> Vec<String> {
        // Whoever adds a setting has to word it here.
        let Self {
            provider,
            scene: _,
            rules,
            region,
            buckets,
            domains,
            sub_accounts,
            proof,
            retention,
            body_timeout,
            journal_limit,
            seed,
            clock_start,
            clock_still,
            access_keys,
            listen,
            verification,
        } = self;
        let usual = Self::new(*provider);
        let mut calls = Calls::default();
        calls.unless(*buckets == usual.buckets, || format!(".buckets({buckets:?})"));
        calls.unless(*region == usual.region, || format!(".region({region:?})"));
        calls.each(domains, |(host, bucket)| format!(".custom_domain({host:?}, {bucket:?})"));
        let added = sub_accounts.strip_prefix(&usual.sub_accounts[..]).unwrap_or(sub_accounts);
        calls.each(added, |(name, granted)| format!(".sub_account({name:?}, {})", grants(*granted)));
        calls.each(access_keys, |(of, id, _)| {
            format!(".access_key({of:?}, {id:?}, \"its secret\") // put the secret in: it is not printed")
        });
        calls.unless(*proof == ProofAsked::Verified, || ".trusting()".to_owned());
        calls.each(seed, |seed| format!(".seed({seed})"));
        calls.each(clock_start, |start| format!(".clock_at({})", time(*start)));
        calls.unless(!clock_still, || ".clock_still()".to_owned());
        calls.unless(rules.min_part_size == usual.rules.min_part_size, || {
            format!(".min_part_size({})", rules.min_part_size)
        });
        calls.unless(rules.max_part_size == usual.rules.max_part_size, || {
            format!(".max_part_size({})", rules.max_part_size)
        });
        calls.unless(rules.late_parts == usual.rules.late_parts, || {
            format!(".late_parts(LateParts::{:?})", rules.late_parts)
        });
        calls.unless(rules.abort_right == usual.rules.abort_right, || {
            format!(".who_may_abort(AbortRight::{:?})", rules.abort_right)
        });
        calls.unless(rules.gaps == usual.rules.gaps, || format!(".part_number_gaps(Gaps::{:?})", rules.gaps));
        calls.unless(rules.framed_bodies != FramedBodies::Taken, || ".accept_aws_chunked()".to_owned());
        calls.unless(*retention == Retention::Bytes, || format!(".retention(Retention::{retention:?})"));
        calls.unless(*body_timeout == usual.body_timeout, || format!(".body_timeout({})", span(*body_timeout)));
        calls.unless(*journal_limit == usual.journal_limit, || format!(".journal_limit({journal_limit})"));
        calls.unless(*listen == usual.listen, || format!(".listen(\"{listen}\".parse().unwrap())"));
        calls.unless(verification.on_drop, || ".verify_on_drop(false)".to_owned());
        calls.unless(!verification.open_uploads_allowed, || ".allow_open_uploads()".to_owned());
        calls.0
    }
}

#[derive(Default)]
struct Calls(Vec<String>);

impl Calls {
    fn unless(&mut self, usual: bool, call: impl FnOnce() -> String) {
        self.0.extend((!usual).then(call));
    }

    fn each<T>(&mut self, all: impl IntoIterator<Item = T>, call: impl Fn(T) -> String) {
        self.0.extend(all.into_iter().map(call));
    }
}

/// `Duration::from_secs(5)`, or in milliseconds or nanoseconds where that is not exact.
pub(crate) fn span(by: Duration) -> String {
    match by {
        by if by.subsec_nanos() == 0 => format!("Duration::from_secs({})", by.as_secs()),
        by if by.subsec_nanos().is_multiple_of(1_000_000) => format!("Duration::from_millis({})", by.as_millis()),
        by => format!("Duration::new({}, {})", by.as_secs(), by.subsec_nanos()),
    }
}

fn time(at: Timestamp) -> String {
    let (sign, millis) =
        if at.as_millis() < 0 { ('-', at.as_millis().unsigned_abs()) } else { ('+', at.as_millis() as u64) };
    format!("SystemTime::UNIX_EPOCH {sign} {}", span(Duration::from_millis(millis)))
}

fn grants(granted: Grants) -> String {
    let actions = |which: bool| Action::ALL.into_iter().filter(move |action| granted.allows(*action) == which);
    match actions(true).count() > actions(false).count() {
        true => actions(false)
            .fold("Grants::all()".to_owned(), |code, action| format!("{code}.without(Action::{action:?})")),
        false => {
            actions(true).fold("Grants::none()".to_owned(), |code, action| format!("{code}.with(Action::{action:?})"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::{AbortRight, Fake, Gaps, LateParts};

    #[test]
    fn what_was_not_changed_is_not_written() {
        assert_eq!(
            [Fake::cos().code(), Fake::oss().code(), Fake::obs().code()],
            ["Fake::cos()", "Fake::oss()", "Fake::obs()"]
        );
        assert_eq!(Fake::oss().trusting().seed(1).code(), "Fake::oss().trusting().seed(1)");
        assert_eq!(Fake::oss().late_parts(LateParts::Linger).code(), "Fake::oss()", "as the provider does");
    }

    #[test]
    fn every_setting_is_written_and_no_secret_is() {
        let built = Fake::obs()
            .bucket("second")
            .region("cn-south-1")
            .custom_domain("media.example.com", "second")
            .sub_account("reader", Grants::none().with(Action::GetObject))
            .sub_account("helper", Grants::all().without(Action::AbortMultipartUpload))
            .access_key("owner", "AKID", "swordfish")
            .trusting()
            .seed(7)
            .clock_at(SystemTime::UNIX_EPOCH + Duration::from_millis(1_500))
            .clock_still()
            .min_part_size(1)
            .max_part_size(9)
            .late_parts(LateParts::Reset)
            .who_may_abort(AbortRight::InitiatorOnly)
            .part_number_gaps(Gaps::Refused)
            .accept_aws_chunked()
            .retention(Retention::Digest)
            .body_timeout(Duration::from_secs(2))
            .journal_limit(1_000)
            .listen("127.0.0.1:8080".parse().unwrap())
            .verify_on_drop(false)
            .allow_open_uploads();
        let written = r#"Fake::obs()
        .buckets(["examplebucket", "second"])
        .region("cn-south-1")
        .custom_domain("media.example.com", "second")
        .sub_account("reader", Grants::none().with(Action::GetObject))
        .sub_account("helper", Grants::all().without(Action::AbortMultipartUpload))
        .access_key("owner", "AKID", "its secret") // put the secret in: it is not printed
        .trusting()
        .seed(7)
        .clock_at(SystemTime::UNIX_EPOCH + Duration::from_millis(1500))
        .clock_still()
        .min_part_size(1)
        .max_part_size(9)
        .late_parts(LateParts::Reset)
        .who_may_abort(AbortRight::InitiatorOnly)
        .part_number_gaps(Gaps::Refused)
        .accept_aws_chunked()
        .retention(Retention::Digest)
        .body_timeout(Duration::from_secs(2))
        .journal_limit(1000)
        .listen("127.0.0.1:8080".parse().unwrap())
        .verify_on_drop(false)
        .allow_open_uploads()"#;
        assert_eq!(built.code(), written);
    }
}
