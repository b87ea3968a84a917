//! What is done to a store, as data: steps that name uploads, keys and bodies symbolically, so that a script can be
//! shortened, stored as JSON, replayed against any target, and printed as Rust.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

/// Steps to take one after the other.
///
/// ```
/// use fake_bucket::conformance::{Id, Key, Script, Step, Who};
///
/// let script = Script::new([Step::initiate(Who::Owner, Key(0), 7), Step::abort(Who::Owner, Key(0), Id::Of(7))]);
/// assert_eq!(Script::from_json(&script.to_json()).unwrap(), script);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Script {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One request, by somebody, about an object or an upload of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// Who asks.
    pub who: Who,
    /// In which bucket.
    pub bucket: Bucket,
    /// About which key; a listing of uploads is about none and ignores it.
    pub key: Key,
    /// For what.
    pub act: Act,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Initiate an upload, called `name` in the other steps. No two steps of a script give the same name.
    Initiate {
        /// The name.
        name: u32,
    },
    /// Send a part.
    UploadPart {
        /// To which upload.
        id: Id,
        /// Its number; 0 and 10001 are out of bounds.
        number: u32,
        /// Its bytes.
        body: Body,
    },
    /// Send a part that is copied from an object.
    UploadPartCopy {
        /// To which upload.
        id: Id,
        /// Its number; 0 and 10001 are out of bounds.
        number: u32,
        /// Where its bytes are.
        source: Source,
    },
    /// Complete an upload.
    Complete {
        /// Which.
        id: Id,
        /// The parts it lists.
        parts: Vec<Listed>,
    },
    /// Abort an upload.
    Abort {
        /// Which.
        id: Id,
    },
    /// List the parts of an upload.
    ListParts {
        /// Which.
        id: Id,
        /// Only numbers greater than this; none is asked for if 0.
        after: u32,
        /// Entries a page may have.
        max: Option<u32>,
    },
    /// List the open uploads of the bucket.
    ListUploads(UploadsAsked),
    /// Put the object whole.
    PutObject {
        /// Its bytes.
        body: Body,
    },
    /// Read the object.
    GetObject,
    /// Ask for the object's size.
    HeadObject,
    /// Delete the object.
    DeleteObject,
}

/// A page of open uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UploadsAsked {
    /// Only keys that start with this.
    pub prefix: String,
    /// Keys with a `/` after the prefix are rolled up.
    pub rolled_up: bool,
    /// Only what comes after this key, or after this rolled-up prefix.
    pub after: Option<String>,
    /// And, of that key, uploads whose id comes after this one's.
    pub after_upload: Option<Id>,
    /// Entries a page may have.
    pub max: Option<u32>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// The root of the account that owns the buckets.
    Owner,
    /// A sub-account of it that was granted everything except aborting uploads.
    Writer,
    /// The root of another account, without any grant.
    Stranger,
    /// Nobody: the request carries no proof at all.
    Anonymous,
}

/// In which bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bucket {
    /// The one most steps are about.
    Home,
    /// Another one of the same owner.
    Other,
    /// One that does not exist.
    Missing,
}

/// Which key: the place in a small list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(
    /// The place, taken round the list.
    pub u8,
);

impl Key {
    /// One key of each kind: plain, below another, with characters that need escapes, plain again.
    pub const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    /// The key's name. A target puts a prefix of its own in front of it.
    pub fn name(self) -> &'static str {
        ["a", "a/b", "a/c d+ü", "b"][usize::from(self.0) % Self::ALL.len()]
    }
}

/// An upload id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Id {
    /// The one that the step initiating this name was answered; if there was none, [`Id::UNKNOWN`].
    Of(u32),
    /// One that was never handed out.
    Unknown,
    /// One that no service hands out.
    Malformed,
    /// The parameter without a value.
    Empty,
}

impl Id {
    /// An id that looks like one and was never handed out.
    pub const UNKNOWN: &'static str = "0000018C2A7F4D1B8E5541C09B2D7F36";
    /// An id that does not look like one.
    pub const MALFORMED: &'static str = "no id/at all?&=%";
}

/// The bytes of a part or an object: one letter, repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Body {
    /// The letter.
    pub letter: char,
    /// How often.
    pub size: Size,
}

