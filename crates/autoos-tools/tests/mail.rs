//! `mail.send` against a scripted server: what arrives, what is refused, and what is known of a
//! mail whose sending was cut short at any step.
#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod common;

use autoos_kernel::time::Timestamp;
use autoos_tools::{
    BuildError, Failure, Files, Outcome, Registry, ToolCall, ToolGateway,
    mail::{MailConfig, MailSend, SecretRef, Step, Tls, message_id},
    testing::{Act, Login, SmtpOptions, SmtpServer, Stage, TlsMode},
};
use common::keyed;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

fn config(server: &SmtpServer) -> MailConfig {
    MailConfig {
        port: Some(server.port()),
        tls: Tls::None,
        allow: vec!["@example.com".into()],
        timeout_ms: 20_000,
        ..MailConfig::new("127.0.0.1", "Reports <reports@example.org>")
    }
}

fn registry(config: &MailConfig, data: &Path) -> Arc<Registry> {
    registry_with(config, data, |_| {})
}

fn registry_with(
    config: &MailConfig,
    data: &Path,
    probe: impl Fn(Step) + Send + Sync + 'static,
) -> Arc<Registry> {
    let files = Files::new(&[data.to_owned()], &[], None).unwrap();
    let tool = MailSend::new(config.clone(), files, data).unwrap().with_probe(probe);
    Registry::builder().without_builtin().with_tool(Arc::new(tool)).build().unwrap()
}

fn mail() -> Value {
    json!({"to": ["ann@example.com"], "subject": "Weekly sales", "text": "All is well.\n"})
}

fn sending(key: &str) -> ToolCall {
    keyed("mail.send", mail(), key)
}

