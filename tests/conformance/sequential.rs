//! Scripts out of dice, one step after the other.

use fake_bucket::{
    AbortRight, Provider,
    conformance::{
        ActingAs, Config, Door, Face, HttpTarget, NoSocket, Rules, check_blocking, subject, survey_blocking,
    },
};

use crate::PROVIDERS;

#[test]
fn fakes_conform_without_a_socket() {
    for provider in PROVIDERS {
        for face in [Face::Native, Face::S3] {
            let fake = subject(provider).build();
            conforms(provider, &HttpTarget::of_fake(&fake, NoSocket(&fake), face), 2_000);
        }
    }
}

#[test]
fn fakes_conform_without_signatures() {
    for provider in PROVIDERS {
        let fake = subject(provider).build();
        conforms(provider, &HttpTarget::of_fake(&fake, ActingAs(&fake), Face::Native), 2_000);
    }
}

#[track_caller]
fn conforms<D: Door>(provider: Provider, target: &HttpTarget<D>, steps: u64) {
    match check_blocking(target, &Config::default().steps(steps)) {
        Ok(summary) => println!("{}: {summary}", provider.name()),
        Err(failure) => panic!("{}: {failure}", provider.name()),
    }
}

#[test]
fn a_rule_that_is_not_kept_is_found_and_shown() {
    let fake = subject(Provider::Oss).who_may_abort(AbortRight::InitiatorOnly).build();
    let target = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::Native);
    let failure = check_blocking(&target, &Config::default()).unwrap_err().to_string();
    let shown = "  1. Step::initiate(Who::Writer, Key(0), 0)
  2. Step::abort(Who::Owner, Key(0), Id::Of(0))
  expected: Aborted
  observed: refused, 403 AccessDenied
";
    assert!(failure.contains(shown), "{failure}");
}

/// An OSS that is held to the rules of COS.
#[test]
fn a_survey_goes_on_after_each_difference_and_finds_them_all() {
    let fake = subject(Provider::Oss).build();
    let target = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::Native).scoped(|mut scope| {
        let min_part_size = scope.rules.min_part_size;
        scope.rules = Rules::of(Provider::Cos);
        scope.min_part_size(min_part_size)
    });
    let config = Config::default().steps(1_500);
    let survey = survey_blocking(&target, &config);
    let differences = [
        "abort: 400 InvalidArgument, not 404 NoSuchUpload",
        "complete: 400 EntityTooSmall, not 400 InvalidPart",
        "complete: 400 InvalidArgument, not 404 NoSuchUpload",
        "complete: 400 InvalidPartOrder, not 400 InvalidArgument",
        "complete: 400 MalformedXML, not 400 InvalidArgument",
        "list parts: 400 InvalidArgument, not 400 ListPartUploadIdIsEmpty",
        "list parts: other entity tags",
        "upload part copy: 400 InvalidArgument, not 404 NoSuchUpload",
        "upload part copy: 404 NoSuchKey, not 400 InvalidArgument",
        "upload part copy: 404 NoSuchUpload, not 400 InvalidArgument",
        "upload part copy: another entity tag",
        "upload part copy: done, not 400 InvalidArgument",
        "upload part copy: done, not 416 InvalidRange",
        "upload part: 400 InvalidArgument, not 404 NoSuchUpload",
        "upload part: another entity tag",
    ];
    assert_eq!(Vec::from_iter(survey.differences()), differences, "{survey}");
    let shown = "abort: 400 InvalidArgument, not 404 NoSuchUpload
  1. Step::abort(Who::Owner, Key(0), Id::Empty)
  expected: refused, 404 NoSuchUpload
  observed: refused, 400 InvalidArgument
";
    assert!(survey.to_string().contains(shown), "{survey}");
    let summary = check_blocking(&target, &config.known(differences)).unwrap();
    assert!(summary.known > 0 && summary.to_string().contains(" differing as is known"), "{summary}");
}
