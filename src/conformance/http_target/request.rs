//! Requests, worded as all three providers take them.
//!
//! # Source
//! The pages of the single operations: "API Documentation", <https://cloud.tencent.com/document/product/436/7751>; "List of
//! operations", <https://www.alibabacloud.com/help/en/oss/developer-reference/list-of-operations-by-function>; "API Reference",
//! <https://support.huaweicloud.com/api-obs/>.

use bytes::Bytes;
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Addressing;
use crate::conformance::target::{Ask, Call, UploadsPageAsked};

/// What needs no escape anywhere.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request that nobody has signed.
pub(super) struct Unsigned {
    pub(super) method: Method,
    pub(super) host: String,
    pub(super) bucket: String,
    /// Not escaped.
    pub(super) key: String,
    /// The path as it is sent: escaped, with the bucket if it stands there.
    pub(super) path: String,
    /// Names and values, not escaped, in the order they are sent. A name without a value is sent bare.
    pub(super) query: Vec<(&'static str, Option<String>)>,
    /// Names and values of headers that are signed where headers are.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Unsigned {
    pub(super) fn of(call: &Call, bucket: &str, place: &Addressing, headers: Vec<(String, String)>) -> Self {
        let key = escape_path(&call.key);
        let (host, path) = match place {
            Addressing::Path(host) => (host.clone(), format!("/{bucket}/{key}")),
            Addressing::Host(rest) => (format!("{bucket}.{rest}"), format!("/{key}")),
        };
        let (method, query, body) = worded(&call.ask);
        Self { method, host, bucket: bucket.to_owned(), key: call.key.clone(), path, query, headers, body }
    }

    pub(super) fn build(&self, signature: Vec<(String, String)>) -> Result<Request<Bytes>, String> {
        let query: Vec<_> = self.query.iter().map(|(name, value)| pair(name, value.as_deref(), "")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let target = format!("{}{mark}{}", self.path, query.join("&"));
        let mut request = Request::builder().method(&self.method).uri(target).header("host", &self.host);
        if self.method != Method::GET && self.method != Method::HEAD {
            request = request.header("content-length", self.body.len());
        }
        for (name, value) in self.headers.iter().chain(&signature) {
            request = request.header(name, value);
        }
        request.body(self.body.clone()).map_err(|error| format!("the request cannot be sent: {error}"))
    }

    /// The query in order of its escaped names, `bare` standing after a name without a value, or with an empty one.
    pub(super) fn sorted_query(&self, bare: &str) -> String {
        let filled = |value: &'_ Option<String>| value.clone().filter(|value| !value.is_empty());
        let mut query: Vec<_> =
            self.query.iter().map(|(name, value)| pair(name, filled(value).as_deref(), bare)).collect();
        query.sort();
        query.join("&")
    }
}

type Worded = (Method, Vec<(&'static str, Option<String>)>, Bytes);

fn worded(ask: &Ask) -> Worded {
    let upload = |id: &String| ("uploadId", Some(id.clone()));
    match ask {
        Ask::Initiate => (Method::POST, vec![("uploads", None)], Bytes::new()),
        Ask::UploadPart { upload_id, number, body } => {
            (Method::PUT, vec![("partNumber", Some(number.to_string())), upload(upload_id)], body.clone())
        }
        Ask::UploadPartCopy { upload_id, number, .. } => {
            (Method::PUT, vec![("partNumber", Some(number.to_string())), upload(upload_id)], Bytes::new())
        }
        Ask::Complete { upload_id, parts } => (Method::POST, vec![upload(upload_id)], list(parts)),
        Ask::Abort { upload_id } => (Method::DELETE, vec![upload(upload_id)], Bytes::new()),
        Ask::ListParts { upload_id, after, max } => {
            let mut query = vec![upload(upload_id)];
            query.extend(max.map(|max| ("max-parts", Some(max.to_string()))));
            query.extend((*after > 0).then(|| ("part-number-marker", Some(after.to_string()))));
            (Method::GET, query, Bytes::new())
        }
        Ask::ListUploads(asked) => (Method::GET, uploads_query(asked), Bytes::new()),
        Ask::PutObject { body } => (Method::PUT, Vec::new(), body.clone()),
        Ask::GetObject => (Method::GET, Vec::new(), Bytes::new()),
        Ask::HeadObject => (Method::HEAD, Vec::new(), Bytes::new()),
        Ask::DeleteObject => (Method::DELETE, Vec::new(), Bytes::new()),
    }
}

fn uploads_query(asked: &UploadsPageAsked) -> Vec<(&'static str, Option<String>)> {
    let mut query = vec![("uploads", None), ("prefix", Some(asked.prefix.clone()))];
    query.extend(asked.delimiter.map(|delimiter| ("delimiter", Some(delimiter.to_string()))));
    query.extend(asked.key_marker.clone().map(|marker| ("key-marker", Some(marker))));
    query.extend(asked.upload_id_marker.clone().map(|marker| ("upload-id-marker", Some(marker))));
    query.extend(asked.max.map(|max| ("max-uploads", Some(max.to_string()))));
    query
}

fn list(parts: &[(u32, String)]) -> Bytes {
    let part =
        |(number, tag): &(u32, String)| format!("<Part><PartNumber>{number}</PartNumber><ETag>\"{tag}\"</ETag></Part>");
    let parts: String = parts.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>").into()
}

fn pair(name: &str, value: Option<&str>, bare: &str) -> String {
    match value {
        Some(value) => format!("{}={}", escape(name), escape(value)),
        None => format!("{}{bare}", escape(name)),
    }
}

/// Everything escaped that is not unreserved.
pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The same, but for slashes.
pub(super) fn escape_path(text: &str) -> String {
    text.split('/').map(escape).collect::<Vec<_>>().join("/")
}
