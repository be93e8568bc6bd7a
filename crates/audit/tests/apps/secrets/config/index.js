module.exports = {
  port: process.env.PORT || 3000,
  redis: process.env.REDIS_URL || 'redis://localhost:6379', // ok secrets/hardcoded
  cookieName: 'sid', // ok secrets/hardcoded
  sessionSecret: 'a4f8e1c09b7d', // !! secrets/hardcoded
  jwtKey: process.env.JWT_KEY,
};
