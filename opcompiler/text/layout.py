"""From a text to the syntax tree: characters -> tokens -> tree.

In: a `Source`; out: a `Node` of statements. Lark cuts the text into the terminals of the
grammar and parses the tokens; in between stands what depends on place, not on spelling:

* Lines are statements, but a line goes on inside brackets and behind an operator.
* Keywords are words at the beginning of a statement, so a field may be called `field`.
* A bar opens where an operand must follow and closes where one has ended.
* `d^2 u/dx^2` becomes `∂^2 u/∂x^2`, if `d` and `dx` are not names of the text's own.
* `==` compares inside brackets, and equates outside of them.
* `ν ∇²u` becomes `ν*∇²u`: before an operator of differentials, and nowhere else.
"""

from collections.abc import Iterator
from itertools import pairwise

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from opcompiler.text.grammar import lexer, parser
from opcompiler.text.habits import about_sign, about_token
from opcompiler.text.limits import (
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_COMPONENTS,
    MOST_TOKENS,
)
from opcompiler.text.mistakes import Source
from opcompiler.text.spelling import Alphabet, spelled
from opcompiler.text.syntax import DEEPEST, Node, span, TooDeepError

MODIFIERS = {"complex", "vector", "real", "scalar"}
DECLARE = {
    word: kind
    for kind, words in {
        "COORDINATES": "coordinate coordinates time",
        "FIELD": "field fields coefficient coefficients",
        "PARAMETER": "parameter parameters unknown unknowns",
        "VELOCITY": "velocity",
        "DEFINE": "define",
    }.items()
    for word in words.split()
}
KINDS = (
    *("equation", "condition", "initial", "boundary", "dirichlet", "neumann", "robin"),
    *("periodic", "symmetry", "point"),
)
_WITH_LENGTH = {"NAME", "PARTIAL_SUB", "PRIME"}
_OPENING = {"LPAR": "RPAR", "LSQB": "RSQB"}
_CLOSING = set(_OPENING.values())
_OPERAND_ENDS = {
    *("NAME", "NUMBER", "SUPER", "PRIME", "RBAR", "RNORM", "MATERIAL_OF"),
    *_CLOSING,
}
_HANGING = {
    *("PLUS", "MINUS", "STAR", "SLASH", "POW", "DOT", "CROSS", "OTIMES", "EQUALS"),
    *("CMP", "COMMA", "COLON", "PARTIAL", "PARTIAL_SUB", "NABLA", "DELTA", "AND", "OR"),
}
_LEADING = _HANGING - {"MINUS", "PARTIAL", "PARTIAL_SUB", "NABLA", "DELTA", "COLON"}


def read_tree(source: Source) -> Node:
    """Returns the syntax tree of a text: a node `start` of statements.

    Raises:
        NotationError: if the text is not of the notation, or beyond its limits.
    """
    parsing = parser().parse_interactive()
    before: Token | None = None
    place = len(source.text.rstrip())
    end = Token("$END", "", start_pos=place, end_pos=place)
    try:
        tree = None
        for token in (*tokens_of(source), end):
            tree = parsing.feed_token(token)
            before = before if token is end else token
    except UnexpectedToken as error:
        wrong = error.token
        start, stop = span(wrong)
        if wrong.type == "SEP":
            start = stop = span(before)[1] if before is not None else start
        early = {"$END": "the text ends too early", "SEP": "the line ends too early"}
        problem = early.get(wrong.type, f"{wrong.value!r} cannot stand here")
        hint = about_token(wrong, before, set(parsing.accepts()))
        raise source.error(problem, start, stop, hint=hint) from None
    except TooDeepError as error:
        raise source.error(
            "the text is nested too deeply",
            error.start,
            error.start + 1,
            hint="name its parts: define part = ...",
        ) from None
    assert isinstance(tree, Node)
    return tree


