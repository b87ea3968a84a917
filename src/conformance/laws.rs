//! What holds of every store of multipart uploads, whatever its provider: laws, each a function over a
//! [`Target`], with a name and the pages it is read from. They need no model, and hold nobody to an error code.
//!
//! ```
//! use fake_bucket::{Provider, conformance::{Face, HttpTarget, NoSocket, laws::laws, subject}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let oss = subject(Provider::Oss).build();
//! let target = HttpTarget::of_fake(&oss, NoSocket(&oss), Face::Native);
//! for law in laws() {
//!     law.check(&target).await.unwrap();
//! }
//! # }
//! ```

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::{
    check::Config,
    rules::{Again, Rules},
    script::{Body, Id, Key, Script, Size, Step, Tag, UploadsAsked, Who},
    seen::{Bytes, Observed, PartSeen, PartsSeen, UploadSeen, UploadsSeen},
    session::Session,
    target::Target,
};

/// A law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Law {
    /// [`refused_means_unchanged`]
    RefusedMeansUnchanged,
    /// [`an_ended_id_stays_ended`]
    AnEndedIdStaysEnded,
    /// [`pages_tile_the_listing`]
    PagesTileTheListing,
    /// [`the_object_is_its_parts`]
    TheObjectIsItsParts,
    /// [`nothing_is_left_of_an_abort`]
    NothingIsLeftOfAnAbort,
    /// [`others_abort_nothing`]
    OthersAbortNothing,
    /// [`ids_never_repeat`]
    IdsNeverRepeat,
}

/// Every law.
pub fn laws() -> [Law; 7] {
    [
        Law::RefusedMeansUnchanged,
        Law::AnEndedIdStaysEnded,
        Law::PagesTileTheListing,
        Law::TheObjectIsItsParts,
        Law::NothingIsLeftOfAnAbort,
        Law::OthersAbortNothing,
        Law::IdsNeverRepeat,
    ]
}

const ABORT: &str = "Abort Multipart Upload, https://cloud.tencent.com/document/product/436/7740; AbortMultipartUpload, \
    https://www.alibabacloud.com/help/en/oss/developer-reference/abortmultipartupload; Canceling a Multipart Upload Task, \
    https://support.huaweicloud.com/api-obs/obs_04_0103.html";
const COMPLETE: &str = "Complete Multipart Upload, https://cloud.tencent.com/document/product/436/7742; \
    CompleteMultipartUpload, https://www.alibabacloud.com/help/en/oss/developer-reference/completemultipartupload; \
    Assembling Uploaded Parts, https://support.huaweicloud.com/api-obs/";
const LISTS: &str = "List Parts, https://cloud.tencent.com/document/product/436/7747; List Multipart Uploads, \
    https://cloud.tencent.com/document/product/436/7736; ListParts, \
    https://www.alibabacloud.com/help/en/oss/developer-reference/listparts; ListMultipartUploads, \
    https://www.alibabacloud.com/help/en/oss/developer-reference/listmultipartuploads; Listing Uploaded Parts, Listing \
    Initiated Multipart Uploads in a Bucket, https://support.huaweicloud.com/api-obs/";
const INITIATE: &str = "Initiate Multipart Upload, https://cloud.tencent.com/document/product/436/7746; \
    InitiateMultipartUpload, https://www.alibabacloud.com/help/en/oss/developer-reference/initiatemultipartupload; Initiating \
    a Multipart Upload, https://support.huaweicloud.com/api-obs/";

