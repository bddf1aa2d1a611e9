-- How a delivery went. ARGV: now or '', shop, id, seconds until the next attempt, or '' when there is none.
local now, due, id = clock(ARGV[1]), due_key(ARGV[2]), ARGV[3]
if ARGV[4] == '' or redis.call('EXISTS', job_key(id)) == 0 then return redis.call('ZREM', due, id) end
redis.call('HINCRBY', job_key(id), 'webhook_attempts', 1)
return redis.call('ZADD', due, text(now + tonumber(ARGV[4])), id)