def tokens_of(source: Source) -> list[Token]:
    """Returns the tokens of a text, ready for the parser.

    Raises:
        NotationError: for signs that mean nothing, unbalanced brackets, and text beyond
            the limits.
    """
    if len(source.text) > LONGEST_TEXT:
        raise source.error(
            f"the text has {len(source.text)} characters",
            0,
            1,
            hint=f"texts of up to {LONGEST_TEXT} characters are read",
        )
    statements = _statements(_lexed(source), source)
    declared = {name for statement in statements for name in _declared(statement)}
    differentials = Alphabet(f"d{name}" for name in sorted(declared))
    out: list[Token] = []
    for statement in statements:
        if out:
            first = statement[0]
            out.append(_token("SEP", "\n", first, first))
        signs = _with_quotients(statement, declared, differentials)
        out += _with_products(_with_words(signs, declared))
    return out


def _lexed(source: Source) -> list[Token]:
    tokens: list[Token] = []
    depth = 0
    try:
        for token in lexer().lex(source.text):
            tokens.append(token)
            depth += (token.type in _OPENING) - (token.type in _CLOSING)
            if token.type in _WITH_LENGTH and len(token) > LONGEST_NAME:
                hint = f"names have up to {LONGEST_NAME} characters"
                raise source.about(token, "this name is too long", hint)
            if depth > DEEPEST or len(tokens) > MOST_TOKENS:
                what = "is nested too deeply" if depth > DEEPEST else "is too long"
                raise source.about(token, f"the text {what}", "split it by definitions")
    except UnexpectedCharacters as error:
        place = error.pos_in_stream
        sign = source.text[place]
        raise source.error(
            f"the sign {sign!r} means nothing here",
            place,
            place + 1,
            hint=about_sign(source.text, place),
        ) from None
    return tokens


def _statements(tokens: list[Token], source: Source) -> list[list[Token]]:
    """Cuts at semicolons and at line ends that do not hang."""
    statements: list[list[Token]] = [[]]
    opened: list[Token] = []
    bars = 0
    for place, token in enumerate(tokens):
        current = statements[-1]
        if token.type not in ("NEWLINE", "SEMICOLON"):
            # Brackets must match: a line end inside of them ends no statement.
            if token.type in _OPENING:
                opened.append(token)
            elif token.type in _CLOSING:
                if not opened or _OPENING[opened[-1].type] != token.type:
                    problem = "this bracket closes nothing"
                    raise source.about(token, problem, "open it, or drop it")
                opened.pop()
            bars += token.type in ("BAR", "NORM")
            current.append(token)
            continue
        if token.type == "NEWLINE":
            # The line goes on behind an operator, inside bars, and where the next line
            # begins with a sign that cannot begin a statement.
            ahead = (t.type for t in tokens[place : place + 200])
            following = next((kind for kind in ahead if kind != "NEWLINE"), "")
            hanging = bool(current) and current[-1].type in _HANGING
            if hanging or bars % 2 or following in _LEADING:
                continue
        if not opened:
            bars = 0
            statements.append([])
    if opened:
        raise source.about(opened[-1], "this bracket is never closed", "close it")
    kept = [statement for statement in statements if statement]
    # A line that begins with a minus may belong to the one above it.
    for above, below in pairwise(kept):
        equations = all(any(t.type == "EQUALS" for t in s) for s in (above, below))
        if below[0].type == "MINUS" and not _keyword(above) and not equations:
            raise source.about(
                below[0],
                "this line may be an equation of its own, or the rest of the line above",
                "put the minus at the end of the line above, or give the equation a "
                "name: `name: -u_xx = f`",
            )
    return kept


def _keyword(statement: list[Token]) -> str | None:
    """Returns the keyword that a statement begins with."""
    place = 0
    while place + 1 < len(statement) and statement[place].value in MODIFIERS:
        place += 1
    first, following = statement[place], _type(statement, place + 1)
    plain = following == "NAME" or (
        first.value == "velocity" and following in ("LPAR", "LSQB", "NABLA")
    )
    known = first.type == "NAME" and first.value in DECLARE
    return str(first.value) if known and plain else None


