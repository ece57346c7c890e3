//! What `http.get` refuses to ask, however it is written, resolved or redirected to.
#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod common;

use autoos_tools::{Failure, Registry, ToolGateway, ToolResult, http::HttpGet};
use common::call;
use futures::FutureExt;
use serde_json::{Value, json};
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A server on loopback that counts what reaches it. Its paths say what it does.
struct Server {
    port: u16,
    hits: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&hits);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Self { port, hits }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            // The first byte of TLS, which is not spoken here.
            Ok(_) if buffer[0] == 0x16 => return,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split(' ').nth(1).unwrap_or("/");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let answer = match path {
        "/to" => format!("HTTP/1.1 302 Found\r\nLocation: {query}\r\nContent-Length: 0\r\n\r\n"),
        "/loop" => "HTTP/1.1 301 Moved\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/missing" => "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone".to_owned(),
        "/cut" => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned(),
        "/big" => format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(300_000)),
        "/stall" => {
            let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
            let _ = stream.write_all(begun).await;
            let _ = stream.read(&mut buffer).await;
            return;
        }
        "/hang" => {
            // Until the client goes away.
            let _ = stream.read(&mut buffer).await;
            return;
        }
        _ => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: secret=1\r\n\
              Content-Length: 5\r\n\r\nhello"
            .to_owned(),
    };
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn registry(allowed: &[String]) -> Arc<Registry> {
    Registry::builder().allow_hosts(allowed.iter().cloned()).build().unwrap()
}

