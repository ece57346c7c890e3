//! Sample documents, and what may be said of them: true in other words, and false by one change.
//!
//! A saying is written once with marks. As it stands it is true; each mark allows one change that
//! makes it false: `{f:40}` a figure, `{n:Ann Lee}` a name, `{o:was|was not}` a negation,
//! `{r:more|fewer}` a relation, `{a:…}` and `{b:…}` two names that change places.

#![allow(unreachable_pub)] // A module of a test.

mod more;

pub use more::MORE;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use regex::Regex;

/// What is changed to make a saying false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    Figure,
    Name,
    Negation,
    Relation,
    Swap,
}

pub const CHANGES: [Change; 5] =
    [Change::Figure, Change::Name, Change::Negation, Change::Relation, Change::Swap];

pub struct Document {
    pub text: &'static str,
    pub sayings: &'static [&'static str],
}

fn marks() -> Regex {
    Regex::new(r"\{([fnorab]):([^}|]*)(?:\|([^}]*))?\}").expect("a pattern")
}

/// The saying as it is true.
pub fn truth(saying: &str) -> String {
    marks().replace_all(saying, "$2").into_owned()
}

/// The saying with one change of this kind; none where it has no mark for it.
pub fn changed(saying: &str, change: Change, document: &str, rng: &mut StdRng) -> Option<String> {
    let letter = match change {
        Change::Figure => "f",
        Change::Name => "n",
        Change::Negation => "o",
        Change::Relation => "r",
        Change::Swap => "a",
    };
    let marks = marks();
    let found: Vec<_> = marks.captures_iter(saying).filter(|m| &m[1] == letter).collect();
    let chosen = found.choose(rng)?;
    let whole = chosen.get(0)?;
    let other = match change {
        Change::Figure => other_figure(&chosen[2], document, rng),
        Change::Name => other_name(&chosen[2], document, rng),
        Change::Negation | Change::Relation => chosen.get(3)?.as_str().to_owned(),
        Change::Swap => {
            let b = marks.captures_iter(saying).find(|m| &m[1] == "b")?[2].to_owned();
            let swapped = marks.replace_all(saying, |m: &regex::Captures<'_>| match &m[1] {
                "a" => b.clone(),
                "b" => chosen[2].to_owned(),
                _ => m[2].to_owned(),
            });
            return Some(swapped.into_owned());
        }
    };
    let mut out = saying.to_owned();
    out.replace_range(whole.range(), &other);
    Some(truth(&out))
}

/// Half of the time a figure that the document has elsewhere, else one that it does not have.
fn other_figure(own: &str, document: &str, rng: &mut StdRng) -> String {
    let plain = |text: &str| text.replace(',', "");
    let figure = Regex::new(r"\d[\d,]*(?:\.\d+)?").expect("a pattern");
    let others: Vec<&str> = figure
        .find_iter(document)
        .map(|m| m.as_str().trim_end_matches(','))
        .filter(|f| plain(f) != plain(own) && f.len() == own.len())
        .collect();
    if rng.random_bool(0.5)
        && let Some(other) = others.choose(rng)
    {
        return (*other).to_owned();
    }
    loop {
        let mut bytes = own.as_bytes().to_vec();
        let digits: Vec<usize> = (0..bytes.len()).filter(|i| bytes[*i].is_ascii_digit()).collect();
        let Some(at) = digits.choose(rng) else { return "17".into() };
        bytes[*at] = b'1' + rng.random_range(0..9);
        let other = String::from_utf8(bytes).expect("digits");
        if plain(&other) != plain(own) {
            return other;
        }
    }
}

/// Half of the time a name of the document, else one that it does not have.
fn other_name(own: &str, document: &str, rng: &mut StdRng) -> String {
    let name = Regex::new(r"[a-z,] ((?:[A-Z][a-z]+)(?: [A-Z][a-z]+)?)").expect("a pattern");
    let shares = |other: &str| own.split(' ').any(|w| other.contains(w));
    let months = ["January", "February", "March", "April", "May", "June", "July", "August"];
    let others: Vec<&str> = name
        .captures_iter(document)
        .map(|m| m.get(1).expect("a group").as_str())
        .filter(|n| !shares(n) && !months.contains(n))
        .collect();
    match others.choose(rng) {
        Some(other) if rng.random_bool(0.5) => (*other).to_owned(),
        _ => (*["Ottmar Feld", "Zorvex", "Ingrid Vale", "Quillon"].choose(rng).expect("one"))
            .to_owned(),
    }
}

