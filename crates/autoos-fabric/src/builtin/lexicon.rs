//! Which words of English mean which job. Only lists: the reader decides.

/// Said before the request itself.
pub(super) const POLITE: &[&str] = &[
    "please", "kindly", "can", "could", "would", "will", "you", "i", "we", "want", "wanna",
    "need", "like", "to", "me", "my", "us", "help", "let", "let's", "lets", "go", "ahead", "now",
    "then", "also", "finally", "first", "firstly", "second", "secondly", "next", "afterwards",
    "and", "just", "quickly", "hey", "hi", "hello", "autoos", "ok", "okay", "so", "try", "i'd",
    "i'll", "we'd", "if", "possible", "once", "done", "after", "that", "additionally",
    "furthermore", "moreover", "lastly", "plus", "carefully", "briefly", "it", "take", "a",
    "look", "thanks", "thank", "would", "must", "do", "but",
];

/// Looking closely.
pub(super) const ANALYZE: &[&str] = &[
    "analyze", "analyse", "analysis", "examine", "inspect", "investigate", "review", "study",
    "diagnose", "diagnosis", "parse", "triage", "audit", "process", "explore", "assess",
    "evaluate", "debug", "troubleshoot", "monitor", "profile", "categorize", "classify",
    "cluster",
];

/// Bringing something out.
pub(super) const FIND: &[&str] = &[
    "find", "identify", "detect", "spot", "locate", "discover", "extract", "get", "pull", "dig",
    "list", "show", "give", "tell", "report", "display", "print", "enumerate", "name",
    "determine", "see", "check", "say", "state", "collect", "gather", "highlight", "flag",
    "surface", "scan", "filter", "pick", "fetch", "retrieve", "return", "present", "output",
    "select", "compute", "calculate", "work", "figure", "answer", "trace", "isolate", "point",
    "provide", "describe", "break", "group", "sort", "rank", "order", "look",
];

/// Beginnings of questions.
pub(super) const QUESTION: &[&str] = &[
    "how", "what", "what's", "which", "who", "when", "where", "is", "are", "was", "were", "does",
    "did", "has", "have", "whether", "how's", "any", "there",
];

/// Counting.
pub(super) const COUNT: &[&str] = &[
    "count", "tally", "number",
];

/// What goes wrong.
pub(super) const TROUBLE: &[&str] = &[
    "error", "failure", "exception", "warning", "problem", "issue", "crash", "fault", "incident",
    "anomaly", "critical", "fatal", "traceback", "stacktrace", "panic", "outage", "trouble",
    "bug", "alert", "wrong", "abnormal", "suspicious", "severe", "breakage", "malfunction",
    "fail", "failing",
];

/// Logs.
pub(super) const LOG: &[&str] = &[
    "log", "logs", "logfile", "logfiles", "syslog", "logging",
];

/// Details of a log report that may be asked for after it.
pub(super) const LOG_DETAIL: &[&str] = &[
    "time", "timestamp", "count", "often", "frequency", "severity", "level", "example", "line",
    "service", "first", "last", "group", "template", "pattern", "common", "frequent", "happen",
    "occur", "occurrence", "burst", "spike", "host", "component", "process", "seen", "kind",
    "type", "sort", "each", "distinct", "different", "unique", "message", "event", "entry",
    "diagnosis", "start", "begin", "end", "many", "most", "peak",
];

/// Shortening.
pub(super) const SUMMARIZE: &[&str] = &[
    "summarize", "summarise", "summary", "summaries", "tldr", "gist", "condense", "overview",
    "synopsis", "digest", "recap", "abridge", "shorten", "outline", "abstract", "takeaway",
    "highlights", "key",
];

/// Searching by what stands there.
pub(super) const SEARCH: &[&str] =
    &[
    "search", "grep", "look", "find", "locate", "scan", "hunt", "lookup",
];

/// Having something in it.
pub(super) const CONTAIN: &[&str] = &[
    "contain", "mention", "include", "match", "reference", "occurrence", "instance", "word",
    "phrase", "string", "keyword", "say", "text", "occur", "appear", "containing", "mentioning",
];

/// Reading out.
pub(super) const READ: &[&str] =
    &[
    "read", "open", "show", "print", "display", "cat", "view", "output", "load", "see", "dump",
];

/// Only takes a look, and something else is asked afterwards.
pub(super) const PREPARE: &[&str] = &[
    "read", "open", "load", "use", "take", "using", "given", "consider", "go", "look", "import",
    "parse", "ingest", "attach", "attached", "here", "process", "scan", "check", "analyze",
    "analyse", "examine", "inspect", "review",
];

/// Files and folders.
pub(super) const FOLDER: &[&str] =
    &[
    "file", "folder", "directory", "directories", "dir", "subfolder",
];

