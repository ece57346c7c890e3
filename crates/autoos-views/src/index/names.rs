//! Names that come again and again (tenants, users, models), each kept once and called by a
//! number.

use std::{collections::HashMap, sync::Arc};

/// The number of a name, within one [`Names`].
pub(crate) type NameId = u32;

/// Names and their numbers, which begin with 0 and never change.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, NameId>,
}

impl Names {
    /// The number of a name, a new one at its first sight.
    pub(crate) fn enter(&mut self, name: &str) -> NameId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let name: Arc<str> = name.into();
        let id = self.names.len() as NameId;
        self.names.push(name.clone());
        self.ids.insert(name, id);
        id
    }

    /// The number of a name that was seen.
    pub(crate) fn find(&self, name: &str) -> Option<NameId> {
        self.ids.get(name).copied()
    }

    /// The name of a number; empty for [`u32::MAX`], which stands for a name not told yet.
    pub(crate) fn get(&self, id: NameId) -> &str {
        self.names.get(id as usize).map_or("", |name| name)
    }

    /// All names in the order of their numbers.
    pub(crate) fn all(&self) -> Vec<&str> {
        self.names.iter().map(|name| &**name).collect()
    }

    /// The names with these in the order of their numbers.
    pub(crate) fn of(names: &[&str]) -> Self {
        let mut all = Self::default();
        for name in names {
            all.enter(name);
        }
        all
    }
}
