//! Huawei Cloud OBS: its own protocol and the S3-compatible one, chosen per request by the authentication ([`face`]).
//!
//! What differs from Amazon S3, and trips ports of S3 fakes: parts may be 100 KiB small, which is checked on complete
//! only; only the initiator may upload parts and complete; a second abort is 404; an open upload keeps its bucket from
//! being deleted; the error document's details follow `HostId`; an object remembers the upload it was completed from.

mod acl;
mod address;
mod aside;
mod body;
mod errors;
mod face;
mod known;
mod listing;
mod route;
mod sign;

use super::{
    Address, Asked, Context, Dialect, Keyring, Located, Realm, Routed, Scene, Signed, aws_v4, documents,
    row::{ErrorRow, Wording},
    signing::Proof,
};
use crate::{
    store::{
        AbortRight, AclOfNoBucket, Action, BucketKind, CopiesInBucket, ETag, Entropy, Flaws, FramedBodies, Gaps,
        KeysListed, LateParts, Lifecycle, ListRead, Manifest, Md5, Metadata, ObjectLists, Op, Outcome, Recreate,
        Refusal, Rules, Timestamp, UploadId, WriteRight, own_action, plain_digest,
    },
    wire::{
        digest::md5,
        encode::{base64, hex, hex_upper},
        head::Head,
        query::Plus,
        reply::Reply,
    },
};
use face::Face;

/// The dialect of Huawei Cloud OBS.
pub struct Obs;

impl Dialect for Obs {
    fn scene(&self) -> Scene {
        Scene {
            region: "cn-north-4",
            service_host: |region| format!("obs.{region}.myhuaweicloud.com"),
            bucket: "examplebucket",
            key_prefix: "OBSFAKE",
            owner: (OWNER, "demo-account"),
            stranger: ("9f8e7d6c5b4a39281706f5e4d3c2b1a0", "other-account"),
            user_id: |account, user| match (account, user) {
                (OWNER, 0) => "f9e8d7c6b5a493827160f5e4d3c2b1a0".to_owned(),
                _ => hex(md5(format!("{account}/{user}"))),
            },
        }
    }

    /// Who may write to an upload, or end it, is compared by user: `domainID/..:userID/..` is what the service records
    /// as the initiator.
    ///
    /// # Source
    /// "Uploading Parts", "Assembling Uploaded Parts", "Canceling a Multipart Upload Task",
    /// <https://support.huaweicloud.com/api-obs/>: the initiator may upload and complete, the initiator or the
    /// bucket owner may cancel. Doubt: whether another user of the initiator's account counts as the initiator. No page
    /// says; the strict reading is taken, because a client that passes it passes the lenient one too.
    ///
    /// Late parts fail. Doubt: "Aborting a Multipart Upload", SDK for BrowserJS,
    /// <https://support.huaweicloud.com/intl/th-th/sdk-browserjs-devg-obs/obs_24_1904.html>, read 2026-11-21, says that a part
    /// in flight at the abort may succeed or fail, and to abort again after the last part. The API reference says that an
    /// aborted upload takes no parts. The API reference is followed, so that tests repeat; [`LateParts::Either`] plays both.
    ///
    /// Doubt: what an anonymous request to cancel an upload that does not exist is answered. The page lists the refusal of
    /// those who are neither initiator nor owner behind the lookup of the bucket, and names no other permission: so the
    /// upload is looked up first, and the reply is 404.
    ///
    /// "48.8 TB" for an object is read as 48.8 * 1024^4 bytes, a little less than 10,000 parts of 5 GiB.
    fn rules(&self) -> Rules {
        Rules {
            min_part_size: 100 << 10,
            max_part_size: 5 << 30,
            max_object_size: 488 * (1 << 40) / 10,
            max_appends: 10_000,
            copies_in_bucket: CopiesInBucket::Limited,
            max_buckets: 100,
            max_page: 1000,
            late_parts: LateParts::Fail,
            abort_right: AbortRight::InitiatorOwnerOrGranted,
            write_right: WriteRight::Initiator,
            list_read: ListRead::BeforeLookup,
            flaws: Flaws::MissingFirst,
            gaps: Gaps::Allowed,
            recreate: Recreate::Succeeds,
            acl_of_no_bucket: AclOfNoBucket::Refused,
            tag_digest: plain_digest,
            archived: &["COLD", "DEEP_ARCHIVE"],
            object_lists: ObjectLists::Reading,
            account_number: |_| None,
            framed_bodies: FramedBodies::Refused,
            upload_id,
            action,
        }
    }

    /// No SDK sends a bare plus, and tokens in signed URLs may hold one.
    fn plus(&self) -> Plus {
        Plus::Plus
    }

    /// Clients of S3 send a plus for a blank, and sign the blank: object_store lists `prefix=foo+bar%2F`, and so does every
    /// client of a library that encodes queries as forms.
    ///
    /// # Source
    /// `list_paginated` in `src/client/s3.rs`, and `serde_urlencoded`, which reqwest writes queries with,
    /// <https://github.com/apache/arrow-rs-object-store>.
    fn plus_in(&self, head: &Head, keys: &Keyring) -> Plus {
        match Face::of(head) {
            Face::Aws if aws_v4::claimed_key(head).is_some() => aws_v4::plus(head, keys),
            Face::Obs | Face::Aws => self.plus(),
        }
    }

