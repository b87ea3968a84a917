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
use fake_bucket::{Failure, Fake, FakeBuilder, Fault, InstalledFault, Provider, Select};

/// Returns a fake that checks signatures: the keys of the signature vectors belong to the owner, and the clock shows the
/// time at which the vectors were signed.
pub fn verifying(provider: Provider) -> FakeBuilder {
    let seconds = match provider {
        Provider::Cos => 1_700_000_060,
        Provider::Oss => 1_749_976_200,
        _ => 1_701_508_087,
    };
    let signed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider.name()).join("signature");
    let keys = fs::read_to_string(folder.join("keys.txt")).expect("keys");
    keys.lines().fold(Fake::of(provider).clock_at(signed), |builder, line| {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            [id, secret] => builder.access_key("owner", id, secret),
            _ => builder,
        }
    })
}

/// A fake, and the names a fixture has given to its uploads.
pub struct Scene {
    pub fake: Fake,
    faults: Vec<InstalledFault>,
    bucket: String,
    ids: BTreeMap<char, (String, String, String)>,
}

impl Scene {
    pub fn with(builder: FakeBuilder) -> Self {
        let fake = builder.verify_on_drop(false).start();
        let bucket = fake.bucket().to_owned();
        Self { fake, faults: Vec::new(), bucket, ids: BTreeMap::new() }
    }

