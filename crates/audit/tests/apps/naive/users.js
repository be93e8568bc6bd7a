const crypto = require('crypto');

const rows = new Map();

exports.check = (name, password) => {
  const row = rows.get(name);
  if (!row) return null;
  const hash = crypto.scryptSync(password, row.salt, 32);
  return crypto.timingSafeEqual(hash, row.hash) ? row : null;
};
