//! The reference model by itself: what scripts that go one step after the other cannot show.

use fake_bucket::{
    Provider,
    conformance::{
        Body, Bucket, Expected, Id, Key, Late, MayAbort, Model, Observed, Refusal, Rules, Size, Source, Step, Tag,
        Text, UploadsAsked, Who,
    },
};

const PART: Body = Body::of('a', Size::Enough);

fn abort() -> Step {
    Step::abort(Who::Owner, Key(0), Id::Of(0))
}

/// A store with an upload of the owner's, and a part of it in flight while it is aborted.
fn aborted_under_a_part(rules: Rules) -> (Model, Expected) {
    let mut model = Model::new(rules);
    assert!(model.step(&Step::initiate(Who::Owner, Key(0), 0)).is_done());
    let flight = model.admit(&Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, PART)).unwrap();
    assert!(model.step(&abort()).is_done());
    let landed = model.land(&flight);
    (model, landed)
}

#[test]
fn a_late_part_fails_where_the_rules_say_so() {
    for provider in [Provider::Cos, Provider::Obs] {
        let (mut model, landed) = aborted_under_a_part(Rules::of(provider));
        assert_eq!(landed.reasons(), [Refusal::NO_SUCH_UPLOAD]);
        assert!(!model.lingers());
        assert_eq!(model.step(&abort()).reasons(), [Refusal::NO_SUCH_UPLOAD]);
    }
}

#[test]
fn a_late_part_lingers_on_oss_until_a_further_abort() {
    let (mut model, landed) = aborted_under_a_part(Rules::of(Provider::Oss));
    assert!(landed.is_done() && model.lingers());
    let listing = model.step(&Step::list_uploads(Who::Owner, UploadsAsked::default()));
    assert_eq!(listing.to_string(), "Uploads(UploadsSeen { uploads: [], prefixes: [], truncated: false, next: None })");
    assert!(model.step(&abort()).is_done());
    assert!(!model.lingers());
    assert_eq!(model.step(&abort()).reasons(), [Refusal::NO_SUCH_UPLOAD]);
}

#[test]
fn refused_means_unchanged_and_says_every_reason() {
    let mut model = Model::new(Rules::of(Provider::Obs));
    model.step(&Step::initiate(Who::Writer, Key(0), 0));
    let before = model.clone();
    let refused = model.step(&Step::upload_part(Who::Stranger, Key(1), Id::Of(0), 0, PART));
    assert_eq!(refused.to_string(), "refused, 403 AccessDenied or 400 InvalidArgument or 404 NoSuchUpload");
    assert_eq!(model, before);
}

#[test]
fn the_initiator_alone_may_abort_if_the_rules_say_so() {
    let mut rules = Rules::of(Provider::Oss);
    rules.abort = MayAbort::Initiator;
    let mut model = Model::new(rules);
    model.step(&Step::initiate(Who::Writer, Key(0), 0));
    assert_eq!(model.step(&abort()).reasons(), [Refusal::ACCESS_DENIED]);
    assert!(model.step(&Step::abort(Who::Writer, Key(0), Id::Of(0))).is_done());
}

/// A store with an object of two parts, `aaaabbbbb`, under `b`, and an upload of the owner's under `a`.
fn with_a_source(provider: Provider) -> Model {
    let mut rules = Rules::of(provider);
    rules.min_part_size = 4;
    let mut model = Model::new(rules);
    let more = Body::of('b', Size::More);
    for step in [
        Step::initiate(Who::Owner, Key(3), 0),
        Step::upload_part(Who::Owner, Key(3), Id::Of(0), 1, PART),
        Step::upload_part(Who::Owner, Key(3), Id::Of(0), 2, more),
        Step::complete(Who::Owner, Key(3), Id::Of(0), [(1, Tag::Of(PART)), (2, Tag::Of(more))]),
        Step::initiate(Who::Owner, Key(0), 1),
    ] {
        assert!(model.step(&step).is_done(), "{step}");
    }
    model
}

fn copy(source: Source) -> Step {
    Step::upload_part_copy(Who::Owner, Key(0), Id::Of(1), 7, source)
}

#[test]
fn a_range_of_a_copy_may_cross_from_one_part_of_its_source_to_the_next() {
    for provider in crate::PROVIDERS {
        let mut model = with_a_source(provider);
        assert!(model.step(&copy(Source::of(Key(3)).range(Size::Small, Size::More))).is_done());
        let parts: Vec<_> = model.parts(1).collect();
        assert_eq!(parts, [(7, &Text::of([('a', 1), ('b', 2)]))]);
    }
}

#[test]
fn a_copy_is_refused_for_its_source() {
    let mut model = with_a_source(Provider::Obs);
    let mut reasons = |source| model.step(&copy(source)).reasons().to_vec();
    assert_eq!(reasons(Source::of(Key(1))), [Refusal::NO_SUCH_KEY]);
    let nowhere = Source::of(Key(3)).in_bucket(Bucket::Missing);
    assert_eq!(reasons(nowhere), [Refusal::NO_SUCH_BUCKET, Refusal::NO_SUCH_KEY]);
    assert_eq!(reasons(Source::of(Key(3)).range(Size::More, Size::Small)), [Refusal::INVALID_ARGUMENT]);
    model.step(&Step::put(Who::Owner, Key(1), PART));
    let beyond = model.step(&copy(Source::of(Key(1)).range(Size::Small, Size::Enough)));
    assert_eq!(beyond.reasons(), [Refusal::INVALID_RANGE]);
}

#[test]
fn a_range_that_cannot_be_used_means_the_whole_on_oss() {
    let mut model = with_a_source(Provider::Oss);
    assert!(model.step(&copy(Source::of(Key(3)).range(Size::More, Size::Small))).is_done());
    assert_eq!(model.parts(1).map(|(_, text)| text.len()).collect::<Vec<_>>(), [9]);
}

#[test]
fn either_fate_of_a_late_part_is_right_where_the_rules_allow_both() {
    for (observed, lingers) in [(Observed::PartStored(None), true), (Observed::Refused(Refusal::NO_SUCH_UPLOAD), false)]
    {
        let mut rules = Rules::of(Provider::Obs);
        rules.late_parts = Late::Either;
        let mut model = Model::new(rules);
        assert!(model.step(&Step::initiate(Who::Owner, Key(0), 0)).is_done());
        let flight = model.admit(&Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, PART)).unwrap();
        assert!(model.step(&abort()).is_done());
        let landed = model.land_as(&flight, &observed);
        assert_eq!((landed.is_done(), model.lingers()), (lingers, lingers));
        assert_eq!(model.step(&abort()).is_done(), lingers);
    }
}
