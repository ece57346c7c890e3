//! `autoos.v1.Accounts`.

use super::{OrStatus as _, Services, call};
use crate::{accounts::owner, fault::Fault, wire};
use autoos_kernel::account::{Limit, Period};
use autoos_proto::v1::{
    self, GetAccountRequest, GetAccountResponse, ListAccountsRequest, ListAccountsResponse,
    SetLimitRequest, SetLimitResponse, accounts_server::Accounts,
};
use autoos_runtime::AccountView;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Accounts for Services {
    async fn set_limit(
        &self,
        request: Request<SetLimitRequest>,
    ) -> Result<Response<SetLimitResponse>, Status> {
        let call = call(&request)?;
        let SetLimitRequest { tenant, user, limit_microusd, period } = request.into_inner();
        let period = of_wire(period).or_status(&call)?;
        let limit = limit_microusd.map(|microusd| Limit { microusd, period });
        let owner = owner(&call, wire::some(tenant), wire::some(user));
        let account = self.edge.set_limit(&call, owner, limit).await.or_status(&call)?;
        Ok(Response::new(SetLimitResponse { account: Some(to_wire(&account)) }))
    }

    async fn list_accounts(
        &self,
        request: Request<ListAccountsRequest>,
    ) -> Result<Response<ListAccountsResponse>, Status> {
        let call = call(&request)?;
        let tenant = wire::some(request.into_inner().tenant);
        let accounts = self.edge.accounts(&call, tenant.as_deref()).iter().map(to_wire).collect();
        Ok(Response::new(ListAccountsResponse { accounts }))
    }

    async fn get_account(
        &self,
        request: Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountResponse>, Status> {
        let call = call(&request)?;
        let GetAccountRequest { tenant, user } = request.into_inner();
        let owner = owner(&call, wire::some(tenant), wire::some(user));
        let account = self.edge.account(&call, &owner).or_status(&call)?;
        Ok(Response::new(GetAccountResponse { account: Some(to_wire(&account)) }))
    }
}

fn of_wire(period: i32) -> Result<Period, Fault> {
    match v1::Period::try_from(period) {
        Ok(v1::Period::Unspecified | v1::Period::Total) => Ok(Period::Total),
        Ok(v1::Period::Day) => Ok(Period::Day),
        Ok(v1::Period::Month) => Ok(Period::Month),
        Err(_) => Err(Fault::Invalid(format!("period is {period}, which is none of them"))),
    }
}

fn to_wire(account: &AccountView) -> v1::Account {
    let figures = &account.figures;
    let period = figures.limit.map_or(v1::Period::Unspecified, |limit| match limit.period {
        Period::Total => v1::Period::Total,
        Period::Day => v1::Period::Day,
        Period::Month => v1::Period::Month,
    });
    v1::Account {
        id: account.id.to_string(),
        tenant: account.owner.tenant.clone(),
        user: account.owner.user.clone().unwrap_or_default(),
        limit_microusd: figures.limit.map(|limit| limit.microusd),
        period: period.into(),
        spent_microusd: figures.spent_microusd,
        granted_microusd: figures.granted_microusd,
        left_microusd: figures.left_microusd,
        ever_microusd: figures.ever_microusd,
        workflows: figures.workflows as u64,
        until: figures.until.map(wire::time),
    }
}
