-- RQ's registries forget what is over its term, jobs that another RQ tool ended give back what they took, and the line is
-- mended where another RQ tool has changed the list.
-- ARGV: now or '', queues ...
local now = clock(ARGV[1])
local AT_A_TIME = 200 -- jobs that one pass looks at, of each kind: over their term, newest, and the others in turn

local function settle_all(ids, step)
  for i = 1, #ids, step or 1 do
    if redis.call('HEXISTS', job_key(ids[i]), 'reserved') == 1 then settle(ids[i], 'refunded') end
  end
end

-- Those over their term leave no sooner than they have been looked at.
local function drop_old(registry)
  local old = redis.call('ZRANGEBYSCORE', registry, 0, text(now), 'LIMIT', 0, AT_A_TIME)
  settle_all(old)
  for _, id in ipairs(old) do redis.call('ZREM', registry, id) end
end

local function look_at_some(registry)
  settle_all(redis.call('ZREVRANGE', registry, 0, AT_A_TIME - 1))
  if redis.call('ZCARD', registry) <= AT_A_TIME then return end
  local place = OURS .. ':tidied:' .. registry
  local next_place, found = unpack(redis.call('ZSCAN', registry, redis.call('GET', place) or '0', 'COUNT', AT_A_TIME))
  redis.call('SET', place, next_place, 'EX', MARGIN_S)
  settle_all(found, 2) -- every second one is a score
end

for q = 2, #ARGV do
  if not is_line_whole(ARGV[q]) then mend_line(ARGV[q]) end
  for _, registry in ipairs({ 'failed', 'canceled' }) do
    drop_old(RQ .. ':' .. registry .. ':' .. ARGV[q])
    look_at_some(RQ .. ':' .. registry .. ':' .. ARGV[q])
  end
  redis.call('ZREMRANGEBYSCORE', RQ .. ':finished:' .. ARGV[q], 0, text(now))
end
return 1
