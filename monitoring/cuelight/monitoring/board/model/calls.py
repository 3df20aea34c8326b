"""A call to copy, in three languages, with rows that the model takes. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pprint import pformat
from typing import Any
from urllib.parse import quote

JSON = "application/json"
_TOKEN = "CUELIGHT_ACCESS_TOKEN"  # noqa: S105  the variable by which our own clients take it too


@dataclass(frozen=True)
class Call:
    """One language's way to ask for a prediction."""

    language: str
    text: str


def text(body: Mapping[str, Any]) -> str:
    """A body for people: indented, with each row on one line."""
    inner = {key: _rows(value) for key, value in body.items()}
    return "{" + ",\n ".join(f"{json.dumps(key)}: {value}" for key, value in inner.items()) + "}"


def calls(address: str, model: str, body: Mapping[str, Any], asks_for_token: bool) -> list[Call]:
    """How to ask for Production's prediction of `body` at the gateway's `address` (without a / at its end)."""
    url = f"{address}/models/{quote(model, safe='')}/invocations"
    headers = {"Content-Type": JSON}
    return [
        Call("curl", _curl(url, headers, body, asks_for_token)),
        Call("Python", _python(url, body, asks_for_token)),
        Call("JavaScript", _javascript(url, headers, body, asks_for_token)),
    ]


def _curl(url: str, headers: Mapping[str, str], body: Mapping[str, Any], asks_for_token: bool) -> str:
    lines = [f"curl {shlex.quote(url)}"]
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    lines += [f'-H "Authorization: Bearer ${_TOKEN}"'] if asks_for_token else []
    return " \\\n  ".join([*lines, f"-d {shlex.quote(json.dumps(body))}"])


def _python(url: str, body: Mapping[str, Any], asks_for_token: bool) -> str:
    bearer = f'f"Bearer {{os.environ[{_TOKEN!r}]}}"'
    token = f'    headers={{"Authorization": {bearer}}},\n' if asks_for_token else ""
    rows = pformat(dict(body), width=96, compact=True, sort_dicts=False).replace("\n", "\n    ")
    return (
        f"{'import os' + chr(10) * 2 if asks_for_token else ''}import requests\n\n"
        f"answer = requests.post(\n    {json.dumps(url)},\n{token}    json={rows},\n    timeout=10,\n)\n"
        'answer.raise_for_status()\nprint(answer.json()["predictions"])'
    )


def _javascript(url: str, headers: Mapping[str, str], body: Mapping[str, Any], asks_for_token: bool) -> str:
    given = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in headers.items()]
    given += [f'"Authorization": `Bearer ${{process.env.{_TOKEN}}}`'] if asks_for_token else []
    return (
        f"const answer = await fetch({json.dumps(url)}, {{\n"
        f'  method: "POST",\n  headers: {{ {", ".join(given)} }},\n'
        f"  body: JSON.stringify({json.dumps(body)}),\n}});\n"
        "if (!answer.ok) throw new Error(await answer.text());\nconsole.log((await answer.json()).predictions);"
    )


def _rows(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        inner = ",\n  ".join(f"{json.dumps(key)}: {json.dumps(each)}" for key, each in value.items())
        return "{\n  " + inner + "}"
    return json.dumps(value)
