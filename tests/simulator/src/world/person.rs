//! The actions of a user on a day.

use std::collections::VecDeque;

use super::{Today, claims::Claims, contract::Contract, work::work};
use crate::{
    At,
    message::{Item, Request},
    rng::Rng,
};

/// The number of users out of 10,000 that come in the first days.
const EARLY: i64 = 2_500;
/// The number of users out of 10,000 that subscribe at some time.
const SUBSCRIBE: i64 = 4_500;
/// The number of uses that a user may ask back.
const REMEMBERED: usize = 12;

/// One user.
#[derive(Debug)]
pub struct Person {
    name: String,
    /// The day on which the user comes.
    comes_on: i64,
    registers: bool,
    /// The average number of consumptions in 10,000 days.
    busy: i64,
    /// The day of the user's subscription; `None` if the user never subscribes.
    subscribes_on: Option<i64>,
    contract: Option<Contract>,
    frozen: bool,
    /// The references of the last uses and captures.
    used: VecDeque<String>,
    claims: Claims,
}

impl Person {
    pub fn new(nth: i64, rng: &mut Rng) -> Self {
        let comes_on = if rng.chance(EARLY) {
            rng.between(0, 10)
        } else {
            rng.between(0, 340)
        };
        let subscribes = rng.chance(SUBSCRIBE);
        Self {
            name: format!("user-{nth:04}"),
            comes_on,
            registers: rng.chance(9_500),
            busy: rng.about(1_400).min(60_000),
            subscribes_on: subscribes.then(|| comes_on + rng.about(6) - 1),
            contract: None,
            frozen: false,
            used: VecDeque::new(),
            claims: Claims::default(),
        }
    }

    /// Simulates one day.
    pub fn live(&mut self, today: &mut Today<'_>) {
        if today.day < self.comes_on {
            if today.rng.chance(3) {
                self.uses(today);
            }
            return;
        }
        if today.day == self.comes_on && self.registers {
            let at = today.instant();
            today.happens(&self.name, at, Request::Register);
        }
        if self.registers && today.rng.chance(5) {
            let at = today.instant();
            today.happens(&self.name, at, Request::Register);
        }
        for _ in 0..self.busy / 10_000 {
            self.uses(today);
        }
        if today.rng.chance(self.busy % 10_000) {
            self.uses(today);
        }
        if !self.used.is_empty() && today.rng.chance(120) {
            self.gets_back(today);
        }
        if today.rng.chance(self.busy / 4) {
            for captured in work(&self.name, today) {
                self.remember(captured);
            }
        }
        if today.rng.chance(45) {
            self.buys(today);
        }
        if today.rng.chance(30) {
            self.gets_gift(today);
        }
        self.claims.live(&self.name, today);
        self.may_be_frozen(today);
        if self.subscribes_on == Some(today.day) {
            self.contract = Some(Contract::sign(&self.name, today));
        } else if let Some(contract) = &mut self.contract {
            contract.live(&self.name, today);
        }
    }

    fn uses(&mut self, today: &mut Today<'_>) {
        let at = today.instant();
        let plain = |service| Request::Use {
            service,
            amount: None,
            quantity: None,
        };
        let request = match today.rng.between(0, 9) {
            0..3 => plain("google:chat"),
            3 => plain("google:fast"),
            4 => Request::Use {
                service: "google:image",
                amount: None,
                quantity: Some(today.rng.between(1, 4)),
            },
            5 | 6 => Request::Use {
                service: "llm:tokens",
                amount: None,
                quantity: Some(today.rng.about(6_000)),
            },
            7 => plain(if today.rng.chance(5_000) {
                "ping"
            } else {
                "unheard:of"
            }),
            _ => Request::Use {
                service: "google:chat",
                amount: Some(today.rng.about(12)),
                quantity: None,
            },
        };
        let used = today.happens(&self.name, at, request);
        self.remember(used);
    }

    fn remember(&mut self, used: String) {
        self.used.push_back(used);
        if self.used.len() > REMEMBERED {
            self.used.pop_front();
        }
    }

    /// Most refunds follow soon after the use. Some name a use of another reference scheme, or more
    /// credits than were taken.
    fn gets_back(&self, today: &mut Today<'_>) {
        let at = today.instant();
        let most = i64::try_from(self.used.len()).expect("few");
        let nth = usize::try_from(today.rng.between(0, most)).expect("small");
        let of = self.used.get(nth).cloned();
        let request = Request::Refund {
            of: of.unwrap_or_else(|| "no-such-use".to_owned()),
            amount: today.rng.chance(6_000).then(|| today.rng.about(3)),
            by_support: today.rng.chance(3_000),
        };
        today.happens(&self.name, at, request);
    }

    fn buys(&mut self, today: &mut Today<'_>) {
        let at = today.instant();
        let payment = format!("pi_{}", *today.next + 1);
        let cents = today
            .rng
            .chance(8_000)
            .then(|| today.rng.between(99, 19_999));
        let item = match today.rng.between(0, 19) {
            0..9 => Item::Package("lite".to_owned()),
            9..12 => Item::Price("price_standard".to_owned()),
            12 | 13 => Item::Package("pro".to_owned()),
            14 => Item::Price("price_max".to_owned()),
            15 | 16 => Item::Credits(today.rng.about(80), None),
            17 | 18 => Item::Credits(today.rng.about(80), Some(today.rng.between(1, 60))),
            _ => Item::Package("no such".to_owned()),
        };
        let request = Request::Buy {
            item,
            payment: payment.clone(),
            cents,
        };
        let reference = today.happens(&self.name, at, request);
        self.claims.bought(reference, payment, cents);
    }

    fn gets_gift(&mut self, today: &mut Today<'_>) {
        let at = today.instant();
        let credits = if today.rng.chance(700) {
            today.rng.between(3_000, 9_000)
        } else {
            today.rng.about(25)
        };
        let days = today.rng.chance(8_000).then(|| today.rng.between(1, 60));
        let reference = today.happens(&self.name, at, Request::Promote(credits, days));
        self.claims.given(reference);
    }

    fn may_be_frozen(&mut self, today: &mut Today<'_>) {
        let (per_ten_thousand, request) = if self.frozen {
            (700, Request::Unfreeze)
        } else {
            (4, Request::Freeze)
        };
        if today.rng.chance(per_ten_thousand) {
            let at: At = today.instant();
            today.happens(&self.name, at, request);
            self.frozen = !self.frozen;
        }
    }
}
