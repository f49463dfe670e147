//! The lives of subscriptions: what happens at which moment, and what it brings by the documented
//! rule.

use std::iter::repeat_n;

use chrono::{DateTime, Months, TimeDelta, Utc};
use scrip::payments::Provider;
use serde_json::{Value, json};

use super::story::{Span, Story};

/// What happens in a life, moment by moment, and what it brings.
pub struct Life {
    pub user: String,
    pub provider: Provider,
    pub moments: Vec<(DateTime<Utc>, Vec<Value>)>,
    /// The day of each grant, and its credits.
    pub grants: Vec<(DateTime<Utc>, i64)>,
    pub balance: i64,
}

/// Tells the story of a life.
pub type Tell = fn(Story) -> Life;

/// The lives by name.
pub const LIVES: [(&str, Tell); 10] = [
    ("renewed", renewed),
    ("other-plan", other_plan),
    ("late-payment", late_payment),
    ("dispute-lost", dispute_lost),
    ("dispute-won", dispute_won),
    ("refunded", refunded),
    ("fixed-anchor", fixed_anchor),
    ("seats", seats),
    ("canceled", canceled),
    ("creem", creem),
];

/// When every life begins.
pub fn begin() -> DateTime<Utc> {
    "2026-10-05T10:00:00Z".parse().expect("an instant")
}

fn hours(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}

fn life(story: Story, moments: Vec<(DateTime<Utc>, Vec<Value>)>) -> Life {
    Life {
        user: story.name,
        provider: Provider::Stripe,
        moments,
        grants: Vec::new(),
        balance: 0,
    }
}

impl Life {
    fn brings(mut self, grants: &[(DateTime<Utc>, i64)], balance: i64) -> Self {
        (self.grants, self.balance) = (grants.to_vec(), balance);
        self
    }
}

/// The checkout, the subscription and its first payment.
fn start(story: &Story) -> Vec<Value> {
    let span = story.span(0);
    let created = story.created(story.subscription("active", span));
    let mut events = vec![story.checkout(), created];
    events.extend(story.paid(0, "subscription_create", span, story.begin));
    events
}

/// The start of a month, which was paid an hour later.
fn renewal(story: &Story, nth: u32) -> Vec<Value> {
    let span = story.span(nth);
    let object = story.subscription("active", span);
    let before = story.month(nth - 1);
    let mut events = vec![story.updated(&format!("u{nth}"), span.start, object, Some(before))];
    events.extend(story.paid(nth, "subscription_cycle", span, span.start + hours(1)));
    events
}

/// Two months, a refund of a quarter of the second, and the end at the end of the period.
fn renewed(story: Story) -> Life {
    let [first, second, end] = [0, 1, 2].map(|nth| story.month(nth));
    let refund = story.refund(1, 500, second + hours(100));
    let moments = vec![
        (first, start(&story)),
        (second + hours(1), renewal(&story, 1)),
        (second + hours(100), vec![refund]),
        (end, vec![story.deleted(end, story.span(1))]),
    ];
    life(story, moments).brings(&[(first, 200), (second, 200)], 350)
}

/// A change to another plan at the end of a period: the next period brings the credits of the new
/// plan. Its payment follows an hour after the change.
fn other_plan(mut story: Story) -> Life {
    let [first, second] = [0, 1].map(|nth| story.month(nth));
    let begun = start(&story);
    story.price = "price_max";
    let mut events = renewal(&story, 1);
    let changed = events.remove(0);
    let moments = vec![
        (first, begun),
        (second, vec![changed]),
        (second + hours(1), events),
    ];
    life(story, moments).brings(&[(first, 200), (second, 500)], 700)
}

/// A payment that failed at the renewal and succeeded three days later.
fn late_payment(story: Story) -> Life {
    let [first, second] = [0, 1].map(|nth| story.month(nth));
    let (span, paid) = (story.span(1), second + hours(72));
    let overdue = story.subscription("past_due", span);
    let overdue = story.updated("u1", second + hours(1), overdue, Some(first));
    let active = story.subscription("active", span);
    let mut events = story.paid(1, "subscription_cycle", span, paid);
    events.push(story.updated("u2", paid, active, None));
    let moments = vec![
        (first, start(&story)),
        (second + hours(1), vec![overdue]),
        (paid, events),
    ];
    life(story, moments).brings(&[(first, 200), (second, 200)], 400)
}

