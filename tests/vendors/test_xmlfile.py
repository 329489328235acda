from __future__ import annotations

import pytest

from napari_tmaps.errors import FormatError, MissingError, StorageError
from napari_tmaps.vendors.xmlfile import read_elements, read_tree

DOCUMENT = (
    '<b:a xmlns:b="urn:x" b:n="1" m="2">\n <b:c> one <b:d k="v"/> two</b:c>\n'
    "<b:e>\n<b:c>three</b:c></b:e></b:a>"
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(DOCUMENT.encode(), id="utf-8"),
        pytest.param(b"\xef\xbb\xbf" + DOCUMENT.encode(), id="byte-order-mark"),
        pytest.param(DOCUMENT.encode("utf-16"), id="utf-16"),
    ],
)
def test_tree_without_name_spaces(tmp_path, content):
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    root = read_tree(path)
    assert (root.tag, root.attributes) == ("a", {"n": "1", "m": "2"})
    assert [element.text for element in root.all("c")] == ["one  two", "three"]
    assert root.first("d").get("k") == "v"
    assert root.first("d").get("other") == ""
    assert root.first("nothing").attributes == {}


def test_elements_come_one_by_one_with_what_is_inside(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(DOCUMENT)
    first, second = read_elements(path, "c")
    assert (first.text, first.children[0].tag) == ("one  two", "d")
    assert second.text == "three"


BOMB = '<!DOCTYPE z [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><z k="&b;">&b;</z>'
OTHER_FILE = '<!DOCTYPE z [<!ENTITY a SYSTEM "file:///etc/hostname">]><z>&a;</z>'
DAMAGED = [
    pytest.param("", "line 1, column 1: no element found", id="empty"),
    pytest.param("<a>\n<b></a>", "line 2, column 6: mismatched tag", id="mismatched"),
    pytest.param("<a><b>", "no element found", id="truncated"),
    pytest.param("<a>&x;</a>", "undefined entity", id="entity"),
    pytest.param(BOMB, "document type declaration", id="entity-bomb"),
    pytest.param(OTHER_FILE, "document type declaration", id="other-file"),
    pytest.param("<a>" * 300 + "</a>" * 300, "nested more than 200 deep", id="deep"),
    pytest.param('<?xml version="1.0" encoding="x"?><a/>', "encoding", id="encoding"),
]


@pytest.mark.parametrize(("text", "message"), DAMAGED)
def test_damaged(tmp_path, text, message):
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as error:
        read_tree(path)
    assert str(path) in str(error.value)
    with pytest.raises(FormatError, match=message):
        list(read_elements(path, "b"))


def test_file_that_is_gone_or_refused(tmp_path):
    with pytest.raises(MissingError, match="not there"):
        read_tree(tmp_path / "a.xml")
    with pytest.raises(StorageError, match="cannot be read"):
        list(read_elements(tmp_path, "a"))
