//! Which characters can be seen.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup},
};

/// Control and format characters.
pub(super) const CONTROLLING: GeneralCategoryGroup =
    GeneralCategoryGroup::Control.union(GeneralCategoryGroup::Format);
/// The general categories of characters without a shape: control and format characters, surrogates,
/// private use, and unassigned characters, which include noncharacters.
pub(super) const UNSEEN: GeneralCategoryGroup = GeneralCategoryGroup::Other;
/// Symbols without a shape: the blank Braille pattern and the object replacement character.
const BLANK: [char; 2] = ['\u{2800}', '\u{fffc}'];
/// Spaces, and separators of lines and paragraphs.
pub(super) const SEPARATOR: GeneralCategoryGroup = GeneralCategoryGroup::Separator;

pub(super) fn is_in(group: GeneralCategoryGroup, character: char) -> bool {
    group.contains(CodePointMapData::<GeneralCategory>::new().get(character))
}

/// Whether a character cannot be seen, or cannot be distinguished from a space.
///
/// These are control and format characters, default-ignorable characters, characters without a
/// generally known shape (private use, unassigned), two blank symbols, and every separator but the
/// space itself.
pub fn is_invisible(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    is_in(UNSEEN.union(SEPARATOR), character)
        || BLANK.contains(&character)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}