/// How large a body is, by the smallest size a part may have that is not the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// No bytes.
    Empty,
    /// A byte less than that.
    Small,
    /// Just that.
    Enough,
    /// A byte more than that.
    More,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Empty, Self::Small, Self::Enough, Self::More];

    /// In bytes.
    pub fn bytes(self, min_part_size: u64) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Small => min_part_size.saturating_sub(1),
            Self::Enough => min_part_size,
            Self::More => min_part_size + 1,
        }
    }
}

impl Body {
    /// A body of one letter.
    pub const fn of(letter: char, size: Size) -> Self {
        Self { letter, size }
    }

    /// Bytes it has.
    pub fn len(self, min_part_size: u64) -> u64 {
        self.size.bytes(min_part_size)
    }

    /// The same as a text: without any bytes, the letter makes no difference.
    pub fn text(self, min_part_size: u64) -> Text {
        Text::of([(self.letter, self.len(min_part_size))])
    }

    /// Its bytes.
    pub fn bytes(self, min_part_size: u64) -> Vec<u8> {
        self.text(min_part_size).bytes()
    }
}

/// Where the bytes of a copied part are: in an object, all of it or a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The bucket.
    pub bucket: Bucket,
    /// The object's key.
    pub key: Key,
    /// From the byte at the first place through that at the second, counted from 0; all if there is none. It may reach
    /// past the end, or end before it begins.
    pub range: Option<(Size, Size)>,
}

impl Source {
    /// All of an object in the home bucket.
    pub const fn of(key: Key) -> Self {
        Self { bucket: Bucket::Home, key, range: None }
    }

    /// A range of it.
    #[must_use]
    pub const fn range(self, first: Size, last: Size) -> Self {
        Self { range: Some((first, last)), ..self }
    }

    /// The same in another bucket.
    #[must_use]
    pub const fn in_bucket(self, bucket: Bucket) -> Self {
        Self { bucket, ..self }
    }
}

/// The bytes of a part or an object as runs of letters, whatever they came from: `aaaab` is four times `a` and once `b`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<(char, u64)>", into = "Vec<(char, u64)>")]
pub struct Text(Vec<(char, u64)>);

impl Text {
    /// The text of these runs, one after the other.
    pub fn of(runs: impl IntoIterator<Item = (char, u64)>) -> Self {
        let mut text: Vec<(char, u64)> = Vec::new();
        for (letter, times) in runs.into_iter().filter(|(_, times)| *times > 0) {
            match text.last_mut() {
                Some((last, more)) if *last == letter => *more += times,
                _ => text.push((letter, times)),
            }
        }
        Self(text)
    }

    /// Bytes it has.
    pub fn len(&self) -> u64 {
        self.runs().map(|(_, times)| times).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Letters, and how often each stands there.
    pub fn runs(&self) -> impl Iterator<Item = (char, u64)> {
        self.0.iter().copied()
    }

    /// From one byte through another, counted from 0.
    #[must_use]
    pub fn range(&self, first: u64, last: u64) -> Self {
        let mut begin = 0;
        Self::of(self.runs().map(|(letter, times)| {
            let (from, to) = (first.max(begin), (last + 1).min(begin + times));
            begin += times;
            (letter, to.saturating_sub(from))
        }))
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let run = |(letter, times): (char, u64)| {
            vec![
                u8::try_from(letter).expect("a letter of one byte");
                usize::try_from(times).expect("bytes that fit into memory")
            ]
        };
        self.runs().flat_map(run).collect()
    }
}

impl From<Vec<(char, u64)>> for Text {
    fn from(runs: Vec<(char, u64)>) -> Self {
        Self::of(runs)
    }
}

impl From<Text> for Vec<(char, u64)> {
    fn from(Text(runs): Text) -> Self {
        runs
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text::of({:?})", self.0)
    }
}

/// A part as a complete lists it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Listed {
    /// Its number.
    pub number: u32,
    /// Its entity tag.
    pub tag: Tag,
}

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tag {
    /// That of a part with this body.
    Of(Body),
    /// That of a part with these bytes, wherever it was copied from.
    OfText(Text),
    /// That of no part.
    Wrong,
}

