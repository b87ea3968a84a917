//! XML, written to the byte as a provider writes it and read as strictly as one reads it.
//!
//! Reading is for small documents from strangers: no document types, no entities but the five of XML itself, a bounded
//! depth.

use std::{borrow::Cow, collections::BTreeSet};

use quick_xml::{
    NsReader, XmlVersion, escape,
    events::{BytesDecl, Event},
    name::ResolveResult,
};

/// An element: a name, and text or children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its name without a prefix.
    pub name: Cow<'static, str>,
    /// The namespace it declares.
    pub namespace: Option<String>,
    /// Its other attributes, as they are written. None are read.
    pub attributes: &'static [(&'static str, &'static str)],
    /// What it holds.
    pub content: Inside,
}

/// What an element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Text, unescaped.
    Text(String),
    /// Children.
    Children(Vec<Element>),
}

impl Element {
    /// An element that holds text.
    pub fn text(name: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        Self { name: name.into(), namespace: None, attributes: &[], content: Inside::Text(text.into()) }
    }

    /// An element that holds elements.
    pub fn of(name: impl Into<Cow<'static, str>>, children: impl IntoIterator<Item = Self>) -> Self {
        let content = Inside::Children(children.into_iter().collect());
        Self { name: name.into(), namespace: None, attributes: &[], content }
    }

    /// The same, in a namespace.
    #[must_use]
    pub fn in_namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..self }
    }

    /// The same, with attributes.
    #[must_use]
    pub fn with_attributes(self, attributes: &'static [(&'static str, &'static str)]) -> Self {
        Self { attributes, ..self }
    }

    /// Its children of that name.
    pub fn children<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Self> + use<'a, 'n> {
        let children = match &self.content {
            Inside::Children(children) => &children[..],
            Inside::Text(_) => &[],
        };
        children.iter().filter(move |child| child.name == name)
    }

    /// The text of its first child of that name, trimmed.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.children(name).next().and_then(Self::as_text)
    }

    /// The text of its first child of that name, blanks and all.
    pub fn child_raw_text(&self, name: &str) -> Option<&str> {
        match &self.children(name).next()?.content {
            Inside::Text(text) => Some(text),
            Inside::Children(_) => None,
        }
    }

    /// Its text, trimmed.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Inside::Text(text) => Some(text.trim()),
            Inside::Children(_) => None,
        }
    }
}

/// How a provider lays a document out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The declaration, with whatever follows it.
    pub declaration: &'static str,
    /// What each level is indented by; none for a document on one line.
    pub indent: Option<&'static str>,
    /// How an element without content is written.
    pub empty: EmptyElement,
    /// How double quotes are written in text.
    pub quotes: Quotes,
    /// How characters that XML has no place for are written.
    pub illegal: Reference,
    /// What follows the end of the root.
    pub end: &'static str,
}

/// How an element without content is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyElement {
    /// `<a></a>`
    Pair,
    /// `<a/>`
    SelfClosing,
}

/// How double quotes are written in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// `"`
    Raw,
    /// `&quot;`
    Escaped,
}

/// How a character is written that XML has no place for. A strict parser refuses every such reference; a lenient one gets the
/// text that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `&#x1;`, as Amazon S3 writes it.
    Hexadecimal,
    /// `&#01;`.
    TwoDigits,
}

/// Writes a document.
pub fn write(root: &Element, layout: &Layout) -> String {
    // Most documents fit, and need not be moved while they grow.
    let mut out = String::with_capacity(512);
    out.push_str(layout.declaration);
    write_element(root, layout, 0, &mut out);
    out.push_str(layout.end);
    out
}

