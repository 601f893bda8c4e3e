"""Ask the Materials Project through its own client, mp-api, and name what goes wrong.

The client retries by sleeping as long as a server asks it to, keeps nothing of a search that fails
half-way, and says in one exception what may be a bad key, a bad query or a dead server. So it is
given its own patience here, is asked for one page at a time, and its errors are told apart.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from matscreen.api_keys import ApiKey
from matscreen.errors import InputError, MissingDependencyError, SourceError

if TYPE_CHECKING:
    import requests

ENDPOINT_VARIABLE: Final = "MP_API_ENDPOINT"
"""Environment variable that names another address of the API."""

DEFAULT_ENDPOINT: Final = "https://api.materialsproject.org/"

SIDES: Final = ("thermo", "dielectric", "piezoelectric")
"""Endpoints beside the summaries."""

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_STATUS = re.compile(r"status code (\d{3})")


@dataclass(frozen=True)
class Patience:
    """How long to insist on an answer.

    Attributes:
        retries: Repeated attempts of one request.
        first_wait: Scale of the growing waits between them, s.
        longest_wait: Longest single wait, s, also where the server asks for more.
        timeout: Longest silence of the server within a request, s.
    """

    retries: int = 5
    first_wait: float = 0.5
    longest_wait: float = 60.0
    timeout: float = 60.0


class TroubleError(SourceError):
    """The server did not answer usefully; it may later, or to a smaller question."""


def endpoint() -> str:
    """Return the address of the API: that of `MP_API_ENDPOINT`, or the public one.

    Raises:
        InputError: It is no https address, or holds a user or a password; plain http would show
            the key to the network, and is taken for this machine only.
    """
    given = os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT
    try:
        parts = urlsplit(given)
    except ValueError:
        parts = urlsplit("")
    if parts.username or parts.password:
        raise InputError(
            f"the address of {parts.hostname} in {ENDPOINT_VARIABLE} holds a user or a password, "
            "which would be stored with every query; leave it out"
        )
    local = parts.hostname in _LOCAL
    if not parts.hostname or parts.scheme not in ({"http", "https"} if local else {"https"}):
        raise InputError(f"{ENDPOINT_VARIABLE} is {given!r}; it must be an https address")
    return given.rstrip("/") + "/"


@dataclass
class Client:
    """Answers the few questions that the source asks.

    Attributes:
        key: The user's key.
        endpoint: Address of the API, with a slash at its end.
        patience: How long to insist.
        sleep: Called with seconds to wait.
    """

    key: ApiKey
    endpoint: str = DEFAULT_ENDPOINT
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    _rester: Any = None

    def database_version(self) -> str:
        """Return the version of the database, such as `2025.09.25`."""
        return str(self._open().db_version)

    def count(self, criteria: Mapping[str, Any]) -> int:
        """Return how many documents meet the criteria of `_query`.

        Raises:
            InputError: The key or the query is refused.
            TroubleError: No usable answer.
        """
        found = self._ask("summary", lambda summary: summary.count(dict(criteria)))
        if not isinstance(found, int):
            raise TroubleError("the Materials Project does not say how many documents there are")
        return found

    def summaries(
        self, search: Mapping[str, Any], fields: Sequence[str], *, page: int, size: int
    ) -> list[Any]:
        """Return one page of summary documents, in the order of their identifiers.

        Args:
            search: Keywords of `materials.summary.search`.
            fields: Fields to return.
            page: Number of the page, from 1.
            size: Documents a page.

        Raises:
            InputError: The key or the query is refused.
            TroubleError: No usable answer.
        """
        return self._documents(
            "summary",
            lambda summary: summary.search(
                **search,
                fields=list(fields),
                all_fields=False,
                chunk_size=size,
                num_chunks=1,
                _page=page,
                _sort_fields="material_id",
            ),
        )

    def side_data(self, name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Any]:
        """Return the documents of some materials at another endpoint.

        Args:
            name: One of `SIDES`.
            ids: Material ids.
            fields: Fields to return.

        Raises:
            InputError: The key or the query is refused.
            TroubleError: No usable answer.
        """
        return self._documents(
            name,
            lambda route: route.search(
                material_ids=list(ids), fields=list(fields), all_fields=False, chunk_size=1000
            ),
        )

    def _documents(self, route: str, question: Callable[[Any], Any]) -> list[Any]:
        answer = self._ask(route, question)
        if not isinstance(answer, list):
            raise TroubleError(f"the Materials Project answers {route} with no list of documents")
        return answer

    def _ask(self, route: str, question: Callable[[Any], Any]) -> Any:
        """Ask, once more where the answer was no JSON; the session repeats failed requests."""
        import requests
        from mp_api.client.core.exceptions import MPRestError

        resting = getattr(self._open().materials, route)
        for attempt in (1, 2):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return question(resting)
            except MPRestError as error:
                raise self._told(route, str(error)) from None
            except requests.RequestException as error:
                trouble = f"{type(error).__name__}: {error}"
                raise TroubleError(self._line(f"{route} gave no answer: {trouble}")) from None
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if attempt == 2:
                    raise TroubleError(
                        self._line(f"{route} answers with what is no document: {error}")
                    ) from None
                self.sleep(self.patience.first_wait)
        raise TroubleError(f"{route} was not asked")

    def _told(self, route: str, message: str) -> SourceError | InputError:
        """Tell a refused key, a refused query and a failing server apart."""
        found = _STATUS.search(message)
        status = int(found.group(1)) if found else None
        if status in {401, 403}:
            return InputError(
                f"the Materials Project refuses the key from {self.key.found_in} (status {status})"
            )
        if "does not support the request" in message or status in {400, 404, 405, 422}:
            return InputError(self._line(f"{route} refuses the query: {message}"))
        return TroubleError(self._line(f"{route}: {message}"))

    def _line(self, text: str) -> str:
        return self.key.hide("the Materials Project: " + " ".join(text.split()))[:400]

    def _open(self) -> Any:
        """Start the client of the Materials Project, after a heartbeat of the server."""
        if self._rester is not None:
            return self._rester
        try:
            from mp_api.client import MPRester
        except ImportError:
            raise MissingDependencyError("mp-api", "mp") from None
        self._heartbeat()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._rester = MPRester(
                self.key.value,
                endpoint=self.endpoint,
                use_document_model=False,
                session=_session(self.key, self.patience),
                mute_progress_bars=True,
            )
        for route in ("summary", *SIDES):
            _tune(getattr(self._rester.materials, route)._obj, self.patience)  # noqa: SLF001
        return self._rester

    def _heartbeat(self) -> None:
        # The client itself would wait for this answer for ever. No key goes along.
        import requests

        try:
            answer = requests.get(self.endpoint + "heartbeat", timeout=self.patience.timeout)
            beat = answer.json()
        except (requests.RequestException, ValueError) as error:
            trouble = f"{type(error).__name__}: {error}"
            raise TroubleError(
                self._line(f"{self.endpoint} cannot be reached ({trouble})")
            ) from None
        wanted = {"version", "db_version", "access_controlled_batch_ids"}
        if not isinstance(beat, dict) or not wanted <= beat.keys():
            raise TroubleError(
                self._line(f"{self.endpoint} has no heartbeat (status {answer.status_code})")
            )


def _tune(route: Any, patience: Patience) -> None:
    """Lend an endpoint of the client our patience, and save it its slowest step."""
    from types import SimpleNamespace

    # Its own limit is 20 s, too short for a busy day.
    route.timeout = patience.timeout
    # It derives the JSON schema of all documents anew for every field of every request: 90 ms
    # each, ten times as long as the request itself. The documents stay plain mappings.
    model = route.document_model
    route.document_model = SimpleNamespace(
        __name__=model.__name__, model_json_schema=cache(model.model_json_schema)
    )


def _session(key: ApiKey, patience: Patience) -> requests.Session:
    """Return a session with bounded retries that never takes the key to another host."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    class Session(requests.Session):
        def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
            super().rebuild_auth(prepared_request, response)
            if self.should_strip_auth(response.request.url, prepared_request.url):
                prepared_request.headers.pop("x-api-key", None)

    session = Session()
    retry = Retry(
        total=patience.retries,
        status_forcelist=(429, 500, 502, 503, 504),
        backoff_factor=patience.first_wait,
        backoff_max=patience.longest_wait,
        backoff_jitter=patience.first_wait,
        retry_after_max=int(patience.longest_wait),
        raise_on_status=False,
    )
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.headers["x-api-key"] = key.value
    return session
