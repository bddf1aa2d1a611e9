-- Take webhooks that are due; each is due again after `again`, so that a sender that dies loses none.
-- ARGV: now or '', how many, again in seconds. Returns {id, attempts, shop, status, ended_at, result_key, error_code, error_message}s.
local now, again = clock(ARGV[1]), tonumber(ARGV[3])
local due = redis.call('ZRANGEBYSCORE', OURS .. ':webhooks', '-inf', text(now), 'LIMIT', 0, tonumber(ARGV[2]))
local taken = {}
for _, id in ipairs(due) do
  local job = redis.call('HMGET', job_key(id), 'webhook_attempts', 'shop', 'status', 'updated_at', 'result_key', 'error_code',
    'error_message')
  if job[2] and REGISTRIES[job[3]] then
    redis.call('ZADD', OURS .. ':webhooks', text(now + again), id)
    table.insert(job, 1, id)
    taken[#taken + 1] = job
  else
    redis.call('ZREM', OURS .. ':webhooks', id) -- its term is over, or another RQ tool made it wait again
  end
end
return taken