#[tokio::test(flavor = "multi_thread")]
async fn arrives_whole_and_once() {
    let (server, data) = (SmtpServer::start().unwrap(), TempDir::new().unwrap());
    std::fs::write(data.path().join("sales.csv"), "week,sum\n1,42\n").unwrap();
    let tools = registry(&config(&server), data.path());
    let call = keyed(
        "mail.send",
        json!({
            "to": ["Ann Ä <ann@example.com>", "bob@EXAMPLE.com"],
            "cc": ["cy@example.com", "ann@example.com"],
            "bcc": ["dee@example.com"],
            "subject": "Umsätze der Woche – 42 €",
            "text": "Grüße\n.\n..\nMAIL FROM:<x@example.com>\r\n.\r\nend\rlast \n",
            "html": "<p>Gr&uuml;&szlig;e</p>",
            "attachments": [{"path": "sales.csv"}, {"path": "sales.csv", "name": "übersicht.csv"}],
        }),
        "key-1",
    );
    assert_eq!(tools.outcome(call.clone()).await, Outcome::NotDone);
    let sent = tools.call(call.clone()).await.unwrap();
    let id = message_id("key-1", "example.org");
    assert_eq!(sent.output["message_id"], json!(id));
    assert_eq!((&sent.output["sent"], &sent.output["recipients"]), (&json!(true), &json!(4)));
    let again = tools.call(call.clone()).await.unwrap();
    assert_eq!(again.output, sent.output, "the same answer, and no second mail");
    // A node that starts anew knows as much.
    let tools = registry(&config(&server), data.path());
    assert_eq!(tools.outcome(call.clone()).await, Outcome::Done(again));
    let other = keyed("mail.send", mail(), "key-1");
    assert!(matches!(tools.call(other).await, Err(Failure::Invalid(_))));

    let received = server.received();
    assert_eq!(received.len(), 1);
    let got = &received[0];
    assert_eq!(got.from, "reports@example.org");
    assert_eq!(got.to, ["ann@example.com", "bob@EXAMPLE.com", "cy@example.com", "dee@example.com"]);
    assert_eq!((got.message_id.as_deref(), got.answered), (Some(id.as_str()), true));
    assert!(!got.text.contains("dee@"), "bcc is seen by nobody");
    assert!(got.text.is_ascii() && !got.text.replace("\r\n", "").contains(['\r', '\n']));
    assert!(got.text.lines().all(|line| line.len() <= 998 && !line.starts_with("MAIL FROM:<x")
        || line == "MAIL FROM:<x@example.com>"));
    for part in ["multipart/mixed", "multipart/alternative", "text/html", "d2VlayxzdW0KMSw0Mgo="] {
        assert!(got.text.contains(part), "{part}: {}", got.text);
    }
    let steps = server.reached();
    assert_eq!(steps.iter().filter(|step| **step == Stage::Dot).count(), 1, "one mail, not two");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_smuggled_in() {
    let (server, data) = (SmtpServer::start().unwrap(), TempDir::new().unwrap());
    std::fs::write(data.path().join("a.txt"), "x").unwrap();
    let tools = registry(&MailConfig { allow: vec!["*".into()], ..config(&server) }, data.path());
    let with = |name: &str, value: Value| {
        let mut args = mail();
        args[name] = value;
        keyed("mail.send", args, "key")
    };
    for (name, value) in [
        ("subject", json!("a\r\nBcc: evil@example.com")),
        ("subject", json!("a\nX: y")),
        ("subject", json!("a\u{0}b")),
        ("to", json!(["ann@example.com\r\nRCPT TO:<evil@example.com>"])),
        ("to", json!(["ann@example.com>, <evil@example.com"])),
        ("to", json!(["ann@example.com, evil@example.com"])),
        ("to", json!(["\"a\r\nb\"@example.com"])),
        ("cc", json!(["A\nB <ann@example.com>"])),
        ("to", json!(["änn@example.com"])),
        ("to", json!(["nobody"])),
        ("attachments", json!([{"path": "a.txt", "name": "a\r\nb.txt"}])),
        ("attachments", json!([{"path": "a.txt", "name": "../a.txt"}])),
    ] {
        let refused = tools.call(with(name, value.clone())).await.unwrap_err();
        assert!(matches!(refused, Failure::Invalid(_)), "{name} {value}: {refused:?}");
    }
    for (name, value) in
        [("to", json!([])), ("to", json!("ann@example.com")), ("from", json!("x@y.z"))]
    {
        assert!(matches!(tools.call(with(name, value)).await, Err(Failure::Invalid(_))));
    }
    let outside = with("attachments", json!([{"path": "/etc/passwd"}]));
    assert!(matches!(tools.call(outside).await, Err(Failure::Denied(_))));
    assert_eq!(server.reached(), [], "nobody was asked");
    // Names and quoted parts that look like more stay what they are.
    let odd = with("to", json!(["\"Bcc: evil@example.com\" <ann@example.com>"]));
    tools.call(odd).await.unwrap();
    assert_eq!(server.received()[0].to, ["ann@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whom_the_operator_allowed() {
    let (server, data) = (SmtpServer::start().unwrap(), TempDir::new().unwrap());
    let nobody = registry(&MailConfig { allow: vec![], ..config(&server) }, data.path());
    let refused = nobody.call(sending("key")).await.unwrap_err();
    assert!(matches!(&refused, Failure::Denied(why) if why.contains("allow = [\"@example.com\"]")));
    let tools = registry(&config(&server), data.path());
    for (name, who) in [("to", "eve@evil.org"), ("cc", "eve@evil.org"), ("bcc", "eve@evil.org")] {
        let mut args = mail();
        args[name] = json!([who]);
        let refused = tools.call(keyed("mail.send", args, "key")).await.unwrap_err();
        assert!(matches!(refused, Failure::Denied(_)), "{name}");
    }
    assert_eq!(server.reached(), []);
    let mut large = mail();
    large["text"] = json!("x".repeat(200_000));
    let small = MailConfig { max_bytes: 100_000, ..config(&server) };
    let refused = registry(&small, data.path()).call(keyed("mail.send", large, "key")).await;
    assert!(matches!(&refused, Err(Failure::Invalid(why)) if why.contains("100000")));
    let bare = Registry::builder().build().unwrap();
    let refused = bare.call(sending("key")).await.unwrap_err();
    assert!(matches!(&refused, Failure::Denied(why) if why.contains("[mail]")), "{refused:?}");
    let wrong = MailConfig { tls: Tls::None, ..MailConfig::new("mail.example.com", "a@b.c") };
    let wrong = Registry::builder().data_dir(data.path()).mail(Some(wrong)).build().unwrap_err();
    assert!(matches!(&wrong, BuildError::Config { reason, .. } if reason.starts_with("tls: ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_before_the_dot_was_not_sent() {
    use Stage::{Connect, Data, Hello, Mail, Recipient};
    let (server, data) = (SmtpServer::start().unwrap(), TempDir::new().unwrap());
    let tools = registry(&config(&server), data.path());
    for at in [Connect, Hello, Mail, Recipient, Data] {
        for act in [
            Act::Die,
            Act::Say("451 4.3.0 try later".into()),
            Act::Say("550 5.1.1 never".into()),
            Act::Say("what is this".into()),
        ] {
            server.fault(at, act.clone());
            let failure = tools.call(sending("key")).await.unwrap_err();
            let lasting = act == Act::Say("550 5.1.1 never".into());
            match failure {
                Failure::Invalid(why) if lasting => assert!(why.contains("5.1.1"), "{why}"),
                Failure::Unavailable(_) if !lasting => {}
                other => panic!("{at:?} {act:?}: {other:?}"),
            }
            assert_eq!(tools.outcome(sending("key")).await, Outcome::NotDone, "{at:?} {act:?}");
        }
    }
    // An answer to the mail itself is as good as one before.
    for (words, lasting) in [("452 4.2.2 full", false), ("554 5.7.1 spam", true)] {
        server.fault(Stage::Dot, Act::Say(words.into()));
        let failure = tools.call(sending("key")).await.unwrap_err();
        assert_eq!(matches!(failure, Failure::Invalid(_)), lasting, "{failure:?}");
        assert_eq!(tools.outcome(sending("key")).await, Outcome::NotDone);
    }
    // The second of two recipients is refused: the first gets nothing either.
    let mut two = mail();
    two["cc"] = json!(["bob@example.com"]);
    server.fault(Recipient, Act::Say("550 5.1.1 no such user".into()));
    tools.call(keyed("mail.send", two, "two")).await.unwrap_err();
    assert_eq!(server.received(), []);
    // And with nothing in the way the same key is good.
    tools.call(sending("key")).await.unwrap();
    assert_eq!(server.copies(&message_id("key", "example.org")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_bounded_and_classed() {
    use Stage::{Connect, Data, Dot, Hello, Mail, Recipient, Text};
    let (server, data) = (SmtpServer::start().unwrap(), TempDir::new().unwrap());
    let tools = registry(&MailConfig { timeout_ms: 1_000, ..config(&server) }, data.path());
    for (n, at) in [Connect, Hello, Mail, Recipient, Data, Text, Dot].into_iter().enumerate() {
        let call = sending(&format!("key-{n}"));
        server.fault(at, Act::Hang);
        let failure = tools.call(call.clone()).await.unwrap_err();
        let after = matches!(at, Text | Dot);
        match failure {
            Failure::Timeout(1_000) if !after => {}
            Failure::Crashed(why) if after => assert!(why.contains("cannot be told"), "{why}"),
            other => panic!("{at:?}: {other:?}"),
        }
        let known = if after { Outcome::Unknown } else { Outcome::NotDone };
        assert_eq!(tools.outcome(call).await, known, "{at:?}");
    }
    // Nobody listens any more.
    let gone = config(&server);
    drop(server);
    let failure = registry(&gone, data.path()).call(sending("gone")).await.unwrap_err();
    assert!(matches!(failure, Failure::Unavailable(_)), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_came_is_unknown_and_is_not_repeated() {
    let (server, data) = (SmtpServer::start().unwrap(), TempDir::new().unwrap());
    let tools = registry(&config(&server), data.path());
    for (n, act) in [Act::Die, Act::Say("?".into())].into_iter().enumerate() {
        let key = format!("key-{n}");
        let taken = act == Act::Die;
        server.fault(Stage::Dot, act);
        let failure = tools.call(sending(&key)).await.unwrap_err();
        assert!(matches!(failure, Failure::Crashed(_)), "{failure:?}");
        let tools = registry(&config(&server), data.path());
        assert_eq!(tools.outcome(sending(&key)).await, Outcome::Unknown);
        let again = tools.call(sending(&key)).await.unwrap_err();
        assert!(matches!(&again, Failure::Crashed(why) if why.contains("cannot be told")));
        assert_eq!(server.copies(&message_id(&key, "example.org")), usize::from(taken));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn death_at_every_step() {
    for (died, known) in [
        (Step::Written, Outcome::NotDone),
        (Step::Prepared, Outcome::Unknown),
        (Step::Taken, Outcome::Unknown),
    ] {
        let (server, data) = (SmtpServer::start().unwrap(), TempDir::new().unwrap());
        let dying = registry_with(&config(&server), data.path(), move |step| {
            assert_ne!(step, died, "dies here");
        });
        let crashed = dying.call(sending("key")).await.unwrap_err();
        assert!(matches!(&crashed, Failure::Crashed(why) if why.contains("dies here")));
        let tools = registry(&config(&server), data.path());
        assert_eq!(tools.outcome(sending("key")).await, known, "{died:?}");
        let again = tools.call(sending("key")).await;
        assert_eq!(again.is_ok(), known == Outcome::NotDone, "{died:?}: {again:?}");
        let copies = server.copies(&message_id("key", "example.org"));
        assert_eq!(copies, usize::from(died != Step::Prepared), "{died:?}");
    }
    let (server, data) = (SmtpServer::start().unwrap(), TempDir::new().unwrap());
    let dying = registry_with(&config(&server), data.path(), |step| {
        assert_ne!(step, Step::Recorded, "dies here");
    });
    dying.call(sending("key")).await.unwrap_err();
    let outcome = registry(&config(&server), data.path()).outcome(sending("key")).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_after_its_deadline() {
    let (server, data) = (SmtpServer::start().unwrap(), TempDir::new().unwrap());
    let now = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::try_from(now.as_millis()).unwrap()
    };
    let late = ToolCall { deadline: Some(Timestamp(now() - 1)), ..sending("late") };
    let tools = registry(&config(&server), data.path());
    let refused = tools.call(late.clone()).await.unwrap_err();
    assert!(matches!(&refused, Failure::Unavailable(why) if why.contains("deadline")));
    assert_eq!(server.reached(), []);
    // It passes while the mail is under way: at the last look, or while that is being recorded.
    for slow in [Step::Written, Step::Prepared] {
        let deadline = now() + 1_500;
        let tools = registry_with(&config(&server), data.path(), move |step| {
            while step == slow && now() < deadline {
                std::thread::yield_now();
            }
        });
        let call = ToolCall { deadline: Some(Timestamp(deadline)), ..sending("slow") };
        let refused = tools.call(call.clone()).await.unwrap_err();
        assert!(matches!(&refused, Failure::Unavailable(why) if why.contains("deadline")));
        assert_eq!(tools.outcome(call).await, Outcome::NotDone, "{slow:?}");
    }
    assert!(server.wait(Stage::Text, 1, Duration::from_secs(20)), "it had come that far");
    assert_eq!(server.received(), []);
    tools.call(ToolCall { deadline: Some(Timestamp(now() + 60_000)), ..late }).await.unwrap();
}

fn certificates() -> Arc<rustls::ServerConfig> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs");
    let chain = CertificateDer::pem_file_iter(path.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(path.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key);
    Arc::new(config.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_and_a_login() {
    let data = TempDir::new().unwrap();
    let password = data.path().join("password");
    std::fs::write(&password, "pässword 1\n").unwrap();
    let ca = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs/ca.pem");
    for (mode, tls) in [(TlsMode::Implicit, Tls::Required), (TlsMode::Starttls, Tls::Starttls)] {
        let login = Login { user: "reports".into(), password: "pässword 1".into() };
        let options = SmtpOptions { tls: Some((mode, certificates())), login: Some(login) };
        let server = SmtpServer::start_with(options).unwrap();
        let good = MailConfig {
            server: "localhost".into(),
            tls,
            username: Some("reports".into()),
            password: Some(SecretRef::File(password.clone())),
            ca_file: Some(ca.clone()),
            ..config(&server)
        };
        registry(&good, data.path()).call(sending(&format!("{mode:?}"))).await.unwrap();
        let received = server.received();
        assert!(received[0].encrypted && received[0].login.as_deref() == Some("reports"));

        // A certificate of nobody, a name that is not on it, another password.
        let other = data.path().join("other");
        std::fs::write(&other, "wrong").unwrap();
        let stranger = MailConfig { ca_file: None, ..good.clone() };
        let files = || Files::new(&[], &[], None).unwrap();
        // A machine without authorities says so at the start.
        if MailSend::new(stranger.clone(), files(), data.path()).is_ok() {
            let failure = registry(&stranger, data.path()).call(sending("x")).await.unwrap_err();
            assert!(matches!(failure, Failure::Unavailable(_)), "{failure:?}");
        }
        let misnamed = MailConfig { server: "127.0.0.2".into(), ..good.clone() };
        let failure = registry(&misnamed, data.path()).call(sending("x")).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable(_)), "{failure:?}");
        let wrong = MailConfig { password: Some(SecretRef::File(other)), ..good.clone() };
        let failure = registry(&wrong, data.path()).call(sending("x")).await.unwrap_err();
        assert!(matches!(&failure, Failure::Denied(why) if why.contains("535")), "{failure:?}");
        assert_eq!(server.received().len(), 1);
    }
    // A server that has no TLS gets no mail where TLS is wanted.
    let server = SmtpServer::start().unwrap();
    for tls in [Tls::Required, Tls::Starttls] {
        let config = MailConfig {
            server: "localhost".into(),
            tls,
            ca_file: Some(ca.clone()),
            timeout_ms: 5_000,
            ..config(&server)
        };
        let failure = registry(&config, data.path()).call(sending("x")).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable(_)), "{failure:?}");
    }
    assert_eq!(server.received(), []);
}