pub const DOCUMENTS: [Document; 8] = [
    Document {
        text: "The city council of Marlow met on 12 March 2023 to decide on the old tram depot. \
            The mayor, Helen Strand, proposed to turn the building into a market hall. The architect \
            Paul Okoye presented a plan that would cost 4.2 million euros. Twenty-three members voted \
            for the plan and 14 voted against it. The council did not approve the underground car \
            park, because the ground water stands too high. Work will start after the summer \
            festival and is to be finished before the end of 2025. Rents in the district rose by 8 \
            percent last year, while the number of visitors fell from 61,000 to 52,500.",
        sayings: &[
            "{n:Helen Strand}, the mayor, suggested making the depot a market hall.",
            "The plan by Paul Okoye costs {f:4.2} million euros.",
            "The plan got {f:23} votes for it and {f:14} against.",
            "The underground car park {o:was not approved|was approved} by the council.",
            "Work starts {r:after|before} the summer festival.",
            "Visitor numbers {r:fell|rose} from 61,000 to 52,500.",
            "Rents in the district {r:rose|fell} {f:8}% last year.",
            "The council met on March {f:12}, 2023.",
            "The number of visitors fell from {a:61,000} to {b:52,500}.",
        ],
    },
    Document {
        text: "Dr. Amara Nwosu founded the clinic in Lindau in 1998 together with her brother. In 2004 \
            the foundation of Karl Petersen bought the clinic for 11 million francs. Petersen \
            appointed Lucia Ferri as director, and Ferri dismissed the head of surgery, Jonas Weber. \
            The clinic treats 9,400 patients a year, more than the public hospital of Bregenz, which \
            treats 7,100. An inspection in 2019 found no serious defects. The clinic has never \
            charged children for treatment. A new wing with 36 beds opened in 2021, two years later \
            than planned, after the builder had gone bankrupt.",
        sayings: &[
            "The clinic was founded in {f:1998} by {n:Amara Nwosu}.",
            "Karl Petersen's foundation purchased the clinic in {f:2004} for {f:11} million francs.",
            "{a:Petersen} appointed {b:Ferri} as director.",
            "{a:Ferri} dismissed {b:Weber}, the head of surgery.",
            "The clinic treats {r:more|fewer} patients than the hospital of Bregenz.",
            "The inspection in 2019 {o:found no serious defects|found serious defects}.",
            "Children {o:have never been|have always been} charged for treatment at the clinic.",
            "The new wing has {f:36} beds and opened in {f:2021}.",
            "The wing opened two years {r:later|earlier} than planned.",
            "The public hospital of {n:Bregenz} treats {f:7,100} patients.",
        ],
    },
    Document {
        text: "On Friday the coast guard rescued 47 people from the ferry Aurora, which had run aground \
            off the island of Hestra. Captain Mats Lindqvist had left the harbour at 21:40, although \
            the weather service had warned of a storm. Nobody was killed, but six passengers were \
            taken to the hospital in Varberg. The company said that the ship was not damaged below \
            the waterline. A second ferry, the Boreas, towed the Aurora to the port before midnight. \
            The Boreas is faster than the Aurora and eleven years younger. Investigators from \
            Gothenburg will question the crew on 3 June.",
        sayings: &[
            "The coast guard saved {f:47} people from the ferry {n:Aurora} on Friday.",
            "The {a:Boreas} towed the {b:Aurora} to the port.",
            "The Aurora was towed to the port {r:before|after} midnight.",
            "The ship {o:was not damaged|was damaged} below the waterline, the company said.",
            "The captain left the harbour at {f:21:40} although a storm had been announced.",
            "Six passengers were brought to the hospital in {n:Varberg}.",
            "The {a:Boreas} is faster than the {b:Aurora}.",
            "The Boreas is {r:faster|slower} than the Aurora.",
            "{o:Nobody was killed|Several people were killed}, and six passengers went to the hospital.",
            "The crew will be questioned on {f:3} June by investigators from {n:Gothenburg}.",
        ],
    },
    Document {
        text: "The payment service of Northwind was out of order for 94 minutes on 8 November 2024. A \
            certificate of the gateway had expired at 02:15. The engineer on call, Priya Raman, \
            restarted the proxy before she found the cause. The database was not affected. Tomasz \
            Zielinski replaced the certificate, and error rates decreased from 37 percent to 0.4 \
            percent. About 18,300 payments failed; 16,900 of them were repeated without loss. The \
            team in Krakow had renewed the certificate of the test system in October, but it did not \
            renew that of the live system. Alerts will from now on be sent 30 days in advance.",
        sayings: &[
            "The outage of the payment service lasted {f:94} minutes.",
            "The certificate of the gateway expired at {f:02:15}.",
            "{n:Priya Raman} restarted the proxy {r:before|after} finding the cause.",
            "The database {o:was not affected|was affected} by the outage.",
            "Error rates {r:fell|rose} from {f:37}% to 0.4%.",
            "The certificate was replaced by {n:Tomasz Zielinski}.",
            "Some {f:18,300} payments failed, and {f:16,900} were repeated.",
            "The certificate of the live system {o:was not renewed|was renewed} by the team in {n:Krakow}.",
            "Alerts will be sent {f:30} days in advance.",
            "Error rates went from {a:37 percent} to {b:0.4 percent}.",
        ],
    },
    Document {
        text: "The Brennick vineyard harvested 310 tonnes of grapes this autumn, fewer than the 365 \
            tonnes of last year. Its owner, Clara Brennick, blames the hail of 4 July. Her neighbour \
            Dieter Aumann lost only a tenth of his grapes. Brennick sold her share of the cooperative \
            to Aumann in May for 240,000 euros. The cooperative exports more wine to Canada than to \
            Japan. It did not raise its prices. A bottle costs 13.50 euros on average. The oldest \
            cellar dates from 1782 and is closed to visitors until the roof has been repaired.",
        sayings: &[
            "The vineyard harvested {f:310} tonnes of grapes, {r:fewer|more} than last year.",
            "{a:Brennick} sold her share of the cooperative to {b:Aumann}.",
            "The share was sold in May for {f:240,000} euros.",
            "The cooperative exports more wine to {a:Canada} than to {b:Japan}.",
            "The cooperative {o:did not raise|raised} its prices.",
            "A bottle costs {f:13.50} euros on average.",
            "The oldest cellar, from {f:1782}, is {r:closed|open} to visitors.",
            "{n:Dieter Aumann} lost a tenth of his grapes.",
            "The owner, {n:Clara Brennick}, blames the hail of July {f:4}.",
        ],
    },
    Document {
        text: "Researchers at the university of Tartu tested a vaccine on 1,260 volunteers between \
            January and August 2022. The group was led by Kadri Tamm. Of those vaccinated, 3 percent \
            fell ill, compared with 19 percent in the other group. Side effects were less frequent in \
            older people than in younger ones. The vaccine does not protect against the second strain. \
            The company Medorin refused to publish the raw data. Tamm criticised the company, and the \
            regulator in Tallinn rejected the first application. A second application was accepted \
            after Medorin had published the data. The study cost 5.7 million dollars.",
        sayings: &[
            "The vaccine was tested on {f:1,260} volunteers by researchers in {n:Tartu}.",
            "{n:Kadri Tamm} led the group.",
            "Only {f:3}% of those vaccinated fell ill, against {f:19}% in the other group.",
            "Side effects were {r:less|more} frequent in older people.",
            "The vaccine {o:does not protect|protects} against the second strain.",
            "The regulator in Tallinn {r:rejected|accepted} the first application.",
            "The second application was accepted {r:after|before} Medorin published the data.",
            "{a:Tamm} criticised {b:Medorin}, the company.",
            "The study cost {f:5.7} million dollars.",
            "The first application {o:was rejected|was not rejected} by the regulator in {n:Tallinn}.",
        ],
    },
    Document {
        text: "In the final in Porto, Ana Sousa defeated Mireille Blanc in three sets after two hours \
            and 18 minutes. Blanc had won the first set 6-4. Sousa, who is 22 years old, had beaten \
            the favourite, Ivana Kral, in the semi-final on Thursday. Kral did not complain about \
            the umpire. The prize money was raised from 400,000 to 550,000 euros. Fewer spectators \
            came than in the year before, because the stadium was being rebuilt. Sousa is now ranked \
            ninth, above Blanc. Her coach, Bruno Teixeira, left the team before the tournament.",
        sayings: &[
            "{a:Ana Sousa} defeated {b:Mireille Blanc} in the final in {n:Porto}.",
            "{a:Blanc} was defeated by {b:Sousa} in the final.",
            "Sousa, {f:22} years old, beat {n:Ivana Kral} in the semi-final.",
            "The prize money was {r:raised|reduced} to {f:550,000} euros.",
            "Kral {o:did not complain|complained} about the umpire.",
            "{r:Fewer|More} spectators came than the year before.",
            "Sousa is ranked {r:above|below} Blanc.",
            "The coach, {n:Bruno Teixeira}, left the team {r:before|after} the tournament.",
            "The final took two hours and {f:18} minutes.",
        ],
    },
    Document {
        text: "The library of Elsworth lends 128,000 items a year. Its director, Rosa Delgado, bought a \
            collection of 860 maps from the collector Edwin Marsh in 2016. Marsh had inherited the \
            maps from his aunt. The oldest map was drawn in 1574 by Gerrit Vos. Loans of printed books \
            decreased by 12 percent, and loans of films increased by 5 percent. The library is open \
            on Sundays, but the reading room is not. Students do not pay a fee; other adults pay 25 \
            pounds. The east wing was built before the west wing. In April the trustees hired Nadia \
            Haddad, who will succeed Delgado.",
        sayings: &[
            "The library lends {f:128,000} items each year.",
            "{a:Delgado} bought 860 maps from {b:Marsh} in 2016.",
            "The oldest map, drawn in {f:1574}, is by {n:Gerrit Vos}.",
            "Loans of printed books {r:fell|rose} by {f:12}%.",
            "Loans of films {r:grew|fell} by {f:5} percent.",
            "Students {o:do not pay|pay} a fee.",
            "Other adults pay {f:25} pounds.",
            "The {a:east} wing was built before the {b:west} wing.",
            "The east wing was built {r:before|after} the west wing.",
            "{a:Haddad} will succeed {b:Delgado}.",
            "The trustees hired {n:Nadia Haddad} in April.",
            "The library {o:is open|is not open} on Sundays.",
        ],
    },
];