def _declared(statement: list[Token]) -> Iterator[str]:
    """Yields the names that a statement declares."""
    keyword = _keyword(statement)
    if keyword == "define":
        yield spelled(statement[1].value)
    elif keyword:
        depth = 0
        vectors = any(t.value in ("vector", "in", "∈") for t in statement)
        for before, token in pairwise(statement):
            depth += (token.type in _OPENING) - (token.type in _CLOSING)
            if token.type == "NAME" and not depth and before.type in ("NAME", "COMMA"):
                name = spelled(token.value)
                yield name
                for number in range(1, MOST_COMPONENTS + 1) if vectors else ():
                    yield f"{name}{number}"
    elif len(statement) > 1 and statement[1].type == "EQUALS":
        yield spelled(statement[0].value)


def _with_words(statement: list[Token], declared: set[str]) -> list[Token]:
    """Finds keywords and bars by their place."""
    out: list[Token] = []
    rest = statement
    keyword = _keyword(statement)
    if keyword is not None:
        last = next(i for i, t in enumerate(statement) if t.value == keyword)
        words = " ".join(t.value for t in statement[: last + 1])
        kind = DECLARE[keyword]
        out.append(_token(kind, words, statement[0], statement[last]))
        rest = statement[last + 1 :]
    elif len(statement) > 1 and statement[0].value in KINDS:
        following = statement[1]
        if following.type in ("NAME", "COLON"):
            out.append(_retyped(statement[0], "KIND"))
            rest = statement[1:]
    depth = 0
    for token in rest:
        before = out[-1].type if out else ""
        ended = before in _OPERAND_ENDS or before == "KIND"
        depth += (token.type in _OPENING) - (token.type in _CLOSING)
        if token.value == "not" and not ended and "not" not in declared:
            out.append(_retyped(token, "NOT"))
        elif token.value == "==" and depth:
            out.append(_retyped(token, "CMP"))
        else:
            out.append(_by_place(token, ended, not out))
    return out


def _with_products(statement: list[Token]) -> list[Token]:
    """Puts a star between an operand and the operator of differentials behind it."""
    out: list[Token] = []
    for place, token in enumerate(statement):
        begins = token.type in _OPERATES and not _goes_on(statement, place)
        if begins and _ends_operand(out):
            at = token.start_pos
            out.append(Token("STAR", "", start_pos=at, end_pos=at))
        out.append(token)
    return out


def _ends_operand(tokens: list[Token]) -> bool:
    """Whether an operand ends here, and no operator such as `∇²` or `∂/∂x`."""
    place = _raised(tokens, len(tokens) - 1)
    if _type(tokens, place) not in _OPERAND_ENDS:
        return False
    while _type(tokens, place) == "NAME" and _type(tokens, place - 1) == "PARTIAL":
        if _type(tokens, place - 2) == "SLASH":
            return _type(tokens, _raised(tokens, place - 3)) != "PARTIAL"
        place = _raised(tokens, place - 2)
    return True


def _goes_on(tokens: list[Token], place: int) -> bool:
    """Whether a `∂` goes on with what it stands below of: `∂²u/∂x ∂y`, no `∂w/∂y`."""
    following = [_type(tokens, place + n) for n in range(4)]
    if following[:2] != ["PARTIAL", "NAME"] or following[2:] == ["SLASH", "PARTIAL"]:
        return False
    above = _raised(tokens, place - 1)
    return _type(tokens, above) == "NAME" and _type(tokens, above - 1) == "PARTIAL"


def _raised(tokens: list[Token], place: int) -> int:
    """Returns the place of what stands under an exponent that ends at `place`."""
    if _type(tokens, place) == "SUPER":
        return place - 1
    if _type(tokens, place) == "NUMBER" and _type(tokens, place - 1) == "POW":
        return place - 2
    return place


_OPERATES = {
    *("NABLA", "DELTA", "PARTIAL", "PARTIAL_SUB", "MATERIAL", "MATERIAL_OF"),
}

_WORDS = {"at": "AT", "on": "AT", "in": "IN", "and": "AND", "or": "OR"}
_SPELLINGS = {"ELEMENT": ("IN", "in"), "INFINITY": ("NAME", "inf")}


