//! Finds the property `user_id` in a content header that the library cannot parse.
//!
//! The broker compares this property with the user of the connection that publishes, so it names
//! the sender of a message of which nothing else can be read. The values before it are passed by
//! their lengths and not looked into. The scan takes the header in pieces, so that also one that is
//! too large to be held is scanned.

use super::content_header::{Kind, PROPERTIES};

/// Among the properties, from the highest bit of the flags.
const USER_ID: usize = 11;

/// A scan of flags and values of the properties.
#[derive(Debug)]
pub(super) struct UserIdScan {
    flags: u16,
    /// The next property; those before it are passed.
    next: usize,
    step: Step,
    /// Bytes of the current step, where it keeps them.
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many bytes are of no interest.
    Skip(u64),
    Flags,
    /// The length of a value, in so many bytes.
    Length(usize),
    UserId(usize),
    /// The scan is over.
    End,
}

impl UserIdScan {
    /// The flags begin behind so many bytes.
    pub(super) fn behind(bytes: usize) -> Self {
        Self {
            flags: 0,
            next: 0,
            step: Step::Skip(bytes as u64),
            kept: Vec::new(),
        }
    }

    /// Reads on.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            let wanted = match self.step {
                Step::End => return,
                Step::Skip(count) => {
                    let taken = usize::try_from(count).map_or(bytes.len(), |n| n.min(bytes.len()));
                    bytes = &bytes[taken..];
                    match count - taken as u64 {
                        0 => self.step = self.after_value(),
                        left => {
                            self.step = Step::Skip(left);
                            return;
                        }
                    }
                    continue;
                }
                Step::Flags => 2,
                Step::Length(count) | Step::UserId(count) => count,
            };
            let taken = bytes.len().min(wanted - self.kept.len());
            self.kept.extend(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.kept.len() < wanted {
                return;
            }
            self.step = self.after_kept();
        }
    }

    /// The property, if the header has it whole and it is text that the library accepts.
    pub(super) fn found(&self) -> Option<&str> {
        let is_whole = matches!(self.step, Step::End) && !self.kept.is_empty();
        std::str::from_utf8(&self.kept).ok().filter(|_| is_whole)
    }

    /// What comes behind a skipped value, or behind the bytes before the flags.
    fn after_value(&mut self) -> Step {
        if self.flags == 0 {
            Step::Flags
        } else {
            self.value()
        }
    }

    /// What comes behind bytes that were kept.
    fn after_kept(&mut self) -> Step {
        if matches!(self.step, Step::UserId(_)) {
            return Step::End;
        }
        let number = self
            .kept
            .drain(..)
            .fold(0, |sum, byte| sum << 8 | u64::from(byte));
        if matches!(self.step, Step::Flags) {
            self.flags = u16::try_from(number).unwrap_or_default();
            return self.value();
        }
        match usize::try_from(number) {
            Ok(length) if self.next > USER_ID => Step::UserId(length),
            _ => Step::Skip(number),
        }
    }

    /// The next value that the header has.
    fn value(&mut self) -> Step {
        while let Some((_, kind)) = PROPERTIES.get(self.next).filter(|_| self.next <= USER_ID) {
            let is_there = self.flags & (0x8000 >> self.next) != 0;
            self.next += 1;
            match kind {
                _ if !is_there => {}
                Kind::ShortString => return Step::Length(1),
                Kind::Table => return Step::Length(4),
                Kind::Bytes(count) => return Step::Skip(*count as u64),
            }
        }
        Step::End
    }
}

#[cfg(test)]
impl UserIdScan {
    /// Bytes in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.kept.len()
    }
}
