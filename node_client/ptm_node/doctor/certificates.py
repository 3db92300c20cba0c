"""Whether the server's certificate is trusted; if not, which one it is, and why."""

import ssl
from base64 import b64encode
from contextlib import closing
from http.client import HTTPException, HTTPSConnection
from urllib.parse import unquote, urlsplit

from ptm_node.channel import trusted
from ptm_node.doctor.findings import Finding, failed
from ptm_node.proxies import proxy_of
from ptm_node.sections import Server

_CHECK = "certificate"
_SECONDS = 10.0


def certificate_problem(server: Server) -> Finding | None:
    """None if it is trusted, or if the server does not answer at all."""
    if urlsplit(server.url).scheme != "https":
        return None
    try:
        context = trusted(server)
    except (OSError, ssl.SSLError):
        remedy = "name a readable file with certificates in PEM as server.ca_bundle"
        what = f"{server.ca_bundle} holds no certificates that can be read"
        return failed(_CHECK, what, remedy)
    try:
        _certificate(server, context)
    except ssl.SSLCertVerificationError as error:
        return _untrusted(server, error.verify_message)
    except (OSError, HTTPException):
        return None  # the request itself will say so
    return None


def _untrusted(server: Server, reason: str) -> Finding:
    host = urlsplit(server.url).hostname
    what = f"that of {host}{_issuer(server)} is not trusted: {reason}"
    if "expired" in reason or "not yet valid" in reason:
        remedy = "set this machine's clock, or have the server's certificate renewed"
    elif "ostname" in reason or "IP address" in reason:
        remedy = "write server.url with the name that the certificate is for"
    else:
        remedy = (
            "ask your network's administrators for the certificate of that issuer,"
            " put it into a PEM file and name this as server.ca_bundle"
        )
    return failed(_CHECK, what, remedy)


def _issuer(server: Server) -> str:
    """Who signed it, taken from the certificate without believing it."""
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    try:
        shown = _certificate(server, blind)
        # Only a verified certificate is taken apart by the library: verify by itself.
        alone = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(shown))
        alone.check_hostname = False
        alone.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        with closing(_connection(server, alone)) as connection:
            parsed = connection.sock.getpeercert() or {}
    except (OSError, HTTPException):
        return ""
    names = dict(pair[0] for pair in parsed.get("issuer", ()))  # type: ignore[misc]
    name = names.get("commonName") or names.get("organizationName")
    return f", issued by {name!r}," if name else ""


def _certificate(server: Server, context: ssl.SSLContext) -> bytes:
    with closing(_connection(server, context)) as connection:
        return bytes(connection.sock.getpeercert(binary_form=True) or b"")


def _connection(server: Server, context: ssl.SSLContext) -> HTTPSConnection:
    """Through the proxy that the requests take."""
    parts = urlsplit(server.url)
    host, port = parts.hostname or "", parts.port or 443
    proxy = urlsplit(proxy_of(server.url) or "")
    if not proxy.hostname:
        connection = HTTPSConnection(host, port, timeout=_SECONDS, context=context)
    else:
        connection = HTTPSConnection(
            proxy.hostname, proxy.port or 80, timeout=_SECONDS, context=context
        )
        headers = {}
        if proxy.username:
            login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            credentials = b64encode(login.encode()).decode()
            headers["Proxy-Authorization"] = f"Basic {credentials}"
        connection.set_tunnel(host, port, headers)
    connection.connect()
    return connection