impl Act {
    fn source_mut(&mut self) -> Option<&mut Source> {
        match self {
            Self::UploadPartCopy { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The id it is about, or starts a page after.
    pub(super) fn id_mut(&mut self) -> Option<&mut Id> {
        match self {
            Self::UploadPart { id, .. }
            | Self::UploadPartCopy { id, .. }
            | Self::Complete { id, .. }
            | Self::Abort { id }
            | Self::ListParts { id, .. } => Some(id),
            Self::ListUploads(UploadsAsked { after_upload, .. }) => after_upload.as_mut(),
            _ => None,
        }
    }
}

impl Step {
    fn new(who: Who, key: Key, act: Act) -> Self {
        Self { who, bucket: Bucket::Home, key, act }
    }

    /// Initiates an upload and calls it `name`.
    pub fn initiate(who: Who, key: Key, name: u32) -> Self {
        Self::new(who, key, Act::Initiate { name })
    }

    /// Sends a part.
    pub fn upload_part(who: Who, key: Key, id: Id, number: u32, body: Body) -> Self {
        Self::new(who, key, Act::UploadPart { id, number, body })
    }

    /// Sends a part that is copied.
    pub fn upload_part_copy(who: Who, key: Key, id: Id, number: u32, source: Source) -> Self {
        Self::new(who, key, Act::UploadPartCopy { id, number, source })
    }

    /// Completes an upload from these parts.
    pub fn complete(who: Who, key: Key, id: Id, parts: impl IntoIterator<Item = (u32, Tag)>) -> Self {
        let parts = parts.into_iter().map(|(number, tag)| Listed { number, tag }).collect();
        Self::new(who, key, Act::Complete { id, parts })
    }

    /// Aborts an upload.
    pub fn abort(who: Who, key: Key, id: Id) -> Self {
        Self::new(who, key, Act::Abort { id })
    }

    /// Lists the parts of an upload whose numbers are greater than `after`.
    pub fn list_parts(who: Who, key: Key, id: Id, after: u32, max: Option<u32>) -> Self {
        Self::new(who, key, Act::ListParts { id, after, max })
    }

    /// Lists open uploads.
    pub fn list_uploads(who: Who, asked: UploadsAsked) -> Self {
        Self::new(who, Key(0), Act::ListUploads(asked))
    }

    /// Puts an object.
    pub fn put(who: Who, key: Key, body: Body) -> Self {
        Self::new(who, key, Act::PutObject { body })
    }

    /// Reads an object.
    pub fn get(who: Who, key: Key) -> Self {
        Self::new(who, key, Act::GetObject)
    }

    /// Asks for an object's size.
    pub fn head(who: Who, key: Key) -> Self {
        Self::new(who, key, Act::HeadObject)
    }

    /// Deletes an object.
    pub fn delete(who: Who, key: Key) -> Self {
        Self::new(who, key, Act::DeleteObject)
    }

    /// The same in another bucket.
    #[must_use]
    pub fn in_bucket(mut self, bucket: Bucket) -> Self {
        self.bucket = bucket;
        self
    }

    /// The keys it names: its own, and that of a source.
    pub(super) fn keys_mut(&mut self) -> impl Iterator<Item = &mut Key> {
        let source = self.act.source_mut().map(|source| &mut source.key);
        [&mut self.key].into_iter().chain(source)
    }

    /// The buckets it names: its own, and that of a source.
    pub(super) fn buckets_mut(&mut self) -> impl Iterator<Item = &mut Bucket> {
        let source = self.act.source_mut().map(|source| &mut source.bucket);
        [&mut self.bucket].into_iter().chain(source)
    }

    /// The id it is about.
    pub fn id(&self) -> Option<Id> {
        match self.act {
            Act::UploadPart { id, .. }
            | Act::UploadPartCopy { id, .. }
            | Act::Complete { id, .. }
            | Act::Abort { id }
            | Act::ListParts { id, .. } => Some(id),
            _ => None,
        }
    }
}

impl Script {
    /// A script of these steps.
    ///
    /// # Panics
    /// If two steps give uploads the same name.
    #[track_caller]
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let script = Self { steps: steps.into_iter().collect() };
        if let Some(name) = script.named_twice() {
            panic!("two steps of the script call their upload {name}");
        }
        script
    }

    /// Reads what [`Script::to_json`] wrote.
    ///
    /// # Errors
    /// If it is no script.
    pub fn from_json(text: &str) -> Result<Self, ScriptError> {
        let script: Self = serde_json::from_str(text).map_err(ScriptError::Json)?;
        script.named_twice().map_or(Ok(script), |name| Err(ScriptError::NamedTwice(name)))
    }

    /// The script as JSON, a step on each line.
    pub fn to_json(&self) -> String {
        let lines: Vec<_> = self.steps.iter().map(|step| serde_json::to_string(step).expect("plain data")).collect();
        format!("[\n  {}\n]\n", lines.join(",\n  "))
    }

    /// The script as Rust, ready to be pasted into a test.
    pub fn to_rust(&self) -> String {
        let lines: String = self.steps.iter().map(|step| format!("    {step},\n")).collect();
        format!("Script::new([\n{lines}])")
    }

    pub(super) fn named_twice(&self) -> Option<u32> {
        let mut seen = BTreeSet::new();
        self.steps.iter().find_map(|step| match step.act {
            Act::Initiate { name } if !seen.insert(name) => Some(name),
            _ => None,
        })
    }
}

/// Why a text is no script.
#[derive(Debug)]
#[non_exhaustive]
pub enum ScriptError {
    /// It is not JSON of the right form.
    Json(serde_json::Error),
    /// Two steps give uploads the same name.
    NamedTwice(u32),
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(_) => f.write_str("the script is not a JSON list of steps"),
            Self::NamedTwice(name) => write!(f, "two steps of the script call their upload {name}"),
        }
    }
}

