//! Configuration: what the environment switches on, who plays which role, and what is refused.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use autoos_fabric::{
    Fabric, FabricConfig, Llm, Price, TaskKind,
    config::{ProviderKind, Timeouts},
};
use autoos_kernel::words::LlmRole;

/// The example that the documentation shows.
const EXAMPLE: &str = r#"
[providers.anthropic]
kind = "anthropic"
api_key = "env:ANTHROPIC_API_KEY"

[providers.house]
kind = "openai_compatible"
vendor = "meta"
base_url = "https://llm.example.com/v1"
api_key = "file:/run/secrets/llm"
headers = { "X-Team" = "blue", "X-Token" = "env:GATEWAY_TOKEN" }
timeouts = { connect_ms = 2000, first_token_ms = 30000, chunk_ms = 10000 }
max_in_flight = 8
max_queued = 16

[[providers.house.models]]
id = "llama-3.3-70b"
context_tokens = 131072
price = { input = 600000, output = 600000 }
json_schema = true

[roles]
executor = ["house/llama-3.3-70b", "anthropic/claude-haiku-4-5"]
verifier = ["anthropic/claude-sonnet-4-5"]
"#;

fn from(vars: &[(&str, &str)]) -> FabricConfig {
    FabricConfig::detect(|name| {
        vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

async fn start(config: FabricConfig) -> Result<Fabric, String> {
    let env = |name: &str| (!name.starts_with("NO_")).then(|| "a-secret".to_owned());
    Fabric::builder(config).env(env).start().await.map_err(|e| e.to_string())
}

fn ids(fabric: &Fabric, role: LlmRole) -> Vec<String> {
    fabric.candidates(role).into_iter().map(|model| model.id).collect()
}

#[test]
fn the_example_reads_and_means_what_it_says() {
    let config: FabricConfig = toml::from_str(EXAMPLE).unwrap();
    let house = &config.providers["house"];
    assert_eq!(house.kind, ProviderKind::OpenaiCompatible);
    assert_eq!(house.models[0].price, Some(Price { input: 600_000, output: 600_000 }));
    assert_eq!(
        house.timeouts,
        Timeouts { connect_ms: 2_000, first_token_ms: 30_000, chunk_ms: 10_000 }
    );
    assert_eq!(config.providers["anthropic"].timeouts, Timeouts::default());
    assert_eq!(config.roles[&LlmRole::Verifier], ["anthropic/claude-sonnet-4-5"]);
}

#[tokio::test]
async fn a_key_switches_its_vendor_on_and_offline_switches_all_off() {
    assert!(from(&[]).providers.is_empty());
    assert!(from(&[("OPENAI_API_KEY", " ")]).providers.is_empty());
    let all = [("OPENAI_API_KEY", "x"), ("ANTHROPIC_API_KEY", "y"), ("GOOGLE_API_KEY", "z")];
    let config = from(&all);
    assert_eq!(config.providers.keys().collect::<Vec<_>>(), ["anthropic", "gemini", "openai"]);
    assert!(!format!("{config:?}").contains("\"x\""), "the key itself is not taken in");
    let offline = [&all[..], &[("AUTOOS_OFFLINE", "1")]].concat();
    assert!(from(&offline).providers.is_empty());
    let online = [&all[..], &[("AUTOOS_OFFLINE", "0")]].concat();
    assert_eq!(from(&online).providers.len(), 3);
}

#[tokio::test]
async fn a_verifier_is_another_vendor_than_the_others_where_there_is_one() {
    let three = [("OPENAI_API_KEY", "x"), ("ANTHROPIC_API_KEY", "y"), ("GEMINI_API_KEY", "z")];
    let fabric = start(from(&three)).await.unwrap();
    let first = |role| fabric.candidates(role)[0].vendor.clone();
    assert_eq!(first(LlmRole::Planner), "anthropic");
    assert_eq!(first(LlmRole::Verifier), "openai");
    assert_eq!(fabric.candidates(LlmRole::Planner)[1].vendor, "openai", "other vendor first");
    assert_eq!(ids(&fabric, LlmRole::Executor)[0], "anthropic/claude-haiku-4-5");
    assert_eq!(ids(&fabric, LlmRole::Planner).last().unwrap(), "builtin/rules");
    for model in fabric.models() {
        assert_eq!(model.language_model, model.provider != "builtin");
        assert!(!model.language_model || model.price.output > model.price.input);
    }
    // With one vendor, at least another model.
    let one = start(from(&three[..1])).await.unwrap();
    assert_ne!(ids(&one, LlmRole::Verifier)[0], ids(&one, LlmRole::Planner)[0]);
}

#[tokio::test]
async fn ollama_is_found_where_its_variables_say() {
    let at = |host| {
        let config = from(&[("OLLAMA_HOST", host), ("OLLAMA_MODEL", "qwen3:8b")]);
        config.providers["ollama"].base_url.clone().unwrap()
    };
    assert_eq!(at("10.0.0.5"), "http://10.0.0.5:11434/v1");
    assert_eq!(at("0.0.0.0:1234"), "http://127.0.0.1:1234/v1");
    assert_eq!(at("https://o.example.com:443/"), "https://o.example.com:443/v1");
    assert!(from(&[("OLLAMA_HOST", "10.0.0.5")]).providers.is_empty(), "which model, is not known");
    let config = from(&[("OLLAMA_HOST", "x"), ("OLLAMA_MODEL", "qwen3:8b")]);
    let fabric = start(config).await.unwrap();
    assert_eq!(ids(&fabric, LlmRole::Executor), ["ollama/qwen3:8b"]);
}

#[test]
fn a_file_goes_before_the_environment() {
    let config: FabricConfig = toml::from_str(EXAMPLE).unwrap();
    let both = config.clone().with_detected(|_| Some("x".into()));
    assert_eq!(both.providers["anthropic"], config.providers["anthropic"]);
    assert_eq!(
        config.clone().with_detected(|n| (n == "AUTOOS_OFFLINE").then(|| "1".into())),
        config
    );
}

#[tokio::test]
async fn roles_that_are_listed_are_as_listed() {
    let mut config: FabricConfig = toml::from_str(EXAMPLE).unwrap();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "k\n").unwrap();
    let reference = format!("file:{}", key.path().display());
    config.providers.get_mut("house").unwrap().api_key =
        Some(autoos_fabric::secret::SecretRef::parse(&reference));
    let fabric = start(config).await.unwrap();
    assert_eq!(
        ids(&fabric, LlmRole::Executor),
        ["house/llama-3.3-70b", "anthropic/claude-haiku-4-5"]
    );
    assert_eq!(ids(&fabric, LlmRole::Verifier), ["anthropic/claude-sonnet-4-5", "builtin/rules"]);
}

#[tokio::test]
async fn what_models_can_do_is_as_shipped_and_as_configured() {
    let text = r#"
[providers.openai]
kind = "openai"
api_key = "env:K"
models = [{ id = "gpt-5" }, { id = "gpt-5-nano", quality = { general = 0.7 }, tools = false }]
[providers.house]
kind = "scripted"
[[providers.house.models]]
id = "m"
structured = false
as_of = "2026-11-22"
quality = { general = 0.8, roles = { planner = 0.9 }, kinds = { extract = 0.1 } }
"#;
    let fabric = start(toml::from_str(text).unwrap()).await.unwrap();
    let of = |id: &str| fabric.models().into_iter().find(|m| m.id == id).unwrap().abilities;
    let shipped = of("openai/gpt-5");
    assert!(shipped.quality.general > 0.8 && shipped.tools && shipped.structured);
    assert_eq!(shipped.as_of, autoos_fabric::models::AS_OF);
    let changed = of("openai/gpt-5-nano");
    assert_eq!((changed.quality.general, changed.tools, changed.structured), (0.7, false, true));
    let house = of("house/m");
    assert_eq!((house.structured, house.as_of.as_str()), (false, "2026-11-22"));
    let at = |role, kind| house.quality.at(role, kind);
    assert_eq!(at(LlmRole::Planner, TaskKind::Plan), 0.9);
    assert_eq!(at(LlmRole::Executor, TaskKind::Extract), 0.1);
    assert_eq!(at(LlmRole::Executor, TaskKind::Analyze), 0.8);
    let rules = of("builtin/rules");
    assert!(!rules.tools && rules.quality.general < 0.5, "the last resort");
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_what_to_do() {
    let cases = [
        ("[providers.x]\nkind = \"openai\"", "api_key is missing"),
        ("[providers.x]\nkind = \"openai\"\napi_key = \"sk-123\"", "and not the key"),
        (
            "[providers.x]\nkind = \"openai\"\napi_key = \"env:NO_KEY\"",
            "the environment has no NO_KEY",
        ),
        (
            "[providers.x]\nkind = \"openai\"\napi_key = \"file:/nowhere/key\"",
            "cannot read /nowhere/key",
        ),
        ("[providers.x]\nkind = \"openai_compatible\"", "base_url is missing"),
        (
            "[providers.x]\nkind = \"openai_compatible\"\nbase_url = \"localhost:1\"",
            "begins with http",
        ),
        (
            "[providers.x]\nkind = \"openai_compatible\"\nbase_url = \"http://l:1\"",
            "models is empty",
        ),
        (
            "[providers.x]\nkind = \"anthropic\"\napi_key = \"env:K\"\nmodels = [{ id = \"claude-99\" }]",
            "has no shipped price",
        ),
        (
            "[providers.x]\nkind = \"openai\"\napi_key = \"env:K\"\nmodels = [{ id = \"gpt-5\" }, { id = \"gpt-5\" }]",
            "named twice",
        ),
        (
            "[providers.x]\nkind = \"openai\"\napi_key = \"env:K\"\nmodels = [{ id = \"gpt-5\", reasoning = \"hard\" }]",
            "reasoning is none, minimal, low, medium or high",
        ),
        (
            "[providers.x]\nkind = \"scripted\"\nmodels = [{ id = \"m\", quality = { roles = { planner = 1.5 } } }]",
            "a quality of 1.5 is not within 0 and 1",
        ),
        ("[providers.builtin]\nkind = \"scripted\"", "belongs to the built-in engine"),
        ("[providers.\"a/b\"]\nkind = \"scripted\"", "a provider's name has"),
        ("[providers.x]\nkind = \"scripted\"\nmax_in_flight = 0", "lets no call through"),
        ("[providers.x]\nkind = \"scripted\"\ntimeouts = { chunk_ms = 0 }", "lets no call through"),
        (
            "[providers.x]\nkind = \"scripted\"\nheaders = { \"a b\" = \"c\" }\n[roles]\nplanner = [\"x/y\"]",
            "which no provider serves; there are: x/default",
        ),
        (
            "[providers.x]\nkind = \"openai\"\napi_key = \"env:K\"\nheaders = { \"a b\" = \"c\" }",
            "no name of a header",
        ),
    ];
    for (text, what) in cases {
        let config: FabricConfig = toml::from_str(text).unwrap();
        match start(config).await {
            Ok(_) => panic!("this started:\n{text}"),
            Err(error) => {
                assert!(error.contains(what), "{error}\nis not about {what:?}");
                assert!(!error.contains("sk-123") && !error.contains("a-secret"), "{error}");
            }
        }
    }
    for unknown in [
        "[providers.x]\nkind = \"scripted\"\nmodels = [{ id = \"m\", speed = 3 }]",
        "[providers.x]\nkind = \"scripted\"\nmodels = [{ id = \"m\", quality = { best = 1 } }]",
        "[providers.x]\nkind = \"scripted\"\nmodels = [{ id = \"m\", quality = { kinds = { cook = 1 } } }]",
        "colour = 1",
        "[providers.x]\nkind = \"openai\"\nkey = \"k\"",
        "[roles]\nboss = []",
    ] {
        assert!(toml::from_str::<FabricConfig>(unknown).is_err(), "{unknown}");
    }
}
