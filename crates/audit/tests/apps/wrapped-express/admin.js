const express = require('./shared/express');
const shared = { middleware: require('./shared/middleware') };

module.exports = function setup() {
  const admin = express('admin');
  const router = express.Router('admin routes');
  router.post('/session', shared.middleware.brute.userLogin, login); // ok auth/no-rate-limit auth/limiter-ip-only
  router.post('/login', login); // !! auth/no-rate-limit
  admin.use(router);
  return admin;
};

async function login(req, res) {
  const answer = await fetch(process.env.IDENTITY, { method: 'POST', body: JSON.stringify({ user: req.body.username, password: req.body.password }) });
  res.sendStatus(answer.ok ? 204 : 401);
}
