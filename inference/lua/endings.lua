-- How a job ends, and what is told of one.

-- A reservation is kept or given back once: whoever comes second finds it settled.
local function settle(id, verdict)
  if redis.call('HSETNX', job_key(id), 'settled', verdict) == 0 or verdict == 'kept' then return end
  local reserved = redis.call('HGET', job_key(id), 'reserved')
  if not reserved then return end
  reserved = cjson.decode(reserved)
  for _, limit in ipairs(reserved.limits) do redis.call('ZREM', limit, id) end
  if tonumber(redis.call('GET', reserved.quota) or '0') > 0 then redis.call('DECR', reserved.quota) end
end

-- The execution leaves every record that RQ keeps of it.
local function end_execution(queue, id, execution, worker)
  local composite = id .. ':' .. execution
  redis.call('ZREM', started_key(queue), composite)
  redis.call('DEL', RQ .. ':execution:' .. composite)
  redis.call('ZREM', RQ .. ':executions:' .. id, execution)
  redis.call('SREM', worker_key(worker) .. ':executions', composite)
end

local REGISTRIES = { finished = 'finished', failed = 'failed', stopped = 'failed', canceled = 'canceled' }

-- The job reaches a final status of RQ's, with everything that follows from it. `fields`: name, value, ...
local function conclude(queue, id, status, now, fields)
  local key = job_key(id)
  local ttl = tonumber(redis.call('HGET', key, status == 'finished' and 'result_ttl' or 'failure_ttl')) or 604800
  redis.call('HSET', key, 'status', status, 'ended_at', iso(now), 'updated_at', text(now), unpack(fields))
  redis.call('EXPIRE', key, ttl)
  redis.call('ZADD', RQ .. ':' .. REGISTRIES[status] .. ':' .. queue, text(now + ttl), id)
  settle(id, status == 'finished' and 'kept' or 'refunded')
  if status == 'finished' then
    redis.call('RPUSH', OURS .. ':finished:' .. queue, text(now))
    redis.call('LTRIM', OURS .. ':finished:' .. queue, -RATE_SAMPLES, -1)
    redis.call('EXPIRE', OURS .. ':finished:' .. queue, RATE_WINDOW_S)
  end
  local shop, webhook_wanted, submitted_at, code = unpack(redis.call('HMGET', key, 'shop', 'webhook_wanted', 'submitted_at',
    'error_code'))
  count_job(status == 'finished' and 'completed' or 'failed', shop, status ~= 'finished' and code)
  if status == 'finished' then observe(queue, 'job', now - tonumber(submitted_at or now)) end
  if webhook_wanted then
    redis.call('ZADD', due_key(shop), text(now), id)
    if redis.call('TTL', due_key(shop)) < ttl then redis.call('EXPIRE', due_key(shop), ttl) end
  end
  changed(id)
end

local CANCELLED = { 'error_code', 'CANCELLED', 'error_message', 'This generation was cancelled.' }

-- What the API tells of a job, or nil when this shop has no such job.
local function snapshot(id, shop)
  local job = redis.call('HMGET', job_key(id), 'shop', 'status', 'submitted_at', 'updated_at', 'progress', 'result_key',
    'error_code', 'error_message', 'origin', 'warnings', 'optimisations')
  if job[1] ~= shop then return nil end
  job[9] = job[2] == 'queued' and place_in_line(job[9], id) or false
  return job
end
