-- What visitors of a shop ask for, by wrk.
-- Arguments: the way (browse, large, counted), the cookies of a visitor, `close` for a connection each.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local function headers(more)
  local all = {
    ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    ["Accept-Encoding"] = "gzip, deflate, br, zstd",
    ["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.7",
    ["Cookie"] = cookies,
    ["Sec-Fetch-Dest"] = "document",
    ["Sec-Fetch-Mode"] = "navigate",
    ["Sec-Fetch-Site"] = "same-origin",
    ["Sec-Fetch-User"] = "?1",
    ["Upgrade-Insecure-Requests"] = "1",
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  }
  if closes then
    all["Connection"] = "close"
  end
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  return all
end

local function visit(method, path, more, body)
  return { method = method, path = path, headers = headers(more), body = body }
end

local form = { ["Content-Type"] = "application/x-www-form-urlencoded" }
local json = { ["Content-Type"] = "application/json" }

-- What a browser says of a script that the policy blocked.
local report = '{"csp-report":{"document-uri":"https://localhost/shop","referrer":"",'
  .. '"violated-directive":"script-src-elem","effective-directive":"script-src-elem",'
  .. '"original-policy":"default-src \'self\'","disposition":"enforce",'
  .. '"blocked-uri":"https://js.example.com/pay.js","status-code":200}}'

-- How often of a hundred, and what.
local function ways()
  return {
    browse = {
      { 17, visit("GET", "/shop") },
      { 1, visit("POST", "/.well-known/panoply/reports", { ["Content-Type"] = "application/csp-report" }, report) },
      { 14, visit("GET", "/") },
      { 6, visit("GET", "/cart") },
      { 14, visit("GET", "/style.css", { ["If-None-Match"] = '"v1"', ["Sec-Fetch-Dest"] = "style" }) },
      { 6, visit("GET", "/style.css", { ["Sec-Fetch-Dest"] = "style" }) },
      { 8, visit("GET", "/logo.png", { ["Accept"] = "image/avif,image/webp,*/*;q=0.8" }) },
      { 8, visit("GET", "/app.js", { ["Accept"] = "*/*" }) },
      { 8, visit("GET", "/api/items", { ["Accept"] = "application/json" }) },
      { 3, visit("GET", "/search?q=gorget&order=price&page=2") },
      { 5, visit("GET", "/chunked") },
      { 5, visit("POST", "/comment", form, "text=" .. string.rep("well+made+", 30)) },
      { 1, visit("POST", "/comment", json, '{"text":"well made"}') },
      { 1, visit("HEAD", "/shop") },
      { 1, visit("GET", "/old") },
      { 1, visit("GET", "/none") },
      { 1, visit("GET", "/64k") },
    },
    large = {
      { 60, visit("GET", "/64k") },
      { 20, visit("GET", "/1m") },
      { 15, visit("POST", "/upload", nil, string.rep("x", 64 * 1024)) },
      { 5, visit("POST", "/upload", nil, string.rep("x", 1024 * 1024)) },
    },
    counted = {
      { 35, visit("GET", "/shop") },
      { 35, visit("GET", "/api/items", { ["Accept"] = "application/json" }) },
      { 10, visit("GET", "/style.css", { ["If-None-Match"] = '"v1"' }) },
      { 9, visit("POST", "/login", form, "username=%s&password=right") },
      { 6, visit("POST", "/login", form, "username=%s&password=wrong") },
      { 3, visit("POST", "/session", json, '{"username":"%s","password":"right"}') },
      { 2, visit("POST", "/session", json, '{"username":"%s","password":"wrong"}') },
    },
  }
end

local hundred = {}
local counted

function init(args)
  counted = args[1] == "counted"
  cookies = args[2]
  closes = args[3] == "close"
  math.randomseed(number)
  for _, part in ipairs(ways()[args[1]]) do
    local times, asked = part[1], part[2]
    for _ = 1, times do
      hundred[#hundred + 1] = counted and asked
        or wrk.format(asked.method, asked.path, asked.headers, asked.body)
    end
  end
end

-- Some four thousand clients behind one proxy, a few of which ask for far more than the others.
local function client()
  if math.random(10) == 1 then
    return "198.51.100." .. math.random(8)
  end
  return "203.0." .. math.random(16) .. "." .. math.random(250)
end

function request()
  local asked = hundred[math.random(#hundred)]
  if not counted then
    return asked
  end
  local from = client()
  asked.headers["X-Forwarded-For"] = from
  local body = asked.body
  if body then
    body = body:format("user-" .. from)
  end
  return wrk.format(asked.method, asked.path, asked.headers, body)
end
