//! The maximum number of credits that a command may take. It bounds the batches that are read for
//! it.

use ledger::{Action, Consume, MAX_AMOUNT, Price, Rules};

use crate::desk::consume;

#[test]
fn only_a_consumption_demands_credits_namely_its_cost() {
    let mut rules = Rules::default();
    let tokens = Price {
        credits: 1,
        per: 1000,
    };
    rules.prices.insert("llm:tokens".to_owned(), tokens);
    let priced = |service: &str, quantity| {
        Action::Consume(Consume {
            service: service.to_owned(),
            amount: None,
            quantity,
        })
    };
    assert_eq!(rules.demand(&consume(7)), 7);
    assert_eq!(rules.demand(&priced("llm:tokens", Some(2_417))), 3);
    assert_eq!(rules.demand(&priced("llm:tokens", None)), 1);
    assert_eq!(
        rules.demand(&priced("none", Some(5))),
        0,
        "it is refused by the configuration"
    );
    assert_eq!(rules.demand(&consume(MAX_AMOUNT)), MAX_AMOUNT);
    assert_eq!(rules.demand(&Action::RegistrationBonus), 0);
}
