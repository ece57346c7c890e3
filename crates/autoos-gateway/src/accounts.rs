//! Accounts of tenants and users: who may see them, and who may set their limits.
//!
//! A limit binds whoever has the tenant's keys, so only the operator's keys set one.

use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_guard::DEFAULT_TENANT;
use autoos_kernel::account::{Limit, Owner};
use autoos_runtime::AccountView;

impl Edge {
    /// Sets what may be spent; none takes the limit away.
    pub(crate) async fn set_limit(
        &self,
        call: &Call,
        owner: Owner,
        limit: Option<Limit>,
    ) -> Result<AccountView, Fault> {
        if call.caller.tenant != DEFAULT_TENANT {
            return Err(Fault::Forbidden(format!(
                "limits are the operator's to set, and this key is of {}",
                call.caller.tenant
            )));
        }
        Ok(self.runtime.set_limit(owner, limit, call.caller.name.clone()).await?)
    }

    /// The accounts that the caller sees, of one tenant if one is named.
    pub(crate) fn accounts(&self, call: &Call, tenant: Option<&str>) -> Vec<AccountView> {
        match tenant {
            Some(tenant) if !sees(call, tenant) => Vec::new(),
            Some(tenant) => self.runtime.accounts(Some(tenant)),
            None if call.caller.tenant == DEFAULT_TENANT => self.runtime.accounts(None),
            None => self.runtime.accounts(Some(&call.caller.tenant)),
        }
    }

    /// One account.
    pub(crate) fn account(&self, call: &Call, owner: &Owner) -> Result<AccountView, Fault> {
        let found = self.runtime.account(owner).filter(|_| sees(call, &owner.tenant));
        found.ok_or_else(|| Fault::Missing(format!("no limit was ever set for {owner}")))
    }
}

fn sees(call: &Call, tenant: &str) -> bool {
    call.caller.tenant == tenant || call.caller.tenant == DEFAULT_TENANT
}

/// Whose account a request is about: the caller's own tenant where none is named.
pub(crate) fn owner(call: &Call, tenant: Option<String>, user: Option<String>) -> Owner {
    Owner { tenant: tenant.unwrap_or_else(|| call.caller.tenant.clone()), user }
}