impl Law {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::RefusedMeansUnchanged => "refused means unchanged",
            Self::AnEndedIdStaysEnded => "an ended id stays ended",
            Self::PagesTileTheListing => "pages tile the listing",
            Self::TheObjectIsItsParts => "the object is its parts",
            Self::NothingIsLeftOfAnAbort => "nothing is left of an abort",
            Self::OthersAbortNothing => "others abort nothing",
            Self::IdsNeverRepeat => "ids never repeat",
        }
    }

    /// The pages it is read from: titles and addresses, read 2026-11-20.
    pub fn source(self) -> &'static str {
        match self {
            Self::RefusedMeansUnchanged | Self::TheObjectIsItsParts => COMPLETE,
            Self::AnEndedIdStaysEnded | Self::NothingIsLeftOfAnAbort | Self::OthersAbortNothing => ABORT,
            Self::PagesTileTheListing => LISTS,
            Self::IdsNeverRepeat => INITIATE,
        }
    }

    /// Holds a target to it.
    ///
    /// # Errors
    /// With what was done and what broke it.
    pub async fn check<T: Target>(self, target: &T) -> Result<Verdict, Box<Broken>> {
        match self {
            Self::RefusedMeansUnchanged => refused_means_unchanged(target).await,
            Self::AnEndedIdStaysEnded => an_ended_id_stays_ended(target).await,
            Self::PagesTileTheListing => pages_tile_the_listing(target).await,
            Self::TheObjectIsItsParts => the_object_is_its_parts(target).await,
            Self::NothingIsLeftOfAnAbort => nothing_is_left_of_an_abort(target).await,
            Self::OthersAbortNothing => others_abort_nothing(target).await,
            Self::IdsNeverRepeat => ids_never_repeat(target).await,
        }
    }
}

/// Reads a law's name: `ids never repeat`. Hyphens may stand for the blanks.
impl FromStr for Law {
    type Err = UnknownLaw;

    fn from_str(name: &str) -> Result<Self, UnknownLaw> {
        let named = |law: &Self| law.name() == name || law.name().replace(' ', "-") == name;
        laws().into_iter().find(named).ok_or_else(|| UnknownLaw(name.to_owned()))
    }
}

/// The name of no law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLaw(String);

impl fmt::Display for UnknownLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no law is called {:?}; the laws are: {}", self.0, laws().map(Law::name).join(", "))
    }
}

impl std::error::Error for UnknownLaw {}

