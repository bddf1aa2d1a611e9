-- A worker is alive: renew its registration and the leases of what it runs, and write how far it is.
-- ARGV: now or '', worker, lease in seconds, seconds a silent worker stays registered, what it counts as JSON,
--   then for each job that runs: queue, id, execution, progress or ''
-- Returns whether the worker is still registered, the name of the last erasure or '', then for each job 'held', 'cancel'
--   (held, and to be stopped) or 'lost'.
local now, worker, lease, ttl = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local registered = redis.call('EXISTS', worker_key(worker))
redis.call('HSET', worker_key(worker), 'last_heartbeat', iso(now))
redis.call('EXPIRE', worker_key(worker), ttl)
redis.call('EXPIRE', worker_key(worker) .. ':executions', MARGIN_S)
redis.call('ZADD', OURS .. ':ready', text(now + lease), worker)
redis.call('HSET', stats_key(worker), 'stats', ARGV[5], 'updated_at', text(now))
redis.call('EXPIRE', stats_key(worker), ttl)

local verdicts = { tostring(registered), redis.call('GET', OURS .. ':erased') or '' }
for i = 6, #ARGV, 4 do
  local queue, id, execution, progress = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local composite = id .. ':' .. execution
  if not redis.call('ZSCORE', started_key(queue), composite) or redis.call('EXISTS', job_key(id)) == 0 then
    verdicts[#verdicts + 1] = 'lost'
  else
    redis.call('ZADD', started_key(queue), text(now + lease + MARGIN_S), composite)
    redis.call('HSET', RQ .. ':execution:' .. composite, 'last_heartbeat', text(now))
    redis.call('HSET', job_key(id), 'last_heartbeat', iso(now))
    if progress ~= '' then
      redis.call('HSET', job_key(id), 'progress', progress, 'updated_at', text(now))
      changed(id)
    end
    verdicts[#verdicts + 1] = redis.call('HGET', job_key(id), 'cancel') and 'cancel' or 'held'
  end
end
return verdicts
