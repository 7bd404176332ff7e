#!/usr/bin/env python3
"""Scans `https` with sslyze, and holds what it finds against what docs/tls.md says.

    tests/conformance/tls_scan.py [--lictor target/debug/lictor]

Two certificates on one address, one with an ECDSA key and one with an RSA key, each scanned under its
name. Resumption is looked at by Python's own client: sslyze believes only in tickets that stay the
same, and ours are new with each connection, as RFC 8446 appendix C.4 asks.
"""

import json
import pathlib
import socket
import ssl
import subprocess

from harness import ANSWER_SECONDS, Emperor, Verdicts, lictor, virtualenv

SSLYZE = ["sslyze==6.3.1"]
SCANS = ("sslv2", "sslv3", "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3", "compression", "reneg", "fallback", "heartbleed",
         "openssl_ccs", "robot", "early_data", "elliptic_curves", "ems", "certinfo")
KEYS = {"a.test": ("ec", "ec_paramgen_curve:prime256v1"), "b.test": ("rsa", "rsa_keygen_bits:2048")}
SUITES = {f"TLS_ECDHE_{{}}_WITH_{cipher}" for cipher in (
    "AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256")}
SUITES_13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
# What sslyze says of each subject, and what it has to be.
EXPECTED = {
    "tls_compression": {"supports_compression": False},
    "session_renegotiation": {"supports_secure_renegotiation": True, "is_vulnerable_to_client_renegotiation_dos": False,
                              "client_renegotiations_success_count": 0},
    "tls_fallback_scsv": {"supports_fallback_scsv": True},
    "heartbleed": {"is_vulnerable_to_heartbleed": False},
    "openssl_ccs_injection": {"is_vulnerable_to_ccs_injection": False},
    "robot": {"robot_result": "NOT_VULNERABLE_RSA_NOT_SUPPORTED"},
    "tls_1_3_early_data": {"supports_early_data": False},
    "tls_extended_master_secret": {"supports_ems_extension": True},
}
CURVES = {"X25519", "secp256r1", "secp384r1"}
APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


def make_certificate(place: pathlib.Path, name: str) -> None:
    kind, option = KEYS[name]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", kind, "-pkeyopt", option, "-nodes", "-days", "30", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}", "-keyout", place / f"{name}.key", "-out", place / f"{name}.pem"],
        check=True, capture_output=True,
    )


def scan(place: pathlib.Path, address: tuple[str, int], name: str) -> dict:
    """What sslyze found under one name, by subject."""
    told = place / f"{name}.json"
    command = [virtualenv(SSLYZE) / "bin" / "python", "-W", "ignore", "-m", "sslyze", f"{address[0]}:{address[1]}",
               "--sni", name, f"--json_out={told}", "--mozilla_config=disable", "--quiet"]
    done = subprocess.run([*command, *(f"--{subject}" for subject in SCANS)], capture_output=True, text=True)
    results = json.loads(told.read_text())["server_scan_results"] if told.exists() else []
    if not results or not results[0]["scan_result"]:
        raise SystemExit(f"sslyze could not scan:\n{done.stdout}{done.stderr}")
    return results[0]["scan_result"]


def found(scanned: dict, subject: str) -> dict:
    entry = scanned[subject]
    return entry["result"] if entry["status"] == "COMPLETED" else {"not completed": entry["error_trace"]}


def accepted(scanned: dict, version: str) -> set[str]:
    return {one["cipher_suite"]["name"] for one in found(scanned, f"{version}_cipher_suites")["accepted_cipher_suites"]}


def judge(scanned: dict, name: str, verdicts: Verdicts) -> None:
    key = {"ec": "ECDSA", "rsa": "RSA"}[KEYS[name][0]]
    for version in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"):
        verdicts.check(not accepted(scanned, version), f"{name}: {version}: {accepted(scanned, version)}")
    suites = accepted(scanned, "tls_1_2")
    verdicts.check(suites == {suite.format(key) for suite in SUITES}, f"{name}: TLS 1.2 has {suites}")
    verdicts.check(accepted(scanned, "tls_1_3") == SUITES_13, f"{name}: TLS 1.3 has {accepted(scanned, 'tls_1_3')}")
    for subject, wanted in EXPECTED.items():
        verdicts.check(found(scanned, subject) == wanted, f"{name}: {subject}: {found(scanned, subject)}")
    curves = {curve["name"] for curve in found(scanned, "elliptic_curves")["supported_curves"]}
    verdicts.check(curves == CURVES, f"{name}: curves {curves}")
    shown = found(scanned, "certificate_info")["certificate_deployments"]
    names = {one["received_certificate_chain"][0]["subject"]["rfc4514_string"] for one in shown}
    verdicts.check(names == {f"CN={name}"}, f"{name}: certificates of {names}")


def handshake(address: tuple[str, int], context: ssl.SSLContext, name: str | None, session: ssl.SSLSession | None,
              ) -> tuple[bool, ssl.SSLSession | None, dict]:
    """One request; whether the session was resumed, the session, and the peer's certificate."""
    with socket.create_connection(address, ANSWER_SECONDS) as plain:
        with context.wrap_socket(plain, server_hostname=name, session=session) as secured:
            secured.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while secured.recv(4096):
                pass
            return bool(secured.session_reused), secured.session, secured.getpeercert() or {}


def context_for(place: pathlib.Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for name in KEYS:
        context.load_verify_locations(place / f"{name}.pem")
    context.minimum_version = context.maximum_version = version
    return context


def resumption(place: pathlib.Path, address: tuple[str, int], verdicts: Verdicts) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for name in KEYS:
            context = context_for(place, version)
            was_resumed, session, _ = handshake(address, context, name, None)
            verdicts.check(not was_resumed, f"{version.name} {name}: resumed from nothing")
            for again in range(20):
                # Whichever worker it meets, and with the ticket that the last one gave.
                was_resumed, session, _ = handshake(address, context, name, session)
                verdicts.check(was_resumed, f"{version.name} {name}: not resumed the {again + 1}. time")


def names(place: pathlib.Path, address: tuple[str, int], verdicts: Verdicts) -> None:
    """Which certificate is shown to whom."""
    context = context_for(place, ssl.TLSVersion.TLSv1_3)
    context.check_hostname = False
    for asked, shown in (("a.test", "a.test"), ("b.test", "b.test"), ("B.TEST", "b.test"), (None, "a.test"),
                         ("c.test", "a.test")):
        _, _, certificate = handshake(address, context, asked, None)
        got = dict(certificate["subjectAltName"])["DNS"]
        verdicts.check(got == shown, f"who asks for {asked} is shown {got}")


def main() -> None:
    verdicts = Verdicts()
    with Emperor(lictor()) as emperor:
        place = emperor.directory
        for name in KEYS:
            make_certificate(place, name)
        entries = ", ".join(f'"127.0.0.1:0,{place}/{name}.pem,{place}/{name}.key"' for name in KEYS)
        emperor.add("site", f'module = "app:application"\nprocesses = 2\nhttps = [{entries}]', APP)
        address = emperor.address("site", emperor.ready())
        for name in KEYS:
            judge(scan(place, address, name), name, verdicts)
        resumption(place, address, verdicts)
        names(place, address, verdicts)
        if verdicts.wrong:
            print(emperor.log_text()[-2000:])
    verdicts.end("tls", 120)


if __name__ == "__main__":
    main()
