//! Finds the property `user_id` in a content header that the library cannot parse.
//!
//! The broker compares this property with the user of the publishing connection. So it names the
//! sender even if nothing else of the message can be read. The scan skips the values before it by
//! their lengths and does not inspect them. It takes the header in pieces, so it also works for a
//! header that is too large to be buffered.

use super::content_header::{Kind, PROPERTIES};

/// The index of `user_id` among the properties, from the highest bit of the flags.
const USER_ID: usize = 11;

/// A scan of the flags and values of the properties.
#[derive(Debug)]
pub(super) struct UserIdScan {
    flags: u16,
    /// The index of the next property.
    next: usize,
    step: Step,
    /// The collected bytes of the current step, if the step collects bytes.
    collected: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// This number of bytes are skipped.
    Skip(u64),
    Flags,
    /// The length of a value, encoded in this number of bytes.
    Length(usize),
    UserId(usize),
    /// The scan has ended.
    End,
}

impl UserIdScan {
    /// Starts a scan. The flags begin after `bytes` bytes.
    pub(super) fn after_bytes(bytes: usize) -> Self {
        Self {
            flags: 0,
            next: 0,
            step: Step::Skip(bytes as u64),
            collected: Vec::new(),
        }
    }

    /// Scans more bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            let needed = match self.step {
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
            let taken = bytes.len().min(needed - self.collected.len());
            self.collected.extend(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.collected.len() < needed {
                return;
            }
            self.step = self.after_collected();
        }
    }

    /// The property, if the header contains it completely and it is UTF-8.
    pub(super) fn found(&self) -> Option<&str> {
        let is_whole = matches!(self.step, Step::End) && !self.collected.is_empty();
        std::str::from_utf8(&self.collected)
            .ok()
            .filter(|_| is_whole)
    }

    /// The step after a skipped value, or after the bytes before the flags.
    fn after_value(&mut self) -> Step {
        if self.flags == 0 {
            Step::Flags
        } else {
            self.value()
        }
    }

    /// The step after collected bytes.
    fn after_collected(&mut self) -> Step {
        if matches!(self.step, Step::UserId(_)) {
            return Step::End;
        }
        let number = self
            .collected
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

    /// The step for the next value in the header.
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
    /// The number of bytes in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.collected.len()
    }
}
