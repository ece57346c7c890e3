//! The data sets of the questions to the built-in engine: records in code, and the files that are
//! written of them. What is true is computed from the records, never from the files.

#![allow(dead_code, unreachable_pub)] // Each test file uses a part.

pub mod want;

use std::fmt::Write as _;

/// An order: number, day, city, category, customer, quantity, total in dollars, rating.
pub type Order =
    (u32, &'static str, &'static str, &'static str, &'static str, u32, f64, Option<u32>);

pub const ORDERS: &[Order] = &[
    (1001, "2024-11-03", "Lisbon", "Garden", "C07", 2, 89.90, Some(4)),
    (1002, "2024-11-09", "Porto", "Kitchen", "C02", 1, 1204.50, Some(5)),
    (1003, "2024-11-17", "Lisbon", "Kitchen", "C01", 3, 147.00, None),
    (1004, "2024-11-29", "Faro", "Books", "C03", 5, 64.25, Some(3)),
    (1005, "2024-12-02", "Braga", "Garden", "C07", 1, 310.00, Some(2)),
    (1006, "2024-12-05", "Porto", "Books", "C04", 4, 52.80, Some(5)),
    (1007, "2024-12-11", "Lisbon", "Toys", "C05", 6, 131.40, Some(4)),
    (1008, "2024-12-14", "Lisbon", "Books", "C02", 2, 27.30, None),
    (1009, "2024-12-19", "Porto", "Toys", "C06", 8, 199.99, Some(1)),
    (1010, "2024-12-23", "Faro", "Toys", "C01", 2, 45.50, Some(4)),
    (1011, "2024-12-28", "Braga", "Kitchen", "C08", 1, 889.00, Some(5)),
    (1012, "2025-01-04", "Porto", "Garden", "C02", 3, 76.10, Some(3)),
    (1013, "2025-01-08", "Lisbon", "Kitchen", "C03", 1, 412.75, Some(4)),
    (1014, "2025-01-15", "Faro", "Garden", "C04", 2, 58.60, None),
    (1015, "2025-01-21", "Lisbon", "Toys", "C07", 4, 93.20, Some(2)),
    (1016, "2025-01-27", "Braga", "Books", "C05", 7, 101.45, Some(5)),
    (1017, "2025-02-01", "Porto", "Kitchen", "C06", 2, 2350.00, Some(4)),
    (1018, "2025-02-06", "Lisbon", "Garden", "C08", 5, 265.35, Some(3)),
    (1019, "2025-02-13", "Faro", "Kitchen", "C01", 1, 178.00, Some(1)),
    (1020, "2025-02-18", "Lisbon", "Books", "C06", 3, 38.70, Some(5)),
    (1021, "2025-02-24", "Porto", "Toys", "C02", 1, 19.95, None),
    (1022, "2025-03-03", "Braga", "Toys", "C03", 9, 240.30, Some(4)),
    (1023, "2025-03-12", "Lisbon", "Kitchen", "C05", 2, 533.20, Some(2)),
    (1024, "2025-03-20", "Porto", "Books", "C07", 10, 142.15, Some(5)),
];

/// Comma separated, dollars with a thousands mark and so quoted; no rating is an empty cell.
pub fn orders() -> String {
    let mut csv = "order_no,placed_on,city,category,customer,qty,total,rating\n".to_owned();
    for (no, day, city, category, customer, qty, total, rating) in ORDERS {
        let rating = rating.map_or(String::new(), |r| r.to_string());
        let money = if *total >= 1000.0 {
            format!("\"${},{:06.2}\"", (total / 1000.0) as u32, total % 1000.0)
        } else {
            format!("${total:.2}")
        };
        writeln!(csv, "{no},{day},{city},{category},{customer},{qty},{money},{rating}")
            .expect("written");
    }
    csv
}

/// A customer: key, name, segment, country.
pub type Customer = (&'static str, &'static str, &'static str, &'static str);

