//! What has been said of an ASGI answer so far. Pure: it knows lengths, not bytes.
//!
//! Nothing is sent before the first piece of the body (so that an app that fails can still be
//! answered with 500), and never more than `Content-Length` declares.

/// What an app may send next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Start,
    /// The head is known and not sent.
    FirstBody,
    Body,
    Trailers,
    Over,
}

/// Where the body comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    #[default]
    App,
    /// A file that the app has named is sent instead of what it sends.
    NamedFile,
}

/// The answer to one request.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    stage: Stage,
    is_head_request: bool,
    pub(crate) status: u16,
    declared: Option<u64>,
    pub(crate) sent_bytes: u64,
    has_trailers: bool,
    source: Source,
    /// The app sent more than it declared.
    pub(crate) is_overlong: bool,
}

/// What is to be done with a piece of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The head goes first.
    pub(crate) begins: bool,
    /// So many bytes of the piece are sent, from its start.
    pub(crate) take: usize,
    pub(crate) then: Then,
}

/// How it goes on behind a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// More of the body.
    Body,
    /// The fields behind it.
    Trailers,
    /// The answer is complete.
    Complete,
    /// The app is done, but has declared more: the client must not take it for complete.
    Short,
}

/// A message that the app may not send now: what it may send instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OutOfOrder(&'static str);

impl Reply {
    pub(crate) fn new(is_head_request: bool) -> Self {
        Self {
            is_head_request,
            ..Self::default()
        }
    }

    /// Whether something has been, or is being, sent.
    pub(crate) fn is_begun(&self) -> bool {
        !self.is_replaced() && !matches!(self.stage, Stage::Start | Stage::FirstBody)
    }

    /// Whether the app has sent all of it.
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// `http.response.start`.
    pub(crate) fn start(
        &mut self,
        status: u16,
        declared: Option<u64>,
        has_trailers: bool,
    ) -> Result<(), OutOfOrder> {
        if self.stage != Stage::Start {
            return Err(self.out_of_order());
        }
        self.stage = Stage::FirstBody;
        self.status = status;
        self.declared = declared;
        self.has_trailers = has_trailers;
        Ok(())
    }

    /// The head names a file that is to be sent instead, once the app has sent everything.
    pub(crate) fn replace(&mut self) {
        self.source = Source::NamedFile;
    }

    /// Whether a file is sent instead of what the app sends.
    pub(crate) fn is_replaced(&self) -> bool {
        self.source == Source::NamedFile
    }

    /// `http.response.body` with so many bytes.
    pub(crate) fn body(&mut self, length: usize, is_more: bool) -> Result<Step, OutOfOrder> {
        let begins = match self.stage {
            Stage::FirstBody => true,
            Stage::Body => false,
            Stage::Start | Stage::Trailers | Stage::Over => return Err(self.out_of_order()),
        };
        let take = self.allowed(length);
        self.sent_bytes += take as u64;
        let then = if is_more {
            Then::Body
        } else if self.is_short() {
            Then::Short
        } else if self.has_trailers {
            Then::Trailers
        } else {
            Then::Complete
        };
        self.stage = match then {
            Then::Body => Stage::Body,
            Then::Trailers => Stage::Trailers,
            Then::Complete | Then::Short => Stage::Over,
        };
        Ok(Step { begins, take, then })
    }

    /// `http.response.pathsend`, which is the whole body.
    pub(crate) fn expects_file(&self) -> Result<(), OutOfOrder> {
        if self.stage == Stage::FirstBody {
            Ok(())
        } else {
            Err(self.out_of_order())
        }
    }

    /// How much of a file of this size is the whole body; none if nothing else than reading it can
    /// tell, or nothing of it is sent.
    pub(crate) fn part_of_file(&self, size: u64) -> Option<u64> {
        let is_plain = !self.has_trailers && !self.is_replaced();
        let has_body = self.status != 204 && self.status != 304;
        let length = self.declared.unwrap_or(size);
        (is_plain && has_body && length <= size).then_some(length)
    }

    /// `http.response.trailers`. Whether they were the last.
    pub(crate) fn trailers(&mut self, is_more: bool) -> Result<bool, OutOfOrder> {
        if self.stage != Stage::Trailers {
            return Err(self.out_of_order());
        }
        if !is_more {
            self.stage = Stage::Over;
        }
        Ok(!is_more)
    }

    /// Nothing more may be sent.
    pub(crate) fn close(&mut self) {
        self.stage = Stage::Over;
    }

    /// HEAD, 204, 304: the body is dropped, and its length is nobody's concern.
    pub(crate) fn is_bodiless(&self) -> bool {
        self.is_head_request || self.status == 204 || self.status == 304
    }

    fn allowed(&mut self, length: usize) -> usize {
        if self.is_bodiless() || self.is_replaced() {
            return 0;
        }
        let Some(declared) = self.declared else {
            return length;
        };
        let left = usize::try_from(declared - self.sent_bytes).unwrap_or(usize::MAX);
        self.is_overlong |= length > left;
        length.min(left)
    }

    fn is_short(&self) -> bool {
        !self.is_bodiless()
            && !self.is_replaced()
            && self
                .declared
                .is_some_and(|declared| self.sent_bytes < declared)
    }

