//! A value taken apart: plain text, `%x`, and the groups `%(…)`, `$(…)` and `@(…)`.
//!
//! Groups may stand inside each other as far as uWSGI's order of substitution lets them: it replaces
//! `%x` first, then `$(…)`, then `@(…)`, then `%(…)`.

use std::ops::Range;

/// Deepest nesting of groups; uWSGI's order allows three.
const DEPTH_LIMIT: usize = 3;

/// What opens a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// `$(NAME)`: a variable of the environment.
    Variable,
    /// `@(PATH)`: the content of a file.
    File,
    /// `%(KEY …)`: the value of another key.
    Placeholder,
}

impl Group {
    /// As it is written.
    pub(super) fn opening(self) -> &'static str {
        match self {
            Self::Variable => "$(",
            Self::File => "@(",
            Self::Placeholder => "%(",
        }
    }
}

/// One piece of a value, with its bytes in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: PieceKind,
    pub(super) range: Range<usize>,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PieceKind {
    Literal(String),
    /// `%` and the character behind it, if there is one.
    Magic(Option<char>),
    Group(Group, Vec<Piece>),
    /// A group without its end.
    Open(Group),
}

/// Whether there is anything in it that is not plain.
pub(super) fn is_plain(text: &str) -> bool {
    !text.contains('%') && !text.contains("$(") && !text.contains("@(")
}

/// Takes a value apart. The pieces' ranges cover all of it, one after the other.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut parser = Parser {
        text,
        at: 0,
        is_open: false,
    };
    let (pieces, _) = parser.run(None, 0);
    pieces
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// A group had no end. None is looked for any more, or hostile text would take quadratic time.
    is_open: bool,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The pieces up to the `)` that ends the group, or to the end; and whether that was found.
    fn run(&mut self, within: Option<Group>, depth: usize) -> (Vec<Piece>, bool) {
        let mut pieces = Vec::new();
        let mut literal_from = self.at;
        while let Some(c) = self.rest().chars().next() {
            let start = self.at;
            if c == ')' && within.is_some() {
                push_literal(&mut pieces, self.text, literal_from..start);
                self.at += 1;
                return (pieces, true);
            }
            let group = self
                .group_here()
                .filter(|group| depth < DEPTH_LIMIT && within.is_none_or(|outer| *group < outer));
            let kind = match group {
                Some(group) => Some(self.group(group, depth)),
                None if c == '%' => Some(self.magic()),
                None => None,
            };
            match kind {
                Some(kind) => {
                    push_literal(&mut pieces, self.text, literal_from..start);
                    let range = start..self.at;
                    pieces.push(Piece { kind, range });
                    literal_from = self.at;
                }
                None => self.at += c.len_utf8(),
            }
        }
        push_literal(&mut pieces, self.text, literal_from..self.at);
        (pieces, false)
    }

    fn group_here(&self) -> Option<Group> {
        let rest = self.rest();
        [Group::Variable, Group::File, Group::Placeholder]
            .into_iter()
            .find(|group| rest.starts_with(group.opening()))
    }

    fn group(&mut self, group: Group, depth: usize) -> PieceKind {
        let start = self.at;
        self.at += group.opening().len();
        if self.is_open {
            return PieceKind::Open(group);
        }
        let (inner, is_closed) = self.run(Some(group), depth + 1);
        if is_closed {
            return PieceKind::Group(group, inner);
        }
        self.is_open = true;
        self.at = start + group.opening().len();
        PieceKind::Open(group)
    }

    fn magic(&mut self) -> PieceKind {
        self.at += 1;
        let next = self.rest().chars().next();
        self.at += next.map_or(0, char::len_utf8);
        PieceKind::Magic(next)
    }
}

fn push_literal(pieces: &mut Vec<Piece>, text: &str, range: Range<usize>) {
    if let Some(literal) = text.get(range.clone()).filter(|text| !text.is_empty()) {
        pieces.push(Piece {
            kind: PieceKind::Literal(literal.to_owned()),
            range,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        fn show(pieces: &[Piece]) -> String {
            pieces
                .iter()
                .map(|piece| match &piece.kind {
                    PieceKind::Literal(text) => format!("‹{text}›"),
                    PieceKind::Magic(c) => format!("%{}", c.map_or("∅".into(), String::from)),
                    PieceKind::Group(group, inner) => {
                        format!("{}{})", group.opening(), show(inner))
                    }
                    PieceKind::Open(group) => format!("open {}", group.opening()),
                })
                .collect()
        }
        show(&pieces(text))
    }

    #[test]
    fn values_are_taken_apart() {
        for (text, expected) in [
            ("", ""),
            ("plain", "‹plain›"),
            ("a%nb", "‹a›%n‹b›"),
            ("100%%", "‹100›%%"),
            ("5%", "‹5›%∅"),
            ("%ä", "%ä"),
            ("%(a)b)", "%(‹a›)‹b)›"),
            ("%(a + 4 * 2)", "%(‹a + 4 * 2›)"),
            ("@($(HOME)/x)", "@($(‹HOME›)‹/x›)"),
            ("%($(STAGE)_n)", "%($(‹STAGE›)‹_n›)"),
            ("$(A@(b))", "$(‹A@(b›)‹)›"),
            ("@(%n.txt)", "@(%n‹.txt›)"),
            ("%(a b", "open %(‹a b›"),
            ("%(a $(b %n", "open %(‹a ›open $(‹b ›%n"),
            ("$ @ $x @x", "‹$ @ $x @x›"),
            ("%(%(a))", "%(%(‹a›)‹)›"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_ranges_cover_the_text(text in "[ab%$@() é]{0,40}") {
            let mut at = 0;
            for piece in pieces(&text) {
                prop_assert_eq!(piece.range.start, at);
                at = piece.range.end;
                prop_assert!(text.is_char_boundary(at));
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