pub const CUSTOMERS: &[Customer] = &[
    ("C01", "Quinta Verde, Lda", "wholesale", "Portugal"),
    ("C02", "Bica & Filhos", "retail", "Portugal"),
    ("C03", "Casa Azul", "retail", "Spain"),
    ("C04", "Moinho", "online", "Portugal"),
    ("C05", "El Patio", "wholesale", "Spain"),
    ("C06", "Grand Hotel", "wholesale", "France"),
    ("C07", "Flora", "retail", "France"),
    ("C08", "Praia Norte", "online", "Portugal"),
];

pub fn customers() -> String {
    let mut csv = "customer,company,segment,country\n".to_owned();
    for (key, name, segment, country) in CUSTOMERS {
        writeln!(csv, "{key},\"{name}\",{segment},{country}").expect("written");
    }
    csv
}

/// A person: name, department, office, salary in euros, start, remote.
pub type Person = (&'static str, &'static str, &'static str, u32, &'static str, bool);

pub const STAFF: &[Person] = &[
    ("Ines Prado", "Engineering", "Vienna", 72_000, "2018-03-15", true),
    ("Tom Okafor", "Sales", "Graz", 48_500, "2020-07-01", false),
    ("Mia Lindt", "Engineering", "Vienna", 81_000, "2016-11-02", false),
    ("Jan Vos", "Support", "Linz", 39_000, "2022-02-14", true),
    ("Lea Novak", "Engineering", "Graz", 66_250, "2021-09-20", true),
    ("Omar Sayed", "Finance", "Vienna", 59_900, "2019-05-06", false),
    ("Ruth Ahlers", "Sales", "Vienna", 53_000, "2017-01-09", false),
    ("Piet Kranz", "Support", "Graz", 41_750, "2020-10-12", true),
    ("Sara Bell", "Engineering", "Linz", 69_000, "2023-04-03", true),
    ("Gus Hahn", "Finance", "Linz", 57_200, "2022-08-29", false),
    ("Nora Weiss", "Sales", "Linz", 50_100, "2018-12-03", true),
    ("Kai Brandt", "Engineering", "Vienna", 94_500, "2015-06-22", false),
    ("Eva Roth", "Support", "Vienna", 43_300, "2024-01-08", true),
    ("Ben Arslan", "Marketing", "Graz", 52_400, "2021-03-17", false),
    ("Zoe Fink", "Marketing", "Vienna", 61_800, "2019-10-28", true),
];

/// Semicolons, euro signs, names of columns with capitals and spaces.
pub fn staff() -> String {
    let mut csv = "Name;Department;Office;Salary (EUR);Start Date;Remote\n".to_owned();
    for (name, department, office, salary, start, remote) in STAFF {
        let remote = if *remote { "yes" } else { "no" };
        writeln!(
            csv,
            "{name};{department};{office};€{},{:03};{start};{remote}",
            salary / 1000,
            salary % 1000
        )
        .expect("written");
    }
    csv
}