fn write_element(element: &Element, layout: &Layout, depth: usize, out: &mut String) {
    out.push('<');
    out.push_str(&element.name);
    if let Some(namespace) = &element.namespace {
        out.push_str(" xmlns=\"");
        out.push_str(&escape::escape(namespace.as_str()));
        out.push('"');
    }
    element.attributes.iter().for_each(|(name, value)| out.push_str(&format!(" {name}=\"{value}\"")));
    let empty = match &element.content {
        Inside::Text(text) => text.is_empty(),
        Inside::Children(children) => children.is_empty(),
    };
    if empty && layout.empty == EmptyElement::SelfClosing {
        return out.push_str("/>");
    }
    out.push('>');
    match &element.content {
        Inside::Text(text) => {
            let escaped = referenced(escape::partial_escape(text.as_str()), layout.illegal);
            match layout.quotes {
                Quotes::Raw => out.push_str(&escaped),
                Quotes::Escaped => out.push_str(&escaped.replace('"', "&quot;")),
            }
        }
        Inside::Children(children) => {
            for child in children {
                break_line(layout, depth + 1, out);
                write_element(child, layout, depth + 1, out);
            }
            if !empty {
                break_line(layout, depth, out);
            }
        }
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push('>');
}

/// A text whose characters that XML has no place for are written as references.
fn referenced(text: Cow<'_, str>, reference: Reference) -> Cow<'_, str> {
    if !text.contains(is_illegal) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match reference {
            _ if !is_illegal(character) => out.push(character),
            Reference::Hexadecimal => out.push_str(&format!("&#x{:x};", u32::from(character))),
            Reference::TwoDigits => out.push_str(&format!("&#{:02};", u32::from(character))),
        }
    }
    Cow::Owned(out)
}

fn break_line(layout: &Layout, depth: usize, out: &mut String) {
    if let Some(indent) = layout.indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(indent, depth));
    }
}

/// How deep a document may nest.
const MAX_DEPTH: usize = 16;

/// Reads a document. None if it is not well-formed, nests deeper than anything a provider asks for, declares a document
/// type, uses entities of its own, has text between elements, or goes on after its root.
pub fn parse(document: &[u8]) -> Option<Element> {
    let legal = !std::str::from_utf8(document).ok()?.contains(is_illegal);
    if legal { read(document, is_illegal) } else { None }
}

/// As [`parse`], but characters that XML has no place for may stand in it, as they are or as references. `NUL` may not.
pub fn parse_loosely(document: &[u8]) -> Option<Element> {
    read(document, |character| character == '\0')
}

/// Reads a document whose references are not to characters that are refused.
fn read(document: &[u8], refused: fn(char) -> bool) -> Option<Element> {
    let document = std::str::from_utf8(document).ok()?;
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    let mut reader = NsReader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let mut root = None;
    let mut open: Vec<(String, String, Vec<Element>)> = Vec::new();
    loop {
        let (namespace, event) = reader.read_resolved_event().ok()?;
        if matches!(namespace, ResolveResult::Unknown(_)) {
            return None;
        }
        match event {
            Event::Start(start) => {
                let mut names = BTreeSet::new();
                let mut attributes = start.attributes();
                let attributes_parse =
                    attributes.with_checks(false).all(|found| found.is_ok_and(|found| names.insert(found.key)));
                if root.is_some() || open.len() == MAX_DEPTH || !attributes_parse {
                    return None;
                }
                open.push((start.local_name().as_ref().to_owned(), String::new(), Vec::new()));
            }
            Event::End(_) => {
                let (name, text, children) = open.pop()?;
                if !children.is_empty() && !text.trim().is_empty() {
                    return None;
                }
                let content = if children.is_empty() { Inside::Text(text) } else { Inside::Children(children) };
                let element = Element { name: name.into(), namespace: None, attributes: &[], content };
                match open.last_mut() {
                    Some((_, _, siblings)) => siblings.push(element),
                    None => root = Some(element),
                }
            }
            Event::Text(text) => append(&mut open, &text.xml_content(XmlVersion::Implicit1_0))?,
            Event::CData(text) => append(&mut open, &text.xml_content(XmlVersion::Implicit1_0))?,
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().ok()? {
                    Some(character) if refused(character) => return None,
                    Some(character) => character.to_string(),
                    None => escape::resolve_xml_entity(&reference)?.to_owned(),
                };
                append(&mut open, &resolved)?;
            }
            Event::Decl(declaration) if declares_utf_16(&declaration) => return None,
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof => return root,
            Event::DocType(_) | Event::PI(_) | Event::Empty(_) => return None,
        }
    }
}

