-- Take webhooks that are due; each is due again after `again`, so that a sender that dies loses none.
-- ARGV: now or '', again in seconds, then for each shop: its name, how many at most.
-- Returns {id, attempts, shop, status, ended_at, result_key, error_code, error_message}s.
local now, again = clock(ARGV[1]), tonumber(ARGV[2])
local taken = {}
for i = 3, #ARGV, 2 do
  local due = due_key(ARGV[i])
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', text(now), 'LIMIT', 0, tonumber(ARGV[i + 1]))) do
    local job = redis.call('HMGET', job_key(id), 'webhook_attempts', 'shop', 'status', 'updated_at', 'result_key',
      'error_code', 'error_message')
    if job[2] and REGISTRIES[job[3]] then
      redis.call('ZADD', due, text(now + again), id)
      table.insert(job, 1, id)
      taken[#taken + 1] = job
    else
      redis.call('ZREM', due, id) -- its term is over, or another RQ tool made it wait again
    end
  end
end
return taken