    fn out_of_order(&self) -> OutOfOrder {
        OutOfOrder(match self.stage {
            Stage::Start => "`http.response.start` must come first",
            Stage::FirstBody | Stage::Body => {
                "`http.response.start` was sent; `http.response.body` is to follow"
            }
            Stage::Trailers => "the body is complete; `http.response.trailers` is to follow",
            Stage::Over => "the response is complete; nothing may follow",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn started(method_is_head: bool, status: u16, declared: Option<u64>) -> Reply {
        let mut reply = Reply::new(method_is_head);
        reply.start(status, declared, false).unwrap();
        reply
    }

    fn step(begins: bool, take: usize, then: Then) -> Step {
        Step { begins, take, then }
    }

    #[test]
    fn an_answer_of_one_piece() {
        for declared in [None, Some(5)] {
            let mut reply = started(false, 200, declared);
            assert!(!reply.is_begun());
            assert_eq!(reply.body(5, false), Ok(step(true, 5, Then::Complete)));
            assert!(reply.is_over() && reply.is_begun() && reply.sent_bytes == 5);
        }
    }

    #[test]
    fn an_answer_of_several_pieces() {
        let mut reply = started(false, 200, Some(6));
        assert_eq!(reply.body(0, true), Ok(step(true, 0, Then::Body)));
        assert!(reply.is_begun());
        assert_eq!(reply.body(6, true), Ok(step(false, 6, Then::Body)));
        assert_eq!(reply.body(0, false), Ok(step(false, 0, Then::Complete)));
    }

    #[test]
    fn too_much_is_dropped_and_too_little_is_never_complete() {
        let mut reply = started(false, 200, Some(3));
        assert_eq!(reply.body(5, false), Ok(step(true, 3, Then::Complete)));
        assert!(reply.is_overlong);
        let mut reply = started(false, 200, Some(3));
        assert_eq!(reply.body(2, false), Ok(step(true, 2, Then::Short)));
        assert!(!reply.is_overlong && reply.is_over());
    }

    #[test]
    fn an_answer_without_a_body_may_declare_its_length() {
        for (is_head, status) in [(true, 200), (false, 204), (false, 304)] {
            let mut reply = started(is_head, status, Some(3));
            assert_eq!(reply.body(3, true), Ok(step(true, 0, Then::Body)));
            assert_eq!(reply.body(3, false), Ok(step(false, 0, Then::Complete)));
            assert!(reply.is_bodiless() && !reply.is_overlong);
        }
    }

    #[test]
    fn trailers_end_the_answer_if_they_were_promised() {
        let mut reply = Reply::new(false);
        reply.start(200, None, true).unwrap();
        assert!(reply.trailers(false).is_err());
        assert_eq!(reply.body(1, false), Ok(step(true, 1, Then::Trailers)));
        assert!(reply.body(1, false).is_err() && !reply.is_over());
        assert_eq!(reply.trailers(true), Ok(false));
        assert_eq!(reply.trailers(false), Ok(true));
        assert!(reply.is_over() && reply.trailers(false).is_err());
        let mut reply = started(false, 200, None);
        assert_eq!(reply.body(1, false), Ok(step(true, 1, Then::Complete)));
        assert!(reply.trailers(false).is_err());
    }

    #[test]
    fn what_comes_out_of_order_is_refused_and_changes_nothing() {
        let mut reply = Reply::new(false);
        assert!(reply.body(1, true).is_err() && reply.expects_file().is_err());
        reply.start(200, None, false).unwrap();
        assert!(reply.expects_file().is_ok());
        assert!(reply.start(200, None, false).is_err());
        assert_eq!(reply.body(1, true), Ok(step(true, 1, Then::Body)));
        assert!(reply.start(500, None, false).is_err() && reply.expects_file().is_err());
        assert_eq!(reply.status, 200);
        reply.close();
        assert!(reply.body(1, true).is_err());
    }

    #[test]
    fn what_a_file_replaces_is_dropped_and_has_not_begun() {
        let mut reply = started(false, 200, Some(9));
        reply.replace();
        assert_eq!(reply.body(4, true), Ok(step(true, 0, Then::Body)));
        assert!(reply.is_replaced() && !reply.is_begun());
        assert_eq!(reply.body(0, false), Ok(step(false, 0, Then::Complete)));
        assert!(reply.is_over() && !reply.is_overlong && reply.sent_bytes == 0);
    }

    #[test]
    fn a_file_is_sent_as_such_where_its_length_is_the_answer_s() {
        assert_eq!(started(false, 200, None).part_of_file(7), Some(7));
        assert_eq!(started(false, 200, Some(3)).part_of_file(7), Some(3));
        assert_eq!(started(true, 200, Some(7)).part_of_file(7), Some(7));
        assert_eq!(started(false, 200, Some(8)).part_of_file(7), None);
        assert_eq!(started(false, 304, None).part_of_file(7), None);
        let mut reply = Reply::new(false);
        reply.start(200, None, true).unwrap();
        assert_eq!(reply.part_of_file(7), None);
    }

    proptest! {
        #[test]
        fn never_more_than_declared_and_complete_only_if_all_of_it(
            declared in proptest::option::of(0_u64..200),
            pieces in proptest::collection::vec(0_usize..80, 1..8),
        ) {
            let mut reply = started(false, 200, declared);
            let mut total = 0;
            let mut last = Then::Body;
            for (index, piece) in pieces.iter().enumerate() {
                let is_more = index + 1 < pieces.len();
                let step = reply.body(*piece, is_more).unwrap();
                prop_assert_eq!(step.begins, index == 0);
                prop_assert!(step.take <= *piece);
                prop_assert_eq!(is_more, step.then == Then::Body);
                total += step.take as u64;
                last = step.then;
            }
            let given: u64 = pieces.iter().map(|piece| *piece as u64).sum();
            prop_assert_eq!(total, declared.map_or(given, |declared| given.min(declared)));
            let is_complete = declared.is_none_or(|declared| given >= declared);
            prop_assert_eq!(last == Then::Complete, is_complete);
            prop_assert_eq!(reply.is_overlong, declared.is_some_and(|declared| given > declared));
        }
    }
}
