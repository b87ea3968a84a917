//! Who may do what to which upload: every kind of upload id, by everybody, in every request about one upload, through both
//! protocols of each provider. What is expected follows from the few rules in [`expected`].

use std::{
    fmt::{Debug, Write},
    time::Duration,
};

use bytes::Bytes;
use fake_bucket::{Action, Credentials, Fake, Grants, Provider, Snapshot, UploadStatus};

use crate::{
    PROVIDERS,
    signer::{HOST, Protocol, Unsigned, escape, sign},
};

/// Which upload a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Live,
    Unknown,
    Malformed,
    Empty,
    Aborted,
    Completed,
    UnderAnotherKey,
    InAnotherBucket,
    InAMissingBucket,
}

const NAMED: [Named; 9] = [
    Named::Live,
    Named::Unknown,
    Named::Malformed,
    Named::Empty,
    Named::Aborted,
    Named::Completed,
    Named::UnderAnotherKey,
    Named::InAnotherBucket,
    Named::InAMissingBucket,
];

/// Who asks. The upload is the owner's unless the name says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Owner,
    /// A sub-account that may do all but abort.
    Writer,
    /// The same, of its own upload.
    WriterOfItsOwn,
    /// A sub-account that may do everything.
    Granted,
    /// A sub-account that may do nothing.
    Ungranted,
    /// A sub-account that initiated the upload, and may do nothing any more.
    InitiatorWithoutGrant,
    Stranger,
    /// The root of another account that may do all but abort, and initiated the upload.
    StrangerOfItsOwn,
    Anonymous,
    /// The owner, by an access key that was revoked.
    RevokedKey,
    /// The owner, by a security token that has expired.
    ExpiredToken,
}

const EVERYBODY: [Who; 11] = [
    Who::Owner,
    Who::Writer,
    Who::WriterOfItsOwn,
    Who::Granted,
    Who::Ungranted,
    Who::InitiatorWithoutGrant,
    Who::Stranger,
    Who::StrangerOfItsOwn,
    Who::Anonymous,
    Who::RevokedKey,
    Who::ExpiredToken,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Abort,
    UploadPart,
    UploadPartCopy,
    ListParts,
    Complete,
}

const WHATS: [What; 5] = [What::Abort, What::UploadPart, What::UploadPartCopy, What::ListParts, What::Complete];

impl Who {
    /// The principal that asks.
    fn principal(self) -> &'static str {
        match self {
            Self::Owner | Self::RevokedKey | Self::ExpiredToken => "owner",
            Self::Writer | Self::WriterOfItsOwn => "writer",
            Self::Granted => "granted",
            Self::Ungranted => "ungranted",
            Self::InitiatorWithoutGrant => "lapsed",
            Self::Stranger | Self::StrangerOfItsOwn => "stranger",
            Self::Anonymous => "anonymous",
        }
    }

    /// The principal that initiated the upload.
    fn initiator(self) -> &'static str {
        match self {
            Self::WriterOfItsOwn | Self::InitiatorWithoutGrant | Self::StrangerOfItsOwn => self.principal(),
            _ => "owner",
        }
    }

    /// Whether the principal may do this in the bucket by its grants, or owns the bucket.
    fn is_granted(self, what: What) -> bool {
        match self {
            Self::Owner | Self::Granted | Self::RevokedKey | Self::ExpiredToken => true,
            Self::Writer | Self::WriterOfItsOwn | Self::StrangerOfItsOwn => what != What::Abort,
            Self::Ungranted | Self::InitiatorWithoutGrant | Self::Stranger | Self::Anonymous => false,
        }
    }
}

