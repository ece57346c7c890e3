//! One delivery to a collector.

use crate::settings::{Protocol, Settings};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse, trace_service_client::TraceServiceClient,
};
use prost::Message as _;
use std::time::Duration;
use tonic::{
    Code,
    metadata::{MetadataKey, MetadataMap, MetadataValue},
    transport::{Channel, Endpoint},
};

/// Why a delivery did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It may, later.
    #[error("{why}")]
    Away {
        /// What happened.
        why: String,
        /// When the collector wants to hear of it again, in milliseconds.
        again_ms: Option<u64>,
    },
    /// It will not.
    #[error("{0}")]
    Refused(String),
}

/// The way to a collector.
#[derive(Clone)]
pub struct Wire(Way);

#[derive(Clone)]
enum Way {
    Grpc(TraceServiceClient<Channel>, MetadataMap, Duration),
    Http(reqwest::Client, reqwest::Url, reqwest::header::HeaderMap),
}

impl Wire {
    /// The way that the settings say; nothing is sent yet.
    ///
    /// # Errors
    /// What of it cannot work.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let timeout = Duration::from_millis(settings.timeout_ms.max(1));
        match settings.protocol {
            Protocol::Grpc => {
                let endpoint = Endpoint::from_shared(settings.url.clone())
                    .map_err(|why| format!("the endpoint: {why}"))?
                    .connect_timeout(timeout)
                    .timeout(timeout);
                let client = TraceServiceClient::new(endpoint.connect_lazy());
                Ok(Self(Way::Grpc(client, metadata(&settings.headers)?, timeout)))
            }
            Protocol::Http => {
                let url = reqwest::Url::parse(&settings.url)
                    .map_err(|why| format!("the endpoint: {why}"))?;
                // A second installation is refused, and whoever was first chose as well.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let mut builder = reqwest::Client::builder()
                    .timeout(timeout)
                    .redirect(reqwest::redirect::Policy::none());
                if url.scheme() == "http" {
                    // Nothing is verified there, so a machine without root certificates can use it.
                    builder = builder.tls_certs_only([]);
                }
                let client = builder.build().map_err(|why| format!("an HTTP client: {why}"))?;
                Ok(Self(Way::Http(client, url, http_headers(&settings.headers)?)))
            }
        }
    }

    /// Sends; answers how many spans the collector turned away.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send(&self, request: ExportTraceServiceRequest) -> Result<u64, Error> {
        let response = match &self.0 {
            Way::Grpc(client, metadata, timeout) => {
                let mut request = tonic::Request::new(request);
                *request.metadata_mut() = metadata.clone();
                let mut client = client.clone();
                match tokio::time::timeout(*timeout, client.export(request)).await {
                    Ok(Ok(response)) => response.into_inner(),
                    Ok(Err(status)) => return Err(of_status(&status)),
                    Err(_) => return Err(away("no answer in time".to_owned(), None)),
                }
            }
            Way::Http(client, url, headers) => {
                let sent = client
                    .post(url.clone())
                    .headers(headers.clone())
                    .header("content-type", "application/x-protobuf")
                    .body(request.encode_to_vec())
                    .send()
                    .await
                    .map_err(|error| away(error.without_url().to_string(), None))?;
                answer(sent).await?
            }
        };
        let rejected = response.partial_success.map_or(0, |partial| partial.rejected_spans);
        Ok(u64::try_from(rejected).unwrap_or(0))
    }
}

async fn answer(answer: reqwest::Response) -> Result<ExportTraceServiceResponse, Error> {
    let status = answer.status();
    if status.is_success() {
        // One that is not to be read took the spans all the same.
        let bytes = answer.bytes().await.unwrap_or_default();
        return Ok(ExportTraceServiceResponse::decode(bytes).unwrap_or_default());
    }
    let why = format!("the collector said {status}");
    match status.as_u16() {
        429 | 502..=504 => {
            let after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok());
            let seconds = after.and_then(|text| text.parse::<u64>().ok());
            Err(away(why, seconds.map(|s| s.saturating_mul(1_000))))
        }
        _ => Err(Error::Refused(why)),
    }
}

fn of_status(status: &tonic::Status) -> Error {
    let why = format!("the collector said {:?}: {}", status.code(), status.message());
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss
        | Code::ResourceExhausted
        // The connection broke or was never there.
        | Code::Unknown => away(why, None),
        _ => Error::Refused(why),
    }
}

fn away(why: String, again_ms: Option<u64>) -> Error {
    Error::Away { why, again_ms }
}

fn metadata(headers: &[(String, String)]) -> Result<MetadataMap, String> {
    let mut metadata = MetadataMap::new();
    for (name, value) in headers {
        let bad = || format!("the header {name:?} cannot be sent");
        let key = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes());
        let value = MetadataValue::try_from(value.as_str());
        metadata.insert(key.map_err(|_| bad())?, value.map_err(|_| bad())?);
    }
    Ok(metadata)
}

fn http_headers(headers: &[(String, String)]) -> Result<reqwest::header::HeaderMap, String> {
    let mut map = reqwest::header::HeaderMap::new();
    for (name, value) in headers {
        let bad = || format!("the header {name:?} cannot be sent");
        let key = reqwest::header::HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
        map.insert(key, reqwest::header::HeaderValue::try_from(value).map_err(|_| bad())?);
    }
    Ok(map)
}
