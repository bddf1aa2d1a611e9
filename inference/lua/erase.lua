-- A generation leaves every record, whatever state it is in. One that waits or runs gives back what it took; of one that has
-- ended the counts stay, under a name that says nothing.
-- ARGV: now or '', id, shop, a random word, the key of its picture, for how many seconds a worker might still store that.
-- Returns {whether it had ended, its request as JSON}, or nil when this shop has no such job.
local now, id, shop, word = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local key = job_key(id)
local job = redis.call('HMGET', key, 'shop', 'status', 'origin', 'worker_name', 'request', 'reserved', 'idempotency',
  'last_heartbeat')
if job[1] ~= shop then return nil end
local status, queue, worker = job[2], job[3], job[4] or ''
local has_ended = status ~= 'queued' and status ~= 'started'

if status == 'queued' then leave_line(queue, id) end
if status == 'started' then
  for _, execution in ipairs(redis.call('ZRANGE', RQ .. ':executions:' .. id, 0, -1)) do
    end_execution(queue, id, execution, worker)
  end
  redis.call('PUBLISH', RQ .. ':pubsub:' .. worker, cjson.encode({ command = 'stop-job', job_id = id }))
end
-- A worker that had it once may be about to store its picture: whoever purges deletes that until then.
if not has_ended and (job[8] or '') ~= '' then
  redis.call('ZADD', OURS .. ':unwanted', text(now + tonumber(ARGV[6])), ARGV[5])
end

settle(id, 'refunded')
if not has_ended then count_job('failed', shop, 'ERASED') end
for _, limit in ipairs(job[6] and cjson.decode(job[6]).limits or {}) do
  local taken_at = redis.call('ZSCORE', limit, id)
  if taken_at then
    redis.call('ZADD', limit, taken_at, word) -- first: a set that was empty in between would live for ever
    redis.call('ZREM', limit, id)
  end
end

if job[7] and redis.call('HGET', job[7], 'id') == id then redis.call('DEL', job[7]) end
for _, registry in ipairs({ 'finished', 'failed', 'canceled', 'deferred', 'scheduled' }) do
  redis.call('ZREM', RQ .. ':' .. registry .. ':' .. queue, id)
end
redis.call('ZREM', due_key(shop), id)
redis.call('DEL', key, key .. ':dependents', RQ .. ':results:' .. id, RQ .. ':executions:' .. id)
changed(id)
return { has_ended and 1 or 0, job[5] or '' }
