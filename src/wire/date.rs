//! Dates: RFC 9110 (`Sun, 15 Jun 2025 08:30:00 GMT`), ISO 8601 extended (`2025-06-15T08:30:00.000Z`) and basic
//! (`20250615T083000Z`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use parking_lot::Mutex;

use crate::store::Timestamp;

/// The wall clock.
pub fn wall() -> Timestamp {
    from_system(SystemTime::now())
}

/// As RFC 9110 has it in headers.
pub fn http(at: Timestamp) -> String {
    httpdate::fmt_http_date(to_system(at))
}

/// The date as headers have it, written anew only when the second changes: 0.3 us less for each reply.
#[derive(Debug, Default)]
pub struct HttpDates(Mutex<Option<(i64, HeaderValue)>>);

impl HttpDates {
    /// The date at this moment.
    pub fn at(&self, at: Timestamp) -> HeaderValue {
        let mut last = self.0.lock();
        match &*last {
            Some((second, date)) if *second == at.as_secs() => date.clone(),
            _ => {
                let date = HeaderValue::try_from(http(at)).expect("a date is a header's value");
                *last = Some((at.as_secs(), date.clone()));
                date
            }
        }
    }
}

const WEEK: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Reads a date as headers have it. Week day and month in any letter case, `+0000` for `GMT`, and another day of the week than
/// the date's pass too.
pub fn parse_http(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.is_ascii() {
        return None;
    }
    let text = text.strip_suffix("+0000").map_or_else(|| text.to_owned(), |date| format!("{}GMT", date));
    let canonical: String = text
        .split_inclusive(|c: char| !c.is_ascii_alphabetic())
        .map(|word| match word.trim_end_matches(|c: char| !c.is_ascii_alphabetic()) {
            "GMT" => word.to_owned(),
            _ => word[..word.len().min(1)].to_ascii_uppercase() + &word[word.len().min(1)..].to_ascii_lowercase(),
        })
        .collect();
    let on_another_day = || {
        let (day, date) = canonical.split_once(", ").filter(|(day, _)| WEEK.contains(day))?;
        let others = WEEK.iter().filter(|other| **other != day);
        others.map(|other| format!("{other}, {date}")).find_map(|text| httpdate::parse_http_date(&text).ok())
    };
    httpdate::parse_http_date(&canonical).ok().or_else(on_another_day).map(from_system)
}

/// ISO 8601 with milliseconds.
pub fn iso_millis(at: Timestamp) -> String {
    humantime::format_rfc3339_millis(to_system(at)).to_string()
}

/// ISO 8601 with whole seconds.
pub fn iso_seconds(at: Timestamp) -> String {
    humantime::format_rfc3339_seconds(to_system(at)).to_string()
}

/// ISO 8601 with whole seconds and milliseconds that are always zero.
pub fn iso_zero_millis(at: Timestamp) -> String {
    iso_seconds(at).replace('Z', ".000Z")
}

/// ISO 8601 basic, whole seconds.
pub fn iso_basic(at: Timestamp) -> String {
    iso_seconds(at).replace(['-', ':'], "")
}

/// Reads ISO 8601 basic, whole seconds: `20250615T083000Z`.
pub fn parse_iso_basic(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
    };
    if text.len() != 16 || text.get(8..9) != Some("T") || text.get(15..) != Some("Z") {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
    let extended = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    humantime::parse_rfc3339(&extended).ok().map(from_system)
}

/// Reads ISO 8601 extended: `2025-06-15T00:00:00.000Z`, with or without a fraction.
pub fn parse_iso(text: &str) -> Option<Timestamp> {
    humantime::parse_rfc3339(text).ok().map(from_system)
}

fn to_system(at: Timestamp) -> SystemTime {
    // The formatters know the years 1970 to 9999.
    const LAST: u64 = 253_402_300_799_000;
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0).min(LAST))
}

/// A system time, to the millisecond.
pub fn from_system(at: SystemTime) -> Timestamp {
    let millis = match at.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    Timestamp::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_749_976_200_123);

    #[test]
    fn every_form_there_and_back() {
        let whole = Timestamp::from_secs(AT.as_secs());
        assert_eq!(http(AT), "Sun, 15 Jun 2025 08:30:00 GMT");
        assert_eq!(parse_http(&http(AT)), Some(whole));
        assert_eq!(iso_millis(AT), "2025-06-15T08:30:00.123Z");
        assert_eq!(iso_zero_millis(AT), "2025-06-15T08:30:00.000Z");
        assert_eq!(iso_basic(AT), "20250615T083000Z");
        assert_eq!(parse_iso_basic(&iso_basic(AT)), Some(whole));
    }

    #[test]
    fn dates_change_with_the_second() {
        let dates = HttpDates::default();
        for millis in [0, 999, 1000, 500] {
            let at = AT.plus(Duration::from_millis(millis));
            assert_eq!(dates.at(at).to_str().unwrap(), http(at));
        }
    }

    #[test]
    fn clients_write_dates_in_their_own_ways() {
        let at = Some(Timestamp::from_secs(1_435_728_507));
        assert_eq!(parse_http("WED, 01 Jul 2015 05:28:27 GMT"), at);
        assert_eq!(parse_http("Wed, 01 Jul 2015 05:28:27 +0000"), at);
        assert_eq!(parse_http("Sun, 01 Jul 2015 05:28:27 GMT"), at, "it was a Wednesday");
        for broken in ["", "yesterday", "Sol, 01 Jul 2015 05:28:27 GMT", "Wed, 41 Jul 2015 05:28:27 GMT", "ü"] {
            assert_eq!(parse_http(broken), None, "{broken}");
        }
        for broken in ["20250615T083000", "20251315T083000Z", "2025061ñT083000Z", "20250615 083000Z"] {
            assert_eq!(parse_iso_basic(broken), None, "{broken}");
        }
    }

    #[test]
    fn no_time_is_too_far() {
        assert_eq!(http(Timestamp::from_millis(i64::MIN)), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(iso_seconds(Timestamp::from_millis(i64::MAX)), "9999-12-31T23:59:59Z");
    }
}
