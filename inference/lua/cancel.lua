-- A waiting job ends here; a running one is marked, and its worker told. ARGV: now or '', id, shop.
local now, id, shop = clock(ARGV[1]), ARGV[2], ARGV[3]
local job = redis.call('HMGET', job_key(id), 'shop', 'status', 'origin', 'worker_name')
if job[1] ~= shop then return nil end
if job[2] == 'queued' then
  leave_line(job[3], id)
  conclude(job[3], id, 'canceled', now, CANCELLED)
elseif job[2] == 'started' then
  redis.call('HSET', job_key(id), 'cancel', '1') -- durable: a worker that misses the message below reads it
  redis.call('PUBLISH', RQ .. ':pubsub:' .. job[4], cjson.encode({ command = 'stop-job', job_id = id }))
end
return snapshot(id, shop)
