"""A believable company: company codes, currencies, projects with WBS trees and budgets, cost centres, vendors.

Belongs here: master data, made from a seed. Does not belong here: documents and what happens to them.
Money is an ``int`` in the minor units of its currency (JPY 0, KWD 3 digits); rates are ``int`` in 1/100000.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field

DIGITS = {"EUR": 2, "USD": 2, "CHF": 2, "GBP": 2, "JPY": 0, "KWD": 3, "XXQ": 2}
IN_EURO = {"EUR": 1.0, "USD": 0.9171, "CHF": 1.0432, "GBP": 1.1684, "JPY": 0.00612, "KWD": 2.9874, "XXQ": 1.0}
RATE_ONE = 100_000


def divide(numerator: int, denominator: int) -> int:
    """Rounded half up, away from zero; ``denominator`` is positive."""
    half = (2 * abs(numerator) + denominator) // (2 * denominator)
    return half if numerator >= 0 else -half


def rate_between(source: str, target: str) -> int:
    """How much ``target`` one ``source`` is worth, with SAP's five decimals."""
    return RATE_ONE if source == target else max(1, round(IN_EURO[source] / IN_EURO[target] * RATE_ONE))


def convert(amount: int, rate: int, source: str, target: str) -> int:
    """Minor units of ``source`` into minor units of ``target``, half up."""
    if source == target and rate == RATE_ONE:
        return amount
    return divide(amount * rate * 10 ** DIGITS[target], RATE_ONE * 10 ** DIGITS[source])


def decimal_text(amount: int, currency: str) -> str:
    """The amount as a person writes it: ``"-12.30"``, ``"1200"`` in JPY."""
    digits = DIGITS[currency]
    if not digits:
        return str(amount)
    whole = f"{abs(amount):0{digits + 1}d}"
    return f"{'-' if amount < 0 else ''}{whole[:-digits]}.{whole[-digits:]}"


@dataclass(slots=True, eq=False)
class Company:
    code: str
    name: str
    currency: str
    country: str
    city: str
    cost_centres: list[str] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Wbs:
    """A WBS element; ``element`` is the external number, ``internal`` the one that postings carry."""

    element: str
    internal: int
    name: str
    project: Project
    parent: Wbs | None
    ordinal: int
    guid: str
    statistical: bool = False
    known: bool = True


@dataclass(slots=True, eq=False)
class Project:
    number: str
    internal: int
    name: str
    company: Company
    status: str
    start_offset: int
    length: int
    guid: str
    elements: list[Wbs] = field(default_factory=list)
    budgets: list[tuple[str | None, int]] = field(default_factory=list)

    @property
    def postable(self) -> list[Wbs]:
        return self.elements[1:]


@dataclass(slots=True, eq=False)
class Vendor:
    number: str
    name: str
    city: str
    country: str
    currency: str


COMPANIES = (
    ("1010", "Nordlicht Anlagenbau GmbH", "EUR", "DE", "Hamburg", 40),
    ("1710", "Nordlicht Industries Inc.", "USD", "US", "Palo Alto", 20),
    ("2010", "Nordlicht Schweiz AG", "CHF", "CH", "Zürich", 14),
    ("1110", "Nordlicht UK Ltd.", "GBP", "GB", "Leeds", 10),
    ("1510", "Nordlicht Japan K.K.", "JPY", "JP", "Osaka", 8),
    ("1910", "Nordlicht Gulf W.L.L.", "KWD", "KW", "Kuwait City", 8),
)
WEIGHTS = [row[5] for row in COMPANIES]
PROJECT_NAMES = (
    "Werk Süd: Halle 4|Batteriespeicher Büsum|Offshore-Plattform Ägir|Umspannwerk Königsberg|SAP S/4 Rollout|"
    "Neubau Verwaltung|Retrofit Presse 7|Wärmepumpenpark Lübeck|Kläranlage Höchst|Digitaler Zwilling|"
    "Palo Alto Lab|Texas Solar Field|Data Center Reno|Assembly Line B|Chicago Warehouse|Hydrogen Pilot|"
    "Gotthard-Lüftung|Seilbahn Engelberg|Labor Zürich|Kraftwerk Aare|Leeds Depot|Thames Pumping|Aberdeen Base|"
    "Osaka 第2工場|Kobe Port Crane|Nagoya Paint Shop|Kuwait Desalination|Doha Road Link|Basra Substation|"
    "ERP Harmonisation"
).split("|")
WBS_NAMES = (
    "Planung|Tiefbau|Hochbau|Elektrik|Mechanik|IT & Automation|Inbetriebnahme|Genehmigungen|Außenanlagen|Qualität|"
    "Projektleitung|Logistik|Prüfungen|Sicherheit|Reserve"
).split("|")
VENDOR_NAMES = (
    "Müller Stahlbau GmbH|Schröder & Söhne KG|Größl Elektrotechnik|Hübner Kräne AG|Jäger IT-Beratung|Weiß Logistik|"
    "Ünlü Makina A.Ş.|Acme Industrial Supply|Pacific Crane Rental|O'Brien Concrete|Lone Star Electric|Blue Ridge Pipe|"
    "Bühler Präzision AG|Zürcher Ingenieure AG|Käser Bau|Sheffield Steelworks|Thames Consulting|Northern Cables Ltd|"
    "山田電機株式会社|Kansai Kōgyō|Nakamura Seiki|Al-Rashid Contracting|Gulf Pumps Co.|Kuwait Technical Services|"
    "Łódź Maszyny Sp. z o.o.|Bjørn Offshore AS|Électricité Dupré|Peña Ingeniería S.A.|Škoda Transport|Çelik Boru"
).split("|")


