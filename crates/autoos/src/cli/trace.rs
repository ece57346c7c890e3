//! `trace`: the spans of a workflow, from its journal.

use super::{COMPLETED, Global, Output};
use crate::{config::Config, door::Door, fail::Said, show, traces};
use anyhow::Context as _;
use autoos_kernel::id::WorkflowId;
use autoos_otlp::{Error, Wire, request_of_json};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

const EXAMPLES: &str = "\
Examples:
  autoos trace export wf-0198… --endpoint http://127.0.0.1:4318
  autoos trace export wf-0198… --print > trace.json";

/// Traces.
#[derive(Debug, Subcommand)]
pub(crate) enum Trace {
    /// Send the spans of a workflow to a collector, whether its trace was kept or not
    Export(Export),
}

/// Sends the spans of a workflow to a collector.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// The workflow's id
    id: WorkflowId,
    /// The collector [default: that of the configuration and the environment]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Print the document, as OTLP/JSON, and send nothing
    #[arg(long)]
    print: bool,
}

impl Trace {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let Self::Export(export) = self;
        export.run(global, config).await
    }
}

impl Export {
    async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let mut options = config.telemetry.clone();
        options.endpoint = self.endpoint.or(options.endpoint);
        let settings = if self.print { None } else { Some(traces::settings(&options)?) };
        if let Some(None) = &settings {
            let sentence = "no collector is named";
            let advice = "say --endpoint http://127.0.0.1:4318, or --print to see the spans";
            return Err(Said::new("usage", sentence, advice).into());
        }
        let door = Door::open(global, config).await?;
        let trace = door.get(&format!("/api/v1/workflows/{}/trace", self.id)).await;
        door.close().await;
        let trace = trace?;
        let Some(settings) = settings.flatten() else {
            show::json(&trace);
            return Ok(COMPLETED);
        };
        let spans = spans_of(&trace);
        let id = spans.first().and_then(|span| span["traceId"].as_str()).unwrap_or_default();
        let (id, count) = (id.to_owned(), spans.len());
        let request = request_of_json(trace).map_err(anyhow::Error::msg)?;
        let wire = Wire::new(&settings).map_err(anyhow::Error::msg)?;
        let rejected = match wire.send(request).await {
            Ok(rejected) => rejected,
            Err(error @ (Error::Away { .. } | Error::Refused(_))) => {
                return Err(error).with_context(|| format!("{} took no spans", settings.url));
            }
        };
        match global.output {
            Output::Json => show::json(&json!({
                "trace_id": id, "spans": count, "rejected": rejected, "endpoint": settings.url,
            })),
            Output::Text => {
                show::line(&format!("{count} spans of trace {id} sent to {}", settings.url));
                if rejected > 0 {
                    show::line(&format!("the collector turned {rejected} of them away"));
                }
            }
        }
        Ok(COMPLETED)
    }
}

fn spans_of(trace: &Value) -> &[Value] {
    let spans = trace.pointer("/resourceSpans/0/scopeSpans/0/spans").and_then(Value::as_array);
    spans.map(Vec::as_slice).unwrap_or_default()
}
