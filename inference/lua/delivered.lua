-- How a delivery went. ARGV: now or '', id, seconds until the next attempt, or '' when there is none.
local now, id = clock(ARGV[1]), ARGV[2]
if ARGV[3] == '' or redis.call('EXISTS', job_key(id)) == 0 then return redis.call('ZREM', OURS .. ':webhooks', id) end
redis.call('HINCRBY', job_key(id), 'webhook_attempts', 1)
return redis.call('ZADD', OURS .. ':webhooks', text(now + tonumber(ARGV[3])), id)
