//! Faults: each does to its exchange what it says, and nothing else.

use std::{io::Read, time::Duration};

use bytes::Bytes;
use fake_bucket::{ExchangeEnd, Failure, Fake, Fault, Op, Provider, Select, Until};

use crate::{
    PROVIDERS, asked,
    talk::{Client, each_fake, leave, reply},
};

#[test]
fn refusals_come_in_the_providers_words_and_change_nothing() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let too_slow = if fake.provider() == Provider::Obs { 408 } else { 400 };
        let failures = [
            (Failure::RequestTimeout, too_slow, "RequestTimeout"),
            (Failure::InternalError, 500, "InternalError"),
            (Failure::ServiceUnavailable, 503, "ServiceUnavailable"),
            (Failure::AccessDenied, 403, "AccessDenied"),
            (Failure::NoSuchUpload, 404, "NoSuchUpload"),
        ];
        for (failure, status, code) in failures {
            let fault = fake.fault(Op::UploadPart, Fault::Refuse(failure.clone()));
            assert_eq!((client.part(&id, 1), fault.fired()), (Some(status), 1));
            let last = fake.journal().pop().expect("an exchange");
            assert_eq!((last.code(), last.fault.clone()), (Some(code), Some(format!("Refuse({failure:?})"))));
            fake.upload("k").assert_open().assert_parts(&[]);
        }
        assert_eq!(client.part(&id, 1), Some(200), "the faults are used up");
    });
}

#[test]
fn a_lost_reply_has_had_its_effect() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let _abort = fake.fault(Op::Abort, Fault::LoseReply);
        assert_eq!(client.abort(&id), None);
        fake.quiesce_blocking();
        fake.upload("k").assert_aborted();
        assert_eq!(client.abort(&id), Some(404));

        let id = client.initiate();
        assert_eq!(client.part(&id, 1), Some(200));
        let _complete = fake.fault(Op::Complete, Fault::LoseReply);
        assert_eq!(client.complete(&id, &[1]), None);
        fake.quiesce_blocking();
        fake.upload("k").assert_completed();
        assert_eq!(client.complete(&id, &[1]), Some(404), "the retry of a lost complete");
    });
}

#[test]
fn a_cut_connection_has_had_no_effect() {
    each_fake(|fake, client| {
        let id = client.initiate();
        for fault in [Fault::CutBefore, Fault::CutBody(5)] {
            let _part = fake.fault(Op::UploadPart.number(1), fault);
            assert_eq!(client.part(&id, 1), None);
            fake.quiesce_blocking();
            assert_eq!(fake.journal().pop().expect("an exchange").end, Some(ExchangeEnd::Cut));
            fake.upload("k").assert_open().assert_parts(&[]);
        }
    });
}

#[test]
fn a_cut_reply_breaks_off() {
    each_fake(|fake, client| {
        let _fault = fake.fault(Op::Initiate, Fault::CutReply(20));
        let mut reply = String::new();
        client.send("POST", "?uploads", "").read_to_string(&mut reply).expect("the end comes early");
        let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK") && body.len() == 20, "{reply}");
        fake.upload("k").assert_open();
    });
}

#[test]
fn an_error_may_hide_in_a_success() {
    each_fake(|fake, client| {
        let id = client.initiate();
        assert_eq!(client.part(&id, 1), Some(200));
        let _fault = fake.fault(Op::Complete, Fault::LateError(Failure::InternalError));
        let body =
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>";
        let reply = client.ask("POST", &format!("?uploadId={id}"), body).expect("a reply");
        assert_eq!((reply.status(), reply.element("Code").as_deref()), (200, Some("InternalError")));
        fake.upload("k").assert_open().assert_parts(&[1]);
    });
}

#[test]
fn a_dropped_effect_looks_like_success() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let _part = fake.fault(Op::UploadPart, Fault::DropEffect);
        assert_eq!(client.part(&id, 1), Some(200));
        fake.upload("k").assert_open().assert_parts(&[]);
        assert_eq!(client.part(&id, 1), Some(200));
        let _abort = fake.fault(Op::Abort, Fault::DropEffect);
        assert_eq!(client.abort(&id), Some(204));
        fake.upload("k").assert_open().assert_parts(&[1]);
        let _complete = fake.fault(Op::Complete, Fault::DropEffect);
        assert_eq!(client.complete(&id, &[1]), Some(200));
        fake.upload("k").assert_open();
        assert_eq!(fake.read("k"), None);
    });
}

