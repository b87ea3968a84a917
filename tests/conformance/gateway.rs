//! A gateway that hands out upload ids of its own and keeps for each the id of the store behind it. It answers success for
//! an id it does not know, or forgets what an id stands for. <https://github.com/treeverse/lakeFS/issues/8754>
//!
//! Corrected: an id it does not know is no upload, and what it knows it keeps as long as the upload is open.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use fake_bucket::{
    Fake, Provider,
    conformance::{
        Ask, Call, Config, Face, HttpTarget, NoSocket, Reply, Scope, Target, check_blocking,
        laws::{Law, Verdict, laws},
        subject,
    },
};

use crate::PROVIDERS;

struct Gateway<'f> {
    store: HttpTarget<NoSocket<'f>>,
    flaw: Flaw,
    /// The store's ids, by its own.
    ids: Mutex<BTreeMap<String, String>>,
    next: AtomicU32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// It answers that an upload it does not know is aborted.
    UnknownAborted,
    /// It forgets what an id stands for with the complete, though that may be refused.
    MappingLost,
}

impl<'f> Gateway<'f> {
    fn new(fake: &'f Fake, flaw: Flaw) -> Self {
        let store = HttpTarget::of_fake(fake, NoSocket(fake), Face::Native);
        Self { store, flaw, ids: Mutex::default(), next: AtomicU32::new(1) }
    }

    /// Hands out an id of its own for the store's.
    fn named(&self, reply: Reply) -> Reply {
        let Reply::UploadId(stored) = reply else { return reply };
        let own = format!("gateway-{}", self.next.fetch_add(1, Relaxed));
        self.ids.lock().unwrap().insert(own.clone(), stored);
        Reply::UploadId(own)
    }

    /// What an id of its own stands for.
    fn stored(&self, own: &str, completes: bool) -> Option<String> {
        let mut ids = self.ids.lock().unwrap();
        match completes && self.flaw == Flaw::MappingLost {
            true => ids.remove(own),
            false => ids.get(own).cloned(),
        }
    }
}

impl Target for Gateway<'_> {
    fn scope(&self) -> &Scope {
        self.store.scope()
    }

    async fn call(&self, mut call: Call) -> Reply {
        let completes = matches!(call.ask, Ask::Complete { .. });
        let (Ask::UploadPart { upload_id, .. }
        | Ask::UploadPartCopy { upload_id, .. }
        | Ask::Complete { upload_id, .. }
        | Ask::Abort { upload_id }
        | Ask::ListParts { upload_id, .. }) = &mut call.ask
        else {
            return match call.ask {
                Ask::ListUploads(_) => Reply::Unsupported,
                _ => self.named(self.store.call(call).await),
            };
        };
        match self.stored(upload_id, completes) {
            Some(stored) => *upload_id = stored,
            None if self.flaw == Flaw::UnknownAborted && matches!(call.ask, Ask::Abort { .. }) => return Reply::Done,
            None => {}
        }
        self.store.call(call).await
    }

    fn reset(&self) -> bool {
        self.ids.lock().unwrap().clear();
        self.store.reset()
    }
}

/// What the check shows of it: the steps, and the last one's two answers.
fn shown(flaw: Flaw) -> String {
    let fake = subject(Provider::Obs).build();
    check_blocking(&Gateway::new(&fake, flaw), &Config::default()).unwrap_err().to_string()
}

/// The laws that it breaks.
async fn broken(flaw: Flaw) -> Vec<Law> {
    let fake = subject(Provider::Obs).build();
    let gateway = Gateway::new(&fake, flaw);
    let mut broken = Vec::new();
    for law in laws() {
        broken.extend(law.check(&gateway).await.is_err().then_some(law));
    }
    broken
}

#[tokio::test]
async fn a_gateway_aborts_an_upload_it_does_not_know() {
    let found = shown(Flaw::UnknownAborted);
    let steps = "  1. Step::abort(Who::Owner, Key(0), Id::Of(2))
  expected: refused, 404 NoSuchUpload
  observed: Aborted
";
    assert!(found.contains(steps), "{found}");
    assert!(broken(Flaw::UnknownAborted).await.contains(&Law::RefusedMeansUnchanged));
}

#[tokio::test]
async fn a_gateway_forgets_what_its_ids_stand_for() {
    let found = shown(Flaw::MappingLost);
    let steps = r#"  1. Step::initiate(Who::Owner, Key(0), 0)
  2. Step::complete(Who::Owner, Key(0), Id::Of(0), [])
  3. Step::upload_part(Who::Owner, Key(0), Id::Of(0), 1, Body::of('a', Size::Empty))
  expected: PartStored(Some("d41d8cd98f00b204e9800998ecf8427e"))
  observed: refused, 404 NoSuchUpload
"#;
    assert!(found.contains(steps), "{found}");
    assert_eq!(broken(Flaw::MappingLost).await, [Law::RefusedMeansUnchanged, Law::TheObjectIsItsParts]);
}

#[tokio::test]
async fn a_gateway_that_keeps_its_ids_conforms() {
    for provider in PROVIDERS {
        let fake = subject(provider).build();
        let gateway = Gateway::new(&fake, Flaw::None);
        check_blocking(&gateway, &Config::default().steps(1_000)).unwrap();
        for law in laws() {
            assert_eq!(law.check(&gateway).await.unwrap(), Verdict::Holds, "{law}");
        }
    }
}
