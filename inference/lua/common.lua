-- Put before every script. Times are seconds since the epoch; RQ is RQ's key prefix, OURS is ours.
-- Keys are computed, not declared: Redis Cluster is not supported.
local OURS = 'fitting-room'
local MARGIN_S = 86400 -- a started job's score in RQ's registry is its lease plus this: RQ's own clean-up,
-- which any reader of a count sets off and which refunds nothing, never comes before ours
local RATE_WINDOW_S, RATE_SAMPLES = 600, 64
local RQ_KEEPS = 10 -- results of a job, as RQ keeps

local function job_key(id) return RQ .. ':job:' .. id end
local function list_key(queue) return RQ .. ':queue:' .. queue end
local function started_key(queue) return RQ .. ':wip:' .. queue end
local function due_key(shop) return OURS .. ':webhooks:' .. shop end -- generation id -> when its webhook is due
local function worker_key(worker) return RQ .. ':worker:' .. worker end
local function stats_key(worker) return OURS .. ':worker:' .. worker end
local function kept_key(shop, owner) return OURS .. ':kept:' .. shop .. ':' .. owner end -- what is a shopper's -> since when
local function text(seconds) return string.format('%.6f', seconds) end

-- What is counted for whoever watches the service, for ever: jobs by what became of them, shop and error code; and how
-- long they waited and took, by queue, in the buckets of a histogram.
local function count_job(what, shop, code)
  redis.call('HINCRBY', OURS .. ':jobs', what .. ' ' .. (shop or '') .. ' ' .. (code or ''), 1)
end

local function seconds_key(queue) return OURS .. ':seconds:' .. queue end

local function observe(queue, what, seconds)
  local bucket = 'inf'
  for _, bound in ipairs(BUCKETS) do
    if seconds <= bound then
      bucket = tostring(bound)
      break
    end
  end
  redis.call('HINCRBY', seconds_key(queue), what .. ' ' .. bucket, 1)
  redis.call('HINCRBYFLOAT', seconds_key(queue), what .. ' sum', text(math.max(0, seconds)))
end

local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

