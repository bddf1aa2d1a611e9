-- The line: what waits, in the order in which it is taken.
--
-- What waits stands in three records, which hold the same jobs: RQ's list, so that any RQ tool sees them; the line, a
-- sorted set in the order in which they are taken; and of each shop a sorted set of its own part of the line.
--
-- Shares are fair by start-time fair queueing (Goyal, Vin and Cheng, 1996). The jobs of a shop have turns, one over its
-- weight apart, and the line is ordered by turns, then by arrival. So the thousand jobs of one shop have turns one after the
-- other, and a job of another comes between them. A shop that had little keeps the last few turns that it did not use:
-- shoppers come in bursts, and one of a shop that asks for less than its share goes before the flood of another.
--
-- A queue has a hash of turns for as long as anything waits: `now` (the turn that the line has come to), `arrivals`, `tail`
-- (the slot of the list's last job), and of each shop `served:` (its first free turn, but for what waits) and `weight:`.
local NUDGE = 2 ^ -24 -- of an arrival, against a turn: it orders equals
local MOST_UNUSED = 4 -- turns that a shop keeps
local function line_key(queue) return OURS .. ':line:' .. queue end
local function shop_line_key(queue, shop) return line_key(queue) .. ':' .. shop end
local function turns_key(queue) return OURS .. ':turns:' .. queue end
local function exact(number) return string.format('%.17g', number) end

-- Each job that comes rings once, and wakes one idle worker: were they to wait for the list, every job would wake all.
-- A worker that dies on its way costs a second: the others look without a ring as well.
local MOST_RINGS = 1024
local function bell_key(queue) return OURS .. ':bell:' .. queue end

-- Workers that wait for this queue's jobs -> until when they count as waiting.
local function idle_key(queue) return OURS .. ':idle:' .. queue end

local MOST_OVERTAKEN = 4 -- batches that take jobs from behind a job; then it is its turn

local function ring(queue)
  redis.call('RPUSH', bell_key(queue), '')
  redis.call('LTRIM', bell_key(queue), -MOST_RINGS, -1)
end

local function turns_of(queue, shop)
  local told = redis.call('HMGET', turns_key(queue), 'now', 'arrivals', 'tail', 'served:' .. shop, 'weight:' .. shop)
  for i = 1, 5 do told[i] = tonumber(told[i] or '0') end
  local now, arrivals, tail, served, weight = unpack(told)
  return { now = now, arrivals = arrivals, tail = tail, served = served, free = math.max(now - MOST_UNUSED, served),
    step = weight > 0 and 1 / weight or 1 }
end

local function place_at(queue, shop, id, score)
  redis.call('ZADD', line_key(queue), exact(score), id)
  redis.call('ZADD', shop_line_key(queue, shop), exact(score), id)
end

-- The list is in the order of arrival, but for what has left its middle. Each job knows its slot there: the slots of a list
-- are consecutive, so that a job's index follows from its slot, and nothing is walked to take it out.
local function first_slot(queue)
  return tonumber(redis.call('HGET', turns_key(queue), 'tail') or '0') - redis.call('LLEN', list_key(queue)) + 1
end

-- `weight`: of the shop, when it is known anew.
local function join_line(queue, id, shop, weight)
  local turns = turns_of(queue, shop)
  if weight then turns.step = 1 / weight end
  local last = redis.call('ZRANGE', shop_line_key(queue, shop), -1, -1)[1]
  local behind = last and tonumber(redis.call('HGET', job_key(last), 'turn') or '0') + turns.step or 0
  local turn = math.max(turns.free, behind)
  redis.call('RPUSH', list_key(queue), id)
  redis.call('HSET', job_key(id), 'turn', exact(turn), 'slot', turns.tail + 1)
  redis.call('HSET', turns_key(queue), 'arrivals', turns.arrivals + 1, 'tail', turns.tail + 1, 'weight:' .. shop,
    exact(1 / turns.step))
  place_at(queue, shop, id, turn + turns.arrivals * NUDGE)
  ring(queue)
end

-- To the front, and its turn is given back to its shop.
local function rejoin_at_front(queue, id)
  local shop = redis.call('HGET', job_key(id), 'shop') or ''
  local turns, first = turns_of(queue, shop), redis.call('ZRANGE', line_key(queue), 0, 0, 'WITHSCORES')[2]
  redis.call('LPUSH', list_key(queue), id)
  redis.call('HSET', job_key(id), 'slot', first_slot(queue))
  redis.call('HSET', turns_key(queue), 'tail', turns.tail, 'served:' .. shop, exact(turns.served - turns.step),
    'weight:' .. shop, exact(1 / turns.step))
  place_at(queue, shop, id, (tonumber(first) or 0) - 1)
  ring(queue)
end

-- What the list holds is the line: what was in it keeps its place, what another RQ tool has put there comes as if it came
-- now, and what was erased is dropped.
local function mend_line(queue)
  local scores, order, came = {}, {}, {}
  local old = redis.call('ZRANGE', line_key(queue), 0, -1, 'WITHSCORES')
  for i = 1, #old, 2 do scores[old[i]] = tonumber(old[i + 1]) end
  for _, id in ipairs(redis.call('LRANGE', list_key(queue), 0, -1)) do
    if redis.call('EXISTS', job_key(id)) == 1 then table.insert(scores[id] and order or came, id) end
  end
  table.sort(order, function(a, b) return scores[a] < scores[b] end)
  for _, field in ipairs(redis.call('HKEYS', turns_key(queue))) do
    local shop = string.match(field, '^weight:(.*)$')
    if shop then redis.call('DEL', shop_line_key(queue, shop)) end
  end
  redis.call('DEL', line_key(queue), list_key(queue))
  local tail = 0
  for _, id in ipairs(order) do
    if not redis.call('ZSCORE', line_key(queue), id) then -- unless the list has it twice
      tail = tail + 1
      redis.call('RPUSH', list_key(queue), id)
      redis.call('HSET', job_key(id), 'slot', tail)
      place_at(queue, redis.call('HGET', job_key(id), 'shop') or '', id, scores[id])
    end
  end
  redis.call('HSET', turns_key(queue), 'tail', tail)
  for _, id in ipairs(came) do
    if not redis.call('ZSCORE', line_key(queue), id) then
      join_line(queue, id, redis.call('HGET', job_key(id), 'shop') or '')
    end
  end
  if redis.call('EXISTS', list_key(queue)) == 0 then redis.call('DEL', turns_key(queue)) end
end

-- Whether the list and the line hold the same jobs, as far as their sizes and the list's ends tell.
local function is_line_whole(queue)
  local list, line = list_key(queue), line_key(queue)
  if redis.call('LLEN', list) ~= redis.call('ZCARD', line) then return false end
  local head, tail = redis.call('LINDEX', list, 0), redis.call('LINDEX', list, -1)
  if not head then return true end
  if not (redis.call('ZSCORE', line, head) and redis.call('ZSCORE', line, tail)) then return false end
  return tonumber(redis.call('HGET', job_key(head), 'slot') or '') == first_slot(queue)
end

-- Out of the list: at an end by popping, elsewhere by moving the job at the nearer end into the gap.
local function leave_list(queue, id, slot)
  local list = list_key(queue)
  local size, index = redis.call('LLEN', list), slot and slot - first_slot(queue) or -1
  local is_ahead = index < size / 2
  local mover = redis.call('LINDEX', list, is_ahead and 0 or -1)
  if index < 0 or redis.call('LINDEX', list, index) ~= id or redis.call('EXISTS', job_key(mover)) == 0 then
    return redis.call('LREM', list, 1, id) -- another RQ tool has changed the list; it is mended before the next claim
  end
  if mover ~= id then
    redis.call('LSET', list, index, mover)
    redis.call('HSET', job_key(mover), 'slot', slot)
  end
  redis.call(is_ahead and 'LPOP' or 'RPOP', list)
  if not is_ahead then redis.call('HINCRBY', turns_key(queue), 'tail', -1) end
end

-- The first job of a shop waits for no later turn than its shop has free, when those before it were cancelled.
local function close_gap(queue, shop)
  local first, score = unpack(redis.call('ZRANGE', shop_line_key(queue, shop), 0, 0, 'WITHSCORES'))
  if not first or redis.call('EXISTS', job_key(first)) == 0 then return end
  local turns = turns_of(queue, shop)
  local rightful = turns.free + turns.arrivals * NUDGE
  if rightful < tonumber(score) then
    redis.call('HSET', job_key(first), 'turn', exact(turns.free))
    place_at(queue, shop, first, rightful)
  end
end

local function leave_line(queue, id)
  local job = redis.call('HMGET', job_key(id), 'status', 'slot', 'shop')
  if not job[1] then return mend_line(queue) end -- erased, and with it whose it was
  local shop = job[3] or ''
  leave_list(queue, id, tonumber(job[2] or ''))
  redis.call('ZREM', line_key(queue), id)
  redis.call('ZREM', shop_line_key(queue, shop), id)
  close_gap(queue, shop)
  if redis.call('EXISTS', list_key(queue)) == 0 then redis.call('DEL', turns_key(queue)) end
end

-- Out of the line to run. `is_first`: it is at the head of its batch, and the line has come to its turn.
local function take_turn(queue, id, is_first)
  local shop, turn = unpack(redis.call('HMGET', job_key(id), 'shop', 'turn'))
  shop = shop or ''
  local turns = turns_of(queue, shop)
  redis.call('HSET', turns_key(queue), 'served:' .. shop, exact(turns.free + turns.step))
  if is_first then redis.call('HSET', turns_key(queue), 'now', exact(math.max(turns.now, tonumber(turn or '0')))) end
  leave_line(queue, id)
end

-- How many are ahead of it now, or false. A job of a shop that has had less may still come between.
local function place_in_line(queue, id) return redis.call('ZRANK', line_key(queue), id) end
