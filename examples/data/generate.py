#!/usr/bin/env python3
"""Makes the sample data beside it, the same on every run, and the true counts in truth.json.

The service is made up: Harbour, a parcel depot with a planner, a payment client, label printers and
a web gateway. Needs Python 3 and nothing else: `python3 examples/data/generate.py`.
"""

import csv
import datetime as dt
import json
import pathlib
import random

HERE = pathlib.Path(__file__).parent
DAY = dt.datetime(2026, 3, 2, 6, 0, 0)
DICE = random.Random(20260302)
USERS = ["amina", "bjorn", "carla", "dmitri", "esther", "farid", "greta", "hiro"]


def at(hours):
    """A moment so many hours into the day, to the millisecond."""
    return DAY + dt.timedelta(milliseconds=int(hours * 3_600_000))


def anywhere():
    return DICE.uniform(0, 12)


def within(start, minutes):
    return DICE.uniform(start, start + minutes / 60)


def parcel():
    return f"P{DICE.randrange(10**7, 10**8)}"


def address(net):
    return f"10.{net}.{DICE.randrange(256)}.{DICE.randrange(1, 255)}"


def system_log():
    """(time, level, thread, logger, message, following lines), and the truth by family."""
    out, truth = [], {}

    def add(hour, level, thread, logger, message, more=()):
        out.append((at(hour), level, thread, logger, message, list(more)))

    def family(name, count, severity, make, when=anywhere):
        truth[name] = {"count": count, "severity": severity}
        for _ in range(count):
            make(when())

    # What goes well.
    for _ in range(410):
        add(anywhere(), "INFO", f"dispatch-{DICE.randrange(4)}", "depot.route.Planner",
            f"parcel {parcel()} planned on route R{DICE.randrange(10, 60)} in {DICE.randrange(3, 90)} ms")
    for _ in range(300):
        add(anywhere(), "INFO", f"scan-{DICE.randrange(3)}", "depot.dock.Scanner",
            f"parcel {parcel()} scanned at dock {DICE.randrange(1, 9)}, weight {DICE.uniform(0.1, 31):.2f} kg")
    for _ in range(150):
        add(anywhere(), "INFO", "web-1", "depot.web.Session",
            f"user {DICE.choice(USERS)} signed in from {address(20)}")
    for _ in range(120):
        add(anywhere(), "DEBUG", "web-1", "depot.web.Cache",
            f"cache route-{DICE.randrange(10, 60)} refreshed, {DICE.randrange(5, 400)} entries")
    # What only sounds bad.
    for i in range(48):
        add(i * 0.25 + 0.01, "INFO", "timer", "depot.jobs.Reconcile",
            f"reconcile run {i + 1} finished: {DICE.randrange(200, 900)} checked, 0 errors, no failures")
    for i in range(24):
        add(i * 0.5 + 0.02, "INFO", "timer", "depot.health.Probe", "health check passed, errors=0 timeouts=0")

    family("slow query", 44, "warning", lambda h: add(
        h, "WARN", "db-pool", "depot.db.Pool", f"slow query on table {DICE.choice(['parcels', 'routes', 'labels'])}: {DICE.randrange(1000, 4800)} ms"))
    family("payment retried", 37, "warning", lambda h: add(
        h, "WARN", "pay-1", "depot.pay.Client", f"payment {DICE.randrange(10**5, 10**6)} not confirmed yet, attempt {DICE.randrange(2, 5)} of 5"))
    family("disk filling", 12, "warning", lambda h: add(
        h, "WARN", "timer", "depot.health.Disk", f"volume /var/spool at {DICE.randrange(85, 97)}% of its size"))

    family("no database connection", 96, "error", lambda h: add(
        h, "ERROR", f"dispatch-{DICE.randrange(4)}", "depot.db.Pool", "no connection from pool orders: timed out after 5000 ms"),
        lambda: within(4.5, 11))
    family("sign-in failed", 58, "error", lambda h: add(
        h, "ERROR", "web-1", "depot.web.Session",
        f"sign-in of user {DICE.choice(['root', 'admin', 'test'] + USERS)} from "
        f"{'10.66.6.6' if DICE.random() < 0.8 else address(20)} failed: invalid password"))
    family("payment refused", 41, "error", lambda h: add(
        h, "ERROR", "pay-1", "depot.pay.Client",
        f"payment {DICE.randrange(10**5, 10**6)} could not be sent to pay-{DICE.randrange(1, 4)}.harbour.example:8443: connection refused"))
    family("label missing", 17, "error", lambda h: add(
        h, "ERROR", "print-2", "depot.label.Printer", f"cannot open /var/spool/labels/{parcel()}.zpl: no such file or directory"))
    trace = [
        "java.lang.NullPointerException: Cannot invoke \"Route.stops()\" because \"route\" is null",
        "\tat depot.route.Planner.assign(Planner.java:212)",
        "\tat depot.route.Planner.run(Planner.java:88)",
        "\tat java.base/java.lang.Thread.run(Thread.java:1583)",
    ]
    family("planner crashed on a parcel", 9, "error", lambda h: add(
        h, "ERROR", f"dispatch-{DICE.randrange(4)}", "depot.route.Planner", f"planning of parcel {parcel()} aborted", trace))
    family("out of memory", 1, "critical", lambda h: add(
        h, "FATAL", "scan-0", "depot.dock.Scanner", "out of memory: cannot allocate 268435456 bytes for image buffer"),
        lambda: 9.37)

    out.sort(key=lambda r: r[0])
    lines = []
    for when, level, thread, logger, message, more in out:
        stamp = when.strftime("%Y-%m-%d %H:%M:%S.") + f"{when.microsecond // 1000:03d}"
        lines.append(f"{stamp} {level:<5} [{thread}] {logger}: {message}")
        lines.extend(more)
    (HERE / "system.log").write_text("\n".join(lines) + "\n")
    errors = sum(f["count"] for f in truth.values() if f["severity"] != "warning")
    return {"lines": len(lines), "records": len(out), "errors": errors,
            "warnings": sum(f["count"] for f in truth.values() if f["severity"] == "warning"), "families": truth}


