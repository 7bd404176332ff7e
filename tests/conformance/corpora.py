#!/usr/bin/env python3
"""Drives the real binary with the requests in the tests of other parsers.

    tests/conformance/corpora.py [--lictor target/debug/lictor]

`http-parser` (Node's, in the source package of httptools), `httparse` (which hyper uses) and aiohttp,
fetched from the registries and read by `peers.py`. For each request that they hold for invalid, this
tells whether it reached the app; for each valid one, whether it did. Where we differ, the reason
stands in `differences.py`; a difference without one, or a reason without a difference, fails.
"""

import json
import re
import sys

import differences
from harness import Emperor, exchange, lictor
from peers import CORPORA, Case

APP = r"""
import json
seen = []

def application(environ, start_response):
    if environ["PATH_INFO"] == "/--seen":
        told = json.dumps(seen).encode()
        seen.clear()
        start_response("200 OK", [])
        return [told]
    seen.append([environ["REQUEST_METHOD"], environ["REQUEST_URI"], None])
    seen[-1][2] = environ["wsgi.input"].read().decode("latin-1")
    start_response("200 OK", [])
    return [b"reached"]
"""
# Their authors, too, refuse what has no host.
KNOW_HOSTS = ("aiohttp",)
ASK = b"GET /--seen HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def with_host(request: bytes) -> bytes:
    """Most have no host, without which all of HTTP/1.1 is refused; then that would be why."""
    if b"\nhost" in request.lower():
        return request
    return re.sub(rb"( HTTP/1\.[1-9]\r?\n)", rb"\1Host: added\r\n", request, count=1)


def judge(address: tuple[str, int], corpus: str, case: Case) -> tuple[bool, str]:
    """What came of one request, and whether it is what its corpus expects."""
    answer = exchange(address, case.request if corpus in KNOW_HOSTS else with_host(case.request))
    seen = json.loads(exchange(address, ASK).partition(b"\r\n\r\n")[2])
    whole = [request for request in seen if request[2] is not None]
    status = answer[9:12].decode() if answer else "closed"
    reached = f"reached the app as {json.dumps(whole)[:100]}" if whole else "did not reach the app"
    told = f"{status}, {reached}: {case.request[:160]!r}"
    if not case.is_valid:
        return not whole, told
    return bool(whole) and (case.method or whole[0][0]) == whole[0][0], told


def run(address: tuple[str, int], corpus: str, cases: list[Case]) -> list[str]:
    """Tells a corpus, and what in it is not explained."""
    explained, wrong, counts = dict(differences.BY_CORPUS[corpus]), [], {True: [0, 0], False: [0, 0]}
    for case in cases:
        is_same, told = judge(address, corpus, case)
        counts[case.is_valid][is_same] += 1
        reason = explained.pop(case.name, None)
        if is_same and reason:
            wrong.append(f"{corpus}: `{case.name}` differs no more: {reason}")
        elif not is_same and not reason:
            kind = "valid" if case.is_valid else "invalid"
            wrong.append(f"{corpus}: {kind} `{case.name}`: {told}")
        elif not is_same:
            print(f"{corpus}: `{case.name}` differs: {told[:60]}\n    because {reason}")
    wrong += [f"{corpus}: `{name}` is explained, but there is no such request" for name in explained]
    for is_valid, (different, same) in counts.items():
        kind = "valid" if is_valid else "invalid"
        print(f"{corpus}: {same} of {same + different} {kind} ones as it expects, {different} otherwise")
    return wrong


def main() -> None:
    binary = lictor()
    with Emperor(binary) as emperor:
        emperor.add("recorder", 'module = "app:application"\nhttp = "127.0.0.1:0"', APP)
        fetched = {name: read() for name, (read, _) in CORPORA.items()}
        address = emperor.address("recorder", emperor.ready())
        wrong = []
        for name, cases in fetched.items():
            if len(cases) < CORPORA[name][1]:
                wrong.append(f"{name}: only {len(cases)} requests were found in it")
            wrong += run(address, name, cases)
    if wrong:
        sys.exit("not explained:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
