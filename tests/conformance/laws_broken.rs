//! Each law, held against a store that breaks that law and no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use fake_bucket::{
    Fake, Provider,
    conformance::{
        Ask, Call, Config, Face, HttpTarget, NoSocket, Reply, Scope, Target, Who,
        laws::{Law, Verdict, check_laws, laws},
        subject,
    },
};

/// A fake of OSS behind something that breaks one law.
struct Breaking<'f> {
    store: HttpTarget<NoSocket<'f>>,
    law: Law,
    seen: Mutex<Seen>,
}

/// What it has seen so far.
#[derive(Default)]
struct Seen {
    /// Parts stored, by upload.
    parts: BTreeMap<String, BTreeSet<u32>>,
    /// Uploads that were completed.
    completed: BTreeSet<String>,
    /// Keys of objects that were completed from three parts.
    of_three: BTreeSet<String>,
    /// Ids of uploads, in the order they were initiated.
    initiated: Vec<String>,
}

impl<'f> Breaking<'f> {
    fn new(fake: &'f Fake, law: Law) -> Self {
        Self { store: HttpTarget::of_fake(fake, NoSocket(fake), Face::Native), law, seen: Mutex::default() }
    }

    fn breaks(&self, law: Law) -> bool {
        self.law == law
    }

    /// The call as it goes to the store, or the answer that it gets without.
    fn before(&self, mut call: Call) -> Result<Call, Reply> {
        let seen = self.seen.lock().unwrap();
        match &mut call.ask {
            Ask::ListParts { upload_id, .. }
                if self.breaks(Law::AnEndedIdStaysEnded) && seen.completed.contains(upload_id) =>
            {
                return Err(Reply::Parts(Default::default()));
            }
            Ask::Abort { upload_id }
                if self.breaks(Law::NothingIsLeftOfAnAbort)
                    && seen.parts.get(upload_id).is_some_and(|parts| parts.len() == 2) =>
            {
                return Err(Reply::Done);
            }
            Ask::Abort { .. } if self.breaks(Law::OthersAbortNothing) => call.who = Who::Owner,
            _ => {}
        }
        Ok(call)
    }

    /// The answer as it goes to the client.
    fn after(&self, call: &Call, mut reply: Reply) -> Reply {
        let mut seen = self.seen.lock().unwrap();
        match (&call.ask, &mut reply) {
            (Ask::Initiate, Reply::UploadId(id)) => {
                seen.initiated.push(id.clone());
                if self.breaks(Law::IdsNeverRepeat) && seen.initiated.len() > 20 {
                    id.clone_from(&seen.initiated[0]);
                }
            }
            (Ask::UploadPart { upload_id, number, .. }, Reply::Stored(_)) => {
                seen.parts.entry(upload_id.clone()).or_default().insert(*number);
            }
            (Ask::Complete { upload_id, parts }, Reply::Stored(_)) => {
                seen.completed.insert(upload_id.clone());
                if parts.len() == 3 {
                    seen.of_three.insert(call.key.clone());
                }
            }
            (Ask::ListParts { after: 1.., .. }, Reply::Parts(page)) if self.breaks(Law::PagesTileTheListing) => {
                page.parts.drain(..1.min(page.parts.len()));
            }
            (Ask::GetObject, Reply::Object(bytes))
                if self.breaks(Law::TheObjectIsItsParts) && seen.of_three.contains(&call.key) =>
            {
                bytes.truncate(bytes.len() - 1);
            }
            _ => {}
        }
        reply
    }
}

impl Target for Breaking<'_> {
    fn scope(&self) -> &Scope {
        self.store.scope()
    }

    async fn call(&self, call: Call) -> Reply {
        let call = match self.before(call) {
            Ok(call) => call,
            Err(reply) => return reply,
        };
        let reply = self.store.call(call.clone()).await;
        if let (Ask::UploadPart { number: 0, .. }, true) = (&call.ask, self.breaks(Law::RefusedMeansUnchanged)) {
            let mut anyway = call.clone();
            if let Ask::UploadPart { number, .. } = &mut anyway.ask {
                *number = 4;
            }
            self.store.call(anyway).await;
        }
        self.after(&call, reply)
    }

    fn reset(&self) -> bool {
        *self.seen.lock().unwrap() = Seen::default();
        self.store.reset()
    }
}

