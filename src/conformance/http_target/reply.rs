//! Replies, read as an SDK reads them.

use bytes::Bytes;
use http::Response;
use quick_xml::{Reader, XmlVersion, escape, events::Event};

use crate::conformance::{
    seen::{PartSeen, PartsSeen},
    target::{Ask, Reply, UploadsPage},
};

/// What a response means.
pub(super) fn read(ask: &Ask, response: &Response<Bytes>) -> Result<Reply, String> {
    let status = response.status().as_u16();
    let body = response.body();
    let document = || Element::parse(body).ok_or_else(|| format!("{status} with no XML: {:?}", lossy(body)));
    if !response.status().is_success() {
        let code = if body.is_empty() { None } else { document()?.text("Code") };
        return Ok(Reply::refused(Some(status), code.as_deref()));
    }
    let tag = || response.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    Ok(match ask {
        Ask::Initiate => Reply::UploadId(document()?.expect("UploadId")?),
        Ask::UploadPart { .. } | Ask::PutObject { .. } => Reply::Stored(tag()),
        Ask::Complete { .. } | Ask::UploadPartCopy { .. } => late(status, &document()?)?,
        Ask::Abort { .. } | Ask::DeleteObject => Reply::Done,
        Ask::ListParts { .. } => Reply::Parts(parts(&document()?)?),
        Ask::ListUploads(_) => Reply::Uploads(uploads(&document()?)?),
        Ask::GetObject => Reply::Object(body.clone()),
        Ask::HeadObject => {
            let length = response.headers().get("content-length").and_then(|length| length.to_str().ok());
            let length = length.and_then(|length| length.parse().ok());
            Reply::Size(length.ok_or("a head without a length")?)
        }
    })
}

/// An error may come late, in a reply that began as a success.
fn late(status: u16, root: &Element) -> Result<Reply, String> {
    match root.name.as_str() {
        "Error" => Ok(Reply::refused(Some(status), root.text("Code").as_deref())),
        _ => Ok(Reply::Stored(Some(root.expect("ETag")?))),
    }
}

/// What is optional to SDKs, an entity tag or whether there is more, may be missing here too.
fn parts(root: &Element) -> Result<PartsSeen, String> {
    let part = |part: &Element| {
        let (number, size) = (part.number("PartNumber")?, part.number("Size")?);
        Ok(PartSeen { number, size: size.into(), etag: part.text("ETag").unwrap_or_default() })
    };
    Ok(PartsSeen {
        parts: root.all("Part").map(part).collect::<Result<_, String>>()?,
        truncated: root.text("IsTruncated").is_some_and(|truncated| truncated == "true"),
        next: root.text("NextPartNumberMarker").and_then(|next| next.parse().ok()),
    })
}

fn uploads(root: &Element) -> Result<UploadsPage, String> {
    let upload = |upload: &Element| Ok((upload.expect("Key")?, upload.expect("UploadId")?));
    let next = root.text("NextKeyMarker").filter(|key| !key.is_empty());
    Ok(UploadsPage {
        uploads: root.all("Upload").map(upload).collect::<Result<_, String>>()?,
        prefixes: root.all("CommonPrefixes").map(|prefix| prefix.expect("Prefix")).collect::<Result<_, String>>()?,
        truncated: root.text("IsTruncated").is_some_and(|truncated| truncated == "true"),
        next: next.map(|key| (key, root.text("NextUploadIdMarker"))),
    })
}

fn lossy(body: &Bytes) -> String {
    String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned()
}

/// An element: its name, its own text, its children.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// None if it is no XML.
    fn parse(document: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_str(std::str::from_utf8(document).ok()?);
        reader.config_mut().expand_empty_elements = true;
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    open.push(Self { name: start.local_name().as_ref().to_owned(), ..Self::default() });
                }
                Event::End(_) => {
                    let closed = open.pop()?;
                    open.last_mut()?.children.push(closed);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml_content(XmlVersion::Implicit1_0)),
                Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                    Some(character) => open.last_mut()?.text.push(character),
                    None => open.last_mut()?.text.push_str(escape::resolve_xml_entity(&reference)?),
                },
                Event::Eof => break,
                _ => {}
            }
        }
        open.pop()?.children.pop()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.all(name).next().map(|child| child.text.trim().to_owned())
    }

    fn expect(&self, name: &str) -> Result<String, String> {
        self.text(name).ok_or_else(|| format!("<{}> without <{name}>", self.name))
    }

    fn number(&self, name: &str) -> Result<u32, String> {
        let text = self.expect(name)?;
        text.parse().map_err(|_| format!("<{name}> is no number: {text:?}"))
    }
}
