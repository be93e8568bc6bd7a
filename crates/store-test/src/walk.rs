//! A random walk, beside the arithmetic that every store follows.

use std::collections::HashMap;
use std::time::Duration;

use panoply_core::{Action, CounterKey, Lock, Moment, Op, Receipt, Record, State};

use crate::Trial;
use crate::dice::Dice;

/// The arithmetic itself, kept in a map.
#[derive(Debug, Default)]
struct Model {
    records: HashMap<CounterKey, Record>,
    now: Moment,
}

impl Model {
    fn decide(&mut self, ops: &[Op<'_>]) -> (bool, Vec<State>) {
        let before = self.records.clone();
        let mut granted = true;
        let mut states = Vec::new();
        for op in ops {
            let own = self.records.get(&op.key).copied();
            let member = op.action.member();
            let kept = member.and_then(|key| self.records.get(&key).copied());
            let counted = member.is_some()
                && Record::counted(kept.as_ref(), own.as_ref(), &op.action, self.now);
            let (after, state) = Record::apply(own, op.rule, &op.action, counted, self.now);
            granted &= state.allowed || !op.action.is_condition();
            self.put(op.key, after);
            if let Some((key, set)) = member.zip(after) {
                let after = Record::apply_member(kept, &set, &op.action, self.now);
                self.put(key, after);
            }
            states.push(state);
        }
        if !granted {
            for (op, state) in ops
                .iter()
                .zip(&mut states)
                .filter(|(_, state)| state.allowed)
            {
                let kept = before.get(&op.key).copied();
                *state = Record::apply(kept, op.rule, &Action::Get, false, self.now).1;
            }
            self.records = before;
        }
        (granted, states)
    }

    fn put(&mut self, key: CounterKey, record: Option<Record>) {
        match record {
            Some(record) => self.records.insert(key, record),
            None => self.records.remove(&key),
        };
    }
}

/// Thousands of decisions by chance come out as the arithmetic says.
///
/// A decision says when it was made by the store's clock, so that the arithmetic can be asked for
/// that very moment: where the clock is not moved, time goes by meanwhile as it likes.
pub async fn as_the_arithmetic_says(trial: &Trial) {
    let mut trial = trial.clone();
    if !trial.is_exact() {
        trial.unit = Duration::from_millis(8);
    }
    let (trial, unit) = (&trial, trial.unit);
    let (rounds, pauses) = if trial.is_exact() {
        (20_000, 4)
    } else {
        (3_000, 12)
    };
    let rules = [
        trial.rule(3, 4.0),
        trial.rule(3, 40.0).lock(Lock::doubling(unit, unit * 8)),
        trial.rule(2, 3.0).lock(Lock::fixed(unit * 6)),
        trial.rule(2, 6.0).lock(Lock::fixed(unit * 2)),
        trial
            .rule(2, 1.0)
            .without_window()
            .lock(Lock::fixed(unit * 3)),
        trial.rule(2, 5.0).lock(Lock::fixed(unit * 7)).lock_at(5),
        trial.rule(5, 5.0),
    ];
    let mut model = Model::default();
    let mut receipts: HashMap<CounterKey, Receipt> = HashMap::new();
    let mut dice = Dice::new(7);
    for round in 0..rounds {
        if dice.roll(pauses) == 0 {
            let units = [0.25, 1.0, 2.5, 9.0][usize::try_from(dice.roll(4)).unwrap()];
            trial.pass(units).await;
        }
        let mut numbers: Vec<usize> = Vec::new();
        for _ in 0..=dice.roll(3) {
            let number = usize::try_from(dice.roll(rules.len() as u64)).unwrap();
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let ops: Vec<Op<'_>> = numbers
            .into_iter()
            .map(|number| {
                let key = trial.key(&format!("{number}/{}", dice.roll(3)));
                let mut action = action(trial, number, &mut dice);
                if let Action::Refund { receipt, .. } = &mut action {
                    *receipt = receipts.get(&key).copied().unwrap_or_default();
                }
                Op::new(key, &rules[number], action)
            })
            .collect();
        let decision = trial.decide(&ops).await;
        assert!(decision.now() >= model.now, "round {round}: time goes back");
        model.now = decision.now();
        let (granted, states) = model.decide(&ops);
        assert_eq!(decision.is_granted(), granted, "round {round}: {ops:?}");
        for ((state, ours), op) in states.iter().zip(decision.states()).zip(&ops) {
            compare(state, ours, (round, op));
            receipts.insert(op.key, ours.receipt);
        }
    }
}

fn compare(model: &State, ours: &State, (round, op): (usize, &Op<'_>)) {
    let told = |state: &State| {
        (
            (state.allowed, state.count, state.existed),
            (state.first, state.locked, state.just_locked),
        )
    };
    assert_eq!(told(ours), told(model), "round {round}: {op:?}");
    if (ours.existed || ours.first) && !matches!(op.action, Action::Forget) {
        assert_eq!(ours.until, model.until, "round {round}: {op:?}");
        assert_eq!(ours.receipt, model.receipt, "round {round}: {op:?}");
    }
}

fn action(trial: &Trial, number: usize, dice: &mut Dice) -> Action {
    let points = i64::try_from(dice.roll(3)).unwrap() + 1;
    // The last rule is for rates alone, the first also for members.
    let member = (number == 0).then(|| trial.key(&format!("member/{}", dice.roll(4))));
    if number == 6 {
        return Action::Gcra { cost: 1 };
    }
    match dice.roll(12) {
        0..=3 => Action::Reserve { cost: 1, member },
        4 | 5 => Action::Refund {
            cost: 1,
            member,
            receipt: Receipt::default(),
        },
        6 | 7 => Action::Consume {
            points,
            window: None,
        },
        8 => Action::Add {
            points: if dice.roll(2) == 0 { points } else { -points },
        },
        9 => match dice.roll(3) {
            0 => Action::Block {
                time: Some(trial.unit * 5),
            },
            1 => Action::Set {
                count: points,
                window: Some(trial.unit * 4),
            },
            _ => Action::Get,
        },
        10 => Action::Reserve {
            cost: 0,
            member: None,
        },
        _ => Action::Forget,
    }
}
