-- One moment of each of some partitions. KEYS: for each the head, then a lane key for each span. ARGV: lane, start, stop
-- ('' for its end), for each span. Answers a list: {ms since 1970}, or {ms since 1970, head fields, [lane, first position,
-- records], ...}, for each.
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))

local function one(base)
    local head = redis.call('HGETALL', KEYS[base])
    if #head == 0 then
        return {now}
    end
    local answer = {now, head}
    for at = 1, #ARGV, 3 do
        local lane = redis.call('HGET', KEYS[base], 'L' .. ARGV[at])
        if lane then
            local low, high = string.match(lane, '^(%-?%d+) (%-?%d+) ')
            low, high = tonumber(low), tonumber(high)
            local start = tonumber(ARGV[at + 1])
            if start < 0 then
                start = high + start
            end
            local stop = high
            if ARGV[at + 2] ~= '' then
                stop = math.min(tonumber(ARGV[at + 2]), high)
            end
            local position = math.max(start, low)
            while position < stop do
                local fields = {}
                local first = position
                while position < stop and #fields < 1000 do
                    fields[#fields + 1] = string.format('%.0f', position)
                    position = position + 1
                end
                local key = KEYS[base + (at + 2) / 3]
                answer[#answer + 1] = {ARGV[at], fields[1], redis.call('HMGET', key, unpack(fields))}
            end
        end
    end
    return answer
end

local answers = {}
for base = 1, #KEYS, 1 + #ARGV / 3 do
    answers[#answers + 1] = one(base)
end
return answers