@dataclass(slots=True)
class Masters:
    """All master data of the tenant, as lists in key order and as maps by key."""

    companies: list[Company]
    projects: list[Project]
    vendors: list[Vendor]

    def elements(self) -> list[Wbs]:
        return [element for project in self.projects for element in project.elements]


def masters(seed: int, scale: int) -> Masters:
    """The company of this seed; ``scale`` multiplies the budgets as the number of order lines grows."""
    rng = random.Random(f"company-{seed}")
    companies = [Company(code, name, currency, land, city) for code, name, currency, land, city, _ in COMPANIES]
    for index, company in enumerate(companies):
        company.cost_centres = [f"{company.code}{110 + 10 * n + index}" for n in range(6)]
    projects = [_project(rng, number, companies, scale) for number in range(40)]
    counter = 1000
    for project in projects:
        project.company.projects.append(project)
        for element in project.elements:
            counter += 1
            element.internal = counter
    return Masters(companies, projects, _vendors(rng))


def _project(rng: random.Random, index: int, companies: list[Company], scale: int) -> Project:
    # Every company has projects; the rest is spread by weight.
    company = companies[index] if index < len(companies) else rng.choices(companies, WEIGHTS)[0]
    name = PROJECT_NAMES[index % len(PROJECT_NAMES)] + (" II" if index >= len(PROJECT_NAMES) else "")
    start = rng.randint(-900, -200)
    status = rng.choices(["10", "00", "20"], [85, 8, 7])[0]
    number = f"P-{1000 + 10 * index}"
    project = Project(number, 500 + index, name, company, status, start, rng.randint(700, 1500), _guid(rng))
    _tree(rng, project)
    _budget(rng, project, scale)
    return project


def _tree(rng: random.Random, project: Project) -> None:
    """3 to 10 elements in up to three levels; in every fourth project the last one is statistical."""
    root = Wbs(project.number, 0, project.name[:40], project, None, 1, _guid(rng))
    project.elements.append(root)
    wanted = rng.randint(3, 10)
    names = rng.sample(WBS_NAMES, wanted)
    branch, number, leaf = root, 0, 0
    while len(project.elements) < wanted:
        name, position = names[len(project.elements)], len(project.elements) + 1
        if branch is not root and leaf < 3 and rng.random() < 0.5:
            leaf += 1
            element = Wbs(f"{branch.element}.{leaf:02d}", 0, name, project, branch, position, _guid(rng))
        else:
            number, leaf = number + 1, 0
            element = Wbs(f"{project.number}.{number:02d}", 0, name, project, root, position, _guid(rng))
            branch = element
        project.elements.append(element)
    project.elements[-1].statistical = project.internal % 4 == 0


def _budget(rng: random.Random, project: Project, scale: int) -> None:
    """Two thirds have a budget per WBS element, some for the project only, a few none."""
    currency = project.company.currency
    whole = round(rng.uniform(150, 1500) * scale / IN_EURO[currency]) * 1000 * 10 ** DIGITS[currency]
    kind = rng.random()
    if kind < 0.66:
        parts = [rng.random() + 0.2 for _ in project.postable]
        shares = [round(whole * part / sum(parts)) for part in parts]
        named = zip(project.postable, shares, strict=True)
        project.budgets = [(element.element, share) for element, share in named]
    elif kind < 0.93:
        project.budgets = [(None, whole)]


def _vendors(rng: random.Random) -> list[Vendor]:
    counts = (
        ("DE", "EUR", 7),
        ("US", "USD", 5),
        ("CH", "CHF", 3),
        ("GB", "GBP", 3),
        ("JP", "JPY", 3),
        ("KW", "KWD", 3),
    )
    lands = [(land, currency) for land, currency, count in counts for _ in range(count)]
    made = []
    for index, name in enumerate(VENDOR_NAMES):
        land, currency = lands[index] if index < len(lands) else ("FR", "EUR")
        number = f"EXT-V{index:03d}" if index % 9 == 4 else str(17300001 + 7 * index)
        made.append(Vendor(number, name, rng.choice(["Köln", "Basel", "Leeds", "Austin", "Kobe"]), land, currency))
    return made


def _guid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