/// A dispute of the first payment that was lost.
fn dispute_lost(story: Story) -> Life {
    let first = story.begin;
    let (opened, closed) = (first + hours(30), first + hours(500));
    let moments = vec![
        (first, start(&story)),
        (
            opened,
            vec![
                story.dispute(0, "created", "needs_response", opened),
                story.dispute(0, "funds_withdrawn", "needs_response", opened),
            ],
        ),
        (closed, vec![story.dispute(0, "closed", "lost", closed)]),
    ];
    life(story, moments).brings(&[(first, 200)], 0)
}

/// A dispute of the first payment that was won.
fn dispute_won(story: Story) -> Life {
    let first = story.begin;
    let (opened, closed) = (first + hours(30), first + hours(500));
    let moments = vec![
        (first, start(&story)),
        (
            opened,
            vec![
                story.dispute(0, "created", "needs_response", opened),
                story.dispute(0, "funds_withdrawn", "needs_response", opened),
            ],
        ),
        (
            closed,
            vec![
                story.dispute(0, "funds_reinstated", "won", closed),
                story.dispute(0, "closed", "won", closed),
            ],
        ),
    ];
    life(story, moments).brings(&[(first, 200)], 200)
}

/// A whole refund together with the end.
fn refunded(story: Story) -> Life {
    let first = story.begin;
    let end = first + hours(48);
    let moments = vec![
        (first, start(&story)),
        (
            end,
            vec![
                story.refund(0, 2000, end),
                story.deleted(end, story.span(0)),
            ],
        ),
    ];
    life(story, moments).brings(&[(first, 200)], 0)
}

/// Billed on a fixed day: the time until then is a proration, which brings nothing.
fn fixed_anchor(story: Story) -> Life {
    let first = story.begin;
    let anchor = first + TimeDelta::days(15);
    let next = anchor + Months::new(1);
    let (part, month) = (
        Span {
            start: first,
            end: anchor,
        },
        Span {
            start: anchor,
            end: next,
        },
    );
    let object = |span: Span| {
        let mut object = story.subscription("active", span);
        object["billing_cycle_anchor"] = anchor.timestamp().into();
        object
    };
    let mut invoice = story.invoice(0, "subscription_create", part, first);
    let line = &mut invoice["lines"]["data"][0];
    line["proration"] = true.into();
    line["parent"]["subscription_item_details"]["proration"] = true.into();
    let paid_part = story.event("i0", "invoice.paid", first, invoice);
    let mut events = vec![story.updated("u1", anchor, object(month), Some(first))];
    events.extend(story.paid(1, "subscription_cycle", month, anchor + hours(1)));
    let moments = vec![
        (
            first,
            vec![story.checkout(), story.created(object(part)), paid_part],
        ),
        (anchor + hours(1), events),
    ];
    life(story, moments).brings(&[(anchor, 200)], 200)
}

/// Three seats, five from the middle of the month on, which count from the next month.
fn seats(mut story: Story) -> Life {
    let [first, second] = [0, 1].map(|nth| story.month(nth));
    (story.price, story.seats) = ("price_team", 3);
    let begun = start(&story);
    story.seats = 5;
    let middle = first + hours(240);
    let more = story.updated(
        "m",
        middle,
        story.subscription("active", story.span(0)),
        None,
    );
    let moments = vec![
        (first, begun),
        (middle, vec![more]),
        (second + hours(1), renewal(&story, 1)),
        (
            second + hours(2),
            vec![story.refund(1, 1000, second + hours(2))],
        ),
    ];
    // Half of the 35 credits of five seats, rounded down, was refunded.
    life(story, moments).brings(&[(first, 21), (second, 35)], 39)
}

/// Cancelled by the user in the middle of the period, at once.
fn canceled(story: Story) -> Life {
    let first = story.begin;
    let end = first + hours(300);
    let mut pending = story.subscription("active", story.span(0));
    pending["cancel_at_period_end"] = true.into();
    let asked = story.updated("u1", end - hours(1), pending, None);
    let moments = vec![
        (first, start(&story)),
        (end, vec![asked, story.deleted(end, story.span(0))]),
    ];
    life(story, moments).brings(&[(first, 200)], 200)
}

