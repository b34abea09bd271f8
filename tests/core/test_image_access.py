"""Who may use an image that is on the node already."""

import pytest

from nodeagent.core.bucket import Bucket
from nodeagent.core.image_access import AccessRules, is_open, may_use, needs_check, opened
from nodeagent.model.credentials import Credential, SecretName
from nodeagent.model.ids import ImageRef
from nodeagent.settings.names import ImageVerification

REF = ImageRef("sha256:1")


def key(digest: str, name: str = "s", *, uid: str = "") -> Credential:
    secret = SecretName(namespace="ns", name=name, uid=uid) if name else None
    return Credential(key="r.io", username="u", password="p", digest=digest, secret=secret)


@pytest.mark.parametrize(
    ("policy", "preloaded", "pulled"),
    [
        (ImageVerification.NEVER, False, False),
        (ImageVerification.NOT_PRELOADED, False, True),
        (ImageVerification.ALWAYS, True, True),
        (ImageVerification.NOT_ALLOWLISTED, True, True),
    ],
)
def test_policies_ask_for_credentials(
    policy: ImageVerification, preloaded: bool, pulled: bool
) -> None:
    rules = AccessRules(policy=policy)
    assert needs_check(rules, "r.io/a:1", pulled_by_us=False) is preloaded
    assert needs_check(rules, "r.io/a:1", pulled_by_us=True) is pulled


@pytest.mark.parametrize(
    ("image", "asked"),
    [("r.io/a:1", False), ("r.io/a/b", True), ("r.io/team/x:2", False), ("r.io/b", True)],
)
def test_the_allow_list_has_names_and_folders(image: str, asked: bool) -> None:
    rules = AccessRules(policy=ImageVerification.NOT_ALLOWLISTED, allowed=("r.io/a", "r.io/team/*"))
    assert needs_check(rules, image, pulled_by_us=True) is asked


def test_what_was_pulled_without_a_secret_is_open_to_every_pod() -> None:
    for used in (None, key("d", name="")):
        assert is_open(opened(None, "r.io/a:1", REF, used, now=1.0), "r.io/a:2")


def test_what_a_secret_opened_is_for_those_with_the_same_credential() -> None:
    record = opened(None, "r.io/a:1", REF, key("d"), now=1.0)
    assert not is_open(record, "r.io/a:1")
    assert may_use(record, "r.io/a:1", [key("d", name="other")]) is not None
    assert may_use(record, "r.io/a:1", [key("wrong")]) is None
    assert may_use(record, "r.io/a:1", [key("d", name="")]) is None
    assert may_use(record, "r.io/a:1", []) is None


def test_a_secret_with_a_new_password_is_still_the_same_secret_if_it_has_a_uid() -> None:
    record = opened(None, "r.io/a:1", REF, key("old", uid="1"), now=1.0)
    assert may_use(record, "r.io/a:1", [key("new", uid="1")]) is not None
    assert may_use(record, "r.io/a:1", [key("new", uid="2")]) is None


def test_another_name_of_the_same_image_has_to_be_opened_itself() -> None:
    record = opened(None, "r.io/a:1", REF, None, now=1.0)
    assert not is_open(record, "r.io/b:1")
    assert may_use(record, "r.io/b:1", [key("d")]) is None


def test_several_secrets_may_open_one_image_and_an_open_one_stays_open() -> None:
    first = opened(None, "r.io/a:1", REF, key("d1", "s1"), now=1.0)
    both = opened(first, "r.io/a:1", REF, key("d2", "s2"), now=2.0)
    assert all(may_use(both, "r.io/a", [key(f"d{n}", f"s{n}")]) for n in (1, 2))
    everyone = opened(both, "r.io/a:1", REF, None, now=3.0)
    assert is_open(opened(everyone, "r.io/a:1", REF, key("d1"), now=4.0), "r.io/a:1")


def test_a_bucket_gives_a_burst_and_then_its_rate() -> None:
    bucket = Bucket(rate=2, burst=3)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take(100.5) and not bucket.take(100.6)
    assert all(Bucket(rate=0, burst=1).take(0.0) for _ in range(5))
