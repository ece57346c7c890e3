//! Every key is lost or revoked: nobody gets in over the network, and whoever can read the node's
//! data directory makes another key while the node runs.

use crate::support::{Node, answer, autoos, client, finish};
use serde_json::Value;

#[tokio::test]
async fn whoever_reads_the_data_directory_is_never_locked_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let node = Node::start(dir.path(), &[]);
    let key = |arguments: &[&str]| {
        let mut command = autoos(dir.path());
        let (code, out, err) = finish(command.args(["key", "--output", "json"]).args(arguments));
        assert_eq!(code, 0, "{arguments:?}: {err}");
        serde_json::from_str::<Value>(&out).unwrap_or(Value::Null)
    };
    let first = key(&["create", "first"]);
    let list = || client().get(format!("{}/api/v1/keys", node.url));
    let with = async |secret: &str| {
        let answer = list().header("X-API-Key", secret).send().await.expect("the node answers");
        answer.status().as_u16()
    };
    let secret = |made: &Value| made["secret"].as_str().expect("it is shown once").to_owned();
    assert_eq!(with(&secret(&first)).await, 200);
    key(&["revoke", first["id"].as_str().or(first["key"]["id"].as_str()).expect("an id")]);
    // Closed to all, and not open again because no key is left.
    assert_eq!(with(&secret(&first)).await, 401);
    let (status, said) = answer(list()).await;
    assert_eq!(status, 401, "{said}");
    // A command that names a key asks with that key's rights alone.
    let mut wrong = autoos(dir.path());
    wrong.env("AUTOOS_API_KEY", secret(&first)).args(["key", "create", "no"]);
    assert_ne!(finish(&mut wrong).0, 0);
    let second = key(&["create", "second"]);
    assert_eq!(with(&secret(&second)).await, 200, "it works on the node that went on");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = std::fs::metadata(dir.path().join("data/node.json")).expect("it is there");
        assert_eq!(file.permissions().mode() & 0o077, 0, "others can not read what lets in");
    }
}
