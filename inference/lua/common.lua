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

-- What a shopper has here is noted, for as long as the longest-lived of it is kept.
local function note(shop, owner, what, now, term)
  local key = kept_key(shop, owner)
  redis.call('ZADD', key, text(now), what)
  if redis.call('TTL', key) < term then redis.call('EXPIRE', key, term) end
end

local function changed(id) redis.call('PUBLISH', OURS .. ':changed:' .. id, '') end