/// Two payments of Creem, a refund of a half of the second, and the end.
fn creem(story: Story) -> Life {
    let [first, second, end] = [0, 1, 2].map(|nth| story.month(nth));
    let name = &story.name;
    let event = |part: &str, change: &str, nth: u32, at: DateTime<Utc>| {
        let span = story.span(nth);
        let object = json!({
            "id": format!("sub_{name}"), "mode": "prod", "status": "active",
            "product": {"id": "prod_pro"}, "customer": {"id": format!("cust_{name}")},
            "metadata": {"userId": name}, "last_transaction_id": format!("tran_{name}_{nth}"),
            "current_period_start_date": span.start, "current_period_end_date": span.end,
        });
        json!({"id": format!("evt_{name}_{part}"), "eventType": format!("subscription.{change}"),
               "created_at": at.timestamp_millis(), "object": object})
    };
    let transaction = json!({"id": format!("tran_{name}_1"), "amount_paid": 2380});
    let refund = json!({"id": format!("evt_{name}_r"), "eventType": "refund.created",
        "created_at": (second + hours(9)).timestamp_millis(), "object": {
            "id": format!("ref_{name}"), "refund_amount": 1190, "mode": "prod",
            "transaction": transaction}});
    let moments = vec![
        (
            first,
            vec![
                event("a0", "active", 0, first),
                event("p0", "paid", 0, first),
            ],
        ),
        (
            second,
            vec![
                event("p1", "paid", 1, second),
                event("u1", "update", 1, second),
            ],
        ),
        (second + hours(9), vec![refund]),
        (end, vec![event("e", "expired", 1, end)]),
    ];
    let mut life = life(story, moments).brings(&[(first, 200), (second, 200)], 300);
    life.provider = Provider::Creem;
    life
}

/// A trial of 14 days, then two paid months.
fn trial(story: Story, anchor: DateTime<Utc>) -> Life {
    let first = story.begin;
    let end = first + TimeDelta::days(14);
    let span = |nth: i32| {
        let months = Months::new(u32::try_from(nth).expect("above 0"));
        let start = end.checked_add_months(months).expect("in range");
        let end = start.checked_add_months(Months::new(1));
        Span {
            start,
            end: end.expect("in range"),
        }
    };
    let object = |status: &str, span: Span| {
        let mut object = story.subscription(status, span);
        object["trial_start"] = first.timestamp().into();
        object["trial_end"] = end.timestamp().into();
        object["billing_cycle_anchor"] = end.timestamp().into();
        object
    };
    let free = Span { start: first, end };
    let mut nothing = story.invoice(9, "subscription_create", free, first);
    nothing["subtotal"] = 0.into();
    nothing["lines"]["data"][0]["amount"] = 0.into();
    let mut moments = vec![(
        first,
        vec![
            story.checkout(),
            story.created(object("trialing", free)),
            story.event("i9", "invoice.paid", first, nothing),
        ],
    )];
    for nth in 0..2_i32 {
        let month = span(nth);
        let before = if nth == 0 { first } else { span(nth - 1).start };
        let part = format!("u{nth}");
        let mut events =
            vec![story.updated(&part, month.start, object("active", month), Some(before))];
        let number = u32::try_from(nth).expect("above 0");
        events.extend(story.paid(number, "subscription_cycle", month, month.start));
        moments.push((month.start, events));
    }
    let month = |nth| {
        let start = anchor.checked_add_months(Months::new(nth));
        start.expect("in range")
    };
    // All that start before the end of what was paid, 14 days and two months after the start.
    let paid = span(1).end;
    let grants = (0..4).map(month).filter(|start| *start < paid);
    let grants: Vec<_> = grants.zip(repeat_n(200, 4)).collect();
    let balance = grants.iter().map(|(_, credits)| credits).sum();
    life(story, moments).brings(&grants, balance)
}

/// The months count from the start of the trial.
pub fn trial_that_is_granted(story: Story) -> Life {
    let anchor = story.begin;
    trial(story, anchor)
}

/// The months count from the end of the trial.
pub fn trial_that_waits(story: Story) -> Life {
    let anchor = story.begin + TimeDelta::days(14);
    trial(story, anchor)
}
