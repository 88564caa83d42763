"""`phonegate harden` on phones that apply and save by two buttons, killed between the two: whatever
was only applied is gone when such a phone loses its power, and no password may be lost by that."""

import subprocess

import pytest

from gate import wait_for
from test_harden_apply import (Killed, checked, factory, known_to_the_vault,  # noqa: F401
                               new_site, steps, ALL_HOLD)

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS")
PASSWORDS = ("http_pass", "service_mode_password", "admin_mode_password", "keyboard_lock_pw")
# What the command is doing when the phone kills it, by the forms that it has got by then; without
# --pins there is one page with passwords, with it another one.
CUTS = {"applied": 1, "saved": 2, "pin-applied": 3, "pin-saved": 4}


def lose_power(phone):
    phone.reboot()
    wait_for(lambda: not phone.state()["booting"], 10, "the phone is back")


def new_candidates(site, phone="101", settings=PASSWORDS):
    """So that --apply has something new to send to a phone that is hardened."""
    for setting in settings:
        done = site.run("secret", "set", phone, setting, "--candidate", "--generate")
        assert done.returncode == 0, done.stderr


@pytest.fixture
def cut(factory, new_site):     # noqa: F811
    """cut(words, n): a hardened phone, and a run that was killed when the phone had read and acted
    on its n-th form; (site, phone, what the vault had in force before)"""
    def make(action, number, entry=None):
        phone = factory(save_after_apply=True)
        site = new_site({"101": phone}, entry)
        assert site.harden("--apply", "101")[0] == 0
        old = checked(site, phone)
        words = ("--rotate", "--pins", "101")
        if action == "--apply":
            new_candidates(site)
            words = ("--apply", "101")
        assert Killed(site, phone, *words).at(number, "after", "POST")
        now = known_to_the_vault(site, phone)
        for setting in PASSWORDS:       # nothing that the phone may go back to is forgotten
            if phone.state()["stored"][setting] == old["101", setting]["current"]:
                assert old["101", setting]["current"] in now["101", setting].values()
        return site, phone, old
    return make


def finish(site, phone, action):
    failed = phone.counters()["failed_logins"]
    status, said = site.harden(action, *(["--pins"] if action == "--rotate" else []), "101")
    assert (status, said["101"]["reason"]) == (0, None)
    assert phone.counters()["failed_logins"] - failed <= 2 and not phone.state()["locked"]
    checked(site, phone)
    lose_power(phone)
    checked(site, phone)        # logs in with what the vault has, and has saved everything


@pytest.mark.parametrize("moment", CUTS)
@pytest.mark.parametrize("first", ["--rotate", "--apply"])
@pytest.mark.parametrize("then", ["--rotate", "--apply"])
def test_cut_between_apply_and_save_the_next_run_finishes(cut, first, then, moment):
    site, phone, _ = cut(first, CUTS[moment])
    finish(site, phone, then)


@pytest.mark.parametrize("moment", CUTS)
@pytest.mark.parametrize("first", ["--rotate", "--apply"])
def test_cut_and_the_power_fails_before_the_next_run(cut, first, moment):
    site, phone, _ = cut(first, CUTS[moment])
    lose_power(phone)
    known_to_the_vault(site, phone)
    finish(site, phone, first)


@pytest.mark.parametrize("moment", CUTS)
@pytest.mark.parametrize("first", ["--rotate", "--apply"])
def test_cut_and_only_recovered(cut, first, moment):
    """The service does this before it starts: what the phone takes is saved, or both are kept."""
    site, phone, _ = cut(first, CUTS[moment])
    two = len(site.vault()["101", "http_pass"]) == 2
    status, said = site.harden("--recover", "101")
    assert (status, [p["reason"] for p in said.values()]) == (0, [None] if two else [])
    before = known_to_the_vault(site, phone)
    lose_power(phone)
    assert known_to_the_vault(site, phone) == before
    assert not phone.state()["locked"]
    finish(site, phone, first)


@pytest.mark.parametrize("what", ["form", "button"])
def test_what_cannot_be_saved_is_kept_twice(cut, what):
    site, phone, old = cut("--rotate", 1)
    if what == "form":
        phone.switch(page_without="http_pass")
    else:
        phone.switch(save_button=False)
    both = site.vault()
    for action in ("--recover", "--apply"):
        status, said = site.harden(action, "101")
        assert (status, said["101"]["reason"]) == (
            1, "form_not_found" if what == "form" else "save_not_found")
        assert site.vault() == both and not phone.state()["locked"]
    assert not site.records(event="phone_password_recovered")
    lose_power(phone)
    assert known_to_the_vault(site, phone) == both
    assert phone.settings()["http_pass"] == old["101", "http_pass"]["current"]
    phone.switch(page_without="", save_button=True)
    finish(site, phone, "--apply")


def test_what_was_saved_by_recovery_is_recorded(cut):
    site, phone, _ = cut("--rotate", 1)
    sent = site.vault()
    changed = len(site.records(event="phone_hardened"))
    assert site.harden("--recover", "--all")[0] == 0
    assert [r["phone_id"] for r in site.records(event="phone_password_recovered")] == ["101"]
    assert len(site.records(event="phone_hardened")) == changed
    for setting in PASSWORDS[:3]:
        assert site.vault()["101", setting] == {"current": sent["101", setting]["candidate"]}
    finish(site, phone, "--apply")


