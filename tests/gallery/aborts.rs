//! Aborts: sent too early, too often, or followed by something else.

use std::cell::Cell;

use fake_bucket::{At, Failure, Fault, Op, Provider};

use crate::uploader::{ALL, Failed, play};

/// Bun aborted while parts were in flight, and did not repeat it: the late part stays, and is billed.
/// <https://github.com/oven-sh/bun/issues/43137>
///
/// Corrected: once nothing is in flight any more, the upload is aborted again.
#[tokio::test]
async fn an_abort_overtakes_a_part_in_flight() {
    play(&[Provider::Oss], async |stage| {
        let client = &stage.client;
        let part_2 = stage.fake.hold(Op::UploadPart.number(2), At::BeforeApply);
        let id = client.initiate().await.unwrap();
        client.part(&id, 1).await.unwrap();
        let late = client.parallel_parts(&id, 2..=2);
        let held = part_2.reached().await;
        client.abort(&id).await.unwrap();
        held.release();
        late.join_all().await;
        if stage.corrected() {
            client.abort(&id).await.unwrap();
        }
        stage.expect_no_leaks("aborted by #4, freed: 1; LINGERING: 2").await;
    })
    .await;
}

/// A client that accepts only 204 from an abort: the reply is lost, the retry hears 404, and the abort is reported as
/// failed although the upload is gone.
///
/// Corrected: an upload that the provider does not know any more is an aborted one.
#[tokio::test]
async fn a_retried_abort_is_reported_as_failed() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let _lost = stage.fake.fault(Op::Abort, Fault::LoseReply);
        let id = client.initiate().await.unwrap();
        assert_eq!(client.abort(&id).await, Err(Failed::NoReply));
        let retried = client.abort(&id).await;
        let gone = stage.corrected() && retried.as_ref().is_err_and(Failed::is_no_such_upload);
        let reported = retried.is_ok() || gone;
        stage.expect("not have been aborted, for failure was reported", |it| it.assert_aborted_iff(reported)).await;
    })
    .await;
}

/// ScyllaDB took the 404 of a repeated abort for a failure and tried again for ever (here: eight times), while a part
/// that landed late was never looked at. <https://github.com/scylladb/scylladb/issues/20425>
///
/// Corrected: 404 is an answer; and once the parts in flight have ended, what they may have left is freed.
#[tokio::test]
async fn an_abort_is_retried_on_404_for_ever() {
    play(&[Provider::Oss], async |stage| {
        let client = &stage.client;
        let part_1 = stage.fake.hold(Op::UploadPart, At::BeforeApply);
        let _lost = stage.fake.fault(Op::Abort, Fault::LoseReply);
        let id = client.initiate().await.unwrap();
        let late = client.parallel_parts(&id, 1..=1);
        let held = part_1.reached().await;
        for _ in 0..8 {
            let gone = client.abort(&id).await.is_err_and(|failed| failed.is_no_such_upload());
            if stage.corrected() && gone {
                break;
            }
        }
        held.release();
        late.join_all().await;
        if stage.corrected() {
            client.abort(&id).await.unwrap();
        }
        stage.expect("should have seen 3 abort requests, not 8", |it| it.assert_abort_requests(3)).await;
        stage.expect_no_leaks("LINGERING: 1").await;
    })
    .await;
}

/// Apache Iceberg's output stream aborted once for each part that failed.
/// <https://github.com/apache/iceberg/issues/5366>
///
/// Corrected: whoever waits for the parts aborts, once, when all have ended.
#[tokio::test]
async fn each_failing_part_aborts() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let _busy = stage.fake.fault_always(Op::UploadPart, Fault::Refuse(Failure::ServiceUnavailable));
        let gates = [1, 2, 3].map(|number| stage.fake.hold(Op::UploadPart.number(number), At::BeforeApply));
        let id = &client.initiate().await.unwrap();
        let part = async |number| {
            let sent = client.part(id, number).await;
            if stage.faulty() && sent.is_err() {
                let _ = client.abort(id).await;
            }
        };
        let fail_together = async {
            let [one, two, three] = &gates;
            drop((one.reached().await, two.reached().await, three.reached().await));
        };
        tokio::join!(part(1), part(2), part(3), fail_together);
        if stage.corrected() {
            client.abort(id).await.unwrap();
        }
        stage.expect("should have seen 1 abort request, not 3", |it| it.assert_abort_requests(1)).await;
    })
    .await;
}

/// Solr aborted an upload that had failed, and `close()` then completed it all the same.
/// <https://github.com/apache/solr/issues/1773>
///
/// Corrected: close does nothing to an upload that has been aborted.
#[tokio::test]
async fn close_completes_what_was_aborted() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let _broken = stage.fake.fault(Op::UploadPart.number(2), Fault::Refuse(Failure::InternalError));
        let id = client.initiate().await.unwrap();
        let sent = [client.part(&id, 1).await.unwrap()];
        assert!(client.part(&id, 2).await.is_err());
        client.abort(&id).await.unwrap();
        // close():
        if stage.faulty() {
            assert!(client.complete(&id, &sent).await.is_err());
        }
        stage.expect("but #5 Complete video.mp4: 404 NoSuchUpload came", |it| it.assert_unused_after_end()).await;
    })
    .await;
}

/// With ali-oss, an abort removes the id while the upload goes on: further parts are sent, and answered 404.
/// <https://github.com/ali-sdk/ali-oss/issues/182>
///
/// Corrected: first no more parts are sent, then those in flight end, then comes the abort.
#[tokio::test]
async fn parts_are_sent_after_the_abort() {
    play(&[Provider::Oss], async |stage| {
        let client = &stage.client;
        let part_2 = stage.fake.hold(Op::UploadPart.number(2), At::BeforeApply);
        let id = client.initiate().await.unwrap();
        let given_up = Cell::new(false);
        let worker = async {
            for number in 1..=4 {
                if stage.faulty() || !given_up.get() {
                    let _ = client.part(&id, number).await;
                }
            }
        };
        let user = async {
            let held = part_2.reached().await;
            given_up.set(true);
            if stage.faulty() {
                client.abort(&id).await.unwrap();
            }
            held.release();
        };
        tokio::join!(worker, user);
        if stage.corrected() {
            client.abort(&id).await.unwrap();
        }
        stage.expect("but #5 UploadPart 3 video.mp4: 404 NoSuchUpload, #6", |it| it.assert_unused_after_end()).await;
    })
    .await;
}