#[test]
fn a_delay_only_delays() {
    each_fake(|fake, client| {
        let _fault = fake.fault(Op::Initiate, Fault::Delay(Duration::from_millis(1)));
        client.initiate();
        assert_eq!(fake.journal().len(), 1);
    });
}

#[test]
fn sequences_run_in_order_and_some_never_end() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let busy = Fault::Refuse(Failure::ServiceUnavailable);
        let some = fake.faults(Op::UploadPart, [busy.clone(), Fault::Refuse(Failure::NoSuchUpload), busy.clone()]);
        let statuses: Vec<_> = (0..4).map(|_| client.part(&id, 1)).collect();
        assert_eq!((statuses, some.fired()), (vec![Some(503), Some(404), Some(503), Some(200)], 3));
        let always = fake.fault_always(Op::Abort.key("k"), busy);
        assert!((0..3).all(|_| client.abort(&id) == Some(503)));
        drop(always);
        assert_eq!(client.abort(&id), Some(204), "the guard was dropped");
    });
}

#[test]
fn a_stalled_exchange_is_never_answered() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let _fault = fake.fault(Op::Abort, Fault::Stall);
        let stalled = client.send("DELETE", &format!("?uploadId={id}"), "");
        fake.wait_until_blocking(|state| state.is_in_flight(Op::Abort));
        fake.upload("k").assert_open();
        assert_eq!(client.part(&id, 1), Some(200), "meanwhile");
        leave(stalled);
        fake.quiesce_blocking();
        let stalled = &fake.upload("k").assert_open().exchanges()[1];
        assert_eq!((stalled.operation, &stalled.end), (Some(Op::Abort), &Some(ExchangeEnd::Abandoned)));
    });
}

/// The error that the provider has for a failure.
fn refused(fake: &Fake, op: Op, failure: Failure, request: http::Request<Bytes>) -> (u16, String) {
    let fault = fake.fault(op, Fault::Refuse(failure.clone()));
    let reply = fake.answer(request);
    let entry = fake.journal().pop().expect("an exchange");
    let Some(ExchangeEnd::Refused { status, code, .. }) = entry.end else { panic!("{failure:?}: {:?}", entry.end) };
    assert_eq!((fault.fired(), reply.status().as_u16(), entry.applied), (1, status, None), "{failure:?}");
    if status != 304 {
        let text = String::from_utf8_lossy(reply.body());
        assert!(text.contains(&format!("<Code>{code}</Code>")), "{failure:?}: {text}");
    }
    (status, code)
}

#[test]
fn every_named_failure_is_in_every_providers_table() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().build();
        let request = || asked::request(&fake, "", "GET", "/k", "", &[]);
        for failure in Failure::NAMED {
            let (status, code) = refused(&fake, Op::GetObject, failure.clone(), request());
            assert!((400..600).contains(&status), "{failure:?}: {status}");
            assert_eq!(Failure::named(&format!("{failure:?}")).as_ref(), Some(failure));
            let alike =
                [("NoSuchUpload", 404), ("AccessDenied", 403), ("InternalError", 500), ("ServiceUnavailable", 503)];
            let name = format!("{failure:?}");
            if let Some((name, expected)) = alike.into_iter().find(|(alike, _)| *alike == name) {
                assert_eq!((code.as_str(), status), (name, expected));
            }
        }
        let slow_down = if provider == Provider::Oss { "TotalQpsLimitExceeded" } else { "SlowDown" };
        assert_eq!(fake.journal().last().and_then(|last| last.code().map(str::to_owned)).as_deref(), Some(slow_down));
        assert_eq!(fake.answer(request()).status(), 404, "the faults are used up");
    }
}

