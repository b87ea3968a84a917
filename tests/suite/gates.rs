//! Gates: where exchanges are held, how they go on, and what a test reads when none comes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use fake_bucket::{At, ExchangeEnd, Failure, Fake, Fault, Op, Select, UploadStatus};

use crate::talk::{BYTES, Client, each_fake, leave, manifest, reply};

const POINTS: [At; 4] = [At::Admitted, At::BeforeApply, At::AfterApply, At::BeforeReply];

/// Whether what is held here has been applied.
fn is_applied(at: At) -> bool {
    matches!(at, At::AfterApply | At::BeforeReply)
}

/// Requests of many operations, for the upload `id` with one part.
fn requests(id: &str) -> [(Op, &'static str, String, String); 10] {
    let of_upload = format!("?uploadId={id}");
    let part = format!("?partNumber=2&uploadId={id}");
    let none = String::new;
    [
        (Op::Initiate, "POST", "?uploads".to_owned(), none()),
        (Op::UploadPart, "PUT", part, BYTES.to_owned()),
        (Op::ListParts, "GET", of_upload.clone(), none()),
        (Op::PutObject, "PUT", none(), BYTES.to_owned()),
        (Op::GetObject, "GET", none(), none()),
        (Op::HeadObject, "HEAD", none(), none()),
        (Op::DeleteObject, "DELETE", none(), none()),
        (Op::Complete, "POST", of_upload.clone(), manifest(&[1])),
        (Op::GetTags, "GET", "?tagging".to_owned(), none()),
        (Op::Abort, "DELETE", of_upload, none()),
    ]
}

#[test]
fn every_point_holds_any_operation() {
    each_fake(|fake, client| {
        for at in POINTS {
            let id = client.initiate();
            assert_eq!(client.part(&id, 1), Some(200));
            for (op, method, query, body) in requests(&id) {
                let gate = fake.hold(op, at);
                let sent = client.send(method, &query, &body);
                let held = gate.reached_blocking();
                assert_eq!((held.operation, held.held.clone()), (Some(op), Some(format!("{at:?}"))));
                assert!(fake.timeline().to_string().contains(&format!("in flight, held at {at:?}")), "{op:?}");
                let shown = format!("{held:?}");
                assert!(shown.starts_with(&format!("Held(#{} {}", held.number, op.name())), "{shown}");
                assert!(shown.ends_with(&format!(": in flight, held at {at:?})")), "{shown}");
                let leak = format!("in flight: #{} {}; a gate holds it at {at:?}", held.number, *held);
                assert!(fake.leaks().contains(&leak), "{leak}");
                let tells = held.applied.is_some();
                held.release();
                // The upload was completed before it is aborted.
                let (status, applied) = match op {
                    Op::Abort => (404, false),
                    Op::DeleteObject => (204, true),
                    _ => (200, true),
                };
                assert_eq!(reply_to(method, sent), status, "{op:?} {at:?}");
                assert_eq!(tells, applied && is_applied(at), "{op:?} {at:?}");
            }
        }
    });
}

/// The status of a reply. That of a `HEAD` announces a body that does not come.
fn reply_to(method: &str, stream: std::net::TcpStream) -> u16 {
    let read = crate::raw::read_reply(&mut std::io::BufReader::new(stream), method == "HEAD");
    read.expect("a reply that can be read").expect("a reply").status()
}

#[test]
fn what_is_held_before_it_is_applied_can_be_refused_or_cut_and_changes_nothing() {
    each_fake(|fake, client| {
        for at in [At::Admitted, At::Byte(0), At::Byte(10), At::BeforeApply] {
            let id = client.initiate();
            let gate = fake.hold(Op::UploadPart, at);
            let sent = client.send("PUT", &format!("?partNumber=1&uploadId={id}"), BYTES);
            gate.reached_blocking().refuse(Failure::InternalError);
            assert_eq!(reply(sent).expect("a reply").status(), 500, "{at:?}");
            let gate = fake.hold(Op::UploadPart, at);
            let sent = client.send("PUT", &format!("?partNumber=1&uploadId={id}"), BYTES);
            gate.reached_blocking().cut();
            assert_eq!(reply(sent), None, "{at:?}");
            fake.quiesce_blocking();
            let [_, refused, cut] = &fake.upload("k").assert_open().assert_parts(&[]).exchanges()[..] else { panic!() };
            assert_eq!((refused.code(), refused.applied), (Some("InternalError"), None));
            assert_eq!((&cut.end, cut.applied), (&Some(ExchangeEnd::Cut), None));
            assert_eq!(refused.fault.as_deref(), Some(format!("Refuse(InternalError), at {at:?}").as_str()));
        }
    });
}

#[test]
fn what_is_held_after_it_was_applied_stays_so_and_only_the_reply_changes() {
    each_fake(|fake, client| {
        for at in [At::AfterApply, At::BeforeReply] {
            let id = client.initiate();
            let gate = fake.hold(Op::UploadPart, at);
            let sent = client.send("PUT", &format!("?partNumber=1&uploadId={id}"), BYTES);
            gate.reached_blocking().refuse(Failure::code(418, "Teapot", "short and stout"));
            let heard = reply(sent).expect("a reply");
            assert_eq!((heard.status(), heard.element("Code").as_deref()), (418, Some("Teapot")));
            fake.upload("k").assert_parts(&[1]);

            let gate = fake.hold(Op::Abort, at);
            let sent = client.send("DELETE", &format!("?uploadId={id}"), "");
            gate.reached_blocking().cut();
            assert_eq!(reply(sent), None, "{at:?}");
            fake.quiesce_blocking();
            let lost = fake.journal().pop().expect("an exchange");
            assert_eq!(lost.end.as_ref().map(|end| matches!(end, ExchangeEnd::ReplyLost { .. })), Some(true));
            assert!(fake.timeline().to_string().contains(&format!("204, reply lost  (fault: Cut, at {at:?})")));
            fake.upload("k").assert_aborted().assert_aborts(1);
            assert_eq!(client.abort(&id), Some(404), "the retry of a lost abort");
        }
    });
}

#[test]
fn what_was_refused_before_it_was_let_in_comes_to_the_last_point() {
    each_fake(|fake, client| {
        let gate = fake.hold(Op::Abort, At::BeforeReply);
        let sent = client.send("DELETE", "?uploadId=", "");
        gate.reached_blocking().cut();
        assert_eq!(reply(sent), None);
        fake.quiesce_blocking();
        assert_eq!(fake.journal().pop().expect("an exchange").end, Some(ExchangeEnd::Cut));
    });
}

#[test]
fn several_gates_stand_at_once() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let part = |number| client.send("PUT", &format!("?partNumber={number}&uploadId={id}"), BYTES);
        let gates = [1, 2, 3].map(|number| fake.hold(Op::UploadPart.number(number), At::BeforeApply));
        let sent = [1, 2, 3].map(part);
        let [one, two, three] = gates.each_ref().map(|gate| gate.reached_blocking());
        assert_eq!(client.abort(&id), Some(204));
        two.cut();
        one.refuse(Failure::ServiceUnavailable);
        three.release();
        let [one, two, three] = sent.map(|sent| reply(sent).map(|reply| reply.status()));
        let lands = fake.provider() == fake_bucket::Provider::Oss;
        assert_eq!((one, two, three), (Some(503), None, Some(if lands { 200 } else { 404 })));
        fake.quiesce_blocking();
        let failed: &[u16] = if lands { &[1, 2] } else { &[1, 2, 3] };
        fake.upload("k").assert_parts_failed_in_flight(failed);
        if lands {
            fake.upload("k").assert_lingering_parts(&[3]);
            assert_eq!(client.abort(&id), Some(204));
        }
    });
}

