-- One generation: replayed, refused, or reserved, written and queued.
-- ARGV: now or '', id, queue, shop, cap of the queue, retention in seconds, terms as JSON
--   {idempotency?: {key, digest}, limits: [{identity, maximum, window_s}], quota, owner?, weight, leaves_room}, then the
--   job hash: name, value, ...
-- Returns {id, refusal or '', seconds until it is worth asking again}.
local now, id, queue, shop = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local cap, retention, terms = tonumber(ARGV[5]), tonumber(ARGV[6]), cjson.decode(ARGV[7])

local function refuse(why, seconds) return { '', why, math.max(1, math.ceil(seconds)) } end

-- Seconds in which a tenth of a full queue is worked off, at the rate of the last ten minutes.
local function seconds_until_room()
  local recent = {}
  for _, time in ipairs(redis.call('LRANGE', OURS .. ':finished:' .. queue, 0, -1)) do
    if now - tonumber(time) < RATE_WINDOW_S then recent[#recent + 1] = tonumber(time) end
  end
  if #recent < 2 then return 30 end
  local per_second = #recent / math.max(1, now - recent[1])
  return math.min(RATE_WINDOW_S, math.max(1, cap / 10) / per_second)
end

local replay = terms.idempotency and OURS .. ':idempotency:' .. terms.idempotency.key
if replay then
  local before = redis.call('HMGET', replay, 'digest', 'id')
  if before[1] == terms.idempotency.digest then return { before[2], '', 0 } end
  if before[1] then return refuse('IDEMPOTENCY_CONFLICT', 0) end
end

if redis.call('EXISTS', job_key(id)) == 1 then return { id, '', 0 } end -- whoever asked missed the answer, and asks again

redis.call('SETRANGE', job_key(id), 0, '') -- changes nothing; but a Redis that is full refuses it, and later would not

-- One of several shops may fill the queue up to so many times the room that it leaves (Choudhury and Hahne, 1998).
local MOST_OF_ROOM = 4
local room = cap - redis.call('LLEN', list_key(queue))
local is_flooding = terms.leaves_room and redis.call('ZCARD', shop_line_key(queue, shop)) >= MOST_OF_ROOM * room
if room <= 0 or is_flooding then return refuse('QUEUE_FULL', seconds_until_room()) end

local limits, wait = {}, 0
for i, limit in ipairs(terms.limits) do
  local key = OURS .. ':limit:' .. shop .. ':' .. limit.identity
  limits[i] = key
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - limit.window_s))
  local over = redis.call('ZCARD', key) - limit.maximum
  if over >= 0 then
    local leaves = redis.call('ZRANGE', key, over, over, 'WITHSCORES')[2]
    wait = math.max(wait, leaves and leaves + limit.window_s - now or limit.window_s)
  end
end
if wait > 0 then return refuse('RATE_LIMIT', wait) end

local quota, month_left = quota_of(shop, now)
if tonumber(redis.call('GET', quota) or '0') >= terms.quota then return refuse('QUOTA', month_left) end

for i, limit in ipairs(terms.limits) do
  redis.call('ZADD', limits[i], text(now), id)
  redis.call('EXPIRE', limits[i], limit.window_s)
end
redis.call('INCR', quota)
redis.call('EXPIRE', quota, math.ceil(month_left) + retention)
if replay then
  redis.call('HSET', replay, 'digest', terms.idempotency.digest, 'id', id)
  redis.call('EXPIRE', replay, retention)
end
local reserved = '{"limits":' .. (#limits > 0 and cjson.encode(limits) or '[]') .. ',"quota":' .. cjson.encode(quota) .. '}'
redis.call('HSET', job_key(id), unpack(ARGV, 8))
local moment = iso(now)
redis.call('HSET', job_key(id), 'status', 'queued', 'created_at', moment, 'enqueued_at', moment, 'submitted_at',
  text(now), 'updated_at', text(now), 'reserved', reserved)
if replay then redis.call('HSET', job_key(id), 'idempotency', replay) end
if terms.owner then note(shop, terms.owner, id, now, retention) end
redis.call('SADD', RQ .. ':queues', list_key(queue))
join_line(queue, id, shop, terms.weight)
count_job('accepted', shop)
return { id, '', 0 }
