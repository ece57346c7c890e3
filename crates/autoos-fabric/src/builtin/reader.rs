//! Reads an intent: which jobs it asks for, and of which contexts.
//!
//! Rules over words, in one order: what nobody here can do first, so that it is declined by name,
//! then the jobs from the most telling signs to the least. Nothing is guessed: a clause that no
//! rule understands makes the whole intent one for a language model.

use super::{
    clause::{self, Clause},
    job::{Goal, Job, Reading, Window},
    lexicon as lex, log_table, question,
    refs::{self, Target},
    refuse::{not_understood, refuse, refuse_other_languages},
    signs::{count_of, lists, prepares, search_for, with_scheme},
    sniff::{Form, Known, vocabulary},
    unable::Unable,
    window,
    words::{self, Kind, Token},
};

/// What a clause turned out to be.
enum Found {
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

struct Reader<'a> {
    contexts: &'a [Known<'a>],
    reading: Reading,
    about: Vec<Target>,
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

    /// "say which service had more", "compare both": a goal over the logs that were asked for.
    fn compare(&self, clause: &Clause, named: &[Target]) -> Option<Goal> {
        if !clause.has(lex::COMPARE) {
            return None;
        }
        let named_logs =
            named.iter().filter(|t| t.is_log(self.contexts)).cloned().collect::<Vec<_>>();
        let before = self.reading.goals.iter().rev().find(|g| matches!(g.job, Job::Logs(_)));
        let several =
            if named_logs.len() > 1 { named_logs } else { before.map(|g| g.targets.clone())? };
        let aside = clause.has(&[
            "compare",
            "comparison",
            "contrast",
            "versus",
            "vs",
            "difference",
            "differ",
        ]) || clause.has(&["which", "what", "who", "whether"]);
        let of_logs = !named.iter().any(|t| !t.is_log(self.contexts));
        (several.len() > 1 && aside && of_logs).then(|| Goal {
            statement: clause.text.clone(),
            job: Job::Compare,
            targets: several,
        })
    }

    fn probe(&self, clause: &Clause, named: &[Target]) -> Result<Option<Goal>, Unable> {
        let mut urls: Vec<String> =
            clause.of(|k| *k == Kind::Url).map(|t| with_scheme(&t.text)).collect();
        if !clause.has(lex::PROBE) && urls.is_empty() {
            return Ok(None);
        }
        if urls.is_empty() {
            let host = |t: &&Token| {
                t.kind == Kind::Path
                    && refs::host_like(&t.text)
                    && refs::by_path(self.contexts, &t.text).is_none()
            };
            urls = clause.tokens.iter().filter(host).map(|t| with_scheme(&t.text)).collect();
        }
        let about_endpoints = clause.has(&[
            "endpoint",
            "url",
            "website",
            "site",
            "http",
            "https",
            "ping",
            "healthcheck",
            "webpage",
            "homepage",
        ]);
        let table = self.contexts.iter().any(Known::is_table);
        if urls.is_empty()
            && about_endpoints
            && !table
            && !named.iter().any(|t| t.is_log(self.contexts))
        {
            urls = refs::urls_in(self.contexts, named)?;
        }
        if urls.is_empty() {
            return Ok(None);
        }
        if clause.verb().is_some_and(|v| v.is(lex::SUMMARIZE)) {
            return Err(Unable::new(
                "summing up a web page is not among the jobs of the built-in engine: it reads pages as text, not as HTML",
                ["the page's text as a context: `--context page=@FILE`", super::unable::MODEL],
            ));
        }
        let mut targets: Vec<Target> = Vec::new();
        for url in urls {
            let target = Target::Url(url);
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        Ok(Some(Goal { statement: clause.text.clone(), job: Job::Probe, targets }))
    }

    fn wants_summary(&self, clause: &Clause, named: &[Target]) -> bool {
        let short = clause.has(&[
            "summarize",
            "summarise",
            "summary",
            "summaries",
            "tldr",
            "gist",
            "condense",
            "overview",
            "synopsis",
            "digest",
            "recap",
            "abridge",
            "shorten",
            "outline",
            "takeaway",
        ]) || clause.phrase(&["key", "points"])
            || clause.phrase(&["main", "points"])
            || clause.phrase(&["main", "ideas"])
            || clause.phrase(&["tl", "dr"])
            || clause.phrase(&["sum", "up"])
                && !named.iter().any(|t| t.known(self.contexts).is_some_and(Known::is_table));
        let logs = clause.has(lex::LOG)
            || named.iter().any(|t| t.is_log(self.contexts)) && !named.is_empty();
        short && !logs && !clause.has(lex::TROUBLE)
    }

    fn summary(&self, clause: &Clause, named: Vec<Target>) -> Result<Found, Unable> {
        let sentences = clause.tokens.windows(2).find_map(|w| match w[0].kind {
            Kind::Number(n)
                if w[1].is(&["sentence", "line", "point", "bullet"])
                    && (1.0..=50.0).contains(&n) =>
            {
                Some(n as u64)
            }
            _ => None,
        });
        let pool = if named.is_empty() { self.about.clone() } else { named };
        let targets = if pool.is_empty() { self.only(|k| k.form == Form::Text) } else { pool };
        let targets =
            if targets.is_empty() { self.only(|k| k.form != Form::Setting) } else { targets };
        if targets.is_empty() {
            return Err(refs::missing("a text to sum up", "notes", "notes.txt"));
        }
        if targets.iter().all(|t| t.is_log(self.contexts)) {
            return Ok(Found::Job(Goal {
                statement: clause.text.clone(),
                job: Job::Logs(Window::default()),
                targets,
            }));
        }
        if let [target] = targets.as_slice()
            && let Some(known) = target.known(self.contexts).filter(|k| k.is_table())
        {
            let query = question::profile(known);
            return Ok(Found::Job(Goal {
                statement: clause.text.clone(),
                job: Job::Table(Box::new(query)),
                targets,
            }));
        }
        Ok(Found::Job(Goal {
            statement: clause.text.clone(),
            job: Job::Summarize { sentences },
            targets,
        }))
    }

    fn wants_logs(&self, clause: &Clause, named: &[Target]) -> bool {
        let names_table =
            named.iter().any(|t| !t.is_log(self.contexts) && t.known(self.contexts).is_some());
        let trouble = clause.has(lex::TROUBLE) || clause.phrase(&["went", "wrong"]);
        if names_table && !clause.has(lex::LOG) {
            return false;
        }
        let any_log = self.contexts.iter().any(Known::is_log);
        let tables = self.contexts.iter().any(|k| k.is_table() && !k.log_like);
        clause.has(lex::LOG)
            || named.iter().any(|t| t.is_log(self.contexts))
            || trouble && (any_log || !tables)
    }

    /// A question of a log's single records: how many of which kind, from where, in which hour.
    fn of_records(&self, clause: &Clause, named: &[Target]) -> Option<Goal> {
        let logs = |targets: &[Target]| -> Vec<Target> {
            targets.iter().filter(|t| t.is_log(self.contexts)).cloned().collect()
        };
        let all = self.all(|k| k.form == Form::Log);
        let others = self.contexts.iter().any(|k| k.is_table() && !k.log_like);
        let targets = [logs(named), logs(&self.about), if others { Vec::new() } else { all }]
            .into_iter()
            .find(|t| !t.is_empty())?;
        let [target] = targets.as_slice() else { return None };
        let known = log_table::of(target.known(self.contexts)?)?;
        if !log_table::asks(&clause.tokens, log_table::is_access(&known)) {
            return None;
        }
        // More about the report that was asked for just before.
        if self.details(clause) {
            return None;
        }
        let query = super::asked::compile(clause, &known).ok()?;
        // A stretch of time alone: the report says more of it than a list of lines.
        let stretch = window::read(clause, &targets, self.contexts)
            .is_ok_and(|window| window != Window::default());
        if !log_table::is_access(&known) && query.groups.is_empty() && stretch {
            return None;
        }
        Some(Goal { statement: clause.text.clone(), job: Job::Table(Box::new(query)), targets })
    }

    fn for_logs(&self, clause: &Clause, named: Vec<Target>) -> Result<Vec<Target>, Unable> {
        let named: Vec<_> = named
            .into_iter()
            .filter(|t| t.is_log(self.contexts) || t.readable(self.contexts))
            .collect();
        let both = clause.has(&["both"]);
        let targets = if !named.is_empty() {
            named
        } else if !self.about.is_empty() && self.about.iter().all(|t| t.is_log(self.contexts)) {
            self.about.clone()
        } else {
            let logs = self.all(|k| k.is_log());
            if logs.is_empty() {
                self.only(|k| k.form == Form::Text && k.info.head.lines().count() > 1)
            } else {
                logs
            }
        };
        if targets.is_empty() {
            return Err(refs::missing("a log to analyse", "log", "system.log"));
        }
        if both && targets.len() != 2 {
            return Err(Unable::new(
                format!(
                    "“{}” speaks of two logs and {} came with the intent",
                    super::unable::gist(&clause.text),
                    count_of(targets.len())
                ),
                [
                    "each log as a context of its own: `--context a=@FIRST.log --context b=@SECOND.log`",
                ],
            ));
        }
        Ok(targets)
    }

    fn for_search(&self, clause: &Clause, named: Vec<Target>) -> Result<Vec<Target>, Unable> {
        if !named.is_empty() {
            return Ok(named);
        }
        if let Some(folder) = refs::folder_named(clause) {
            return Ok(vec![folder]);
        }
        if !self.about.is_empty() {
            return Ok(self.about.clone());
        }
        let all = self.all(|k| k.form != Form::Setting);
        if !all.is_empty() {
            return Ok(all);
        }
        if clause.has(lex::FOLDER)
            || clause.has(&["here", "project", "repository", "repo", "codebase", "everywhere"])
        {
            return Ok(vec![Target::Path(".".into())]);
        }
        Err(refs::missing("something to search in", "text", "notes.txt"))
    }

    /// More about the logs that were asked for just before.
    fn details(&self, clause: &Clause) -> bool {
        let logs =
            self.reading.goals.last().is_some_and(|g| matches!(g.job, Job::Logs(_) | Job::Compare));
        logs && clause.tokens.iter().skip(clause.head).all(|t| {
            t.kind == Kind::Mark
                || [
                    lex::LOG_DETAIL,
                    lex::TROUBLE,
                    lex::STOP,
                    lex::RESULT,
                    lex::FIND,
                    lex::COUNT,
                    lex::COMPARE,
                ]
                .iter()
                .any(|w| t.is(w))
        })
    }

    /// A thing is named and what to do with it only vaguely.
    fn default_job(&self, clause: &Clause, targets: Vec<Target>) -> Result<Found, Unable> {
        let job = match targets[0].known(self.contexts) {
            Some(known) if known.is_log() => Job::Logs(Window::default()),
            Some(known)
                if known.is_table()
                    && !clause.verb().is_some_and(|v| v.is(&["cat", "print", "display"])) =>
            {
                Job::Table(Box::new(question::profile(known)))
            }
            _ if clause
                .verb()
                .is_some_and(|v| v.is(lex::READ) || v.is(&["get", "give", "return", "fetch"])) =>
            {
                Job::Read
            }
            _ if clause.verb().is_some_and(|v| {
                v.is(lex::ANALYZE) || v.is(&["report", "tell", "give", "present"])
            }) =>
            {
                Job::Summarize { sentences: None }
            }
            _ => return Err(not_understood(clause, self.contexts)),
        };
        Ok(Found::Job(Goal { statement: clause.text.clone(), job, targets }))
    }

    fn all(&self, wanted: impl Fn(&Known<'_>) -> bool) -> Vec<Target> {
        (0..self.contexts.len())
            .filter(|i| wanted(&self.contexts[*i]))
            .map(Target::Context)
            .collect()
    }

    /// The one context that fits, when there is one.
    fn only(&self, wanted: impl Fn(&Known<'_>) -> bool) -> Vec<Target> {
        let fitting = self.all(wanted);
        if fitting.len() == 1 { fitting } else { Vec::new() }
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
