//! Who may do what: the provider's rule, the grants a test gives, and the rules it chooses instead.

use bytes::Bytes;
use fake_bucket::{AbortRight, Action, Fake, Grants, Op, Provider};

use crate::PROVIDERS;

struct Asker<'a>(&'a Fake);

impl Asker<'_> {
    fn ask(&self, name: &str, method: &str, target: &str, body: &str) -> (u16, String) {
        let target = format!("/{}{target}", self.0.bucket());
        let request = http::Request::builder().method(method).uri(target).header("host", "127.0.0.1");
        let request = request.header("content-length", body.len()).body(Bytes::copy_from_slice(body.as_bytes()));
        let reply = self.0.answer_as(name, request.expect("a request"));
        (reply.status().as_u16(), String::from_utf8_lossy(reply.body()).into_owned())
    }

    /// Initiates an upload of `k` and returns its id.
    fn initiate(&self, name: &str) -> String {
        let (status, text) = self.ask(name, "POST", "/k?uploads", "");
        assert_eq!(status, 200, "{text}");
        self.0.upload("k").id().to_owned()
    }

    fn part(&self, name: &str, id: &str) -> u16 {
        self.ask(name, "PUT", &format!("/k?partNumber=1&uploadId={id}"), "0123456789").0
    }

    fn complete(&self, name: &str, id: &str) -> u16 {
        let part = "<Part><PartNumber>1</PartNumber><ETag>781e5e245d69b566979b86e28d23f2c7</ETag></Part>";
        let body = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
        self.ask(name, "POST", &format!("/k?uploadId={id}"), &body).0
    }

    fn abort(&self, name: &str, id: &str) -> u16 {
        self.ask(name, "DELETE", &format!("/k?uploadId={id}"), "").0
    }
}

fn each_fake(test: impl Fn(&Fake, Asker<'_>)) {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).allow_open_uploads().build();
        test(&fake, Asker(&fake));
    }
}

#[test]
fn a_grant_of_the_owner_counts_in_no_bucket_of_another_account() {
    each_fake(|fake, asker| {
        // The name of a COS bucket ends in the number of its account.
        let theirs = if fake.provider() == Provider::Cos { "theirs-1260000000" } else { "theirs-examplebucket" };
        let ask = |name: &str, method: &str, target: &str| {
            let request =
                http::Request::builder().method(method).uri(format!("/{theirs}{target}")).header("host", "127.0.0.1");
            let request = request.header("content-length", 0).body(Bytes::new()).expect("a request");
            fake.answer_as(name, request).status()
        };
        assert_eq!(ask("stranger", "PUT", ""), 200);
        assert_eq!(ask("stranger", "PUT", "/k"), 200);
        assert_eq!(ask("writer", "GET", "/k"), 403);
        assert_eq!(ask("writer", "PUT", "/k"), 403);
        assert_eq!(ask("writer", "POST", "/k?uploads"), 403);
        assert_eq!(asker.ask("writer", "GET", "/k", "").0, 404);
    });
}

#[test]
fn a_refused_abort_changes_nothing() {
    each_fake(|fake, asker| {
        let id = asker.initiate("owner");
        assert_eq!(asker.part("owner", &id), 200);
        let before = fake.snapshot();
        for name in ["writer", "stranger", "anonymous"] {
            let (status, text) = asker.ask(name, "DELETE", &format!("/k?uploadId={id}"), "");
            assert_eq!(status, 403, "{name}");
            assert!(text.contains("<Code>AccessDenied</Code>"), "{text}");
            assert_eq!(fake.snapshot(), before, "{name}");
        }
        assert_eq!(asker.abort("owner", &id), 204);
    });
}

#[test]
fn whose_upload_it_is_matters_on_obs_only() {
    each_fake(|fake, asker| {
        let own = asker.initiate("writer");
        let expected = if fake.provider() == Provider::Obs { 204 } else { 403 };
        assert_eq!(asker.abort("writer", &own), expected, "its own");
        let own = asker.initiate("writer");
        assert_eq!(asker.abort("owner", &own), 204, "the bucket owner's right");
    });
}

