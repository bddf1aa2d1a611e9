-- RQ's registries forget what is over its term, and jobs that another RQ tool ended give back what they took.
-- ARGV: now or '', queues ...
local now = clock(ARGV[1])
for q = 2, #ARGV do
  for _, registry in ipairs({ 'failed', 'canceled', 'finished' }) do
    local key = RQ .. ':' .. registry .. ':' .. ARGV[q]
    for _, id in ipairs(registry == 'finished' and {} or redis.call('ZRANGE', key, 0, -1)) do
      if redis.call('HEXISTS', job_key(id), 'reserved') == 1 then settle(id, 'refunded') end
    end
    redis.call('ZREMRANGEBYSCORE', key, 0, text(now))
  end
end
return 1
