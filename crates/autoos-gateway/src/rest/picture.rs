//! A workflow as a picture: for browsers as SVG, for terminals as text.

use super::Params;
use crate::{call::Call, edge::Edge, fault::Fault, json};
use autoos_views::picture::{self, Style};
use axum::{
    extract::{Path, State},
    http::header::{self, HeaderName},
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SvgQuery {
    at: Option<u64>,
}

pub(super) async fn svg(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
    Params(query): Params<SvgQuery>,
) -> Result<([(HeaderName, &'static str); 2], String), Fault> {
    let view = edge.workflow(&call, json::workflow_id(&id)?, query.at).await?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml; charset=utf-8"),
        // It holds no script, and a browser is to hold it to that.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ];
    Ok((headers, picture::svg(&view)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextQuery {
    at: Option<u64>,
    width: Option<usize>,
    #[serde(default)]
    ascii: bool,
    #[serde(default)]
    color: bool,
}

pub(super) async fn text(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
    Params(query): Params<TextQuery>,
) -> Result<([(HeaderName, &'static str); 1], String), Fault> {
    let view = edge.workflow(&call, json::workflow_id(&id)?, query.at).await?;
    let style = Style {
        width: query.width.unwrap_or(Style::default().width),
        ascii: query.ascii,
        color: query.color,
    };
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, picture::text(&view, &style)))
}
