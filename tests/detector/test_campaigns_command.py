"""What analysts see of campaigns in the lake, and what becomes of what they say."""

import json

import pytest

from detector import cli
from detector.campaigns import Allowed, add_allowed, read_allowed
from detector.contract.campaigns import Campaign, Counted, Status
from detector.lake import LakeWriter
from detector.lake.tables import campaigns_frame
from models.bank import TemplateBank
from models.encoder import StaticEncoder

LONELY, PIZZA, PART = "camp_000000000000000a", "camp_000000000000000b", "camp_000000000000000c"


def campaign(campaign_id, members, **fields):
    return Campaign(
        **{
            "campaign_id": campaign_id,
            "status": Status.ACTIVE,
            "label": None,
            "template": "hey {…} write me at {handle}",
            "examples": ("hey anna write me at @olga_77 tonight", "hey lena write me at @olga_78 tonight"),
            "members": members,
            "member_ids": tuple(f"u{i}" for i in range(members)),
            "messages": 2 * members,
            "first_seen": "2026-01-05T12:00:00.000Z",
            "last_seen": "2026-01-05T13:00:00.000Z",
            "members_per_hour": 4.0,
            "languages": (Counted("en", members),),
            "contacts": (Counted("@olga_77", 3),),
            "links": (),
            "verdicts": (Counted("block", 2),),
            "merged_into": None,
            "updated_at": f"2026-01-05T13:00:{members:02d}.000Z",
            **fields,
        }
    )


@pytest.fixture(autouse=True)
def _lake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writer = LakeWriter(tmp_path / "lake", "w0")
    pizza = {"template": "pizza \x1b[2J anyone", "examples": ("does anybody know a good place for pizza",)}
    writer.add("campaigns", campaigns_frame([campaign(LONELY, 3), campaign(PIZZA, 5, status=Status.FORMING, **pizza)]))
    writer.add(
        "campaigns", campaigns_frame([campaign(LONELY, 8), campaign(PART, 1, status=Status.MERGED, merged_into=LONELY)])
    )
    writer.stage(1)
    writer.publish(1)


def gillnet(*args):
    with pytest.raises(SystemExit) as stop:
        cli.main(list(args))
    return stop.value.code


def listed(capsys, *args):
    capsys.readouterr()
    assert gillnet("campaigns", "list", "--json", *args) == 0
    return json.loads(capsys.readouterr().out)


def test_the_list_has_each_campaign_as_it_was_told_last(capsys):
    found = listed(capsys)
    assert [(c["campaign_id"], c["members"]) for c in found] == [(LONELY, 8), (PIZZA, 5), (PART, 1)]
    assert [c["campaign_id"] for c in listed(capsys, "--status", "forming")] == [PIZZA]
    assert [c["campaign_id"] for c in listed(capsys, "--limit", "1")] == [LONELY]


def test_the_table_shows_hostile_text_harmlessly(capsys):
    assert gillnet("campaigns", "list") == 0
    shown = capsys.readouterr().out
    assert r"pizza \x1b[2J" in " ".join(shown.split())
    assert "\x1b" not in shown


def test_a_campaign_is_shown_with_its_members(capsys):
    assert gillnet("campaigns", "show", LONELY, "--members", "2") == 0
    shown = capsys.readouterr().out
    for part in (
        f"Campaign {LONELY}: active",
        "hey {…} write me at {handle}",
        "@olga_77 (3)",
        "block (2)",
        "member      u1",
    ):
        assert part in shown
    assert "u2" not in shown
    assert gillnet("campaigns", "show", LONELY, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["member_ids"]) == 8


@pytest.mark.parametrize(
    ("args", "message", "code"),
    [
        (["show", "camp_00"], "the lake knows no campaign 'camp_00'", 1),
        (["label", PART, "bot"], f"{PART} is part of {LONELY} now", 2),
        (["label", LONELY, "good"], "is not one of", 2),
        (["list", "--lake-dir", "elsewhere"], "no lake in 'elsewhere'", 2),
    ],
)
def test_what_cannot_be_done_is_said(args, message, code, capsys):
    assert gillnet("campaigns", *args) == code
    assert message in capsys.readouterr().err


def test_bots_texts_become_known_templates(capsys, tmp_path):
    assert gillnet("campaigns", "label", LONELY, "bot") == 0
    assert "2 of its texts are new among the known templates" in capsys.readouterr().out
    bank = TemplateBank.load(tmp_path / "campaigns" / "templates.safetensors", StaticEncoder.load())
    assert {template.campaign_id for template in bank.templates} == {LONELY}
    assert listed(capsys)[0]["label"] == "bot"
    assert gillnet("campaigns", "label", LONELY, "bot", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"campaign_id": LONELY, "label": "bot", "texts": 0}


def test_benign_texts_are_allowed_and_a_later_label_wins(capsys, tmp_path):
    path = tmp_path / "campaigns" / "allowed.jsonl"
    assert gillnet("campaigns", "label", LONELY, "bot") == 0
    assert gillnet("campaigns", "label", LONELY, "benign") == 0
    assert [(entry.allowed, entry.campaign_id) for entry in read_allowed(path)] == [(True, LONELY)] * 2
    assert listed(capsys)[0]["label"] == "benign"
    assert gillnet("campaigns", "label", LONELY, "bot") == 0
    assert [entry.allowed for entry in read_allowed(path)] == [False] * 2
    assert listed(capsys)[0]["label"] == "bot"


def test_what_people_wrote_into_the_file_stays(tmp_path):
    path = tmp_path / "campaigns" / "allowed.jsonl"
    add_allowed(path, [Allowed(text="happy new year to everybody")])
    path.write_text("\n" + path.read_text().rstrip("\n"))
    assert gillnet("campaigns", "label", PIZZA, "benign") == 0
    assert [entry.text for entry in read_allowed(path)] == [
        "happy new year to everybody",
        "does anybody know a good place for pizza",
    ]
    assert path.read_text().startswith("\n")


def test_templates_travel_to_another_deployment(capsys, tmp_path, monkeypatch):
    assert gillnet("campaigns", "label", LONELY, "bot") == 0
    assert gillnet("bank", "export", "out.safetensors") == 0
    assert "2 templates in out.safetensors" in capsys.readouterr().out
    monkeypatch.setenv("GILLNET_CAMPAIGNS_DIR", str(tmp_path / "other"))
    assert gillnet("bank", "import", "out.safetensors", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"taken": 2, "known": 0, "templates": 2}
    assert gillnet("bank", "import", "out.safetensors") == 0
    assert "0 templates taken in, 2 were known; 2 in all" in capsys.readouterr().out


def test_what_is_no_bank_is_not_taken_in(capsys, tmp_path):
    (tmp_path / "out.safetensors").write_text("nothing")
    assert gillnet("bank", "import", "out.safetensors") == 2
    assert "expected a bank of templates" in capsys.readouterr().err
    assert gillnet("bank", "import", "none") == 2
    assert "got no file 'none'" in capsys.readouterr().err
