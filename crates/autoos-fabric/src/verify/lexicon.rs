//! What is known of English words when sentences are compared: stems, words that mean the same or
//! the opposite, words that carry no meaning, that deny, hedge or judge.
//!
//! Everyday words only, and none of any subject: the lists serve every text alike.

use super::index::{Hashed, word_hash};
use crate::builtin::stem;
use std::{cell::RefCell, sync::LazyLock};

/// What a word does in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It carries meaning.
    Content,
    /// It holds the sentence together.
    Function,
    /// It denies what follows.
    Not,
}

/// What is known of a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// The same for words that mean the same.
    pub(super) id: u64,
    pub(super) part: Part,
}

/// Looks a word up; `low` is in lower case.
pub(super) fn known(low: &str) -> Known {
    let own = word_hash(low);
    SEEN.with_borrow_mut(|seen| {
        let slot = &mut seen[own as usize % SLOTS];
        match slot {
            Some((word, known)) if *word == own => *known,
            _ => slot.insert((own, look_up(own, low))).1,
        }
    })
}

fn look_up(own: u64, low: &str) -> Known {
    if let Some(part) = PARTS.get(&own) {
        return Known { id: MEANINGS.get(&own).copied().unwrap_or(own), part: *part };
    }
    let root = word_hash(&root(low));
    Known { id: MEANINGS.get(&root).copied().unwrap_or(root), part: Part::Content }
}

/// How many words each thread remembers.
const SLOTS: usize = 1024;

thread_local! {
    // Texts are the same few words over and over, and taking one apart costs more than this.
    static SEEN: RefCell<[Option<(u64, Known)>; SLOTS]> = const { RefCell::new([None; SLOTS]) };
}

/// The ids of what means the opposite.
pub(super) fn opposites(id: u64) -> &'static [u64] {
    OPPOSITE_IDS.get(&id).map_or(&[], Vec::as_slice)
}

/// The part of a word that its forms share, also across parts of speech: `approval`, `approved`.
pub(super) fn root(low: &str) -> String {
    let mut root = stem(low);
    for ending in ["ation", "ition", "ment", "ness", "ion", "ity", "ally", "li", "al", "er", "or"] {
        if let Some(rest) = root.strip_suffix(ending)
            && rest.len() >= 4
        {
            root.truncate(rest.len());
            break;
        }
    }
    if root.len() > 4 && root.ends_with(['e', 'i']) {
        root.pop();
    }
    root
}

/// How a word keeps its sentence from saying that something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaning {
    /// It says less than that.
    Hedges,
    Judges,
}

/// How a word leans, in whatever case it is written.
pub(super) fn leaning(word: &str) -> Option<Leaning> {
    LEANINGS.get(&word_hash(word)).copied()
}

static LEANINGS: LazyLock<Hashed<Leaning>> = LazyLock::new(|| {
    let judging = OPINIONS.iter().map(|w| (word_hash(w), Leaning::Judges));
    judging.chain(HEDGES.iter().map(|w| (word_hash(w), Leaning::Hedges))).collect()
});

static PARTS: LazyLock<Hashed<Part>> = LazyLock::new(|| {
    let function = FUNCTION.iter().map(|w| (word_hash(w), Part::Function));
    function.chain(NEGATORS.iter().map(|w| (word_hash(w), Part::Not))).collect()
});

/// Ids by root, and by the word itself where it is a function word.
static MEANINGS: LazyLock<Hashed<u64>> = LazyLock::new(|| {
    let mut out = Hashed::default();
    for (n, words) in (1u64..).zip(SAME) {
        for word in *words {
            let own = word_hash(word);
            let key = if PARTS.contains_key(&own) { own } else { word_hash(&root(word)) };
            // Small numbers: no hash of a word is one.
            out.entry(key).or_insert(n);
        }
    }
    out
});

static OPPOSITE_IDS: LazyLock<Hashed<Vec<u64>>> = LazyLock::new(|| {
    let mut out: Hashed<Vec<u64>> = Hashed::default();
    for (one, other) in OPPOSITES {
        let (a, b) = (known(one).id, known(other).id);
        out.entry(a).or_default().push(b);
        out.entry(b).or_default().push(a);
    }
    out
});

