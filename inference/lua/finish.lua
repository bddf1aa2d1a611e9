-- End an execution, unless its lease is lost: then another worker owns the job, and nothing is written.
-- ARGV: now or '', queue, id, execution, worker, status of RQ's, seconds it took, number of fields, name, value, ... of the job hash,
--   then name, value, ... of RQ's result record.
-- Returns the status that it got, or ''.
local now, queue, id, execution, worker, status = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local num_fields = tonumber(ARGV[8])
if not redis.call('ZSCORE', started_key(queue), id .. ':' .. execution) then return '' end

if redis.call('EXISTS', job_key(id)) == 0 then -- erased while it ran
  end_execution(queue, id, execution, worker)
  return ''
end

local fields = { unpack(ARGV, 9, 8 + num_fields) }
if redis.call('HGET', job_key(id), 'cancel') then status, fields = 'stopped', CANCELLED end

end_execution(queue, id, execution, worker)
conclude(queue, id, status, now, fields)
if status ~= 'stopped' then
  local results = RQ .. ':results:' .. id
  redis.call('XADD', results, 'MAXLEN', RQ_KEEPS, '*', unpack(ARGV, 9 + num_fields))
  redis.call('EXPIRE', results, redis.call('TTL', job_key(id)))
end
redis.call('HINCRBY', worker_key(worker), status == 'finished' and 'successful_job_count' or 'failed_job_count', 1)
redis.call('HINCRBYFLOAT', worker_key(worker), 'total_working_time', ARGV[7])
return status
