//! Outages of a fake: connections are refused, and afterwards all is as before.

use std::{
    io::{ErrorKind, Read},
    net::{TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
};

use fake_bucket::{At, ExchangeEnd, Fake, Op};

use crate::talk::{BYTES, each_fake, reply};

fn refusal(fake: &Fake) -> Option<ErrorKind> {
    TcpStream::connect(fake.socket_address()).err().map(|error| error.kind())
}

#[test]
fn connections_are_refused_until_the_outage_is_over() {
    each_fake(|fake, client| {
        let (address, id) = (fake.socket_address(), client.initiate());
        for round in 1..=3 {
            let outage = fake.outage();
            assert_eq!(refusal(fake), Some(ErrorKind::ConnectionRefused), "{round}");
            let taken = TcpListener::bind(address).expect_err("the port is kept");
            assert_eq!(taken.kind(), ErrorKind::AddrInUse);
            match round {
                1 => drop(outage),
                _ => outage.end(),
            }
            assert_eq!((fake.socket_address(), client.part(&id, round)), (address, Some(200)));
        }
        fake.upload("k").assert_open().assert_parts(&[1, 2, 3]);
        let timeline = fake.timeline().to_string();
        assert_eq!(timeline.matches("the test closes the port").count(), 3, "{timeline}");
        assert_eq!(timeline.matches("the test opens the port again").count(), 3, "{timeline}");
    });
}

#[test]
fn exchanges_in_flight_lose_their_connections() {
    each_fake(|fake, client| {
        let id = client.initiate();
        let query = |number: u16| format!("?partNumber={number}&uploadId={id}");
        let half = client.send_some("PUT", &query(1), BYTES, 5);
        fake.wait_until_blocking(|state| state.in_flight.iter().any(|part| part.received == 5));
        let gate = fake.hold(Op::UploadPart.number(2), At::BeforeReply);
        let whole = client.send("PUT", &query(2), BYTES);
        let held = gate.reached_blocking();
        let mut idle = TcpStream::connect(fake.socket_address()).expect("it listens");
        let outage = fake.outage();
        assert!(!matches!(idle.read(&mut [0]), Ok(1..)), "the connection ends");
        assert_eq!((reply(half), reply(whole)), (None, None));
        held.release();
        fake.quiesce_blocking();
        outage.end();
        let of_part = |number| fake.journal().into_iter().rfind(|exchange| exchange.part_number == Some(number));
        assert_eq!(of_part(1).expect("an entry").end, Some(ExchangeEnd::Cut));
        let second = of_part(2).expect("an entry");
        assert!(matches!(second.end, Some(ExchangeEnd::Undelivered { status: 200, .. })), "{second:?}");
        fake.upload("k").assert_parts(&[2]);
        assert_eq!(client.part(&id, 1), Some(200));
    });
}

#[test]
fn an_outage_needs_an_open_port() {
    let panics = |fake: &Fake| {
        let outage = catch_unwind(AssertUnwindSafe(|| drop(fake.outage())));
        outage.err().and_then(|panic| {
            panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        })
    };
    assert!(panics(&Fake::oss().build()).expect("a panic").contains("built without a port"));
    let fake = Fake::oss().start();
    let outage = fake.outage();
    assert!(panics(&fake).expect("a panic").contains("the port is closed already"));
    drop(outage);
    assert_eq!(panics(&fake), None);
    // Dropped during an outage, a fake verifies as ever, and its port is free.
    let address = fake.socket_address();
    drop(fake);
    assert!(TcpListener::bind(address).is_ok());
}
