//! A random walk, beside the arithmetic that every store follows.

use std::collections::HashMap;

use panoply_core::{Action, CounterKey, Lock, Moment, Op, Receipt, Record, State};

use crate::Trial;

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

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// Thousands of decisions by chance come out as the arithmetic says.
pub async fn as_the_arithmetic_says(trial: &Trial) {
    let rounds = if trial.is_exact() { 20_000 } else { 400 };
    let unit = trial.unit;
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
    let mut model = Model {
        now: Moment::from_micros(1),
        ..Model::default()
    };
    let mut receipts: HashMap<CounterKey, (Receipt, Receipt)> = HashMap::new();
    let mut dice = Dice(7);
    for round in 0..rounds {
        // Where time is waited for, it must not pass by itself between the two.
        if dice.roll(4) == 0 && trial.is_exact() {
            let units = [0.25, 1.0, 2.5, 9.0][usize::try_from(dice.roll(4)).unwrap()];
            trial.pass(units).await;
            model.now = model.now.after(Some(unit.mul_f64(units)));
        }
        let mut numbers: Vec<usize> = Vec::new();
        for _ in 0..=dice.roll(3) {
            let number = usize::try_from(dice.roll(rules.len() as u64)).unwrap();
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let actions: Vec<(CounterKey, usize, Action)> = numbers
            .into_iter()
            .map(|number| {
                let key = trial.key(&format!("{number}/{}", dice.roll(3)));
                (key, number, action(trial, number, &mut dice))
            })
            .collect();
        let build = |ours: bool| -> Vec<Op<'_>> {
            let with_receipt = |(key, number, action): &(CounterKey, usize, Action)| {
                let mut action = *action;
                if let Action::Refund { receipt, .. } = &mut action
                    && let Some((model, store)) = receipts.get(key)
                {
                    *receipt = if ours { *store } else { *model };
                }
                Op::new(*key, &rules[*number], action)
            };
            actions.iter().map(with_receipt).collect()
        };
        let decision = trial.decide(&build(true)).await;
        let (granted, states) = model.decide(&build(false));
        assert_eq!(decision.is_granted(), granted, "round {round}: {actions:?}");
        if !granted {
            continue;
        }
        let made = states.iter().zip(decision.states()).zip(&actions);
        for ((state, ours), (key, _, action)) in made {
            compare(
                trial,
                (state, ours),
                (model.now, decision.now()),
                action,
                round,
            );
            receipts.insert(*key, (state.receipt, ours.receipt));
        }
    }
}

fn compare(
    trial: &Trial,
    (model, ours): (&State, &State),
    (then, now): (Moment, Moment),
    action: &Action,
    round: usize,
) {
    let told = |state: &State| {
        (
            (state.allowed, state.count, state.existed),
            (state.first, state.locked, state.just_locked),
        )
    };
    assert_eq!(told(ours), told(model), "round {round}: {action:?}");
    if trial.is_exact() && (ours.existed || ours.first) && !matches!(action, Action::Forget) {
        assert_eq!(
            ours.until.since(now),
            model.until.since(then),
            "round {round}: {action:?}"
        );
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
