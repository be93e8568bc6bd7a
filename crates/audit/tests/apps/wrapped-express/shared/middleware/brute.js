const ExpressBrute = require('express-brute');

const byUser = new ExpressBrute(new ExpressBrute.MemoryStore(), { freeRetries: 5 });

module.exports = {
  userLogin(req, res, next) {
    return byUser.getMiddleware({
      key(_req, _res, done) {
        done(`${req.ip}${req.body.username}login`);
      },
    })(req, res, next);
  },
};