/// Calling an address.
pub(super) const PROBE: &[&str] = &[
    "check", "ping", "probe", "curl", "call", "request", "reachable", "up", "alive", "online",
    "down", "respond", "working", "work", "status", "healthy", "health", "available",
    "availability", "endpoint", "url", "website", "site", "healthcheck", "hit", "test", "monitor",
    "running", "reach", "http", "https", "latency", "server",
];

/// Keeping the result.
pub(super) const SAVE: &[&str] =
    &[
    "save", "store", "write", "export", "dump", "put", "persist", "record",
];

/// The answer itself.
pub(super) const RESULT: &[&str] = &[
    "it", "them", "that", "this", "these", "those", "result", "answer", "finding", "report",
    "output", "summary", "everything", "number", "figure", "table", "list", "overview", "me",
    "us", "detail", "conclusion", "outcome", "short", "brief", "concise", "clear", "nice",
    "markdown", "text", "plain", "format", "readable", "bullet", "point", "points", "back",
    "know", "please", "here", "final", "full", "analysis", "information", "info", "what", "you",
    "found", "find", "see", "count", "counts",
];

/// Setting side by side.
pub(super) const COMPARE: &[&str] = &[
    "compare", "comparison", "contrast", "versus", "vs", "difference", "differ", "more", "most",
    "fewer", "less", "least", "fewest", "worse", "worst", "better", "best", "noisier", "noisiest",
    "healthier", "biggest", "highest", "lowest",
];

/// Carries no meaning of its own for choosing a job.
pub(super) const STOP: &[&str] = &[
    "the", "a", "an", "of", "in", "on", "at", "for", "from", "by", "with", "to", "and", "or",
    "all", "any", "both", "each", "every", "is", "are", "was", "were", "be", "been", "there",
    "that", "which", "what", "who", "how", "many", "much", "this", "these", "those", "it", "its",
    "their", "them", "they", "me", "my", "our", "us", "you", "your", "i", "we", "do", "does",
    "did", "has", "have", "had", "as", "into", "out", "up", "about", "over", "some", "also",
    "then", "please", "can", "could", "would", "should", "will", "if", "so", "than", "when",
    "where", "whether", "not", "no", "only", "just", "system", "file", "data", "attached",
    "given", "provided", "following", "here", "context", "two", "three", "other", "one",
    "between", "during", "across", "within", "through", "per", "using", "use", "went", "go",
    "going", "happened", "happening", "want", "need", "like", "let", "know", "s", "t",
    "currently", "still", "today", "main", "new", "possible", "related", "kinds", "including",
];

/// Work that changes the world with no tool here for it, and what it would take.
pub(super) const CHANGES: &[(&[&str], &str)] = &[
    (
        &[
            "delete", "remove", "erase", "drop", "wipe", "purge", "truncate", "clean", "clear",
            "unlink", "rm",
        ],
        "a tool that deletes; there is none here, and AUTOOS's tools change nothing but files that you name for writing",
    ),
    (
        &[
            "send", "mail", "email", "e-mail", "message", "post", "notify", "slack", "tweet",
            "text", "sms", "forward", "reply", "publish", "announce", "share", "alert",
        ],
        "a tool that sends messages; there is none here",
    ),
    (
        &[
            "rename", "move", "copy", "edit", "modify", "change", "update", "replace", "append",
            "insert", "mv", "cp", "convert", "encrypt", "compress", "zip", "upload", "download",
            "format",
        ],
        "a tool that changes or moves what exists; the only one that writes is fs.write, which writes a result to a file",
    ),
    (
        &[
            "run", "execute", "deploy", "install", "uninstall", "restart", "start", "stop",
            "kill", "build", "compile", "reboot", "shutdown", "launch", "configure", "enable",
            "disable", "provision", "scale", "rollback", "migrate",
        ],
        "a tool that runs programs or manages services; there is none here",
    ),
    (
        &[
            "buy", "purchase", "book", "pay", "transfer", "sell", "schedule", "remind", "reserve",
            "invite", "subscribe",
        ],
        "a tool for bookings, payments or calendars; there is none here",
    ),
];

/// Work for a language model: head verbs, and what the sentence calls it.
pub(super) const MODEL_WORK: &[(&[&str], &str)] = &[
    (&["translate", "translation", "localize", "interpret"], "translating"),
    (
        &[
            "compose", "invent", "imagine", "brainstorm", "draft", "rewrite", "rephrase",
            "paraphrase", "proofread", "improve", "polish", "author", "narrate", "roleplay",
            "pretend", "sing",
        ],
        "writing new text",
    ),
    (
        &[
            "design", "implement", "code", "program", "refactor", "develop", "prototype", "solve",
            "prove",
        ],
        "designing or programming",
    ),
    (
        &[
            "recommend", "suggest", "advise", "propose", "decide", "judge", "opine", "argue",
            "think", "believe", "feel", "critique", "rate",
        ],
        "opinions and advice",
    ),
    (&["explain", "why", "elaborate", "teach", "reason", "justify"], "explaining causes"),
    (&["predict", "forecast", "extrapolate", "guess", "estimate", "simulate"], "predicting"),
    (&["draw", "paint", "illustrate", "render", "visualize", "plot", "chart", "graph"], "drawing"),
    (&["chat", "talk", "discuss", "joke", "entertain", "play"], "conversation"),
    (&["fix", "repair", "resolve", "patch", "correct", "mitigate", "remedy"], "repairing things"),
];

