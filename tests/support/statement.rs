//! Statements: what holds before the request of a fixture is sent.

use std::time::Duration;

use fake_bucket::Failure;

/// A statement of a fixture. Upload names are single letters.
#[derive(Clone, Debug)]
pub enum Statement {
    /// `signatures verified`: the fake checks signatures with the keys of the signature vectors.
    SignaturesVerified,
    /// `takes aws-chunked`: the fake accepts bodies in `aws-chunked` framing.
    AwsChunkedAccepted,
    /// `refuse FAILURE`: the next request fails.
    Refuse(Failure),
    /// `bucket NAME`: the owner creates a bucket, which the following statements use.
    Bucket(String),
    /// `stranger-bucket NAME`: another account creates a bucket.
    StrangerBucket(String),
    /// `object KEY CONTENT [TYPE]`: stores an object.
    Object { key: String, content: Vec<u8>, content_type: Option<String> },
    /// `object-of-class CLASS KEY CONTENT`: stores an object in a storage class.
    ObjectOfClass { class: String, key: String, content: Vec<u8> },
    /// `object-with-crc64 KEY CRC64 CONTENT`: stores an object and sends its CRC-64.
    ObjectWithCrc64 { key: String, crc64: String, content: Vec<u8> },
    /// `stranger-object KEY CONTENT`: another account stores an object.
    StrangerObject { key: String, content: Vec<u8> },
    /// `append KEY POSITION CONTENT`: appends to an object.
    Append { key: String, position: u64, content: Vec<u8> },
    /// `acl LIST`: sets the canned ACL of the bucket.
    Acl(String),
    /// `object-acl KEY LIST`: sets the canned ACL of an object.
    ObjectAcl { key: String, acl: String },
    /// `upload A KEY`, `writer-upload A KEY`, and so on: initiates an upload.
    Upload { name: char, key: String, kind: UploadKind },
    /// `part A NUMBER CONTENT`: uploads a part.
    Part { upload: char, number: u16, content: Vec<u8> },
    /// `complete A`: completes an upload with all its parts.
    Complete(char),
    /// `abort A`: aborts an upload.
    Abort(char),
    /// `clock +SECONDSs`: advances the clock.
    Clock(Duration),
}

/// Who initiates an upload, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadKind {
    /// The owner initiates it.
    Plain,
    /// The sub-account `writer` initiates it.
    ByWriter,
    /// Another account initiates it.
    ByStranger,
    /// A request without a signature initiates it.
    ByAnonymous,
    /// The owner initiates it with SSE-KMS.
    Encrypted,
    /// The owner initiates it with the sub-resource `sequential`.
    Sequential,
}

impl Statement {
    /// Parses a statement.
    ///
    /// # Errors
    ///
    /// Returns a message if the statement is unknown, or one of its arguments is malformed.
    pub fn parse(line: &str) -> Result<Self, String> {
        let words = words(line)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Self::from_words(&words).ok_or_else(|| format!("unknown or malformed statement: {line}"))
    }

    fn from_words(words: &[&str]) -> Option<Self> {
        Some(match *words {
            ["signatures", "verified"] => Self::SignaturesVerified,
            ["takes", "aws-chunked"] => Self::AwsChunkedAccepted,
            ["refuse", failure] => Self::Refuse(Failure::named(failure)?),
            ["bucket", name] => Self::Bucket(name.to_owned()),
            ["stranger-bucket", name] => Self::StrangerBucket(name.to_owned()),
            ["object", key, content] => {
                Self::Object { key: key.to_owned(), content: repeated(content), content_type: None }
            }
            ["object", key, content, kind] => {
                Self::Object { key: key.to_owned(), content: repeated(content), content_type: Some(kind.to_owned()) }
            }
            ["object-of-class", class, key, content] => {
                Self::ObjectOfClass { class: class.to_owned(), key: key.to_owned(), content: repeated(content) }
            }
            ["object-with-crc64", key, crc64, content] => {
                Self::ObjectWithCrc64 { key: key.to_owned(), crc64: crc64.to_owned(), content: repeated(content) }
            }
            ["stranger-object", key, content] => {
                Self::StrangerObject { key: key.to_owned(), content: repeated(content) }
            }
            ["append", key, position, content] => {
                Self::Append { key: key.to_owned(), position: position.parse().ok()?, content: repeated(content) }
            }
            ["acl", acl] => Self::Acl(acl.to_owned()),
            ["object-acl", key, acl] => Self::ObjectAcl { key: key.to_owned(), acl: acl.to_owned() },
            ["upload", name, key] => Self::upload(name, key, UploadKind::Plain)?,
            ["writer-upload", name, key] => Self::upload(name, key, UploadKind::ByWriter)?,
            ["stranger-upload", name, key] => Self::upload(name, key, UploadKind::ByStranger)?,
            ["anonymous-upload", name, key] => Self::upload(name, key, UploadKind::ByAnonymous)?,
            ["encrypted-upload", name, key] => Self::upload(name, key, UploadKind::Encrypted)?,
            ["sequential-upload", name, key] => Self::upload(name, key, UploadKind::Sequential)?,
            ["part", upload, number, content] => {
                Self::Part { upload: letter(upload)?, number: number.parse().ok()?, content: repeated(content) }
            }
            ["complete", upload] => Self::Complete(letter(upload)?),
            ["abort", upload] => Self::Abort(letter(upload)?),
            ["clock", by] => {
                let seconds = by.strip_prefix('+')?.strip_suffix('s')?.parse().ok()?;
                Self::Clock(Duration::from_secs(seconds))
            }
            _ => return None,
        })
    }

    fn upload(name: &str, key: &str, kind: UploadKind) -> Option<Self> {
        Some(Self::Upload { name: letter(name)?, key: key.to_owned(), kind })
    }
}

/// Parses the name of an upload: one capital letter.
fn letter(name: &str) -> Option<char> {
    let letter = name.chars().next().filter(char::is_ascii_uppercase)?;
    (name.len() == 1).then_some(letter)
}

/// Splits a statement into words; quotes keep spaces together.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| format!("unclosed quote: {line}"))?,
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

/// Expands `102400*a` to that many times that text.
fn repeated(content: &str) -> Vec<u8> {
    let repeated = content.split_once('*').and_then(|(count, text)| Some(text.repeat(count.parse().ok()?)));
    repeated.unwrap_or_else(|| content.to_owned()).into_bytes()
}
