var crypto = require('crypto');

var rows = {};

exports.authenticate = function(email, password, done) {
  var row = rows[email];
  if (!row) return done(null, null);
  crypto.scrypt(password, row.salt, 32, function(err, hash) {
    if (err) return done(err);
    done(null, crypto.timingSafeEqual(hash, row.hash) ? row : null);
  });
};
