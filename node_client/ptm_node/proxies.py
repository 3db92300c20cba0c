"""Which proxy the environment names for an address, as for every request."""

from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy


def proxy_of(url: str) -> str | None:
    return select_proxy(url, get_environ_proxies(url))


def without_password(proxy: str) -> str:
    return urlsplit(proxy).netloc.rpartition("@")[2] or "a proxy"
