//! Completes: their reply is lost, or says yes and means no, or they name too little.

use fake_bucket::{Failure, Fault, Op, Provider};

use crate::uploader::{ALL, Client, Failed, Sent, play};

/// Completes an upload and makes sure of it. A 404 says only that the upload has ended: it has succeeded if the object
/// under the key is another one than there was `before`.
async fn complete_and_make_sure(
    client: &Client,
    id: &str,
    parts: &[Sent],
    before: Option<String>,
) -> Result<(), Failed> {
    let mut completed = client.complete(id, parts).await;
    for _retry in 0..3 {
        match completed {
            Err(failed) if failed.is_no_such_upload() => {
                let now = client.head().await;
                return if now.is_some() && now != before { Ok(()) } else { Err(failed) };
            }
            Err(_) => completed = client.complete(id, parts).await,
            Ok(()) => break,
        }
    }
    completed
}

/// In OpenDAL, a complete timed out, was retried and heard NoSuchUpload: the writer could be neither closed nor
/// aborted, and a failure was reported of an object that was there. <https://github.com/apache/opendal/issues/5101>
///
/// Corrected: after a 404 it looks whether the object has come.
#[tokio::test]
async fn a_lost_complete_is_retried_and_reported_as_failed() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let _lost = stage.fake.fault(Op::Complete, Fault::LoseReply);
        let id = client.initiate().await.unwrap();
        let parts = client.parts(&id, 1..=2).await.unwrap();
        let reported = if stage.faulty() {
            assert_eq!(client.complete(&id, &parts).await, Err(Failed::NoReply));
            client.complete(&id, &parts).await
        } else {
            complete_and_make_sure(client, &id, &parts, None).await
        };
        stage.expect("for failure was reported", |it| it.assert_completed_iff(reported.is_ok())).await;
    })
    .await;
}

/// ScyllaDB replayed completes whose reply was lost, and did not read the `<Error>` inside a 200.
/// <https://github.com/scylladb/scylladb/issues/19533>
///
/// Corrected: the reply is read to its end, and a replay that hears 404 looks whether the object has come.
#[tokio::test]
async fn an_error_inside_a_200_is_not_read() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let mut faults = vec![Fault::LateError(Failure::InternalError)];
        if stage.corrected() {
            faults.push(Fault::LoseReply);
        }
        let _faults = stage.fake.faults(Op::Complete, faults);
        let id = client.initiate().await.unwrap();
        let parts = client.parts(&id, 1..=2).await.unwrap();
        let reported = match stage.faulty() {
            true => client.complete_unread(&id, &parts).await.unwrap().is_success(),
            false => complete_and_make_sure(client, &id, &parts, None).await.is_ok(),
        };
        stage.expect("completed, for success was reported", |it| it.assert_completed_iff(reported)).await;
    })
    .await;
}

/// With cos-java-sdk-v5, a complete was answered 200 with an InternalError inside, retried, answered 404, and
/// "resolved" by a HEAD that saw an older object. <https://github.com/tencentyun/cos-java-sdk-v5/issues/96>
///
/// Corrected: the object must be another one than before.
#[tokio::test]
async fn an_older_object_is_taken_for_the_new_one() {
    play(&[Provider::Cos], async |stage| {
        let client = &stage.client;
        let faults = [Fault::LateError(Failure::InternalError), Fault::Refuse(Failure::NoSuchUpload)];
        let _faults = stage.fake.faults(Op::Complete, faults);
        client.put("an older video").await.unwrap();
        let before = if stage.faulty() { None } else { client.head().await };
        let id = client.initiate().await.unwrap();
        let parts = client.parts(&id, 1..=2).await.unwrap();
        let reported = complete_and_make_sure(client, &id, &parts, before).await;
        if reported.is_err() {
            client.abort(&id).await.unwrap();
        }
        stage.expect("completed, for success was reported", |it| it.assert_completed_iff(reported.is_ok())).await;
    })
    .await;
}

/// In the AWS SDK for JavaScript, an upload whose complete failed was not aborted.
/// <https://github.com/aws/aws-sdk-js-v3/issues/6112>
///
/// Corrected: it is, like any other upload that fails.
#[tokio::test]
async fn a_failed_complete_is_not_aborted() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let _broken = stage.fake.fault_always(Op::Complete, Fault::Refuse(Failure::InternalError));
        let id = client.initiate().await.unwrap();
        let parts = client.parts(&id, 1..=2).await.unwrap();
        if client.complete(&id, &parts).await.is_err() && stage.corrected() {
            client.abort(&id).await.unwrap();
        }
        stage.expect_no_leaks("OPEN with 2 stored parts").await;
    })
    .await;
}

/// In FreeFrame, a complete with too short a list of parts truncated the object, with a 200.
/// <https://github.com/Techiebutler/freeframe/issues/255>
///
/// Corrected: the list has every part that was sent.
#[tokio::test]
async fn a_complete_leaves_parts_out() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let id = client.initiate().await.unwrap();
        let parts = client.parts(&id, 1..=3).await.unwrap();
        let listed = if stage.faulty() { &parts[..2] } else { &parts[..] };
        client.complete(&id, listed).await.unwrap();
        stage.expect("every part that was stored, but left 3 unused", |it| it.assert_all_parts_used()).await;
    })
    .await;
}