/// Holds a target to every law, except those that the configuration waives ([`Config::waive`]), in the order of [`laws`].
///
/// ```
/// use fake_bucket::{Provider, conformance::{Config, Face, HttpTarget, NoSocket, laws::{Law, Verdict, check_laws}, subject}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let obs = subject(Provider::Obs).build();
/// let target = HttpTarget::of_fake(&obs, NoSocket(&obs), Face::Native);
/// let verdicts = check_laws(&target, &Config::default().waive([Law::IdsNeverRepeat])).await;
/// for (law, verdict) in verdicts {
///     let expected = if law == Law::IdsNeverRepeat { Verdict::Waived } else { Verdict::Holds };
///     assert_eq!(verdict.unwrap(), expected);
/// }
/// # }
/// ```
pub async fn check_laws<T: Target>(target: &T, config: &Config) -> Vec<(Law, Result<Verdict, Box<Broken>>)> {
    let mut verdicts = Vec::new();
    for law in laws() {
        let verdict = if config.waives(law) { Ok(Verdict::Waived) } else { law.check(target).await };
        let gone = verdict.as_ref().is_err_and(|broken| broken.unreachable);
        verdicts.push((law, verdict));
        if gone {
            break;
        }
    }
    verdicts
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What came of holding a target to a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It cannot be asked of this target; and why.
    PassedOver(&'static str),
    /// It was not asked, since the configuration waives it.
    Waived,
}

/// A law that does not hold. Its debug output is for people, too.
#[derive(Clone)]
#[non_exhaustive]
pub struct Broken {
    /// The law.
    pub law: Law,
    /// What was done, and what was answered.
    pub story: Vec<(Step, Observed)>,
    /// What is wrong with the last of it.
    pub why: String,
    /// Whether the target went away meanwhile. Whether the law holds is not known then.
    pub unreachable: bool,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.unreachable { "could not be checked to its end" } else { "does not hold" };
        writeln!(f, "{:?} {outcome}: {}", self.law.name(), self.why)?;
        for (at, (step, observed)) in (1..).zip(&self.story) {
            writeln!(f, "  {at}. {step}\n     {observed}")?;
        }
        writeln!(f, "source: {}", self.law.source())?;
        let script = Script { steps: self.story.iter().map(|(step, _)| step.clone()).collect() };
        writeln!(f, "as Rust:\n{}", script.to_rust())
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Broken {}

/// Why a law stops early.
enum Stop {
    Broken(String),
    PassedOver(&'static str),
    Unreachable(String),
}

type Told<T = ()> = Result<T, Stop>;

/// A session that remembers.
struct Tale<'t, T> {
    target: &'t T,
    session: Session<'t, T>,
    story: Vec<(Step, Observed)>,
    lists_uploads: bool,
}

impl<T: Target> Tale<'_, T> {
    /// What a step is answered.
    async fn ask(&mut self, step: Step) -> Told<Observed> {
        let observed = self.session.take(&step).await.ok_or(Stop::PassedOver("the target cannot do all of it"))?;
        self.story.push((step, observed.clone()));
        match observed {
            Observed::Unreachable(why) => Err(Stop::Unreachable(why)),
            observed => Ok(observed),
        }
    }

    /// A step that has to succeed.
    async fn done(&mut self, step: Step) -> Told<Observed> {
        match self.ask(step).await? {
            Observed::Refused(_) | Observed::Strange(_) | Observed::IdRepeated(_) => broken("it had to succeed"),
            observed => Ok(observed),
        }
    }

    /// A step that has to be refused.
    async fn refused(&mut self, step: Step) -> Told {
        match self.ask(step).await? {
            Observed::Refused(_) => Ok(()),
            _ => broken("it had to be refused"),
        }
    }

    async fn upload(&mut self, key: Key, name: u32, parts: &[(u32, Body)]) -> Told {
        self.done(Step::initiate(Who::Owner, key, name)).await?;
        for (number, body) in parts {
            self.done(Step::upload_part(Who::Owner, key, Id::Of(name), *number, *body)).await?;
        }
        Ok(())
    }

    /// The open uploads there are. None if the target cannot tell.
    async fn open(&mut self) -> Told<Option<Vec<(String, UploadSeen)>>> {
        if !self.lists_uploads {
            return Ok(None);
        }
        match self.ask(Step::list_uploads(Who::Owner, UploadsAsked::default())).await {
            Ok(Observed::Uploads(page)) => Ok(Some(page.uploads)),
            Ok(_) => broken("it had to be a list of uploads"),
            Err(Stop::PassedOver(_)) => {
                self.lists_uploads = false;
                Ok(None)
            }
            Err(stop) => Err(stop),
        }
    }

    /// All there is to see of an upload and the object under its key.
    async fn view(&mut self, key: Key, name: u32) -> Told<(Observed, Observed, Option<Vec<(String, UploadSeen)>>)> {
        let parts = self.ask(Step::list_parts(Who::Owner, key, Id::Of(name), 0, None)).await?;
        let object = self.ask(Step::get(Who::Owner, key)).await?;
        Ok((parts, object, self.open().await?))
    }
}

fn broken<T>(why: impl Into<String>) -> Told<T> {
    Err(Stop::Broken(why.into()))
}

/// Tells a tale, gives up what it made, and judges.
async fn tell<T: Target>(
    law: Law,
    target: &T,
    tale: impl AsyncFnOnce(&mut Tale<'_, T>) -> Told,
) -> Result<Verdict, Box<Broken>> {
    let room = law.name().replace(' ', "-");
    let session = Session::new(target, &room);
    let mut told = Tale { target, session, story: Vec::new(), lists_uploads: true };
    let end = tale(&mut told).await;
    let Tale { session, story, .. } = told;
    if !matches!(end, Err(Stop::Unreachable(_))) && !target.reset() {
        session.clean_up().await;
    }
    let broken = |why, unreachable| Err(Box::new(Broken { law, story, why, unreachable }));
    match end {
        Ok(()) => Ok(Verdict::Holds),
        Err(Stop::PassedOver(why)) => Ok(Verdict::PassedOver(why)),
        Err(Stop::Broken(why)) => broken(why, false),
        Err(Stop::Unreachable(why)) => broken(format!("the target went away: {why}"), true),
    }
}

const A: Body = Body::of('a', Size::Enough);
const B: Body = Body::of('b', Size::Enough);
const C: Body = Body::of('c', Size::More);
const KEY: Key = Key(0);
const ELSEWHERE: Key = Key(3);

/// What is refused leaves the upload, its parts, and the object under its key as they were.
///
/// # Errors
/// With what was done and what broke it.
pub async fn refused_means_unchanged<T: Target>(target: &T) -> Result<Verdict, Box<Broken>> {
    let small = Body::of('s', Size::Small);
    let complete = |parts: &[(u32, Tag)]| Step::complete(Who::Owner, KEY, Id::Of(0), parts.to_vec());
    let wrong = [
        complete(&[(1, Tag::Wrong)]),
        complete(&[(1, Tag::Of(A)), (9, Tag::Of(A))]),
        complete(&[(3, Tag::Of(C)), (1, Tag::Of(A))]),
        complete(&[(1, Tag::Of(A)), (1, Tag::Of(A))]),
        complete(&[]),
        Step::upload_part(Who::Owner, KEY, Id::Of(0), 0, B),
        Step::upload_part(Who::Owner, KEY, Id::Of(0), Rules::MAX_PART_NUMBER + 1, B),
        Step::upload_part(Who::Owner, ELSEWHERE, Id::Of(0), 1, B),
        Step::complete(Who::Owner, ELSEWHERE, Id::Of(0), [(1, Tag::Of(A))]),
        Step::abort(Who::Owner, ELSEWHERE, Id::Of(0)),
        Step::abort(Who::Owner, KEY, Id::Unknown),
    ];
    tell(Law::RefusedMeansUnchanged, target, async |tale| {
        tale.done(Step::put(Who::Owner, KEY, B)).await?;
        tale.upload(KEY, 0, &[(1, A), (2, small), (3, C)]).await?;
        let before = tale.view(KEY, 0).await?;
        for step in wrong {
            tale.refused(step).await?;
            if tale.view(KEY, 0).await? != before {
                return broken("what was refused changed something");
            }
        }
        if tale.target.scope().rules.min_part_size == 0 {
            return Ok(());
        }
        tale.refused(complete(&[(1, Tag::Of(A)), (2, Tag::Of(small)), (3, Tag::Of(C))])).await?;
        match tale.view(KEY, 0).await? == before {
            true => Ok(()),
            false => broken("what was refused changed something"),
        }
    })
    .await
}

/// Once an upload is aborted or completed, its id is good for nothing, for ever, and the object stays as it is.
///
/// # Errors
/// With what was done and what broke it.
pub async fn an_ended_id_stays_ended<T: Target>(target: &T) -> Result<Verdict, Box<Broken>> {
    let again = target.scope().rules.abort_again;
    tell(Law::AnEndedIdStaysEnded, target, async |tale| {
        tale.upload(KEY, 0, &[(1, A)]).await?;
        tale.done(Step::complete(Who::Owner, KEY, Id::Of(0), [(1, Tag::Of(A))])).await?;
        tale.upload(KEY, 1, &[(1, B)]).await?;
        tale.done(Step::abort(Who::Owner, KEY, Id::Of(1))).await?;
        for (name, aborted) in [(0, false), (1, true)] {
            let id = Id::Of(name);
            tale.refused(Step::upload_part(Who::Owner, KEY, id, 2, C)).await?;
            tale.refused(Step::list_parts(Who::Owner, KEY, id, 0, None)).await?;
            tale.refused(Step::complete(Who::Owner, KEY, id, [(1, Tag::Of(if aborted { B } else { A }))])).await?;
            match again == Again::Succeeds && aborted {
                true => drop(tale.done(Step::abort(Who::Owner, KEY, id)).await?),
                false => tale.refused(Step::abort(Who::Owner, KEY, id)).await?,
            }
        }
        if tale.open().await?.is_some_and(|open| !open.is_empty()) {
            return broken("an upload that ended is listed");
        }
        object_is(tale, &[A]).await
    })
    .await
}

/// The pages of a listing, put one after the other, are the listing: of the parts, what was stored last under each
/// number, ascending; of the uploads, those that are open, by key, and then by id. Whatever the size of the pages.
///
/// # Errors
/// With what was done and what broke it.
pub async fn pages_tile_the_listing<T: Target>(target: &T) -> Result<Verdict, Box<Broken>> {
    tell(Law::PagesTileTheListing, target, async |tale| {
        let parts = [(3, A), (1, B), (10_000, C), (2, A), (7, B), (2, C)];
        tale.upload(KEY, 0, &parts).await?;
        let rules = &tale.target.scope().rules;
        let stored: BTreeMap<u32, Body> = parts.into_iter().collect();
        let whole: Vec<PartSeen> = stored
            .iter()
            .map(|(number, body)| PartSeen {
                number: *number,
                size: body.len(rules.min_part_size),
                etag: rules.part_tag(*body),
            })
            .collect();
        for max in [None, Some(1), Some(2), Some(4), Some(5), Some(Rules::MAX_PAGE)] {
            parts_tile(tale, max, &whole).await?;
        }
        for (key, name) in [(Key(1), 1), (KEY, 2), (ELSEWHERE, 3), (KEY, 4)] {
            tale.done(Step::initiate(Who::Owner, key, name)).await?;
        }
        tale.upload(ELSEWHERE, 5, &[]).await?;
        tale.done(Step::abort(Who::Owner, ELSEWHERE, Id::Of(5))).await?;
        let Some(listed) = tale.open().await? else { return Ok(()) };
        let mut expected = Vec::new();
        for (key, name) in [(KEY, 0), (KEY, 2), (KEY, 4), (Key(1), 1), (ELSEWHERE, 3)] {
            let id = tale.session.id(name).expect("it was initiated");
            expected.push((key.name().to_owned(), id, UploadSeen::Of(name)));
        }
        expected.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        let expected: Vec<_> = expected.into_iter().map(|(key, _, seen)| (key, seen)).collect();
        if listed != expected {
            return broken(format!("the open uploads are {expected:?}"));
        }
        for max in 1..=5 {
            uploads_tile(tale, max, &expected).await?;
        }
        Ok(())
    })
    .await
}

async fn parts_tile<T: Target>(tale: &mut Tale<'_, T>, max: Option<u32>, whole: &[PartSeen]) -> Told {
    let (mut tiled, mut after) = (Vec::new(), 0);
    loop {
        let page = match tale.done(Step::list_parts(Who::Owner, KEY, Id::Of(0), after, max)).await? {
            Observed::Parts(page) => page,
            _ => return broken("it had to be a list of parts"),
        };
        let PartsSeen { parts, truncated, next } = page;
        if max.is_some_and(|max| parts.len() > max as usize) || (truncated && parts.is_empty()) {
            return broken("the page is too long, or empty and not the last");
        }
        let last = parts.last().map(|part| part.number);
        if truncated && next.is_some() && next != last {
            return broken("the next page does not start after the last part of this one");
        }
        tiled.extend(parts);
        if tiled.len() > whole.len() {
            return broken("the pages list a part twice");
        }
        match last.filter(|_| truncated) {
            Some(last) => after = last,
            None => break,
        }
    }
    if tiled == whole { Ok(()) } else { broken(format!("the pages have to make up {whole:?}")) }
}

async fn uploads_tile<T: Target>(tale: &mut Tale<'_, T>, max: u32, whole: &[(String, UploadSeen)]) -> Told {
    let (mut tiled, mut asked) = (Vec::new(), UploadsAsked { max: Some(max), ..UploadsAsked::default() });
    loop {
        let UploadsSeen { uploads, truncated, .. } =
            match tale.done(Step::list_uploads(Who::Owner, asked.clone())).await? {
                Observed::Uploads(page) => page,
                _ => return broken("it had to be a list of uploads"),
            };
        if uploads.len() > max as usize || (truncated && uploads.is_empty()) {
            return broken("the page is too long, or empty and not the last");
        }
        tiled.extend(uploads);
        if tiled.len() > whole.len() {
            return broken("the pages list an upload twice");
        }
        match tiled.last() {
            Some((key, UploadSeen::Of(name))) if truncated => {
                (asked.after, asked.after_upload) = (Some(key.clone()), Some(Id::Of(*name)));
            }
            _ => break,
        }
    }
    if tiled == whole { Ok(()) } else { broken(format!("the pages have to make up {whole:?}")) }
}

/// A completed object is the parts the complete listed, in their order, each as it was sent last; parts that were not
/// listed are no part of it; it replaces what was there.
///
/// # Errors
/// With what was done and what broke it.
pub async fn the_object_is_its_parts<T: Target>(target: &T) -> Result<Verdict, Box<Broken>> {
    let last = Body::of('z', Size::Small);
    tell(Law::TheObjectIsItsParts, target, async |tale| {
        tale.done(Step::put(Who::Owner, KEY, B)).await?;
        tale.upload(KEY, 0, &[(5, last), (2, A), (1, A), (3, B), (1, C)]).await?;
        object_is(tale, &[B]).await?;
        let listed = [(1, Tag::Of(C)), (2, Tag::Of(A)), (5, Tag::Of(last))];
        tale.refused(Step::complete(Who::Owner, KEY, Id::Of(0), [(1, Tag::Of(A)), (2, Tag::Of(A))])).await?;
        tale.done(Step::complete(Who::Owner, KEY, Id::Of(0), listed)).await?;
        object_is(tale, &[C, A, last]).await
    })
    .await
}

/// Of an aborted upload nothing is left: it is not listed, its parts are gone, a part that comes later is refused, further
/// aborts find nothing, and the object under its key is as it was, or is not there.
///
/// # Errors
/// With what was done and what broke it.
pub async fn nothing_is_left_of_an_abort<T: Target>(target: &T) -> Result<Verdict, Box<Broken>> {
    let again = target.scope().rules.abort_again;
    tell(Law::NothingIsLeftOfAnAbort, target, async |tale| {
        tale.done(Step::put(Who::Owner, KEY, B)).await?;
        for (key, name) in [(KEY, 0), (ELSEWHERE, 1)] {
            let id = Id::Of(name);
            tale.upload(key, name, &[(1, A), (2, C)]).await?;
            tale.done(Step::abort(Who::Owner, key, id)).await?;
            tale.refused(Step::upload_part(Who::Owner, key, id, 3, A)).await?;
            tale.refused(Step::list_parts(Who::Owner, key, id, 0, None)).await?;
            if again == Again::NoSuchUpload {
                tale.refused(Step::abort(Who::Owner, key, id)).await?;
            }
        }
        if tale.open().await?.is_some_and(|open| !open.is_empty()) {
            return broken("an upload that was aborted is listed");
        }
        tale.refused(Step::get(Who::Owner, ELSEWHERE)).await?;
        object_is(tale, &[B]).await
    })
    .await
}

/// Who may not abort an upload is refused, and changes nothing.
///
/// # Errors
/// With what was done and what broke it.
pub async fn others_abort_nothing<T: Target>(target: &T) -> Result<Verdict, Box<Broken>> {
    let others: Vec<_> = target.scope().principals.iter().copied().filter(|who| *who != Who::Owner).collect();
    tell(Law::OthersAbortNothing, target, async |tale| {
        if others.is_empty() {
            return Err(Stop::PassedOver("the target knows the owner only"));
        }
        tale.upload(KEY, 0, &[(1, A)]).await?;
        let before = tale.view(KEY, 0).await?;
        for who in others {
            tale.refused(Step::abort(who, KEY, Id::Of(0))).await?;
            if tale.view(KEY, 0).await? != before {
                return broken("an abort that was refused changed something");
            }
        }
        tale.done(Step::abort(Who::Owner, KEY, Id::Of(0))).await.map(drop)
    })
    .await
}

/// No two uploads ever get the same id, not even when the first has ended.
///
/// # Errors
/// With what was done and what broke it.
pub async fn ids_never_repeat<T: Target>(target: &T) -> Result<Verdict, Box<Broken>> {
    tell(Law::IdsNeverRepeat, target, async |tale| {
        for name in 0..24 {
            let key = Key(name as u8 % 2);
            match tale.ask(Step::initiate(Who::Owner, key, name)).await? {
                Observed::Initiated => {}
                Observed::IdRepeated(_) => return broken("the id was handed out before"),
                _ => return broken("it had to succeed"),
            }
            if name % 3 > 0 {
                tale.done(Step::abort(Who::Owner, key, Id::Of(name))).await?;
            }
        }
        Ok(())
    })
    .await
}

async fn object_is<T: Target>(tale: &mut Tale<'_, T>, pieces: &[Body]) -> Told {
    let min = tale.target.scope().rules.min_part_size;
    let bytes: Vec<u8> = pieces.iter().flat_map(|body| body.bytes(min)).collect();
    let expected = Bytes(bytes);
    match tale.done(Step::get(Who::Owner, KEY)).await? {
        Observed::Object(found) if found == expected => Ok(()),
        _ => broken(format!("the object had to be {expected:?}")),
    }
}
