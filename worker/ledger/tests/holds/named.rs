//! The hold that a reference names.

use ledger::{Action, Origin, References, Refusal};

use super::{Holds, capture, hold};
use crate::desk::code;

#[test]
fn an_unknown_hold_is_not_found() {
    let mut it = Holds::new(&[(10, None)]);
    assert_eq!(code(&it.capture(capture())), Some(Refusal::HoldNotFound));
    assert_eq!(code(&it.release()), Some(Refusal::HoldNotFound));
    it.hold(4);
    let mut other = it.desk.command(None, Action::Capture(capture()));
    (other.origin, other.user_id) = (Origin::Usage, "other".to_owned());
    assert_eq!(code(&it.decide(&other)), Some(Refusal::WalletNotFound));
}

#[test]
fn support_staff_capture_and_release_the_holds_of_apps() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(4);
    let mut staff = it.desk.command(None, Action::Capture(capture()));
    "staff".clone_into(&mut staff.reference_id);
    assert_eq!(staff.origin, Origin::Funding);
    assert_eq!(it.decide(&staff).amount, -4);
}

#[test]
fn staff_name_their_own_hold_before_that_of_an_app() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(4);
    let mut own = it.desk.command(None, Action::Hold(hold(1)));
    "h".clone_into(&mut own.reference_id);
    it.decide(&own);
    let mut staff = it.desk.command(None, Action::Capture(capture()));
    "staff".clone_into(&mut staff.reference_id);
    assert_eq!(it.decide(&staff).amount, -1);
    assert_eq!(it.capture(capture()).amount, -4, "an app names its own");
}

#[test]
fn a_hold_belongs_to_its_sender_if_references_do() {
    let mut it = Holds::new(&[(10, None)]);
    it.desk.rules.references = References::PerSender;
    let from = |it: &Holds, sender: &str, reference: &str, action| {
        let mut command = it.desk.command(None, action);
        command.origin = Origin::Usage;
        command.sender = Some(sender.to_owned());
        reference.clone_into(&mut command.reference_id);
        command
    };
    let one = from(&it, "one", "h", Action::Hold(hold(2)));
    let two = from(&it, "two", "h", Action::Hold(hold(3)));
    let capture_two = from(&it, "two", "c", Action::Capture(capture()));
    let capture_three = from(&it, "three", "c", Action::Capture(capture()));
    it.decide(&one);
    it.decide(&two);
    assert_eq!(it.decide(&capture_two).amount, -3);
    assert_eq!(
        code(&it.decide(&capture_three)),
        Some(Refusal::HoldNotFound)
    );
}
