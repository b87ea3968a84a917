//! Who a request acts as: named without a signature where the fake trusts, and by an expired token.

use std::time::Duration;

use bytes::Bytes;
use fake_bucket::{
    Fake, Provider,
    conformance::{Addressing, Face, HttpTarget, Key, Keys, NoSocket, Session, Step, Who},
};

use crate::PROVIDERS;

/// Asks for an object, and returns the principal of that exchange.
fn principal(fake: &Fake, query: &str, authorization: Option<&str>) -> Option<String> {
    let get = http::Request::get(format!("/{}/k{query}", fake.bucket())).header("host", "127.0.0.1");
    let get = authorization.into_iter().fold(get, |get, value| get.header("authorization", value));
    fake.answer(get.body(Bytes::new()).unwrap());
    fake.journal().pop().expect("an exchange").principal
}

#[test]
fn a_client_that_signs_nothing_names_its_principal() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().access_key("writer", "w", "secret").verify_on_drop(false).build();
        let (begin, end, in_url) = match provider {
            Provider::Cos => ("q-ak=", "", "q-ak"),
            Provider::Oss => ("OSS ", ":x", "OSSAccessKeyId"),
            _ => ("OBS ", ":x", "AccessKeyId"),
        };
        let header = |id: &str| format!("{begin}{id}{end}");
        let stranger = fake.stranger().access_key_id;
        for (id, name) in [("w", "writer"), (&*stranger, "stranger"), ("anonymous", "anonymous"), ("unknown", "owner")]
        {
            assert_eq!(principal(&fake, "", Some(&header(id))).as_deref(), Some(name), "{provider:?}");
            assert_eq!(principal(&fake, &format!("?{in_url}={id}"), None).as_deref(), Some(name), "{provider:?}");
        }
        assert_eq!(principal(&fake, "", None).as_deref(), Some("owner"), "{provider:?}");
    }
}

#[tokio::test]
async fn the_timeline_names_who_has_an_expired_token() {
    for provider in PROVIDERS {
        for face in [Face::Native, Face::S3] {
            let fake = Fake::of(provider).verify_on_drop(false).build();
            let lent = fake.temporary(&fake.writer(), Duration::from_secs(60));
            let keys = |token: &str| {
                Keys::new(lent.access_key_id.clone(), lent.secret_access_key().to_owned()).token(token.to_owned())
            };
            let ask = async |token: &str| {
                let place = Addressing::Path("127.0.0.1".to_owned());
                let target =
                    HttpTarget::new(provider, NoSocket(&fake), place, fake.bucket(), fake.region(), keys(token));
                Session::new(&target.face(face), "room").take(&Step::get(Who::Owner, Key(0))).await;
                fake.journal().pop().expect("an exchange")
            };
            let token = lent.security_token().expect("a token");
            assert_eq!(ask(token).await.principal.as_deref(), Some("writer"), "{provider:?} {face:?}");
            fake.advance_clock(Duration::from_secs(61));
            let expired = ask(token).await;
            assert_eq!(expired.principal.as_deref(), Some("writer"), "{provider:?} {face:?}");
            assert!(expired.code().is_some_and(|code| code.ends_with("Expired") || code.starts_with("Expired")));
            assert!(fake.timeline().to_string().contains("\n  #2   writer  GetObject "), "{}", fake.timeline());
            assert_eq!(ask("another").await.principal, None, "whoever has another token is nobody known");
        }
    }
}
