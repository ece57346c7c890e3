//! What a job is done with when its clause does not say: what was spoken of before, or the one
//! context that fits.

use super::{
    clause::Clause,
    lexicon as lex,
    reader::Reader,
    refs::{self, Target},
    signs::count_of,
    sniff::{Form, Known},
    unable::Unable,
};

impl Reader<'_> {
    pub(super) fn for_logs(
        &self,
        clause: &Clause,
        named: Vec<Target>,
    ) -> Result<Vec<Target>, Unable> {
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

    pub(super) fn for_search(
        &self,
        clause: &Clause,
        named: Vec<Target>,
    ) -> Result<Vec<Target>, Unable> {
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

    pub(super) fn all(&self, wanted: impl Fn(&Known<'_>) -> bool) -> Vec<Target> {
        (0..self.contexts.len())
            .filter(|i| wanted(&self.contexts[*i]))
            .map(Target::Context)
            .collect()
    }

    /// The one context that fits, when there is one.
    pub(super) fn only(&self, wanted: impl Fn(&Known<'_>) -> bool) -> Vec<Target> {
        let fitting = self.all(wanted);
        if fitting.len() == 1 { fitting } else { Vec::new() }
    }
}
