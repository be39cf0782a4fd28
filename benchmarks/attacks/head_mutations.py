"""Hostile request heads: targets that try to leave their path, methods, and headers in every spelling."""

from __future__ import annotations

import random

from benchmarks.siege.attackers.mutations import mutate_bytes
from benchmarks.siege.rows import body

PATHS = (
    *(
        "/predict",
        "/predict/batch",
        "/api/v1/predict",
        "/metrics",
        "/model",
        "/docs",
        "/docs.json",
        "/health",
        "/livez",
        "/readyz",
    ),
    *(
        "/health/deep",
        "/ping",
        "/invocations",
        "/v2",
        "/v2/health/live",
        "/v2/models/siege",
        "/v2/models/siege/infer",
        "/admin/keys",
    ),
    *("/schema.json", "/static_content/index.html", "/"),
)
TRICKS = (
    *("//predict", "///predict", "/predict//", "/predict/", "/predict/.", "/predict/..", "/predict/../metrics", "/./predict"),
    *("/%2e%2e/predict", "/predict/%2e%2e/metrics", "/predict%2fbatch", "/predict%2Fbatch", "/%70redict", "/predict%00", "/predict%0d%0aX: y"),
    *("/predict;a=b", "/predict;/../metrics", "/;/predict", "/predict?x=1", "/predict?" + "a=1&" * 300, "/predict#a", "/predict\\..\\metrics"),
    *("/PREDICT", "/Predict", "/predict.json", "/predict ", "/ predict", "http://other/predict", "http://127.0.0.1:1/predict", "https://siege/predict"),
    *("*", "", "predict", "//other/predict", "/\x00", "/predict\x00", "/predict\t", "/pr\xe9dict", "/%ff%fe", "/%c0%ae%c0%ae/metrics", "/..;/metrics"),
    *("/static_content/../../service.py", "/static_content/%2e%2e/%2e%2e/etc/passwd", "/static_content/..%2f..%2fservice.py"),
    *("/.env", "/.git/config", "/admin", "/admin/", "/admin/../metrics", "/actuator/env", "/v2/models/../../metrics", "/v2/models//infer"),
    *("/v2/models/siege/versions/1/infer", "/v2/models/%2e%2e/infer", "/v2/models/" + "a" * 3_000 + "/infer", "/" + "a" * 40_000),
)  # fmt: skip
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PRI",
    "get",
    "Post",
    "P\x00ST",
    "A" * 400,
)
NAMES = (
    *("Host", "Content-Type", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "Accept", "Accept-Encoding"),
    *("X-Request-Id", "X-Deadline-Ms", "X-API-Key", "Authorization", "X-Forwarded-For", "Forwarded", "X-Forwarded-Prefix"),
    *("Cookie", "Origin", "Access-Control-Request-Method", "traceparent", "Inference-Header-Content-Length", "Content-Encoding", "Range"),
    *("Content-Length ", " Host", "X-\x00", "X Y", "", "X-" + "a" * 3_000),
)  # fmt: skip
FIELD_VALUES = (
    *("", " ", "x", "0", "-1", "5", "+5", "5,5", "1e3", "99999999999999999999", "chunked", "gzip, chunked", "identity", "close", "keep-alive"),
    *("upgrade", "100-continue", "h2c", "application/json", "application/json; charset=utf-16", "text/html", "multipart/form-data; boundary=x"),
    *("NaN", "inf", "0.0001", "1e308", "Bearer x", "Bearer " + "A" * 2_000, "Basic eDp5", "for=_hidden;proto=http", "1.2.3.4, 5.6.7.8", "::1"),
    *("/a/b", "//evil", "https://evil.example", "*", "../..", "bytes=0-", "\x00", "a\x01b", "\xff", "a" * 9_000, "{}", "\u20ac".encode().decode("latin-1")),
    *("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", '"}{\\', "<script>", "${jndi:ldap://localhost/a}", "%0d%0aSet-Cookie: a=b"),
)  # fmt: skip


def attack_head(rng: random.Random) -> bytes:
    """Return a request whose method, target or headers are hostile; the connection ends after it."""
    method = "POST" if rng.random() < 0.6 else rng.choice(METHODS)
    target = rng.choice(TRICKS) if rng.random() < 0.5 else rng.choice(PATHS)
    content = body(rng.randrange(1_000)) if method.upper() == "POST" else b""
    lines = [
        f"{method} {target} HTTP/{rng.choices(('1.1', '1.0', '2.0', '9.9', '1.1 '), (30, 2, 1, 1, 1))[0]}",
        "Host: siege",
        *(["Content-Type: application/json", f"Content-Length: {len(content)}"] if content else []),
    ]
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 150))):
        lines.insert(
            rng.randint(1, len(lines)), f"{rng.choice(NAMES)}:{rng.choice((' ', ''))}{rng.choice(FIELD_VALUES)}"
        )
    end = rng.choices(("\r\n", "\n", "\r"), (30, 1, 1))[0]
    data = end.join([*lines, "Connection: close", "", ""]).encode("latin-1", "replace") + content
    return mutate_bytes(data, rng) if rng.random() < 0.15 else data
