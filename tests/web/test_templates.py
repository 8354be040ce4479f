"""Every template, macro and class: the pages' own rules, read from the sources."""

import inspect
import re
from pathlib import Path

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError

import replenish
from replenish.web.assets import STATIC, Assets, AssetsMissingError
from replenish.web.templates import OWN, Templates

SOURCE = Path(inspect.getfile(replenish)).parent
SAMPLES = Path(__file__).parent / "templates"
ALL = sorted([*SOURCE.rglob("*.html"), *SAMPLES.glob("*.html")])
# A provider plays a stranger: its pages have a look of their own, no cookie, and the unguessable address as their only key.
OURS = [path for path in ALL if not path.is_relative_to(SOURCE / "providers")]


def name(path: Path) -> str:
    return path.relative_to(SOURCE if path.is_relative_to(SOURCE) else SAMPLES.parent).as_posix()


# Names that scripts look for, and that no rule needs.
HOOKS = {"reference"}


@pytest.fixture(scope="module")
def style() -> set[str]:
    """Every class that the built style sheet has a rule for."""
    css = (STATIC / Assets().url("app.css").rpartition("/")[2]).read_text()
    return {found.replace("\\", "") for found in re.findall(r"\.(-?[_a-zA-Z](?:[\w-]|\\.)*)", css)}


@pytest.mark.parametrize("path", ALL, ids=name)
def test_law_17_nothing_runs_from_the_page_itself(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son\w+=|javascript:|hx-on|\|\s*safe\b", text)
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", text), "nothing is loaded from elsewhere"


@pytest.mark.parametrize("path", OURS, ids=name)
def test_law_17_every_form_that_changes_something_carries_the_token(path: Path) -> None:
    for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.DOTALL):
        if re.search(r'method="?post', form, re.IGNORECASE):
            assert "csrf_field" in form, form[:80]
        else:
            assert 'method="get"' in form, f"say which method: {form[:80]}"


@pytest.mark.parametrize("path", OURS, ids=name)
def test_every_class_has_a_rule(path: Path, style: set[str]) -> None:
    """The sheet is a subset of Tabler's: a class outside its families would silently look like nothing."""
    text = re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)
    # A statement parts words (`card{% if big %} card-lg{% endif %}`), an expression is a piece of one (`bg-{{ colour }}`).
    text = re.sub(r"{%.*?%}", " ", re.sub(r"{{.*?}}", "\0", text, flags=re.DOTALL), flags=re.DOTALL)
    named = {word for value in re.findall(r'class="([^"]*)"', text) for word in value.split() if "\0" not in word}
    assert not named - style - HOOKS


def test_colours_of_statuses_have_rules(style: set[str]) -> None:
    for word in ("success", "warning", "danger", "info", "secondary"):
        assert f"bg-{word}-lt" in style
    for word in ("success", "warning", "danger", "info"):
        assert f"notice-{word}" in style


@pytest.fixture
def templates() -> Templates:
    return Templates(Assets(), {"samples": SAMPLES})


@pytest.mark.parametrize("path", ALL, ids=name)
def test_every_template_compiles(templates: Templates, path: Path) -> None:
    try:
        templates.environment.parse(path.read_text())
    except TemplateSyntaxError as error:
        pytest.fail(f"{path.name}:{error.lineno}: {error}")


def test_a_missing_name_is_an_error_not_a_blank(templates: Templates) -> None:
    with pytest.raises(UndefinedError, match="code"):
        templates.render("error.html", {"csrf_token": "", "flashes": [], "title": "x"})


def test_times_need_the_pages_zone(templates: Templates) -> None:
    template = templates.environment.from_string("{{ now | time }}")
    with pytest.raises(TypeError, match="with context"):
        template.render(now=None)


def test_without_a_bundle_only_pages_fail_and_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AssetsMissingError, match=r"python hatch_build\.py"):
        Templates(Assets(tmp_path), {}).render("reference.html", {"openapi_path": "/openapi.json"})


def test_an_unknown_asset_is_named() -> None:
    with pytest.raises(AssetsMissingError, match=r"'nothing\.js'"):
        Assets().url("nothing.js")


