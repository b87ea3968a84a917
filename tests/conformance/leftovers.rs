//! What a check leaves behind on a target that it cannot empty: nothing of its own, and everything of others.

use bytes::Bytes;
use fake_bucket::{
    Fake, UploadStatus,
    conformance::{Config, Door, Face, HttpTarget, Who, check_blocking, laws::laws, subject},
};

use crate::PROVIDERS;

/// A fake that is not to be emptied, as little as a live bucket is.
struct Lasting<'f>(&'f Fake);

impl Door for Lasting<'_> {
    async fn send(&self, _: Who, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, String> {
        Ok(self.0.answer(request))
    }
}

fn own_requests(fake: &Fake) {
    for (method, key, query) in [("PUT", "theirs", ""), ("POST", "a", "?uploads"), ("PUT", "a", "")] {
        let target = format!("/{}/{key}{query}", fake.bucket());
        let request = http::Request::builder().method(method).uri(target).header("host", "127.0.0.1");
        let reply = fake.answer_as("owner", request.header("content-length", "0").body(Bytes::new()).unwrap());
        assert_eq!(reply.status(), 200);
    }
}

#[tokio::test]
async fn nothing_is_left_and_nothing_else_is_touched() {
    for provider in PROVIDERS {
        let fake = subject(provider).build();
        own_requests(&fake);
        let target = HttpTarget::of_fake(&fake, Lasting(&fake), Face::Native);
        check_blocking(&target, &Config::default().steps(600)).unwrap_or_else(|failure| panic!("{failure}"));
        for law in laws() {
            law.check(&target).await.unwrap_or_else(|broken| panic!("{broken}"));
        }
        let state = fake.snapshot();
        let open = |upload: &&fake_bucket::UploadRecord| matches!(upload.state, UploadStatus::Open { .. });
        let open: Vec<_> = state.uploads.iter().filter(open).map(|upload| upload.key.as_str()).collect();
        let objects: Vec<_> = state.objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!((open, objects), (vec!["a"], vec!["a", "theirs"]), "{provider:?}");
    }
}