#[test]
fn one_exchange_passes_several_gates_one_after_the_other() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let (first, second) = (fake.hold(Op::Abort, At::BeforeApply), fake.hold(Op::Abort, At::BeforeApply));
        let after = fake.hold(Op::Abort, At::AfterApply);
        let sent = client.send("DELETE", &format!("?uploadId={id}"), "");
        first.reached_blocking().release();
        let held = second.reached_blocking();
        assert!(after.held().is_none());
        held.release();
        after.reached_blocking().release();
        assert_eq!(reply(sent).expect("a reply").status(), 204);
    });
}

#[test]
fn gates_hold_what_a_fault_spoils() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let _lost = fake.fault(Op::Abort, Fault::LoseReply);
        let gate = fake.hold(Op::Abort, At::AfterApply);
        let sent = client.send("DELETE", &format!("?uploadId={id}"), "");
        let held = gate.reached_blocking();
        fake.upload("k").assert_aborted();
        held.release();
        assert_eq!(reply(sent), None);
    });
}

#[test]
fn gates_count_what_comes_to_their_point() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let gate = fake.hold(Op::UploadPart.key("k").nth(2), At::Byte(1));
        assert_eq!(client.part(&id, 7), Some(200));
        thread::scope(|scope| {
            let second = scope.spawn(|| client.part(&id, 8));
            let held = gate.reached_blocking();
            assert_eq!(held.part_number, Some(8));
            assert_eq!(client.part(&id, 9), Some(200), "the third passes");
            held.release();
            assert_eq!(second.join().expect("no panic"), Some(200));
        });
    });
}