async fn get(registry: &Registry, args: Value) -> Result<Value, Failure> {
    registry.call(call("http.get", args)).await.map(|result: ToolResult| result.output)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_inside_is_asked_however_it_is_written() {
    let server = Server::start().await;
    let tools = registry(&[]);
    let port = server.port;
    let mapped = format!("http://[::ffff:127.0.0.1]:{port}/");
    let hosts = [
        // loopback in every spelling
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0",
        "0.0.0.0",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7f.0x0.0x0.0x1",
        "0177.0.0.1",
        "017700000001",
        "0177.1",
        "127.0.0.1.",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "any.localhost",
        // IPv6
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fc00::1]",
        "[ff02::1]",
        // private and link-local networks, metadata services
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "168.63.129.16",
        "100.100.100.200",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
    ];
    let mut urls: Vec<String> = hosts.iter().map(|host| format!("http://{host}:{port}/")).collect();
    urls.extend([
        mapped,
        format!("https://127.0.0.1:{port}/"),
        // tricks with what stands around the host
        format!("http://example.com@127.0.0.1:{port}/"),
        format!("http://example.com:80@127.0.0.1:{port}/"),
        format!("http://user:pw@example.com:{port}/"),
        format!("http://127.0.0.1:{port}#@example.com/"),
        format!("http://127.0.0.1:{port}\\@example.com/"),
        format!("http:127.0.0.1:{port}/"),
        format!("http:///127.0.0.1:{port}/"),
        format!("http:\\\\127.0.0.1:{port}\\"),
        format!("  http://127.0.0.1:{port}/  "),
        format!("http://127.0.0.1\t:{port}/"),
        // other schemes
        "file:///etc/passwd".to_owned(),
        format!("ftp://127.0.0.1:{port}/"),
        format!("gopher://127.0.0.1:{port}/"),
        format!("ws://127.0.0.1:{port}/"),
        "data:text/plain,hello".to_owned(),
        "unix:///var/run/docker.sock".to_owned(),
    ]);
    assert!(urls.len() >= 60, "{}", urls.len());
    for url in urls {
        let end = get(&tools, json!({"url": url, "timeout_ms": 5000})).await;
        assert!(matches!(end, Err(Failure::Denied(_))), "{url}: {end:?}");
    }
    for url in ["", "http://", "example.com", "http://[::1", "http://1.2.3.4.5.6:99999/", "//x/"] {
        let end = get(&tools, json!({"url": url})).await;
        assert!(matches!(end, Err(Failure::Invalid(_))), "{url}: {end:?}");
    }
    assert_eq!(server.hits(), 0, "nothing reached the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_judged_again() {
    let (server, inside) = (Server::start().await, Server::start().await);
    let tools = registry(&[format!("127.0.0.1:{}", server.port)]);
    let targets = [
        inside.url("/secret"),
        format!("//127.0.0.1:{}/", inside.port),
        format!("http://localhost:{}/", inside.port),
        format!("http://[::ffff:127.0.0.1]:{}/", inside.port),
        format!("http://2130706433:{}/", inside.port),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("http://x@127.0.0.1:{}/", server.port),
        server.url(&format!("/to?{}", inside.url("/"))),
    ];
    for target in targets {
        let end = get(&tools, json!({"url": server.url(&format!("/to?{target}"))})).await;
        assert!(matches!(end, Err(Failure::Denied(_))), "{target}: {end:?}");
    }
    assert_eq!(inside.hits(), 0);

    let good = get(&tools, json!({"url": server.url("/to?/fine")})).await.unwrap();
    assert_eq!((&good["status"], &good["body"]), (&json!(200), &json!("hello")));
    assert_eq!(good["redirects"][0]["status"], json!(302));
    let kept = json!({"url": server.url("/to?/fine"), "follow_redirects": false});
    let kept = get(&tools, kept).await.unwrap();
    assert_eq!((&kept["status"], &kept["headers"]["location"]), (&json!(302), &json!("/fine")));
    let endless = get(&tools, json!({"url": server.url("/loop")})).await.unwrap();
    assert_eq!(
        (&endless["passed"], &endless["error"]),
        (&json!(false), &json!("more than 5 redirects"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_judged_by_the_address_that_is_connected_to() {
    let server = Server::start().await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    // The first look-up of rebind.test is harmless, all later ones lead inside.
    let lookup: autoos_tools::http::Lookup = Arc::new(move |name| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let addresses: Vec<IpAddr> = match name.as_str() {
            "rebind.test" if first => vec!["192.0.2.1".parse().unwrap()],
            "six.test" => vec!["::ffff:127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            _ => vec!["127.0.0.1".parse().unwrap()],
        };
        async move { Ok(addresses) }.boxed()
    });
    let allowed = [format!("open.test:{}", server.port)];
    let tool = Arc::new(HttpGet::with_lookup(&allowed, lookup));
    let tools = Registry::builder().without_builtin().with_tool(tool).build().unwrap();
    for name in ["rebind.test", "rebind.test", "inside.test", "six.test"] {
        let url = format!("http://{name}:{}/", server.port);
        let end = get(&tools, json!({"url": url})).await;
        assert!(matches!(&end, Err(Failure::Denied(text)) if text.contains(name)), "{end:?}");
    }
    assert_eq!(server.hits(), 0);
    let url = format!("http://open.test:{}/", server.port);
    assert_eq!(get(&tools, json!({"url": url})).await.unwrap()["status"], json!(200));
    assert_eq!(server.hits(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_what_it_gets() {
    let server = Server::start().await;
    let tools = registry(&[format!("127.0.0.1:{}", server.port)]);
    let fine = json!({"url": server.url("/"), "expect_status": [200, 204],
        "expect_contains": "hell", "expect_within_ms": 60_000});
    let fine = get(&tools, fine).await.unwrap();
    assert_eq!((&fine["passed"], &fine["reachable"]), (&json!(true), &json!(true)), "{fine}");
    assert_eq!(fine["headers"], json!({"content-type": "text/plain", "content-length": "5"}));
    let head = get(&tools, json!({"url": server.url("/"), "method": "HEAD"})).await.unwrap();
    assert_eq!((&head["status"], &head["body"]), (&json!(200), &Value::Null));

    let missing = get(&tools, json!({"url": server.url("/missing")})).await.unwrap();
    assert_eq!((&missing["status"], &missing["passed"]), (&json!(404), &json!(false)));
    let wanted = json!({"url": server.url("/missing"), "expect_status": 404});
    assert_eq!(get(&tools, wanted).await.unwrap()["passed"], json!(true));
    let text = json!({"url": server.url("/"), "expect_contains": "goodbye"});
    assert_eq!(get(&tools, text).await.unwrap()["passed"], json!(false));

    let big = get(&tools, json!({"url": server.url("/big"), "max_bytes": 1000})).await.unwrap();
    assert_eq!((&big["body_bytes"], &big["truncated"]), (&json!(1000), &json!(true)));
    let cut = get(&tools, json!({"url": server.url("/cut")})).await.unwrap();
    assert_eq!((&cut["status"], &cut["passed"]), (&json!(200), &json!(false)), "{cut}");
    assert!(cut["error"].as_str().unwrap().contains("broke off after 4 bytes"), "{cut}");
    assert_eq!((&cut["trouble"], &fine["trouble"]), (&json!("cut"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_down_is_an_answer() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let server = Server::start().await;
    let hosts = [format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", server.port)];
    let tools = registry(&hosts);
    let down = get(&tools, json!({"url": format!("http://127.0.0.1:{port}/")})).await.unwrap();
    assert_eq!((&down["reachable"], &down["passed"]), (&json!(false), &json!(false)));
    assert!(down["error"].as_str().unwrap().to_lowercase().contains("refused"), "{down}");
    assert_eq!(down["trouble"], json!("connect"));

    let hang = get(&tools, json!({"url": server.url("/hang"), "timeout_ms": 200}));
    let hang = tokio::time::timeout(Duration::from_secs(30), hang).await.unwrap().unwrap();
    assert_eq!(hang["error"], json!("no answer within 200 ms"));
    assert_eq!((&hang["reachable"], &hang["trouble"]), (&json!(false), &json!("no_answer")));
    // Without a short limit of its own, a body that stops coming is noticed by its silence.
    for (timeout_ms, said) in [
        (300, "the body was not complete within 300 ms, after 4 bytes"),
        (60_000, "the body gave nothing for 5000 ms, after 4 bytes"),
    ] {
        let stall = json!({"url": server.url("/stall"), "timeout_ms": timeout_ms});
        let stall = get(&tools, stall).await.unwrap();
        assert_eq!((&stall["error"], &stall["trouble"]), (&json!(said), &json!("stalled")));
        assert_eq!((&stall["reachable"], &stall["passed"]), (&json!(true), &json!(false)));
        assert_eq!((&stall["status"], &stall["body"]), (&json!(200), &json!("half")));
    }
    let plain = json!({"url": format!("https://127.0.0.1:{}/", server.port)});
    let plain = get(&tools, plain).await.unwrap();
    assert_eq!(plain["reachable"], json!(false), "no TLS is spoken there: {plain}");
    assert_eq!(plain["trouble"], json!("connect"));
}