#[test]
fn on_obs_only_the_initiator_uploads_and_completes() {
    each_fake(|fake, asker| {
        let others = if fake.provider() == Provider::Obs { 403 } else { 200 };
        let id = asker.initiate("writer");
        assert_eq!(asker.part("owner", &id), others);
        assert_eq!(asker.part("writer", &id), 200);
        assert_eq!(asker.complete("owner", &id), others);
        if others == 403 {
            assert_eq!(asker.complete("writer", &id), 200);
        }
    });
}

#[test]
fn a_grant_lets_anybody_abort() {
    each_fake(|fake, asker| {
        for name in ["writer", "stranger", "anonymous"] {
            let id = asker.initiate("owner");
            fake.grant(name, Grants::none().with(Action::AbortMultipartUpload));
            assert_eq!(asker.abort(name, &id), 204, "{name}");
        }
    });
}

#[test]
fn the_rule_can_be_chosen() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).who_may_abort(AbortRight::InitiatorOnly).allow_open_uploads().build();
        let asker = Asker(&fake);
        let id = asker.initiate("writer");
        assert_eq!(asker.abort("owner", &id), 403);
        assert_eq!(asker.abort("writer", &id), 204);

        let fake = Fake::of(provider).who_may_abort(AbortRight::Granted).allow_open_uploads().build();
        let asker = Asker(&fake);
        let id = asker.initiate("writer");
        assert_eq!(asker.abort("writer", &id), 403);
        assert_eq!(asker.abort("owner", &id), 204);
    }
}

#[test]
fn grants_are_per_action_on_cos_and_per_object_write_elsewhere() {
    for provider in PROVIDERS {
        let grants = Grants::none().with(Action::PutObject);
        let fake = Fake::of(provider).sub_account("putter", grants).allow_open_uploads().build();
        let (status, _) = Asker(&fake).ask("putter", "POST", "/k?uploads", "");
        assert_eq!(status, if provider == Provider::Cos { 403 } else { 200 });
        fake.grant("putter", Grants::none().with(Action::InitiateMultipartUpload));
        let (status, _) = Asker(&fake).ask("putter", "POST", "/k?uploads", "");
        assert_eq!(status, if provider == Provider::Cos { 200 } else { 403 });
    }
}

#[test]
fn refused_aborts_are_remembered_with_their_upload() {
    each_fake(|fake, asker| {
        let id = asker.initiate("owner");
        for name in ["stranger", "writer", "anonymous"] {
            asker.abort(name, &id);
        }
        // Nor is one whose access key nobody knows forgotten.
        let proof = match fake.provider() {
            Provider::Cos => {
                "q-sign-algorithm=sha1&q-ak=x&q-sign-time=0;9999999999&q-key-time=0;9999999999&q-header-list=&q-url-param-list=&q-signature=0"
            }
            Provider::Oss => "OSS x:y",
            _ => "OBS x:y",
        };
        let request = http::Request::delete(format!("/{}/k?uploadId={id}", fake.bucket())).header("host", "127.0.0.1");
        let request = request.header("date", "Sun, 15 Jun 2025 08:30:00 GMT").header("authorization", proof);
        assert_eq!(fake.answer(request.body(Bytes::new()).expect("a request")).status(), 403);
        fake.upload("k").assert_open().assert_abort_requests(4);
    });
}

#[test]
fn the_journal_says_who_was_refused() {
    each_fake(|fake, asker| {
        let id = asker.initiate("owner");
        asker.abort("stranger", &id);
        let last = fake.journal().pop().expect("an exchange");
        assert_eq!((last.principal.as_deref(), last.operation), (Some("stranger"), Some(Op::Abort)));
        assert_eq!((last.status(), last.code()), (Some(403), Some("AccessDenied")));
    });
}