/// A client that goes away is noticed when its exchange goes on. What was not complete is abandoned, what was is carried out.
#[test]
fn a_client_may_go_away_while_its_exchange_is_held() {
    each_fake(|fake, client| {
        for (at, bytes) in [(At::Admitted, 0), (At::Byte(5), 5)] {
            let id = client.initiate();
            let gate = fake.hold(Op::UploadPart, at);
            let sent = client.send_some("PUT", &format!("?partNumber=1&uploadId={id}"), BYTES, bytes);
            let held = gate.reached_blocking();
            leave(sent);
            held.release();
            fake.quiesce_blocking();
            let gone = fake.journal().pop().expect("an exchange");
            assert_eq!((gone.end, gone.received), (Some(ExchangeEnd::Abandoned), bytes as u64), "{at:?}");
            fake.upload("k").assert_open().assert_parts(&[]);
        }
        for at in POINTS {
            let id = client.initiate();
            let gate = fake.hold(Op::Abort, at);
            let sent = client.send("DELETE", &format!("?uploadId={id}"), "");
            let held = gate.reached_blocking();
            leave(sent);
            held.release();
            fake.quiesce_blocking();
            fake.upload("k").assert_aborted().assert_aborts(1);
        }
    });
}

#[test]
fn a_held_exchange_may_outlive_its_fake() {
    for at in POINTS {
        let fake = Fake::oss().trusting().verify_on_drop(false).start();
        let client = Client::new(&fake);
        let id = client.initiate();
        let gate = fake.hold(Op::Abort, at);
        let sent = client.send("DELETE", &format!("?uploadId={id}"), "");
        let held = gate.reached_blocking();
        drop(fake);
        held.release();
        assert_eq!(reply(sent), None);
    }
}

/// The message of the panic that `test` ends in.
fn complaint(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("a panic");
    panic.downcast::<String>().map_or_else(|other| format!("{other:?}"), |text| *text)
}

#[test]
fn a_gate_is_called_by_its_name() {
    let fake = Fake::oss().trusting().verify_on_drop(false).start();
    let gate = fake.hold(Op::UploadPart.number(2), At::Byte(64)).named("the late part");
    assert_eq!(format!("{gate:?}"), "Gate(\"the late part\" (UploadPart 2 at Byte(64)))");
    let (client, limit) = (Client::new(&fake), Duration::from_millis(1));
    let id = client.initiate();
    assert_eq!(client.part(&id, 2), Some(200));
    let other = fake.hold(Op::Abort, At::BeforeApply);
    let sent = client.send("DELETE", &format!("?uploadId={id}"), "");
    let held = other.reached_blocking();
    let text = complaint(|| drop(gate.limit(limit).reached_blocking()));
    let (first, rest) = text.split_once(" (waited at tests/suite/gates.rs").expect("where");
    assert_eq!(first, "no exchange came to the gate \"the late part\" (UploadPart 2 at Byte(64)) within 1ms");
    assert!(rest.contains("\n  closest: #2 UploadPart 2 k by owner: 10 B of its body arrived, not 64 B\n\ntimeline"));
    assert!(rest.contains("  #3   owner  Abort k [1]               in flight, held at BeforeApply\n"), "{rest}");
    held.release();
    assert_eq!(reply(sent).expect("a reply").status(), 204);
    let text = complaint(|| fake.verify());
    let expected = "oss: idle gate: no exchange came to \"the late part\" (UploadPart 2 at Byte(64))\n      closest: #2 UploadPart 2 k";
    assert!(text.starts_with(expected), "{text}");
    let twice = || drop(fake.hold(Op::Abort, At::Admitted).named("one").named("two"));
    assert_eq!(complaint(twice), "the gate \"one\" (Abort at Admitted) cannot be called \"two\" as well");
}

#[test]
fn a_gate_may_be_looked_at_without_waiting_long() {
    each_fake(|fake, client| {
        let gate = fake.hold(Select::any(), At::BeforeReply).limit(Duration::ZERO);
        assert!(gate.reached_in_time_blocking().is_none() && gate.held().is_none());
        let gate = gate.limit(Duration::from_secs(20));
        let sent = client.send("POST", "?uploads", "");
        gate.reached_in_time_blocking().expect("it comes").release();
        assert_eq!(reply(sent).expect("a reply").status(), 200);
        assert!(matches!(fake.upload("k").record().state, UploadStatus::Open { .. }));
    });
}
