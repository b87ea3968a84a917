//! The mutants: what each gets wrong, and the expression of the fake's that gets it wrong.
//!
//! `original` stands in `file` exactly once, whatever the white space. What is bred reads `if crate::mutant(name) { mutated } else { original }`.
//! Rows of the same name, in different places, are one mutant; rows of the same original are alternatives.

pub struct Row {
    pub name: &'static str,
    pub file: &'static str,
    pub original: &'static str,
    pub mutated: &'static str,
}

const STORE: &str = "src/store/mod.rs";
const UPLOAD: &str = "src/store/upload.rs";
const MULTIPART: &str = "src/store/multipart.rs";
const OBJECTS: &str = "src/store/objects.rs";
const LISTING: &str = "src/store/listing.rs";
const READING: &str = "src/dialect/reading.rs";
const DOCUMENTS: &str = "src/dialect/documents.rs";
const PAYLOAD: &str = "src/exchange/payload.rs";

const fn row(name: &'static str, file: &'static str, original: &'static str, mutated: &'static str) -> Row {
    Row { name, file, original, mutated }
}

pub const ROWS: &[Row] = &[
    // Ids.
    row("an id is good for any key of its bucket", UPLOAD, "self.place == *place", "self.place.bucket == place.bucket"),
    row("an id is good for any bucket that has its key", UPLOAD, "self.place == *place", "self.place.key == place.key"),
    row("an abort takes the id with any key", MULTIPART, "upload.place == *place", "upload.place.bucket == place.bucket"),
    row("an abort takes the id in any bucket", MULTIPART, "upload.place == *place", "upload.place.key == place.key"),
    row(
        "the id of an upload that has ended is handed out again",
        MULTIPART,
        "(self.rules.upload_id)(by.now, self.mint.next())",
        "match self.uploads.iter().find(|found| found.place == *place && !matches!(found.state, UploadState::Open(_))) {
            Some(found) => found.id.clone(),
            None => (self.rules.upload_id)(by.now, self.mint.next()),
        }",
    ),
    // Who may.
    row(
        "403 for 404: a second abort hears that it may not",
        MULTIPART,
        "Err(no_such_upload(id))",
        "Err(not_initiator(by.principal))",
    ),
    row(
        "404 for 403: another account hears that there is nothing",
        STORE,
        "Refusal::OtherAccount { action }",
        "Refusal::NoSuchKey { key: String::new() }",
    ),
    row(
        "anybody may abort",
        STORE,
        "self.grants.get(principal.name()).is_some_and(|grants| grants.allows(action))",
        "action == Action::AbortMultipartUpload
            || self.grants.get(principal.name()).is_some_and(|grants| grants.allows(action))",
    ),
    row(
        "what is granted does not count",
        STORE,
        "self.grants.get(principal.name()).is_some_and(|grants| grants.allows(action))",
        "false",
    ),
    row(
        "another account's root rules the bucket too",
        "src/store/principal.rs",
        "user.role == Role::Root && user.account.id == account.id",
        "user.role == Role::Root",
    ),
    row("anybody may write to the initiator's upload", STORE, "upload.initiator == *principal", "true"),
    row(
        "the bucket owner cannot abort what another initiated",
        MULTIPART,
        "self.granted(by.principal, action, Some(bucket), Some(&place.key)).map_err(|_| not_initiator(by.principal))?",
        "return Err(not_initiator(by.principal))",
    ),
    // Parts.
    row(
        "a part that is sent again keeps its old bytes",
        MULTIPART,
        "parts.insert(number, part.clone())",
        "if parts.contains_key(&number) { None } else { parts.insert(number, part.clone()) }",
    ),
    row(
        "the highest part number is refused",
        READING,
        "PartNumber::new(parse_digits(text)?.try_into().ok()?)",
        "PartNumber::new(parse_digits(text)?.try_into().ok()?).filter(|number| number.get() < PartNumber::MAX)",
    ),
    row(
        "part numbers beyond the highest are taken for it",
        READING,
        "PartNumber::new(parse_digits(text)?.try_into().ok()?)",
        "PartNumber::new(parse_digits(text)?.min(10_000).try_into().ok()?)",
    ),
    row(
        "part number 0 is taken for 1",
        READING,
        "PartNumber::new(parse_digits(text)?.try_into().ok()?)",
        "PartNumber::new(parse_digits(text)?.max(1).try_into().ok()?)",
    ),
    // Completing.
    row(
        "state moves before the last check: a refused complete ends the upload",
        MULTIPART,
        "self.listed(upload, parts, &manifest)?",
        "match self.listed(upload, parts, &manifest) {
            Ok(pieces) => pieces,
            Err(refusal) => {
                self.bury(id, Cause::Test, by.now, by.tick);
                return Err(refusal);
            }
        }",
    ),
    row(
        "a refused complete drops the parts",
        MULTIPART,
        "self.listed(upload, parts, &manifest)?",
        "match self.listed(upload, parts, &manifest) {
            Ok(pieces) => pieces,
            Err(refusal) => {
                if let Some(UploadState::Open(parts)) = self.uploads.get_mut(id.as_str()).map(|upload| &mut upload.state) {
                    parts.clear();
                }
                return Err(refusal);
            }
        }",
    ),
    row(
        "a complete takes all parts, listed or not",
        MULTIPART,
        "self.listed(upload, parts, &manifest)?",
        "{
            self.listed(upload, parts, &manifest)?;
            parts.values().cloned().collect::<Vec<_>>()
        }",
    ),
    row("entity tags in the list are not compared", MULTIPART, "shown(part) == *md5", "true"),
    row("the list may be in any order", MULTIPART, "pair[0].number < pair[1].number", "true"),
    row("a part may be listed twice", MULTIPART, "pair[0].number < pair[1].number", "pair[0].number <= pair[1].number"),
    row("parts of any size will do", MULTIPART, "part.size() < min", "false"),
    row("the smallest part is a byte too large", MULTIPART, "part.size() < min", "part.size() <= min"),
    row("the smallest part is a byte too small", MULTIPART, "part.size() < min", "part.size() + 1 < min"),
    row("the last part must be large too", MULTIPART, "index + 1 == listed.len()", "false"),
    row("a missing part goes before a small one", MULTIPART, "self.rules.flaws == Flaws::AsListed", "false"),
    row("a small part goes before a missing one", MULTIPART, "self.rules.flaws == Flaws::AsListed", "true"),
    row("gaps in the list are refused", MULTIPART, "self.rules.gaps == Gaps::Refused", "true"),
    row(
        "an unknown id goes before a bad list",
        MULTIPART,
        "self.rules.list_read == ListRead::BeforeLookup",
        "false",
    ),
    row("a list of no parts makes an object", DOCUMENTS, "parts.is_empty()", "false"),
    row(
        "the object has its parts in the wrong order",
        MULTIPART,
        "Object::new(pieces, etag, metadata, by.now, origin)",
        "Object::new(pieces.into_iter().rev().collect(), etag, metadata, by.now, origin)",
    ),
    row(
        "the object has its last part only",
        MULTIPART,
        "Object::new(pieces, etag, metadata, by.now, origin)",
        "Object::new(pieces.into_iter().rev().take(1).collect(), etag, metadata, by.now, origin)",
    ),
    row(
        "a complete leaves the upload open",
        MULTIPART,
        "self.end(id, UploadState::Completed(receipt))",
        "upload.state.clone()",
    ),
    row(
        "the object's entity tag is that of the list",
        PAYLOAD,
        "dialect.completed_etag(upload, &manifest)",
        "dialect.etag(&digest::md5(whole(&content)))",
    ),
    // Aborting.
    row(
        "a second abort is answered 204",
        MULTIPART,
        "!upload.takes_room()",
        "matches!(upload.state, UploadState::Completed(_))",
    ),
    row(
        "a part survives the abort",
        MULTIPART,
        "Tombstone { cause, at: now, tick, freed, lingering: Parts::new() }",
        "Tombstone { cause, at: now, tick, freed, lingering: parts.clone() }",
    ),
    row(
        "an abort deletes the object that was there before",
        MULTIPART,
        "self.bury(&id, Cause::Exchange(by.exchange), by.now, by.tick)",
        "{
            self.bucket_mut(&place.bucket)?.objects.remove(&place.key);
            self.bury(&id, Cause::Exchange(by.exchange), by.now, by.tick)
        }",
    ),
    row(
        "an abort of a completed upload deletes its object",
        MULTIPART,
        "Err(no_such_upload(id))",
        "{
            self.bucket_mut(&place.bucket)?.objects.remove(&place.key);
            Err(no_such_upload(id))
        }",
    ),
    row("an upload that has ended is still listed", MULTIPART, "ids.remove(id)", "false"),
    // Listing.
    row("a page of parts begins with its marker", MULTIPART, "u64::from(part.number.get()) > after", "u64::from(part.number.get()) >= after"),
    row("the part marker is ignored", MULTIPART, "u64::from(part.number.get()) > after", "true"),
    row("a page of parts has one too many", MULTIPART, "rest.by_ref().take(max)", "rest.by_ref().take(max + 1)"),
    row("no page of parts says that there is more", MULTIPART, "rest.next().is_some()", "false"),
    row(
        "a stale part marker: the next page begins where this one did",
        "src/dialect/obs/body.rs",
        "page.parts.last().map_or(0, |part| part.number.get())",
        "page.parts.first().map_or(0, |part| part.number.get())",
    ),
    row(
        "no page of uploads says that there is more",
        MULTIPART,
        "Ok(Outcome::Uploads(page))",
        "Ok(Outcome::Uploads(listing::Page { truncated: false, ..page }))",
    ),
    row(
        "a stale upload marker: the next page begins in this one",
        LISTING,
        "page.last = Some(Last::Entry(entry.clone()))",
        "if page.last.is_none() { page.last = Some(Last::Entry(entry.clone())) }",
    ),
    row(
        "a page of uploads begins with its upload marker",
        MULTIPART,
        "after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded)",
        "after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included)",
    ),
    row(
        "a page of uploads begins with its key marker",
        LISTING,
        "Bound::Excluded(asked.after.clone())",
        "Bound::Included(asked.after.clone())",
    ),
    row(
        "the upload marker is ignored",
        LISTING,
        "(key.as_str() == asked.after).then_some(asked.after_upload.as_str())",
        "None",
    ),
    row(
        "the prefix is ignored",
        LISTING,
        "key.as_str().starts_with(&asked.prefix)",
        "asked.delimiter.is_empty() || key.as_str().starts_with(&asked.prefix)",
    ),
    row("the delimiter is ignored", LISTING, "asked.delimiter.is_empty()", "true"),
    row(
        "a rolled-up prefix lacks its delimiter",
        LISTING,
        "key[..asked.prefix.len() + at + asked.delimiter.len()].to_owned()",
        "key[..asked.prefix.len() + at].to_owned()",
    ),
    // Objects and buckets.
    row(
        "a delete leaves the object",
        OBJECTS,
        "self.bucket_mut(&place.bucket)?.objects.remove(&place.key)",
        "self.bucket_mut(&place.bucket)?.objects.get(&place.key).cloned()",
    ),
    row(
        "a bucket that is missing is taken for a missing object",
        STORE,
        "self.buckets.get(name).ok_or_else(|| Refusal::NoSuchBucket { bucket: name.clone() })",
        "self.buckets.get(name).ok_or_else(|| Refusal::NoSuchKey { key: name.to_string() })",
    ),
    // Several at once.
    row(
        "a part lands although its upload was aborted meanwhile",
        MULTIPART,
        "self.rules.late_parts",
        "LateParts::Linger",
    ),
    row("a late part is refused where it is to linger", MULTIPART, "self.rules.late_parts", "LateParts::Fail"),
    row(
        "a late part is listed: it opens the upload again",
        MULTIPART,
        "Arc::new(Part { number, body, modified: by.now })",
        "{
            if matches!(upload.state, UploadState::Aborted(_)) {
                upload.state = UploadState::Open(Parts::new());
            }
            Arc::new(Part { number, body, modified: by.now })
        }",
    ),
    row(
        "a part lands although its upload was completed meanwhile",
        MULTIPART,
        "return Err(no_such_upload(&ticket.upload))",
        "return Ok(Outcome::PartStored {
            part,
            metadata,
            landing: Landing::InTime,
            copied,
            freed: Freed::default(),
        })",
    ),
    row("what lingers cannot be aborted", MULTIPART, "!upload.takes_room()", "!matches!(upload.state, UploadState::Open(_))"),
    row("what lingers is never freed", MULTIPART, "mem::take(&mut tombstone.lingering)", "tombstone.lingering.clone()"),
    row(
        "a race in commit: two completes both win",
        MULTIPART,
        "self.find_open(place, id)?",
        "match self.uploads.get(id.as_str()).map(|upload| &upload.state) {
            Some(UploadState::Completed(_)) if self.rules.list_read == ListRead::AfterLookup => {
                let object = self.find_object(place)?.clone();
                return Ok(Outcome::Completed { object, freed: Freed::default() });
            }
            _ => self.find_open(place, id)?,
        }",
    ),
];
