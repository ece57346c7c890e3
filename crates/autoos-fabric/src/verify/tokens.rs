//! Words as they are compared: ids that are the same for what means the same, and what each is.

use super::{
    atoms::{Atom, What, atoms_into},
    index::{Key, NONE, key_of, word_hash},
    lexicon::{Part, known},
    moments::scale,
};

/// What a word of a passage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Content,
    Function,
    Not,
    /// Written with a capital inside of a sentence, or of the shape of a name.
    Name,
    /// With a capital that may be due to its place.
    MaybeName,
    Figure,
    Date,
    Time,
}

impl Kind {
    /// Whether a sentence means something by it.
    pub(super) fn tells(self) -> bool {
        !matches!(self, Self::Function | Self::Not)
    }

    pub(super) fn named(self) -> bool {
        matches!(self, Self::Name | Self::MaybeName)
    }

    pub(super) fn counted(self) -> bool {
        matches!(self, Self::Figure | Self::Date | Self::Time)
    }
}

/// A word or figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    /// The same for what means the same.
    pub(super) id: u64,
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Its first four bytes in lower case.
    pub(super) head: u32,
}

/// Hashes of every three tokens in a row.
pub(super) fn runs(tokens: &[Token]) -> impl Iterator<Item = u64> + '_ {
    tokens.windows(3).map(|w| {
        let step = |h: u64, id: u64| (h.rotate_left(21) ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        w.iter().map(|t| t.id).fold(0, step)
    })
}

/// Turns texts into tokens; keeps its memory between them.
#[derive(Default)]
pub(super) struct Reader {
    atoms: Vec<Atom>,
    low: String,
}

impl Reader {
    /// Appends the tokens of a sentence that begins at `offset`.
    pub(super) fn read(&mut self, text: &str, offset: usize, out: &mut Vec<Token>) {
        let mut atoms = std::mem::take(&mut self.atoms);
        atoms.clear();
        atoms_into(text, false, &mut atoms);
        self.tokens(text, &atoms, offset, out);
        self.atoms = atoms;
    }

    /// The same for a sentence of a text whose atoms are there already.
    pub(super) fn tokens(
        &mut self,
        text: &str,
        atoms: &[Atom],
        offset: usize,
        out: &mut Vec<Token>,
    ) {
        let mut opens = true;
        for (at, atom) in atoms.iter().enumerate() {
            let own = &text[atom.start..atom.end];
            let place = |a: usize| u32::try_from(offset + a).unwrap_or(NONE);
            let (start, end) = (place(atom.start), place(atom.end));
            match &atom.what {
                What::Figure { value, .. } => {
                    let value = value * scale(text, atoms, at).unwrap_or(1.0);
                    let id = Key::Figure(value).hash();
                    out.push(Token { id, kind: Kind::Figure, start, end, head: 0 });
                }
                what @ (What::Date { .. } | What::Time { .. }) => {
                    let kind =
                        if matches!(what, What::Date { .. }) { Kind::Date } else { Kind::Time };
                    let id = key_of(what, own).map_or(0, |key| key.hash());
                    out.push(Token { id, kind, start, end, head: 0 });
                }
                What::Name => {
                    self.lower(own);
                    let id = word_hash(&self.low);
                    out.push(Token { id, kind: Kind::Name, start, end, head: head(&self.low) });
                }
                What::Word => {
                    let next = atoms.get(at + 1).map_or("", |n| &text[n.start..n.end]);
                    self.word(own, next, start, opens, out);
                }
            }
            opens = false;
        }
    }

    fn lower(&mut self, own: &str) {
        self.low.clear();
        if own.is_ascii() {
            self.low.push_str(own);
            self.low.make_ascii_lowercase();
        } else {
            self.low.push_str(&own.to_lowercase());
        }
    }

    fn word(&mut self, own: &str, next: &str, start: u32, opens: bool, out: &mut Vec<Token>) {
        self.lower(own);
        let low = std::mem::take(&mut self.low);
        let long = |n: usize| u32::try_from(n).unwrap_or(NONE);
        let end = start.saturating_add(long(own.len()));
        // `harbour's`, and the pieces of `player-coach`, are read as words of their own.
        let plain = low.strip_suffix("'s").or(low.strip_suffix("’s")).unwrap_or(&low);
        let capital = own.chars().next().is_some_and(char::is_uppercase);
        let one = known(plain);
        if one.part == Part::Content && plain.contains('-') && plain.is_ascii() && own.is_ascii() {
            let mut from = 0;
            for piece in plain.split('-') {
                let known = known(piece);
                let at = start.saturating_add(long(from));
                from += piece.len() + 1;
                if piece.is_empty() {
                    continue;
                }
                let kind = kind_of(known.part, capital, opens, piece);
                let end = at.saturating_add(long(piece.len()));
                out.push(Token { id: known.id, kind, start: at, end, head: head(piece) });
            }
        } else {
            // `failed to open` denies, `the test failed` does not; `not only` does not either.
            let denies = if plain.ends_with("ed") || plain.ends_with('s') && plain.len() > 5 {
                next.eq_ignore_ascii_case("to")
            } else {
                !next.eq_ignore_ascii_case("only")
            };
            let part = match one.part {
                Part::Not if !denies => Part::Content,
                part => part,
            };
            let kind = kind_of(part, capital, opens, plain);
            out.push(Token { id: one.id, kind, start, end, head: head(plain) });
        }
        self.low = low;
    }
}

fn head(low: &str) -> u32 {
    low.bytes().take(4).fold(0, |head, byte| head << 8 | u32::from(byte))
}

fn kind_of(part: Part, capital: bool, opens: bool, low: &str) -> Kind {
    match part {
        Part::Function => Kind::Function,
        Part::Not => Kind::Not,
        Part::Content if !capital => Kind::Content,
        Part::Content if !opens => Kind::Name,
        // A capital at the beginning: only what does not look like a common word may be a name.
        Part::Content => {
            let common = ["s", "ing", "tion", "ment", "ity", "ness", "ed", "ly"];
            if common.iter().any(|e| low.ends_with(e)) { Kind::Content } else { Kind::MaybeName }
        }
    }
}

/// Whether this is a sentence, and no line of a log or a table.
pub(super) fn running(text: &str, tokens: &[Token]) -> bool {
    let small = tokens.iter().filter(|t| matches!(t.kind, Kind::Function | Kind::Not)).count();
    let ends = text.trim_end_matches(['"', '”', '’', '\'', ')']).ends_with(['.', '!', '?', ';']);
    let data = text.contains(['`', '<', '|', '=', '{', '[']);
    let timed = tokens.iter().any(|t| t.kind == Kind::Time);
    !data && small > 0 && (ends || !timed && small * 4 >= tokens.len())
}