-- Days since the epoch <-> a date of the proleptic Gregorian calendar, in UTC.
local function date_of(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  return yoe + era * 400 + (month <= 2 and 1 or 0), month, doy - math.floor((153 * mp + 2) / 5) + 1
end

local function days_of(year, month, day)
  local y = month <= 2 and year - 1 or year
  local era = math.floor(y / 400)
  local yoe = y - era * 400
  local doy = math.floor((153 * (month > 2 and month - 3 or month + 9) + 2) / 5) + day - 1
  return era * 146097 + yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + doy - 719468
end

-- As RQ writes times.
local function iso(seconds)
  local days = math.floor(seconds / 86400)
  local year, month, day = date_of(days)
  local rest = seconds - days * 86400
  local hours = math.floor(rest / 3600)
  local minutes = math.floor(rest / 60) % 60
  return string.format('%04d-%02d-%02dT%02d:%02d:%09.6fZ', year, month, day, hours, minutes, math.floor(rest % 60 * 1e6) / 1e6)
end

-- The counter of this calendar month, and the seconds until the next.
local function quota_of(shop, now)
  local year, month = date_of(math.floor(now / 86400))
  local key = string.format('%s:quota:%s:%04d-%02d', OURS, shop, year, month)
  local next_year, next_month = year, month + 1
  if next_month == 13 then next_year, next_month = year + 1, 1 end
  return key, days_of(next_year, next_month, 1) * 86400 - now
end

-- What waits is RQ's list, so that any RQ tool sees it. Beside it stands a sorted set in the same order, which tells a
-- place without walking the list.
local function line_key(queue) return OURS .. ':line:' .. queue end

-- Each job that comes rings once, and wakes one idle worker: were they to wait for the list, every job would wake all.
-- A worker that dies on its way costs a second: the others look without a ring as well.
local MOST_RINGS = 1024
local function bell_key(queue) return OURS .. ':bell:' .. queue end

-- Workers that wait for this queue's jobs -> until when they count as waiting.
local function idle_key(queue) return OURS .. ':idle:' .. queue end

local MOST_OVERTAKEN = 4 -- batches that take jobs from behind a job; then it is its turn

local function ring(queue)
  redis.call('RPUSH', bell_key(queue), '')
  redis.call('LTRIM', bell_key(queue), -MOST_RINGS, -1)
end

local function join_line(queue, id)
  local last = redis.call('ZRANGE', line_key(queue), -1, -1, 'WITHSCORES')[2]
  redis.call('RPUSH', list_key(queue), id)
  redis.call('ZADD', line_key(queue), (tonumber(last) or 0) + 1, id)
  ring(queue)
end

local function rejoin_at_front(queue, id)
  local first = redis.call('ZRANGE', line_key(queue), 0, 0, 'WITHSCORES')[2]
  redis.call('LPUSH', list_key(queue), id)
  redis.call('ZADD', line_key(queue), (tonumber(first) or 0) - 1, id)
  ring(queue)
end

local function leave_line(queue, id)
  local place = redis.call('ZRANK', line_key(queue), id)
  local is_behind = place and place > redis.call('LLEN', list_key(queue)) / 2
  redis.call('LREM', list_key(queue), is_behind and -1 or 1, id) -- walks the list from the nearer end
  redis.call('ZREM', line_key(queue), id)
end

local function line_has_all(queue)
  return redis.call('ZCARD', line_key(queue)) == redis.call('LLEN', list_key(queue))
end

-- How many are ahead, or false. Where another RQ tool has changed the list, it is walked until tidy.lua mends the set.
local function place_in_line(queue, id)
  return line_has_all(queue) and redis.call('ZRANK', line_key(queue), id) or redis.call('LPOS', list_key(queue), id)
end

-- What a shopper has here is noted, for as long as the longest-lived of it is kept.
local function note(shop, owner, what, now, term)
  local key = kept_key(shop, owner)
  redis.call('ZADD', key, text(now), what)
  if redis.call('TTL', key) < term then redis.call('EXPIRE', key, term) end
end

local function changed(id) redis.call('PUBLISH', OURS .. ':changed:' .. id, '') end

-- A reservation is kept or given back once: whoever comes second finds it settled.
local function settle(id, verdict)
  if redis.call('HSETNX', job_key(id), 'settled', verdict) == 0 or verdict == 'kept' then return end
  local reserved = redis.call('HGET', job_key(id), 'reserved')
  if not reserved then return end
  reserved = cjson.decode(reserved)
  for _, limit in ipairs(reserved.limits) do redis.call('ZREM', limit, id) end
  if tonumber(redis.call('GET', reserved.quota) or '0') > 0 then redis.call('DECR', reserved.quota) end
end

-- The execution leaves every record that RQ keeps of it.
local function end_execution(queue, id, execution, worker)
  local composite = id .. ':' .. execution
  redis.call('ZREM', started_key(queue), composite)
  redis.call('DEL', RQ .. ':execution:' .. composite)
  redis.call('ZREM', RQ .. ':executions:' .. id, execution)
  redis.call('SREM', worker_key(worker) .. ':executions', composite)
end

local REGISTRIES = { finished = 'finished', failed = 'failed', stopped = 'failed', canceled = 'canceled' }

-- The job reaches a final status of RQ's, with everything that follows from it. `fields`: name, value, ...
local function conclude(queue, id, status, now, fields)
  local key = job_key(id)
  local ttl = tonumber(redis.call('HGET', key, status == 'finished' and 'result_ttl' or 'failure_ttl')) or 604800
  redis.call('HSET', key, 'status', status, 'ended_at', iso(now), 'updated_at', text(now), unpack(fields))
  redis.call('EXPIRE', key, ttl)
  redis.call('ZADD', RQ .. ':' .. REGISTRIES[status] .. ':' .. queue, text(now + ttl), id)
  settle(id, status == 'finished' and 'kept' or 'refunded')
  if status == 'finished' then
    redis.call('RPUSH', OURS .. ':finished:' .. queue, text(now))
    redis.call('LTRIM', OURS .. ':finished:' .. queue, -RATE_SAMPLES, -1)
    redis.call('EXPIRE', OURS .. ':finished:' .. queue, RATE_WINDOW_S)
  end
  local shop, webhook_wanted, submitted_at, code = unpack(redis.call('HMGET', key, 'shop', 'webhook_wanted', 'submitted_at',
    'error_code'))
  count_job(status == 'finished' and 'completed' or 'failed', shop, status ~= 'finished' and code)
  if status == 'finished' then observe(queue, 'job', now - tonumber(submitted_at or now)) end
  if webhook_wanted then
    redis.call('ZADD', due_key(shop), text(now), id)
    if redis.call('TTL', due_key(shop)) < ttl then redis.call('EXPIRE', due_key(shop), ttl) end
  end
  changed(id)
end

local CANCELLED = { 'error_code', 'CANCELLED', 'error_message', 'This generation was cancelled.' }

-- What the API tells of a job, or nil when this shop has no such job.
local function snapshot(id, shop)
  local job = redis.call('HMGET', job_key(id), 'shop', 'status', 'submitted_at', 'updated_at', 'progress', 'result_key',
    'error_code', 'error_message', 'origin', 'warnings', 'optimisations')
  if job[1] ~= shop then return nil end
  job[9] = job[2] == 'queued' and place_in_line(job[9], id) or false
  return job
end