/// What a request is answered: the status, and the code of a refusal.
type Answer = (u16, Option<&'static str>);

const DENIED: Answer = (403, Some("AccessDenied"));
const NO_SUCH_UPLOAD: Answer = (404, Some("NoSuchUpload"));

/// The rules, in the order in which they count. They are the same in both protocols.
fn expected(provider: Provider, named: Named, who: Who, what: What) -> Answer {
    let obs = provider == Provider::Obs;
    // OSS looks for the bucket before it looks at the access key.
    if provider == Provider::Oss && named == Named::InAMissingBucket {
        return (404, Some("NoSuchBucket"));
    }
    match who {
        Who::RevokedKey => return (403, Some("InvalidAccessKeyId")),
        Who::ExpiredToken => {
            return match provider {
                Provider::Oss => (403, Some("SecurityTokenExpired")),
                _ => (400, Some("ExpiredToken")),
            };
        }
        _ => {}
    }
    if named == Named::InAMissingBucket {
        return (404, Some("NoSuchBucket"));
    }
    // Whether an abort is allowed depends on the upload where its initiator may abort.
    let depends_on_the_upload = obs && what == What::Abort;
    if !who.is_granted(what) && !depends_on_the_upload {
        return DENIED;
    }
    if named == Named::Empty {
        match provider {
            Provider::Oss => return (400, Some("InvalidArgument")),
            Provider::Cos if what == What::ListParts => return (400, Some("ListPartUploadIdIsEmpty")),
            _ => {}
        }
    }
    if named != Named::Live {
        return NO_SUCH_UPLOAD;
    }
    let initiated = who.principal() == who.initiator();
    let allowed = match what {
        What::Abort => !obs || initiated || who.is_granted(what),
        What::UploadPart | What::UploadPartCopy | What::Complete => !obs || initiated,
        What::ListParts => true,
    };
    match (allowed, what) {
        (false, _) => DENIED,
        (true, What::Abort) => (204, None),
        (true, _) => (200, None),
    }
}

const PART: &str = "0123456789";
const ETAG: &str = "781e5e245d69b566979b86e28d23f2c7";
const REVOKED: (&str, &str) = ("REVOKEDKEY", "a-secret");

/// A fake in which all kinds of uploads are there, and the id of the one a request is to name.
struct Scene {
    fake: Fake,
    id: String,
    keys: Option<Credentials>,
}

impl Scene {
    fn new(provider: Provider, named: Named, who: Who) -> Self {
        let second = if provider == Provider::Cos { "second-1250000000" } else { "secondbucket" };
        let fake = Fake::of(provider)
            .bucket(second)
            .sub_account("granted", Grants::all())
            .sub_account("ungranted", Grants::none())
            .sub_account("lapsed", Grants::all())
            .access_key("owner", REVOKED.0, REVOKED.1)
            .seed(7)
            .verify_on_drop(false)
            .build();
        let mut scene = Self { fake, id: String::new(), keys: None };
        if who.principal() == "stranger" {
            scene.fake.grant("stranger", Grants::all());
        }
        let first = scene.fake.bucket().to_owned();
        scene.done("owner", "PUT", &format!("/{first}/k"), "was here before");
        scene.done("owner", "PUT", &format!("/{first}/source"), "a source");
        let initiator = who.initiator();
        let live = scene.upload(initiator, &first, "k");
        let aborted = scene.upload(initiator, &first, "k");
        scene.done("owner", "DELETE", &format!("/{first}/k?uploadId={aborted}"), "");
        let completed = scene.upload(initiator, &first, "k");
        scene.done(initiator, "POST", &format!("/{first}/k?uploadId={completed}"), &list_of_parts());
        let other_key = scene.upload(initiator, &first, "other");
        let other_bucket = scene.upload(initiator, second, "k");
        match who {
            Who::InitiatorWithoutGrant => scene.fake.grant("lapsed", Grants::none()),
            Who::Stranger => scene.fake.grant("stranger", Grants::none()),
            Who::StrangerOfItsOwn => {
                scene.fake.grant("stranger", Grants::all().without(Action::AbortMultipartUpload));
            }
            _ => {}
        }
        scene.keys = scene.keys_of(who);
        scene.id = match named {
            Named::Live | Named::InAMissingBucket => live,
            Named::Unknown => {
                let last = if live.ends_with('0') { "1" } else { "0" };
                format!("{}{last}", &live[..live.len() - 1])
            }
            Named::Malformed => "<no id & \"none\"> %".to_owned(),
            Named::Empty => String::new(),
            Named::Aborted => aborted,
            Named::Completed => completed,
            Named::UnderAnotherKey => other_key,
            Named::InAnotherBucket => other_bucket,
        };
        scene
    }

    /// The keys of whoever asks, brought into the state in which they are used.
    fn keys_of(&self, who: Who) -> Option<Credentials> {
        let fake = &self.fake;
        match who {
            Who::Anonymous => None,
            Who::RevokedKey => {
                assert!(fake.revoke_key(REVOKED.0), "there was such a key");
                let mut keys = fake.owner();
                keys.access_key_id = REVOKED.0.to_owned();
                Some(keys)
            }
            Who::ExpiredToken => {
                let keys = fake.temporary(&fake.owner(), Duration::from_secs(60));
                fake.advance_clock(Duration::from_secs(61));
                Some(keys)
            }
            _ => Some(fake.credentials(who.principal())),
        }
    }

    /// Initiates an upload with parts 1 and 2, and returns its id.
    fn upload(&self, by: &str, bucket: &str, key: &str) -> String {
        let reply = self.done(by, "POST", &format!("/{bucket}/{key}?uploads"), "");
        let (_, rest) = reply.split_once("<UploadId>").expect("an upload id");
        let id = rest.split_once('<').expect("its end").0.to_owned();
        for number in [1, 2] {
            self.done(by, "PUT", &format!("/{bucket}/{key}?partNumber={number}&uploadId={id}"), PART);
        }
        id
    }

    /// Does something that must succeed, without signing it.
    fn done(&self, who: &str, method: &str, target: &str, body: &str) -> String {
        let request = http::Request::builder().method(method).uri(target).header("host", HOST);
        let request = request.header("content-length", body.len()).body(Bytes::copy_from_slice(body.as_bytes()));
        let reply = self.fake.answer_as(who, request.expect("a request"));
        let text = String::from_utf8_lossy(reply.body()).into_owned();
        assert!(reply.status().is_success(), "{who} {method} {target}: {} {text}", reply.status());
        text
    }

    /// Sends the request of a cell, signed.
    fn ask(&self, protocol: Protocol, named: Named, what: What) -> (u16, Option<String>) {
        let provider = self.fake.provider();
        let bucket = match (named, provider) {
            (Named::InAMissingBucket, Provider::Cos) => "missing-1250000000",
            (Named::InAMissingBucket, _) => "missingbucket",
            _ => self.fake.bucket(),
        };
        let path = format!("/{bucket}/k");
        let (method, number, body) = match what {
            What::Abort => ("DELETE", None, String::new()),
            What::UploadPart => ("PUT", Some("3"), PART.to_owned()),
            What::UploadPartCopy => ("PUT", Some("3"), String::new()),
            What::ListParts => ("GET", None, String::new()),
            What::Complete => ("POST", None, list_of_parts()),
        };
        let mut query: Vec<_> = number.map(|number| ("partNumber", number)).into_iter().collect();
        query.push(("uploadId", &self.id));
        let prefix = match protocol {
            Protocol::S3 if self.keys.is_some() => "amz",
            _ => provider.name(),
        };
        let mut headers = vec![("content-length".to_owned(), body.len().to_string())];
        if what == What::UploadPartCopy {
            headers.push((format!("x-{prefix}-copy-source"), format!("/{}/source", self.fake.bucket())));
        }
        if let Some(keys) = &self.keys {
            let request = Unsigned { method, path: &path, query: &query, headers };
            headers = sign(provider, protocol, keys, self.fake.region(), request);
        }
        let pairs: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let mut request = http::Request::builder().method(method).uri(format!("{path}?{}", pairs.join("&")));
        for (name, value) in [("host".to_owned(), HOST.to_owned())].iter().chain(&headers) {
            request = request.header(name, value);
        }
        let reply = self.fake.answer(request.body(Bytes::from(body)).expect("a request"));
        let text = String::from_utf8_lossy(reply.body()).into_owned();
        let code =
            text.split_once("<Code>").and_then(|(_, rest)| rest.split_once('<')).map(|(code, _)| code.to_owned());
        (reply.status().as_u16(), code)
    }
}

fn list_of_parts() -> String {
    let part = format!("<Part><PartNumber>1</PartNumber><ETag>{ETAG}</ETag></Part>");
    format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>")
}

/// Says what a request has changed that it must not have, if anything.
fn wrongly_changed(before: &Snapshot, after: &Snapshot, id: &str, answer: Answer, what: What) -> Option<String> {
    let mut rest = before.clone();
    if answer.1.is_some() || what == What::ListParts {
        return (rest != *after).then(|| format!("the state changed from {before:?} to {after:?}"));
    }
    let at = before.uploads.iter().position(|upload| upload.upload_id == id).expect("the upload");
    let (was, is) = (&before.uploads[at], &after.uploads[at]);
    let numbers = |parts: &[fake_bucket::PartRecord]| parts.iter().map(|part| part.number).collect::<Vec<_>>();
    assert_eq!(numbers(was.parts()), [1, 2]);
    let object = |snapshot: &Snapshot| snapshot.objects.iter().position(|object| object.key == "k").expect("an object");
    let as_it_should = match (&is.state, what) {
        (UploadStatus::Aborted { freed, lingering, .. }, What::Abort) => *freed == [1, 2] && lingering.is_empty(),
        (UploadStatus::Open { parts, .. }, What::UploadPart | What::UploadPartCopy) => numbers(parts) == [1, 2, 3],
        (UploadStatus::Completed { used, unused, .. }, What::Complete) => {
            let new = &after.objects[object(after)];
            rest.objects[object(before)] = new.clone();
            *used == [1] && *unused == [2] && new.upload_id.as_deref() == Some(id) && new.size == 10
        }
        _ => false,
    };
    rest.uploads[at] = is.clone();
    match (as_it_should, rest == *after) {
        (false, _) => Some(format!("the upload became {is:?}")),
        (true, false) => Some(format!("more changed than the upload: {before:?} to {after:?}")),
        (true, true) => None,
    }
}

fn judge(scene: &Scene, protocol: Protocol, named: Named, who: Who, what: What) -> Result<(), String> {
    let before = scene.fake.snapshot();
    let (status, code) = scene.ask(protocol, named, what);
    let answer = expected(scene.fake.provider(), named, who, what);
    if (status, code.as_deref()) != answer {
        return Err(format!("{status} {code:?} instead of {answer:?}"));
    }
    wrongly_changed(&before, &scene.fake.snapshot(), &scene.id, answer, what).map_or(Ok(()), Err)
}

fn cell(parts: &[&dyn Debug]) -> String {
    parts.iter().fold(String::new(), |mut text, part| {
        let _ = write!(text, "{part:?} ");
        text
    })
}

fn judge_all(provider: Provider, protocol: Protocol) {
    let (mut cells, mut wrong) = (0, Vec::new());
    for (named, who) in NAMED.into_iter().flat_map(|named| EVERYBODY.map(|who| (named, who))) {
        // A refused request changes nothing, or the cell is wrong: the next one may be sent to the same fake.
        let mut scene = None;
        for what in WHATS {
            cells += 1;
            let current = scene.take().unwrap_or_else(|| Scene::new(provider, named, who));
            match judge(&current, protocol, named, who, what) {
                Ok(()) if expected(provider, named, who, what).1.is_some() => scene = Some(current),
                Ok(()) => {}
                Err(why) => wrong.push(format!("{}{why}", cell(&[&provider, &protocol, &named, &who, &what]))),
            }
        }
    }
    assert_eq!(cells, 9 * 11 * 5);
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_cell_of_cos() {
    judge_all(Provider::Cos, Protocol::Native);
}

#[test]
fn every_cell_of_the_s3_compatible_protocol_of_cos() {
    judge_all(Provider::Cos, Protocol::S3);
}

#[test]
fn every_cell_of_oss() {
    judge_all(Provider::Oss, Protocol::Native);
}

#[test]
fn every_cell_of_the_s3_compatible_protocol_of_oss() {
    judge_all(Provider::Oss, Protocol::S3);
}

#[test]
fn every_cell_of_obs() {
    judge_all(Provider::Obs, Protocol::Native);
}

#[test]
fn every_cell_of_the_s3_compatible_protocol_of_obs() {
    judge_all(Provider::Obs, Protocol::S3);
}

/// A request is answered in the protocol it is asked in, so that the table does not test one of them twice.
#[test]
fn the_signature_chooses_the_protocol() {
    for provider in PROVIDERS {
        let scene = Scene::new(provider, Named::Live, Who::Owner);
        let keys = scene.fake.owner();
        for (protocol, prefix) in
            [(Protocol::Native, format!("x-{}-", provider.name())), (Protocol::S3, "x-amz-".into())]
        {
            let path = format!("/{}/k", scene.fake.bucket());
            let unsigned = Unsigned { method: "DELETE", path: &path, query: &[("uploadId", "x")], headers: Vec::new() };
            let headers = sign(provider, protocol, &keys, scene.fake.region(), unsigned);
            let mut request = http::Request::delete(format!("{path}?uploadId=x")).header("host", HOST);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let reply = scene.fake.answer(request.body(Bytes::new()).expect("a request"));
            assert_eq!(reply.status(), 404);
            let id = reply.headers().keys().find(|name| name.as_str().ends_with("request-id")).expect("an id");
            assert!(id.as_str().starts_with(&prefix), "{} {protocol:?}: {id}", provider.name());
        }
    }
}
