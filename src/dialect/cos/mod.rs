//! Tencent Cloud COS: the XML API.
//!
//! What differs from Amazon S3, and trips ports of S3 fakes: the entity tag of a completed object depends on the upload
//! and not only on its parts, small parts are refused on complete only, most documents have neither a declaration nor a
//! namespace, each operation needs an action of its own, a second abort is 404.

mod acl;
mod address;
mod body;
mod content_type;
mod errors;
mod face;
mod lists;
mod route;
mod settings;
mod sign;
mod sign_earlier;

use face::Face;

use super::{
    Address, Asked, Context, Dialect, Keyring, Located, Realm, Routed, Scene, Signed,
    row::{ErrorRow, Wording},
    signing::Proof,
};
use crate::{
    store::{
        AbortRight, AclOfNoBucket, BucketKind, CopiesInBucket, ETag, Entropy, Flaws, FramedBodies, Gaps, KeysListed,
        LateParts, Lifecycle, ListRead, Manifest, Md5, Metadata, ObjectLists, Op, Outcome, Recreate, Refusal, Rules,
        Timestamp, UploadId, WriteRight, own_action,
    },
    wire::{
        digest::md5,
        encode::{base64, hex, push_hex},
        head::Head,
        query::Plus,
        reply::Reply,
        xml,
    },
};

/// What is said of buckets that are kept in more than one zone.
///
/// # Source
/// "PUT Bucket", <https://cloud.tencent.com/document/product/436/7738>.
const SEVERAL_ZONES: &str = "MAZ";

/// The dialect of Tencent Cloud COS.
pub struct Cos;

impl Dialect for Cos {
    fn scene(&self) -> Scene {
        Scene {
            region: "ap-guangzhou",
            service_host: |region| format!("cos.{region}.myqcloud.com"),
            bucket: "examplebucket-1250000000",
            key_prefix: "AKIDFake",
            owner: ("100000000001", "1250000000"),
            stranger: ("200000000001", "1260000000"),
            user_id: |account, user| match user {
                0 => account.to_owned(),
                _ => (100_000_000_010 + user as u64).to_string(),
            },
        }
    }

    /// A new bucket has to carry the APPID of the account that creates it.
    ///
    /// # Source
    /// "Bucket Overview", <https://cloud.tencent.com/document/product/436/13312>, for the form of names; "ACL",
    /// <https://cloud.tencent.com/document/product/436/30752>, where only buckets have a permission to write. Doubt: what a
    /// request to create a bucket with the APPID of another account is answered; it is refused here, as access that is
    /// denied, and so that a client which leaves out to configure the APPID does not pass.
    fn rules(&self) -> Rules {
        Rules {
            min_part_size: 1 << 20,
            max_part_size: 5 << 30,
            max_object_size: 10_000 * (5 << 30),
            max_appends: usize::MAX,
            copies_in_bucket: CopiesInBucket::Limited,
            max_buckets: 200,
            max_page: 1000,
            late_parts: LateParts::Fail,
            abort_right: AbortRight::Granted,
            write_right: WriteRight::Granted,
            list_read: ListRead::AfterLookup,
            flaws: Flaws::MissingFirst,
            gaps: Gaps::Allowed,
            recreate: Recreate::Conflicts,
            acl_of_no_bucket: AclOfNoBucket::Refused,
            tag_digest,
            archived: &["ARCHIVE", "DEEP_ARCHIVE"],
            object_lists: ObjectLists::Reading,
            account_number,
            framed_bodies: FramedBodies::Refused,
            upload_id,
            action: own_action,
        }
    }

    /// Itself: the vendor's Node SDK puts tokens into URLs as they are.
    ///
    /// # Source
    /// <https://github.com/tencentyun/cos-nodejs-sdk-v5> (3.0.0).
    fn plus(&self) -> Plus {
        Plus::Plus
    }

    /// The vendor's Python SDK sends `prefix=a+b` for `a b`, and signs `a%20b`: what was signed is what was meant. S3's
    /// clients never mean a plus.
    ///
    /// # Source
    /// <https://github.com/tencentyun/cos-python-sdk-v5> (1.9.44).
    fn plus_in(&self, head: &Head, keys: &Keyring) -> Plus {
        match Face::of(head) {
            Face::Cos => sign::plus(head, keys),
            Face::Aws => Plus::Blank,
        }
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
        route::route(&Face::of(head).native(head), address)
    }

