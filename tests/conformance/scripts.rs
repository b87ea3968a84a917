//! Scripts as data: printed as Rust that compiles, written and read as JSON, replayed, shortened.

use fake_bucket::{
    Provider,
    conformance::{
        Act, Body, Bucket, Face, HttpTarget, Id, Key, Model, NoSocket, Rules, Scope, Script, Size, Source, Step, Tag,
        Text, UploadsAsked, Who, replay_blocking, scripts, subject,
    },
};
use proptest::{
    prelude::ProptestConfig,
    prop_assert, prop_assert_eq, proptest,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

/// One of each step, as it is printed.
fn pasted() -> Script {
    include!("pasted.rs")
}

#[test]
fn a_script_prints_as_the_rust_that_makes_it() {
    assert_eq!(format!("{}\n", pasted().to_rust()), include_str!("pasted.rs"));
}

#[test]
fn a_script_is_read_back_from_json() {
    let json = pasted().to_json();
    assert_eq!(Script::from_json(&json).unwrap(), pasted());
    let line = r#"{"who":"stranger","bucket":"missing","key":1,"act":{"abort":{"id":"empty"}}},"#;
    assert!(json.lines().any(|found| found.trim() == line), "{json}");
}

#[test]
fn what_is_no_script_is_refused_in_words() {
    let no_json = Script::from_json("[{]").unwrap_err();
    assert_eq!(no_json.to_string(), "the script is not a JSON list of steps");
    let step = r#"{"who":"owner","bucket":"home","key":0,"act":{"initiate":{"name":7}}}"#;
    let twice = Script::from_json(&format!("[{step},{step}]")).unwrap_err();
    assert_eq!(twice.to_string(), "two steps of the script call their upload 7");
}

#[test]
fn a_script_is_replayed_and_a_difference_shown() {
    let fake = subject(Provider::Obs).build();
    let target = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::Native);
    let script = Script::new([
        Step::initiate(Who::Writer, Key(0), 0),
        Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, Body::of('a', Size::Small)),
        Step::abort(Who::Owner, Key(0), Id::Of(0)),
    ]);
    let summary = replay_blocking(&target, &script).unwrap();
    assert_eq!(summary.to_string(), "3 steps in 1 scripts, 2 done and 1 refused as expected");

    let target = target.scoped(|mut scope| {
        scope.rules = Rules::of(Provider::Oss);
        scope
    });
    let failure = replay_blocking(&target, &script).unwrap_err();
    let shown = r#"the script is not answered as expected:
  1. Step::initiate(Who::Writer, Key(0), 0)
  2. Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, Body::of('a', Size::Small))
  expected: PartStored(Some("#;
    assert!(failure.to_string().starts_with(shown), "{failure}");
    assert!(failure.to_string().contains("  observed: refused, 403 AccessDenied\n"), "{failure}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Both as likely as each other, give or take.
    #[test]
    fn right_and_wrong_steps_are_rolled(script in scripts(&Scope::of(Provider::Oss).whole(), 60..=60)) {
        let mut model = Model::new(Rules::of(Provider::Oss));
        let done = script.steps[..60].iter().filter(|step| model.step(step).is_done()).count();
        prop_assert!((15..=55).contains(&done), "{done} of 60 succeed");
    }

    #[test]
    fn scripts_stay_in_their_scope(script in scripts(&Scope::of(Provider::Cos), 30..=30)) {
        let inside = script.steps.iter().all(|step| step.who == Who::Owner && step.bucket == Bucket::Home);
        prop_assert!(inside, "{}", script.to_rust());
    }

    #[test]
    fn scripts_survive_json(script in scripts(&Scope::of(Provider::Obs).whole(), 1..=20)) {
        prop_assert_eq!(Script::from_json(&script.to_json()).unwrap(), script);
    }
}

/// Whatever a script fails for, the shortest that does is found: here a complete of two parts by the writer.
#[test]
fn shrinking_keeps_what_matters() {
    let fails = |script: &Script| {
        let matters = |step: &Step| match &step.act {
            Act::Complete { parts, .. } => step.who == Who::Writer && parts.len() > 1,
            _ => false,
        };
        script.steps.iter().any(matters)
    };
    let mut runner = TestRunner::deterministic();
    let strategy = scripts(&Scope::of(Provider::Oss).whole(), 200..=200);
    let mut script = strategy.new_tree(&mut runner).unwrap().current();
    assert!(fails(&script), "the dice have to roll such a step");
    while let Some(simpler) = script.simpler().find(|simpler| fails(simpler)) {
        script = simpler;
    }
    assert_eq!(script.steps.len(), 1, "{}", script.to_rust());
    let Act::Complete { parts, .. } = &script.steps[0].act else { panic!("{}", script.to_rust()) };
    assert_eq!((script.steps[0].key, parts.len()), (Key(0), 2), "{}", script.to_rust());
}