#[tokio::test]
async fn each_law_is_broken_by_the_store_that_breaks_it() {
    for law in laws() {
        let fake = subject(Provider::Oss).build();
        let store = Breaking::new(&fake, law);
        let verdicts = check_laws(&store, &Config::default()).await;
        assert_eq!(verdicts.len(), laws().len());
        for (checked, verdict) in verdicts {
            match verdict {
                Ok(verdict) => assert!(verdict == Verdict::Holds && checked != law, "{checked} holds, {law} is broken"),
                Err(broken) => {
                    assert_eq!((checked, broken.law, broken.unreachable), (law, law, false), "{broken}");
                    let begin = format!("{:?} does not hold: ", law.name());
                    assert!(broken.to_string().starts_with(&begin), "{broken}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_law_that_is_waived_is_not_asked() {
    for law in laws() {
        let fake = subject(Provider::Oss).build();
        let store = Breaking::new(&fake, law);
        let config = Config::default().waive([law]);
        for (checked, verdict) in check_laws(&store, &config).await {
            let expected = if checked == law { Verdict::Waived } else { Verdict::Holds };
            assert_eq!(verdict.unwrap(), expected, "{checked}");
        }
    }
}

#[test]
fn laws_have_names() {
    for law in laws() {
        assert_eq!(law.name().parse(), Ok(law));
        assert_eq!(law.name().replace(' ', "-").parse(), Ok(law));
    }
    let error = "IDs never repeat".parse::<Law>().unwrap_err();
    assert!(
        error.to_string().starts_with("no law is called \"IDs never repeat\"; the laws are: refused means"),
        "{error}"
    );
}

/// A store that is there, or is not.
struct Going<'f> {
    store: HttpTarget<NoSocket<'f>>,
    calls_left: Mutex<u32>,
    comes_back: bool,
}

impl Target for Going<'_> {
    fn scope(&self) -> &Scope {
        self.store.scope()
    }

    async fn call(&self, call: Call) -> Reply {
        {
            let mut left = self.calls_left.lock().unwrap();
            let Some(less) = left.checked_sub(1) else { return Reply::Failed("no reply".to_owned()) };
            *left = less;
        }
        self.store.call(call).await
    }

    async fn preflight(&self) -> Result<(), String> {
        if self.comes_back { Ok(()) } else { Err("nobody listens".to_owned()) }
    }

    fn reset(&self) -> bool {
        self.store.reset()
    }
}

#[tokio::test]
async fn a_target_that_goes_away_is_unreachable_and_one_that_stays_differs() {
    use fake_bucket::conformance::{ConcurrentConfig, Why, check, check_concurrent, survey};
    let config = Config::default().steps(200);
    for comes_back in [false, true] {
        let fake = subject(Provider::Obs).build();
        let going = |calls| {
            let store = HttpTarget::of_fake(&fake, NoSocket(&fake), Face::Native);
            Going { store, calls_left: Mutex::new(calls), comes_back }
        };
        let failure = check(&going(30), &config).await.unwrap_err();
        assert_eq!(failure.is_unreachable(), !comes_back, "{failure}");
        assert_eq!(failure.differences.is_empty(), !comes_back, "{failure}");
        let shown = failure.to_string();
        if comes_back {
            assert!(shown.contains("  observed: Strange(\"no reply\")\n"), "{shown}");
        } else {
            assert!(shown.starts_with("the target went away at the last of these steps:\n"), "{shown}");
            assert!(shown.ends_with("  observed: unreachable: no reply; then nobody listens\n"), "{shown}");
        }

        let found = survey(&going(30), &config).await;
        assert_eq!((found.unreachable.is_some(), found.found.is_empty()), (!comes_back, !comes_back), "{found}");

        let verdicts = check_laws(&going(5), &Config::default()).await;
        let (law, verdict) = &verdicts[0];
        let broken = verdict.as_ref().unwrap_err();
        assert_eq!((*law, broken.unreachable), (Law::RefusedMeansUnchanged, !comes_back), "{broken}");
        assert_eq!(verdicts.len(), if comes_back { laws().len() } else { 1 }, "nothing more can be asked");

        let failure = check_concurrent(&going(30), &ConcurrentConfig::default().again(2)).await.unwrap_err();
        let unreachable = matches!(&failure.why, Why::Unreachable(why) if why == "nobody listens");
        assert_eq!(unreachable, !comes_back, "{failure}");
    }
}
