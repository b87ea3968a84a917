//! What a script may hold, and how scripts are drawn. Steps name gates, faults, uploads and requests by small numbers, which
//! count those there are when the step is played: a script stays playable when it shrinks.

use std::fmt;

use fake_bucket::{At, LateParts, Op, Provider};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// A fake, and what is done with it.
#[derive(Clone, Debug)]
pub struct Script {
    pub provider: Provider,
    pub door: Door,
    pub seed: u64,
    /// The provider's own behaviour if `None`.
    pub late_parts: Option<LateParts>,
    pub steps: Vec<Step>,
}

/// How requests reach the fake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Service,
    Socket,
}

/// A principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Owner,
    Writer,
    Stranger,
}

impl Who {
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Writer => "writer",
            Self::Stranger => "stranger",
        }
    }
}

/// What somebody other than the owner may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    All,
    NoAborts,
    None,
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    Initiate {
        key: &'static str,
    },
    /// Ten bytes; only the first five of them at once, if `half`.
    Part {
        upload: u8,
        number: u16,
        half: bool,
    },
    /// A copy of the object `src`.
    Copy {
        upload: u8,
        number: u16,
    },
    Complete {
        upload: u8,
        numbers: Vec<u16>,
    },
    Abort {
        upload: u8,
    },
    List {
        upload: u8,
    },
    Put {
        key: &'static str,
        half: bool,
    },
    /// Sets a rule that aborts uploads after seven days. Answered without a door, as the owner.
    Lifecycle,
    /// Something that is not modelled.
    Unmodelled,
}

/// Chooses exchanges.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    pub op: Option<Op>,
    pub key: Option<&'static str>,
    pub number: Option<u16>,
    pub by: Option<Who>,
    /// Only exchanges with an even number.
    pub even: bool,
    pub nth: Option<u64>,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Refuse(u16),
    CutBefore,
    LoseReply,
    CutBody(u64),
    CutReply(u64),
    Delay,
    Stall,
    LateError(u16),
    DropEffect,
    AbortLater(Due),
}

/// When a deferred abort happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Released,
    Exchanges(u64),
    Minutes(u64),
}

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a request with one of the access keys: the owner's, the writer's, the stranger's, then temporary ones.
    Send(u8, Ask),
    /// The rest of a body comes.
    Finish(u8),
    /// A client goes away.
    Leave(u8),
    Hold {
        choice: Choice,
        at: At,
        named: bool,
    },
    Release(u8),
    Refuse(u8, u16),
    Cut(u8),
    DropGate(u8),
    Fault {
        choice: Choice,
        troubles: Vec<Trouble>,
        always: bool,
    },
    ReleaseAborts(u8),
    DropFault(u8),
    Reset,
    Minute,
    Month,
    Grant(Who, Rights),
    Temporary(Who),
    Revoke(u8),
    AbortUpload(u8),
    CompleteUpload(u8),
    DeleteBucket,
    Quiesce,
    Verify,
}

