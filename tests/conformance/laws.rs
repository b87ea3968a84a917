//! The laws, held against every fake.

use fake_bucket::{
    Fault, Op, Provider,
    conformance::{
        Face, HttpTarget, NoSocket, Scope,
        laws::{Verdict, laws, nothing_is_left_of_an_abort, others_abort_nothing},
        subject,
    },
};

use crate::PROVIDERS;

#[tokio::test]
async fn every_law_holds_of_every_fake() {
    for provider in PROVIDERS {
        for face in [Face::Native, Face::S3] {
            let fake = subject(provider).build();
            let target = HttpTarget::of_fake(&fake, NoSocket(&fake), face);
            for law in laws() {
                match law.check(&target).await {
                    Ok(verdict) => assert_eq!(verdict, Verdict::Holds, "{law} of {}", provider.name()),
                    Err(broken) => panic!("{}: {broken}", provider.name()),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_broken_law_shows_what_was_done_and_where_it_is_written() {
    let fake = subject(Provider::Cos).build();
    let _fault = fake.fault(Op::Abort, Fault::DropEffect);
    let target = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::Native);
    let broken = nothing_is_left_of_an_abort(&target).await.unwrap_err();
    let shown = r#""nothing is left of an abort" does not hold: it had to be refused
  1. Step::put(Who::Owner, Key(0), Body::of('b', Size::Enough))
     ObjectStored
  2. Step::initiate(Who::Owner, Key(0), 0)
     Initiated
  3. Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, Body::of('a', Size::Enough))
     PartStored(Some("74b87337454200d4d33f80c4663dc5e5"))
  4. Step::upload_part(Who::Owner, Key(0), Id::Of(0), 2, Body::of('c', Size::More))
     PartStored(Some("67c762276bced09ee4df0ed537d164ea"))
  5. Step::abort(Who::Owner, Key(0), Id::Of(0))
     Aborted
  6. Step::upload_part(Who::Owner, Key(0), Id::Of(0), 3, Body::of('a', Size::Enough))
     PartStored(Some("74b87337454200d4d33f80c4663dc5e5"))
source: Abort Multipart Upload, https://cloud.tencent.com/document/product/436/7740; "#;
    assert!(broken.to_string().starts_with(shown), "{broken}");
    assert!(broken.to_string().contains("as Rust:\nScript::new([\n    Step::put("), "{broken}");
}

#[tokio::test]
async fn a_law_is_passed_over_where_it_cannot_be_asked() {
    let fake = subject(Provider::Oss).build();
    let target = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::Native);
    let alone = target.scoped(|scope| {
        let mut alone = scope;
        alone.principals = Scope::of(Provider::Oss).principals;
        alone
    });
    let verdict = others_abort_nothing(&alone).await.unwrap();
    assert_eq!(verdict, Verdict::PassedOver("the target knows the owner only"));
}
