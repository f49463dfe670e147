//! The state machine over the bytes that a broker sends, in chunks of any size.
//!
//! What passes stays where it is, in the caller's buffer. Only the start of a frame that must be
//! seen whole is held back, and what follows a replacement in the same chunk is copied.

use std::collections::HashMap;
use std::mem;

use super::content_header;
use super::frame::{BODY, END, HEAD, HEADER, HEARTBEAT, Head, METHOD, OVERHEAD};
use super::frame_limit::FrameLimit;
use super::method::{self, ID, TUNE};
use super::oversized::Oversized;
use super::unreadable::Unreadable;
use super::user_id::UserIdScan;

#[derive(Debug)]
pub(super) struct Filter {
    limit: FrameLimit,
    state: State,
    /// Channels on which the method of a message had to be replaced, so that its content header
    /// has to be, too.
    marked: HashMap<u16, Unreadable>,
    /// The start of a frame that has to be seen whole.
    held: Vec<u8>,
    /// What passes after what stays in the caller's buffer.
    spilled: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// The next byte begins a frame.
    Frame,
    /// So many bytes of a frame pass.
    Pass(u64),
    /// So many bytes of a frame are replaced already.
    Skip(u64),
    /// A content header that is too large to be held passes by; its replacement follows.
    Oversized(Box<Oversized>),
    /// This is not AMQP: all passes, and the library says what is wrong with it.
    Open,
}

enum Verdict {
    /// More bytes are needed.
    Hold,
    Pass(u64),
    Replace {
        length: u64,
        with: Vec<u8>,
    },
    Oversized(Oversized),
    Open,
}

impl Filter {
    /// `frame_max` is that of the URL, in bytes; 0 leaves it to the broker.
    pub(super) fn new(frame_max: u32) -> Self {
        Self {
            limit: FrameLimit::new(frame_max),
            state: State::Frame,
            marked: HashMap::new(),
            held: Vec::new(),
            spilled: Vec::new(),
        }
    }

    /// Filters a chunk, which begins with what was held back before. Returns how many bytes at its
    /// start pass; those of [`Self::take_spilled`] follow.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> usize {
        let mut at = 0;
        let mut passed = 0;
        while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            let within = |count: u64| usize::try_from(count).map_or(rest.len(), |n| n.min(rest.len()));
            let take = match &self.state {
                State::Open => rest.len(),
                State::Pass(count) | State::Skip(count) => within(*count),
                State::Oversized(header) => within(header.left()),
                State::Frame => {
                    match self.examine(rest) {
                        Verdict::Hold => {
                            self.held = rest.to_vec();
                            break;
                        }
                        Verdict::Pass(length) => self.state = State::Pass(length),
                        Verdict::Open => self.state = State::Open,
                        Verdict::Oversized(header) => self.state = State::Oversized(Box::new(header)),
                        Verdict::Replace { length, with } => {
                            self.spilled.extend(with);
                            self.state = State::Skip(length);
                        }
                    }
                    continue;
                }
            };
            if matches!(self.state, State::Open | State::Pass(_)) {
                if self.spilled.is_empty() && passed == at {
                    passed += take;
                } else {
                    self.spilled.extend(&rest[..take]);
                }
            }
            at += take;
            self.advance(&rest[..take]);
        }
        passed
    }

    /// Goes on behind bytes of the current frame.
    fn advance(&mut self, taken: &[u8]) {
        let left = match &mut self.state {
            State::Frame | State::Open => return,
            State::Pass(count) | State::Skip(count) => {
                *count -= taken.len() as u64;
                *count
            }
            State::Oversized(header) => {
                self.spilled.extend(header.feed(taken));
                header.left()
            }
        };
        if left == 0 {
            self.state = State::Frame;
        }
    }

    /// What the next chunk has to begin with.
    pub(super) fn take_held(&mut self) -> Vec<u8> {
        mem::take(&mut self.held)
    }

    pub(super) fn take_spilled(&mut self) -> Vec<u8> {
        mem::take(&mut self.spilled)
    }

    /// Judges a frame by its first bytes, or by all of them where that is necessary.
    fn examine(&mut self, bytes: &[u8]) -> Verdict {
        if !matches!(bytes[0], METHOD | HEADER | BODY | HEARTBEAT) {
            return Verdict::Open;
        }
        let Some(head) = Head::read(bytes) else {
            return Verdict::Hold;
        };
        match head.kind {
            METHOD => self.method(head, bytes),
            HEADER => self.header(head, bytes),
            _ => Verdict::Pass(head.frame_length()),
        }
    }

    fn method(&mut self, head: Head, bytes: &[u8]) -> Verdict {
        let length = head.frame_length();
        if length < (ID + OVERHEAD) as u64 {
            return Verdict::Pass(length);
        }
        let Some(id) = method::id(&bytes[HEAD..]) else {
            return Verdict::Hold;
        };
        if !self.marked.is_empty() {
            self.marked.remove(&head.channel);
        }
        let fields = method::fields(id);
        if length > method::LONGEST || (fields.is_none() && id != TUNE) {
            return Verdict::Pass(length);
        }
        let Some(payload) = payload(head, bytes) else {
            return Verdict::Hold;
        };
        let Some(fields) = fields else {
            self.limit.tune(&payload[ID..]);
            return Verdict::Pass(length);
        };
        let Some(why) = method::check(payload, fields) else {
            return Verdict::Pass(length);
        };
        match method::replacement(head, payload, fields) {
            Some(with) if ends(head, bytes) => {
                self.marked.insert(head.channel, why);
                Verdict::Replace { length, with }
            }
            _ => Verdict::Pass(length),
        }
    }

    fn header(&mut self, head: Head, bytes: &[u8]) -> Verdict {
        let length = head.frame_length();
        if head.size < content_header::SHORTEST {
            return Verdict::Pass(length);
        }
        let allowed = self.limit.header_frame();
        if length > allowed {
            let Some(header) = Oversized::new(head, bytes, allowed) else {
                return Verdict::Hold;
            };
            self.marked.remove(&head.channel);
            return Verdict::Oversized(header);
        }
        let Some(payload) = payload(head, bytes) else {
            return Verdict::Hold;
        };
        if !ends(head, bytes) {
            return Verdict::Open;
        }
        let marked = (!self.marked.is_empty()).then(|| self.marked.remove(&head.channel));
        let checked = marked
            .flatten()
            .map_or_else(|| content_header::check(payload), Err);
        let Err(why) = checked else {
            return Verdict::Pass(length);
        };
        let mut scan = UserIdScan::behind(content_header::FIXED);
        scan.feed(payload);
        match content_header::replacement(head.channel, payload, length, &why, scan.found()) {
            Some(with) => Verdict::Replace { length, with },
            None => Verdict::Pass(length),
        }
    }
}

/// The payload of a frame that is there as a whole.
fn payload(head: Head, bytes: &[u8]) -> Option<&[u8]> {
    let end = HEAD + usize::try_from(head.size).ok()?;
    bytes.get(end)?;
    bytes.get(HEAD..end)
}

/// Whether a frame that is there as a whole ends as one.
fn ends(head: Head, bytes: &[u8]) -> bool {
    usize::try_from(head.size).is_ok_and(|size| bytes.get(HEAD + size) == Some(&END))
}

#[cfg(test)]
impl Filter {
    /// Bytes in memory.
    pub(super) fn in_memory(&self) -> usize {
        let scanned = match &self.state {
            State::Oversized(header) => header.in_memory(),
            _ => 0,
        };
        self.held.len() + self.spilled.len() + self.marked.len() + scanned
    }
}