    fn read(&self, routed: &Routed<'_>) -> Result<Box<Asked>, Refusal> {
        let face = Face::of(routed.head);
        face.check_headers(routed.head)?;
        let native = face.native(routed.head);
        route::read(face, &Routed { head: &native, ..*routed })
    }

    /// Only a body of no bytes is missing; one of blanks is there, and no XML.
    fn manifest(&self, body: &[u8]) -> Result<Manifest, Refusal> {
        match super::documents::manifest(body) {
            Err(Refusal::MissingBody) if !body.is_empty() => Err(Refusal::MalformedXml),
            manifest => manifest,
        }
    }

    fn keys(&self, body: &[u8]) -> Result<KeysListed, Refusal> {
        super::documents::keys(body)
    }

    fn lifecycle(&self, body: &[u8]) -> Result<Lifecycle, Refusal> {
        settings::lifecycle(body)
    }

    /// A configuration says in how many zones a bucket is kept, which changes nothing here but is shown; or, in S3's words, in which
    /// region.
    fn bucket_configuration(&self, body: &[u8], realm: &Realm) -> Result<BucketKind, Refusal> {
        if body.is_empty() {
            return Ok(BucketKind::default());
        }
        let root = xml::parse(body).filter(|root| root.name == "CreateBucketConfiguration");
        let root = root.ok_or(Refusal::MalformedXml)?;
        match root.child_text("LocationConstraint") {
            Some(given) if !given.is_empty() && given != realm.region => {
                Err(Refusal::WrongLocation { given: given.to_owned() })
            }
            _ => {
                let zones = root.child_text("BucketAZConfig").filter(|zones| *zones == SEVERAL_ZONES);
                Ok(BucketKind { redundancy: zones.map(str::to_owned), ..BucketKind::default() })
            }
        }
    }

    fn inherited(&self, source: &Metadata) -> Metadata {
        route::inherited(source)
    }

    fn etag(&self, md5: &Md5) -> ETag {
        ETag::new(hex(md5))
    }

    /// MD5 over the upload id and the digests of the parts.
    ///
    /// Doubt: how COS makes it is not known. It is not the rule of S3, and uploads of the same bytes came out with
    /// different tags, so it depends on more than content; nobody can predict it, and no test should.
    ///
    /// # Source
    /// The samples of "Complete Multipart Upload", <https://cloud.tencent.com/document/product/436/7742>.
    fn completed_etag(&self, upload: &UploadId, manifest: &Manifest) -> ETag {
        let digests = manifest.0.iter().filter_map(|part| part.md5).flatten();
        let hashed: Vec<u8> = upload.as_str().bytes().chain(digests).collect();
        ETag::new(format!("{}-{}", hex(md5(hashed)), manifest.0.len()))
    }

    fn render(&self, context: &Context<'_>, asked: &Asked, outcome: &Outcome) -> Reply {
        Face::of(context.head).reply(body::render(context, asked, outcome))
    }

    fn refuse(&self, context: &Context<'_>, refusal: &Refusal) -> Reply {
        Face::of(context.head).reply(errors::refuse(context, refusal))
    }

    fn word(&self, context: &Context<'_>, wording: &Wording<'_>) -> Reply {
        Face::of(context.head).reply(errors::word(context, wording, Vec::new()))
    }

    fn rows(&self) -> &'static [ErrorRow] {
        errors::ROWS
    }

    fn row(&self, _: &Head, refusal: &Refusal) -> &'static ErrorRow {
        errors::row(refusal)
    }
}

/// The time in Unix seconds, 10 decimal digits, and 64 lower-case hex digits: ids of one key list in the order of initiation.
///
/// # Source
/// The samples of "Initiate Multipart Upload", <https://cloud.tencent.com/document/product/436/7746>.
fn upload_id(now: Timestamp, Entropy([a, b, c, rising]): Entropy) -> UploadId {
    let seconds = now.as_secs().clamp(0, 9_999_999_999);
    let rest = hex([rising, a, b, c].map(u64::to_be_bytes).as_flattened());
    UploadId::new(format!("{seconds:010}{rest}"))
}