    /// Makes one line of `given.txt` true.
    pub fn given(&mut self, line: &str) {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            [] | ["signatures", "verified"] | ["takes", "aws-chunked"] => {}
            ["refuse", failure] => {
                let failure = Failure::named(failure).unwrap_or_else(|| panic!("not a failure: {line}"));
                self.faults.push(self.fake.fault(Select::any(), Fault::Refuse(failure)));
            }
            ["bucket", name] => {
                self.bucket = name.to_owned();
                self.ask("PUT", &format!("/{name}"), None, "", &[]);
            }
            ["stranger-bucket", name] => self.create_as_stranger(name),
            ["object", key, content, ref kind @ ..] => {
                let target = format!("/{}/{}", self.bucket, escape(key));
                self.ask("PUT", &target, None, kind.first().unwrap_or(&""), &expand(content));
            }
            ["object-of-class", class, key, content] => {
                let header = match self.fake.provider() {
                    Provider::Cos => "x-cos-storage-class",
                    Provider::Oss => "x-oss-storage-class",
                    _ => "x-obs-storage-class",
                };
                let target = format!("/{}/{}", self.bucket, escape(key));
                self.ask_with("PUT", &target, None, &[(header, class)], &expand(content));
            }
            ["append", key, position, content] => {
                let target = format!("/{}/{}?append&position={position}", self.bucket, escape(key));
                self.ask("POST", &target, None, "", &expand(content));
            }
            ["acl", acl] => self.put_acl("", acl),
            ["object-acl", key, acl] => self.put_acl(key, acl),
            ["upload", name, key] => self.initiate(name, key, "uploads", None),
            ["writer-upload", name, key] => self.initiate(name, key, "uploads", Some("writer")),
            ["sequential-upload", name, key] => self.initiate(name, key, "uploads&sequential", None),
            ["part", name, number, content] => {
                let (bucket, key, id) = self.upload(name);
                let target = format!("/{bucket}/{}?partNumber={number}&uploadId={id}", escape(key));
                self.ask("PUT", &target, None, "", &expand(content));
            }
            ["complete", name] => self.complete(name),
            ["abort", name] => {
                let (bucket, key, id) = self.upload(name);
                let target = format!("/{bucket}/{}?uploadId={id}", escape(key));
                self.ask("DELETE", &target, None, "", &[]);
            }
            ["clock", by] => {
                let seconds = by.trim_matches(['+', 's']).parse().expect("clock +SECONDSs");
                self.fake.advance_clock(Duration::from_secs(seconds));
            }
            _ => panic!("not a statement: {line}"),
        }
    }

    /// Says what everybody may do with a bucket (no key), or with an object.
    fn put_acl(&mut self, key: &str, acl: &str) {
        let header = match self.fake.provider() {
            Provider::Cos => "x-cos-acl",
            Provider::Oss if key.is_empty() => "x-oss-acl",
            Provider::Oss => "x-oss-object-acl",
            _ => "x-obs-acl",
        };
        let target = format!("/{}/{}?acl", self.bucket, escape(key));
        self.ask_with("PUT", &target, None, &[(header, acl)], &[]);
    }

    fn create_as_stranger(&mut self, name: &str) {
        self.ask("PUT", &format!("/{name}"), Some("stranger"), "", &[]);
    }

    fn initiate(&mut self, name: &str, key: &str, query: &str, by: Option<&str>) {
        let reply = self.ask("POST", &format!("/{}/{}?{query}", self.bucket, escape(key)), by, "", &[]);
        let (_, rest) = reply.split_once("<UploadId>").expect("an upload id");
        let id = rest.split_once('<').expect("its end").0.to_owned();
        let letter = name.chars().next().expect("a name");
        self.ids.insert(letter, (self.bucket.clone(), key.to_owned(), id));
    }

    fn complete(&mut self, name: &str) {
        let (bucket, key, id) = self.upload(name);
        let uploads = self.fake.uploads();
        let upload = uploads.iter().find(|upload| upload.upload_id == id).expect("a known upload");
        let parts: String = upload
            .parts()
            .iter()
            .map(|part| format!("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", part.number, part.md5))
            .collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        self.ask("POST", &format!("/{bucket}/{}?uploadId={id}", escape(key)), None, "", body.as_bytes());
    }

    fn upload(&self, name: &str) -> (&str, &str, &str) {
        let (bucket, key, id) = &self.ids[&name.chars().next().expect("a name")];
        (bucket, key, id)
    }

    /// Asks the fake for something that must succeed.
    fn ask(&self, method: &str, target: &str, by: Option<&str>, kind: &str, body: &[u8]) -> String {
        let kind = Some(("content-type", kind)).filter(|(_, kind)| !kind.is_empty());
        self.ask_with(method, target, by, kind.as_slice(), body)
    }

    fn ask_with(&self, method: &str, target: &str, by: Option<&str>, headers: &[(&str, &str)], body: &[u8]) -> String {
        let mut request = http::Request::builder().method(method).uri(target).header("host", "127.0.0.1");
        request = request.header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::copy_from_slice(body)).expect("a request");
        let reply = self.fake.answer_as(by.unwrap_or("owner"), request);
        let text = String::from_utf8_lossy(reply.body()).into_owned();
        assert!(reply.status().is_success(), "{method} {target}: {} {text}", reply.status());
        text
    }

    /// An `Authorization` that claims to be `name`; nobody believes it but a trusting fake.
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

    /// A request as it goes over the wire: placeholders filled, macros expanded, line ends of the head doubled.
    pub fn request(&self, template: &[u8]) -> Vec<u8> {
        let end = find(template, b"\n\n").map_or(template.len(), |at| at + 2);
        let head = self.fill(&String::from_utf8_lossy(&template[..end]));
        let mut request = head.trim_end_matches('\n').replace('\n', "\r\n").into_bytes();
        request.extend_from_slice(b"\r\n\r\n");
        request.extend(expand_macros(&self.fill_bytes(&template[end..])));
        request
    }

    fn fill(&self, text: &str) -> String {
        let mut text = String::from_utf8(expand_macros(text.as_bytes())).expect("text");
        for name in ["writer", "stranger", "owner", "anonymous"] {
            if text.contains(&format!("{{{name}}}")) {
                text = text.replace(&format!("{{{name}}}"), &self.authorization(name));
            }
        }
        self.fill_ids(&text)
    }

    fn fill_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.fill_ids(text).into_bytes(),
            Err(_) => bytes.to_vec(),
        }
    }

    /// Replaces the placeholders of upload ids.
    pub fn fill_ids(&self, text: &str) -> String {
        let ids = self.ids.iter();
        ids.fold(text.to_owned(), |text, (name, (_, _, id))| text.replace(&format!("{{{name}}}"), id))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// `{repeat N text}` becomes the text N times.
fn expand_macros(bytes: &[u8]) -> Vec<u8> {
    let Some(start) = find(bytes, b"{repeat ") else { return bytes.to_vec() };
    let rest = &bytes[start + 8..];
    let end = rest.iter().position(|byte| *byte == b'}').expect("the macro ends");
    let words = String::from_utf8_lossy(&rest[..end]).into_owned();
    let (count, text) = words.split_once(' ').expect("a count and a text");
    let mut expanded = bytes[..start].to_vec();
    expanded.extend(text.repeat(count.parse().expect("a count")).into_bytes());
    expanded.extend(expand_macros(&rest[end + 1..]));
    expanded
}

/// The words of a statement; quotes keep blanks together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a closing quote"),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// `102400*a` is that many times that text.
fn expand(content: &str) -> Vec<u8> {
    let repeated = content.split_once('*').and_then(|(count, text)| Some(text.repeat(count.parse().ok()?)));
    repeated.unwrap_or_else(|| content.to_owned()).into_bytes()
}

fn escape(key: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    key.bytes().map(|byte| if kept(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}
