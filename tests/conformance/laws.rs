//! The laws, held against every fake.

use fake_bucket::conformance::{
    Face, HttpTarget, NoSocket,
    laws::{Verdict, laws},
    subject,
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