def call(templates: Templates, source: str) -> str:
    imports = '{% import "macros/ui.html" as ui with context %}{% import "macros/forms.html" as forms with context %}'
    text = templates.environment.from_string(imports + source).render(zone="UTC", csrf_field="[token]")
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{{ ui.badge("requires_customer") }}', '<span class="badge bg-warning-lt">Requires customer</span>'),
        ('{{ ui.badge("unheard_of") }}', '<span class="badge bg-secondary-lt">Unheard of</span>'),
        ('{{ ui.badge("failed", "Card declined") }}', ">Card declined<"),
        ("{{ ui.pager() }}", ""),
        ('{{ ui.pager(next_href="?a=1&b=2") }}', 'href="?a=1&amp;b=2" rel="next"'),
        ('{{ ui.pager(previous_href="?a") }}', 'rel="prev"'),
        ('{{ ui.empty("None", "Yet") }}', "<p>Yet</p>"),
        ('{{ ui.empty("None", "Yet", "/x", "Go") }}', '<a class="btn btn-primary" href="/x">Go</a>'),
        ('{{ ui.figure("Held", "5") }}', '<div class="figure">5</div>'),
        ('{% call ui.figure("Held", "5") %}till noon{% endcall %}', "till noon"),
        ('{% call ui.notice("info", "Hear") %}hear{% endcall %}', "<strong>Hear</strong>"),
        ('{% call ui.notice("danger") %}no{% endcall %}', 'role="alert"'),
        ('{{ ui.facts([["A", "<b>"]]) }}', "<dt>A</dt><dd>&lt;b&gt;</dd>"),
        ('{{ ui.facts([["A", "1"], ["Sum", "1"]], total=true) }}', '<dd class="sums-total">1</dd>'),
        ('{{ ui.copyable("rk_test_1") }}', "<code>rk_test_1</code>"),
        ('{{ ui.icon("lock") }}', '<svg class="inline-icon" viewBox="0 0 24 24" aria-hidden="true">'),
        ('{{ forms.input("n", "Name", value=\'"<\') }}', 'value="&#34;&lt;" required'),
        ('{{ forms.input("n", "Name", optional=true) }}', "Optional"),
        (
            '{{ forms.input("n", "Name", errors={"n": "bad"}) }}',
            '<div class="invalid-feedback d-block" id="n-error">bad</div>',
        ),
        ('{{ forms.input("n", "Name", hint="why", errors={"n": "bad"}) }}', 'aria-describedby="n-hint n-error"'),
        (
            '{{ forms.input("n", "N", inputmode="decimal", before="$", after="USD", placeholder="p", maxlength=9, autocomplete="off") }}',
            '<span class="input-group-text">$</span>',
        ),
        ('{{ forms.select("s", "S", [["a", "A"], ["b", "B"]], value="b") }}', '<option value="b" selected>B</option>'),
        ('{{ forms.checkbox("c", "C", checked=true, required=true) }}', 'value="yes" checked required'),
        ('{{ forms.textarea("t", "T", value="<x>") }}', "&lt;x&gt;</textarea>"),
        (
            '{{ forms.choices("c", "Which", [["a", "A", none, "$1"]], value="a") }}',
            '<span class="choice-end">$1</span>',
        ),
        ("{{ forms.error_summary({}) }}", ""),
        ('{{ forms.error_summary({"a_b": "bad", "c": "worse"}) }}', '<a href="#a_b">A b</a>: bad'),
        ('{{ forms.action("/x", "Do", csrf_field, name="n", value="v") }}', 'name="n" value="v">Do</button>'),
        ('{{ 12.5 | default(1) and 10 | money("USDC") }}', "10 USDC"),
    ],
)
def test_macros(templates: Templates, source: str, expected: str) -> None:
    text = call(templates, source)
    assert expected in text
    if not expected:
        assert not text.strip()


def test_every_own_page_is_found(templates: Templates) -> None:
    for path in OWN.rglob("*.html"):
        templates.environment.get_template(path.relative_to(OWN).as_posix())
