"""Bodies by WSGI, either way: a posted one, a streamed one, a file."""

from functools import partial
from pathlib import Path

from harness.client import load_by_wrk
from harness.throughput import Work, ahead_of_all

POST = Path(__file__).resolve().parent.parent / "harness" / "post.lua"


def run(bench):
    post = partial(load_by_wrk, script=POST)
    ahead_of_all(bench, "echo", "Ten kilobytes posted and given back.", Work("echo", load=post))
    ahead_of_all(bench, "stream", "One MiB in sixteen pieces.", Work("stream"))
    ahead_of_all(bench, "file", "A file of 100 KB by `wsgi.file_wrapper`.", Work("file"))
