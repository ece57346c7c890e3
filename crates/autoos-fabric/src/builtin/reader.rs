//! Reads an intent: which jobs it asks for, and of which contexts.
//!
//! Rules over words, in one order: what nobody here can do first, so that it is declined by name,
//! then the jobs from the most telling signs to the least. Nothing is guessed: a clause that no
//! rule understands makes the whole intent one for a language model.

use super::{
    clause::{self, Clause},
    job::{Goal, Job, Reading},
    lexicon as lex, question,
    refs::{self, Target},
    refuse::{not_understood, refuse, refuse_other_languages},
    signs::{lists, prepares, search_for},
    sniff::{Form, Known, vocabulary},
    unable::Unable,
    window,
    words::{self, Kind, Token},
};

/// What a clause turned out to be.
pub(super) enum Found {
    Job(Goal),
    /// Belongs to the goal before it.
    Detail,
    /// Only names what later clauses are about.
    About(Vec<Target>),
}

/// Reads `intent` against what came with it.
pub(super) fn read(intent: &str, contexts: &[Known<'_>]) -> Result<Reading, Unable> {
    let mut tokens = words::tokens(intent);
    if !tokens.iter().any(|t| t.kind != Kind::Mark) {
        return Err(Unable::new(
            "the intent is empty",
            ["a sentence that says what is to be done"],
        ));
    }
    words::correct(&mut tokens, &lex::all(), &vocabulary(contexts));
    refuse_other_languages(&tokens)?;
    let mut reader = Reader { contexts, reading: Reading::default(), about: Vec::new() };
    let clauses = clause::cut(intent, &tokens);
    for (at, clause) in clauses.iter().enumerate() {
        reader.clause(clause, at + 1 < clauses.len())?;
    }
    reader.finish(intent)
}

pub(super) struct Reader<'a> {
    pub(super) contexts: &'a [Known<'a>],
    pub(super) reading: Reading,
    pub(super) about: Vec<Target>,
}