#[test]
fn any_other_error_can_be_put_in_the_providers_mouth() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().build();
        let failure = || Failure::code(409, "UploadConflict", "One key was uploaded <too> often.");
        let said = refused(&fake, Op::GetObject, failure(), asked::request(&fake, "", "GET", "/k", "", &[]));
        assert_eq!(said, (409, "UploadConflict".to_owned()));
        let _again = fake.fault(Op::GetObject, Fault::Refuse(failure()));
        let reply = fake.answer(asked::request(&fake, "", "GET", "/k", "", &[]));
        let text = String::from_utf8_lossy(reply.body());
        let id = format!("x-{}-request-id", fake.provider().name());
        let id = reply.headers()[id].to_str().expect("text");
        let document =
            ["<Message>One key was uploaded &lt;too&gt; often.</Message>", &format!("<RequestId>{id}</RequestId>")];
        assert!(document.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(reply.headers()["content-type"], "application/xml");
        // To a HEAD it is said in headers, if at all.
        let _head = fake.fault(Op::HeadObject, Fault::Refuse(failure()));
        let reply = fake.answer(asked::request(&fake, "", "HEAD", "/k", "", &[]));
        assert_eq!((reply.status().as_u16(), reply.body().len()), (409, 0));
        match provider {
            Provider::Obs => assert_eq!(reply.headers()["x-obs-error-code"], "UploadConflict"),
            Provider::Oss => assert!(reply.headers().contains_key("x-oss-err")),
            _ => {}
        }
        let codes: Vec<_> = fake.journal().iter().map(|each| each.code().unwrap_or_default().to_owned()).collect();
        assert_eq!(codes, ["UploadConflict"; 3]);
    }
}

#[test]
fn the_nth_of_those_that_fit_is_counted() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let third = fake.fault(Op::UploadPart.key("k").nth(3), Fault::Refuse(Failure::InternalError));
        // A rule counts what fits it, even if another one decides.
        let first = fake.fault(Op::UploadPart.number(1), Fault::Refuse(Failure::NoSuchUpload));
        let statuses: Vec<_> = [1, 2, 3, 4].map(|number| client.part(&id, number).expect("a reply")).into();
        assert_eq!((statuses, third.fired(), first.fired()), (vec![404, 200, 500, 200], 1, 1));
    });
}

#[test]
fn a_test_may_choose_by_whatever_a_request_carries() {
    for provider in PROVIDERS {
        let fake = Fake::of(provider).trusting().build();
        let retry = Select::any().matching("a retry", |it| {
            let asks = (it.operation(), it.key(), it.part_number(), it.principal());
            assert_eq!(asks, (Some(Op::GetObject), Some("k"), None, Some("owner")));
            it.headers().contains_key("x-retry") && it.method() == "GET" && it.uri().path().ends_with("/k")
        });
        let fault = fake.fault(retry, Fault::Refuse(Failure::ServiceUnavailable));
        let get = |headers: &[(&str, &str)]| fake.answer(asked::request(&fake, "", "GET", "/k", "", headers)).status();
        assert_eq!((get(&[]).as_u16(), fault.fired()), (404, 0));
        assert_eq!((get(&[("x-retry", "1")]).as_u16(), fault.fired()), (503, 1));
    }
}

#[test]
fn a_test_may_ask_the_fake_while_it_chooses() {
    let fake = std::sync::Arc::new(Fake::oss().trusting().build());
    let asked = std::sync::Arc::downgrade(&fake);
    let second = Op::GetObject.matching("when there was another", move |it| {
        asked.upgrade().is_some_and(|fake| fake.journal().len() as u64 == it.number() && it.number() > 1)
    });
    let _fault = fake.fault(second, Fault::Refuse(Failure::SlowDown));
    let get = || fake.answer(asked::request(&fake, "", "GET", "/k", "", &[])).status().as_u16();
    assert_eq!([get(), get()], [404, 503]);
}

#[test]
fn a_body_may_be_shorter_than_where_it_is_cut() {
    each_fake(|fake, client| {
        let id = client.initiate();
        for bytes in [0, 11] {
            let _cut = fake.fault(Op::UploadPart, Fault::CutBody(bytes));
            assert_eq!(client.status("PUT", &format!("?partNumber=1&uploadId={id}"), ""), None);
            fake.quiesce_blocking();
        }
        fake.upload("k").assert_parts(&[]);
    });
}