/// Things that only get written by a language model.
pub(super) const CREATIONS: &[&str] = &[
    "poem", "haiku", "story", "essay", "song", "lyrics", "limerick", "novel", "sonnet", "joke",
    "blog", "article", "tweet", "speech", "letter", "script", "code", "function", "program",
    "slogan", "ode", "rhyme", "ballad", "screenplay", "email", "e-mail", "newsletter", "recipe",
    "cover", "presentation", "slides", "logo", "image", "picture", "unit", "class", "app",
    "website",
];

/// Making something.
pub(super) const MAKE: &[&str] = &[
    "write", "create", "generate", "make", "produce", "give", "tell", "compose", "draft",
    "prepare", "build", "craft",
];

/// Common words of other languages, to say that only English is read.
pub(super) const FOREIGN: &[&str] = &[
    "der", "die", "das", "und", "ist", "sind", "wie", "viele", "finde", "bitte", "nicht", "eine",
    "einen", "dem", "den", "im", "fehler", "zähle", "welche", "mit", "auf", "le", "la", "les",
    "des", "du", "et", "est", "sont", "quel", "quelle", "combien", "dans", "une", "trouve",
    "erreurs", "el", "los", "las", "en", "que", "cuántos", "cuantos", "cuál", "encuentra",
    "errores", "por", "para", "una", "il", "gli", "quanti", "trova", "errori", "quantos", "nel",
    "van", "het", "een", "hoeveel", "fouten", "alle", "zeige", "mir", "liste", "aus",
];

/// Every word that spelling is put right to.
pub(super) fn all() -> Vec<&'static str> {
    let mut out: Vec<&'static str> = [
        ANALYZE, FIND, COUNT, TROUBLE, LOG, SUMMARIZE, SEARCH, CONTAIN, READ, FOLDER, PROBE, SAVE,
        COMPARE, POLITE, QUESTION, STOP, RESULT, CREATIONS, MAKE, LOG_DETAIL, TABLE, ROWS,
        &super::asked::THINGS.concat(),
    ]
    .concat();
    for (words, _) in CHANGES.iter().chain(MODEL_WORK) {
        out.extend_from_slice(words);
    }
    out.extend_from_slice(super::ranking::LARGEST);
    out.extend_from_slice(super::ranking::SMALLEST);
    out.extend_from_slice(super::conditions::BIGGER);
    out.extend_from_slice(super::conditions::SMALLER);
    out.sort_unstable();
    out.dedup();
    out
}

/// Words of questions over tables.
pub(super) const TABLE: &[&str] = &[
    "different", "people", "person", "rows", "total", "average", "mean", "median", "maximum",
    "minimum", "highest", "lowest", "largest", "smallest", "sum", "distinct", "unique", "above",
    "below", "between", "greater", "under", "over", "least", "most", "where", "column", "before",
    "after", "since", "until", "exceed", "percentage", "share", "cheapest", "expensive", "latest",
    "earliest", "earner", "performer", "seller", "spender", "percentile", "quartile", "quarter", "ascending", "descending", "hottest",
    "warmest", "coldest", "per", "ranked", "sorted", "versus", "minute", "monthly", "weekly",
    "yearly", "hourly", "weekday", "oldest", "youngest", "newest", "longest", "shortest",
    "temperature", "population", "neither", "without", "missing", "proportion", "ratio",
];

/// What tables are made of, and what is done to the rows of some: nothing to ask back about.
pub(super) const ROWS: &[&str] = &[
    "pay", "pays", "everyone", "everybody", "generate", "generated", "bring", "yield", "hired", "recently",
    "row", "record", "entry", "item", "line", "value", "csv", "json", "table", "spreadsheet",
    "dataset", "sheet", "column", "field", "tsv", "jsonl", "overall", "altogether", "exactly",
    "order", "made", "placed", "exist", "listed", "recorded", "group", "broken", "down",
    "respective", "respectively", "according", "base", "based", "its", "their", "s", "having",
    "being", "only", "person", "people", "sell", "sold", "spend", "spent", "earn", "earned",
    "make", "take", "receive", "got", "get", "come", "live", "lived", "work", "took", "lasted",
    "happen", "happened", "belong", "came", "occur", "reside", "use", "used", "did", "ordered",
    "bought", "something", "anything", "still", "yet", "already", "sent", "served", "received",
    "transferred", "logged", "written", "returned", "responded", "stand", "stands", "give",
    "direct", "release", "released", "contain", "comes", "goes", "went", "belongs", "overview",
    "comparison", "figures", "breakdown", "send", "sends", "split", "by", "bring", "brought", "in", "overall",
];
