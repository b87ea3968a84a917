//! Parts: one of them fails, and the upload is forgotten.

use fake_bucket::{At, Failure, Fault, Op, Provider};

use crate::uploader::{ALL, Failed, KEY, play};

/// In arrow-rs's object_store, `finish()` did not abort when one of several parts in flight failed.
/// <https://github.com/apache/arrow-rs-object-store/issues/818>
///
/// Corrected: when all parts have ended and one has failed, the upload is aborted.
#[tokio::test]
async fn one_of_several_parts_fails() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let part_2 = stage.fake.hold(Op::UploadPart.number(2), At::BeforeApply);
        let id = client.initiate().await.unwrap();
        let parts = client.parallel_parts(&id, 1..=3);
        let held = part_2.reached().await;
        stage.fake.wait_until(|state| state.upload(KEY).is_some_and(|upload| upload.parts().len() == 2)).await;
        held.refuse(Failure::InternalError);
        let finished: Result<Vec<_>, Failed> = parts.join_all().await.into_iter().collect();
        if stage.corrected() && finished.is_err() {
            client.abort(&id).await.unwrap();
        }
        stage.expect_no_leaks("OPEN with 2 stored parts").await;
    })
    .await;
}

/// A writer of OpenDAL was dropped when a write failed, neither closed nor aborted.
/// <https://github.com/apache/opendal/issues/7425>
///
/// Corrected: a failed write is followed by an abort, and then the writer is dropped.
#[tokio::test]
async fn a_writer_is_dropped_on_a_write_error() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let _cut = stage.fake.fault(Op::UploadPart.number(2), Fault::CutBody(5));
        let id = client.initiate().await.unwrap();
        let written = client.parts(&id, 1..=3).await;
        assert_eq!(written.err(), Some(Failed::NoReply));
        if stage.corrected() {
            client.abort(&id).await.unwrap();
        }
        stage.expect_no_leaks("OPEN with 1 stored part").await;
    })
    .await;
}

/// In Flink, the last part was sent by close-for-commit, and its failure was not followed by an abort.
/// <https://github.com/apache/flink/issues/28951>
///
/// Corrected: closing aborts as writing does.
#[tokio::test]
async fn the_last_part_fails() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let _broken = stage.fake.fault(Op::UploadPart.number(3), Fault::Refuse(Failure::InternalError));
        let id = client.initiate().await.unwrap();
        client.parts(&id, 1..=2).await.unwrap();
        // close for commit:
        if client.part(&id, 3).await.is_err() && stage.corrected() {
            client.abort(&id).await.unwrap();
        }
        stage.expect_no_leaks("OPEN with 2 stored parts").await;
    })
    .await;
}

/// In rust-s3, no failure of a part was followed by an abort. <https://github.com/durch/rust-s3/issues/274>
///
/// Corrected: every failure is, whichever part it is and however it fails.
#[tokio::test]
async fn no_failing_part_is_followed_by_an_abort() {
    for fault in [Fault::Refuse(Failure::AccessDenied), Fault::CutBefore, Fault::CutBody(5)] {
        play(&ALL, async |stage| {
            let client = &stage.client;
            let _fault = stage.fake.fault(Op::UploadPart, fault.clone());
            let id = client.initiate().await.unwrap();
            if client.parts(&id, 1..=3).await.is_err() && stage.corrected() {
                client.abort(&id).await.unwrap();
            }
            stage.expect_no_leaks("OPEN with 0 stored parts").await;
        })
        .await;
    }
}

/// A client of OBS sent its parts to another key than it had initiated: NoSuchUpload, although the id is alive. Its
/// abort goes to the wrong key as well, so that the upload also stays.
/// <https://github.com/huaweicloud/huaweicloud-sdk-java-obs/issues/95>
///
/// Corrected: one key for all requests of an upload.
#[tokio::test]
async fn parts_go_to_another_key() {
    play(&[Provider::Obs], async |stage| {
        let client = &stage.client;
        let id = client.initiate().await.unwrap();
        let for_parts = if stage.faulty() { client.for_key("videos/video.mp4") } else { client.clone() };
        match for_parts.parts(&id, 1..=2).await {
            Ok(parts) => client.complete(&id, &parts).await.unwrap(),
            Err(failed) => {
                assert!(failed.is_no_such_upload() && for_parts.abort(&id).await == Err(failed));
            }
        }
        stage.expect("should have been completed", |it| it.assert_completed()).await;
        stage.expect_no_leaks(&format!("(id {id})")).await;
    })
    .await;
}

/// A part was answered NoSuchUpload although the upload was there, and s5cmd had no rule for that.
/// <https://github.com/peak/s5cmd/issues/450>
///
/// Here, the uploader concludes that there is nothing left to abort. Corrected: it tries the part once more.
#[tokio::test]
async fn a_part_is_told_no_such_upload_once() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let _spurious = stage.fake.fault(Op::UploadPart.number(2), Fault::Refuse(Failure::NoSuchUpload));
        let id = client.initiate().await.unwrap();
        let mut parts = vec![client.part(&id, 1).await.unwrap()];
        let mut second = client.part(&id, 2).await;
        if stage.corrected() && second.as_ref().is_err_and(Failed::is_no_such_upload) {
            second = client.part(&id, 2).await;
        }
        if let Ok(part) = second {
            parts.push(part);
            client.complete(&id, &parts).await.unwrap();
        }
        stage.expect_no_leaks("OPEN with 1 stored part").await;
    })
    .await;
}
