//! One user's day.

use super::{Today, contract::Contract};
use crate::year::{
    At,
    dice::Dice,
    message::{Item, What},
};

/// How many of 10,000 users come in the first days, and how many ever subscribe.
const EARLY: i64 = 2_500;
const SUBSCRIBE: i64 = 4_500;

/// One user.
#[derive(Debug)]
pub struct Person {
    name: String,
    comes_on: i64,
    registers: bool,
    /// Uses on ten thousand days.
    busy: i64,
    /// The day on which the user subscribes.
    subscribes_on: Option<i64>,
    contract: Option<Contract>,
    frozen: bool,
}

impl Person {
    pub fn new(nth: i64, dice: &mut Dice) -> Self {
        let comes_on = if dice.chance(EARLY) {
            dice.between(0, 10)
        } else {
            dice.between(0, 340)
        };
        let subscribes = dice.chance(SUBSCRIBE);
        Self {
            name: format!("user-{nth:04}"),
            comes_on,
            registers: dice.chance(9_500),
            busy: dice.about(1_400).min(60_000),
            subscribes_on: subscribes.then(|| comes_on + dice.about(6) - 1),
            contract: None,
            frozen: false,
        }
    }

    /// What happens on a day.
    pub fn live(&mut self, today: &mut Today<'_>) {
        if today.day < self.comes_on {
            if today.dice.chance(3) {
                self.uses(today);
            }
            return;
        }
        if today.day == self.comes_on && self.registers {
            let at = today.instant();
            today.happens(&self.name, at, What::Register);
        }
        if self.registers && today.dice.chance(5) {
            let at = today.instant();
            today.happens(&self.name, at, What::Register);
        }
        for _ in 0..self.busy / 10_000 {
            self.uses(today);
        }
        if today.dice.chance(self.busy % 10_000) {
            self.uses(today);
        }
        if today.dice.chance(45) {
            self.buys(today);
        }
        if today.dice.chance(30) {
            self.is_given(today);
        }
        self.may_be_frozen(today);
        if self.subscribes_on == Some(today.day) {
            self.contract = Some(Contract::sign(&self.name, today));
        } else if let Some(contract) = &mut self.contract {
            contract.live(&self.name, today);
        }
    }

    fn uses(&self, today: &mut Today<'_>) {
        let at = today.instant();
        let plain = |service| What::Use {
            service,
            amount: None,
            quantity: None,
        };
        let what = match today.dice.between(0, 9) {
            0..3 => plain("google:chat"),
            3 => plain("google:fast"),
            4 => What::Use {
                service: "google:image",
                amount: None,
                quantity: Some(today.dice.between(1, 4)),
            },
            5 | 6 => What::Use {
                service: "llm:tokens",
                amount: None,
                quantity: Some(today.dice.about(6_000)),
            },
            7 => plain(if today.dice.chance(5_000) {
                "ping"
            } else {
                "unheard:of"
            }),
            _ => What::Use {
                service: "google:chat",
                amount: Some(today.dice.about(12)),
                quantity: None,
            },
        };
        today.happens(&self.name, at, what);
    }

    fn buys(&self, today: &mut Today<'_>) {
        let at = today.instant();
        let payment = format!("pi_{}", *today.next + 1);
        let cents = today.dice.chance(8_000).then(|| today.dice.between(99, 19_999));
        let item = match today.dice.between(0, 19) {
            0..9 => Item::Package("lite".to_owned()),
            9..12 => Item::Price("price_standard".to_owned()),
            12 | 13 => Item::Package("pro".to_owned()),
            14 => Item::Price("price_max".to_owned()),
            15 | 16 => Item::Credits(today.dice.about(80), None),
            17 | 18 => Item::Credits(today.dice.about(80), Some(today.dice.between(1, 60))),
            _ => Item::Package("no such".to_owned()),
        };
        today.happens(&self.name, at, What::Buy { item, payment, cents });
    }

    fn is_given(&self, today: &mut Today<'_>) {
        let at = today.instant();
        let credits = if today.dice.chance(700) {
            today.dice.between(3_000, 9_000)
        } else {
            today.dice.about(25)
        };
        let days = today.dice.chance(8_000).then(|| today.dice.between(1, 60));
        today.happens(&self.name, at, What::Promote(credits, days));
    }

    fn may_be_frozen(&mut self, today: &mut Today<'_>) {
        let (per_ten_thousand, what) = if self.frozen {
            (700, What::Unfreeze)
        } else {
            (4, What::Freeze)
        };
        if today.dice.chance(per_ten_thousand) {
            let at: At = today.instant();
            today.happens(&self.name, at, what);
            self.frozen = !self.frozen;
        }
    }
}
