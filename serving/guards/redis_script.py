"""The Lua script that checks the requests of one pass of the event loop in Redis, all at once.

Redis runs a script atomically, so processes and machines that share a Redis share exact limits. The time is Redis' own: the
clocks of the machines do not matter. Semantics and numbers are those of ``serving.guards.rate_window``.

``KEYS[1]`` holds the epoch: a text that is written if it is missing, so a new epoch tells that Redis has lost its counts.
Each further key is the hash of one caller:

- ``s``: the last second in which it was used; ``o``: the second of the oldest bucket; ``n`` and ``r``: the requests and
  rows in the window,
- ``n<second>`` and ``r<second>``: the requests and rows of a bucket.

It expires when its last bucket has left the window. ``ARGV`` has for each caller: its limit of requests, its limit of rows; the
requests and rows that a process allowed without Redis and has not reported yet, and their age in seconds; the number
of its requests, and the number of rows of each.

The answer is the epoch, then five whole numbers for each request: 0 (allowed), 1 (no requests left) or 2 (too few rows left);
the requests and the rows that are left; the milliseconds until the request would be allowed, or, if it is, until more
is left; and the milliseconds until a request is left, 0 if there is one.
"""

from __future__ import annotations

from hashlib import sha1

from serving.guards.rate_policy import WINDOW_S
from serving.guards.rate_window import BUCKETS

NUMBERS_PER_CHECK = 5
ALLOWED, NO_REQUESTS_LEFT, TOO_MANY_ROWS = 0, 1, 2

SCRIPT = f"""
local time = redis.call('TIME')
local clock_s, clock_us = tonumber(time[1]), tonumber(time[2])
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = time[1] .. '.' .. time[2]
  redis.call('SET', KEYS[1], epoch)
end
local answer = {{epoch}}

-- Milliseconds until so many counts of a field have left; rounded up.
local function wait_ms(key, field, oldest, last, excess)
  local second = oldest
  while second < last do
    excess = excess - tonumber(redis.call('HGET', key, field .. second) or 0)
    if excess <= 0 then break end
    second = second + 1
  end
  return math.ceil((second + {BUCKETS} - clock_s) * 1000 - clock_us / 1000)
end

local argument = 1
for index = 2, #KEYS do
  local key = KEYS[index]
  local request_limit, row_limit = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1])
  local late_requests, late_rows = tonumber(ARGV[argument + 2]), tonumber(ARGV[argument + 3])
  local late_age, checks = tonumber(ARGV[argument + 4]), tonumber(ARGV[argument + 5])
  argument = argument + 6

  local stored = redis.call('HMGET', key, 's', 'o', 'n', 'r')
  local last, oldest = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
  local requests, rows = tonumber(stored[3] or 0), tonumber(stored[4] or 0)
  -- A clock that is set back must not bring counts back, and must not keep them: the key expires by Redis' clock.
  local second = math.max(clock_s, last)
  if requests == 0 then
    oldest = second
  end
  while oldest < second do
    local bucket = redis.call('HMGET', key, 'n' .. oldest, 'r' .. oldest)
    if bucket[1] then
      if oldest >= second - {WINDOW_S} then break end
      requests = requests - tonumber(bucket[1])
      rows = rows - tonumber(bucket[2] or 0)
      redis.call('HDEL', key, 'n' .. oldest, 'r' .. oldest)
    end
    oldest = oldest + 1
  end

  if late_requests > 0 then
    local late_second = second - late_age
    redis.call('HINCRBY', key, 'n' .. late_second, late_requests)
    redis.call('HINCRBY', key, 'r' .. late_second, late_rows)
    requests, rows = requests + late_requests, rows + late_rows
    oldest = math.min(oldest, late_second)
  end

  local new_requests, new_rows = 0, 0
  for check = 1, checks do
    local check_rows = tonumber(ARGV[argument])
    argument = argument + 1
    local status = 0
    if requests >= request_limit then
      status = 1
    else
      requests, new_requests = requests + 1, new_requests + 1
      if rows + check_rows > row_limit then
        status = 2
      else
        rows, new_rows = rows + check_rows, new_rows + check_rows
      end
    end
    local wait, blocked = 0, 0
    if status == 0 then
      wait = math.ceil((oldest + {BUCKETS} - clock_s) * 1000 - clock_us / 1000)
    else
      if requests >= request_limit then
        blocked = wait_ms(key, 'n', oldest, second, requests + 1 - request_limit)
      end
      if rows + check_rows > row_limit then
        wait = wait_ms(key, 'r', oldest, second, rows + check_rows - row_limit)
      end
      wait = math.max(wait, blocked)
    end
    answer[#answer + 1] = status
    answer[#answer + 1] = math.max(request_limit - requests, 0)
    answer[#answer + 1] = math.max(row_limit - rows, 0)
    answer[#answer + 1] = wait
    answer[#answer + 1] = blocked
  end

  if new_requests > 0 then
    redis.call('HINCRBY', key, 'n' .. second, new_requests)
  end
  if new_requests > 0 or late_requests > 0 then
    if new_rows > 0 then
      redis.call('HINCRBY', key, 'r' .. second, new_rows)
    end
    redis.call('HSET', key, 's', second, 'o', oldest, 'n', requests, 'r', rows)
    redis.call('EXPIRE', key, {BUCKETS + 1})
  elseif tonumber(stored[2] or 0) ~= oldest and last > 0 then
    redis.call('HSET', key, 'o', oldest, 'n', requests, 'r', rows)
  end
end
return answer
"""

SCRIPT_SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
"""The name under which Redis keeps the script."""