#[rustfmt::skip] // A list of words reads better as a block.
const FUNCTION: &[&str] = &[
    "a", "an", "the", "this", "that", "these", "those", "there", "here", "it", "its", "itself", "they",
    "them", "their", "he", "him", "his", "she", "her", "hers", "we", "us", "our", "you", "your", "i", "my",
    "me", "who", "whom", "whose", "which", "what", "when", "where", "why", "how", "and", "or", "but",
    "nor", "so", "yet", "if", "then", "than", "as", "because", "since", "though", "although", "whether",
    "in", "on", "at", "by", "for", "from", "to", "of", "with", "within", "into", "onto", "about",
    "between", "among", "through", "via", "per", "against", "toward", "towards", "upon", "across",
    "before", "after", "above", "below", "over", "under", "up", "down", "off", "out", "during", "until",
    "while", "is", "are", "was", "were", "be", "been", "being", "am", "do", "does", "did", "has", "have",
    "had", "having", "will", "would", "shall", "should", "can", "could", "may", "might", "must", "also",
    "too", "very", "just", "only", "even", "still", "both", "each", "every", "some", "any", "all", "most",
    "more", "less", "fewer", "other", "another", "such", "own", "same", "s", "t", "again", "however",
    "well", "like", "one", "ones", "once", "now", "including", "according", "later", "earlier", "first",
    "last", "always", "already", "himself", "herself", "themselves", "additionally", "furthermore",
    "despite", "amid", "along", "alongside", "around", "regarding", "instead", "due", "upon", "behind",
    "beyond", "beside", "besides", "near", "throughout", "whereas", "either", "else", "ever", "yes",
    "moreover", "meanwhile", "therefore", "thus", "many", "much", "several",
];

#[rustfmt::skip] // A list of words reads better as a block.
const NEGATORS: &[&str] = &[
    "not", "no", "never", "neither", "none", "nobody", "nothing", "without", "cannot", "n't", "isn't",
    "aren't", "wasn't", "weren't", "don't", "doesn't", "didn't", "hasn't", "haven't", "hadn't", "won't",
    "wouldn't", "can't", "couldn't", "shouldn't", "failed", "fails", "refused", "refuses", "unable",
    "hardly", "barely",
];

#[rustfmt::skip] // A list of words reads better as a block.
const HEDGES: &[&str] = &[
    "may", "might", "could", "should", "perhaps", "maybe", "possibly", "probably", "likely",
    "unlikely", "seems", "seem", "appears", "appear", "suggest", "suggests", "recommend", "recommends",
    "consider", "presumably", "apparently", "potentially", "advise", "hopefully", "worth", "think",
    "believe", "guess", "i'd", "i'll", "let's", "please", "i", "we",
];

#[rustfmt::skip] // A list of words reads better as a block.
const OPINIONS: &[&str] = &[
    "sad", "sadly", "good", "bad", "better", "worse", "great", "terrible", "awful", "nice", "beautiful",
    "ugly", "impressive", "disappointing", "interesting", "boring", "important", "fortunately",
    "unfortunately", "wonderful", "excellent", "poor", "amazing", "remarkable", "remarkably", "rather",
    "quite", "pretty", "obviously", "clearly", "frankly", "surprisingly", "best", "worst", "healthy",
    "concerning", "worrying", "promising", "significant", "notable", "notably",
];

/// Words that say the same, well enough for one sentence to bear out another.
#[rustfmt::skip] // A list of words reads better as a block.
const SAME: &[&[&str]] = &[
    &["say", "says", "said", "state", "tell", "told", "report", "announce", "declare", "note", "mention", "claim"],
    &["buy", "bought", "purchase", "acquire"],
    &["sell", "sold", "sale"],
    &["begin", "began", "begun", "start", "commence"],
    &["end", "finish", "conclude", "complete"],
    &["increase", "rise", "rose", "risen", "grow", "grew", "grown", "growth", "climb", "raise", "gain"],
    &["decrease", "fall", "fell", "fallen", "drop", "decline", "shrink", "shrank", "reduce", "reduction", "lower", "cut"],
    &["die", "death", "dead", "killed"],
    &["big", "large", "huge"],
    &["small", "little", "tiny"],
    &["film", "movie"],
    &["show", "reveal", "demonstrate", "indicate"],
    &["help", "assist", "aid", "support"],
    &["make", "made", "create", "produce", "build", "built"],
    &["get", "got", "receive", "obtain"],
    &["give", "gave", "given", "provide", "offer", "supply"],
    &["win", "won", "victory"],
    &["lose", "lost", "loss", "defeat"],
    &["beat", "defeated"],
    &["leave", "left", "depart", "departure"],
    &["arrive", "arrival", "reach"],
    &["job", "employment"],
    &["hire", "recruit", "appoint"],
    &["fire", "dismiss", "sack"],
    &["child", "children", "kid"],
    &["man", "men"], &["woman", "women"], &["person", "people"],
    &["car", "vehicle"],
    &["hurt", "injure", "injury", "wound"],
    &["approve", "accept", "approval"],
    &["reject", "refuse", "decline", "rejection", "deny", "denied"],
    &["allow", "permit", "let"],
    &["forbid", "forbade", "ban", "prohibit"],
    &["ask", "request"],
    &["answer", "reply", "respond", "response"],
    &["plan", "intend", "intention"],
    &["try", "tried", "attempt"],
    &["keep", "kept", "retain"],
    &["choose", "chose", "chosen", "select", "pick"],
    &["fix", "repair"],
    &["break", "broke", "broken", "damage"],
    &["lead", "led"],
    &["think", "thought", "believe"],
    &["find", "found", "discover"],
    &["happen", "occur", "occurrence"],
    &["go", "goes", "went", "gone"], &["come", "came"],
    &["see", "saw", "seen"], &["take", "took", "taken"],
    &["write", "wrote", "written"], &["speak", "spoke", "spoken"], &["send", "sent"],
    &["pay", "paid"], &["meet", "met"], &["hold", "held"], &["teach", "taught"],
    &["know", "knew", "known"], &["drive", "drove", "driven"], &["cost", "price"],
    &["money", "cash", "fund"], &["company", "firm", "business"], &["country", "nation"],
    &["city", "town"], &["house", "home"], &["doctor", "physician"], &["road", "street"],
    &["quick", "fast", "rapid"], &["near", "close", "nearby"], &["often", "frequent"],
    &["need", "require"], &["want", "wish", "desire"], &["stop", "halt", "cease"],
    &["error", "failure", "fault"], &["fail", "failed"],
    &["delay", "postpone"], &["cancel", "scrap"], &["open", "opened"], &["close", "closed", "shut"],
    &["more", "greater", "higher"], &["less", "fewer", "lower"],
    &["before", "prior"], &["after", "following"],
    &["above", "over"], &["below", "under"],
    &["total", "overall", "altogether"], &["first", "initial"], &["last", "final"],
    &["year", "annual"], &["day", "daily"], &["month", "monthly"], &["week", "weekly"],
    &["previous", "former"], &["percent", "percentage"], &["around", "approximately", "roughly"],
];

