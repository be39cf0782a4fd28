"""The budget of one event loop: all models of a worker share the passes of its loop.

**The wait of a request.** A request waits in its socket until the current pass of the loop ends. It is then read, run and
answered in the next pass, or one pass later if its body has not fully arrived. The longest wait is
two to three passes. Admission keeps passes short enough for that.

**The length of a pass** is a share of the SLO, see ``runners.pass_length``. The time for which waiting rows delay a new row is
subtracted.

**Several models.** The SLO of a pass is the tightest SLO of the models that had a request within ``ACTIVE_S``: the requests of all
models wait for the same passes. A part of each pass is kept for each of these models (``runners.fair_shares``), so that a flood of
requests to one model does not refuse the requests to another. A model without requests costs nothing.

**Learned costs.** Fixed costs are learned from the length of passes, without the times that are measured directly: batches,
answers of many rows and the decoding of unusual bodies. Each model has its own cost of a request. All share the cost of a refusal,
since most refusals are written before the request is parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from runners.account import Account
from runners.clock import Loop
from runners.fair_shares import set_shares
from runners.loop_turns import LoopTurns
from runners.meter import LoopMeter
from runners.pass_length import PassLength
from runners.spare_time import SpareTime
from runners.stats import Stats

TURN_SHARE = 0.5
"""The share of the SLO after which no further batch begins in a turn of the loop."""
RATE = 0.2
"""The learning rate of costs: the weight of a full pass."""
TELLING_REQUESTS = 8
"""A pass of fewer requests never raises their cost: other work in it takes more time than they do."""
OUTLIER = 4.0
"""A pass counts as at most this many times its expected cost."""
LEAST_COST_S = 1e-6
"""No request costs less."""
FIRST_REQUEST_S = 60e-6
"""The assumed cost of a request, besides the model, before anything was measured."""
REFUSAL_SHARE = 0.3
"""The assumed cost of a refusal, as a share of a request, before anything was measured."""
TYPICAL_RATE = 0.02
"""The learning rate of the cost that is assumed for a request of a new model: the weight of one pass of one model."""
ACTIVE_S = 10.0
"""A model counts as active for this time after its last request: its SLO bounds passes, and a part of them is kept for it."""
SHARING_S = 0.05
"""The shares of models are set again after this time."""
MODELS_PER_SHARING = 32
"""If more models had requests lately, their shares are set again less often: it takes a microsecond for each of them."""
LIGHT_PASS_SHARE = 0.5
"""The share of the SLO that a pass may take for requests within the share of a light model, while another model is refused requests."""
QUOTA_STRETCH = 1.1
"""A pass may be longer by this factor for requests within the share of their model: for a model that had no request lately, and for a
number of arrivals that was not expected."""
LEAST_DIVIDED = 0.25
"""The shares of all models together are at least this share of all time."""
THREAD_SHARE = 0.5
"""The share of its length that a pass of several models may have while a batch runs in a thread, which takes half of the core."""
LISTED_LIMIT = 8
"""If more batchers may have waiting rows, those without any are dropped in each pass."""
DEMAND_S = 0.5
"""The time over which the demand of a model is averaged."""


class LoopBudget(LoopMeter):
    """The budget of the passes of one loop, for all of its models.

    Args:
        loop: the event loop, or a simulated one.
        stats: the counts of all batchers; new ones by default.
    """

    __slots__ = (
        "_accounts",
        "_active",
        "_heavy_share",
        "_light_limit_s",
        "_light_share",
        "_measured_before_s",
        "_shared_s",
        "allowance_s",
        "claimed_s",
        "decoding_s",
        "full_s",
        "is_shared",
        "kept_light_s",
        "kept_s",
        "length",
        "refusal_s",
        "request_s",
        "spare",
        "stats",
        "turns",
    )

    def __init__(self, loop: Loop, stats: Stats | None = None) -> None:
        super().__init__(loop, self._begin_pass, None)
        self.length = PassLength()
        """The length of passes, by the tightest SLO of the models that had a request lately."""
        self.turns = LoopTurns(loop)
        """Runs the batches of all models."""
        self.spare = SpareTime(loop, self.turns.is_waiting, self._count_idle)
        """The time for shadow work."""
        self.stats = stats or Stats()
        """The counts of all batchers."""
        self.claimed_s = 0.0
        """The charges of this pass, and the kept time that is not used yet."""
        self.kept_s = 0.0
        """The kept time of this pass that is not used yet; 0 if one model has requests."""
        self.kept_light_s = 0.0
        """The part of it that is kept for the models with a demand below their fair share."""
        self.allowance_s = 0.0
        """The length that this pass may have, without the time for rows that waited at its beginning."""
        self.full_s = 0.0
        """The length that this pass may have, waiting rows included."""
        self.is_shared = False
        """Whether several models had requests lately."""
        self.decoding_s = 0.0
        """The time on the loop that was measured directly in this pass, besides ``turns.measured_s``."""
        self.request_s = FIRST_REQUEST_S
        """The learned cost of a request of any model; assumed for a new model."""
        self.refusal_s = FIRST_REQUEST_S * REFUSAL_SHARE
        """The learned cost of a refused request, in seconds."""
        # The models that had a request in this pass, and those that had one lately.
        self._accounts: list[Account] = []
        self._active: dict[Account, None] = {}
        self._measured_before_s = 0.0
        # The share of a pass that is kept, and the time at which shares are set again.
        self._light_share = self._heavy_share = 0.0
        self._light_limit_s = 0.0
        self._shared_s = loop.time()

    def spare_s(self) -> float:
        """Return the seconds on the loop that no request needs now; see ``runners.spare_time``."""
        return self.spare.seconds()

    def take_spare(self, seconds: float) -> bool:
        """Return whether shadow work of some predicted seconds may run now, and charge it; see ``SpareTime.take``."""
        return self.spare.take(seconds)

    def call_when_free(self, callback: Callable[[], object], need_s: float = 0.0) -> None:
        """Call a function once, in a turn of the loop in which there is spare time; see ``SpareTime.call_when_free``."""
        self.spare.call_when_free(callback, need_s)

    def queued_rows(self) -> int:
        """Return the number of rows of all models that wait."""
        return self.turns.queued_rows()

    def join(self, account: Account) -> None:
        """Begin the pass of a model, at its first request in a turn of the loop."""
        if not account.is_active:
            self._activate(account)
        seen_s = account.seen_s
        if not self._in_pass:
            account.seen_s = inf  # it is not forgotten if its last request was long ago
            self.arrival()
        account.turn = self.turn
        account.seen_s = self.started_s
        account.first_row_s = first_row_s = account.batcher.row_s()
        account.cost_s = account.request_s + first_row_s
        account.is_priced = False
        account.n_admitted = account.n_refused = 0
        if account.n_large:
            account.settle_large()
        if account.pass_slo_s != self.length.slo_s:
            account.pass_slo_s = self.length.slo_s
            account.batcher.scale_times(min(self.length.slo_s / account.slo_s, 1.0))
        self._accounts.append(account)
        if self.is_shared:
            gained_s = account.share * (self.started_s - seen_s)
            bucket_s = account.share * self.length.slo_s + max(account.cost_s, account.wanted_s)
            account.quota_s = min(account.quota_s + gained_s, bucket_s)
            queue = account.batcher.queue
            limit_s = self._light_limit_s if account.is_light else self.full_s - self.kept_light_s
            account.own_limit_s = limit_s - (queue.backlog_s() if queue.rows else 0.0)

    def leave(self, account: Account) -> None:
        """Forget a model that gets no more requests."""
        if account.is_active:
            self._deactivate(account)
            self._set_slo()

    def _count_idle(self) -> bool:
        """Begin to count idle time, and return whether the loop is idle now."""
        self._on_idle = self.spare.begin_idle
        return self.is_idle()

    def _begin_pass(self, length_s: float) -> None:
        """Learn from the previous pass, and set the allowance of this one."""
        accounts, turns = self._accounts, self.turns
        n_admitted = n_refused = 0
        for account in accounts:
            n_admitted += account.n_admitted
            n_refused += account.n_refused
        measured_s = turns.measured_s
        if length_s > 0.0:
            self._learn(length_s, measured_s - self._measured_before_s + self.decoding_s, n_admitted, n_refused)
        elif self.spare.is_counted:
            self.spare.end_idle(self.started_s)
        self._measured_before_s = measured_s
        self.decoding_s = 0.0
        length = self.length
        surplus_s = 0.0
        if n_refused or length.is_strained:
            surplus_s = n_refused * self.refusal_s
            refused_small = n_refused - sum(account.n_refused_large for account in accounts)
            self.full_s = self.allowance_s = length.after(length_s, surplus_s, n_admitted, refused_small)
            if refused_small:
                self.spare.note_refusal(self.started_s)
        else:
            self.full_s = self.allowance_s = length.quiet_s
        if self.is_shared:
            self._share()
            self._keep_shares(length_s, surplus_s)
        else:
            self.claimed_s = 0.0
        accounts.clear()
        for batcher in turns.listed:
            if batcher.queue.rows:
                self.allowance_s -= turns.backlog_s()
                break

    def _keep_shares(self, length_s: float, surplus_s: float) -> None:
        """Keep a part of this pass for the shares of several models."""
        if self.turns.n_in_thread:
            self.full_s *= THREAD_SHARE
            self.allowance_s = self.full_s
        self._light_limit_s = max(self.length.slo_s * LIGHT_PASS_SHARE - surplus_s, QUOTA_STRETCH * self.full_s)
        # The requests of this pass arrived during the previous pass. So after a short pass few are expected, and little is kept.
        self.kept_light_s = min(self._light_share * length_s, self.full_s)
        self.kept_s = min(self.kept_light_s + self._heavy_share * length_s, self.full_s)
        self.claimed_s = self.kept_s

    def _learn(self, length_s: float, measured_s: float, n_admitted: int, n_refused: int) -> None:
        """Move all costs towards explaining the pass: normalised least mean squares (Widrow and Hoff, 1960).

        Args:
            length_s: the duration of the pass.
            measured_s: the part of it that was measured directly.
            n_admitted: the number of requests that were admitted in it.
            n_refused: the number of requests that were refused in it.
        """
        expected_s, power = 0.0, 0
        for account in self._accounts:
            expected_s += account.n_admitted * account.request_s
            power += account.n_admitted * account.n_admitted
        expected_s += n_refused * self.refusal_s
        took_s = min(max(length_s - measured_s, 0.0), OUTLIER * expected_s)
        # Other work in a pass of few requests makes it longer, never shorter: a short one shows that they cost less.
        if n_admitted + n_refused < TELLING_REQUESTS and took_s >= expected_s:
            return
        weight = RATE * min(expected_s / self.length.short_s, 1.0)
        step = weight * (took_s - expected_s) / (power + n_refused * n_refused)
        accounts = self._accounts
        # A short pass of few requests lowers costs, and no such pass raises them. So if the cost of one model is too high, it must
        # not lower the others as well: those below the mean of the pass stay.
        lowest_s = 0.0
        if len(accounts) > 1 and 0 < n_admitted + n_refused < TELLING_REQUESTS:
            lowest_s = (took_s - n_refused * self.refusal_s) / max(n_admitted, 1)
        highest_s = 0.0
        for account in accounts:
            if account.request_s >= lowest_s:
                account.request_s = max(account.request_s + step * account.n_admitted, LEAST_COST_S)
            highest_s = max(highest_s, account.request_s)
            self.request_s += TYPICAL_RATE * (account.request_s - self.request_s)
        self.refusal_s = min(max(self.refusal_s + step * n_refused, LEAST_COST_S), highest_s)

    def _activate(self, account: Account) -> None:
        account.is_active = True
        account.seen_s = account.since_s = now = self._loop.time()
        self._active[account] = None
        if account.slo_s < self.length.slo_s or len(self._active) == 1:
            self._set_slo()
        account.is_light = True
        if account.is_new:
            account.is_new = False
            account.request_s = self.request_s
        if self.is_shared:
            account.quota_s = inf  # as much as its bucket holds
        elif len(self._active) == 2:
            self.is_shared = True
            self._shared_s = now
            self._light_limit_s = QUOTA_STRETCH * self.full_s
            for model in self._active:
                model.quota_s = inf

    def _deactivate(self, account: Account) -> None:
        account.is_active = False
        account.demand = account.asked_s = account.share = account.quota_s = account.wanted_s = 0.0
        del self._active[account]
        if len(self._active) < 2:
            self.is_shared = False
            self.claimed_s -= self.kept_s
            self._light_share = self._heavy_share = self.kept_light_s = self.kept_s = 0.0
            for other in self._active:
                other.share = other.quota_s = other.wanted_s = 0.0

    def _share(self) -> None:
        """Count the demand of several models in the previous pass; set their shares again from time to time."""
        now = self.started_s
        for account in self._accounts:
            account.asked_s += (account.n_admitted + account.n_refused) * account.cost_s
        if len(self.turns.listed) > LISTED_LIMIT:
            self.turns.prune()
        passed_s = now - self._shared_s
        if passed_s < SHARING_S * max(len(self._active) / MODELS_PER_SHARING, 1.0):
            return
        self._shared_s = now
        active = self._active
        for account in [account for account in active if now - account.seen_s > ACTIVE_S]:
            self._deactivate(account)
        self._set_slo()
        if self.is_shared:
            for account in active:
                weight = min(passed_s / min(max(now - account.since_s, passed_s), DEMAND_S), 1.0)
                account.demand += weight * (account.asked_s / passed_s - account.demand)
                account.asked_s = 0.0
            # Refusals take a part of the time, which is not divided.
            total = max(1.0 - self.length.refusing, LEAST_DIVIDED)
            self._light_share, self._heavy_share = set_shares(active, self.length.long_s, total)

    def _set_slo(self) -> None:
        """Set the lengths of passes by the tightest SLO of the models that had a request lately."""
        slo_s = min((account.slo_s for account in self._active), default=self.length.slo_s)
        if slo_s != self.length.slo_s:
            self.length.set_slo(slo_s)
            self.spare.slo_s = slo_s
            self.turns.turn_s = slo_s * TURN_SHARE
