//! s3s-fs, a store that keeps objects as files and speaks S3 through s3s: in this process, without a socket.

use std::fs;

use bytes::Bytes;
use fake_bucket::{
    Provider,
    conformance::{
        Addressing, Body, Bucket, Config, Door, Face, HttpTarget, Id, Key, Keys, Script, Size, Step, Who, replay,
    },
};
use http::{Request, Response};
use http_body_util::BodyExt;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tempfile::TempDir;

use crate::listed;

const HOME: &str = "home";
const OTHER: &str = "other";

/// The store, in a directory of its own.
struct FilesOfS3s {
    root: TempDir,
    service: S3Service,
}

impl FilesOfS3s {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let mut service = S3ServiceBuilder::new(FileSystem::new(root.path()).expect("a store"));
        let mut auth = SimpleAuth::new();
        for who in ["owner", "writer"] {
            auth.register(who.to_owned(), format!("secret of {who}").into());
        }
        service.set_auth(auth);
        let store = Self { root, service: service.build() };
        store.reset();
        store
    }
}

impl Door for FilesOfS3s {
    async fn send(&self, _: Who, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let response = self.service.call(request.map(s3s::Body::from)).await.map_err(|error| format!("{error:?}"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    fn reset(&self) -> bool {
        for entry in fs::read_dir(self.root.path()).expect("the store's directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("what is in the store");
        }
        for bucket in [HOME, OTHER] {
            fs::create_dir(self.root.path().join(bucket)).expect("a bucket");
        }
        true
    }
}

/// The rules of OBS, whose S3-compatible protocol comes closest: its initiator alone may add to an upload, as here. Parts
/// are of 5 MiB, as in S3 itself.
fn target() -> HttpTarget<FilesOfS3s> {
    let keys = |who: &str| Keys::new(who, format!("secret of {who}"));
    let place = Addressing::Path("127.0.0.1".to_owned());
    HttpTarget::new(Provider::Obs, FilesOfS3s::new(), place, HOME, "us-east-1", keys("owner"))
        .face(Face::S3)
        .principal(Who::Writer, keys("writer"))
        .anonymous()
        .bucket(Bucket::Other, OTHER)
        .bucket(Bucket::Missing, "missing")
        .scoped(|scope| scope.min_part_size(5 << 20))
}

/// What depends on the order in which the file system has the files of a directory.
const UNSETTLED: &str = "list parts: parts out of order";

#[tokio::test]
async fn what_it_differs_in_is_listed() {
    let config = Config::default().steps(700).shrink_steps(2_000).known([UNSETTLED]);
    listed::assert_listed("s3s-fs-0.14.1", &target(), &config).await;
}

#[tokio::test]
async fn parts_are_listed_in_no_order() {
    let upload = (Who::Owner, Key(0), Id::Of(0));
    let part = |number| Step::upload_part(upload.0, upload.1, upload.2, number, Body::of('a', Size::Small));
    let steps = [Step::initiate(upload.0, upload.1, 0)].into_iter().chain((1..=9).map(part));
    let script = Script::new(steps.chain([Step::list_parts(upload.0, upload.1, upload.2, 0, None)]));
    let failure = replay(&target(), &script).await.unwrap_err();
    assert!(failure.differences.iter().any(|difference| difference == UNSETTLED), "{failure}");
}
