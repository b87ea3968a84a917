//! The reference model by itself: what scripts that go one step after the other cannot show.

use fake_bucket::{
    Provider,
    conformance::{Body, Expected, Id, Key, MayAbort, Model, Refusal, Rules, Size, Step, UploadsAsked, Who},
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