/// A reading: time, device, site, temperature, humidity, online.
pub type Reading = (&'static str, &'static str, &'static str, f64, Option<f64>, bool);

pub const READINGS: &[Reading] = &[
    ("2025-05-01T00:10:00Z", "d1", "roof", 11.5, Some(71.0), true),
    ("2025-05-01T06:10:00Z", "d1", "roof", 9.8, Some(77.5), true),
    ("2025-05-01T12:10:00Z", "d1", "roof", 19.2, Some(52.0), true),
    ("2025-05-01T18:10:00Z", "d1", "roof", 17.4, None, true),
    ("2025-05-01T06:12:00Z", "d2", "cellar", 13.1, Some(84.0), true),
    ("2025-05-01T18:12:00Z", "d2", "cellar", 13.4, Some(83.0), false),
    ("2025-05-01T12:15:00Z", "d3", "hall", 22.7, Some(46.5), true),
    ("2025-05-02T00:10:00Z", "d1", "roof", 10.2, Some(75.0), true),
    ("2025-05-02T06:10:00Z", "d1", "roof", 8.9, Some(80.5), false),
    ("2025-05-02T12:10:00Z", "d1", "roof", 21.6, Some(48.0), true),
    ("2025-05-02T06:12:00Z", "d2", "cellar", 13.0, Some(85.5), true),
    ("2025-05-02T18:12:00Z", "d2", "cellar", 13.6, None, false),
    ("2025-05-02T12:15:00Z", "d3", "hall", 23.9, Some(44.0), true),
    ("2025-05-02T15:15:00Z", "d3", "hall", 24.8, Some(41.0), true),
    ("2025-05-03T06:10:00Z", "d1", "roof", 12.3, Some(70.0), true),
    ("2025-05-03T12:10:00Z", "d1", "roof", 25.1, Some(39.5), true),
    ("2025-05-03T12:15:00Z", "d3", "hall", 25.7, Some(40.0), false),
];

/// JSON lines with an object inside the object, and null where nothing was measured.
pub fn readings() -> String {
    let mut lines = String::new();
    for (time, id, site, temp, humidity, online) in READINGS {
        let humidity = humidity.map_or("null".to_owned(), |h| h.to_string());
        writeln!(
            lines,
            r#"{{"ts":"{time}","device":{{"id":"{id}","site":"{site}"}},"temp_c":{temp},"humidity":{humidity},"online":{online}}}"#
        )
        .expect("written");
    }
    lines
}

/// A film: title, year, director, genre, rating, gross in millions, minutes.
pub type Film = (&'static str, u32, &'static str, &'static str, f64, f64, u32);

pub const FILMS: &[Film] = &[
    ("Glass Harbour", 2019, "Ada Moreau", "drama", 7.9, 41.2, 118),
    ("The Last Ferry", 2021, "Ivo Petrov", "thriller", 6.8, 88.5, 104),
    ("Paper Moons", 2020, "Ada Moreau", "comedy", 7.1, 23.9, 96),
    ("Iron Orchard", 2022, "Lin Zhao", "action", 6.2, 310.4, 137),
    ("Nine Winters", 2018, "Lin Zhao", "drama", 8.4, 64.0, 149),
    ("Salt Road", 2021, "Marta Gil", "drama", 7.5, 12.7, 111),
    ("Nightshade", 2023, "Ivo Petrov", "thriller", 7.3, 121.6, 109),
    ("Happy Hour Inc", 2022, "Sol Reyes", "comedy", 5.9, 58.3, 92),
    ("Red Meridian", 2023, "Lin Zhao", "action", 7.0, 402.1, 142),
    ("Little Comets", 2019, "Sol Reyes", "comedy", 6.6, 31.0, 88),
    ("The Orchard Wall", 2020, "Marta Gil", "drama", 8.1, 19.4, 127),
    ("Zero Tide", 2024, "Ivo Petrov", "action", 6.4, 256.8, 121),
];

/// A JSON document whose rows stand under a key.
pub fn films() -> String {
    let rows: Vec<String> = FILMS
        .iter()
        .map(|(title, year, director, genre, rating, gross, minutes)| {
            format!(
                r#"  {{"title": "{title}", "year": {year}, "director": "{director}", "genre": "{genre}", "rating": {rating}, "gross_musd": {gross}, "minutes": {minutes}}}"#
            )
        })
        .collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

/// A ticket: key, opened, priority, team, assignee, status, hours spent.
pub type Ticket = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
    Option<f64>,
);

pub const TICKETS: &[Ticket] = &[
    ("T-1", "2025-01-06", "high", "web", Some("ann"), "closed", Some(5.5)),
    ("T-2", "2025-01-07", "low", "web", Some("raj"), "closed", Some(1.0)),
    ("T-3", "2025-01-09", "medium", "mobile", Some("lou"), "open", None),
    ("T-4", "2025-01-14", "high", "mobile", Some("lou"), "closed", Some(12.25)),
    ("T-5", "2025-01-15", "critical", "data", Some("kim"), "closed", Some(20.0)),
    ("T-6", "2025-01-20", "low", "web", None, "open", None),
    ("T-7", "2025-01-22", "medium", "data", Some("kim"), "blocked", Some(3.5)),
    ("T-8", "2025-02-03", "high", "web", Some("ann"), "open", Some(2.0)),
    ("T-9", "2025-02-04", "medium", "web", Some("raj"), "closed", Some(4.75)),
    ("T-10", "2025-02-11", "low", "mobile", None, "open", None),
    ("T-11", "2025-02-12", "critical", "web", Some("ann"), "closed", Some(9.0)),
    ("T-12", "2025-02-19", "high", "data", Some("kim"), "blocked", Some(7.5)),
    ("T-13", "2025-02-25", "medium", "mobile", Some("lou"), "closed", Some(6.0)),
    ("T-14", "2025-03-03", "high", "mobile", Some("zed"), "open", Some(1.5)),
    ("T-15", "2025-03-05", "low", "data", Some("zed"), "closed", Some(0.5)),
    ("T-16", "2025-03-10", "medium", "web", Some("raj"), "open", None),
    ("T-17", "2025-03-18", "critical", "mobile", Some("lou"), "closed", Some(15.0)),
    ("T-18", "2025-03-21", "high", "web", Some("ann"), "closed", Some(3.25)),
    ("T-19", "2025-03-27", "medium", "data", None, "open", None),
];

/// Tabs.
pub fn tickets() -> String {
    let mut tsv = "ticket\topened\tpriority\tteam\tassignee\tstatus\thours\n".to_owned();
    for (key, opened, priority, team, assignee, status, hours) in TICKETS {
        let hours = hours.map_or(String::new(), |h| h.to_string());
        let assignee = assignee.unwrap_or_default();
        writeln!(tsv, "{key}\t{opened}\t{priority}\t{team}\t{assignee}\t{status}\t{hours}")
            .expect("written");
    }
    tsv
}

/// A country: name, continent, people, area in square kilometres, joined the union in, capital.
pub type Country = (&'static str, &'static str, u64, u32, &'static str);

pub const COUNTRIES: &[Country] = &[
    ("Aldova", "Europe", 4_120_000, 52_300, "Brana"),
    ("Besmark", "Europe", 10_480_500, 120_750, "Holt"),
    ("Cintra", "Africa", 23_900_000, 410_000, "Zumba City"),
    ("Dorvale", "Asia", 67_050_000, 298_400, "Dor"),
    ("Elunia", "Africa", 8_760_000, 97_600, "Port Elun"),
    ("Fjellon", "Europe", 5_390_000, 310_200, "Nordvik"),
    ("Garuda", "Asia", 141_300_000, 905_000, "Rajpur"),
    ("Hespera", "America", 31_250_000, 756_100, "San Telo"),
    ("Illyria", "Europe", 2_870_000, 28_700, "Tiran"),
    ("Jandar", "Asia", 19_640_000, 185_300, "Jand"),
    ("Kurova", "Africa", 54_400_000, 1_104_000, "Kuro"),
    ("Lorimar", "America", 6_480_000, 75_400, "Puerto Lor"),
];

pub fn countries() -> String {
    let mut csv = "country,continent,population,area_km2,capital\n".to_owned();
    for (name, continent, people, area, capital) in COUNTRIES {
        writeln!(csv, "{name},{continent},{people},{area},{capital}").expect("written");
    }
    csv
}

/// A request: minute of the day, address, method, path, status, bytes.
pub type Hit = (u32, &'static str, &'static str, &'static str, u32, u32);

pub const HITS: &[Hit] = &[
    (8 * 60 + 2, "203.0.113.5", "GET", "/", 200, 5120),
    (8 * 60 + 7, "203.0.113.9", "GET", "/login", 200, 1830),
    (8 * 60 + 9, "198.51.100.23", "POST", "/login", 401, 210),
    (8 * 60 + 10, "198.51.100.23", "POST", "/login", 401, 210),
    (8 * 60 + 31, "203.0.113.5", "GET", "/cart", 200, 2044),
    (8 * 60 + 58, "192.0.2.77", "GET", "/old-page", 404, 512),
    (9 * 60 + 1, "192.0.2.77", "GET", "/favicon.ico", 404, 512),
    (9 * 60 + 14, "203.0.113.9", "POST", "/checkout", 500, 640),
    (9 * 60 + 15, "203.0.113.9", "POST", "/checkout", 503, 333),
    (9 * 60 + 40, "203.0.113.5", "GET", "/", 200, 5120),
    (10 * 60 + 3, "198.51.100.23", "GET", "/admin", 403, 280),
    (10 * 60 + 5, "198.51.100.23", "GET", "/admin", 403, 280),
    (10 * 60 + 22, "203.0.113.44", "GET", "/", 200, 5120),
    (10 * 60 + 23, "203.0.113.44", "GET", "/cart", 304, 0),
    (10 * 60 + 48, "203.0.113.9", "POST", "/checkout", 201, 777),
    (11 * 60 + 5, "203.0.113.5", "GET", "/missing", 404, 512),
    (11 * 60 + 6, "192.0.2.77", "GET", "/", 200, 5120),
];

/// An access log as web servers write it.
pub fn access() -> String {
    let mut log = String::new();
    for (minute, address, method, path, status, bytes) in HITS {
        writeln!(
            log,
            "{address} - - [14/Apr/2025:{:02}:{:02}:11 +0000] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"Probe/1.0\"",
            minute / 60,
            minute % 60
        )
        .expect("written");
    }
    log
}

/// A line of a service: time of day, level, part, words.
pub type Line = (&'static str, &'static str, &'static str, &'static str);

pub const LINES: &[Line] = &[
    ("07:58:10", "INFO", "boot", "service started in 812 ms"),
    ("08:03:44", "INFO", "mail", "message 4411 delivered to user ann"),
    ("08:15:02", "WARN", "pool", "only 3 connections left"),
    ("08:15:09", "ERROR", "pool", "no connection free after 5000 ms"),
    ("08:41:30", "INFO", "mail", "message 4412 delivered to user raj"),
    ("09:02:17", "ERROR", "mail", "mailbox of user lou is full"),
    ("09:02:58", "ERROR", "pool", "no connection free after 5000 ms"),
    ("09:17:00", "INFO", "mail", "message 4413 delivered to user ann"),
    ("09:44:21", "WARN", "disk", "volume data is 91 percent full"),
    ("10:05:05", "ERROR", "disk", "volume data is read only"),
    ("10:05:06", "ERROR", "disk", "volume data is read only"),
    ("10:20:40", "INFO", "mail", "message 4414 delivered to user kim"),
    ("10:31:12", "WARN", "pool", "only 2 connections left"),
    ("10:59:59", "ERROR", "mail", "mailbox of user ann is full"),
    ("11:10:00", "INFO", "boot", "service stopped"),
];

/// A log with levels and parts.
pub fn service() -> String {
    let mut log = String::new();
    for (time, level, part, words) in LINES {
        writeln!(log, "2025-04-14 {time} {level} [{part}] {words}").expect("written");
    }
    log
}

/// A member of a club: key, joined, plan, age, visits each month, fee, club, cancelled on.
pub type Member =
    (&'static str, &'static str, &'static str, u32, u32, f64, &'static str, &'static str);

pub const MEMBERS: &[Member] = &[
    ("M001", "2023-02-11", "basic", 34, 4, 19.90, "North", ""),
    ("M002", "2022-07-05", "premium", 51, 9, 49.00, "South", "2024-03-01"),
    ("M003", "2024-01-20", "basic", 23, 12, 19.90, "North", ""),
    ("M004", "2021-11-30", "family", 42, 3, 79.50, "West", ""),
    ("M005", "2023-09-14", "premium", 29, 15, 49.00, "West", "2024-06-15"),
    ("M006", "2022-03-03", "basic", 61, 2, 19.90, "South", "2023-12-31"),
    ("M007", "2024-04-08", "family", 38, 7, 79.50, "North", ""),
    ("M008", "2023-05-25", "premium", 45, 11, 49.00, "North", ""),
    ("M009", "2021-08-17", "basic", 27, 6, 19.90, "West", "2024-01-10"),
    ("M010", "2024-02-02", "premium", 33, 8, 49.00, "South", ""),
];

/// Two columns of dates, one of them empty where nothing happened.
pub fn members() -> String {
    let mut csv =
        "member_id,joined,plan,age,visits_per_month,monthly_fee,club,cancelled_on\n".to_owned();
    for (id, joined, plan, age, visits, fee, club, cancelled) in MEMBERS {
        writeln!(csv, "{id},{joined},{plan},{age},{visits},{fee:.2},{club},{cancelled}")
            .expect("written");
    }
    csv
}
