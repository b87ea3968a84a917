//! The content type of an object whose maker named none: COS goes by the extension of its key.
//!
//! # Source
//! The vendor's Node SDK expects so of the service: `test/test.js`, "upload Content-Type", in
//! <https://github.com/tencentyun/cos-nodejs-sdk-v5> (2.14.7): `application/zip` for `1.zip`, `text/plain` for `1.txt`,
//! `application/octet-stream` for `1`. Doubt: which extensions it knows, and whether their letter case matters; these are
//! common ones, with the types nginx gives them.

/// What is said of contents nobody knows anything about.
pub(super) const UNKNOWN: &str = "application/octet-stream";

/// Extensions, sorted, and the types they stand for.
const TYPES: [(&str, &str); 30] = [
    ("avi", "video/x-msvideo"),
    ("bmp", "image/x-ms-bmp"),
    ("css", "text/css"),
    ("doc", "application/msword"),
    ("flv", "video/x-flv"),
    ("gif", "image/gif"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/x-icon"),
    ("jar", "application/java-archive"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "application/javascript"),
    ("json", "application/json"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("rar", "application/x-rar-compressed"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("wasm", "application/wasm"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xls", "application/vnd.ms-excel"),
    ("xml", "text/xml"),
    ("zip", "application/zip"),
];

/// The type the object under `key` gets by itself.
pub(super) fn of(key: &str) -> &'static str {
    let Some((_, extension)) = key.rsplit_once('.') else { return UNKNOWN };
    let extension = extension.to_ascii_lowercase();
    TYPES.binary_search_by_key(&&*extension, |(known, _)| known).map_or(UNKNOWN, |at| TYPES[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_found() {
        assert!(TYPES.is_sorted());
        let types = ["1.zip", "a/b.tar.TXT", "1", "a.zip/b", "zip", ".zip", "a."].map(of);
        let zip = "application/zip";
        assert_eq!(types, [zip, "text/plain", UNKNOWN, UNKNOWN, UNKNOWN, zip, UNKNOWN]);
    }
}
