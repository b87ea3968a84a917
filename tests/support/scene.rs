//! Sets the scene of a fixture: a fake, brought into a state by statements, and a request with its placeholders filled.
//!
//! `fixtures/README.md` lists the statements.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use fake_bucket::{Fake, FakeBuilder, Fault, InstalledFault, Provider, Select};

use super::{
    statement::{Statement, UploadKind},
    text::expand,
};

/// Returns a fake that checks signatures: the keys of the signature vectors belong to the owner, and the clock stands
/// still at the time at which the vectors were signed.
pub fn verifying(provider: Provider) -> FakeBuilder {
    let seconds = match provider {
        Provider::Cos => 1_700_000_060,
        Provider::Oss => 1_749_976_200,
        _ => 1_701_508_087,
    };
    let signed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    with_keys(Fake::of(provider).clock_at(signed).clock_still(), provider)
}

/// Adds the access keys of the signature vectors as keys of the owner.
pub fn with_keys(builder: FakeBuilder, provider: Provider) -> FakeBuilder {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider.name()).join("signature");
    let keys = fs::read_to_string(folder.join("keys.txt")).expect("keys");
    keys.lines().fold(builder, |builder, line| {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            [id, secret] => builder.access_key("owner", id, secret),
            _ => builder,
        }
    })
}

/// A fake, and the uploads that a fixture has named.
pub struct Scene {
    pub fake: Fake,
    faults: Vec<InstalledFault>,
    bucket: String,
    uploads: BTreeMap<char, Upload>,
}

/// The path of an upload's object, and the upload's id.
struct Upload {
    target: String,
    id: String,
}

impl Scene {
    /// Starts a fake of `provider` and makes each statement true.
    pub fn set(provider: Provider, statements: &[Statement]) -> Self {
        let has = |wanted: fn(&Statement) -> bool| statements.iter().any(wanted);
        let signed = has(|statement| matches!(statement, Statement::SignaturesVerified));
        let builder = if signed { verifying(provider) } else { Fake::of(provider).trusting() };
        let accepts_chunks = has(|statement| matches!(statement, Statement::AwsChunkedAccepted));
        let builder = if accepts_chunks { builder.accept_aws_chunked() } else { builder };
        let mut scene = Self::with(builder);
        statements.iter().for_each(|statement| scene.given(statement));
        scene
    }

    /// Starts a fake.
    pub fn with(builder: FakeBuilder) -> Self {
        let fake = builder.verify_on_drop(false).start();
        let bucket = fake.bucket().to_owned();
        Self { fake, faults: Vec::new(), bucket, uploads: BTreeMap::new() }
    }

    /// Makes a statement true.
    ///
    /// # Panics
    ///
    /// Panics if the fake refuses it.
    pub fn given(&mut self, statement: &Statement) {
        match statement {
            Statement::SignaturesVerified | Statement::AwsChunkedAccepted => {}
            Statement::Refuse(failure) => {
                self.faults.push(self.fake.fault(Select::any(), Fault::Refuse(failure.clone())));
            }
            Statement::Bucket(name) => {
                self.bucket = name.clone();
                self.ask("PUT", &format!("/{name}"), None, &[], &[]);
            }
            Statement::StrangerBucket(name) => {
                self.ask("PUT", &format!("/{name}"), Some("stranger"), &[], &[]);
            }
            Statement::Object { key, content, content_type } => {
                let kind = content_type.as_ref().map(|kind| ("content-type", kind.as_str()));
                self.ask("PUT", &self.object(key), None, kind.as_slice(), content);
            }
            Statement::ObjectOfClass { class, key, content } => {
                let header = format!("{}storage-class", self.prefix());
                self.ask("PUT", &self.object(key), None, &[(&header, class)], content);
            }
            Statement::ObjectWithCrc64 { key, crc64, content } => {
                let header = format!("{}checksum-crc64ecma", self.prefix());
                self.ask("PUT", &self.object(key), None, &[(&header, crc64)], content);
            }
            Statement::StrangerObject { key, content } => {
                self.ask("PUT", &self.object(key), Some("stranger"), &[], content);
            }
            Statement::Append { key, position, content } => {
                let target = format!("{}?append&position={position}", self.object(key));
                self.ask("POST", &target, None, &[], content);
            }
            Statement::Acl(acl) => self.put_acl("", acl),
            Statement::ObjectAcl { key, acl } => self.put_acl(key, acl),
            Statement::Upload { name, key, kind } => self.initiate(*name, key, *kind),
            Statement::Part { upload, number, content } => {
                let Upload { target, id, .. } = &self.uploads[upload];
                self.ask("PUT", &format!("{target}?partNumber={number}&uploadId={id}"), None, &[], content);
            }
            Statement::Complete(upload) => self.complete(*upload),
            Statement::Abort(upload) => {
                let Upload { target, id } = &self.uploads[upload];
                self.ask("DELETE", &format!("{target}?uploadId={id}"), None, &[], &[]);
            }
            Statement::Clock(by) => self.fake.advance_clock(*by),
        }
    }

