//! `why`, `workflow fork` and `diff`, `lesson` and `provider` as people type them, on the data of a
//! node that does not run.

use crate::support::{autoos, finish, samples};
use std::path::Path;

fn said(dir: &Path, arguments: &[&str]) -> String {
    let (code, out, err) = finish(autoos(dir).args(arguments));
    assert_eq!(code, 0, "{arguments:?}: {out}\n{err}");
    out
}

#[test]
fn a_result_is_followed_back_to_the_tool_that_said_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let log = format!("log=@{}", samples().join("system.log").display());
    let out = said(dir, &["run", "Analyze the system logs and identify errors", "--context", &log]);
    let id = out.split_whitespace().find(|word| word.starts_with("wf-")).expect("an id");

    let why = said(dir, &["why", id]);
    for part in ["asked     Analyze", "read as", "plan      revision 1", "steps", "cost      "] {
        assert!(why.contains(part), "{part:?} in\n{why}");
    }
    let long = said(dir, &["why", id, "--long"]);
    assert!(long.contains("time line") && long.lines().count() > why.lines().count(), "{long}");
    // A figure leads to the tool of the plan that counted it.
    let claim = said(dir, &["why", id, "222"]);
    assert!(claim.contains("← step analyze-log, logs.analyze"), "{claim}");
    assert!(claim.contains("errors.total"), "{claim}");

    let (code, _, err) = finish(autoos(dir).args(["why", id, "no such claim"]));
    assert_eq!(code, 1);
    assert!(err.contains("no claim of the result is like"), "{err}");

    let forked = said(dir, &["workflow", "fork", id, "--at", "4"]);
    assert!(forked.contains("result      the same"), "{forked}");
    assert!(forked.contains("their first 4 events"), "{forked}");

    said(dir, &["workflow", "delete", id]);
    let erased = said(dir, &["why", id]);
    assert!(erased.contains("its texts were erased") && erased.contains("(erased)"), "{erased}");
    assert!(!erased.contains("Analyze"), "{erased}");

    assert!(said(dir, &["lesson", "list"]).contains("nothing was learned"));
    let providers = said(dir, &["provider", "list"]);
    assert!(providers.contains("is healthy") && providers.contains("limits"), "{providers}");
    assert!(providers.contains("reliability"), "{providers}");
}
