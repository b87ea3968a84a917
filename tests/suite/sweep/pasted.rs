//! A test as a sweep prints it, pasted beneath the uploader it found fault with, which has learnt to abort meanwhile.

use fake_bucket::{Failure, FakeBuilder, Fault, Op};

use super::{Care, Failed, Uploader};

/// Fakes built as in the sweep.
struct Fake;

impl Fake {
    fn oss() -> FakeBuilder {
        fake_bucket::Fake::oss().trusting().min_part_size(1)
    }
}

async fn upload(fake: &fake_bucket::Fake) -> Result<(), Failed> {
    Uploader::of(fake).upload(Care::Full).await
}

#[tokio::test]
async fn complete_video_mp4_service_unavailable_always() {
    let oss = Fake::oss().start(); // built as in the sweep
    let _fault_1 = oss.fault_always(Op::Complete.key("video.mp4"), Fault::Refuse(Failure::ServiceUnavailable));
    let outcome = upload(&oss).await; // the uploader
    oss.quiesce().await;
    if outcome.is_ok() {
        assert_eq!(oss.read_from("examplebucket", "video.mp4").map(|bytes| bytes.len()), Some(12));
    }
    oss.assert_no_leaks();
}
