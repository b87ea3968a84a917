//! The doors that need a runtime.

use fake_bucket::conformance::{Config, Face, HttpTarget, Network, Service, Target, check, subject};
use wiremock::{Mock, MockServer, matchers::any};

use crate::PROVIDERS;

async fn conforms(target: &impl Target) {
    let checked = check(target, &Config::default().steps(400)).await;
    let summary = checked.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(summary.done > 100 && summary.refused > 100, "{summary}");
}

#[tokio::test]
async fn over_the_network() {
    for provider in PROVIDERS {
        for face in [Face::Native, Face::S3] {
            let fake = subject(provider).start();
            conforms(&HttpTarget::of_fake(&fake, Network::of(&fake), face)).await;
        }
    }
}

#[tokio::test]
async fn as_a_service() {
    for provider in PROVIDERS {
        for face in [Face::Native, Face::S3] {
            let fake = subject(provider).build();
            conforms(&HttpTarget::of_fake(&fake, Service(&fake), face)).await;
        }
    }
}

#[tokio::test]
async fn beside_mocks() {
    for provider in PROVIDERS {
        let fake = subject(provider).build();
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(fake.responder()).mount(&server).await;
        conforms(&HttpTarget::of_fake(&fake, Network::at(server.address().to_string()), Face::Native)).await;
    }
}
