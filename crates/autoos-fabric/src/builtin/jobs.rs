//! What a clause asks for: which jobs its words stand for, and of what.

use super::{
    clause::Clause,
    job::{Goal, Job, Window},
    lexicon as lex, log_table, question,
    reader::{Found, Reader},
    refs::{self, Target},
    refuse::not_understood,
    signs::with_scheme,
    sniff::{Form, Known},
    unable::Unable,
    window,
    words::{Kind, Token},
};

impl Reader<'_> {
    /// "say which service had more", "compare both": a goal over the logs that were asked for.
    pub(super) fn compare(&self, clause: &Clause, named: &[Target]) -> Option<Goal> {
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

    pub(super) fn probe(&self, clause: &Clause, named: &[Target]) -> Result<Option<Goal>, Unable> {
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

    pub(super) fn wants_summary(&self, clause: &Clause, named: &[Target]) -> bool {
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

    pub(super) fn summary(&self, clause: &Clause, named: Vec<Target>) -> Result<Found, Unable> {
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

    pub(super) fn wants_logs(&self, clause: &Clause, named: &[Target]) -> bool {
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
    pub(super) fn of_records(&self, clause: &Clause, named: &[Target]) -> Option<Goal> {
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

    /// More about the logs that were asked for just before.
    pub(super) fn details(&self, clause: &Clause) -> bool {
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
    pub(super) fn default_job(
        &self,
        clause: &Clause,
        targets: Vec<Target>,
    ) -> Result<Found, Unable> {
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
}
