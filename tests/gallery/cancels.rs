//! Cancels: the user gives up, or the process ends, and nobody aborts.

use std::{cell::Cell, future::pending, sync::Arc};

use fake_bucket::{At, Op, Provider};
use tokio::{
    runtime::Runtime,
    select,
    sync::{Notify, OnceCell},
};

use crate::uploader::{ALL, Client, Failed, KEY, play};

/// In Bun, the reply to the initiate came after the upload had been given up: its id was never aborted.
/// <https://github.com/oven-sh/bun/issues/41688>
///
/// Corrected: an id that comes late is aborted as soon as it comes.
#[tokio::test]
async fn the_id_comes_after_the_cancel() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let initiated = stage.fake.hold(Op::Initiate, At::BeforeReply);
        let cancelled = Cell::new(false);
        let upload = async {
            let id = client.initiate().await.unwrap();
            if cancelled.get() && stage.corrected() {
                client.abort(&id).await.unwrap();
            }
        };
        let user = async {
            let held = initiated.reached().await;
            cancelled.set(true);
            held.release();
        };
        tokio::join!(upload, user);
        stage.expect_no_leaks("leak: video.mp4, initiated by owner: OPEN with 0 stored parts").await;
    })
    .await;
}

/// In MatrixOne, a cancelled parallel upload returned success and skipped the abort.
/// <https://github.com/matrixorigin/matrixone/issues/29267>
///
/// Corrected: what is in flight ends, the upload is aborted, and the cancel is reported.
#[tokio::test]
async fn a_cancelled_upload_reports_success() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let part_2 = stage.fake.hold(Op::UploadPart.number(2), At::Admitted);
        let cancelled = Notify::new();
        let upload = async {
            let id = client.initiate().await?;
            let mut parts = client.parallel_parts(&id, 1..=3);
            cancelled.notified().await;
            if stage.faulty() {
                parts.abort_all();
                return Ok(());
            }
            parts.join_all().await;
            client.abort(&id).await?;
            Err(Failed::Cancelled)
        };
        let user = async {
            let held = part_2.reached().await;
            cancelled.notify_one();
            held.release();
        };
        let (reported, ()) = tokio::join!(upload, user);
        stage.expect("completed, for success was reported", |it| it.assert_completed_iff(reported.is_ok())).await;
        stage.expect_no_leaks("OPEN with").await;
    })
    .await;
}

/// Aborts an upload when it is dropped.
struct AbortOnDrop {
    client: Client,
    id: String,
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        let (client, id) = (self.client.clone(), self.id.clone());
        tokio::spawn(async move { client.abort(&id).await });
    }
}

/// In RisingWave, the uploader's future was dropped right after the initiate, and the upload stayed open.
/// <https://github.com/risingwavelabs/risingwave/issues/26172>
///
/// Corrected: a guard lives as long as the future, and aborts in a task of its own.
#[tokio::test]
async fn the_uploaders_future_is_dropped() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let initiated = Notify::new();
        let upload = async {
            let id = client.initiate().await.unwrap();
            let _guard = stage.corrected().then(|| AbortOnDrop { client: client.clone(), id });
            initiated.notify_one();
            pending::<()>().await; // .. for something to upload
        };
        select! {
            () = upload => {}
            () = initiated.notified() => {}
        }
        if stage.corrected() {
            stage.fake.wait_until(|state| state.upload(KEY).is_some_and(|upload| !upload.is_open())).await;
        }
        stage.expect_no_leaks("leak: video.mp4, initiated by owner: OPEN with 0 stored parts").await;
    })
    .await;
}

/// In Meilisearch, a cancel detached the tasks that send parts, and nothing aborted: the parts landed later.
/// <https://github.com/meilisearch/meilisearch/issues/6510>
///
/// Corrected: the cancel waits for the tasks, and aborts.
#[tokio::test]
async fn a_cancel_detaches_the_parts() {
    play(&ALL, async |stage| {
        let client = &stage.client;
        let part_2 = stage.fake.hold(Op::UploadPart.number(2), At::BeforeApply);
        let id = client.initiate().await.unwrap();
        client.part(&id, 1).await.unwrap();
        let mut parts = client.parallel_parts(&id, 2..=2);
        let held = part_2.reached().await;
        if stage.faulty() {
            parts.detach_all();
            held.release();
        } else {
            held.release();
            parts.join_all().await;
            client.abort(&id).await.unwrap();
        }
        stage.expect_no_leaks("OPEN with 2 stored parts").await;
    })
    .await;
}

/// In cos-js-sdk-v5, cancelling a task stops it and never cleans up its parts.
/// <https://github.com/tencentyun/cos-js-sdk-v5/issues/125>
///
/// Corrected: cancelling also aborts. What is left is reported with its id.
#[tokio::test]
async fn a_cancel_leaves_the_parts() {
    play(&[Provider::Cos], async |stage| {
        let client = &stage.client;
        let id = client.initiate().await.unwrap();
        client.parts(&id, 1..=2).await.unwrap();
        // cancel():
        if stage.corrected() {
            client.abort(&id).await.unwrap();
        }
        stage.expect_no_leaks(&format!("OPEN with 2 stored parts, 38 B  (id {id})")).await;
    })
    .await;
}

/// rclone was interrupted in the middle of an upload, which stayed open. <https://github.com/rclone/rclone/issues/4300>
///
/// Corrected: on its way out the process aborts what it has open. (COS and OBS, where that also ends the part that was
/// cut off; `aborts.rs` has what OSS asks for.)
#[tokio::test]
async fn the_process_is_interrupted() {
    play(&[Provider::Cos, Provider::Obs], async |stage| {
        let client = &stage.client;
        let part_2 = stage.fake.hold(Op::UploadPart.number(2), At::Admitted);
        let process = Runtime::new().unwrap();
        let open_upload = Arc::new(OnceCell::new());
        let (uploader, open) = (client.clone(), open_upload.clone());
        process.spawn(async move {
            let id = open.get_or_init(async || uploader.initiate().await.unwrap()).await;
            uploader.parts(id, 1..=3).await
        });
        let held = part_2.reached().await;
        if stage.corrected() {
            client.abort(open_upload.get().unwrap()).await.unwrap();
        }
        process.shutdown_background();
        held.release();
        stage.expect_no_leaks("leak: video.mp4, initiated by owner: OPEN with").await;
    })
    .await;
}
