//! More documents, written after the rules and read by nobody while the rules were made.

use super::Document;

pub const MORE: [Document; 5] = [
    Document {
        text: "Torvald Mining opened its third shaft near Kiruna on 9 September 2021. The shaft is 1,340 \
            metres deep and employs 412 people. Chief executive Greta Holm had promised the union that \
            no worker would be laid off. In the spring of 2022 the company nevertheless dismissed 58 \
            surveyors, whom it replaced with software from Deepscan. The union leader Olav Berg sued \
            Torvald in Lulea and won. Output of copper rose to 96,000 tonnes, while silver fell slightly. \
            Inspectors never found traces of lead in the river. Since then the mine has been supplied \
            with electricity from a dam that belongs to Vattum.",
        sayings: &[
            "The third shaft of Torvald Mining is {f:1,340} metres deep.",
            "The shaft employs {f:412} people and opened on {f:9} September 2021.",
            "{a:Olav Berg} sued {b:Torvald} and won the case.",
            "Deepscan's software {r:replaced|was replaced by} 58 surveyors.",
            "Copper output {r:increased|decreased} to {f:96,000} tonnes.",
            "Inspectors {o:found no traces|found traces} of lead in the river.",
            "The dam that supplies the mine belongs to {n:Vattum}.",
            "{n:Greta Holm} promised the union that nobody would be laid off.",
            "The company {r:dismissed|hired} 58 surveyors in the spring of 2022.",
        ],
    },
    Document {
        text: "The orchestra of Halden plays 64 concerts this season, nine more than last season. Its new \
            conductor, Marek Dvorsky, comes from Brno and succeeds Elise Fontaine. Fontaine will not \
            return as a guest. The opening concert, on 21 October, begins with a piece by Sofia Lindgren, \
            who wrote it for the pianist Yuto Mori. Tickets cost between 18 and 95 euros; students pay \
            half. The hall has 1,150 seats and was restored in 1987. According to the treasurer, private \
            donations now exceed public funds for the first time.",
        sayings: &[
            "The orchestra gives {f:64} concerts this season, nine {r:more|fewer} than last season.",
            "{a:Dvorsky} succeeds {b:Fontaine} as conductor.",
            "{n:Elise Fontaine} {o:will not return|will return} as a guest.",
            "The opening concert takes place on {f:21} October.",
            "The piece was written by {a:Sofia Lindgren} for {b:Yuto Mori}.",
            "The hall was restored in {f:1987} and has {f:1,150} seats.",
            "{a:Private donations} now exceed {b:public funds}.",
            "The conductor Marek Dvorsky is from {n:Brno}.",
            "Tickets cost up to {f:95} euros.",
        ],
    },
    Document {
        text: "Release 7.3 of the Lantern database was published on 2 May. It reads twice as fast as release \
            7.2, but it needs 30 percent more memory. Support for the old protocol was removed. The \
            maintainers advise against using it on 32-bit machines. Ingo Hartmann reported the fault \
            that had delayed the release, and Chen Wei fixed it within four days. Snapshots are now \
            compressed before they are sent to a replica. The licence did not change. Of the 2,180 \
            tests, 2,175 passed on Windows. Lantern is older than Beacon, from which it borrowed its \
            query planner.",
        sayings: &[
            "Release 7.3 was published on May {f:2}.",
            "Release 7.3 needs {f:30}% {r:more|less} memory.",
            "The fault was reported by {a:Ingo Hartmann} and fixed by {b:Chen Wei}.",
            "{n:Chen Wei} fixed the fault within four days.",
            "Snapshots are compressed {r:before|after} they are sent to a replica.",
            "The licence {o:did not change|changed} with this release.",
            "On Windows, {f:2,175} of the tests passed.",
            "Support for the old protocol was {r:removed|added}.",
            "{a:Lantern} is older than {b:Beacon}.",
            "Lantern borrowed its query planner from {n:Beacon}.",
        ],
    },
    Document {
        text: "A court in Valparaiso sentenced the shipowner Raul Ibarra to 26 months in prison on Tuesday. \
            Ibarra had bribed the port inspector Teresa Quiroga, who was acquitted because she had \
            returned the money. The prosecutor, Hugo Salinas, had asked for four years. Ibarra denied \
            the charge until the end and will appeal. His ship, the Estrella, sank in 2018 with 31 people \
            on board; 27 of them survived. The insurer Maritima did not pay, since the hull had not been \
            inspected. The trial lasted longer than any other at this court.",
        sayings: &[
            "{n:Raul Ibarra} was sentenced to {f:26} months in prison.",
            "{a:Ibarra} bribed {b:Quiroga}, the port inspector.",
            "Quiroga was {r:acquitted|convicted} because she had returned the money.",
            "The insurer {n:Maritima} {o:did not pay|paid}.",
            "The ship sank in {f:2018} with {f:31} people on board.",
            "Of those on board, {f:27} survived.",
            "The hull {o:had not been inspected|had been inspected}.",
            "The prosecutor was {n:Hugo Salinas}.",
            "The trial lasted {r:longer|shorter} than any other at the court.",
        ],
    },
    Document {
        text: "The swim across the bay of Lorne took place for the 41st time. Of 820 swimmers, 793 reached \
            the shore. Keira Walsh won in 38 minutes, ahead of Bianca Rossi, last year's winner. The \
            youngest swimmer was 13 years old and the oldest 84. The water was colder than in the past \
            five years. The start was moved from 8:30 to 9:15 because of fog. The organisers had not hired \
            enough boats, which the mayor, Dean Foster, criticised. Walsh gave her prize to the hospital \
            in Colac. Next year children under 12 will be admitted.",
        sayings: &[
            "Keira Walsh won the swim in {f:38} minutes.",
            "{a:Walsh} finished ahead of {b:Rossi}.",
            "The {r:oldest|youngest} swimmer was 84.",
            "The water was {r:colder|warmer} than in the past five years.",
            "The start was moved from {a:8:30} to {b:9:15}.",
            "Of {f:820} swimmers, {f:793} reached the shore.",
            "The organisers {o:had not hired|had hired} enough boats.",
            "The mayor, {n:Dean Foster}, criticised the organisers.",
            "Walsh gave her prize to the hospital in {n:Colac}.",
        ],
    },
];