def _by_place(token: Token, ended: bool, first: bool) -> Token:
    if token.type == "NAME" and token.value in _WORDS:
        if ended or (first and token.value == "at"):
            return _retyped(token, _WORDS[token.value])
    elif token.type in ("BAR", "NORM"):
        return _retyped(token, ("R" if ended else "L") + token.type)
    elif token.type in _SPELLINGS:
        kind, value = _SPELLINGS[token.type]
        return _token(kind, value, token, token)
    elif token.type == "SUMMATION":
        return _token("NAME", "sum" if token.value == "∑" else "int", token, token)
    return token


def _with_quotients(
    statement: list[Token], declared: set[str], differentials: Alphabet
) -> list[Token]:
    """Reads `du/dx`, `d^2 u/dx^2`, `d/dx` and `D/Dt` as the signs they stand for."""
    out: list[Token] = []
    place = 0
    while place < len(statement):
        found = _quotient(statement, place, declared, differentials)
        if found is None:
            out.append(statement[place])
            place += 1
        else:
            signs, place = found
            out += signs
    return out


def _quotient(
    tokens: list[Token], place: int, declared: set[str], differentials: Alphabet
) -> tuple[list[Token], int] | None:
    """Returns the signs of a quotient of differentials at `place`, and its end."""
    head = tokens[place]
    if head.type != "NAME" or spelled(head.value) in declared:
        return None
    if head.value[0] == "D":
        return _material(tokens, place, declared)
    if head.value[0] != "d":
        return None
    signs = [_retyped(head, "PARTIAL")]
    place += 1
    if head.value == "d":
        place = _copy_order(tokens, place, signs)
        if _type(tokens, place) == "NAME":
            signs.append(tokens[place])
            place += 1
    elif spelled(head.value[1:]) in declared:
        signs.append(_token("NAME", head.value[1:], head, head))
    else:
        return None
    if _type(tokens, place) != "SLASH":
        return None
    signs.append(tokens[place])
    return _denominators(tokens, place + 1, declared, differentials, signs)


def _denominators(
    tokens: list[Token],
    place: int,
    declared: set[str],
    differentials: Alphabet,
    signs: list[Token],
) -> tuple[list[Token], int] | None:
    begin = len(signs)
    while _type(tokens, place) == "NAME" and tokens[place].value[0] == "d":
        token = tokens[place]
        if spelled(token.value) in declared:
            break
        # `dxdy` is d x d y; each piece begins with its own d.
        readings = differentials.splits(spelled(token.value))
        if len(readings) != 1:
            break
        for piece in readings[0]:
            signs.append(_retyped(token, "PARTIAL"))
            signs.append(_token("NAME", piece[1:], token, token))
        place = _copy_order(tokens, place + 1, signs)
    return (signs, place) if len(signs) > begin else None


def _material(
    tokens: list[Token], place: int, declared: set[str]
) -> tuple[list[Token], int] | None:
    """Reads `D/Dt` and `Du/Dt`."""
    head = tokens[place]
    if _type(tokens, place + 1) != "SLASH" or _type(tokens, place + 2) != "NAME":
        return None
    below = tokens[place + 2]
    name = spelled(below.value)
    if name[0] != "D" or name in declared or name[1:] not in declared:
        return None
    value = f"{head.value[1:]}/{name[1:]}"
    if head.value == "D":
        return [_token("MATERIAL", value, head, below)], place + 3
    if spelled(head.value[1:]) not in declared:
        return None
    return [_token("MATERIAL_OF", value, head, below)], place + 3


def _copy_order(tokens: list[Token], place: int, signs: list[Token]) -> int:
    if _type(tokens, place) == "SUPER":
        signs.append(tokens[place])
        return place + 1
    if _type(tokens, place) == "POW" and _type(tokens, place + 1) == "NUMBER":
        signs += tokens[place : place + 2]
        return place + 2
    return place


def _type(tokens: list[Token], place: int) -> str:
    return str(tokens[place].type) if 0 <= place < len(tokens) else ""


def _retyped(token: Token, kind: str) -> Token:
    return _token(kind, token.value, token, token)


def _token(kind: str, value: str, first: Token, last: Token) -> Token:
    """Returns a token that covers the text from `first` to `last`."""
    return Token(kind, value, start_pos=first.start_pos, end_pos=last.end_pos)
