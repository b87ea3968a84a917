//! FLOOR 5: which exchange came closest to what a gate or a fault waited for in vain, and why it was not it.

use crate::{
    exchange::{
        Core,
        fault::FaultRule,
        gate::{At, GateState},
        journal::Facts,
        select::Watch,
    },
    snapshot::ExchangeRecord,
    timeline::size,
};

/// An exchange that was not it.
struct Miss {
    facts: Facts,
    record: ExchangeRecord,
    reasons: Vec<String>,
}

/// `closest: #4 UploadPart 3 video.mp4 by owner: part number is 3, not 2`.
pub(crate) fn closest_to_gate(core: &Core, gate: &GateState) -> String {
    let came_short = |miss: &Miss| match gate.at {
        At::Byte(stop) if miss.record.received < stop => {
            format!("{} of its body arrived, not {}", size(miss.record.received), size(stop))
        }
        at => format!("it never came to {at:?}: {}", miss.record.ending()),
    };
    closest(core, &gate.watch, came_short)
}

/// The same, of a fault.
pub(crate) fn closest_to_fault(core: &Core, rule: &FaultRule) -> String {
    let spared = |miss: &Miss| match (miss.facts.fault(), miss.record.operation) {
        (Some(fault), _) => format!("something else went wrong with it first: {fault}"),
        (None, Some(op)) if rule.what.starts_with("AbortLater") && op.name() != "Abort" => {
            "only aborts can happen later".to_owned()
        }
        _ => format!("it was not let in: {}", miss.record.ending()),
    };
    closest(core, &rule.watch, spared)
}

/// The exchange that came closest. Of one that fits, `otherwise` says what kept it.
fn closest(core: &Core, watch: &Watch, otherwise: impl Fn(&Miss) -> String) -> String {
    let misses = misses(core, watch);
    let rank =
        |miss: &&Miss| (!watch.select.is_about(miss.facts.op), miss.reasons.len(), watch.select.distance(&miss.facts));
    let Some(miss) = misses.iter().min_by_key(rank) else { return "no exchange came at all".to_owned() };
    let Miss { record, reasons, .. } = miss;
    let reasons = match reasons.is_empty() {
        false => reasons.join(", "),
        true => out_of_time(watch, record.number)
            .or_else(|| watch.turned_away(record.number))
            .unwrap_or_else(|| otherwise(miss)),
    };
    let who = record.principal.as_ref().map(|principal| format!(" by {principal}")).unwrap_or_default();
    format!("closest: #{} {record}{who}: {reasons}", record.number)
}

fn misses(core: &Core, watch: &Watch) -> Vec<Miss> {
    let miss = |facts: &Facts, record| Miss { facts: facts.clone(), record, reasons: watch.select.misses(facts) };
    let journal = core.journal.lock();
    let over = journal.entries().map(|entry| miss(&entry.facts, ExchangeRecord::of_entry(entry)));
    let in_flight: Vec<_> = journal
        .in_flight()
        .map(|live| {
            let facts = live.facts().clone();
            miss(&facts, ExchangeRecord::of_live(live))
        })
        .collect();
    let mut misses: Vec<_> = over.chain(in_flight).collect();
    misses.sort_by_key(|miss| miss.record.number);
    misses
}

fn out_of_time(watch: &Watch, number: u64) -> Option<String> {
    if number <= watch.since.arrivals {
        return Some("it came before this was put up".to_owned());
    }
    let until = watch.until.get()?;
    (number > *until).then(|| {
        "it came after this was taken away, as what `hold` or `fault` returns is when it is dropped".to_owned()
    })
}
