"""What a file of members must be, each refusal in one clear sentence."""

import pytest

from apps.csv_files import ROWS_AT_MOST
from tests.site.members import HEADINGS, upload, words
from tests.stored import nothing_stored
from tests.worlds import World

LINE = "Heart failure A,zoe,Zoë,,,viewer"
FILE = f"{HEADINGS}\n{LINE}\n"

REFUSED: list[tuple[str, bytes, str]] = [
    ("empty", b"", "The submitted file is empty."),
    ("blank", b"\n\n  \n", "This file is empty."),
    ("latin", FILE.encode("latin-1"), "Line 2 is not UTF-8."),
    ("utf-16", FILE.encode("utf-16"), "This file is UTF-16."),
    ("nul", FILE.replace("zoe", "z\x00e").encode(), "holds NUL bytes"),
    ("a zip", b"PK\x03\x04\xff\xfe\x00\x00", "holds NUL bytes"),
    ("too large", b"a" * (1024 * 1024 + 1), "A file has 1 MB at most."),
    (
        "too many",
        "\n".join([HEADINGS, *[LINE] * (ROWS_AT_MOST + 1)]).encode(),
        "2000 lines at most.",
    ),
    ("no headings", LINE.encode(), "The first line names the columns"),
    ("strange column", b"organization,username,role,salary\na,b,viewer,1", "Each once"),
    (
        "a column twice",
        b"organization,username,role,role\na,b,viewer,admin",
        "Each once",
    ),
    ("no role", b"organization,username\nA,zoe", "The first line names the columns"),
    ("short line", f"{HEADINGS}\na,b".encode(), "Line 2 has 2 cells"),
    ("long line", f"{FILE}{LINE},x\n".encode(), "Line 3 has 7 cells"),
    ("open quote", f'{HEADINGS}\n"a,b\n'.encode(), "is not CSV"),
    ("huge cell", f"{HEADINGS}\n{'a' * 200_000},b\n".encode(), "is not CSV"),
    ("line break", f'{HEADINGS}\nA,zoe,"Z\noe",,,viewer'.encode(), "a line break"),
    ("bell", f"{HEADINGS}\nA,zoe,Z\x07,,,viewer".encode(), "control character"),
]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    world: World, content: bytes, sentence: str
) -> None:
    with nothing_stored():
        answer = upload(world.people["admin0"], content)
    assert answer.status_code == 422
    assert sentence in words(answer)


ACCEPTED: list[tuple[str, str]] = [
    ("as exported", "\ufeff" + FILE.replace("\n", "\r\n")),
    ("semicolons", FILE.replace(",", ";")),
    ("tabs", FILE.replace(",", "\t")),
    ("old line ends", FILE.replace("\n", "\r")),
    ("blank lines", f"\n{HEADINGS}\n\n{LINE}\n,,,,,\n"),
    ("capitals", FILE.replace("username", " UserName ").replace("viewer", "Viewer")),
    ("few columns", "role,username,organization\nviewer,zoe,Heart failure A"),
]


@pytest.mark.parametrize(
    "content", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED]
)
def test_what_spreadsheets_write_is_read(world: World, content: str) -> None:
    with nothing_stored():
        answer = upload(world.people["admin0"], content)
    assert answer.status_code == 200, words(answer)
    assert "New person zoe" in words(answer)


def test_a_wrong_line_is_named_by_its_place_in_the_file(world: World) -> None:
    answer = upload(world.people["admin0"], f"\n{HEADINGS}\n\nNowhere,zoe,,,,viewer\n")
    assert "4 organization Nowhere" in words(answer)


def test_markup_in_a_file_stays_text(world: World) -> None:
    hostile = "<script>alert(1)</script>"
    answer = upload(
        world.people["admin0"], f"{HEADINGS}\n{hostile},{hostile},,,,viewer"
    )
    assert hostile not in answer.content.decode()
    assert hostile in words(answer)


def test_no_file_at_all_is_said_at_its_field(world: World) -> None:
    from apps.organizations.models import Membership
    from tests.desk import address, desk

    answer = desk(world.people["admin0"]).post(address(Membership, "import"))
    assert answer.status_code == 422
    assert "This field is required." in words(answer)