    /// Returns the path of an object in the current bucket.
    fn object(&self, key: &str) -> String {
        format!("/{}/{}", self.bucket, escape(key))
    }

    /// Returns the prefix of the provider's headers.
    fn prefix(&self) -> &'static str {
        match self.fake.provider() {
            Provider::Cos => "x-cos-",
            Provider::Oss => "x-oss-",
            _ => "x-obs-",
        }
    }

    /// Sets the canned ACL of the bucket (empty key) or of an object.
    fn put_acl(&self, key: &str, acl: &str) {
        let object = if self.fake.provider() == Provider::Oss && !key.is_empty() { "object-" } else { "" };
        let header = format!("{}{object}acl", self.prefix());
        self.ask("PUT", &format!("{}?acl", self.object(key)), None, &[(&header, acl)], &[]);
    }

    fn initiate(&mut self, name: char, key: &str, kind: UploadKind) {
        let by = match kind {
            UploadKind::ByWriter => Some("writer"),
            UploadKind::ByStranger => Some("stranger"),
            UploadKind::ByAnonymous => Some("anonymous"),
            UploadKind::Plain | UploadKind::Sequential | UploadKind::Encrypted => None,
        };
        let encryption = format!("{}server-side-encryption", self.prefix());
        let headers: &[(&str, &str)] = if kind == UploadKind::Encrypted { &[(&encryption, "kms")] } else { &[] };
        let query = if kind == UploadKind::Sequential { "uploads&sequential" } else { "uploads" };
        let target = self.object(key);
        let response = self.ask("POST", &format!("{target}?{query}"), by, headers, &[]);
        let (_, rest) = response.split_once("<UploadId>").expect("an upload id");
        let id = rest.split_once('<').expect("the end of the upload id").0.to_owned();
        self.uploads.insert(name, Upload { target, id });
    }

    fn complete(&self, name: char) {
        let Upload { target, id } = &self.uploads[&name];
        let uploads = self.fake.uploads();
        let upload = uploads.iter().find(|upload| upload.upload_id == *id).expect("a known upload");
        let parts: String = upload
            .parts()
            .iter()
            .map(|part| format!("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", part.number, part.md5))
            .collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        self.ask("POST", &format!("{target}?uploadId={id}"), None, &[], body.as_bytes());
    }

    /// Sends a request that must succeed.
    fn ask(&self, method: &str, target: &str, by: Option<&str>, headers: &[(&str, &str)], body: &[u8]) -> String {
        let mut request = http::Request::builder().method(method).uri(target).header("host", "127.0.0.1");
        request = request.header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::copy_from_slice(body)).expect("a request");
        let response = self.fake.answer_as(by.unwrap_or("owner"), request);
        let text = String::from_utf8_lossy(response.body()).into_owned();
        assert!(response.status().is_success(), "{method} {target}: {} {text}", response.status());
        text
    }

    /// Returns an `Authorization` that claims to be `name` and that only a trusting fake accepts.
    fn authorization(&self, name: &str) -> String {
        let id = self.fake.credentials(name).access_key_id;
        match self.fake.provider() {
            Provider::Cos => format!(
                "q-sign-algorithm=sha1&q-ak={id}&q-sign-time=0;9&q-key-time=0;9&q-header-list=&q-url-param-list=&q-signature=0"
            ),
            Provider::Oss => format!("OSS {id}:signature"),
            _ => format!("OBS {id}:signature"),
        }
    }

    /// Renders a request as sent: placeholders filled, macros expanded, line ends of the head as `\r\n`.
    pub fn request(&self, template: &str) -> Vec<u8> {
        let (head, body) = template.split_once("\n\n").unwrap_or((template, ""));
        let head = self.fill_authorization(&self.fill_ids(head));
        let mut request = expand(&head.trim_end_matches('\n').replace('\n', "\r\n"));
        request.extend_from_slice(b"\r\n\r\n");
        request.extend(expand(&self.fill_ids(body)));
        request
    }

    fn fill_authorization(&self, head: &str) -> String {
        let names = ["writer", "stranger", "owner", "anonymous"];
        names.iter().fold(head.to_owned(), |head, name| match head.contains(&format!("{{{name}}}")) {
            true => head.replace(&format!("{{{name}}}"), &self.authorization(name)),
            false => head,
        })
    }

    /// Replaces `{A}` by the id of the upload `A`.
    pub fn fill_ids(&self, text: &str) -> String {
        let fill = |text: String, (name, upload): (&char, &Upload)| text.replace(&format!("{{{name}}}"), &upload.id);
        self.uploads.iter().fold(text.to_owned(), fill)
    }

    /// Returns the ids of the uploads by name.
    pub fn ids(&self) -> impl Iterator<Item = (char, &str)> {
        self.uploads.iter().map(|(name, upload)| (*name, upload.id.as_str()))
    }
}

/// Percent-encodes a key.
fn escape(key: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    key.bytes().map(|byte| if kept(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}
