//! The state machine over the bytes that a broker sends, in chunks of any size.
//!
//! Bytes that pass stay in the caller's buffer. Only the start of a frame that must be complete is
//! held back, and only bytes that follow a replacement in the same chunk are copied.

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
    /// Channels on which the method of a message was replaced. The content header that follows has
    /// to be replaced, too.
    marked: HashMap<u16, Unreadable>,
    /// The start of a frame that must be complete before it is examined.
    held: Vec<u8>,
    /// Bytes that pass after those in the caller's buffer.
    spilled: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// The next byte starts a frame.
    Frame,
    /// This number of bytes of a frame pass.
    Pass(u64),
    /// This number of bytes of a frame are dropped, because they were replaced.
    Skip(u64),
    /// A content header that is too large to be buffered. Its replacement follows at its end.
    Oversized(Box<Oversized>),
    /// The stream is not AMQP. Everything passes, and the library reports the error.
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
    /// `frame_max` is the value of the URL, in bytes. 0 means that the broker decides.
    pub(super) fn new(frame_max: u32) -> Self {
        Self {
            limit: FrameLimit::new(frame_max),
            state: State::Frame,
            marked: HashMap::new(),
            held: Vec::new(),
            spilled: Vec::new(),
        }
    }

    /// Filters a chunk, which begins with the bytes that were held back before. Returns the number
    /// of bytes at its start that pass. The bytes of [`Self::take_spilled`] follow them.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> usize {
        let mut at = 0;
        let mut passed = 0;
        while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            let within =
                |count: u64| usize::try_from(count).map_or(rest.len(), |n| n.min(rest.len()));
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
                        Verdict::Oversized(header) => {
                            self.state = State::Oversized(Box::new(header));
                        }
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

    /// Advances the state by bytes of the current frame.
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

    /// The bytes with which the next chunk must begin.
    pub(super) fn take_held(&mut self) -> Vec<u8> {
        mem::take(&mut self.held)
    }

    pub(super) fn take_spilled(&mut self) -> Vec<u8> {
        mem::take(&mut self.spilled)
    }

    /// Examines a frame by its first bytes, or by all of them if necessary.
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
        let Some(reason) = method::check(payload, fields) else {
            return Verdict::Pass(length);
        };
        match method::replacement(head, payload, fields) {
            Some(with) if ends(head, bytes) => {
                self.marked.insert(head.channel, reason);
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
        let Err(reason) = checked else {
            return Verdict::Pass(length);
        };
        let mut scan = UserIdScan::after_bytes(content_header::FIXED);
        scan.feed(payload);
        match content_header::replacement(head.channel, payload, length, &reason, scan.found()) {
            Some(with) => Verdict::Replace { length, with },
            None => Verdict::Pass(length),
        }
    }
}

/// The payload of a frame. `None` if the frame is not complete.
fn payload(head: Head, bytes: &[u8]) -> Option<&[u8]> {
    let end = HEAD + usize::try_from(head.size).ok()?;
    bytes.get(end)?;
    bytes.get(HEAD..end)
}

/// Whether a complete frame ends with the end byte.
fn ends(head: Head, bytes: &[u8]) -> bool {
    usize::try_from(head.size).is_ok_and(|size| bytes.get(HEAD + size) == Some(&END))
}

#[cfg(test)]
impl Filter {
    /// The number of bytes in memory.
    pub(super) fn in_memory(&self) -> usize {
        let scanned = match &self.state {
            State::Oversized(header) => header.in_memory(),
            _ => 0,
        };
        self.held.len() + self.spilled.len() + self.marked.len() + scanned
    }
}