pub fn scripts(provider: Provider, door: Door) -> impl Strategy<Value = Script> {
    let late_parts = prop_oneof![
        2 => Just(None),
        1 => Just(Some(LateParts::Fail)),
        1 => Just(Some(LateParts::FailAtOnce)),
        1 => Just(Some(LateParts::Reset)),
        1 => Just(Some(LateParts::Linger)),
        1 => Just(Some(LateParts::Either)),
    ];
    // A script without an upload shows little.
    let begin = Step::Send(0, Ask::Initiate { key: "a" });
    // Steps of a scene may be left out, so that each can go while a script shrinks.
    let one = step().prop_map(|step| vec![Some(step)]);
    (0..4_u64, late_parts, vec(prop_oneof![one, scene()], 1..24)).prop_map(move |(seed, late_parts, rest)| {
        let rest = rest.into_iter().flatten().flatten();
        let steps = [begin.clone()].into_iter().chain(rest).collect();
        Script { provider, door, seed, late_parts, steps }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let one = || 0..4_u8;
    let key = || prop_oneof![7 => Just(0_u8), 3 => Just(1), 1 => Just(2), 2 => 3..6_u8];
    let status = || 400..410_u16;
    let rights = select(vec![Rights::All, Rights::NoAborts, Rights::None]);
    let who = || select(vec![Who::Owner, Who::Writer, Who::Stranger]);
    prop_oneof![
        30 => (key(), ask()).prop_map(|(key, ask)| Step::Send(key, ask)),
        5 => one().prop_map(Step::Finish),
        3 => one().prop_map(Step::Leave),
        10 => (choice(), at(), any::<bool>()).prop_map(|(choice, at, named)| Step::Hold { choice, at, named }),
        7 => one().prop_map(Step::Release),
        2 => (one(), status()).prop_map(|(gate, status)| Step::Refuse(gate, status)),
        2 => one().prop_map(Step::Cut),
        2 => one().prop_map(Step::DropGate),
        8 => (choice(), vec(trouble(), 1..3), prop::bool::weighted(0.2))
            .prop_map(|(choice, troubles, always)| Step::Fault { choice, troubles, always }),
        2 => one().prop_map(Step::ReleaseAborts),
        2 => one().prop_map(Step::DropFault),
        2 => Just(Step::Reset),
        2 => Just(Step::Minute),
        1 => Just(Step::Month),
        2 => (select(vec![Who::Writer, Who::Stranger]), rights).prop_map(|(who, rights)| Step::Grant(who, rights)),
        1 => who().prop_map(Step::Temporary),
        1 => (0..6_u8).prop_map(Step::Revoke),
        2 => one().prop_map(Step::AbortUpload),
        2 => one().prop_map(Step::CompleteUpload),
        1 => prop::bool::weighted(0.3).prop_map(|deletes| if deletes { Step::DeleteBucket } else { Step::Minute }),
        1 => Just(Step::Quiesce),
        2 => Just(Step::Verify),
    ]
}

/// A request of the owner's for the latest upload.
fn of_the_latest(op: Op, half: bool) -> Step {
    let upload = 0;
    Step::Send(
        0,
        match op {
            Op::Initiate => Ask::Initiate { key: "a" },
            Op::Abort => Ask::Abort { upload },
            Op::ListParts => Ask::List { upload },
            Op::Complete => Ask::Complete { upload, numbers: vec![1] },
            Op::UploadPartCopy => Ask::Copy { upload, number: 1 },
            Op::PutObject => Ask::Put { key: "src", half },
            _ => Ask::Part { upload, number: 1, half },
        },
    )
}

fn just(op: Op) -> Choice {
    Choice { op: Some(op), ..Choice::default() }
}

/// Steps that belong together, since by chance they hardly meet.
fn scene() -> impl Strategy<Value = Vec<Option<Step>>> {
    let op = || {
        select(vec![
            Op::UploadPart,
            Op::UploadPart,
            Op::UploadPartCopy,
            Op::PutObject,
            Op::Initiate,
            Op::Complete,
            Op::Abort,
            Op::ListParts,
        ])
    };
    let hold = |op: Op, at: At| Step::Hold { choice: just(op), at, named: false };
    let end = || {
        select(vec![
            of_the_latest(Op::Abort, false),
            of_the_latest(Op::Complete, false),
            Step::AbortUpload(0),
            Step::CompleteUpload(0),
            Step::DeleteBucket,
            Step::Reset,
        ])
    };
    let new_upload = || of_the_latest(Op::Initiate, false);
    let due = || select(vec![Due::Released, Due::Exchanges(1), Due::Exchanges(2), Due::Minutes(1)]);
    let held = (op(), at()).prop_map(move |(op, at)| vec![hold(op, at), of_the_latest(op, false)]);
    let part = || of_the_latest(Op::UploadPart, false);
    let ended_in_flight = (at(), end(), end()).prop_map(move |(at, end, after)| {
        vec![new_upload(), part(), hold(Op::UploadPart, at), part(), end, after, Step::Release(0)]
    });
    let reset_while_held = (op(), at(), op(), at()).prop_map(move |(op, at, next, later)| {
        let held = [hold(op, at), of_the_latest(op, false), Step::Reset];
        held.into_iter().chain([new_upload(), hold(next, later), of_the_latest(next, false)]).collect()
    });
    let reset_while_sending = (op(), at()).prop_map(move |(op, at)| {
        vec![new_upload(), of_the_latest(op, true), Step::Reset, hold(op, at), Step::Finish(0), new_upload()]
    });
    let happens = select(vec![Step::ReleaseAborts(0), Step::DropFault(0), Step::Minute, new_upload()]);
    let meanwhile = prop_oneof![end(), Just(Step::Grant(Who::Writer, Rights::None))];
    let deferred = (due(), 0..2_u8, meanwhile, happens).prop_map(move |(due, key, meanwhile, happens)| {
        let fault = Step::Fault { choice: just(Op::Abort), troubles: vec![Trouble::AbortLater(due)], always: false };
        let granted = Step::Grant(Who::Writer, Rights::All);
        let initiate = Step::Send(key, Ask::Initiate { key: "a" });
        vec![granted, initiate, fault, Step::Send(key, Ask::Abort { upload: 0 }), meanwhile, happens]
    });
    let counted = (prop::bool::ANY, prop::bool::ANY, 1..4_u64, at(), trouble(), vec(op(), 2..6)).prop_map(
        |(gate, even, nth, at, trouble, ops)| {
            let choice = Choice { even, nth: Some(nth), ..Choice::default() };
            let first = match gate {
                true => Step::Hold { choice, at, named: false },
                false => Step::Fault { choice, troubles: vec![trouble], always: false },
            };
            [first].into_iter().chain(ops.into_iter().map(|op| of_the_latest(op, false))).collect()
        },
    );
    let steps = prop_oneof![held, ended_in_flight, reset_while_held, reset_while_sending, deferred, counted];
    steps.prop_flat_map(|steps: Vec<Step>| {
        steps.into_iter().map(|step| option::weighted(0.95, Just(step))).collect::<Vec<_>>()
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    // The latest upload most often; 255 is an id that was never handed out.
    let upload = || prop_oneof![12 => Just(0_u8), 3 => Just(1), 1 => Just(2), 1 => Just(255)];
    let key = || select(vec!["a", "b", "src"]);
    let number = || 1..4_u16;
    let half = || prop::bool::weighted(0.35);
    prop_oneof![
        3 => key().prop_map(|key| Ask::Initiate { key }),
        10 => (upload(), number(), half()).prop_map(|(upload, number, half)| Ask::Part { upload, number, half }),
        2 => (upload(), number()).prop_map(|(upload, number)| Ask::Copy { upload, number }),
        4 => (upload(), select(vec![vec![1], vec![1, 2], vec![2], vec![1, 2, 3]]))
            .prop_map(|(upload, numbers)| Ask::Complete { upload, numbers }),
        6 => upload().prop_map(|upload| Ask::Abort { upload }),
        2 => upload().prop_map(|upload| Ask::List { upload }),
        2 => (key(), half()).prop_map(|(key, half)| Ask::Put { key, half }),
        1 => Just(Ask::Lifecycle),
        1 => prop::bool::weighted(0.5).prop_map(|not| if not { Ask::Unmodelled } else { Ask::Lifecycle }),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    let op = prop_oneof![
        2 => Just(None),
        5 => Just(Some(Op::UploadPart)),
        3 => Just(Some(Op::Abort)),
        2 => select(vec![Op::Initiate, Op::Complete, Op::ListParts, Op::UploadPartCopy, Op::PutObject]).prop_map(Some),
    ];
    let seldom = 0.15;
    (
        op,
        option::weighted(seldom, select(vec!["a", "b", "src"])),
        option::weighted(seldom, 1..4_u16),
        option::weighted(seldom, select(vec![Who::Owner, Who::Writer, Who::Stranger])),
        prop::bool::weighted(seldom),
        option::weighted(0.25, 1..4_u64),
    )
        .prop_map(|(op, key, number, by, even, nth)| Choice { op, key, number, by, even, nth })
}

fn at() -> impl Strategy<Value = At> {
    select(vec![
        At::Admitted,
        At::Byte(0),
        At::Byte(5),
        At::Byte(6),
        At::Byte(11),
        At::BeforeApply,
        At::AfterApply,
        At::BeforeReply,
    ])
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        (420..430_u16).prop_map(Trouble::Refuse),
        Just(Trouble::CutBefore),
        Just(Trouble::LoseReply),
        select(vec![0, 1, 5, 6, 11]).prop_map(Trouble::CutBody),
        select(vec![0, 5, 1000]).prop_map(Trouble::CutReply),
        Just(Trouble::Delay),
        Just(Trouble::Stall),
        (430..440_u16).prop_map(Trouble::LateError),
        Just(Trouble::DropEffect),
        select(vec![Due::Released, Due::Exchanges(1), Due::Exchanges(2), Due::Minutes(1)])
            .prop_map(Trouble::AbortLater),
        select(vec![Due::Released, Due::Exchanges(1), Due::Exchanges(2), Due::Minutes(1)])
            .prop_map(Trouble::AbortLater),
    ]
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, door, seed, late_parts, steps } = self;
        writeln!(f, "{provider:?} through {door:?}, seed {seed}, late parts {late_parts:?}:")?;
        steps.iter().zip(1..).try_for_each(|(step, number)| writeln!(f, "{number:>4}. {step:?}"))
    }
}