impl Reader<'_> {
    fn clause(&mut self, clause: &Clause, more: bool) -> Result<(), Unable> {
        let Some(rest) = self.take_save(clause)? else { return Ok(()) };
        refuse(&rest, self.contexts)?;
        if let Some((left, right)) = self.two_questions(&rest) {
            self.clause(&left, true)?;
            return self.clause(&right, more);
        }
        match self.decide(&rest, more)? {
            Found::Job(goal) => {
                self.about.clone_from(&goal.targets);
                match self.reading.goals.iter_mut().find(|g| g.covers(&goal)) {
                    Some(before) => {
                        before.statement = format!("{}; {}", before.statement, goal.statement)
                    }
                    None => self.reading.goals.push(goal),
                }
            }
            Found::Detail => {
                if let Some(last) = self.reading.goals.last_mut() {
                    last.statement = format!("{}; {}", last.statement, rest.text);
                }
            }
            Found::About(targets) => self.about = targets,
        }
        Ok(())
    }

    /// "revenue per region and the number of open orders": what narrows one part must not narrow
    /// the other, so they are two questions.
    fn two_questions(&self, clause: &Clause) -> Option<(Clause, Clause)> {
        let tables: Vec<&Known<'_>> = self.contexts.iter().filter(|k| k.is_table()).collect();
        let [table] = tables.as_slice() else { return None };
        let measures = |t: &Token| {
            t.is(&[
                "total",
                "average",
                "avg",
                "number",
                "count",
                "median",
                "sum",
                "share",
                "percentage",
                "how",
                "max",
                "min",
            ])
        };
        let grouped = |c: &Clause| c.has(&["per", "by", "each", "every"]);
        let narrowed = |c: &Clause| {
            super::columns::mentions(&c.tokens, table).iter().any(|m| m.value.is_some())
                || c.of(|k| matches!(k, Kind::Number(_) | Kind::Date)).next().is_some()
        };
        (1..clause.tokens.len()).find_map(|at| {
            if clause.tokens[at].low != "and" {
                return None;
            }
            let opens =
                (at + 1..(at + 3).min(clause.tokens.len())).any(|i| measures(&clause.tokens[i]));
            if !opens {
                return None;
            }
            let left = clause.without(at..clause.tokens.len())?;
            let right = clause.without(0..at + 1)?;
            let apart =
                (grouped(&left) || narrowed(&left)) && (narrowed(&right) || grouped(&right));
            apart.then_some((left, right))
        })
    }

    /// Takes "save it to FILE" out of a clause; nothing left is a clause that said only that.
    fn take_save(&mut self, clause: &Clause) -> Result<Option<Clause>, Unable> {
        let keeps = clause.verb().is_some_and(|v| v.is(lex::SAVE));
        let into = ["to", "into", "as", "in", "inside", "under"];
        let place = clause.tokens.iter().enumerate().rev().find_map(|(at, token)| {
            let named = token.kind == Kind::Path
                || keeps && token.kind == Kind::Quoted && token.text.contains('.');
            if !named || refs::by_path(self.contexts, &token.text).is_some() {
                return None;
            }
            let before = (0..at).rev().take(5).find(|b| {
                !clause.tokens[*b].is(&["a", "the", "file", "new", "named", "called", "name"])
            })?;
            let word = &clause.tokens[before];
            let allowed = word.is(&["to", "into", "as"]) || keeps && word.is(&into);
            allowed.then_some((before, at))
        });
        let Some((from, at)) = place else {
            let only_save =
                keeps && !clause.verb().is_some_and(|v| v.is(&["write", "put", "record"]));
            if only_save && !self.reading.goals.is_empty() {
                return Err(Unable::new(
                    format!(
                        "“{}” does not say which file the result goes to",
                        super::unable::gist(&clause.text)
                    ),
                    ["the file's name, for example “save it to report.md”"],
                ));
            }
            return Ok(Some(clause.clone()));
        };
        self.reading.save = Some(clause.tokens[at].text.clone());
        let Some(rest) = clause.without(from..at + 1) else { return Ok(None) };
        let content = rest.tokens[rest.head.min(rest.tokens.len())..].iter().any(|t| {
            t.kind != Kind::Mark
                && !t.is(lex::SAVE)
                && !t.is(lex::RESULT)
                && !t.is(lex::STOP)
                && !t.is(lex::MAKE)
        });
        let pronoun = !rest.has(&["summary"]) || !self.reading.goals.is_empty();
        Ok((content || !pronoun).then_some(rest))
    }

    fn decide(&self, clause: &Clause, more: bool) -> Result<Found, Unable> {
        let named = refs::named(clause, self.contexts);
        if let Some(goal) = self.probe(clause, &named)? {
            return Ok(Found::Job(goal));
        }
        if self.presents(clause) {
            // "Look at the log. Report the result.": what was looked at is what is wanted.
            return if self.reading.goals.is_empty() && !self.about.is_empty() {
                self.default_job(clause, self.about.clone())
            } else {
                Ok(Found::Detail)
            };
        }
        if let Some(goal) = self.compare(clause, &named) {
            return Ok(Found::Job(goal));
        }
        if more && prepares(clause) && !named.is_empty() {
            return Ok(Found::About(named));
        }
        let job = |job: Job, targets: Vec<Target>| {
            Ok(Found::Job(Goal { statement: clause.text.clone(), job, targets }))
        };
        if let Some(pattern) = search_for(clause) {
            let plain = |k: &Known<'_>| k.is_table() && !k.log_like;
            let table =
                named.iter().chain(&self.about).any(|t| t.known(self.contexts).is_some_and(plain))
                    || named.is_empty()
                        && self.contexts.iter().any(plain)
                        && self.contexts.iter().all(|k| plain(k) || k.form == Form::Setting);
            let asked = clause.verb().is_some_and(|v| v.is(&["search", "grep", "look", "hunt"]));
            if !table || asked {
                return job(Job::Search { pattern }, self.for_search(clause, named)?);
            }
        }
        if lists(clause) {
            return job(Job::List, vec![refs::folder(clause)]);
        }
        if self.wants_summary(clause, &named) {
            return self.summary(clause, named);
        }
        if let Some(goal) = self.of_records(clause, &named) {
            return Ok(Found::Job(goal));
        }
        if self.wants_logs(clause, &named) {
            let targets = self.for_logs(clause, named)?;
            let window = window::read(clause, &targets, self.contexts)?;
            return job(Job::Logs(window), targets);
        }
        if let Some((query, target)) = question::ask(clause, &named, &self.about, self.contexts)? {
            return job(Job::Table(Box::new(query)), vec![target]);
        }
        if self.details(clause) {
            return Ok(Found::Detail);
        }
        if clause.verb().is_some_and(|v| v.is(lex::READ) || v.is(lex::ANALYZE) || v.is(lex::FIND))
            && !named.is_empty()
        {
            return self.default_job(clause, named);
        }
        Err(not_understood(clause, self.contexts))
    }

    /// Says again that a result is wanted, and nothing else.
    fn presents(&self, clause: &Clause) -> bool {
        let shows = [
            "report", "tell", "show", "give", "print", "present", "output", "display", "return",
            "list", "let", "make", "create", "write", "produce", "provide", "generate", "prepare",
            "thanks", "state", "describe", "keep", "be", "format", "answer",
        ];
        let verb = clause.verb();
        let only = clause.tokens.iter().skip(clause.head + 1).all(|t| {
            t.kind == Kind::Mark || t.is(lex::RESULT) || t.is(lex::STOP) || t.is(lex::POLITE)
        });
        verb.is_none() || verb.is_some_and(|v| v.is(&shows)) && only
    }

    fn finish(mut self, intent: &str) -> Result<Reading, Unable> {
        if self.reading.goals.is_empty() {
            let tokens = words::tokens(intent);
            let clauses = clause::cut(intent, &tokens);
            let about = std::mem::take(&mut self.about);
            match clauses.first() {
                Some(clause) if !about.is_empty() => match self.default_job(clause, about)? {
                    Found::Job(goal) => self.reading.goals.push(goal),
                    _ => return Err(not_understood(clause, self.contexts)),
                },
                Some(clause) => return Err(not_understood(clause, self.contexts)),
                None => {
                    return Err(Unable::new(
                        "the intent asks for nothing",
                        ["a sentence that says what is to be done"],
                    ));
                }
            }
        }
        Ok(self.reading)
    }
}