    fn header_names(&self) -> &'static [&'static str] {
        &["x-amz-uploadId", "x-obs-uploadId"]
    }

    fn address(&self, head: &Head, realm: &Realm) -> Result<Located, Refusal> {
        address::locate(head, realm)
    }

    fn claimed_key(&self, head: &Head) -> Option<String> {
        sign::claimed_key(head)
    }

    fn prove<'a>(&self, signed: &Signed<'a>) -> Result<Option<Proof<'a>>, Refusal> {
        sign::prove(signed)
    }

    fn route(&self, head: &Head, address: &Address) -> Result<Op, Refusal> {
        route::route(head, address)
    }

    fn read(&self, routed: &Routed<'_>) -> Result<Box<Asked>, Refusal> {
        route::read(routed.op, routed.head, &routed.located.address, routed.rules)
    }

    /// A body of blanks is no missing body but one that does not parse.
    fn manifest(&self, body: &[u8]) -> Result<Manifest, Refusal> {
        match documents::manifest(body) {
            Err(Refusal::MissingBody) if !body.is_empty() => Err(Refusal::MalformedXml),
            read => read,
        }
    }

    fn tags(&self, body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
        aside::check_tags(documents::tags(body)?)
    }

    fn keys(&self, body: &[u8]) -> Result<KeysListed, Refusal> {
        aside::keys(body)
    }

    fn lifecycle(&self, body: &[u8]) -> Result<Lifecycle, Refusal> {
        aside::lifecycle(body)
    }

    fn bucket_configuration(&self, body: &[u8], realm: &Realm) -> Result<BucketKind, Refusal> {
        route::bucket_configuration(body, realm)
    }

    fn inherited(&self, source: &Metadata) -> Metadata {
        face::inherited(source)
    }

    fn etag(&self, md5: &Md5) -> ETag {
        ETag::new(hex(md5))
    }

    /// MD5 over the digests of the parts.
    ///
    /// # Source
    /// Measured in <https://bbs.huaweicloud.com/forum/> thread 9785. Doubt: one sample of 2014 in the S3-compatible API
    /// reference ("Complete Multipart Upload") hashes the digests as text; old clusters may have done so.
    fn completed_etag(&self, _: &UploadId, manifest: &Manifest) -> ETag {
        let digests: Vec<u8> = manifest.0.iter().filter_map(|part| part.md5).flatten().collect();
        ETag::new(format!("{}-{}", hex(md5(digests)), manifest.0.len()))
    }

    fn render(&self, context: &Context<'_>, asked: &Asked, outcome: &Outcome) -> Reply {
        body::render(context, asked, outcome)
    }

    fn refuse(&self, context: &Context<'_>, refusal: &Refusal) -> Reply {
        errors::refuse(context, refusal)
    }

    fn word(&self, context: &Context<'_>, wording: &Wording<'_>) -> Reply {
        errors::word(context, wording)
    }

    fn rows(&self) -> &'static [ErrorRow] {
        errors::ROWS
    }

    fn row(&self, head: &Head, refusal: &Refusal) -> &'static ErrorRow {
        errors::row(Face::of(head), refusal)
    }
}

/// The account that owns the bucket.
const OWNER: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// 16 upper-case hex digits of the time in milliseconds, and 16 more: ids of one key list in the order of initiation.
fn upload_id(now: Timestamp, Entropy([.., rising]): Entropy) -> UploadId {
    UploadId::new(timed_id(now, rising))
}

/// In the same form as an upload id.
fn request_id(context: &Context<'_>) -> String {
    let Entropy([entropy, ..]) = context.entropy;
    timed_id(context.date, entropy)
}

fn timed_id(at: Timestamp, entropy: u64) -> String {
    let millis = at.as_millis().max(0) as u64;
    hex_upper([millis, entropy].map(u64::to_be_bytes).as_flattened())
}

/// `x-obs-id-2`: 64 characters of base64, the first 34 of which are always alike.
fn host_id(context: &Context<'_>) -> String {
    let Entropy(entropy) = context.entropy;
    let unique = base64(entropy.map(u64::to_be_bytes).as_flattened());
    ["32AAAQAAEAABAAAQAAEAABAAAQAAEAABCS", &unique[..30]].concat()
}

/// Initiating, uploading and completing all need `obs:object:PutObject`.
///
/// # Source
/// "Bucket Policy", <https://support.huaweicloud.com/api-obs/>: the list of actions.
fn action(op: Op) -> Option<Action> {
    match op {
        Op::Initiate | Op::UploadPart | Op::UploadPartCopy | Op::Complete => Some(Action::PutObject),
        Op::HeadObject => Some(Action::GetObject),
        _ => own_action(op),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_services_form() {
        let id = upload_id(Timestamp::from_millis(1_701_520_035_099), Entropy([0, 0, 0, 0xab]));
        assert_eq!(id.as_str(), "0000018C2A7F4D1B00000000000000AB");
        assert_eq!(upload_id(Timestamp::from_millis(-1), Entropy([0; 4])).as_str(), "0".repeat(32));
    }

    #[test]
    fn every_user_has_an_id_of_its_own() {
        let Scene { owner, stranger, user_id, .. } = Obs.scene();
        let ids = [(owner.0, 0), (owner.0, 1), (stranger.0, 0), (stranger.0, 1)].map(|(of, user)| user_id(of, user));
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|digit| b"0123456789abcdef".contains(&digit))));
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(ids[0], "f9e8d7c6b5a493827160f5e4d3c2b1a0");
    }
}
