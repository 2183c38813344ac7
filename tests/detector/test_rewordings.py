"""What is said in other words is found in the lake, and confirmed into the bank."""

import json

import numpy as np
import polars as pl
import pytest

from detector import cli
from detector.lake import LakeWriter
from detector.lake.tables import TABLES
from models.bank import TemplateBank
from models.encoder import StaticEncoder

WORDINGS = (
    "i make 500 dollars every week by trading crypto, ask me how you can do it too",
    "want to learn how i earn 500 a week with bitcoin trading? just ask me",
    "trading cryptocurrency pays me five hundred dollars weekly, i can show you how it works",
    "with crypto trades i get about 500 bucks each week, let me teach you",
    "my income from bitcoin trading is 500 usd per week, message me and i explain how",
    "you could be earning 500 dollars weekly from trading coins as i do, i will show you the way",
    "every week 500 dollars profit from crypto, it is simple to learn, ask me for details",
    "since i began trading bitcoin i take home 500 a week, write me if you want to know how",
)
START_MS = 1_767_614_400_000
WORDS = (
    "i think we should go there again next summer when the weather is better",
    "my sister has a dog that eats everything",
    "the train was late again so i walked home in the rain",
    "have you tried the new bakery near the old bridge",
    "i am learning to play the cello but it sounds awful",
    "we watched that long film about penguins yesterday",
    "somebody left a bicycle in front of my door",
    "this winter i want to read more books about the sea",
)


def chat(n: int) -> list[str]:
    """Say different things about different things."""
    random = np.random.default_rng(5)
    return [" ".join(random.permutation(" ".join(random.choice(WORDS, 2)).split())[:12]) for _ in range(n)]


def written(folder) -> None:
    """Write a lake: one campaign in eight wordings by flagged accounts, and chat by others."""
    said = [(f"bot{i}", text, "review") for i, text in enumerate(WORDINGS)]
    said += [(f"user{i}", text, "allow") for i, text in enumerate(chat(300))]
    head = {
        "event_id": [f"e{i}" for i in range(len(said))],
        "account_id": [account for account, _, _ in said],
        "ts": pl.Series([START_MS + 60_000 * i for i in range(len(said))]).cast(pl.Datetime("ms", "UTC")),
    }
    events = pl.DataFrame(head | {"type": "message", "text": [text for _, text, _ in said], "outcome": "processed"})
    scores = pl.DataFrame(head | {"score": 0.5, "verdict": [v for _, _, v in said], "model_version": "m"})
    writer = LakeWriter(folder / "lake", "w0")
    for name, rows in (("events", events), ("scores", scores)):
        schema = TABLES[name].schema
        rows = rows.with_columns(pl.lit(None).alias(column) for column in schema.names() if column not in rows.columns)
        writer.add(name, rows.select(pl.col(column).cast(schema[column]) for column in schema.names()))
    writer.stage(1)
    writer.publish(1)


@pytest.fixture(autouse=True)
def _lake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path)


def gillnet(capsys, *args) -> tuple[int, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        cli.main(["campaigns", "reworded", *args])
    return stop.value.code, capsys.readouterr().out


def found(capsys) -> dict:
    code, out = gillnet(capsys, "--json", "--false", "0.3")
    assert code == 0
    return json.loads(out)


def test_a_campaign_in_other_words_is_found_and_names_its_accounts(capsys):
    (one,) = found(capsys)["rewordings"]
    assert len(one["account_ids"]) >= 3
    assert all(account.startswith("bot") for account in one["account_ids"])
    assert set(one["texts"]) <= set(WORDINGS)


def test_it_is_found_under_the_same_name_again_and_shown_to_people(capsys):
    (one,) = found(capsys)["rewordings"]
    code, shown = gillnet(capsys, "--false", "0.3")
    assert code == 0
    assert one["rewording_id"] in shown


def test_one_that_is_confirmed_is_known_from_the_first_message_on(capsys, tmp_path):
    (one,) = found(capsys)["rewordings"]
    assert gillnet(capsys, "--false", "0.3", "--confirm", one["rewording_id"])[0] == 0
    (path,) = tmp_path.rglob("templates*")
    bank = TemplateBank.load(path, StaticEncoder.load())
    assert {template.example for template in bank.templates} == set(one["texts"])
    assert {template.campaign_id for template in bank.templates} == {one["rewording_id"]}


def test_an_unknown_one_is_a_clear_error(capsys):
    assert gillnet(capsys, "--false", "0.3", "--confirm", "rewd_no")[0] == 2