/// What XML 1.0 has no place for.
pub fn is_illegal(character: char) -> bool {
    matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// Whether a document that was read as UTF-8 says of itself that it is something quite different.
fn declares_utf_16(declaration: &BytesDecl<'_>) -> bool {
    let encoding = declaration.encoding().and_then(Result::ok);
    encoding.is_some_and(|encoding| encoding.to_ascii_lowercase().starts_with("utf-16"))
}

/// Adds text to the innermost open element; outside the root only white space passes.
fn append(open: &mut [(String, String, Vec<Element>)], text: &str) -> Option<()> {
    match open.last_mut() {
        Some((_, content, _)) => content.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: Layout = Layout {
        declaration: "<?xml version=\"1.0\"?>\n",
        indent: Some("  "),
        empty: EmptyElement::Pair,
        quotes: Quotes::Raw,
        illegal: Reference::TwoDigits,
        end: "\n",
    };
    const LINE: Layout = Layout {
        declaration: "",
        indent: None,
        empty: EmptyElement::SelfClosing,
        quotes: Quotes::Escaped,
        illegal: Reference::Hexadecimal,
        end: "",
    };

    fn sample() -> Element {
        Element::of(
            "A",
            [Element::text("B", "\"<&"), Element::text("C", ""), Element::of("D", [Element::text("E", "x")])],
        )
    }

    #[test]
    fn writes_as_it_is_told() {
        assert_eq!(
            write(&sample().in_namespace("http://n/"), &TREE),
            "<?xml version=\"1.0\"?>\n<A xmlns=\"http://n/\">\n  <B>\"&lt;&amp;</B>\n  <C></C>\n  <D>\n    <E>x</E>\n  </D>\n</A>\n"
        );
        assert_eq!(write(&sample(), &LINE), "<A><B>&quot;&lt;&amp;</B><C/><D><E>x</E></D></A>");
    }

    #[test]
    fn characters_that_xml_has_no_place_for_are_written_as_references() {
        let key = Element::text("Key", "a\u{1}\u{b}<\u{fffe}\t\u{fffd}\0");
        assert_eq!(
            write(&Element::text("Key", "a\u{1}\t\r\n\u{1f}"), &Layout { declaration: "", ..TREE }),
            "<Key>a&#01;\t&#13;\n&#31;</Key>\n"
        );
        assert_eq!(write(&key, &LINE), "<Key>a&#x1;&#xb;&lt;&#xfffe;\t\u{fffd}&#x0;</Key>");
    }

    #[test]
    fn reads_what_it_writes() {
        assert_eq!(parse(write(&sample(), &LINE).as_bytes()), Some(sample()));
        assert_eq!(parse(write(&sample(), &TREE).as_bytes()), Some(sample()));
    }

    #[test]
    fn reads_what_clients_send() {
        let read =
            parse(b"<?xml version='1.0'?><n:A xmlns:n=\"u\"><B>&#34;a&quot;</B><B> <![CDATA[b]]> </B><C/></n:A>")
                .unwrap();
        let texts: Vec<_> = read.children("B").map(|b| b.as_text().unwrap()).collect();
        assert_eq!((texts, read.child_text("C")), (vec!["\"a\"", "b"], Some("")));
    }

    #[test]
    fn refuses_the_rest() {
        let deep = "<a>".repeat(20_000);
        let broken = [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<a>x<b/></a>",
            "<a><b>y</b><![CDATA[x]]></a>",
            "<a>&lol;</a>",
            "<a>&</a>",
            "<!DOCTYPE a><a/>",
            "<a b></a",
            "<?php x?><a/>",
            "<a b=c/>",
            "<a b='c' b='d'/>",
            "<n:a/>",
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>",
            "<a>\0</a>",
            "<a>&#1;</a>",
            &deep,
        ];
        for document in broken {
            assert_eq!(parse(document.as_bytes()), None, "{}", &document[..document.len().min(40)]);
        }
        assert_eq!(parse(b"<a>\xff</a>"), None);
    }

    #[test]
    fn reads_loosely_what_xml_has_no_place_for() {
        let read = parse_loosely(b"<a>\x01&#01;&#x0C;\x0c&#13;</a>").unwrap();
        assert_eq!(read, Element::text("a", "\u{1}\u{1}\u{c}\u{c}\r"));
        assert_eq!((parse_loosely(b"<a>&#0;</a>"), parse(b"<a>&#12;</a>")), (None, None));
    }
}
