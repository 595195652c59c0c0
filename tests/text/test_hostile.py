"""Text made to cost time or memory, and random text: only `OperatorError` escapes."""

import resource

import pytest
from hypothesis import given, settings, strategies as st

import opcompiler as oc
from opcompiler.text.layout import KINDS
from tests.hang import finishes
from tests.text.test_readme import CONTEXT, FORMS, unquoted

HEAD = "coordinates t, x; field u(t, x); parameter k; u_t = "
SPACE = "coordinates x, y, z; vector field v; "

HOSTILE = {
    "10 MB": "u+" * 5_000_000,
    "10 MB of blanks": HEAD + " " * 10_000_000,
    "parentheses": HEAD + "(" * 100_000 + "u" + ")" * 100_000,
    "parentheses within the size": HEAD + "(" * 3_000 + "u" + ")" * 3_000,
    "exponent": HEAD + "u^1000000000",
    "negative exponent": HEAD + "u**-1e9",
    "tower": HEAD + "9**9**9**9*u",
    "tower of a field": HEAD + "u^9^9^9^9",
    "tower of powers": HEAD + "((((2*u)^900)^900)^900)",
    "raised digits": HEAD + "u⁹⁹⁹⁹⁹⁹⁹⁹⁹",
    "long numeral": HEAD + "9" * 50_000,
    "product of numerals": HEAD + "*".join(["9" * 1000] * 50),
    "sum of fractions": HEAD + "+".join(f"1/{10**12 + i}" for i in range(1500)),
    "decimal exponent": HEAD + "1e999999999*u",
    "signs": HEAD + "-" * 50_000 + "u",
    "signs within the size": HEAD + "-" * 5_000 + "u",
    "prefixes": HEAD + "Δ" * 7_000 + "u",
    "curls": SPACE + "∇×" * 60 + "v = 0",
    "advections": SPACE + "advect(v, " * 60 + "v" + ")" * 60 + " = 0",
    "billion laughs": "coordinates x; field u; define a0 = sin(u)\n"
    + "\n".join(f"define a{i + 1} = a{i} + cos(a{i})" for i in range(60))
    + "\na60 = 0",
    "giant sum": HEAD + "sum(i=1..1000000000, u^i)",
    "nested sums": HEAD + "sum(i=1..999, sum(j=1..999, sum(l=1..999, i*j*l*u)))",
    "long subscript": HEAD + "u_" + "x" * 50_000,
    "ambiguous subscript": "coordinates x, xx, xxx; field u; u_" + "x" * 98 + " = 0",
    "primes": "coordinates x; field u; u" + "'" * 50_000 + " = 0",
    "order": HEAD + "d(u, x, 999999999)",
    "nested orders": HEAD + "d(sin(" * 12 + "u" + "), x, 20)" * 12,
    "exp of exp": HEAD + "exp(exp(exp(exp(9.0))))*u",
    "factorial": HEAD + "gamma(1000000000)*u",
    "factorial at a point": "coordinates x; field u; u*gamma(x) = 0 at x = 1e9",
    "power at a point": "coordinates x; field u; u*x^x^x = 0 at x = 1e9",
    "many derivatives": "coordinates x in R^16; field u; Δ²(Δ²u) = 0",
    "signless": "\x00" * 1_000,
    "bars": HEAD + "|" * 7_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_fails_soon_and_small(name: str) -> None:
    oc.parse("coordinates x; field u; u = 0")  # builds the parser
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with finishes(), pytest.raises(oc.OperatorError) as caught:
        oc.parse(HOSTILE[name])
    assert len(str(caught.value)) < 1_000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000  # kilobytes


ATOMS = st.sampled_from(
    [
        "u",
        "w",
        "f",
        "v",
        "psi",
        "k",
        "x",
        "t",
        "pi",
        "I",
        "u_xx",
        "v_t",
        "2",
        "0.5",
        "u(x=0)",
        "u(t, x=0)",
        "u(t, x, y)",
        "u(-t, x, y)",
        "u_x(t, 0, y)",
        "f'",
        "v[1]",
        "nix",
        "u_q",
        "1e300",
        "∂u/∂t",
        "x[i]",
        "f'(0)",
        "f''(x - k)",
        "∂²_x u",
        "k ∂u/∂x",
        "x > 0",
        "inf",
    ]
)
PREFIXES = ["-", "Δ", "∇", "∇·", "∇×", "∂_x ", "√", "D/Dt ", "d/dx ", "Δ²", "(v·∇)"]
PREFIXES += ["∂_x² ", "∂²_y ", "k ∇²", "u ∇·", "not ", "2 ∂/∂t "]
CALLS = ["d", "sin", "exp", "grad", "div", "curl", "lap", "dot", "cross", "norm", "dn"]
CALLS += ["advect", "outer", "transpose", "abs", "max", "where", "sqrt", "gamma", "int"]
CALLS += ["inner", "gradient", "divergence", "gradient_squared", "d_dx", "d2_dy2", "D"]
SIGNS = [" + ", " - ", "*", "/", "^", "·", "×", "⊗", " < ", " = ", ", ", " ", " @ "]
SIGNS += [" == ", " and ", " or ", " ∇", " != "]


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({})".format, inner),
        st.builds("not {}".format, inner),
        st.builds("{} and {}".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
    )


COMPARED = st.builds(
    "{} {} {}".format,
    ATOMS,
    st.sampled_from(["<", "<=", ">", "≥", "==", "!=", "="]),
    ATOMS,
)
CONDITIONS = st.recursive(COMPARED, joined, max_leaves=6)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}{}".format, inner, st.sampled_from(SIGNS), inner),
        st.builds("{}{}".format, st.sampled_from(PREFIXES), inner),
        st.builds("({})".format, inner),
        st.builds("|{}|".format, inner),
        st.builds("{}²".format, inner),
        st.builds("{}({})".format, st.sampled_from(CALLS), inner),
        st.builds("{}({}, {})".format, st.sampled_from(CALLS), inner, inner),
        st.builds("sum(i=1..{}, {})".format, st.integers(0, 4), inner),
        st.builds("where({}, {}, 1)".format, CONDITIONS, inner),
    )