/// What is encrypted by a managed key has an entity tag that is not its MD5, though it looks like one.
///
/// Doubt: what it is instead is not known; nobody can predict it, and no test should.
///
/// # Source
/// "Upload Part", <https://cloud.tencent.com/document/product/436/7750>.
fn tag_digest(metadata: &Metadata, plain: &Md5) -> Md5 {
    let [algorithm, ..] = route::SERVICE_KEYS;
    let managed = metadata.headers.iter().any(|(name, value)| name == algorithm && value == route::MANAGED);
    if managed { md5([route::MANAGED.as_bytes(), plain].concat()) } else { *plain }
}

/// The APPID that the name of a bucket ends in.
fn account_number(bucket: &str) -> Option<&str> {
    bucket.rsplit_once('-').map(|(_, number)| number)
}

/// Base64 of four hex numbers: the time in Unix seconds, and three that have no known meaning.
fn request_id(context: &Context<'_>) -> String {
    let Entropy([entropy, ..]) = context.entropy;
    let (front, connection, serial) = (entropy >> 32, entropy >> 16 & 0xffff, entropy & 0xffff);
    let mut id = String::with_capacity(32);
    push_hex(&mut id, context.date.as_secs() as u64, 1);
    for (number, width) in [(front, 8), (connection, 1), (serial, 1)] {
        id.push('_');
        push_hex(&mut id, number, width);
    }
    base64(id)
}

/// Base64 of 128 hex digits.
fn trace_id(context: &Context<'_>) -> String {
    let Entropy([a, b, c, d]) = context.entropy;
    base64(hex([a, b, c, d].map(u64::to_be_bytes).as_flattened()).repeat(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::{ListedPart, PartNumber},
        wire::encode::unhex,
    };

    #[test]
    fn upload_ids_begin_with_the_second() {
        let id = upload_id(Timestamp::from_secs(1_700_000_000), Entropy([1, 2, 3, u64::MAX]));
        let rest = "ffffffffffffffff000000000000000100000000000000020000000000000003";
        assert_eq!(id.as_str(), format!("1700000000{rest}"));
        assert_eq!(upload_id(Timestamp::from_millis(i64::MAX), Entropy([0; 4])).as_str().len(), 74);
    }

    #[test]
    fn completed_tags_depend_on_the_upload() {
        let part = |text: &str| ListedPart { number: PartNumber::FIRST, etag: text.to_owned(), md5: unhex(text) };
        let tags = ["e6065c4aa2ab1603008fc18410f579d4", "eccd8bd2e81d8880ac3011ccdc27a75b"];
        let manifest = Manifest(tags.map(part).to_vec());
        let tag = |id: &str| Cos.completed_etag(&UploadId::new(id), &manifest);
        let id = "1700000000d3eb49723c3d3f5ec2e229be6069b625bc1bb4098417c7f1b2b0e54c041c2b8e";
        assert_eq!(tag(id).as_str(), "eed06f06a543ab237ee17762fa610a4d-2");
        assert_ne!(tag(id), tag("another"));
    }

    #[test]
    fn every_user_has_an_id_of_its_own() {
        let Scene { user_id, owner: (owner, _), .. } = Cos.scene();
        assert_eq!([0, 1, 90].map(|user| user_id(owner, user)), ["100000000001", "100000000011", "100000000100"]);
    }

    #[test]
    fn configurations_of_buckets() {
        let realm = Realm { region: String::new(), service_host: String::new(), domains: [].into() };
        let read = |text: &str| Cos.bucket_configuration(text.as_bytes(), &realm);
        assert_eq!(read(""), Ok(BucketKind::default()));
        assert_eq!(read("<CreateBucketConfiguration/>"), Ok(BucketKind::default()));
        let zones = |zones: &str| {
            let text = format!(
                "<CreateBucketConfiguration><BucketAZConfig>{zones}</BucketAZConfig></CreateBucketConfiguration>"
            );
            read(&text).unwrap().redundancy
        };
        assert_eq!((zones("MAZ").as_deref(), zones("OAZ")), (Some("MAZ"), None));
        let elsewhere =
            "<CreateBucketConfiguration><LocationConstraint>x</LocationConstraint></CreateBucketConfiguration>";
        assert_eq!(read(elsewhere), Err(Refusal::WrongLocation { given: "x".into() }));
        for broken in ["<CreateBucketConfiguration>", "<Other/>", " "] {
            assert_eq!(read(broken), Err(Refusal::MalformedXml), "{broken}");
        }
    }
}