def test_cut_and_the_button_is_somewhere_else(factory, new_site):    # noqa: F811
    """The first run already finds no button that saves: nothing is taken for saved by the next."""
    phone = factory(save_after_apply=True)
    site = new_site({"101": phone})
    assert site.harden("--apply", "101")[0] == 0
    old = checked(site, phone)
    phone.switch(save_button=False)
    for action in ("--rotate", "--rotate", "--recover", "--apply"):
        status, said = site.harden(action, "101")
        assert (status, said["101"]["reason"]) == (1, "save_not_found")
        for setting in PASSWORDS[:3]:
            assert site.vault()["101", setting]["current"] == old["101", setting]["current"]
            assert site.vault()["101", setting]["candidate"] == phone.settings()[setting]
    lose_power(phone)
    assert site.harden("--recover", "101")[0] == 0
    phone.switch(save_button=True)
    finish(site, phone, "--rotate")


def test_cut_and_taken_for_provisioned(cut):
    """It takes the candidate, but not because of a file: the value before stays in the vault."""
    site, phone, old = cut("--rotate", 1)
    assert site.run("harden", "--provisioned", "101").returncode == 0
    lose_power(phone)
    for setting in ("http_pass", "service_mode_password"):
        assert phone.settings()[setting] == old["101", setting]["current"]
        assert site.vault()["101", setting + ".before"] == old["101", setting]


@pytest.mark.parametrize("moment", CUTS)
def test_cut_on_the_way_from_the_factory_state(factory, new_site, moment):     # noqa: F811
    """There is no value in force yet: the phone is open again, or has what the vault has."""
    phone = factory(save_after_apply=True)
    site = new_site({"101": phone})
    assert Killed(site, phone, "--apply", "101").at(CUTS[moment], "after", "POST")
    known_to_the_vault(site, phone)
    assert site.harden("--recover", "101") == (0, {})
    finish(site, phone, "--apply")


@pytest.mark.parametrize("moment", CUTS)
def test_cut_on_the_way_from_the_factory_state_and_power_fails(factory, new_site,    # noqa: F811
                                                               moment):
    phone = factory(save_after_apply=True)
    site = new_site({"101": phone})
    assert Killed(site, phone, "--apply", "101").at(CUTS[moment], "after", "POST")
    lose_power(phone)
    known_to_the_vault(site, phone)
    finish(site, phone, "--apply")


# --- settings that are no passwords: the phone itself shows nothing to be changed ---------------

def cut_at_a_setting(factory, new_site, setting, value):
    """A hardened phone on which one setting fell back, and a run that was killed when it was
    applied again and not saved."""
    phone = factory(save_after_apply=True)
    site = new_site({"101": phone})
    assert site.harden("--apply", "101")[0] == 0
    phone.set(**{setting: value})
    assert Killed(site, phone, "--apply", "101").at(1, "after", "POST")
    state = phone.state()
    assert phone.settings()[setting] != value and state["stored"][setting] == value
    return site, phone


def nothing_is_sent(site, phone):
    phone.reset()
    status, said = site.harden("--apply", "101")
    assert (status, said["101"]["changes"], said["101"]["saved"]) == (0, [], False)
    assert {r["method"] for r in phone.counters()["last"]} == {"GET"}


@pytest.mark.parametrize("setting, value", [
    ("admin_mode", "on"), ("use_hidden_tags", "off"), ("enable_keyboard_lock", "off")])
def test_cut_before_a_setting_is_saved(factory, new_site, setting, value):      # noqa: F811
    """Nothing is left to be sent, and yet it would be gone at the next restart: it is saved."""
    site, phone = cut_at_a_setting(factory, new_site, setting, value)
    wanted = phone.settings()[setting]
    assert site.harden("--plan", "101")[1]["101"]["changes"] == []
    assert phone.state()["stored"][setting] == value        # a plan saves nothing
    status, said = site.harden("--apply", "101")
    assert (status, said["101"]["changes"], said["101"]["saved"]) == (0, [], True)
    assert "settings" not in site.records(event="phone_changed")[-1]    # none was sent
    assert [r["event"] for r in site.records(phone_id="101")][-3:] == [
        "phone_change_begun", "phone_changed", "phone_hardened"]
    lose_power(phone)
    assert phone.settings()[setting] == wanted
    checked(site, phone)
    nothing_is_sent(site, phone)


def test_cut_before_a_setting_is_saved_and_no_record_can_be_written(factory, new_site):  # noqa: F811
    site, phone = cut_at_a_setting(factory, new_site, "admin_mode", "on")
    text = site.gate.file.read_text(encoding="utf-8")
    assert text.count('"access.log"') == 1
    site.gate.file.write_text(text.replace('"access.log"', '"/dev/full"'), encoding="utf-8")
    status, said = site.harden("--apply", "101")
    assert (status, said["101"]["reason"]) == (1, "record_not_written")
    assert phone.state()["stored"]["admin_mode"] == "on"


def test_a_phone_that_saves_at_once_gets_no_form_where_nothing_is_to_be_sent(factory,  # noqa: F811
                                                                             new_site):
    phone = factory()
    site = new_site({"101": phone})
    assert site.harden("--apply", "101")[0] == 0
    nothing_is_sent(site, phone)