/// Words of which one does not hold where the other does.
#[rustfmt::skip] // A list of words reads better as a block.
const OPPOSITES: &[(&str, &str)] = &[
    ("increase", "decrease"), ("before", "after"), ("earlier", "later"), ("more", "less"), ("first", "last"),
    ("above", "below"), ("up", "down"), ("win", "lose"), ("approve", "reject"), ("open", "close"),
    ("buy", "sell"), ("hire", "fire"), ("begin", "end"), ("true", "false"), ("highest", "lowest"),
    ("high", "low"), ("north", "south"), ("east", "west"), ("northern", "southern"),
    ("eastern", "western"), ("succeed", "fail"), ("success", "failure"), ("allow", "forbid"),
    ("include", "exclude"), ("majority", "minority"), ("old", "new"), ("early", "late"),
    ("enter", "leave"), ("arrive", "leave"), ("always", "never"), ("big", "small"),
    ("largest", "smallest"), ("most", "least"), ("oldest", "youngest"), ("longest", "shortest"),
    ("older", "younger"), ("longer", "shorter"), ("strong", "weak"), ("stronger", "weaker"),
    ("maximum", "minimum"), ("enable", "disable"), ("export", "import"), ("left-hand", "right-hand"),
    ("profit", "loss"), ("public", "private"), ("guilty", "innocent"), ("agree", "disagree"),
    ("accelerate", "slow"), ("expand", "shrink"), ("arrival", "departure"), ("lend", "borrow"),
    ("legal", "illegal"), ("improve", "worsen"), ("faster", "slower"), ("hot", "cold"),
    ("warm", "cold"), ("rich", "poor"), ("cheap", "expensive"), ("cheaper", "dearer"),
    ("remember", "forget"), ("earliest", "latest"), ("inside", "outside"), ("connect", "disconnect"),
    ("male", "female"), ("husband", "wife"), ("son", "daughter"), ("brother", "sister"),
    ("father", "mother"), ("man", "woman"), ("morning", "evening"), ("upper", "lower"),
    ("best", "worst"), ("fixed", "broken"), ("fix", "break"), ("safe", "dangerous"),
    ("full", "empty"), ("present", "absent"), ("add", "remove"), ("added", "removed"),
    ("gain", "loss"), ("teach", "learn"), ("enough", "insufficient"), ("all", "none"),
    ("acquit", "convict"), ("confirm", "deny"), ("accept", "decline"), ("love", "hate"),
    ("ahead", "behind"), ("victory", "defeat"), ("heavier", "lighter"), ("deeper", "shallower"),
    ("possible", "impossible"), ("attack", "defend"), ("appear", "disappear"), ("join", "quit"),
    ("positive", "negative"), ("national", "international"), ("temporary", "permanent"),
    ("mandatory", "optional"), ("online", "offline"), ("send", "receive"), ("victim", "culprit"),
];
