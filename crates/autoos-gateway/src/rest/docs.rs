//! The page that shows the API, whole in one file: it asks nobody but this node.

use axum::{
    http::{HeaderName, header},
    response::Redirect,
};

const PAGE: &str = include_str!("docs.html");
/// The page's own script and style, and requests to this node: nothing else.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

pub(super) async fn page() -> ([(HeaderName, &'static str); 3], &'static str) {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, PAGE)
}

pub(super) async fn root() -> Redirect {
    Redirect::temporary("/docs")
}
