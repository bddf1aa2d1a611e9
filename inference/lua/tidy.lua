-- RQ's registries forget what is over its term, jobs that another RQ tool ended give back what they took, and the line is
-- mended where another RQ tool has changed the list.
-- ARGV: now or '', queues ...
local now = clock(ARGV[1])

local function mend_line(queue)
  local line, waiting = line_key(queue), redis.call('LRANGE', list_key(queue), 0, -1)
  redis.call('DEL', line)
  for place, id in ipairs(waiting) do redis.call('ZADD', line, place, id) end
end

for q = 2, #ARGV do
  local next_in_list, next_in_line = redis.call('LINDEX', list_key(ARGV[q]), 0), redis.call('ZRANGE', line_key(ARGV[q]), 0, 0)[1]
  if not line_has_all(ARGV[q]) or next_in_list ~= (next_in_line or false) then mend_line(ARGV[q]) end
  for _, registry in ipairs({ 'failed', 'canceled', 'finished' }) do
    local key = RQ .. ':' .. registry .. ':' .. ARGV[q]
    for _, id in ipairs(registry == 'finished' and {} or redis.call('ZRANGE', key, 0, -1)) do
      if redis.call('HEXISTS', job_key(id), 'reserved') == 1 then settle(id, 'refunded') end
    end
    redis.call('ZREMRANGEBYSCORE', key, 0, text(now))
  end
end
return 1