EXPRESSIONS = st.recursive(ATOMS, compound, max_leaves=12)
STATEMENTS = st.one_of(
    EXPRESSIONS,
    st.builds("{} = {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("{}: {} = 0".format, st.sampled_from(KINDS), EXPRESSIONS),
    st.builds("{} = {} at x = {}".format, EXPRESSIONS, EXPRESSIONS, ATOMS),
    st.builds("define q = {}".format, EXPRESSIONS),
    st.builds("parameter q = {}".format, EXPRESSIONS),
    st.builds("field q({}) in R^2".format, ATOMS),
    st.builds("coordinates q in [{}, {}]".format, ATOMS, ATOMS),
)
LETTERS = st.sampled_from(
    (
        *"utxvkdDe01.,:;=+-*/^()[]{}|'_ \n\\#<>~",
        *"∂∇Δ·×√²₁νψ∈∞∑‖−…",
        "sum",
        "at",
        "in",
        "field ",
        "..",
        "where",
        "\x00",
        "é",
        "\ud800",
        "１",
    )
)


def read(text: str) -> oc.Problem | str:
    """Returns the problem, or the message of the only error there may be, soon."""
    try:
        with finishes():
            return oc.parse(text)
    except oc.OperatorError as error:
        return str(error)


def only_operator_errors(text: str) -> None:
    """Reads a text; what is read must print and read back."""
    problem = read(text)
    assert problem
    if not isinstance(problem, str):
        assert oc.parse(oc.to_text(problem)) == problem


def fuzz(count: int):
    def decorate(test):
        return settings(max_examples=count, database=None)(test)

    return decorate


def check_grammar(statements: list[str]) -> None:
    only_operator_errors(CONTEXT + "\n".join(statements))


def check_letters(letters: list[str]) -> None:
    only_operator_errors(CONTEXT + "".join(letters))


def check_bytes(data: bytes) -> None:
    only_operator_errors(data.decode("utf-8", errors="surrogateescape"))
    only_operator_errors(CONTEXT + data.decode("latin-1"))


def check_mutation(form: str, place: int, letter: str, length: int) -> None:
    text = unquoted(form)
    cut = place % (len(text) + 1)
    text = text[:cut] + letter + text[cut + length :]
    only_operator_errors(f"{CONTEXT}define q = {text}")


GRAMMAR = st.lists(STATEMENTS, min_size=1, max_size=3)
MUTATION = (
    st.sampled_from([form for form, _ in FORMS]),
    st.integers(0, 200),
    LETTERS,
    st.integers(0, 3),
)


@fuzz(40)
@given(GRAMMAR)
def test_sentences(statements) -> None:
    check_grammar(statements)


@fuzz(100)
@given(st.lists(LETTERS, max_size=60))
def test_letters(letters) -> None:
    check_letters(letters)


@fuzz(60)
@given(st.binary(max_size=200))
def test_bytes(data) -> None:
    check_bytes(data)


@fuzz(100)
@given(*MUTATION)
def test_mutations_of_the_forms(form, place, letter, length) -> None:
    check_mutation(form, place, letter, length)


@pytest.mark.slow
@fuzz(40_000)
@given(GRAMMAR)
def test_many_sentences(statements) -> None:
    check_grammar(statements)


@pytest.mark.slow
@fuzz(25_000)
@given(st.lists(LETTERS, max_size=80))
def test_many_letters(letters) -> None:
    check_letters(letters)


@pytest.mark.slow
@fuzz(10_000)
@given(st.binary(max_size=300))
def test_many_bytes(data) -> None:
    check_bytes(data)


@pytest.mark.slow
@fuzz(30_000)
@given(*MUTATION)
def test_many_mutations(form, place, letter, length) -> None:
    check_mutation(form, place, letter, length)
