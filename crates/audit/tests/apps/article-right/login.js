const { RateLimiterRedis } = require('rate-limiter-flexible');
const users = require('./users');

exports.login = (redis) => {
  const slow = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: 'login_fail_ip_day',
    points: 100,
    duration: 60 * 60 * 24,
    blockDuration: 60 * 60 * 24,
  });
  const pair = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: 'login_fail_username_ip',
    points: 10,
    duration: 60 * 60 * 24 * 90,
    blockDuration: 60 * 60,
  });

  return async (req, res) => {
    const key = `${req.body.username}_${req.ip}`;
    try {
      await pair.consume(key);
      await slow.consume(req.ip);
    } catch (refused) {
      if (refused instanceof Error) throw refused;
      res.set('Retry-After', String(Math.ceil(refused.msBeforeNext / 1000)));
      return res.status(429).send('Too Many Requests');
    }
    const user = await users.check(req.body.username, req.body.password);
    if (!user) return res.status(401).send('wrong name or password');
    await pair.delete(key);
    req.session.regenerate(() => {
      req.session.userId = user.id;
      res.redirect('/'); // ok redirect/open
    });
  };
};