impl std::error::Error for ScriptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            Self::NamedTwice(_) => None,
        }
    }
}

/// A step as the Rust that makes it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = format!("Who::{:?}, Key({})", self.who, self.key.0);
        match &self.act {
            Act::Initiate { name } => write!(f, "Step::initiate({by}, {name})")?,
            Act::UploadPart { id, number, body } => write!(f, "Step::upload_part({by}, {id}, {number}, {body})")?,
            Act::UploadPartCopy { id, number, source } => {
                write!(f, "Step::upload_part_copy({by}, {id}, {number}, {source})")?;
            }
            Act::Complete { id, parts } => {
                let parts: Vec<_> = parts.iter().map(|part| format!("({}, {})", part.number, part.tag)).collect();
                write!(f, "Step::complete({by}, {id}, [{}])", parts.join(", "))?;
            }
            Act::Abort { id } => write!(f, "Step::abort({by}, {id})")?,
            Act::ListParts { id, after, max } => write!(f, "Step::list_parts({by}, {id}, {after}, {max:?})")?,
            Act::ListUploads(asked) => write!(f, "Step::list_uploads(Who::{:?}, {asked})", self.who)?,
            Act::PutObject { body } => write!(f, "Step::put({by}, {body})")?,
            Act::GetObject => write!(f, "Step::get({by})")?,
            Act::HeadObject => write!(f, "Step::head({by})")?,
            Act::DeleteObject => write!(f, "Step::delete({by})")?,
        }
        match self.bucket {
            Bucket::Home => Ok(()),
            bucket => write!(f, ".in_bucket(Bucket::{bucket:?})"),
        }
    }
}

impl fmt::Display for UploadsAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = Vec::new();
        if !self.prefix.is_empty() {
            fields.push(format!("prefix: {:?}.into()", self.prefix));
        }
        if self.rolled_up {
            fields.push("rolled_up: true".to_owned());
        }
        if let Some(after) = &self.after {
            fields.push(format!("after: Some({after:?}.into())"));
        }
        if let Some(id) = &self.after_upload {
            fields.push(format!("after_upload: Some({id})"));
        }
        if let Some(max) = self.max {
            fields.push(format!("max: Some({max})"));
        }
        match fields.len() {
            0 => return f.write_str("UploadsAsked::default()"),
            5 => {}
            _ => fields.push("..UploadsAsked::default()".to_owned()),
        }
        write!(f, "UploadsAsked {{ {} }}", fields.join(", "))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id::{self:?}")
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body::of({:?}, Size::{:?})", self.letter, self.size)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source::of(Key({}))", self.key.0)?;
        if let Some((first, last)) = self.range {
            write!(f, ".range(Size::{first:?}, Size::{last:?})")?;
        }
        match self.bucket {
            Bucket::Home => Ok(()),
            bucket => write!(f, ".in_bucket(Bucket::{bucket:?})"),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(body) => write!(f, "Tag::Of({body})"),
            Self::OfText(text) => write!(f, "Tag::OfText({text:?})"),
            Self::Wrong => f.write_str("Tag::Wrong"),
        }
    }
}