#[test]
fn a_dropped_effect_is_answered_truthfully_but_for_the_effect() {
    each_fake(|fake, client| {
        let always = fake.fault_always(Select::any(), Fault::DropEffect);
        let initiated = client.ask("POST", "?uploads", "").expect("a reply");
        let phantom = initiated.element("UploadId").expect("an id");
        assert!(fake.uploads().is_empty());
        assert_eq!(client.part(&phantom, 1), Some(404), "the upload is not there");
        drop(always);
        let id = client.initiate();
        assert_ne!(id, phantom, "no id is handed out twice");
        let _always = fake.fault_always(Select::any(), Fault::DropEffect);
        assert_eq!(client.complete(&id, &[1]), Some(400), "the part is not there");
        assert_eq!(client.status("PUT", "", "whole"), Some(200));
        assert_eq!((client.abort(&id), fake.read("k")), (Some(204), None));
        fake.upload("k").assert_open().assert_aborts(0).assert_abort_requests(1);
    });
}

#[test]
fn an_abort_happens_when_the_test_lets_it() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let late = fake.fault(Op::Abort, Fault::AbortLater(Until::Released));
        assert_eq!(client.abort(&id), Some(204));
        assert_eq!(client.part(&id, 1), Some(200), "the upload is still there");
        assert!(
            fake.timeline().to_string().contains("204  (fault: AbortLater(Released))  (the abort is still to come)")
        );
        let leaks = fake.leaks();
        assert_eq!(leaks[1], "still to come: #2 Abort k: 204, and not done yet");
        late.release();
        let upload = fake.upload("k").assert_aborted().assert_aborts(1).assert_parts(&[]);
        assert!(upload.record().to_string().contains("aborted by #2, freed: 1"), "{}", upload.record());
        assert!(fake.timeline().to_string().contains("(the abort happened when the test let it)"));
        assert_eq!(client.abort(&id), Some(404));
        fake.assert_no_leaks();
    });
}

#[test]
fn an_abort_happens_before_the_nth_further_exchange() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let _late = fake.fault(Op::Abort, Fault::AbortLater(Until::Exchanges(3)));
        let statuses = [client.abort(&id), client.part(&id, 1), client.part(&id, 2), client.part(&id, 3)];
        assert_eq!(statuses, [Some(204), Some(200), Some(200), Some(404)]);
        fake.upload("k").assert_aborted();
        assert!(fake.timeline().to_string().contains("(the abort happened before the next exchange)"));
    });
}

#[test]
fn an_abort_happens_when_the_clock_is_moved() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let _late = fake.fault(Op::Abort, Fault::AbortLater(Until::Clock(Duration::from_secs(60))));
        assert_eq!(client.abort(&id), Some(204));
        fake.upload("k").assert_open();
        fake.advance_clock(Duration::from_secs(60));
        fake.upload("k").assert_aborted();
    });
}

#[test]
fn an_abort_that_is_to_come_may_come_too_late() {
    each_fake(|fake, client| {
        let id = client.initiate();
        assert_eq!(client.part(&id, 1), Some(200));
        let late = fake.fault(Op::Abort, Fault::AbortLater(Until::Released));
        assert_eq!((client.abort(&id), client.complete(&id, &[1])), (Some(204), Some(200)));
        drop(late);
        fake.upload("k").assert_completed().assert_not_aborted().assert_aborts(0);
        assert!(fake.timeline().to_string().contains("(the abort came too late: the upload had ended)"));
        fake.assert_no_leaks();
    });
}

#[test]
fn only_an_abort_that_would_succeed_is_still_to_come() {
    each_fake(|fake, client| {
        let late = fake.fault(Op::Abort, Fault::AbortLater(Until::Released));
        assert_eq!((client.abort("unknown"), late.fired()), (Some(404), 1));
        fake.assert_no_leaks();
    });
}

/// A part that is in flight when the abort happens, not when it was answered.
#[test]
fn a_part_may_be_in_flight_when_the_abort_happens() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let late = fake.fault(Op::Abort, Fault::AbortLater(Until::Released));
        assert_eq!(client.abort(&id), Some(204));
        let gate = fake.hold(Op::UploadPart, fake_bucket::At::BeforeApply);
        let sent = client.send("PUT", &format!("?partNumber=1&uploadId={id}"), "0123456789");
        let held = gate.reached_blocking();
        late.release();
        held.release();
        let lands = fake.provider() == Provider::Oss;
        assert_eq!(reply(sent).expect("a reply").status(), if lands { 200 } else { 404 });
        assert!(fake.timeline().to_string().contains("<- raced with #2"), "{}", fake.timeline());
        if lands {
            assert_eq!((client.abort(&id), Client::new(fake).abort(&id)), (Some(204), Some(404)));
        }
    });
}
