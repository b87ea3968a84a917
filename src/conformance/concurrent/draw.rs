//! Races out of dice. A few steps set the scene; from there each client goes on as if it were alone, so that they meet.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::RangeInclusive,
};

use proptest::{collection::vec, num::u128, strategy::Strategy};

use super::race::{Point, Race, Turn};
use crate::conformance::{
    compose::{Composer, Dice},
    rules::MayAbort,
    script::{Act, Bucket, Id, Key, Step, Who},
    target::Scope,
};

/// Races of so many clients that take so many steps each, within a scope. Steps are held at some of the points; where there
/// is none, nothing is held. Each race ends by looking at what is left, and by aborting it twice.
pub fn races(
    scope: &Scope,
    clients: RangeInclusive<usize>,
    steps: RangeInclusive<usize>,
    points: &[Point],
) -> impl Strategy<Value = Race> + use<> {
    let (scope, points) = (scope.clone(), points.to_vec());
    let clients = vec(vec((u128::ANY, u128::ANY), steps), clients);
    (vec(u128::ANY, 1..=4), clients, u128::ANY).prop_map(move |(scene, clients, deal)| {
        let mut composer = Composer::new(&scope);
        composer.set_scene(scene.into_iter().map(Dice));
        let mut turns: Vec<Turn> = composer.steps().iter().cloned().map(Turn::before).collect();
        let all = clients.len();
        let lists = clients.into_iter().zip(1..).map(|(rolls, client)| {
            let mut alone = composer.alone(usize::from(client) - 1, all);
            let turn = |(roll, hold)| held(Turn::by(client, alone.next(Dice(roll))), Dice(hold), &points);
            rolls.into_iter().map(turn).collect()
        });
        turns.extend(dealt(lists.collect(), Dice(deal)));
        turns.extend(closing(&turns, &scope));
        Race { turns }
    })
}

/// All the lists in one, each in its order.
fn dealt(mut lists: Vec<VecDeque<Turn>>, mut dice: Dice) -> Vec<Turn> {
    let mut turns = Vec::new();
    while !lists.is_empty() {
        let at = dice.roll(lists.len());
        turns.extend(lists[at].pop_front());
        lists.retain(|list| !list.is_empty());
    }
    turns
}

/// Parts are held in every other case, other steps in one of four.
fn held(turn: Turn, mut dice: Dice, points: &[Point]) -> Turn {
    let sends = matches!(turn.step.act, Act::UploadPart { .. });
    if points.is_empty() || !dice.one_in(if sends { 2 } else { 4 }) {
        return turn;
    }
    turn.held(dice.of(points), dice.of(&[1, 1, 2, 3, 5]))
}

/// Looks at everything that is left. What is open is aborted, and what lingers freed: each is told from nothing at all.
fn closing(turns: &[Turn], scope: &Scope) -> Vec<Turn> {
    let mut steps = Vec::new();
    for turn in turns {
        let Step { who, bucket, key, act: Act::Initiate { name } } = turn.step else { continue };
        let id = Id::Of(name);
        let aborting = if scope.rules.abort == MayAbort::Initiator { who } else { Who::Owner };
        let looks =
            [Step::list_parts(who, key, id, 0, None), Step::abort(aborting, key, id), Step::abort(aborting, key, id)];
        steps.extend(looks.map(|step| step.in_bucket(bucket)));
    }
    let written = turns.iter().filter(|turn| matches!(turn.step.act, Act::Complete { .. } | Act::PutObject { .. }));
    let places: BTreeSet<(Bucket, Key)> = written.map(|turn| (turn.step.bucket, turn.step.key)).collect();
    steps.extend(places.into_iter().map(|(bucket, key)| Step::get(Who::Owner, key).in_bucket(bucket)));
    steps.into_iter().map(Turn::after).collect()
}