def gateway_log():
    """An HTTP access log in the combined format."""
    out = []

    def add(hour, method, path, status, size, client=None):
        out.append((at(hour), client or address(20), method, path, status, size))

    for _ in range(520):
        add(anywhere(), "GET", f"/api/parcels/{parcel()}", 200, DICE.randrange(300, 2000))
    for _ in range(140):
        add(anywhere(), "POST", "/api/parcels", 201, DICE.randrange(100, 300))
    for _ in range(90):
        add(anywhere(), "GET", "/", 200, 5120)
    families = {}

    def family(name, count, severity, method, path, status, when=anywhere, client=None):
        families[name] = {"count": count, "severity": severity}
        for _ in range(count):
            add(when(), method, path(), status, DICE.randrange(90, 400), client)

    family("parcel not found", 33, "warning", "GET", lambda: f"/api/parcels/{parcel()}", 404)
    family("not signed in", 21, "warning", "POST", lambda: "/api/sign-in", 401, client="10.66.6.6")
    family("orders: bad gateway", 52, "error", "POST", lambda: "/api/orders", 502, lambda: within(4.52, 9))
    family("parcels: internal error", 19, "error", "GET", lambda: f"/api/parcels/{parcel()}", 500)
    family("labels: unavailable", 8, "error", "GET", lambda: f"/api/labels/{parcel()}", 503)

    out.sort(key=lambda r: r[0])
    agent = "HarbourApp/3.2"
    with open(HERE / "gateway.log", "w") as file:
        for when, client, method, path, status, size in out:
            stamp = when.strftime("%d/%b/%Y:%H:%M:%S +0000")
            file.write(f'{client} - - [{stamp}] "{method} {path} HTTP/1.1" {status} {size} "-" "{agent}"\n')
    return {"lines": len(out), "records": len(out),
            "errors": sum(f["count"] for f in families.values() if f["severity"] == "error"),
            "warnings": sum(f["count"] for f in families.values() if f["severity"] == "warning"), "families": families}


def sales_csv():
    """Sales per week, region and product."""
    prices = {"box S": 3.9, "box M": 5.9, "box L": 8.9, "express": 14.5, "insurance": 2.2}
    rows, units_total, revenue_cents = 0, 0, 0
    by_region = {}
    with open(HERE / "sales.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["week", "week_start", "region", "product", "units", "revenue_eur", "returns"])
        for week in range(1, 13):
            start = dt.date(2026, 1, 5) + dt.timedelta(weeks=week - 1)
            for region, share in [("north", 1.0), ("south", 0.8), ("east", 0.55), ("west", 1.3)]:
                for product, price in prices.items():
                    units = int(DICE.gauss(120, 25) * share)
                    cents = round(units * price * 100)
                    writer.writerow([f"2026-W{week:02d}", start.isoformat(), region, product, units,
                                     f"{cents / 100:.2f}", DICE.randrange(0, max(2, units // 20))])
                    rows, units_total, revenue_cents = rows + 1, units_total + units, revenue_cents + cents
                    by_region[region] = by_region.get(region, 0) + cents
    return {"rows": rows, "units": units_total, "revenue_eur": f"{revenue_cents / 100:.2f}",
            "revenue_eur_by_region": {r: f"{c / 100:.2f}" for r, c in by_region.items()}}


if __name__ == "__main__":
    truth = {"system.log": system_log(), "gateway.log": gateway_log(), "sales.csv": sales_csv()}
    (HERE / "truth.json").write_text(json.dumps(truth, indent=2) + "\n")
    print(json.dumps(truth, indent=2))
